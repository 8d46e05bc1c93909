"""HiC-Pro ``allValidPairs``: one pair a line, no header.

Tab-separated columns: read, chrom1, pos1, strand1, chrom2, pos2, strand2, fragment size,
restriction fragment 1, restriction fragment 2, and in newer releases mapq1, mapq2 and an allele
tag. Positions are 1-based. Duplicates have been removed by HiC-Pro if it was told to.
"""

from __future__ import annotations

import os

from dexkit.io.contacts.head import Head, Reading, is_position, is_strand
from dexkit_ext import PairLayout

NAME = "hicpro"
LAYOUT = PairLayout(chrom1=1, pos1=2, chrom2=4, pos2=5, one_based=True)


def matches(head: Head) -> bool:
    """Return whether the first pair has the columns of this format."""
    fields = head.fields
    return (
        not head.header
        and len(fields) >= 7
        and is_position(fields[2])
        and is_strand(fields[3])
        and is_position(fields[5])
        and is_strand(fields[6])
    )


def describe(head: Head, path: str | os.PathLike[str]) -> Reading:
    """Return the columns; the format has nothing else to say."""
    del head, path
    return Reading(NAME, LAYOUT)
