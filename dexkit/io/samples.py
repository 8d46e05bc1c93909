"""Read a sample sheet: which contacts and which expression belong to which sample."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from dexkit.errors import FormatError, InputError, did_you_mean
from dexkit.io.contacts import stored_file
from dexkit.io.text import input_file, read_lines

#: Stands between the samples of a run; no sample name holds it.
SAMPLE_SEPARATOR = ","
COLUMNS = ("sample", "contacts", "depth", "expression", "expression_column")

_EMPTY = ("", ".")
_SAMPLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class SampleRow:
    """One line of a sample sheet.

    Parameters
    ----------
    name : str
        Sample name.
    contacts : tuple of Path
        Contact files, one a replicate; empty when the sample has none.
    expression : Path or None
        Expression table.
    expression_column : str or None
        Column of the table that holds the sample; None when it bears the sample's name or is
        the only one.
    depths : tuple of float
        Valid pairs of each replicate; empty when the files are to say.
    """

    name: str
    contacts: tuple[Path, ...] = ()
    expression: Path | None = None
    expression_column: str | None = None
    depths: tuple[float, ...] = ()


def check_sample_name(name: str) -> str:
    """Return a sample name that can be a group of a feature file and part of a file name.

    Raises
    ------
    InputError
        When it is empty, starts with a sign, or has other signs than letters, digits and
        ``_ . + -``.
    """
    if not _SAMPLE_NAME.fullmatch(name):
        raise InputError(
            f"sample name {name!r} cannot be used; expected letters, digits and _ . + -, "
            "the first a letter or digit"
        )
    return name


def parse_depths(text: str, sample: str) -> tuple[float, ...]:
    """Return the depths of a sample's replicates, written with commas: ``7e6,8123456``.

    Parameters
    ----------
    text : str
        Valid pairs of each replicate; empty for none.
    sample : str
        For the message.

    Raises
    ------
    InputError
        When one is no finite number above 0.
    """
    depths = []
    for part in text.split(",") if text else ():
        try:
            depth = float(part)
        except ValueError:
            depth = math.nan
        if not 0 < depth < math.inf:
            raise InputError(
                f"depth {part.strip()!r} of sample {sample!r} is no number of valid pairs; "
                "expected a number above 0 for each replicate, separated by commas"
            )
        depths.append(depth)
    return tuple(depths)


def read_samples(path: str | os.PathLike[str]) -> list[SampleRow]:
    """Read a sample sheet (tab-separated, with a header).

    Columns, in any order: ``sample``; ``contacts`` (files separated by commas, one a replicate;
    ``-`` is the standard input); ``depth`` (valid pairs, one number a replicate); ``expression``
    (a file); ``expression_column``. All but the first may be absent, and their cells empty or
    ``.``. Relative paths start at the folder of the sheet. Lines that start with ``#`` are
    comments.

    Parameters
    ----------
    path : str or path-like
        The sheet.

    Returns
    -------
    list of SampleRow
        In file order.

    Raises
    ------
    InputError
        When the sheet cannot be opened.
    FormatError
        When a column is unknown, a row has the wrong number of columns, a sample repeats or has
        neither contacts nor expression, a contact file is listed twice or as an empty entry,
        depths do not fit the contacts, or a file does not exist.
    """
    where, folder = str(path), Path(path).parent
    header: list[str] = []
    rows: dict[str, SampleRow] = {}
    for number, line in read_lines(path, "sample sheet"):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("\t")]
        if not header:
            header = fields
            _check_header(header, where, number)
            continue
        if len(fields) != len(header):
            raise FormatError(
                f"the row has {len(fields)} tab-separated columns; expected {len(header)} as in "
                "the header",
                where,
                number,
            )
        try:
            row = _read_row(dict(zip(header, fields, strict=True)), folder)
        except InputError as error:
            raise FormatError(str(error), where, number) from None
        if row.name in rows:
            raise FormatError(
                f"sample {row.name!r} occurs again; expected one row a sample (list replicates "
                "in one cell, separated by commas)",
                where,
                number,
            )
        rows[row.name] = row
    if not rows:
        raise FormatError("the sample sheet names no sample; expected rows below a header", where)
    return list(rows.values())


def _check_header(header: list[str], where: str, number: int) -> None:
    for i, name in enumerate(header):
        if name not in COLUMNS:
            raise FormatError(
                f"unknown column {name!r}; {did_you_mean(name, COLUMNS)}", where, number
            )
        if name in header[:i]:
            raise FormatError(f"column {name!r} occurs twice; expected it once", where, number)
    if "sample" not in header:
        raise FormatError("the header has no column 'sample'; expected one", where, number)


def _read_row(cells: dict[str, str], folder: Path) -> SampleRow:
    """Turn one row into a record; InputError says what is wrong with it."""
    name = check_sample_name(cells["sample"])
    given = {key: "" if value in _EMPTY else value for key, value in cells.items()}
    listed = given.get("contacts", "")
    files = [part.strip() for part in listed.split(",")] if listed else []
    if "" in files:
        raise InputError(
            f"the contacts {listed!r} of sample {name!r} have an empty entry; expected files "
            "separated by single commas"
        )
    contacts = [_contacts(folder, file) for file in files]
    resolved = [(stored_file(contact_file) or contact_file).resolve() for contact_file in contacts]
    for i, contact_file in enumerate(contacts):
        if resolved[i] in resolved[:i]:
            raise InputError(
                f"contact file {contact_file} is listed twice for sample {name!r}; its pairs would "
                "count double; list each replicate once"
            )
    depths = parse_depths(given.get("depth", ""), name)
    if depths and len(depths) != len(contacts):
        raise InputError(
            f"sample {name!r} has {len(depths)} depths and {len(contacts)} contact files; expected "
            "one depth a replicate"
        )
    expression = None
    if given.get("expression"):
        expression = input_file(folder / given["expression"], "gene-expression table")
    column = given.get("expression_column") or None
    if column is not None and expression is None:
        raise InputError(
            f"sample {name!r} has an expression_column and no expression; name the file too"
        )
    if not contacts and expression is None:
        raise InputError(
            f"sample {name!r} has neither contacts nor expression; expected at least one"
        )
    return SampleRow(name, tuple(contacts), expression, column, depths)


def _contacts(folder: Path, file: str) -> Path:
    """Return one contact argument of a sheet, its file checked; the standard input as it is."""
    path = Path(file)
    if stored_file(path) is None:
        return path
    path = folder / file
    input_file(stored_file(path) or path, "contact file")
    return path
