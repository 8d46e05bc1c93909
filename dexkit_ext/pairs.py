"""Streaming count of contact pairs around rows (TSS bins)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from dexkit_ext import _lines, _pairs
from dexkit_ext.bin_tables import BinTables, check_columns
from dexkit_ext.lines import MAX_UNKNOWN, LineCounter, LineError

_FIELD_NAMES = (
    "chromosome of end 1",
    "position of end 1",
    "chromosome of end 2",
    "position of end 2",
    "pair type",
)


class PairParseError(LineError):
    """A line of a pairs file cannot be read; ``line`` and ``reason`` say which and why."""


@dataclass(frozen=True)
class PairLayout:
    """Where a pairs file holds what; columns are tab-separated and numbered from 0.

    Parameters
    ----------
    chrom1, pos1, chrom2, pos2 : int
        Columns of the two ends.
    pair_type : int
        Column of the pair type, -1 where there is none.
    one_based : bool
        Whether the first base of a chromosome has number 1 (else 0).

    Raises
    ------
    TypeError, ValueError
        A column is no integer, negative, or named twice.
    """

    chrom1: int
    pos1: int
    chrom2: int
    pos2: int
    pair_type: int = -1
    one_based: bool = True

    def __post_init__(self) -> None:
        columns = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "one_based"}
        check_columns(columns, optional="pair_type")


class PairCounter(LineCounter):
    """Count contact pairs into profiles of given bins, from bytes as they come.

    Both ends of a pair are assigned to bins (0-based position // ``bin_size_bp``). A pair within
    one chromosome with ends in bins i and j adds 1 to the row of bin i at offset j - i and 1 to
    the row of bin j at offset i - j, where there are such rows and the offset lies within
    ``n_flank_bins``; a pair inside one bin adds 1, once, at offset 0.

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
    layout : PairLayout
        Columns of the file and its coordinate convention.

    Attributes
    ----------
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype uint32
        Pairs by row and offset; column = offset + ``n_flank_bins``.
    cis_by_chrom : ndarray of shape (n_chroms,), dtype int64
        Pairs with both ends on the chromosome, whatever their distance.
    n_cis, n_trans : int
        Valid pairs with both ends on one, or on two known chromosomes.
    n_pairs : int
        Their sum, the sequencing depth.
    n_unknown_chrom : int
        Pairs with an end on a chromosome of unknown name; not in ``n_pairs``.
    unknown_chroms : list of str
        The first 20 such names, in the order seen.
    n_dropped : int
        Pairs of type ``DD`` (duplicates) or with an end on ``!`` (unmapped); not in ``n_pairs``.
    n_lines : int
        Lines read, comments (``#``) included.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit.
    PairParseError
        By ``feed`` and ``finish``: a line is malformed.

    Notes
    -----
    Memory is O(n_rows * bins + bins of all chromosomes), whatever the size of the file. The
    kernel releases the GIL, so that counters in several threads run side by side; one counter
    belongs to one thread. Chunks of 256 KiB to 1 MiB stay in cache and are fastest.
    """

    _error = PairParseError
    _content: ClassVar[str] = "a file of pairs"

    def __init__(
        self,
        chrom_names: Sequence[str],
        chrom_lengths: Sequence[int] | npt.NDArray[np.integer],
        alias: Mapping[str, str],
        row_chrom: npt.NDArray[np.integer],
        row_bin: npt.NDArray[np.integer],
        bin_size_bp: int,
        n_flank_bins: int,
        layout: PairLayout,
    ) -> None:
        tables = BinTables(
            chrom_names, chrom_lengths, alias, row_chrom, row_bin, bin_size_bp, n_flank_bins
        )
        self._tables = tables
        self._first_position = int(layout.one_based)
        self.counts = np.zeros((tables.n_rows, 2 * tables.n_flank + 1), np.uint32)
        self.cis_by_chrom = np.zeros(len(tables.names), np.int64)
        columns = [layout.chrom1, layout.pos1, layout.chrom2, layout.pos2]
        if layout.pair_type >= 0:
            columns.append(layout.pair_type)
        kernel = _pairs.PairKernel(
            len(tables.codes) + MAX_UNKNOWN + 1,
            1,
            np.array(columns, np.int64),
            np.array(_pairs.KINDS[: len(columns)], np.int32),
            tables.lengths,
            tables.first_slot,
            tables.slots,
            self.counts,
            self.cis_by_chrom,
            tables.bin_size,
            tables.n_flank,
            self._first_position,
        )
        super().__init__(kernel, tables.codes, columns, _FIELD_NAMES, "\t")
        kernel.add_name(b"!", _lines.NAME_UNMAPPED)

    @property
    def n_pairs(self) -> int:
        """Valid pairs: ``n_cis + n_trans``."""
        return self.n_cis + self.n_trans

    @property
    def n_dropped(self) -> int:
        """Pairs of type ``DD`` or with an unmapped end."""
        return int(self._kernel.n_dropped)

    def _range_reason(self, status: int, what: str, found: bytes, role: int) -> str:
        name, length = self._tables.chromosome(self._kernel.error_chrom)
        first = self._first_position
        return (
            f"the {what} is {int(found)}, outside {name}; expected {first} to {length - 1 + first} "
            "(is this the right genome?)"
        )
