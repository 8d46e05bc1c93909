"""Count the pixels of a cooler matrix: raw or balanced, upper triangle or square."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dexkit.io.contacts.pixel_rows import MatrixBins, Tally
from dexkit_ext import PixelError

Ids = npt.NDArray[np.int64]
Values = npt.NDArray[np.number]

# Odd constants of SplitMix64 (Steele, Lea and Flood 2014), which spread the bits of a number.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


class PixelCounter:
    """Profiles of values, and totals of raw counts, from pixels as they come.

    Parameters
    ----------
    bins : MatrixBins
        Bins of the matrix.
    n_rows : int
        Rows to count.
    n_flank_bins : int
        Bins on either side of a row's bin.
    n_chroms : int
        Chromosomes of the FASTA.
    weights : ndarray of shape (n_bins,), dtype float64, optional
        A value is count * weight * weight; NaN where a bin has none.

    Attributes
    ----------
    profiles : Tally
        Values, balanced where there are weights.
    raw : Tally
        Raw counts; the same tally where there are no weights.
    """

    def __init__(
        self,
        bins: MatrixBins,
        n_rows: int,
        n_flank_bins: int,
        n_chroms: int,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> None:
        self._weights = weights
        self.profiles = Tally(bins, n_rows, n_flank_bins, n_chroms)
        self.raw = self.profiles
        if weights is not None:
            no_rows = replace(bins, row_of_bin=np.full_like(bins.row_of_bin, -1))
            self.raw = Tally(no_rows, 0, n_flank_bins, n_chroms)

    def add(self, bin1: Ids, bin2: Ids, count: Values) -> None:
        """Count pixels.

        Raises
        ------
        PixelError
            When a bin or a count is impossible.
        """
        self.raw.add(bin1, bin2, count)
        if self._weights is not None:
            with np.errstate(over="ignore"):  # what is not finite is refused while it is counted
                value = self._weights[bin1] * self._weights[bin2] * count
            self.profiles.add(bin1, bin2, value)

    def merge(self, other: PixelCounter) -> None:
        """Add what another counter over the same rows has counted."""
        self.profiles.merge(other.profiles)
        if self.raw is not self.profiles:
            self.raw.merge(other.raw)


class UpperCounter(PixelCounter):
    """Counts a matrix of which only the upper triangle is stored."""

    def add(self, bin1: Ids, bin2: Ids, count: Values) -> None:
        """Count pixels; one below the diagonal is an error."""
        below = bin1 > bin2
        if below.any():
            index = int(np.argmax(below))
            raise PixelError(
                index,
                f"bins {bin1[index]} and {bin2[index]} lie below the diagonal; expected the upper "
                "triangle alone, as the storage mode symmetric-upper says",
            )
        super().add(bin1, bin2, count)

    def finish(self) -> tuple[PixelCounter, str | None]:
        """Return the counter, and nothing to say."""
        return self, None


class SquareCounter:
    """Counts a matrix that is stored whole, and finds out whether it lists every pair twice.

    The two triangles are counted apart. They are the same when they have equal numbers of pixels
    and equal sums of a 64-bit hash of (lower bin, higher bin, count), whatever their order; then
    the upper one is taken, else both are added up.
    """

    def __init__(self, upper: PixelCounter, lower: PixelCounter) -> None:
        self._upper = upper
        self._lower = lower
        self._seen = {False: (0, 0), True: (0, 0)}

    def add(self, bin1: Ids, bin2: Ids, count: Values) -> None:
        """Count pixels, as :meth:`PixelCounter.add`."""
        below = bin1 > bin2
        for counter, is_below in ((self._upper, False), (self._lower, True)):
            place = np.flatnonzero(below if is_below else ~below)
            part = bin1[place], bin2[place], count[place]
            try:
                counter.add(*part)
            except PixelError as error:
                raise PixelError(int(place[error.index]), error.reason) from None
            off = part[0] != part[1]
            low, high = (part[1], part[0]) if is_below else (part[0], part[1])
            digest = _digest(low[off], high[off], part[2][off])
            n, total = self._seen[is_below]
            self._seen[is_below] = (n + int(off.sum()), (total + digest) % 2**64)

    def finish(self) -> tuple[PixelCounter, str | None]:
        """Return what is to be taken, and the sentence that says so."""
        if self._seen[True] == self._seen[False]:
            return self._upper, (
                "is stored as a full symmetric matrix, which lists every pair of bins twice; its "
                "upper triangle was counted"
            )
        self._upper.merge(self._lower)
        return self._upper, (
            "is stored as a full matrix that is not symmetric; the cells (i, j) and (j, i) were "
            "added up"
        )


def _digest(low: Ids, high: Ids, count: Values) -> int:
    """Sum a hash of each pixel, modulo 2**64."""
    bits = count.astype(np.float64).view(np.uint64)
    mixed = _mix(_mix(_mix(low.view(np.uint64)) ^ high.view(np.uint64)) ^ bits)
    return int(mixed.sum(dtype=np.uint64))


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    x = x + _GAMMA
    x = (x ^ (x >> np.uint64(30))) * _MIX1
    x = (x ^ (x >> np.uint64(27))) * _MIX2
    return x ^ (x >> np.uint64(31))
