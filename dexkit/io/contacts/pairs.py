"""4DN ``.pairs``: a header of ``#`` lines, then one pair a line (1-based positions).

The ``#columns:`` line says which column is what; without it the standard ones are taken.
``#chromsize:`` lines are compared with the genome by the caller.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from dexkit.errors import FormatError
from dexkit.io.contacts.head import Head
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Counter, Reading, Target
from dexkit.io.text import parse_position
from dexkit_ext import PairCounter, PairLayout

NAME = "pairs"
STANDARD_COLUMNS = ("readID", "chrom1", "pos1", "chrom2", "pos2", "strand1", "strand2")
"""The reserved columns of the 4DN pairs format, in their order."""

_SPELLINGS = {
    "chrom1": ("chrom1", "chr1"),
    "pos1": ("pos1",),
    "chrom2": ("chrom2", "chr2"),
    "pos2": ("pos2",),
}


def matches(head: Head) -> bool:
    """Return whether the header is that of a ``.pairs`` file."""
    return any(
        line.startswith(("## pairs format", "##pairs format", "#columns:")) for line in head.header
    )


def describe(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Read the header.

    Parameters
    ----------
    head : Head
        Header lines, without line ends.
    path : str or path-like
        For messages.
    options : ContactOptions
        Not used: the header says all.

    Returns
    -------
    Reading
        Columns and chromosome lengths.

    Raises
    ------
    FormatError
        When ``#columns:`` lacks a column that is needed, or a ``#chromsize:`` line is malformed.
    """
    del options
    columns: list[str] = list(STANDARD_COLUMNS)
    columns_line = 0
    lengths: dict[str, int] = {}
    length_lines: dict[str, int] = {}
    for number, line in enumerate(head.header, start=1):
        key, _, value = line.partition(":")
        if key == "#columns":
            columns, columns_line = value.split(), number
        elif key == "#chromsize":
            fields = value.split()
            length = parse_position(fields[1]) if len(fields) == 2 else None
            if length is None:
                raise FormatError(
                    f"{line!r} is malformed; expected '#chromsize: NAME LENGTH'", str(path), number
                )
            if lengths.get(fields[0], length) != length:
                raise FormatError(
                    f"chromosome {fields[0]!r} has two lengths in the header, "
                    f"{lengths[fields[0]]:,} and {length:,}; expected one",
                    str(path),
                    number,
                )
            lengths[fields[0]] = length
            length_lines.setdefault(fields[0], number)
    index: dict[str, int] = {}
    for role, spellings in _SPELLINGS.items():
        found = [i for i, name in enumerate(columns) if name in spellings]
        if len(found) != 1:
            raise FormatError(
                f"#columns has {len(found)} columns {role!r} (got {' '.join(columns)}); "
                "expected one each of chrom1 (or chr1), pos1, chrom2 (or chr2), pos2",
                str(path),
                columns_line,
            )
        index[role] = found[0]
    pair_type = columns.index("pair_type") if "pair_type" in columns else -1
    layout = PairLayout(**index, pair_type=pair_type, one_based=True)
    return replace(pair_reading(NAME, layout, head, lengths), length_lines=length_lines)


def pair_reading(
    name: str, layout: PairLayout, head: Head, lengths: Mapping[str, int] | None = None
) -> Reading:
    """Return how a file of read pairs is to be read.

    Parameters
    ----------
    name : str
        Name of the format.
    layout : PairLayout
        Columns, separated by tabs, and coordinate convention.
    head : Head
        The first lines.
    lengths : mapping of str to int, optional
        Chromosome lengths that the header states, in base pairs.

    Returns
    -------
    Reading
        With the kernel's counter.
    """

    def counter(target: Target) -> Counter:
        return PairCounter(
            list(target.genome.lengths),
            list(target.genome.lengths.values()),
            target.alias,
            target.bins.chrom_index,
            target.bins.bin,
            target.bins.bin_size_bp,
            target.bins.n_flank_bins,
            layout,
        )

    ends = (layout.chrom1, layout.chrom2)
    return Reading(
        format=name,
        kind="pairs",
        counter=counter,
        separator="\t",
        n_columns=head.lines[0].count("\t") + 1,
        # A pair without a mapped end has "!" there.
        chroms_of=lambda fields: [fields[i] for i in ends if i < len(fields) and fields[i] != "!"],
        lengths=lengths or {},
        whole_file=True,
    )
