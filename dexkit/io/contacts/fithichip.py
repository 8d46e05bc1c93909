"""FitHiChIP ``*.interactions_FitHiC*.bed``: bin pairs with their contact count, with a header.

Full layout: chr1 s1 e1 chr2 s2 e2 cc, six columns for each end (Coverage, isPeak, Bias, Mapp,
GCContent, RESites), p exp_cc_Bias p_Bias dbinom_Bias P-Value_Bias Q-Value_Bias. Merged layout:
the coordinates and cc of the strongest bin pair of a cluster, p, q, bin1_low bin1_high bin2_low
bin2_high (the cluster), sumCC, StrongConn.

The value is ``cc``, the count of the two bins of the line; ``sumCC``, the count of the whole
cluster, where there is no ``cc`` or where it is chosen with ``--score-column``.
"""

from __future__ import annotations

import os

from dexkit.io.contacts.head import Head
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Reading
from dexkit.io.contacts.regions import (
    RegionTable,
    no_regions,
    region_reading,
    region_table,
    value_column,
)

NAME = "fithichip"
_COUNTS = ("cc", "sumcc")


def matches(head: Head) -> bool:
    """Return whether the header names a contact count as FitHiChIP does."""
    table = region_table(head)
    return table is not None and _default_column(table) is not None


def _default_column(table: RegionTable) -> int | None:
    return next((i for name in _COUNTS for i in table.named(name)), None)


def describe(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Return the columns.

    Parameters
    ----------
    head : Head
        The first lines.
    path : str or path-like
        For messages.
    options : ContactOptions
        With the score column; ``cc`` (else ``sumCC``) without one.

    Returns
    -------
    Reading
        Loops.

    Raises
    ------
    FormatError
        When the header is not that of FitHiChIP.
    ConfigError
        When there is no such score column.
    """
    table = region_table(head)
    default = None if table is None else _default_column(table)
    if table is None or default is None:
        expected = "a header with chr1 s1 e1 chr2 s2 e2 and cc (or sumCC)"
        raise no_regions("FitHiChIP", expected, head, path)
    value = value_column(table, options, path)
    column = default if value is None else value
    messages: tuple[str, ...] = ()
    if table.named("bin1_low"):
        messages = (
            f"{os.path.basename(path)}: merged FitHiChIP loops; each counts {table.names[column]} "
            "at the bins of its columns 1 to 6 (--score-column takes another column)",
        )
    return region_reading(NAME, table, column, messages=messages)
