"""What the readers of binary matrices share: the bins of the file, set against rows and FASTA."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError, InputError
from dexkit.genome import Genome
from dexkit.io.chroms import first_names, reconcile
from dexkit.io.contacts.names import check_lengths
from dexkit.io.contacts.tss_bins import TssBins
from dexkit.io.text import STDIN, InputRecord, StoredDigest, input_file
from dexkit_ext import PixelTotals, count_pixels

RAW = "NONE"
"""Name of no normalisation at all, as Juicer has it."""

DIVISIVE_WEIGHTS = frozenset(
    "VC GW_VC INTER_VC VC_SQRT KR GW_KR INTER_KR SCALE GW_SCALE INTER_SCALE".split()
)
"""Weights by which counts are divided, unless the file says otherwise: Juicer's vectors, as cooler
(``_4DN_DIVISIVE_WEIGHTS`` in its ``api.py``) and hictk (``Weights::infer_type``) have it. With any
other weight counts are multiplied, as ``cooler balance`` makes them."""

_HASH_BLOCK_BYTES = 1 << 20
_MOST_BINS = 1 << 30  # a 3-Gb genome in bins of 3 bp: beyond it a length is damaged


@dataclass(frozen=True)
class MatrixBins:
    """The bins of a matrix, chromosome after chromosome in the order of the file.

    Parameters
    ----------
    lengths : mapping of str to int
        Chromosomes of the file, by its own names, in base pairs.
    first_bin : ndarray of shape (n_file_chroms + 1,), dtype int64
        Number of the first bin of each chromosome; the last element is the number of bins.
    chrom_of_bin : ndarray of shape (n_bins,), dtype int32
        Chromosome as its position in the FASTA, -1 where the FASTA has it not.
    row_of_bin : ndarray of shape (n_bins,), dtype int32
        Row whose TSS bin this is, -1 for none.
    unknown : tuple of str
        Chromosomes that the FASTA has not.
    message : str or None
        Sentence to say when chromosome names were mapped.
    """

    lengths: Mapping[str, int]
    first_bin: npt.NDArray[np.int64]
    chrom_of_bin: npt.NDArray[np.int32]
    row_of_bin: npt.NDArray[np.int32]
    unknown: tuple[str, ...]
    message: str | None


def matrix_bins(
    lengths: Mapping[str, int],
    bin_size_bp: int,
    tss_bins: TssBins,
    genome: Genome,
    alias: Mapping[str, str] | None,
    path: Path,
) -> MatrixBins:
    """Relate the bins of a file to the FASTA and to the rows.

    Parameters
    ----------
    lengths : mapping of str to int
        Chromosomes of the file in its order, in base pairs.
    bin_size_bp : int
        Of the bins to number; rows are placed only where it is that of ``tss_bins``.
    tss_bins : TssBins
        Rows.
    genome : Genome
        Chromosomes of the FASTA.
    alias : mapping of str to str or None
        Known other names of FASTA chromosomes.
    path : Path
        For messages.

    Returns
    -------
    MatrixBins
        The two tables that :func:`dexkit_ext.count_pixels` needs.

    Raises
    ------
    InputError
        When file and FASTA share no chromosome, or names are ambiguous.
    FormatError
        When a chromosome has another length in the FASTA.
    """
    chrom_map = reconcile(genome.lengths, lengths, f"contact file {path.name}", alias)
    check_lengths(lengths, "the matrix", chrom_map, genome, path)
    per_chrom = [-(-length // bin_size_bp) for length in lengths.values()]
    if min(lengths.values()) < 1 or sum(per_chrom) > _MOST_BINS:
        raise FormatError(
            f"the chromosome lengths are impossible ({min(lengths.values()):,} to "
            f"{max(lengths.values()):,} bp); the file is damaged; copy or download it again",
            str(path),
        )
    n_bins = np.array(per_chrom, np.int64)
    first = np.concatenate(([0], np.cumsum(n_bins))).astype(np.int64)
    index_of = {name: i for i, name in enumerate(genome.lengths)}
    fasta_names = [chrom_map.to_fasta(name) for name in lengths]
    fasta_index = np.array([-1 if name is None else index_of[name] for name in fasta_names])
    row_of_bin = np.full(first[-1], -1, np.int32)
    if bin_size_bp == tss_bins.bin_size_bp:
        first_of_fasta = np.full(len(genome.lengths), -1, np.int64)
        known = fasta_index >= 0
        first_of_fasta[fasta_index[known]] = first[:-1][known]
        start = first_of_fasta[tss_bins.chrom_index]
        there = start >= 0
        place = (start + tss_bins.bin)[there]
        row_of_bin[place] = np.flatnonzero(there).astype(np.int32)
    return MatrixBins(
        lengths=lengths,
        first_bin=first,
        chrom_of_bin=np.repeat(fasta_index.astype(np.int32), n_bins),
        row_of_bin=row_of_bin,
        unknown=tuple(chrom_map.unmatched),
        message=chrom_map.message,
    )


def measured_bins(
    weighted: npt.NDArray[np.bool_], bins: MatrixBins, n_rows: int, n_flank_bins: int
) -> npt.NDArray[np.bool_] | None:
    """Find the entries of the rows that a balanced matrix says something about.

    Parameters
    ----------
    weighted : ndarray of shape (n_bins,), dtype bool
        Whether a bin of the file has a weight.
    bins : MatrixBins
        Bins of the matrix.
    n_rows, n_flank_bins : int
        Shape of the rows.

    Returns
    -------
    ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype bool, or None
        True where both bins have a weight; off the chromosome, and in rows of chromosomes that
        the file has not, there is nothing to say and it is True. None when all bins have one.
    """
    if weighted.all():
        return None
    measured = np.ones((n_rows, 2 * n_flank_bins + 1), dtype=bool)
    centre = np.flatnonzero(bins.row_of_bin >= 0)
    row = bins.row_of_bin[centre]
    for column, offset in enumerate(range(-n_flank_bins, n_flank_bins + 1)):
        other = np.clip(centre + offset, 0, len(weighted) - 1)
        inside = (other == centre + offset) & (
            bins.chrom_of_bin[other] == bins.chrom_of_bin[centre]
        )
        measured[row, column] = ~inside | (weighted[centre] & weighted[other])
    return measured


class Tally:
    """Profiles and totals of the pixels seen so far.

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

    Attributes
    ----------
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype float64
        Values by row and offset.
    cis_by_chrom : ndarray of shape (n_chroms,), dtype int64
        Pixels above 0 on each chromosome.
    totals : PixelTotals
        Sums and numbers.
    """

    def __init__(self, bins: MatrixBins, n_rows: int, n_flank_bins: int, n_chroms: int) -> None:
        self._bins = bins
        self._n_flank = n_flank_bins
        self.counts = np.zeros((n_rows, 2 * n_flank_bins + 1))
        self.cis_by_chrom = np.zeros(n_chroms, np.int64)
        self.totals = PixelTotals()

    def add(
        self,
        bin1: npt.NDArray[np.integer],
        bin2: npt.NDArray[np.integer],
        value: npt.NDArray[np.number],
        first_bin: int = 0,
    ) -> None:
        """Count pixels, numbered from ``first_bin`` on; see :func:`dexkit_ext.count_pixels`."""
        done = count_pixels(
            bin1,
            bin2,
            value,
            self._bins.row_of_bin[first_bin:],
            self._bins.chrom_of_bin[first_bin:],
            self._n_flank,
            self.counts,
            self.cis_by_chrom,
        )
        self.totals = self.totals.plus(done)

    def merge(self, other: Tally) -> None:
        """Add what another tally over the same rows has counted."""
        self.counts += other.counts
        self.cis_by_chrom += other.cis_by_chrom
        self.totals = self.totals.plus(other.totals)


def is_raw(balance: str) -> bool:
    """Return whether a normalisation stands for raw counts."""
    return balance.upper() == RAW


def matrix_file(path: str | os.PathLike[str] | None, kind: str) -> Path:
    """Check that a binary matrix is a file on disk, where one can go back and forth.

    Parameters
    ----------
    path : str, path-like or None
        The file; None for the standard input.
    kind : str
        ``".cool"`` or ``".hic"``, for the message.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    InputError
        When it is the standard input, a pipe, a folder, missing or not readable.
    """
    if path is None or str(path) == STDIN:
        raise InputError(
            f"a {kind} file cannot be read from the standard input (it is not read from start to "
            "end); give its path"
        )
    found = input_file(path, "contact file")
    if not found.is_file():
        raise InputError(
            f"{found}: a {kind} file cannot be read from a pipe (it is not read from start to "
            "end); give a file on disk"
        )
    return found


def input_record(path: Path) -> InputRecord:
    """Return name, size and SHA-256 of a file, read in blocks."""
    digest = StoredDigest()
    try:
        with path.open("rb", buffering=0) as handle:
            while block := handle.read(_HASH_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    return digest.record(path)


def refuse_empty(depth: float, unknown: float, bins: MatrixBins, path: Path) -> None:
    """Raise InputError when not one contact lies on chromosomes of the FASTA."""
    if depth > 0:
        return
    raise InputError(
        f"{path}: not a single contact has both ends on chromosomes of the FASTA; got "
        f"{unknown:,.0f} elsewhere ({first_names(bins.unknown)}); "
        "check that both files belong to the same genome assembly"
    )


def observed(cis_by_chrom: npt.NDArray[np.int64], genome: Genome) -> frozenset[str]:
    """Return the names of the chromosomes with at least one cis contact."""
    names = list(genome.lengths)
    return frozenset(names[i] for i in np.flatnonzero(cis_by_chrom))


def balance_message(path: Path, how: str, n_left_out: int, n_pixels: int, n_rows: int) -> str:
    """Return the sentence about balanced values and what the weights left out."""
    return (
        f"contacts of {path.name} are {how}; {n_left_out:,} of {n_pixels:,} pixels read were left "
        f"out since one of their bins has no weight, which {n_rows:,} TSS bins have not"
    )
