"""Origami CSV: anchor pairs with their PETs, with a header.

Columns, separated by commas: chromosome1, start1, end1, chromosome2, start2, end2, PET Count,
Hypergeometric p-value, Bayes probability (``Bayes mixture 1`` …). The value is ``PET Count``.
"""

from __future__ import annotations

import os

from dexkit.io.contacts.head import Head
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Reading
from dexkit.io.contacts.regions import no_regions, region_reading, region_table, value_column

NAME = "origami"
COUNT_NAMES = ("pet count", "pet.count")
"""The column of counts; R writes a dot for the blank unless it is told not to."""


def matches(head: Head) -> bool:
    """Return whether this is a CSV of region pairs whose header names the PET count."""
    table = region_table(head)
    return table is not None and table.separator == "," and bool(table.named(*COUNT_NAMES))


def describe(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Return the columns.

    Parameters
    ----------
    head : Head
        The first lines.
    path : str or path-like
        For messages.
    options : ContactOptions
        With the score column; ``PET Count`` without one.

    Returns
    -------
    Reading
        Loops.

    Raises
    ------
    FormatError
        When the header is not that of Origami.
    ConfigError
        When there is no such score column.
    """
    table = region_table(head)
    if table is None or not matches(head):
        expected = "a CSV with chromosome1,start1,end1,chromosome2,start2,end2,PET Count"
        raise no_regions("Origami", expected, head, path)
    value = value_column(table, options, path)
    return region_reading(NAME, table, table.named(*COUNT_NAMES)[0] if value is None else value)
