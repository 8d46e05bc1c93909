"""The tables behind a counter: chromosome lengths, names, and the row of each bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dexkit_ext.arrays import check_integer

_MAX_BIN_BP = 1 << 31
_MAX_FLANK = 1_000_000
_MAX_COLUMN = 10_000
# The kernels keep a chromosome and a position in 64 bits: 23 and 40 of them, and a sign.
_MAX_LENGTH = 1 << 40
_MAX_CHROMS = 1 << 23


class BinTables:
    """Chromosomes and rows as the kernels take them.

    Parameters
    ----------
    chrom_names, chrom_lengths, alias, row_chrom, row_bin, bin_size_bp, n_flank_bins
        As :class:`~dexkit_ext.PairCounter` takes them.

    Attributes
    ----------
    names : tuple of str
    lengths : ndarray of shape (n_chroms,), dtype int64
        In base pairs.
    codes : dict of str to int
        Chromosome index of every name and alias.
    first_slot : ndarray of shape (n_chroms,), dtype int64
        Where the bins of each chromosome start in ``slots``.
    slots : ndarray of shape (n_bins,), dtype int32
        Row of each bin of each chromosome, -1 where there is none.
    n_rows, bin_size, n_flank : int
        Rows; base pairs a bin; bins on either side.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit.
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
    ) -> None:
        self.names = tuple(chrom_names)
        self.bin_size = check_integer("bin_size_bp", bin_size_bp, 1, _MAX_BIN_BP)
        self.n_flank = check_flank(n_flank_bins)
        self.lengths = check_lengths(self.names, chrom_lengths)
        self.codes = name_codes(self.names, alias)
        n_bins = -(-self.lengths // self.bin_size)
        self.first_slot = np.concatenate(([0], np.cumsum(n_bins)[:-1])).astype(np.int64)
        self.slots = slot_table(self.names, n_bins, self.first_slot, row_chrom, row_bin)
        self.n_rows = len(row_chrom)

    def chromosome(self, code: int) -> tuple[str, int]:
        """Return name and length in base pairs of a chromosome."""
        return self.names[code], int(self.lengths[code])


def check_flank(n_flank_bins: object) -> int:
    """Return the number of bins on either side as an int."""
    return check_integer("n_flank_bins", n_flank_bins, 0, _MAX_FLANK)


def check_columns(columns: Mapping[str, int], optional: str) -> None:
    """Check that columns, by field, are numbers and differ; ``optional`` may be -1 for none."""
    for name, column in columns.items():
        check_integer(name, column, -1 if name == optional else 0, _MAX_COLUMN)
    used = [column for column in columns.values() if column >= 0]
    if len(set(used)) != len(used):
        raise ValueError(f"every field needs a column of its own; got {dict(columns)}")


def check_lengths(
    names: tuple[str, ...], lengths: Sequence[int] | npt.NDArray[np.integer]
) -> npt.NDArray[np.int64]:
    """Return the chromosome lengths as int64, one positive length per name."""
    array = np.asarray(lengths)
    if array.shape != (len(names),):
        raise ValueError(
            f"chrom_lengths must have one length per name; got shape {array.shape} for "
            f"{len(names)} names"
        )
    if not 1 <= len(names) <= _MAX_CHROMS:
        raise ValueError(
            f"chrom_names has {len(names)} names; expected 1 to {_MAX_CHROMS} chromosomes"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"chrom_lengths must be integers; got dtype {array.dtype}")
    if array.min() < 1:
        worst = int(np.argmin(array))
        raise ValueError(f"chromosome {names[worst]} has length {array[worst]}; expected 1 or more")
    if array.max() > _MAX_LENGTH:
        worst = int(np.argmax(array))
        raise ValueError(
            f"chromosome {names[worst]} has length {array[worst]}; expected at most {_MAX_LENGTH}"
        )
    return array.astype(np.int64)


def name_codes(names: tuple[str, ...], alias: Mapping[str, str]) -> dict[str, int]:
    """Return the chromosome index of every name and alias."""
    codes: dict[str, int] = {}
    for code, name in enumerate(names):
        if name in codes:
            raise ValueError(f"chromosome name {name!r} is given twice")
        codes[name] = code
    for other, name in alias.items():
        if name not in codes:
            raise ValueError(f"alias {other!r} stands for {name!r}, which is not in chrom_names")
        if codes.setdefault(other, codes[name]) != codes[name]:
            raise ValueError(f"alias {other!r} stands for {name!r}, but is itself a chromosome")
    for name in codes:
        if not name or name == "!" or set(name) & set("\t\n\r\0"):
            raise ValueError(f"{name!r} cannot be a chromosome name in a file of contacts")
    return codes


def slot_table(
    names: tuple[str, ...],
    n_bins: npt.NDArray[np.int64],
    first_slot: npt.NDArray[np.int64],
    row_chrom: npt.NDArray[np.integer],
    row_bin: npt.NDArray[np.integer],
) -> npt.NDArray[np.int32]:
    """Return the row of every bin of every chromosome, -1 where there is none."""
    chrom, bin_ = np.asarray(row_chrom), np.asarray(row_bin)
    if chrom.ndim != 1 or bin_.shape != chrom.shape:
        raise ValueError(
            f"row_chrom and row_bin must have one value per row; got shapes {chrom.shape} and "
            f"{bin_.shape}"
        )
    for name, array in (("row_chrom", chrom), ("row_bin", bin_)):
        if not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"{name} must be integers; got dtype {array.dtype}")
    slots = np.full(int(n_bins.sum()), -1, np.int32)
    if not len(chrom):
        return slots
    if chrom.min() < 0 or chrom.max() >= len(names):
        raise ValueError(f"row_chrom must lie between 0 and {len(names) - 1}; got {chrom}")
    outside = np.flatnonzero((bin_ < 0) | (bin_ >= n_bins[chrom]))
    if len(outside):
        row = int(outside[0])
        raise ValueError(
            f"row {row} has bin {bin_[row]}; expected 0 to {n_bins[chrom[row]] - 1} on "
            f"{names[chrom[row]]}"
        )
    where = first_slot[chrom] + bin_
    slots[where] = np.arange(len(chrom), dtype=np.int32)
    shared = np.flatnonzero(slots[where] != np.arange(len(chrom)))
    if len(shared):
        row = int(shared[0])
        raise ValueError(
            f"rows {row} and {slots[where[row]]} are both bin {bin_[row]} of "
            f"{names[chrom[row]]}; merge rows of one bin"
        )
    return slots


def check_bins(
    row_of_bin: npt.NDArray[np.integer],
    chrom_of_bin: npt.NDArray[np.integer],
    n_chroms: int,
    n_rows: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return row and chromosome of every bin of a matrix as int32, after checking them.

    Parameters
    ----------
    row_of_bin, chrom_of_bin : ndarray of shape (n_bins,), integer dtype
        -1 where there is none; no row twice, and the bins of a chromosome in one run.
    n_chroms, n_rows : int
        What they number.

    Returns
    -------
    tuple of two ndarrays of shape (n_bins,), dtype int32
        Rows and chromosomes.

    Raises
    ------
    TypeError, ValueError
        An array does not fit.
    """
    limits = {
        "row_of_bin": check_integer("n_rows", n_rows, 0, _MAX_BIN_BP),
        "chrom_of_bin": check_integer("n_chroms", n_chroms, 1, _MAX_BIN_BP),
    }
    checked = []
    for (name, limit), given in zip(limits.items(), (row_of_bin, chrom_of_bin), strict=True):
        array = np.asarray(given)
        if not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"{name} must be integers; got dtype {array.dtype}")
        if array.ndim != 1 or not len(array):
            raise ValueError(f"{name} must have one value per bin; got shape {array.shape}")
        if array.min() < -1 or array.max() >= limit:
            raise ValueError(
                f"{name} must lie between -1 and {limit - 1}; got {array.min()} to {array.max()}"
            )
        checked.append(np.ascontiguousarray(array, np.int32))
    rows, chroms = checked
    if len(rows) != len(chroms):
        raise ValueError(
            f"row_of_bin and chrom_of_bin must be of one length; got {len(rows)} and {len(chroms)}"
        )
    if np.bincount(rows[rows >= 0]).max(initial=0) > 1:
        raise ValueError("row_of_bin names a row twice; merge rows of one bin")
    runs = chroms[np.flatnonzero(np.diff(chroms, prepend=-2))]
    if np.bincount(runs[runs >= 0]).max(initial=0) > 1:
        raise ValueError("chrom_of_bin must hold the bins of a chromosome in one run; got more")
    return rows, chroms
