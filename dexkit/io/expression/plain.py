"""Read plain expression tables: gene x sample, or the two-column form without a header."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain, islice

import numpy as np

from dexkit.errors import FormatError, InputError
from dexkit.io.expression.rows import Row, Rows, check_row
from dexkit.io.expression.table import (
    UNSTATED,
    ExpressionTable,
    is_missing,
    looks_numeric,
    parse_value,
)

_ID_HEADERS = frozenset(
    {"", "gene", "genes", "gene_id", "geneid", "id", "ensembl_gene_id", "ensembl_id", "feature_id"}
)
NAME_HEADERS = frozenset(
    {"gene_name", "genename", "gene_symbol", "genesymbol", "symbol", "name", "hgnc_symbol"}
    | {"external_gene_name", "description"}
)
"""How tables head a column of gene names, in lower case."""

#: Rows that decide what the columns are; the others are read one at a time.
_N_HEAD_ROWS = 1000


def read_plain(rows: Rows, sample: str | None, measure: str | None) -> ExpressionTable:
    """Read a table with a header, or one of two columns without.

    Parameters
    ----------
    rows : Rows
        The file.
    sample : str or None
        Name for the values of a file without a header; not used otherwise.
    measure : str or None
        What the user says the values are.

    Returns
    -------
    ExpressionTable
        See :func:`dexkit.io.expression.read_expression` for what is understood.

    Raises
    ------
    InputError
        When the file has no header and ``sample`` is not given.
    FormatError
        When a row has the wrong number of columns, a value is negative, infinite or no number,
        a column name repeats, or there is no gene or no sample in it.
    """
    where = rows.path
    first_line, first = rows.first
    is_data = len(first) > 1 and all(is_missing(f) or looks_numeric(f) for f in first[1:])
    if is_data and first[0].strip("#").lower() not in _ID_HEADERS | NAME_HEADERS:
        if len(first) != 2:
            raise FormatError(
                f"the first line holds values, not names, in {len(first)} columns; expected a "
                "header (only a table of two columns may do without)",
                where,
                first_line,
            )
        if sample is None:
            raise InputError(
                f"{where}: the table has no header; say which sample its values are with "
                "--expression SAMPLE=FILE"
            )
        samples, has_names, head = [sample], False, [rows.first]
    else:
        head = list(islice(rows.rest, _N_HEAD_ROWS))
        if not head:
            raise FormatError("the table has a header and no genes; expected rows", where)
        # R names no column of identifiers; rows that are too long below one have a field too many.
        named = first[0].strip("#").lower() in (_ID_HEADERS | NAME_HEADERS) - {""}
        if not named and all(len(fields) == len(first) + 1 for _number, fields in head):
            first = ["", *first]
        has_names = len(first) > 2 and is_name_column(first[1], [f[1] for _n, f in head if f[1:]])
        samples = first[1 + has_names :]
        check_samples(samples, where, first_line)

    ids: list[str] = []
    names: list[str] = []
    values = array("d")
    for number, fields in chain[Row](head, rows.rest):
        check_row(fields, 1 + has_names + len(samples), where, number)
        ids.append(fields[0])
        if has_names:
            names.append(fields[1])
        values.extend(
            parse_value(field, samples[j], fields[0], where, number)
            for j, field in enumerate(fields[1 + has_names :])
        )
    return ExpressionTable(
        ids,
        names if has_names else None,
        samples,
        np.array(values, dtype=np.float64).reshape(len(ids), len(samples)),
        where,
        measure=measure or UNSTATED,
    )


def is_name_column(header: str, fields: Sequence[str]) -> bool:
    """Decide by its header or its content whether a column holds gene names.

    Parameters
    ----------
    header : str
        Name of the column.
    fields : sequence of str
        Its first fields.

    Returns
    -------
    bool
        Whether the header says so, or no field is a number and not all are missing.
    """
    if header.lower() in NAME_HEADERS:
        return True
    given = [field for field in fields if not is_missing(field)]
    return bool(given) and not any(looks_numeric(field) for field in given)


def check_samples(samples: Sequence[str], where: str, number: int) -> None:
    """Raise FormatError when there is no sample, one without a name, or a name occurs twice."""
    if not samples:
        raise FormatError("the header names no sample; expected one column a sample", where, number)
    if "" in samples:
        raise FormatError(
            f"column {samples.index('') + 1} of the values has no name; expected a sample name",
            where,
            number,
        )
    repeated = next((s for i, s in enumerate(samples) if s in samples[:i]), None)
    if repeated is not None:
        raise FormatError(f"column {repeated!r} occurs twice; expected it once", where, number)
