"""WashU longrange: ``chrom start end chrom2:start2-end2,score [id strand]``, separated by tabs.

The browser wants every loop twice, once from each end, and hichipper writes it so; other programs
write it once. Both are read: when the lines that start with the lower end are the same as those
that start with the higher one, each loop counts once.
"""

from __future__ import annotations

import os
import re

import numpy as np
import numpy.typing as npt

from dexkit.io.contacts.head import Head
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Reading, Target
from dexkit.io.contacts.regions import no_regions, region_counter
from dexkit_ext import RegionLayout, RegionParseError

NAME = "longrange"
_LINE = re.compile(
    rb"^([^\t\n]+)\t(\d{1,16})\t(\d{1,16})\t([^\t\n]+):(\d{1,16})-(\d{1,16}),([^\t\n\r,]+)"
    rb"(?:\t[^\n]*)?\r?$",
    re.MULTILINE,
)
_AS_REGIONS = rb"\1\t\2\t\3\t\4\t\5\t\6\t\7"
_ONE_REGION = re.compile(rb"^([^\t\n]+)\t(\d+)\t(\d+)\t\1:\2-\3,", re.MULTILINE)
_LAYOUT = RegionLayout(0, 1, 2, 3, 4, 5, value=6, separator="\t")
_FEWEST_COLUMNS = 4
_MAX_UNKNOWN = 20
_MAX_LINE_BYTES = 1 << 20
# A line for the counter that a loop is not for: it keeps its line numbers right.
_ELSEWHERE = b"#\n"


def matches(head: Head) -> bool:
    """Return whether the first line gives one region, and a second one with its score."""
    return bool(head.lines) and _LINE.match(head.lines[0].encode()) is not None


def describe(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Return how the lines are read.

    Parameters
    ----------
    head : Head
        The first lines.
    path : str or path-like
        For messages.
    options : ContactOptions
        Not used: the score is where the format has it.

    Returns
    -------
    Reading
        Loops.

    Raises
    ------
    FormatError
        When the first line has not the columns of the format.
    """
    del options
    if not matches(head):
        raise no_regions("longrange", "chrom start end chrom2:start2-end2,score", head, path)
    widths = [
        int(end) - int(start)
        for line in head.lines
        if (found := _LINE.match(line.encode()))
        for start, end in (found.group(2, 3), found.group(5, 6))
    ]
    return Reading(
        format=NAME,
        kind="loops",
        counter=LongrangeCounter,
        separator="\t",
        n_columns=_FEWEST_COLUMNS,
        chroms_of=lambda fields: [fields[0], *(f.rpartition(":")[0] for f in fields[3:4])],
        widest_bp=max(widths, default=0),
    )


class LongrangeCounter:
    """Count longrange lines, each loop once even where the file lists it from both ends.

    The text is turned into region pairs line by line, in chunks. The kernel tells whether loops
    between two regions are listed twice; loops within one region, which are then the same line
    twice, have a counter of their own.

    Parameters
    ----------
    target : Target
        Genome and rows.
    """

    def __init__(self, target: Target) -> None:
        self._between = region_counter(_LAYOUT, target)
        self._within = region_counter(_LAYOUT, target)
        self._line = target.first_line - 1
        self._blank_line = 0
        self._tail = b""
        # Of the lines within one region: 0 when each occurs an even number of times.
        self._unpaired = 0
        self._within_weight = 1.0

    def feed(self, chunk: bytes) -> None:
        """Count the next bytes; a chunk may end anywhere.

        Raises
        ------
        RegionParseError
            A malformed line.
        """
        block, newline, self._tail = (self._tail + chunk).rpartition(b"\n")
        if newline:
            self._count(block)
        if len(self._tail) > _MAX_LINE_BYTES:
            raise RegionParseError(
                self._line + 1, f"longer than {_MAX_LINE_BYTES} bytes; this is no list of loops"
            )

    def finish(self) -> None:
        """Count the last line, where it lacks its line feed, and settle what is listed twice.

        Raises
        ------
        RegionParseError
            A malformed line.
        """
        if self._tail:
            self._count(self._tail)
        self._between.finish()
        self._within.finish()
        if self.mirrored and self._unpaired == 0:
            self._within_weight = 0.5

    def _count(self, block: bytes) -> None:
        """Count whole lines; the last one lacks its line feed."""
        n_lines = block.count(b"\n") + 1
        text, n_plain = _LINE.subn(_AS_REGIONS, block)
        if n_plain == n_lines and not self._blank_line and not _ONE_REGION.search(block):
            self._line += n_lines
            self._between.feed(text + b"\n")
            self._within.feed(_ELSEWHERE * n_lines)
        else:
            self._count_each(block.split(b"\n"))

    def _count_each(self, lines: list[bytes]) -> None:
        """Count lines of which some are comments, within one region, or malformed."""
        between, within = [], []
        malformed: RegionParseError | None = None
        for number, line in enumerate(lines, start=self._line + 1):
            try:
                text, one_region = self._convert(line.removesuffix(b"\r"), number)
            except RegionParseError as error:
                malformed = error
                break
            between.append(_ELSEWHERE if one_region else text)
            within.append(text if one_region else _ELSEWHERE)
        self._line += len(between)
        errors = [] if malformed is None else [malformed]
        for counter, texts in ((self._between, between), (self._within, within)):
            try:
                counter.feed(b"".join(texts))
            except RegionParseError as error:
                errors.append(error)
        if errors:
            raise min(errors, key=lambda error: error.line)

    def _convert(self, line: bytes, number: int) -> tuple[bytes, bool]:
        """Return a line as a region pair, and whether both ends are one region."""
        if line.startswith(b"#"):
            return _ELSEWHERE, False
        if not line:
            self._blank_line = self._blank_line or number
            return _ELSEWHERE, False
        if self._blank_line:
            raise RegionParseError(
                self._blank_line, "an empty line; only the end of the file may have one"
            )
        found = _LINE.match(line)
        if found is None:
            shown = repr(line[:80].decode("utf-8", "backslashreplace"))
            raise RegionParseError(
                number,
                f"the line is {shown}; expected tab-separated chrom, start, end and "
                "chrom2:start2-end2,score (is the file cut short?)",
            )
        fields = found.groups()
        one_region = fields[:3] == fields[3:6]
        if one_region:
            self._unpaired ^= hash(fields)
        return b"\t".join(fields) + b"\n", one_region

    @property
    def mirrored(self) -> bool:
        """Whether every loop between two regions is listed from both ends."""
        return self._between.mirrored

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Sum of the scores by row and offset, float64 of shape (n_rows, n_bins)."""
        return self._between.counts + self._within.counts * self._within_weight

    @property
    def cis_by_chrom(self) -> npt.NDArray[np.int64]:
        """Lines of a value above 0 within each chromosome, int64 of shape (n_chroms,)."""
        return self._between.cis_by_chrom + self._within.cis_by_chrom

    @property
    def unknown_chroms(self) -> list[str]:
        """The first 20 names that the FASTA has not."""
        names = dict.fromkeys([*self._between.unknown_chroms, *self._within.unknown_chroms])
        return list(names)[:_MAX_UNKNOWN]

    @property
    def n_lines(self) -> int:
        """Absolute number of the last line that was read."""
        return self._line

    @property
    def n_cis(self) -> int:
        """Lines with both ends on one chromosome of the FASTA."""
        return self._between.n_cis + self._within.n_cis

    @property
    def n_trans(self) -> int:
        """Lines with ends on two chromosomes of the FASTA."""
        return self._between.n_trans + self._within.n_trans

    @property
    def n_unknown_chrom(self) -> int:
        """Lines with an end on another chromosome."""
        return self._between.n_unknown_chrom + self._within.n_unknown_chrom
