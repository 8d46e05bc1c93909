"""BEDPE and other lists of region pairs: six coordinates, then what the caller liked to add.

What a line counts, in this order: the column that ``--score-column`` names; the column that the
header calls a count (:data:`COUNT_NAMES`); column 8 of hichipper's ``*.loop_counts.bedpe``, which
is separated by blanks and has ``.`` for a name; else 1, since the score of a BEDPE may be
anything. What was taken is said aloud.
"""

from __future__ import annotations

import os

from dexkit.errors import FormatError
from dexkit.io.contacts import bg2, fithichip, mango, maps, origami
from dexkit.io.contacts.head import Head
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Reading
from dexkit.io.contacts.regions import (
    N_COORDINATES,
    RegionTable,
    no_regions,
    number,
    region_reading,
    region_table,
    value_column,
)

NAME = "bedpe"
COUNT_NAMES = (
    "count",
    "counts",
    "contact_count",
    "raw_count",
    "pet",
    "pets",
    "pet_count",
    "pet count",
    "pet.count",
    "petcount",
    "observed",
)
"""Names of columns that hold a number of pairs; ``observed`` is that of Juicer HiCCUPS."""

_NAME_COLUMN, _SCORE_COLUMN = 6, 7
_HICHIPPER_COLUMNS = 8


def matches(head: Head) -> bool:
    """Return whether the lines give two regions, and no other format claims them for certain."""
    table = region_table(head)
    if table is None or not table.rows:
        return False
    if any(other.matches(head) for other in (fithichip, maps, origami)):
        return False
    for other in (bg2, mango):
        if other.matches(head):
            return other.could_be_bedpe(head)
    return True


def describe(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Return the columns.

    Parameters
    ----------
    head : Head
        The first lines.
    path : str or path-like
        For messages.
    options : ContactOptions
        With the score column.

    Returns
    -------
    Reading
        Loops.

    Raises
    ------
    FormatError
        When the first line gives no two regions, or a column holds numbers in some lines only, so
        that it cannot be told whether it is a count.
    ConfigError
        When there is no such score column.
    """
    table = region_table(head)
    if table is None:
        raise no_regions("BEDPE", "chrom1 start1 end1 chrom2 start2 end2", head, path)
    if options.format == "auto":
        _refuse_mixed(table, path)
    name = os.path.basename(path)
    value = value_column(table, options, path)
    if value is not None:
        taken = f"each line counts its {_column(table, value)}, as asked for"
        return region_reading(NAME, table, value, messages=(f"{name}: BEDPE; {taken}",))
    counts = table.named(*COUNT_NAMES)
    if len(counts) > 1:
        listed = ", ".join(repr(table.names[i]) for i in counts)
        raise FormatError(
            f"the header names several columns of counts ({listed}); expected one; choose it with "
            "--score-column",
            str(path),
            table.names_line,
        )
    if counts:
        taken = f"each line counts its {_column(table, counts[0])}"
        return region_reading(NAME, table, counts[0], messages=(f"{name}: BEDPE; {taken}",))
    if _is_hichipper(table):
        taken = "each line counts its column 8, the PETs of hichipper"
        return region_reading(NAME, table, _SCORE_COLUMN, messages=(f"{name}: BEDPE; {taken}",))
    taken = "each line counts 1"
    if table.n_columns > N_COORDINATES:
        taken += " (--score-column takes a column as its value)"
    return region_reading(NAME, table, None, messages=(f"{name}: BEDPE; {taken}",))


def _column(table: RegionTable, column: int) -> str:
    named = f" ({table.names[column]})" if table.names else ""
    return f"column {column + 1}{named}"


def _is_hichipper(table: RegionTable) -> bool:
    return (
        table.separator == " "
        and not table.names
        and table.n_columns == _HICHIPPER_COLUMNS
        and all(field == "." for field in table.column(_NAME_COLUMN))
    )


def _refuse_mixed(table: RegionTable, path: str | os.PathLike[str]) -> None:
    """Refuse a headerless file whose columns 7, 8 are numbers but for a few lines.

    One damaged count would otherwise turn a file of counts into a BEDPE with names.
    """
    if table.names:
        return
    for column in (_NAME_COLUMN, _SCORE_COLUMN):
        rows = [
            (line, row[column])
            for line, row in zip(table.line_numbers, table.rows, strict=True)
            if len(row) > column
        ]
        texts = [(line, field) for line, field in rows if number(field) is None]
        if not texts:
            continue
        if len(texts) < len(rows):
            line, field = texts[0]
            raise FormatError(
                f"column {column + 1} is {field!r} here and a number in other lines; expected "
                "numbers (counts) or names throughout; correct the line, or say what the file is "
                "with --contacts-format",
                str(path),
                line,
            )
        return
