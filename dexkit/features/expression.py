"""Plan the expression arrays of a feature file, and say what was matched and what was not."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError
from dexkit.features.config import BuildConfig
from dexkit.features.schema import expression_path
from dexkit.genome import GeneTable
from dexkit.hooks import ArrayPlan
from dexkit.io.expression import (
    ExpressionTable,
    MatchedExpression,
    match_expression,
    read_expression,
)
from dexkit.io.samples import check_sample_name

logger = logging.getLogger("dexkit")

#: Samples that the line about an expression table names before it counts the others.
_MOST_NAMED = 6


def expression_plans(
    config: BuildConfig,
    genes: GeneTable,
    gene_of_transcript: Mapping[str, str] | None = None,
) -> tuple[list[ArrayPlan], dict[str, int]]:
    """Read every expression file once and plan ``value`` and ``raw`` of each sample.

    Parameters
    ----------
    config : BuildConfig
        Its sources of expression, their measure, and the pseudocount.
    genes : GeneTable
        Genes of the feature file, in its order.
    gene_of_transcript : mapping of str to str, optional
        Gene id by transcript id, for files whose rows are transcripts.

    Returns
    -------
    tuple of (list of ArrayPlan, dict of str to int)
        The arrays, and the number of measured genes by sample. What was matched, summed, left out
        and taken once is logged.

    Raises
    ------
    InputError
        When a file cannot be used, no gene is matched, or a sample has expression twice.
    """
    plans: list[ArrayPlan] = []
    measured: dict[str, int] = {}
    read: dict[Path, tuple[ExpressionTable, MatchedExpression]] = {}
    samples_of: dict[Path, list[str]] = {}
    for source in config.expression:
        if source.path not in read:
            found = read_expression(source.path, source.sample, config.measure, gene_of_transcript)
            read[source.path] = found, match_expression(genes, found)
        table, matched = read[source.path]
        if source.sample is None:
            chosen = table.columns()
        else:
            chosen = {source.sample: table.column(source.sample, source.column)}
        for sample, column in chosen.items():
            check_sample_name(sample)
            if sample in measured:
                raise InputError(
                    f"sample {sample!r} has expression twice, the second time in {source.path}; "
                    "give each sample once"
                )
            label = f"{sample} (column {table.samples[column]})"
            named = table.default is not None and len(table.samples) > 1
            samples_of.setdefault(source.path, []).append(label if named else sample)
            raw = matched.values[:, column]
            measured[sample] = int(np.isfinite(raw).sum())
            plans += expression_arrays(sample, raw, config.pseudocount, _origin(table, matched))
    for path, samples in samples_of.items():
        _say_what_was_matched(path, samples, len(genes), *read[path])
    return plans, measured


def expression_arrays(
    sample: str,
    raw: npt.NDArray[np.float64],
    pseudocount: float,
    origin: Mapping[str, Any],
) -> list[ArrayPlan]:
    """Plan the two arrays of one sample whose values are already there.

    Parameters
    ----------
    sample : str
        Its name.
    raw : ndarray of shape (n_genes,), dtype float64
        Values in the unit of the file; NaN where not measured.
    pseudocount : float
        Added before log10.
    origin : mapping
        Attributes of ``raw``: ``source`` (name of the file), ``measure``, ``matched_by`` …

    Returns
    -------
    list of ArrayPlan
        ``raw`` and ``value``, float32.
    """
    value = np.log10(raw + pseudocount)
    common = {"source": origin["source"], "pseudocount": pseudocount}
    return [
        _given(expression_path(sample, "raw"), raw, {**common, **origin}),
        _given(expression_path(sample), value, {**common, "unit": "log10(raw+pseudocount)"}),
    ]


def _origin(table: ExpressionTable, matched: MatchedExpression) -> dict[str, Any]:
    origin: dict[str, Any] = {
        "source": Path(table.path).name,
        "source_format": table.format,
        "measure": table.measure,
        "matched_by": matched.matched_by,
    }
    # HDF5 cannot tell an empty list of strings from one of numbers.
    return origin | ({"ambiguous": matched.ambiguous} if matched.ambiguous else {})


def _given(path: str, values: npt.NDArray[np.float64], attrs: dict[str, Any]) -> ArrayPlan:
    """Plan an array whose values are already there."""

    def fill(out: npt.NDArray[Any], start: int) -> None:
        out[...] = values[start : start + len(out)]

    return ArrayPlan(path, values.shape, "float32", fill, attrs)


def _say_what_was_matched(
    path: Path,
    samples: Sequence[str],
    n_genes: int,
    table: ExpressionTable,
    matched: MatchedExpression,
) -> None:
    for note in table.notes:
        logger.info("%s: %s", path.name, note)
    named = ", ".join(samples[:_MOST_NAMED])
    if len(samples) > _MOST_NAMED:
        named += f" and {len(samples) - _MOST_NAMED:,} more"
    what = "" if table.format == "table" else f" ({table.format}, {table.measure})"
    logger.info(
        "%s%s, expression of %s: %s of %s kept genes matched by %s; %s rows belong to no kept "
        "gene, %s names are ambiguous and were left out",
        path.name,
        what,
        named,
        f"{matched.n_matched:,}",
        f"{n_genes:,}",
        matched.matched_by,
        f"{len(matched.unmatched_rows):,}",
        f"{len(matched.ambiguous):,}",
    )
    for note in matched.notes():
        logger.info("%s: %s", path.name, note)
