"""Streaming sums over pairs of regions (anchors of loops, bins of matrices) around rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from dexkit_ext import _lines, _regions
from dexkit_ext.arrays import check_integer
from dexkit_ext.bin_tables import BinTables, check_columns
from dexkit_ext.lines import MAX_UNKNOWN
from dexkit_ext.sums import ValueCounter

SEPARATORS = ("\t", " ", ",")
ANCHORS = ("overlap", "midpoint")
MAX_FIRST_LINE = 1 << 40

_FIELD_NAMES = (
    "chromosome of anchor 1",
    "start of anchor 1",
    "end of anchor 1",
    "chromosome of anchor 2",
    "start of anchor 2",
    "end of anchor 2",
    "value",
)


@dataclass(frozen=True)
class RegionLayout:
    r"""Where a file of pairs of regions holds what; columns are numbered from 0.

    Parameters
    ----------
    chrom1, start1, end1, chrom2, start2, end2 : int
        Columns of the two anchors.
    value : int
        Column of the value, -1 where there is none: each line then counts 1.
    separator : {"\t", " ", ","}
        What separates columns. A blank stands for any run of blanks and tabs, also before the
        first column. Between commas, fields may be in double quotes.
    one_based : bool
        Whether the first base of a chromosome has number 1 and the end is the last base of a
        region (else 0 and half-open).

    Raises
    ------
    TypeError, ValueError
        A column is no integer, negative or named twice, or the separator is another one.
    """

    chrom1: int
    start1: int
    end1: int
    chrom2: int
    start2: int
    end2: int
    value: int = -1
    separator: Literal["\t", " ", ","] = "\t"
    one_based: bool = False

    def __post_init__(self) -> None:
        names = [f.name for f in fields(self) if f.name not in ("separator", "one_based")]
        check_columns({name: getattr(self, name) for name in names}, optional="value")
        if self.separator not in SEPARATORS:
            raise ValueError(f"separator must be a tab, a blank or a comma; got {self.separator!r}")


class RegionCounter(ValueCounter):
    """Sum the values of pairs of regions into profiles of given bins, from bytes as they come.

    An anchor [start, end) covers the bins that it overlaps (``anchors="overlap"``) or the bin of
    its middle, (start + end) // 2 (``"midpoint"``). A line within one chromosome adds its value
    once to every unordered pair of bins {i, j} with i in one anchor and j in the other: to the row
    of i at offset j - i and to the row of j at offset i - j, where there are such rows and the
    offset lies within ``n_flank_bins``; once where i = j. Equal pairs of bins add up, whatever the
    order of their ends.

    Parameters
    ----------
    chrom_names : sequence of str
        Names of the chromosomes.
    chrom_lengths : sequence of int, same length
        In base pairs.
    alias : mapping of str to str
        Further names, as the file may use them, to names in ``chrom_names``.
    row_chrom : ndarray of shape (n_rows,), integer dtype
        Chromosome of each row, as an index into ``chrom_names``.
    row_bin : ndarray of shape (n_rows,), integer dtype
        Bin of each row on its chromosome. No two rows have the same bin.
    bin_size_bp : int
        In base pairs.
    n_flank_bins : int
        Bins counted on either side of a row's bin.
    layout : RegionLayout
        Columns of the file and its coordinate convention.
    anchors : {"overlap", "midpoint"}
        Which bins an anchor stands for.
    first_line : int
        Number of the first line fed, 1 unless lines before it were read elsewhere.
    on_grid : bool
        Whether every anchor must be a bin: start at a multiple of ``bin_size_bp`` and have its
        length, or less at the end of a chromosome.

    Attributes
    ----------
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype float64
        Sums of values by row and offset; column = offset + ``n_flank_bins``.
    total : float
        Sum of the values of all cis and trans lines.
    cis_by_chrom : ndarray of shape (n_chroms,), dtype int64
        Lines of a value above 0 with both anchors on the chromosome, whatever their distance.
    n_cis, n_trans : int
        Lines with both anchors on one, or on two known chromosomes.
    n_records : int
        Their sum.
    n_unknown_chrom : int
        Lines with an anchor on a chromosome of unknown name; not in ``n_records``.
    unknown_chroms : list of str
        The first 20 such names, in the order seen.
    n_lines : int
        Number of the last line read, comments (``#``) included.
    mirrored : bool
        After ``finish``: whether every pair of different anchors is listed in both orders with the
        same value, as in a full symmetric matrix. ``counts`` and ``total`` then hold each once.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit.
    RegionParseError
        By ``feed`` and ``finish``: a line is malformed.

    Notes
    -----
    An end of an anchor that lies past its chromosome by less than a bin is accepted and cut: the
    last bin of a grid. Memory is O(n_rows * bins + bins of all chromosomes), whatever the size of
    the file. The kernel releases the GIL; one counter belongs to one thread.
    """

    _content: ClassVar[str] = "a file of loops or bin pairs"

    def __init__(
        self,
        chrom_names: Sequence[str],
        chrom_lengths: Sequence[int] | npt.NDArray[np.integer],
        alias: Mapping[str, str],
        row_chrom: npt.NDArray[np.integer],
        row_bin: npt.NDArray[np.integer],
        bin_size_bp: int,
        n_flank_bins: int,
        layout: RegionLayout,
        anchors: Literal["overlap", "midpoint"] = "overlap",
        first_line: int = 1,
        on_grid: bool = False,
    ) -> None:
        if anchors not in ANCHORS:
            raise ValueError(f"anchors must be 'overlap' or 'midpoint'; got {anchors!r}")
        tables = BinTables(
            chrom_names, chrom_lengths, alias, row_chrom, row_bin, bin_size_bp, n_flank_bins
        )
        self._tables = tables
        self._first_position = int(layout.one_based)
        counts = np.zeros((tables.n_rows, 2 * tables.n_flank + 1))
        cis_by_chrom = np.zeros(len(tables.names), np.int64)
        # What lines of two equal anchors add, which no file lists twice: in the middle column,
        # and in the others, which are allocated when the first such line comes.
        self._own_centre = np.zeros(tables.n_rows)
        self._own_flank: npt.NDArray[np.float64] | None = None
        columns = [layout.chrom1, layout.start1, layout.end1]
        columns += [layout.chrom2, layout.start2, layout.end2]
        if layout.value >= 0:
            columns.append(layout.value)
        kernel = _regions.RegionKernel(
            len(tables.codes) + MAX_UNKNOWN,
            check_integer("first_line", first_line, 1, MAX_FIRST_LINE),
            np.array(columns, np.int64),
            np.array(_regions.KINDS[: len(columns)], np.int32),
            counts,
            cis_by_chrom,
            tables.n_flank,
            ord(layout.separator),
            tables.lengths,
            tables.first_slot,
            tables.slots,
            self._own_centre,
            tables.bin_size,
            self._first_position,
            anchors == "midpoint",
            on_grid,
        )
        super().__init__(
            kernel, tables.codes, columns, _FIELD_NAMES, layout.separator, counts, cis_by_chrom
        )

    def _make_room(self) -> None:
        self._own_flank = np.zeros_like(self.counts)
        self._kernel.set_own_flank(self._own_flank)

    def _halve(self) -> None:
        middle = self._tables.n_flank
        if self._own_flank is not None:
            self.counts += self._own_flank
        self.counts[:, middle] += self._own_centre
        self.counts *= 0.5

    def _range_reason(self, status: int, what: str, found: bytes, role: int) -> str:
        if status == _lines.STATUS_EMPTY_ANCHOR:
            start = self._kernel.error_number
            wanted = f"at least {start}" if self._first_position else f"more than {start}"
            return f"the {what} is {int(found)}, but the start is {start}; expected {wanted}"
        if status == _lines.STATUS_OFF_GRID:
            size, base = self._tables.bin_size, self._first_position
            wanted = f"a multiple of {size}" + " plus 1" * base
            if role not in _regions.STARTS:
                start = self._kernel.error_number
                wanted = f"at most {start - base + size}, a bin of {size} from {start} on"
            return (
                f"the {what} is {int(found)}; expected {wanted} (is every region one bin of the "
                "matrix?)"
            )
        name, length = self._tables.chromosome(self._kernel.error_chrom)
        if role in _regions.STARTS:
            first = self._first_position
            wanted = f"{first} to {length - 1 + first}"
        else:
            wanted = f"at most {length}"
        return (
            f"the {what} is {int(found)}, outside {name}; expected {wanted} "
            "(is this the right genome?)"
        )
