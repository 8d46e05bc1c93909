"""Read expression tables: gene x sample, or the two-column form without a header."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError, InputError, did_you_mean
from dexkit.io.text import read_lines

_MISSING = frozenset({"", ".", "na", "nan", "n/a", "null", "none"})
_ID_HEADERS = frozenset(
    {"", "gene", "genes", "gene_id", "geneid", "id", "ensembl_gene_id", "ensembl_id", "feature_id"}
)
_NAME_HEADERS = frozenset(
    {"gene_name", "genename", "gene_symbol", "genesymbol", "symbol", "name", "hgnc_symbol"}
    | {"external_gene_name", "description"}
)
# float() also takes underscores, "infinity" and non-ASCII digits; a table must not.
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class ExpressionTable:
    """Expression values as they are in the file.

    Parameters
    ----------
    ids : list of str
        First column, one a row; repeats are kept.
    names : list of str or None
        The gene-name column, when the file has one.
    samples : list of str
        Column names.
    values : ndarray of shape (n_rows, n_samples), dtype float64
        Non-negative, in the units of the file; NaN where the file has none (NA, NaN, ``.``,
        empty).
    path : str
        The file.
    """

    ids: list[str]
    names: list[str] | None
    samples: list[str]
    values: npt.NDArray[np.float64]
    path: str

    def column(self, sample: str, column: str | None = None) -> int:
        """Return which column holds the values of a sample.

        Parameters
        ----------
        sample : str
            Sample name; its column bears the same name, or is the only one.
        column : str, optional
            Column name given by the user; it must exist then.

        Returns
        -------
        int
            Index into ``samples``.

        Raises
        ------
        InputError
            When there is no such column.
        """
        wanted = sample if column is None else column
        if wanted in self.samples:
            return self.samples.index(wanted)
        if column is None and len(self.samples) == 1:
            return 0
        raise InputError(
            f"{self.path}: no expression column {wanted!r}"
            f"{f' for sample {sample!r}' if column is not None else ''}; "
            f"{did_you_mean(wanted, self.samples)}"
        )


def read_expression(path: str | os.PathLike[str], sample: str | None = None) -> ExpressionTable:
    """Read an expression table, plain or gzip.

    Columns are separated by tabs, else commas, else blanks, whichever the first line has. Leading
    lines that start with ``#`` are comments. A table has a header, a first column of gene
    identifiers, optionally a second column of gene names (known by its header, or by holding no
    number), and one column a sample. A header that lacks the name of the first column, as R
    writes it, is understood. A file of two columns may do without a header.

    Parameters
    ----------
    path : str or path-like
        The table.
    sample : str, optional
        Name for the values of a file without a header; not used otherwise.

    Returns
    -------
    ExpressionTable
        Values in the units of the file.

    Raises
    ------
    InputError
        When the file cannot be opened, or has no header and ``sample`` is not given.
    FormatError
        When a row has the wrong number of columns, a value is negative, infinite or no number,
        a column name repeats, or there is no gene or no sample in it.
    """
    where = str(path)
    rows = _read_rows(path)
    first_line, first = rows[0]
    is_data = len(first) > 1 and all(_is_value(field) for field in first[1:])
    if is_data and first[0].strip("#").lower() not in _ID_HEADERS | _NAME_HEADERS:
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
        samples, has_names, body = [sample], False, rows
    else:
        body = rows[1:]
        if not body:
            raise FormatError("the table has a header and no genes; expected rows", where)
        if all(len(fields) == len(first) + 1 for _number, fields in body):
            first = ["", *first]
        has_names = len(first) > 2 and _is_name_column(first[1], [r[1:2] for _n, r in body])
        samples = first[1 + has_names :]
        _check_samples(samples, where, first_line)
    width = 1 + has_names + len(samples)
    values = np.empty((len(body), len(samples)), dtype=np.float64)
    for i, (number, fields) in enumerate(body):
        if len(fields) != width:
            raise FormatError(
                f"the row has {len(fields)} columns; expected {width} as in the first line",
                where,
                number,
            )
        if not fields[0]:
            raise FormatError("the gene identifier is empty; expected one", where, number)
        for j, field in enumerate(fields[1 + has_names :]):
            values[i, j] = _parse_value(field, samples[j], fields[0], where, number)
    names = [fields[1] for _number, fields in body] if has_names else None
    return ExpressionTable([fields[0] for _n, fields in body], names, samples, values, where)


def _read_rows(path: str | os.PathLike[str]) -> list[tuple[int, list[str]]]:
    """Split the lines into fields; blank lines and leading comments are passed over."""
    rows: list[tuple[int, list[str]]] = []
    delimiter: str | None = None
    for number, line in read_lines(path, "gene-expression table"):
        if not line.strip() or (not rows and line.startswith("#")):
            continue
        if not rows:
            delimiter = "\t" if "\t" in line else "," if "," in line else None
        if delimiter is None:
            fields = line.split()
        elif '"' in line:
            fields = next(csv.reader([line], delimiter=delimiter))
        else:
            fields = line.split(delimiter)
        rows.append((number, [field.strip().strip('"') for field in fields]))
    if not rows:
        raise FormatError("the table holds no rows; expected a header and genes", str(path))
    return rows


def _is_value(field: str) -> bool:
    return field.lower() in _MISSING or _looks_numeric(field)


def _is_name_column(header: str, fields: Sequence[Sequence[str]]) -> bool:
    """Decide whether the second of three or more columns holds gene names."""
    if header.lower() in _NAME_HEADERS:
        return True
    given = [f[0] for f in fields if f and f[0].lower() not in _MISSING]
    return bool(given) and not any(_looks_numeric(field) for field in given)


def _looks_numeric(field: str) -> bool:
    return _NUMBER.fullmatch(field) is not None or field.lower().lstrip("+-") in ("inf", "infinity")


def _check_samples(samples: list[str], where: str, number: int) -> None:
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


def _parse_value(field: str, sample: str, gene: str, where: str, number: int) -> float:
    if _NUMBER.fullmatch(field):
        value = float(field)
        if math.isfinite(value) and value >= 0:
            return value
    elif field.lower() in _MISSING:
        return math.nan
    else:
        value = math.inf if field.lower().lstrip("+-") in ("inf", "infinity") else math.nan
    if math.isinf(value):
        problem = "is infinite"
    elif value < 0:
        problem = "is negative"
    else:
        problem = "is no number"
    raise FormatError(
        f"value {field!r} of gene {gene!r}, column {sample!r}, {problem}; expected a count, TPM or "
        "RPKM >= 0, or NA (undo a logarithm first)",
        where,
        number,
    )
