"""Sums over replicates by row and bin: in memory, or in a nameless file beside the output."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from dexkit.errors import OutputError
from dexkit.files import disk_errors

#: Bytes that are added or read at a time.
BLOCK_BYTES = 8 << 20


def rows_in_block(n_bins: int) -> int:
    """Return how many rows of float64 make a block, at least one."""
    return max(1, BLOCK_BYTES // (8 * n_bins))


class RowSums:
    """Sums of float64, filled replicate by replicate and read in pieces.

    Parameters
    ----------
    n_rows, n_bins : int
        Shape.
    folder : Path or None
        Where the file lies; it has no name, and goes with the process. None keeps the sums in
        memory.

    Raises
    ------
    OutputError
        When the disk cannot hold the file.
    """

    def __init__(self, n_rows: int, n_bins: int, folder: Path | None) -> None:
        self.shape = (n_rows, n_bins)
        self._folder = folder
        self._array: npt.NDArray[np.float64] | None = None
        self._file: BinaryIO | None = None
        if folder is None:
            self._array = np.zeros(self.shape)
            return
        with disk_errors(folder):
            self._file = tempfile.TemporaryFile(dir=folder)
            n_bytes = 8 * n_rows * n_bins
            if n_bytes and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._file.fileno(), 0, n_bytes)  # a full disk shows now
            else:
                self._file.truncate(n_bytes)

    def add(self, counts: npt.NDArray[Any], divisor: float) -> None:
        """Add ``counts / divisor``.

        Parameters
        ----------
        counts : ndarray of shape (n_rows, n_bins)
            Whole or broken numbers.
        divisor : float
            Depth of the replicate; 1 to add the counts as they are.
        """
        step = rows_in_block(self.shape[1])
        for start in range(0, self.shape[0], step):
            stop = min(start + step, self.shape[0])
            added = counts[start:stop] / divisor
            added += self.rows(start, stop)
            self._store(start, added)

    def _store(self, start: int, rows: npt.NDArray[np.float64]) -> None:
        if self._array is not None:
            self._array[start : start + len(rows)] = rows
        elif self._file is not None and self._folder is not None:
            with disk_errors(self._folder):
                self._file.seek(8 * start * self.shape[1])
                self._file.write(rows.data)
                self._file.flush()

    def rows(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        """Return the rows ``[start, stop)``: part of the sums in memory, or a copy from the file.

        Parameters
        ----------
        start, stop : int
            Within the shape.

        Returns
        -------
        ndarray of shape (stop - start, n_bins), dtype float64
            Not to be changed.
        """
        if self._array is not None:
            return self._array[start:stop]
        n_bytes = 8 * (stop - start) * self.shape[1]
        data = b""
        if self._file is not None:
            self._file.seek(8 * start * self.shape[1])
            data = self._file.read(n_bytes)
        if len(data) != n_bytes:
            raise OutputError(f"{self._folder}: the temporary file of the contacts is cut off")
        return np.frombuffer(data).reshape(-1, self.shape[1])

    def close(self) -> None:
        """Give memory or disk back."""
        self._array = None
        if self._file is not None:
            self._file.close()

    def __del__(self) -> None:
        """Close with the plans of a build, whether it came to its end or not."""
        self.close()
