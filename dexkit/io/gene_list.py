"""Read a list of genes: symbols or identifiers, one a line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError
from dexkit.genome import GeneTable
from dexkit.io.expression.match import strip_version
from dexkit.io.text import read_lines

_WHAT = "gene list (a symbol or an identifier a line)"


@dataclass(frozen=True)
class GeneList:
    """A list of genes, looked up in a table.

    Parameters
    ----------
    rows : ndarray of shape (n,), dtype intp
        Rows of the genes, ascending, each once.
    n_names : int
        Different names in the list.
    unknown : tuple of str
        Names that are no gene of the table, in the order of the list.
    """

    rows: npt.NDArray[np.intp]
    n_names: int
    unknown: tuple[str, ...]


def read_gene_list(path: Path, genes: GeneTable) -> GeneList:
    """Read a list of genes and look them up.

    Parameters
    ----------
    path : Path
        Text, plain or gzip: the first tab-separated column of each line is the name; empty lines
        and lines that start with ``#`` are passed over.
    genes : GeneTable
        Where the names are looked up: as identifier, as identifier without version, as symbol, in
        this order. A symbol of several genes stands for all of them.

    Returns
    -------
    GeneList
        The genes, and the names that are none.

    Raises
    ------
    InputError
        When the file cannot be read, or none of its names is a gene of the table.
    FormatError
        When it is not text.
    """
    names: dict[str, None] = {}
    for _, line in read_lines(path, _WHAT):
        name = line.split("\t", 1)[0].strip()
        if name and not name.startswith("#"):
            names[name] = None
    tables = [
        _rows_by_name(genes.gene_id),
        _rows_by_name(strip_version(gene_id) for gene_id in genes.gene_id),
        _rows_by_name(genes.gene_name),
    ]
    rows: set[int] = set()
    unknown = []
    for name in names:
        # An identifier of another version is the same gene.
        found = tables[0].get(name) or tables[1].get(strip_version(name)) or tables[2].get(name)
        rows.update(found or ())
        if not found:
            unknown.append(name)
    if not rows:
        got = f"{len(names)} names, such as {unknown[0]!r}" if names else "no name"
        example = f"{genes.gene_id[0]!r} or {genes.gene_name[0]!r}" if len(genes) else "a gene"
        raise InputError(
            f"{path} names no gene of the feature file; got {got}, expected names such as {example}"
        )
    return GeneList(np.array(sorted(rows), dtype=np.intp), len(names), tuple(unknown))


def _rows_by_name(names: Iterable[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        found.setdefault(str(name), []).append(row)
    return found
