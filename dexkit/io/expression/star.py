"""Read the gene counts of STAR (``--quantMode GeneCounts``)."""

from __future__ import annotations

from array import array
from itertools import chain

import numpy as np

from dexkit.errors import FormatError
from dexkit.io.expression.rows import Row, Rows, check_row
from dexkit.io.expression.table import ExpressionTable, parse_value

STAR_COLUMNS = ("unstranded", "forward", "reverse")
"""Columns 2 to 4 of ReadsPerGene.out.tab: reads of either strand; reads whose first mate lies on
the strand of the gene (htseq-count ``-s yes``); on the other strand (``-s reverse``)."""

_SUMMARY = ("N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous")
#: Share of one strand among the reads of both from which a library is called stranded; choice of
#: this project: half is expected of an unstranded one, nine tenths and more of a stranded one.
_STRANDED_SHARE = 0.8


def is_star(rows: Rows) -> bool:
    """Whether the first row is the first summary line of ReadsPerGene.out.tab."""
    return rows.first[1][0] == _SUMMARY[0]


def read_star(rows: Rows) -> ExpressionTable:
    """Read counts by strandedness; the unstranded column is the default.

    Parameters
    ----------
    rows : Rows
        The file: no header, four columns, the lines ``N_unmapped`` to ``N_ambiguous`` first.

    Returns
    -------
    ExpressionTable
        Columns ``unstranded``, ``forward`` and ``reverse``. ``notes`` gives their sums, so that a
        stranded library is noticed.

    Raises
    ------
    FormatError
        When a row has not four columns, a summary line is missing, or a value is bad.
    """
    where = rows.path
    ids: list[str] = []
    values = array("d")
    summary: list[str] = []
    for number, fields in chain[Row]([rows.first], rows.rest):
        check_row(fields, 1 + len(STAR_COLUMNS), where, number)
        counts = [
            parse_value(field, column, fields[0], where, number)
            for column, field in zip(STAR_COLUMNS, fields[1:], strict=True)
        ]
        if fields[0] in _SUMMARY:
            summary.append(fields[0])
        else:
            ids.append(fields[0])
            values.extend(counts)
    missing = next((name for name in _SUMMARY if summary.count(name) != 1), None)
    if missing is not None:
        raise FormatError(
            f"the line {missing} occurs {summary.count(missing)} times; expected each of "
            f"{', '.join(_SUMMARY)} once in ReadsPerGene.out.tab",
            where,
        )
    if not ids:
        raise FormatError("the table has its summary and no genes; expected rows", where)
    table = np.array(values, dtype=np.float64).reshape(len(ids), len(STAR_COLUMNS))
    return ExpressionTable(
        ids,
        None,
        list(STAR_COLUMNS),
        table,
        where,
        format="STAR ReadsPerGene",
        measure="counts",
        default=0,
        notes=(_strands([float(s) for s in np.nansum(table, axis=0)]),),
    )


def _strands(sums: list[float]) -> str:
    listed = ", ".join(f"{name} {n:,.0f}" for name, n in zip(STAR_COLUMNS, sums, strict=True))
    text = f"reads in genes by column: {listed}"
    _either, forward, reverse = sums
    both = forward + reverse
    side, most = max(("forward", forward), ("reverse", reverse), key=lambda pair: pair[1])
    if both and most / both >= _STRANDED_SHARE:
        text += f"; the library looks stranded ({most / both:.0%} {side})"
    return f"{text}; unstranded is taken unless the expression column says otherwise"
