"""hichipper ``*.interactions.all.mango``: anchor pairs with count and FDR, no header.

Eight columns: chrom1 start1 end1 chrom2 start2 end2 count FDR. The value is the count.
"""

from __future__ import annotations

import os

from dexkit.io.contacts.head import Head, is_position
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Reading
from dexkit.io.contacts.regions import (
    no_regions,
    number,
    region_reading,
    region_table,
    running_number,
    value_column,
)

NAME = "mango"
COUNT, FDR = 6, 7
N_COLUMNS = 8


def matches(head: Head) -> bool:
    """Return whether column 7 holds whole numbers and column 8, the last, numbers from 0 to 1."""
    table = region_table(head)
    if table is None or table.names or table.n_columns != N_COLUMNS:
        return False
    rates = [number(field) for field in table.column(FDR)]
    return all(is_position(field) for field in table.column(COUNT)) and all(
        rate is not None and 0 <= rate <= 1 for rate in rates
    )


def could_be_bedpe(head: Head) -> bool:
    """Return whether column 7 may as well be the name of a BEDPE: a running number."""
    table = region_table(head)
    return table is not None and running_number(table.column(COUNT))


def describe(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Return the columns.

    Parameters
    ----------
    head : Head
        The first lines.
    path : str or path-like
        For messages.
    options : ContactOptions
        With the score column; the count without one.

    Returns
    -------
    Reading
        Loops.

    Raises
    ------
    FormatError
        When the first line has not the eight columns.
    ConfigError
        When there is no such score column.
    """
    table = region_table(head)
    if table is None or table.names or table.n_columns != N_COLUMNS:
        expected = "eight columns: two regions, count and FDR, without a header"
        raise no_regions("mango", expected, head, path)
    value = value_column(table, options, path)
    return region_reading(NAME, table, COUNT if value is None else value)
