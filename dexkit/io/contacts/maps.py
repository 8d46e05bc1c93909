"""MAPS ``*.peaks.bedpe``: loops on bins of fixed size, with a header.

Columns: chr1 start1 end1 chr2 start2 end2 count expected fdr ClusterLabel ClusterSize ClusterType
ClusterNegLog10P ClusterSummit. The value is ``count``, the read pairs of the two bins.
"""

from __future__ import annotations

import os

from dexkit.io.contacts.head import Head
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Reading
from dexkit.io.contacts.regions import (
    N_COORDINATES,
    no_regions,
    region_reading,
    region_table,
    value_column,
)

NAME = "maps"
_COLUMNS = ("count", "expected", "fdr")


def matches(head: Head) -> bool:
    """Return whether the header names count, expected and fdr behind the coordinates."""
    table = region_table(head)
    if table is None:
        return False
    behind = [name.lower() for name in table.names[N_COORDINATES:]]
    return all(name in behind for name in _COLUMNS)


def describe(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Return the columns.

    Parameters
    ----------
    head : Head
        The first lines.
    path : str or path-like
        For messages.
    options : ContactOptions
        With the score column; ``count`` without one.

    Returns
    -------
    Reading
        Loops.

    Raises
    ------
    FormatError
        When the header is not that of MAPS.
    ConfigError
        When there is no such score column.
    """
    table = region_table(head)
    if table is None or not matches(head):
        expected = "a header with chr1 start1 end1 chr2 start2 end2 count expected fdr"
        raise no_regions("MAPS", expected, head, path)
    value = value_column(table, options, path)
    return region_reading(NAME, table, table.find("count") if value is None else value)
