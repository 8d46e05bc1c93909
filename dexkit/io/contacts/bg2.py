"""BG2, the text form of a contact matrix: ``chrom1 start1 end1 chrom2 start2 end2 count``.

Seven columns, every pair of bins that has contacts on one line, in bins of one fixed size. It is
what ``cooler dump --join`` writes and what FitHiChIP takes. Usually without a header.
"""

from __future__ import annotations

import os
from dataclasses import replace

from dexkit.errors import FormatError, InputError
from dexkit.io.contacts.head import Head
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Counter, Reading, Target
from dexkit.io.contacts.regions import (
    RegionTable,
    no_regions,
    number,
    region_reading,
    region_table,
    running_number,
)

NAME = "bg2"
COUNT = 6
N_COLUMNS = 7


def matches(head: Head) -> bool:
    """Return whether there are seven columns, the last a number, on bins of one size."""
    table = region_table(head)
    if table is None or table.n_columns != N_COLUMNS:
        return False
    size = grid_bp(table)
    return (
        (not table.names or table.names[COUNT].lower() == "count")
        and size is not None
        and _off_grid(table, size) is None
        and all(number(field) is not None for field in table.column(COUNT))
    )


def could_be_bedpe(head: Head) -> bool:
    """Return whether column 7 may as well be a score or a name: no whole, or running, numbers."""
    table = region_table(head)
    if table is None or table.names:
        return False
    values = table.column(COUNT)
    whole = all((number(field) or 0.0).is_integer() for field in values)
    return not whole or running_number(values)


def grid_bp(table: RegionTable) -> int | None:
    """Return the size of the bins that regions are, None when they lie on no grid.

    It is the largest width that most starts are multiples of: the last bin of a chromosome may be
    shorter than the others, and a damaged line must not decide.
    """
    regions = [(start, end) for start, end in table.regions() if end > start]
    for size in sorted({end - start for start, end in regions}, reverse=True):
        if 2 * sum(start % size == 0 for start, _ in regions) > len(regions):
            return size
    return None


def _off_grid(table: RegionTable, size: int) -> int | None:
    """Return the number of the first line with a region that is no bin of this size."""
    for line, row in zip(table.line_numbers, table.rows, strict=True):
        for start, end in replace(table, rows=(row,)).regions():
            if end > start and (start % size or end - start > size):
                return line
    return None


def describe(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Return the columns.

    Parameters
    ----------
    head : Head
        The first lines.
    path : str or path-like
        For messages.
    options : ContactOptions
        Not used: the value is column 7.

    Returns
    -------
    Reading
        A matrix; its counter refuses bins of another size, and lines whose regions are no bins.

    Raises
    ------
    FormatError
        When the first line has fewer than seven columns, or the regions lie on no grid.
    """
    del options
    table = region_table(head)
    if table is None or table.n_columns < N_COLUMNS or not table.rows:
        expected = "seven columns: two bins and a count"
        raise no_regions("BG2", expected, head, path)
    size = grid_bp(table)
    off = None if size is None else _off_grid(table, size)
    if size is None or off is not None:
        raise FormatError(
            "the regions lie on no grid of bins; expected BG2 with bins of one size that start at "
            "its multiples; read other regions with --contacts-format bedpe",
            str(path),
            off or table.line_numbers[0],
        )
    message = (
        f"{os.path.basename(path)}: a matrix of {size:,} bp bins (BG2); its sum is taken as the "
        "depth; a list of loops with a count is read by --contacts-format bedpe --score-column 7"
    )
    reading = region_reading(NAME, table, COUNT, "matrix", (message,), on_grid=True)

    def counter(target: Target) -> Counter:
        if size != target.bins.bin_size_bp:
            raise InputError(
                f"{path}: the matrix has bins of {size:,} bp; expected {target.bins.bin_size_bp:,} "
                "bp as asked for; give a matrix of that bin size, or set bin_size_bp"
            )
        return reading.counter(target)

    return replace(reading, counter=counter)
