"""Split the lines of an expression file into fields, one row at a time."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass

from dexkit.errors import FormatError
from dexkit.io.text import read_lines

Row = tuple[int, list[str]]
"""1-based line number and fields."""


@dataclass(frozen=True)
class Rows:
    """The rows of a file, the first of them already read.

    Parameters
    ----------
    path : str
        The file.
    comments : list of str
        Leading lines that start with ``#``.
    first : Row
        First row: a header in most files.
    rest : iterator of Row
        The other rows; blank lines are passed over. It can be run through once.
    """

    path: str
    comments: list[str]
    first: Row
    rest: Iterator[Row]

    def checked(self, width: int) -> Iterator[Row]:
        """Yield the other rows; all must have ``width`` fields and an identifier in the first.

        Raises
        ------
        FormatError
            When one has not, or there is none.
        """
        n = 0
        for number, fields in self.rest:
            check_row(fields, width, self.path, number)
            n += 1
            yield number, fields
        if not n:
            raise FormatError("the table has a header and no genes; expected rows", self.path)


def check_row(fields: list[str], width: int, path: str, number: int) -> None:
    """Raise FormatError unless a row has ``width`` fields and an identifier in the first."""
    if len(fields) != width:
        raise FormatError(
            f"the row has {len(fields)} columns; expected {width} as in the first line",
            path,
            number,
        )
    if not fields[0]:
        raise FormatError("the gene identifier is empty; expected one", path, number)


def open_rows(path: str | os.PathLike[str]) -> Rows:
    """Start to read a table, plain or gzip.

    Columns are separated by tabs, else commas, else blanks, whichever the first row has.

    Parameters
    ----------
    path : str or path-like
        The table.

    Returns
    -------
    Rows
        First row, and an iterator over the others.

    Raises
    ------
    InputError
        When the file cannot be opened.
    FormatError
        When it is no text, or holds no row.
    """
    lines = read_lines(path, "gene-expression table")
    comments: list[str] = []
    for number, line in lines:
        if line.startswith("#"):
            comments.append(line)
        elif line.strip():
            delimiter = "\t" if "\t" in line else "," if "," in line else None
            first = number, _split(line, delimiter, str(path), number)
            return Rows(str(path), comments, first, _rest(lines, delimiter, str(path)))
    raise FormatError("the table holds no rows; expected a header and genes", str(path))


def _rest(lines: Iterator[tuple[int, str]], delimiter: str | None, path: str) -> Iterator[Row]:
    for number, line in lines:
        if line.strip():
            yield number, _split(line, delimiter, path, number)


def _split(line: str, delimiter: str | None, path: str, number: int) -> list[str]:
    if delimiter is None:
        fields = line.split()
    elif '"' in line:
        try:
            fields = next(csv.reader([line], delimiter=delimiter))
        except csv.Error as error:
            raise FormatError(
                f"the quoted fields cannot be read ({error}); expected short fields in double "
                "quotes",
                path,
                number,
            ) from None
    else:
        fields = line.split(delimiter)
    return [field.strip().strip('"') for field in fields]
