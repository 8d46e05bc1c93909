"""HiC-Pro ``allValidPairs``: one pair a line, no header.

Tab-separated columns: read, chrom1, pos1, strand1, chrom2, pos2, strand2, fragment size,
restriction fragment 1, restriction fragment 2, and in newer releases mapq1, mapq2 and an allele
tag. Positions are 1-based. Duplicates have been removed by HiC-Pro if it was told to.
"""

from __future__ import annotations

import os

from dexkit.io.contacts.head import Head, is_position, is_strand
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.pairs import pair_reading
from dexkit.io.contacts.reading import Reading
from dexkit_ext import PairLayout

NAME = "hicpro"
LAYOUT = PairLayout(chrom1=1, pos1=2, chrom2=4, pos2=5, one_based=True)
_FEWEST_COLUMNS = 7


def matches(head: Head) -> bool:
    """Return whether the first pair has the columns of this format."""
    if head.header or not head.rows or head.separator != "\t":
        return False
    fields = head.rows[0]
    return (
        len(fields) >= _FEWEST_COLUMNS
        and is_position(fields[2])
        and is_strand(fields[3])
        and is_position(fields[5])
        and is_strand(fields[6])
    )


def describe(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Return the columns; the format has nothing else to say."""
    del path, options
    return pair_reading(NAME, LAYOUT, head)
