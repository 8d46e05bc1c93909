"""Count the pixels of a binned contact matrix around rows (TSS bins)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dexkit_ext import _pixels
from dexkit_ext.arrays import check_integer

ID_DTYPES = (np.dtype(np.int32), np.dtype(np.int64))
"""Types of bin numbers that the kernel takes."""

VALUE_DTYPES = tuple(np.dtype(t) for t in (np.int32, np.uint32, np.int64, np.float32, np.float64))
"""Types of pixel values that the kernel takes."""

_MAX_FLANK = 1_000_000


class PixelError(ValueError):
    """A pixel cannot be counted: its bins or its value are impossible.

    Parameters
    ----------
    index : int
        Which of the pixels of the call, counted from 0.
    reason : str
        What is wrong, and what was expected.
    """

    def __init__(self, index: int, reason: str) -> None:
        self.index = index
        self.reason = reason
        super().__init__(f"pixel {index}: {reason}")

    def __reduce__(self) -> tuple[type[PixelError], tuple[int, str]]:
        return type(self), (self.index, self.reason)


class PixelTotals(NamedTuple):
    """What was counted by one or more calls of :func:`count_pixels`; totals add up.

    Parameters
    ----------
    cis, trans, unknown : float
        Sums of the values of pixels on one chromosome, on two, and with a bin on none.
    n_cis, n_trans, n_unknown : int
        Numbers of these pixels.
    n_missing : int
        Pixels whose value is NaN; they are in no other number.
    """

    cis: float = 0.0
    trans: float = 0.0
    unknown: float = 0.0
    n_cis: int = 0
    n_trans: int = 0
    n_unknown: int = 0
    n_missing: int = 0

    @property
    def n_pixels(self) -> int:
        """Number of all pixels."""
        return self.n_cis + self.n_trans + self.n_unknown + self.n_missing

    def plus(self, other: PixelTotals) -> PixelTotals:
        """Return the totals of both."""
        return PixelTotals(
            self.cis + other.cis,
            self.trans + other.trans,
            self.unknown + other.unknown,
            self.n_cis + other.n_cis,
            self.n_trans + other.n_trans,
            self.n_unknown + other.n_unknown,
            self.n_missing + other.n_missing,
        )


def count_pixels(
    bin1: npt.NDArray[np.integer],
    bin2: npt.NDArray[np.integer],
    value: npt.NDArray[np.number],
    row_of_bin: npt.NDArray[np.int32],
    chrom_of_bin: npt.NDArray[np.int32],
    n_flank_bins: int,
    counts: npt.NDArray[np.float64],
    cis_by_chrom: npt.NDArray[np.int64],
) -> PixelTotals:
    """Add pixels (bin, bin, value) to the profiles of rows.

    A pixel within one chromosome adds its value to the row of bin i at offset j - i and to the
    row of bin j at offset i - j, where there are such rows and the offset lies within
    ``n_flank_bins``; a pixel (i, i) adds it once. Equal bin pairs add up, in either order.

    Parameters
    ----------
    bin1, bin2 : ndarray of shape (n_pixels,), dtype int32 or int64
        Bins of the pixels; the bins of one chromosome have consecutive numbers.
    value : ndarray of shape (n_pixels,), dtype int32, uint32, int64, float32 or float64
        At least 0; NaN stands for a missing value.
    row_of_bin : ndarray of shape (n_bins,), dtype int32
        Row of each bin, -1 for none.
    chrom_of_bin : ndarray of shape (n_bins,), dtype int32
        Chromosome of each bin, -1 for none.
    n_flank_bins : int
        Bins counted on either side of a row's bin.
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype float64
        Added to in place; column = offset + ``n_flank_bins``.
    cis_by_chrom : ndarray of shape (n_chroms,), dtype int64
        Added to in place: pixels above 0 with both bins on the chromosome.

    Returns
    -------
    PixelTotals
        Sums and numbers of this call.

    Raises
    ------
    PixelError
        A bin number outside the tables, or a negative or infinite value. The pixels before it
        have been counted.
    TypeError, ValueError
        An argument does not fit, or a table names a row or chromosome that is not there.

    Notes
    -----
    O(n_pixels) time and no memory of its own; no argument is copied. The GIL is released.

    Examples
    --------
    >>> import numpy as np
    >>> counts, cis = np.zeros((1, 3)), np.zeros(1, np.int64)
    >>> row, chrom = np.array([-1, 0, -1], np.int32), np.zeros(3, np.int32)
    >>> ends = np.array([0, 1], np.int32), np.array([1, 1], np.int32)
    >>> count_pixels(*ends, np.array([2, 5], np.int32), row, chrom, 1, counts, cis).cis
    7.0
    >>> counts
    array([[2., 5., 0.]])
    """
    n_flank = check_integer("n_flank_bins", n_flank_bins, 0, _MAX_FLANK)
    _check("bin1", bin1, ID_DTYPES, (None,))
    _check("bin2", bin2, (bin1.dtype,), bin1.shape)
    _check("value", value, VALUE_DTYPES, bin1.shape)
    _check("row_of_bin", row_of_bin, (np.dtype(np.int32),), (None,))
    _check("chrom_of_bin", chrom_of_bin, (np.dtype(np.int32),), row_of_bin.shape)
    _check("counts", counts, (np.dtype(np.float64),), (None, 2 * n_flank + 1))
    _check("cis_by_chrom", cis_by_chrom, (np.dtype(np.int64),), (None,))
    inputs = (bin1, bin2, value, row_of_bin, chrom_of_bin)
    for name, array, others in (
        ("counts", counts, (*inputs, cis_by_chrom)),
        ("cis_by_chrom", cis_by_chrom, inputs),
    ):
        if not array.flags.writeable:
            raise ValueError(f"{name} must be writable; got a read-only array")
        if any(np.may_share_memory(array, other) for other in others):
            raise ValueError(f"{name} must not share memory with another argument")
    status, index, totals = _pixels.count_pixels(
        bin1, bin2, value, row_of_bin, chrom_of_bin, n_flank, counts, cis_by_chrom
    )
    if status == _pixels.STATUS_OK:
        return PixelTotals(*totals)
    if status == _pixels.STATUS_BAD_ROW:
        raise ValueError(f"row_of_bin names a row of {len(counts)} or more; counts has not so many")
    if status == _pixels.STATUS_BAD_CHROM:
        raise ValueError(
            f"chrom_of_bin names a chromosome of {len(cis_by_chrom)} or more; cis_by_chrom has "
            "not so many"
        )
    if status == _pixels.STATUS_BAD_VALUE:
        raise PixelError(index, f"the value is {value[index]}; expected a finite number, 0 or more")
    name, ids = ("bin1", bin1) if status == _pixels.STATUS_BAD_BIN1 else ("bin2", bin2)
    raise PixelError(
        index, f"{name} is {ids[index]}; expected a bin from 0 to {len(row_of_bin) - 1}"
    )


def _check(
    name: str,
    array: object,
    dtypes: tuple[np.dtype[np.generic], ...],
    shape: tuple[int | None, ...],
) -> None:
    """Raise unless ``array`` has one of the dtypes, the shape (None: any length) and is dense."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be an ndarray; got {type(array).__name__}")
    if array.dtype not in dtypes:
        wanted = " or ".join(str(dtype) for dtype in dtypes)
        raise TypeError(f"{name} must have dtype {wanted}; got {array.dtype}")
    if array.ndim != len(shape) or any(
        want is not None and got != want for got, want in zip(array.shape, shape, strict=True)
    ):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{name} must have shape ({wanted}); got {array.shape}")
    if not array.flags.c_contiguous or not array.flags.aligned:
        raise ValueError(f"{name} must be C-contiguous and aligned; got a strided array")
