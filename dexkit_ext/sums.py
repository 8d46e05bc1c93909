"""What the counters of lines with values have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit_ext.lines import LineCounter, LineError


class RegionParseError(LineError):
    """A line of a file of regions or of a matrix cannot be read; see ``line`` and ``reason``."""


class ValueCounter(LineCounter):
    """Sum the values of lines; halve them in a file that lists every pair in both orders.

    Parameters
    ----------
    kernel, codes, columns, fields, separator
        As for LineCounter.
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype float64
        What the kernel adds to.
    cis_by_chrom : ndarray of shape (n_chroms,), dtype int64
        What the kernel adds to.
    """

    _error = RegionParseError

    def __init__(
        self,
        kernel: Any,
        codes: Mapping[str, int],
        columns: Sequence[int],
        fields: Sequence[str],
        separator: str,
        counts: npt.NDArray[np.float64],
        cis_by_chrom: npt.NDArray[np.int64],
    ) -> None:
        super().__init__(kernel, codes, columns, fields, separator)
        self.counts = counts
        self.cis_by_chrom = cis_by_chrom
        self.mirrored = False

    @property
    def n_records(self) -> int:
        """Lines counted: ``n_cis + n_trans``."""
        return self.n_cis + self.n_trans

    @property
    def total(self) -> float:
        """Sum of the values of these lines; a pair listed in both orders counts once."""
        share = 0.5 if self.mirrored else 1.0
        return float(self._kernel.own_total + share * self._kernel.other_total)

    def finish(self) -> None:
        """Count the last line, where it lacks its line feed, and close the counter.

        Raises
        ------
        RegionParseError
            The last line is malformed, for example cut short.
        ValueError
            The counter is finished.
        """
        super().finish()
        self.mirrored = bool(self._kernel.mirrored)
        if self.mirrored:
            self._halve()

    def _halve(self) -> None:
        """Halve what lines of two different ends added, in place."""
        raise NotImplementedError
