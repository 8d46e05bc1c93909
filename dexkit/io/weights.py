"""Read the weight of each gene in the loss of a training."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError
from dexkit.io.text import input_file, read_lines

#: The header, where there is one.
_HEADER = ("gene_id", "weight")
#: Names of the classes, by label.
CLASSES = ("low", "high")


@dataclass(frozen=True)
class GeneWeights:
    """Weights of genes by gene id.

    Parameters
    ----------
    path : str
        The table, as it was named.
    sha256 : str
        Of its bytes.
    values : dict of str to float
        Above 0.
    """

    path: str
    sha256: str
    values: dict[str, float]

    def of(self, gene_ids: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
        """Return the weights of genes, shape (n_genes,), NaN for one that is not listed."""
        return np.array([self.values.get(str(gene), math.nan) for gene in gene_ids])


def read_weights(path: str | os.PathLike[str]) -> GeneWeights:
    """Read a table of weights.

    Parameters
    ----------
    path : path-like
        Tab-separated, plain or gzip: gene id, weight. A header ``gene_id``, ``weight`` and lines
        that start with ``#`` are passed over.

    Returns
    -------
    GeneWeights
        The weights.

    Raises
    ------
    InputError
        When the file cannot be read.
    FormatError
        When a line has not two columns, a gene is listed twice, a weight is no number above 0, or
        there is none at all.
    """
    digest = hashlib.sha256()
    where, values = str(path), dict[str, float]()
    input_file(path, "table of gene weights")
    for number, line in read_lines(path, "table of gene weights", observe=digest.update):
        fields = line.split("\t")
        if not line.strip() or line.startswith("#") or (not values and tuple(fields) == _HEADER):
            continue
        if len(fields) != 2:
            raise FormatError(
                f"the line has {len(fields)} columns; expected gene id and weight, separated by a "
                "tab",
                where,
                number,
            )
        gene, text = fields
        if gene in values:
            raise FormatError(f"gene {gene} is listed twice; give one weight", where, number)
        try:
            weight = float(text)
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight > 0):
            raise FormatError(
                f"weight {text!r} of gene {gene} is no number above 0; leave genes out with a "
                "split file instead",
                where,
                number,
            )
        values[gene] = weight
    if not values:
        raise FormatError("the table has no weight; expected one line a gene", where)
    return GeneWeights(where, digest.hexdigest(), values)


def describe_weights(facts: Mapping[str, Any]) -> str:
    """Return the facts of weights, as ``metrics.json`` has them, in one phrase."""
    phrases = []
    if genes := facts.get("genes"):
        phrases.append(f"genes {genes['lowest']:g} to {genes['highest']:g} ({genes['file']})")
    if classes := facts.get("classes"):
        each = ", ".join(f"{name} {classes[name]:.4g}" for name in CLASSES)
        phrases.append(f"classes {each}")
    return "; ".join(phrases)
