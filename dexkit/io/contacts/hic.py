"""``.hic``: binned contact matrices of Juicer, read through hictkpy.

Of each chromosome only the band around its diagonal is fetched that a profile can reach, in pieces
of bounded size. The depth needs all contacts; it is summed up at the coarsest resolution of the
file, where a genome has some thousand cells: every resolution holds the same contacts. Only pairs
of chromosomes that the index of the file names are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np

from dexkit.errors import DexkitError, FormatError, InputError, did_you_mean
from dexkit.genome import Genome
from dexkit.io.contacts.hic_index import stored_pairs
from dexkit.io.contacts.options import DEFAULT_OPTIONS, ContactOptions
from dexkit.io.contacts.pixel_rows import (
    RAW,
    MatrixBins,
    Tally,
    balance_message,
    input_record,
    is_raw,
    matrix_bins,
    matrix_file,
    measured_bins,
    refuse_empty,
)
from dexkit.io.contacts.result import ContactRows, Progress
from dexkit.io.contacts.tss_bins import TssBins
from dexkit.progress import progress_bar
from dexkit_ext import PixelError

NAME = "hic"

MAGIC = b"HIC\0"

_BAND_PIXELS = 2 << 20  # cells of one piece of a band: some 80 MB inside hictkpy
# Pieces of a thinly filled band are so many times longer at most: what hictkpy reads at the seams
# of pieces is read twice. Also the most by which a piece that is suddenly dense exceeds the cells.
_MOST_STRETCH = 4
# Cells are stored as 32-bit floats, which hold every whole number below this one.
_EXACT_FLOAT32 = 1 << 24
# What hictkpy raises: its own errors are RuntimeError; bad_alloc and out_of_range have names.
_HICTK_ERRORS = (RuntimeError, ValueError, TypeError, OSError, IndexError, MemoryError)

_BYTES_PER_MB = 1_000_000

_megabyte_bar: Progress = partial(progress_bar, unit="MB")


def read(
    path: str | os.PathLike[str],
    tss_bins: TssBins,
    genome: Genome,
    alias: Mapping[str, str] | None = None,
    options: ContactOptions = DEFAULT_OPTIONS,
    progress: Progress = _megabyte_bar,
) -> ContactRows:
    """Count the cells of a ``.hic`` file into rows of TSS bins.

    Parameters
    ----------
    path : str or path-like
        The file; it must hold the resolution ``tss_bins.bin_size_bp``.
    tss_bins : TssBins
        Rows.
    genome : Genome
        Chromosome names and lengths of the FASTA.
    alias : mapping of str to str, optional
        Known other names of FASTA chromosomes.
    options : ContactOptions, optional
        ``balance``: ``"NONE"`` for raw counts, else a normalisation that the file holds at this
        resolution (KR, VC, VC_SQRT, SCALE, …): a value is then count / (w_i * w_j). Cells with a
        bin that has no weight are left out.
    progress : callable, optional
        ``progress(description, total)``; units are megabytes of the file.

    Returns
    -------
    ContactRows
        Kind ``"matrix"``, counts float64. The depth is the sum of the raw counts, cis and trans,
        whether values are normalised or not; ``n_cis``, ``n_trans`` and ``n_unknown_chrom`` are
        such sums too, since the cells far from the diagonal are not read.

    Raises
    ------
    InputError
        When the file cannot be opened or is no file on disk, does not hold the resolution or the
        normalisation, or shares no chromosome with the FASTA.
    FormatError
        When it is no .hic file, truncated or damaged, or has chromosomes of other lengths than
        the FASTA's.

    Notes
    -----
    Memory is bounded by the counts and a piece of a band, whatever the depth of the map.
    """
    found = matrix_file(path, ".hic")
    _check_magic(found)
    with _hictk_errors(found):
        import hictkpy

        resolutions = sorted(int(r) for r in hictkpy.MultiResFile(found).resolutions())
        if tss_bins.bin_size_bp not in resolutions:
            raise InputError(
                f"{found}: there is no matrix with bins of {tss_bins.bin_size_bp:,} bp; the file "
                f"has {', '.join(f'{r:,}' for r in resolutions) or 'none in base pairs'}; make "
                "the .hic with this resolution; dexkit does not rebin"
            )
        with hictkpy.File(found, tss_bins.bin_size_bp) as matrix:
            lengths = {str(name): int(n) for name, n in matrix.chromosomes().items()}
            bins = matrix_bins(lengths, tss_bins.bin_size_bp, tss_bins, genome, alias, found)
            how = _check_normalisation(matrix, options.balance, found)
            tally = Tally(bins, len(tss_bins), tss_bins.n_flank_bins, len(genome.lengths))
            size_mb = found.stat().st_size / _BYTES_PER_MB
            shares = np.diff(bins.first_bin) / bins.first_bin[-1]
            pace = _Pace(tss_bins.n_flank_bins)
            with progress(f"contacts {found.name}", size_mb) as advance:
                for chrom, share in enumerate(shares):
                    _count_band(matrix, chrom, bins, tss_bins, options.balance, tally, found, pace)
                    advance(size_mb * float(share))
            messages = [bins.message] if bins.message else []
            measured = None
            if how:
                weights = np.asarray(matrix.weights(options.balance))
                weighted = np.isfinite(weights) & (weights != 0)
                measured = measured_bins(weighted, bins, len(tss_bins), tss_bins.n_flank_bins)
                n_rows = int((~weighted[bins.row_of_bin >= 0]).sum())
                n_missing = tally.totals.n_missing
                messages.append(
                    balance_message(found, how, n_missing, tally.totals.n_pixels, n_rows)
                )
        coarse = [r for r in resolutions if r >= tss_bins.bin_size_bp]
        sums = _sums(found, coarse, lengths, bins)
        record = input_record(found)
    depth = sums.cis + sums.trans
    refuse_empty(depth, sums.unknown, bins, found)
    names = list(genome.lengths)
    return ContactRows(
        counts=tally.counts,
        depth=int(depth) if depth.is_integer() else depth,
        kind="matrix",
        n_cis=round(sums.cis),
        n_trans=round(sums.trans),
        n_unknown_chrom=round(sums.unknown),
        n_dropped=0,
        observed_chroms=frozenset(names[i] for i in sums.observed),
        format=NAME,
        path=os.fspath(path),
        unknown_chroms=bins.unknown[:20] if sums.unknown else (),
        messages=tuple(messages),
        inputs=(record,),
        measured=measured,
    )


@dataclass
class _Sums:
    """Sums of raw counts, and the FASTA's numbers of chromosomes that have cis contacts."""

    cis: float
    trans: float
    unknown: float
    observed: frozenset[int]


class _Pace:
    """How many bins of a band to read at once: as many as hold some number of cells.

    Parameters
    ----------
    n_flank_bins : int
        Bins on either side of a row's bin.
    """

    def __init__(self, n_flank_bins: int) -> None:
        self._least = max(1, _BAND_PIXELS // (n_flank_bins + 1))
        self._density = float(n_flank_bins + 1)
        self._seen = False

    def step(self) -> int:
        """Return a number of bins, by the densest piece so far; before the first, all are full."""
        return int(min(self._least * _MOST_STRETCH, max(self._least, self._wanted())))

    def note(self, n_cells: int, n_bins: int) -> None:
        """Take down how many cells a piece had."""
        density = n_cells / n_bins
        self._density = max(density, self._density) if self._seen else density
        self._seen = True

    def _wanted(self) -> float:
        return _BAND_PIXELS / max(self._density, 1e-9) if self._seen else 0.0


def _count_band(
    matrix: Any,
    chrom: int,
    bins: MatrixBins,
    tss_bins: TssBins,
    balance: str,
    tally: Tally,
    path: Path,
    pace: _Pace,
) -> None:
    """Count the cells of one chromosome that lie in reach of its rows."""
    name, length = list(bins.lengths.items())[chrom]
    first, last = (int(n) for n in bins.first_bin[chrom : chrom + 2])
    size, flank = tss_bins.bin_size_bp, tss_bins.n_flank_bins
    rows = np.flatnonzero(bins.row_of_bin[first:last] >= 0)
    for start, stop in _pieces(rows, last - first, flank, pace):
        begin, end = start * size, min((stop + flank) * size, length)
        # The BED form holds for every name; the other one cuts names at colons and dashes. One
        # range for both ends is several times faster than two.
        cells = matrix.fetch(
            f"{name}\t{begin}\t{end}",
            query_type="BED",
            normalization=RAW if is_raw(balance) else balance,
            count_type="float64",
            diagonal_band_width=flank + 1,
        ).to_coo()
        bin1, bin2, values = cells.row, cells.col, cells.data
        pace.note(len(values), stop - start)
        if stop < last - first:  # what lies beyond the piece belongs to the next one
            here = bin1 < stop - start
            bin1, bin2, values = bin1[here], bin2[here], values[here]
        if not is_raw(balance):  # a weight of zero makes an infinite value
            values[~np.isfinite(values)] = np.nan
        elif np.isnan(values).any():
            raise FormatError(f"counts of {name!r} are no numbers (NaN)", str(path))
        try:
            tally.add(bin1, bin2, values, first + start)
        except PixelError as error:
            raise FormatError(
                f"a cell of {name!r} near base {begin:,}: {error.reason}; the file is damaged; "
                "copy or download it again",
                str(path),
            ) from None


def _pieces(rows: Any, n_bins: int, flank: int, pace: _Pace) -> Iterator[tuple[int, int]]:
    """Cut the bins of a chromosome into pieces; leave out those that no row can reach.

    The cell (i, j) with i <= j belongs to the piece of i; it is of use when i or j is a row.
    """
    if not len(rows):
        return
    start = max(0, int(rows[0]) - flank)
    end = min(int(rows[-1]) + 1, n_bins)
    while start < end:
        stop = min(start + pace.step(), end)
        if np.searchsorted(rows, start) < np.searchsorted(rows, stop + flank):
            yield start, stop
        start = stop


def _sums(
    path: Path, resolutions: list[int], lengths: Mapping[str, int], bins: MatrixBins
) -> _Sums:
    """Add up all raw counts, at the coarsest resolution whose cells are stored exactly."""
    import hictkpy

    firsts = bins.chrom_of_bin[bins.first_bin[:-1]]
    known = [(name, n, int(at)) for (name, n), at in zip(lengths.items(), firsts, strict=True)]
    stored = stored_pairs(path)
    pairs = [
        (one, other)
        for one, other in combinations_with_replacement(known, 2)
        if (one[0], other[0]) in stored or (other[0], one[0]) in stored
    ]
    sums = _Sums(0.0, 0.0, 0.0, frozenset())
    for resolution in reversed(resolutions):
        sums, largest = _Sums(0.0, 0.0, 0.0, frozenset()), 0.0
        with hictkpy.File(path, resolution) as matrix:
            for (name1, length1, chrom1), (name2, length2, chrom2) in pairs:
                cells = matrix.fetch(
                    f"{name1}\t0\t{length1}",
                    f"{name2}\t0\t{length2}",
                    query_type="BED",
                    count_type="float64",
                )
                found = cells.describe(["sum", "max"])
                value = float(found["sum"] or 0)
                largest = max(largest, float(found["max"] or 0))
                if min(chrom1, chrom2) < 0:
                    sums.unknown += value
                elif chrom1 != chrom2:
                    sums.trans += value
                elif value > 0:
                    sums.cis += value
                    sums.observed |= {chrom1}
        if largest < _EXACT_FLOAT32:
            break
    return sums


def _check_normalisation(matrix: Any, balance: str, path: Path) -> str:
    """Return how values are balanced, for a message; empty for raw counts."""
    if is_raw(balance):
        return ""
    known = [str(name) for name in matrix.avail_normalizations()]
    if balance not in known:
        raise InputError(
            f"{path}: there is no normalisation {balance!r} at {matrix.resolution():,} bp; "
            f"{did_you_mean(balance, [*known, RAW])}; choose with --balance"
        )
    return f"balanced (divided by the weights {balance} of both bins)"


def _check_magic(path: Path) -> None:
    """Refuse what does not start as a .hic file; hictkpy would take it for HDF5."""
    try:
        with path.open("rb") as handle:
            start = handle.read(len(MAGIC))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if start != MAGIC:
        raise FormatError(
            f"the file starts with {start!r}; expected a .hic file, which starts with {MAGIC!r}",
            str(path),
        )


@contextmanager
def _hictk_errors(path: Path) -> Iterator[None]:
    """Turn what hictkpy raises on a damaged file into one sentence."""
    try:
        yield
    except DexkitError:
        raise
    except _HICTK_ERRORS as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise FormatError(
            f"cannot be read as a .hic file ({reason}); expected a complete one; copy or download "
            "it again",
            str(path),
        ) from error
