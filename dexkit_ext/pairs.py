"""Streaming count of contact pairs around rows (TSS bins)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from dexkit_ext import _pairs
from dexkit_ext.arrays import check_integer
from dexkit_ext.pair_tables import check_lengths, name_codes, slot_table

_MAX_UNKNOWN = 20
_MAX_BIN_BP = 1 << 31
_MAX_FLANK = 1_000_000
_MAX_COLUMN = 10_000
_FIELD_NAMES = (
    "chromosome of end 1",
    "position of end 1",
    "chromosome of end 2",
    "position of end 2",
    "pair type",
)


class PairParseError(ValueError):
    """A line of a pairs file cannot be read.

    Parameters
    ----------
    line : int
        1-based line number, header lines included.
    reason : str
        What is wrong, and what was expected.
    """

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"line {line}: {reason}")

    def __reduce__(self) -> tuple[type[PairParseError], tuple[int, str]]:
        return type(self), (self.line, self.reason)


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
        for name, column in columns.items():
            check_integer(name, column, -1 if name == "pair_type" else 0, _MAX_COLUMN)
        used = [column for column in columns.values() if column >= 0]
        if len(set(used)) != len(used):
            raise ValueError(f"every field needs a column of its own; got {columns}")


class PairCounter:
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

    Notes
    -----
    Memory is O(n_rows * bins + bins of all chromosomes), whatever the size of the file. The
    kernel releases the GIL, so that counters in several threads run side by side; one counter
    belongs to one thread. Chunks of 256 KiB to 1 MiB stay in cache and are fastest.
    """

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
        self._names = tuple(chrom_names)
        self._layout = layout
        bin_size = check_integer("bin_size_bp", bin_size_bp, 1, _MAX_BIN_BP)
        n_flank = check_integer("n_flank_bins", n_flank_bins, 0, _MAX_FLANK)
        self._lengths = check_lengths(self._names, chrom_lengths)
        codes = name_codes(self._names, alias)
        n_bins = -(-self._lengths // bin_size)
        first_slot = np.concatenate(([0], np.cumsum(n_bins)[:-1])).astype(np.int64)
        slots = slot_table(self._names, n_bins, first_slot, row_chrom, row_bin)

        self.counts = np.zeros((len(row_chrom), 2 * n_flank + 1), np.uint32)
        self.cis_by_chrom = np.zeros(len(self._names), np.int64)
        self.unknown_chroms: list[str] = []
        columns = [layout.chrom1, layout.pos1, layout.chrom2, layout.pos2]
        if layout.pair_type >= 0:
            columns.append(layout.pair_type)
        self._columns = columns
        self._kernel = _pairs.PairKernel(
            self._lengths,
            first_slot,
            slots,
            self.counts,
            self.cis_by_chrom,
            np.array(columns, np.int64),
            bin_size,
            n_flank,
            int(layout.one_based),
            len(codes) + _MAX_UNKNOWN + 1,
        )
        for name, code in codes.items():
            self._kernel.add_name(name.encode(), code)
        self._kernel.add_name(b"!", _pairs.NAME_UNMAPPED)
        # The incomplete line at the end of the last chunk.
        self._tail = bytearray()
        self._closed = False

    @property
    def n_lines(self) -> int:
        """Lines read so far, comments included."""
        return int(self._kernel.n_lines)

    @property
    def n_cis(self) -> int:
        """Pairs with both ends on one known chromosome."""
        return int(self._kernel.n_cis)

    @property
    def n_trans(self) -> int:
        """Pairs with ends on two known chromosomes."""
        return int(self._kernel.n_trans)

    @property
    def n_pairs(self) -> int:
        """Valid pairs: ``n_cis + n_trans``."""
        return self.n_cis + self.n_trans

    @property
    def n_unknown_chrom(self) -> int:
        """Pairs with an end on a chromosome of unknown name."""
        return int(self._kernel.n_unknown_chrom)

    @property
    def n_dropped(self) -> int:
        """Pairs of type ``DD`` or with an unmapped end."""
        return int(self._kernel.n_dropped)

    def feed(self, chunk: bytes | bytearray | memoryview) -> None:
        """Count the next bytes of the (decompressed) text; a chunk may end anywhere.

        Parameters
        ----------
        chunk : bytes, bytearray or memoryview
            The bytes that follow those of the last call.

        Raises
        ------
        PairParseError
            A malformed line. The counter is of no further use then.
        TypeError
            ``chunk`` is not bytes.
        ValueError
            The counter is finished.
        """
        self._check_open()
        if isinstance(chunk, bytearray | memoryview):
            chunk = bytes(chunk)
        if not isinstance(chunk, bytes):
            raise TypeError(f"a chunk must be bytes; got {type(chunk).__name__}")
        start = 0
        if self._tail:
            start = chunk.find(b"\n") + 1
            self._tail += chunk[:start] if start else chunk
            if start:
                self._parse(bytes(self._tail), 0)
                self._tail.clear()
        if start or not self._tail:
            self._tail += memoryview(chunk)[self._parse(chunk, start) :]
        if len(self._tail) > _pairs.MAX_LINE_BYTES:
            self._fail(_pairs.STATUS_TOO_LONG, self.n_lines + 1, b"", 0)

    def finish(self) -> None:
        """Count the last line, where it lacks its line feed, and close the counter.

        Raises
        ------
        PairParseError
            The last line is malformed, for example cut short.
        ValueError
            The counter is finished.
        """
        self._check_open()
        if self._tail:
            self._tail += b"\n"
            self._parse(bytes(self._tail), 0)
            self._tail.clear()
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("this counter is finished (or has failed); make another one")

    def _parse(self, data: bytes, start: int) -> int:
        """Count the whole lines of ``data``; return where the incomplete one starts."""
        kernel = self._kernel
        while True:
            status = kernel.parse(data, start)
            start = kernel.at
            if status == _pairs.STATUS_OK:
                return int(start)
            found = data[kernel.error_start : kernel.error_stop]
            if status != _pairs.STATUS_NEW_NAME:
                line = kernel.blank_line if status == _pairs.STATUS_BLANK_LINE else kernel.n_lines
                self._fail(status, line, found, kernel.error_field)
            # The kernel stopped before the line: once the name is known it counts the line.
            kernel.add_name(found, _pairs.NAME_UNKNOWN)
            self.unknown_chroms.append(found.decode("utf-8", "backslashreplace"))
            if len(self.unknown_chroms) == _MAX_UNKNOWN:
                kernel.learn_names = False

    def _fail(self, status: int, line: int, found: bytes, field: int) -> NoReturn:
        """Raise the error that a status code stands for."""
        self._closed = True
        raise PairParseError(int(line), self._reason(status, found, field))

    def _reason(self, status: int, found: bytes, field: int) -> str:
        """Word a status code; ``found`` is the field or the line at fault."""
        if status == _pairs.STATUS_TOO_LONG:
            return f"longer than {_pairs.MAX_LINE_BYTES} bytes; this is not a file of pairs"
        if status == _pairs.STATUS_NUL_BYTE:
            return "a NUL byte; expected text (is the file damaged, or still compressed?)"
        if status == _pairs.STATUS_BLANK_LINE:
            return "an empty line; only the end of the file may have one"
        if status == _pairs.STATUS_TOO_FEW_COLUMNS:
            return (
                f"got {found.count(9) + 1} tab-separated columns; expected at least "
                f"{max(self._columns) + 1} (is the file cut short?)"
            )
        what = f"{_FIELD_NAMES[field]} (column {self._columns[field] + 1})"
        if status == _pairs.STATUS_EMPTY_FIELD:
            return f"the {what} is empty"
        text = repr(found[:40].decode("utf-8", "backslashreplace"))
        if status == _pairs.STATUS_BAD_POSITION:
            if found.isdigit():
                return f"the {what} is {text}; expected at most {_pairs.MAX_POSITION_DIGITS} digits"
            return f"the {what} is {text}; expected a whole number"
        chrom = self._kernel.error_chrom
        first = int(self._layout.one_based)
        last = int(self._lengths[chrom]) - 1 + first
        return (
            f"the {what} is {int(found)}, outside {self._names[chrom]}; expected {first} to {last} "
            "(is this the right genome?)"
        )
