"""Streaming sums over the entries of a sparse matrix as text, around rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from dexkit_ext import _matrix
from dexkit_ext.arrays import check_integer
from dexkit_ext.bin_tables import check_bins, check_flank
from dexkit_ext.regions import MAX_FIRST_LINE
from dexkit_ext.sums import ValueCounter

_COLUMNS = (0, 1, 2)
_FIELD_NAMES = ("first bin", "second bin", "value")
_MAX_ID_BASE = 1 << 40


class MatrixCounter(ValueCounter):
    """Sum the entries "bin bin value" of a sparse matrix into profiles of given bins.

    Columns are separated by blanks or tabs, as in the ``.matrix`` files of HiC-Pro. An entry
    within one chromosome adds its value to the row of the first bin at offset second - first, and
    to the row of the second at offset first - second; once on the diagonal.

    Parameters
    ----------
    row_of_bin : ndarray of shape (n_bins,), integer dtype
        Row of each bin of the matrix, -1 where there is none.
    chrom_of_bin : ndarray of shape (n_bins,), integer dtype
        Chromosome of each bin, -1 where unknown. Bins of one chromosome follow one another.
    n_chroms : int
        Number of chromosomes.
    n_rows : int
        Number of rows.
    n_flank_bins : int
        Bins counted on either side of a row's bin.
    id_base : int
        Number of the first bin of the matrix, 1 for HiC-Pro.
    first_line : int
        Number of the first line fed, 1 unless lines before it were read elsewhere.

    Attributes
    ----------
    counts, total, cis_by_chrom, n_cis, n_trans, n_records, n_unknown_chrom, n_lines, mirrored
        As those of :class:`~dexkit_ext.RegionCounter`, with entries for lines.
    unknown_chroms : list of str
        Empty: the text holds no names.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit.
    RegionParseError
        By ``feed`` and ``finish``: a line is malformed.

    Notes
    -----
    Memory is O(n_rows * bins + n_bins), whatever the size of the file. The kernel releases the
    GIL; one counter belongs to one thread.
    """

    _content: ClassVar[str] = "a sparse matrix as text"

    def __init__(
        self,
        row_of_bin: npt.NDArray[np.integer],
        chrom_of_bin: npt.NDArray[np.integer],
        n_chroms: int,
        n_rows: int,
        n_flank_bins: int,
        id_base: int = 1,
        first_line: int = 1,
    ) -> None:
        rows, chroms = check_bins(row_of_bin, chrom_of_bin, n_chroms, n_rows)
        self._first_id = check_integer("id_base", id_base, 0, _MAX_ID_BASE)
        self._last_id = self._first_id + len(rows) - 1
        self._middle = check_flank(n_flank_bins)
        counts = np.zeros((n_rows, 2 * self._middle + 1))
        cis_by_chrom = np.zeros(n_chroms, np.int64)
        kernel = _matrix.MatrixKernel(
            0,
            check_integer("first_line", first_line, 1, MAX_FIRST_LINE),
            np.array(_COLUMNS, np.int64),
            np.array(_matrix.KINDS, np.int32),
            counts,
            cis_by_chrom,
            self._middle,
            rows,
            chroms,
            self._first_id,
        )
        super().__init__(kernel, {}, _COLUMNS, _FIELD_NAMES, " ", counts, cis_by_chrom)

    def _halve(self) -> None:
        self.counts[:, : self._middle] *= 0.5
        self.counts[:, self._middle + 1 :] *= 0.5

    def _range_reason(self, status: int, what: str, found: bytes, role: int) -> str:
        return (
            f"the {what} is {int(found)}; expected {self._first_id} to {self._last_id}, as the "
            "list of bins says (does it belong to this matrix?)"
        )
