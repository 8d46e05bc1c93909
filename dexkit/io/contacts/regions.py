"""What all tables of region pairs share: six coordinates first, and a column of values.

``chrom1 start1 end1 chrom2 start2 end2 …``; starts are 0-based, ends exclusive.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dexkit.errors import ConfigError, FormatError, did_you_mean
from dexkit.io.contacts.head import Head, Separator, is_position, is_strand, split_line
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Reading, Target
from dexkit_ext import RegionCounter, RegionLayout

N_COORDINATES = 6
_STARTS_AND_ENDS = (1, 2, 4, 5)


@dataclass(frozen=True)
class RegionTable:
    """The first lines of a table of region pairs.

    Parameters
    ----------
    names : tuple of str
        Names of the columns; empty when the file does not give them.
    names_line : int
        1-based number of the line that gives them; 0 without one.
    rows : tuple of tuple of str
        Columns of the first lines of data; empty when there are none.
    line_numbers : tuple of int
        Their 1-based numbers.
    separator : str
        What separates the columns.
    n_header_rows : int
        1 when the names stand on a line of their own that is no ``#`` line.
    """

    names: tuple[str, ...]
    names_line: int
    rows: tuple[tuple[str, ...], ...]
    line_numbers: tuple[int, ...]
    separator: Separator
    n_header_rows: int

    @property
    def n_columns(self) -> int:
        """Columns of the first line of data (of the header where there is none)."""
        return len(self.rows[0]) if self.rows else len(self.names)

    @property
    def widest_bp(self) -> int:
        """The widest region of the first lines; 0 when there is none."""
        return max((end - start for start, end in self.regions()), default=0)

    def regions(self) -> list[tuple[int, int]]:
        """Return start and end of every region whose coordinates are numbers."""
        return [
            (int(row[i]), int(row[i + 1]))
            for row in self.rows
            if has_coordinates(row)
            for i in (1, 4)
        ]

    def column(self, number: int) -> list[str]:
        """Return the fields of a column (counted from 0), of the lines that have it."""
        return [row[number] for row in self.rows if len(row) > number]

    def named(self, *wanted: str) -> list[int]:
        """Return the columns behind the coordinates with one of these names (in any case)."""
        return [i for i, name in self._behind() if name.lower() in wanted]

    def find(self, name: str) -> int | None:
        """Return the column behind the coordinates with this name, in its case or else any."""
        exact = [i for i, given in self._behind() if given == name]
        return next(iter([*exact, *self.named(name.lower())]), None)

    def _behind(self) -> list[tuple[int, str]]:
        return list(enumerate(self.names))[N_COORDINATES:]


def has_coordinates(fields: Sequence[str]) -> bool:
    """Return whether the columns start with chromosome, start and end, twice.

    Read pairs on chromosomes named by numbers have numbers there too, but a strand between.
    """
    return (
        len(fields) >= N_COORDINATES
        and not is_strand(fields[3])
        and all(is_position(fields[i]) for i in _STARTS_AND_ENDS)
    )


def number(field: str) -> float | None:
    """Return the finite number that a column holds, None when it holds none."""
    try:
        value = float(field)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in field else None


def running_number(fields: Sequence[str]) -> bool:
    """Return whether the fields (three at least) count up by one, as identifiers do."""
    values = [number(field) for field in fields]
    steps = [b - a for a, b in pairwise(values) if a is not None and b is not None]
    return None not in values and len(steps) > 1 and set(steps) == {1.0}


def region_table(head: Head) -> RegionTable | None:
    """Return the table of region pairs that a file holds, or None when it is none.

    Parameters
    ----------
    head : Head
        Its first lines.

    Returns
    -------
    RegionTable or None
        With the names of the columns from the first line, or from the last ``#`` line that has
        as many columns.
    """
    if not head.rows:
        return None
    first = head.rows[0]
    if has_coordinates(first):
        names, line = _commented_names(head, len(first))
        return RegionTable(names, line, head.rows, head.line_numbers, head.separator, 0)
    if _are_names(first) and (len(head.rows) == 1 or has_coordinates(head.rows[1])):
        names = tuple(name.strip() for name in first)
        line = head.line_numbers[0]
        return RegionTable(names, line, head.rows[1:], head.line_numbers[1:], head.separator, 1)
    return None


def _are_names(fields: Sequence[str]) -> bool:
    """Return whether the first six columns are names: distinct, and no numbers among them."""
    names = [name.strip().lower() for name in fields[:N_COORDINATES]]
    return len(set(names)) == N_COORDINATES and not any(is_position(n) or not n for n in names)


def _commented_names(head: Head, n_columns: int) -> tuple[tuple[str, ...], int]:
    """Return the names in the last ``#`` line that has as many columns, and its number."""
    for number, line in reversed(list(enumerate(head.header, start=1))):
        names = split_line(line.lstrip("#").strip(" "), head.separator)
        if len(names) == n_columns and _are_names(names):
            return tuple(name.strip() for name in names), number
    return (), 0


def value_column(
    table: RegionTable, options: ContactOptions, path: str | os.PathLike[str]
) -> int | None:
    """Return the column (counted from 0) that ``--score-column`` asks for, None without one.

    Parameters
    ----------
    table : RegionTable
        The first lines of the file.
    options : ContactOptions
        With the column.
    path : str or path-like
        For messages.

    Returns
    -------
    int or None
        The column.

    Raises
    ------
    ConfigError
        When the file has no such column, or it is a coordinate.
    """
    wanted = options.score_column
    if wanted is None:
        return None
    by_name = table.find(wanted)
    if by_name is not None:
        return by_name
    n_columns = table.n_columns
    if is_position(wanted):
        number = int(wanted)
        if N_COORDINATES < number <= n_columns:
            return number - 1
        room = (
            f"a number from {N_COORDINATES + 1} to {n_columns}"
            if n_columns > N_COORDINATES
            else "no score column, since the six coordinates are all that the file has"
        )
        raise ConfigError(f"{path}: score column {wanted} cannot hold values; expected {room}")
    if not table.names:
        raise ConfigError(
            f"{path}: there is no header with a column {wanted!r}; give the score column as a "
            f"number, from {N_COORDINATES + 1} to {n_columns}"
        )
    hint = did_you_mean(wanted, table.names[N_COORDINATES:])
    raise ConfigError(f"{path}: the header has no column {wanted!r}; {hint}")


def region_reading(
    name: str,
    table: RegionTable,
    value: int | None,
    kind: str = "loops",
    messages: tuple[str, ...] = (),
    on_grid: bool = False,
) -> Reading:
    """Return how a table of region pairs is to be read.

    Parameters
    ----------
    name : str
        Name of the format.
    table : RegionTable
        The first lines of the file.
    value : int or None
        Column of the values, counted from 0; None lets each line count 1.
    kind : {"loops", "matrix"}, optional
        What a line stands for.
    messages : tuple of str, optional
        Sentences to say aloud.
    on_grid : bool, optional
        Whether every region must be a bin.

    Returns
    -------
    Reading
        With the kernel's counter.
    """
    layout = RegionLayout(
        0, 1, 2, 3, 4, 5, value=-1 if value is None else value, separator=table.separator
    )
    return Reading(
        format=name,
        kind=kind,
        counter=lambda target: region_counter(layout, target, on_grid),
        separator=table.separator,
        n_columns=table.n_columns,
        chroms_of=lambda fields: (fields[0], fields[3]) if len(fields) > 3 else (),
        n_header_rows=table.n_header_rows,
        messages=messages,
        widest_bp=table.widest_bp if kind == "loops" else 0,
    )


def region_counter(layout: RegionLayout, target: Target, on_grid: bool = False) -> RegionCounter:
    """Return the kernel's counter of region pairs for a genome and its rows.

    With ``on_grid`` it refuses a region that is no bin.
    """
    return RegionCounter(
        list(target.genome.lengths),
        list(target.genome.lengths.values()),
        target.alias,
        target.bins.chrom_index,
        target.bins.bin,
        target.bins.bin_size_bp,
        target.bins.n_flank_bins,
        layout,
        anchors="midpoint" if target.anchors == "midpoint" else "overlap",
        first_line=target.first_line,
        on_grid=on_grid,
    )


def no_regions(format: str, expected: str, head: Head, path: str | os.PathLike[str]) -> FormatError:
    """Return the error of a file that has not the columns of the format that was asked for.

    Parameters
    ----------
    format : str
        The format.
    expected : str
        Its columns, in words.
    head : Head
        The first lines.
    path : str or path-like
        The file.

    Returns
    -------
    FormatError
        To be raised.
    """
    got = f"got {head.lines[0][:80]!r}" if head.lines else "got no line of data"
    return FormatError(
        f"this is no {format} file; {got}; expected {expected}; let dexkit tell the format with "
        "--contacts-format auto",
        str(path),
        head.line_numbers[0] if head.line_numbers else None,
    )
