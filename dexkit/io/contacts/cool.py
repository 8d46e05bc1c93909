"""``.cool`` and ``.mcool``: HDF5 files of the cooler format, binned contact matrices.

A matrix is a group with ``chroms`` (name, length), ``bins`` (chrom, start, end, weights) and
``pixels`` (bin1_id, bin2_id, count: the cells that are not zero, 0-based bin numbers). An
``.mcool`` holds one such group a resolution, ``/resolutions/5000``. The columns are read in
blocks, so that memory does not depend on the number of pixels.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import DexkitError, FormatError
from dexkit.genome import Genome
from dexkit.io.contacts.cool_counter import PixelCounter, SquareCounter, UpperCounter
from dexkit.io.contacts.cool_group import (
    find_group,
    is_square,
    read_bins,
    read_weights,
)
from dexkit.io.contacts.options import DEFAULT_OPTIONS, ContactOptions
from dexkit.io.contacts.pixel_rows import (
    MatrixBins,
    balance_message,
    input_record,
    is_raw,
    matrix_file,
    measured_bins,
    observed,
    refuse_empty,
)
from dexkit.io.contacts.result import ContactRows, Progress
from dexkit.io.contacts.source import stored_file
from dexkit.io.contacts.tss_bins import TssBins
from dexkit.io.hdf5 import checked_dataset, refuse_endless_heaps
from dexkit.progress import progress_bar
from dexkit_ext import PixelError
from dexkit_ext.pixels import VALUE_DTYPES

NAME = "cool"

_BYTES_PER_MB = 1_000_000
_BLOCK_PIXELS = 1 << 20  # about 20 MB of columns: large enough to hide the cost of a call
_CACHE_BYTES = 8 << 20
# What h5py raises when a file is damaged, besides the memory that a damaged size asks for.
_HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, IndexError)

_megabyte_bar: Progress = partial(progress_bar, unit="MB")


def read(
    path: str | os.PathLike[str],
    tss_bins: TssBins,
    genome: Genome,
    alias: Mapping[str, str] | None = None,
    options: ContactOptions = DEFAULT_OPTIONS,
    progress: Progress = _megabyte_bar,
) -> ContactRows:
    """Count the pixels of a ``.cool`` or ``.mcool`` into rows of TSS bins.

    Parameters
    ----------
    path : str or path-like
        The file, or a cooler URI that names one matrix: ``file.mcool::/resolutions/5000``.
    tss_bins : TssBins
        Rows; the matrix must have bins of ``tss_bins.bin_size_bp``.
    genome : Genome
        Chromosome names and lengths of the FASTA.
    alias : mapping of str to str, optional
        Known other names of FASTA chromosomes.
    options : ContactOptions, optional
        ``balance``: ``"NONE"`` for raw counts, else a column of ``bins``: a value is then
        count * w_i * w_j, or count / (w_i * w_j) for divisive weights. A column is divisive when
        its attribute ``divisive_weights`` says so, or without one when it has the name of a Juicer
        vector (KR, VC, VC_SQRT, SCALE). Pixels with a bin that has no weight are left out.
    progress : callable, optional
        ``progress(description, total)``; units are megabytes of the file.

    Returns
    -------
    ContactRows
        Kind ``"matrix"``, counts float64; the depth is the sum of the values, cis and trans: of
        the balanced ones where they are, since ``cooler balance`` takes the depth out of them.

    Raises
    ------
    InputError
        When the file cannot be opened or read from start to end, has no matrix of this bin size
        or no such weights, or shares no chromosome with the FASTA.
    FormatError
        When it is no cooler file, holds single cells, bins of unequal size, chromosomes of other
        lengths than the FASTA's, or is truncated or damaged.

    Notes
    -----
    A matrix in square storage is counted whole (each cell once), unless its two triangles are the
    same: then it lists every pair twice, and the upper triangle is counted.
    """
    found = matrix_file(stored_file(path), ".cool")
    text = os.fspath(path)
    uri_group = None if os.path.exists(text) else text.partition("::")[2] or None
    import h5py

    size_mb = found.stat().st_size / _BYTES_PER_MB
    weights = None
    with progress(f"contacts {found.name}", size_mb) as advance, _hdf5_errors(found):
        # Blocks do not end where the chunks of a column do; the cache keeps the rest of a chunk.
        with h5py.File(found, "r", rdcc_nbytes=_CACHE_BYTES) as handle:
            refuse_endless_heaps(handle, found)
            group = find_group(handle, uri_group, tss_bins.bin_size_bp, found)
            bins = read_bins(group, tss_bins, genome, alias, found)
            if not is_raw(options.balance):
                weights, how = read_weights(group, options.balance, len(bins.chrom_of_bin), found)
            counter = _counter(is_square(group, found), bins, tss_bins, genome, weights)
            columns = _Columns(group["pixels"], found)
            for start, block in columns.blocks():
                try:
                    counter.add(*block)
                except PixelError as error:
                    raise FormatError(
                        f"pixel {start + error.index:,}: {error.reason}; the file is damaged; "
                        "copy or download it again",
                        str(found),
                    ) from None
                advance(size_mb * len(block[0]) / len(columns))
        record = input_record(found)
    done, storage = counter.finish()
    totals = done.raw.totals
    if totals.n_missing:
        raise FormatError(
            f"{totals.n_missing:,} pixels have no count (NaN); expected a number for each; give "
            "the raw counts, and choose weights with --balance",
            str(found),
        )
    refuse_empty(totals.cis + totals.trans, totals.unknown, bins, found)
    values = done.profiles.totals
    depth = values.cis + values.trans
    messages = [bins.message] if bins.message else []
    measured = None
    if storage:
        messages.append(f"contact file {found.name} {storage}")
    if weights is not None:
        n_rows = int(np.isnan(weights[bins.row_of_bin >= 0]).sum())
        missing = values.n_missing
        messages.append(balance_message(found, how, missing, totals.n_pixels, n_rows))
        weighted = np.isfinite(weights)
        measured = measured_bins(weighted, bins, len(tss_bins), tss_bins.n_flank_bins)
    return ContactRows(
        counts=done.profiles.counts,
        depth=int(depth) if columns.whole and weights is None else depth,
        kind="matrix",
        n_cis=totals.n_cis,
        n_trans=totals.n_trans,
        n_unknown_chrom=totals.n_unknown,
        n_dropped=0,
        observed_chroms=observed(done.raw.cis_by_chrom, genome),
        format=NAME,
        path=os.fspath(path),
        unknown_chroms=bins.unknown[:20] if totals.n_unknown else (),
        messages=tuple(messages),
        inputs=(record,),
        measured=measured,
    )


class _Columns:
    """The three columns of the pixels, read in blocks into the same memory.

    ``whole`` says whether the counts are whole numbers.
    """

    def __init__(self, pixels: Any, path: Path) -> None:
        names = ("bin1_id", "bin2_id", "count")
        datasets = [checked_dataset(pixels, name, path) for name in names]
        shapes = {dataset.shape for dataset in datasets}
        kinds = "".join(dataset.dtype.kind for dataset in datasets)
        if (
            len(shapes) != 1
            or datasets[0].ndim != 1
            or kinds[:2].strip("iu")
            or kinds[2] not in "iuf"
        ):
            raise FormatError(
                f"the columns bin1_id, bin2_id and count have the shapes "
                f"{', '.join(str(dataset.shape) for dataset in datasets)} and the types "
                f"{', '.join(str(dataset.dtype) for dataset in datasets)}; expected columns of "
                "numbers, equally long",
                str(path),
            )
        self._datasets = datasets
        self.whole = kinds[2] in "iu"
        count = datasets[2].dtype.newbyteorder("=")
        if count not in VALUE_DTYPES:  # HDF5 converts while it reads
            count = np.dtype(np.int64 if self.whole else np.float64)
        size = min(len(self), _BLOCK_PIXELS)
        self._buffers = [np.empty(size, dtype) for dtype in (np.int64, np.int64, count)]

    def __len__(self) -> int:
        return int(self._datasets[0].shape[0])

    def blocks(self) -> Iterator[tuple[int, list[npt.NDArray[Any]]]]:
        """Yield the number of the first pixel of each block, and the block."""
        for start in range(0, len(self), _BLOCK_PIXELS):
            n = min(_BLOCK_PIXELS, len(self) - start)
            block = [buffer[:n] for buffer in self._buffers]
            for dataset, part in zip(self._datasets, block, strict=True):
                dataset.read_direct(part, np.s_[start : start + n])
            yield start, block


def _counter(
    square: bool,
    bins: MatrixBins,
    tss_bins: TssBins,
    genome: Genome,
    weights: npt.NDArray[np.float64] | None,
) -> UpperCounter | SquareCounter:
    shape = (bins, len(tss_bins), tss_bins.n_flank_bins, len(genome.lengths), weights)
    if square:
        return SquareCounter(PixelCounter(*shape), PixelCounter(*shape))
    return UpperCounter(*shape)


@contextmanager
def _hdf5_errors(path: Path) -> Iterator[None]:
    """Turn what h5py raises on a damaged or foreign file into one sentence."""
    try:
        yield
    except DexkitError:
        raise
    except _HDF5_ERRORS as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise FormatError(
            f"cannot be read as a cooler file ({reason}); expected a complete .cool or .mcool; "
            "copy or download it again",
            str(path),
        ) from error
