"""The cooler schema: find a matrix in an HDF5 file, read its bins and its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError, InputError, did_you_mean
from dexkit.genome import Genome
from dexkit.io.contacts.pixel_rows import DIVISIVE_WEIGHTS, RAW, MatrixBins, matrix_bins
from dexkit.io.contacts.tss_bins import TssBins
from dexkit.io.hdf5 import attribute, checked_dataset

# Values of the attribute "format", from cooler's schema.
_COOLER, _SINGLE_CELL = "HDF5::Cooler", "HDF5::SCOOL"
_NO_WEIGHTS = ("chrom", "start", "end")
_MOST_LISTED = 20


def find_group(handle: Any, uri_group: str | None, bin_size_bp: int, path: Path) -> Any:
    """Return the matrix with bins of a given size.

    Parameters
    ----------
    handle : h5py.File
        The open file.
    uri_group : str or None
        The group that a URI names.
    bin_size_bp : int
        Size of the bins that is needed.
    path : Path
        For messages.

    Returns
    -------
    h5py.Group
        The matrix.

    Raises
    ------
    InputError
        When the group is not there, or no matrix has this bin size; what is there is listed.
    FormatError
        When the file holds no cooler matrix, or single cells.
    """
    matrices = _matrices(handle)
    if uri_group is not None:
        name = "/" + uri_group.strip("/")
        if not _is_matrix(handle.get(name)):
            raise InputError(
                f"{path}: there is no matrix {name!r}; {_listed(matrices) or 'there is none'}; "
                "give one of them behind '::'"
            )
        matrices = {name: _bin_size(handle[name])}
    elif _text(attribute(handle, "format")) == _SINGLE_CELL:
        cells = list(handle["cells"])
        raise FormatError(
            f"the file holds {len(cells):,} single cells (.scool); expected one matrix of a "
            f"sample; merge the cells into one .cool, or name one cell ({path.name}::/cells/"
            f"{cells[0] if cells else 'NAME'})",
            str(path),
        )
    if not matrices:
        raise FormatError(
            "the file is HDF5, but holds no cooler matrix (a group with the attribute format = "
            "HDF5::Cooler); expected a .cool or .mcool",
            str(path),
        )
    fitting = [name for name, size in matrices.items() if size == bin_size_bp]
    if len(fitting) != 1:
        what = "no matrix" if not fitting else f"{len(fitting)} matrices"
        hint = (
            "make one from the pairs, or from smaller bins with cooler coarsen; dexkit does not "
            "rebin"
            if not fitting
            else f"name one as {path.name}::{fitting[0]}"
        )
        raise InputError(
            f"{path}: {what} with bins of {bin_size_bp:,} bp; {_listed(matrices)}; {hint}"
        )
    return handle[fitting[0]]


def read_bins(
    group: Any,
    tss_bins: TssBins,
    genome: Genome,
    alias: Mapping[str, str] | None,
    path: Path,
) -> MatrixBins:
    """Read the chromosomes and check that the bins are a regular grid over them.

    Parameters
    ----------
    group : h5py.Group
        The matrix.
    tss_bins, genome, alias, path
        As in :func:`~dexkit.io.contacts.pixel_rows.matrix_bins`.

    Returns
    -------
    MatrixBins
        Bins by number.

    Raises
    ------
    InputError, FormatError
        As in :func:`~dexkit.io.contacts.pixel_rows.matrix_bins`; also FormatError when a
        chromosome is listed twice or the bins are no such grid.
    """
    names = [_text(name) for name in checked_dataset(group, "chroms/name", path)[:]]
    sizes = [int(size) for size in checked_dataset(group, "chroms/length", path)[:]]
    lengths = dict(zip(names, sizes, strict=True))
    if len(lengths) != len(names) or not names:
        raise FormatError(
            f"the matrix lists {len(names):,} chromosomes under {len(lengths):,} names; expected "
            "at least one, each once; the file is damaged",
            str(path),
        )
    per_chrom = [-(-size // tss_bins.bin_size_bp) for size in sizes]
    n_bins = sum(per_chrom)
    start, chrom = (checked_dataset(group, f"bins/{name}", path) for name in ("start", "chrom"))
    regular = start.shape == chrom.shape == (n_bins,) and min(per_chrom) > 0
    if regular:
        local = np.concatenate([np.arange(n) for n in per_chrom])
        regular = np.array_equal(start[:], local * tss_bins.bin_size_bp)
        regular = regular and np.array_equal(chrom[:], np.repeat(np.arange(len(names)), per_chrom))
    if not regular:
        raise FormatError(
            f"the {start.size:,} bins are no grid of {tss_bins.bin_size_bp:,} bp over the "
            f"chromosomes, which has {n_bins:,}; bins of unequal size, such as restriction "
            "fragments, cannot be used",
            str(path),
        )
    return matrix_bins(lengths, tss_bins.bin_size_bp, tss_bins, genome, alias, path)


def read_weights(
    group: Any, name: str, n_bins: int, path: Path
) -> tuple[npt.NDArray[np.float64], str]:
    """Read balancing weights as factors.

    Parameters
    ----------
    group : h5py.Group
        The matrix.
    name : str
        A column of its ``bins``.
    n_bins : int
        Bins of the matrix.
    path : Path
        For messages.

    Returns
    -------
    weights : ndarray of shape (n_bins,), dtype float64
        A value is count * weights[i] * weights[j]; NaN for a bin that has none.
    how : str
        How they are used, for a message.

    Raises
    ------
    InputError
        When there is no such column; those that are there are listed.
    FormatError
        When the column is no column of numbers, one a bin.
    """
    known = [
        column
        for column, dataset in group["bins"].items()
        if column not in _NO_WEIGHTS and getattr(dataset, "dtype", np.dtype("O")).kind in "fiu"
    ]
    if name not in known:
        raise InputError(
            f"{path}: there are no weights {name!r}; {did_you_mean(name, [*known, RAW])}; "
            "choose with --balance"
        )
    dataset = checked_dataset(group["bins"], name, path)
    if dataset.shape != (n_bins,):
        raise FormatError(
            f"the weights {name!r} have the shape {dataset.shape}; expected one a bin "
            f"({n_bins:,}); the file is damaged",
            str(path),
        )
    weights = dataset[:].astype(np.float64)
    flag = attribute(dataset, "divisive_weights")
    divisive = name in DIVISIVE_WEIGHTS if flag is None else bool(flag)
    if divisive:
        with np.errstate(divide="ignore", invalid="ignore"):
            weights = 1 / weights
    weights[~np.isfinite(weights)] = np.nan
    use = "divided" if divisive else "multiplied"
    return weights, f"balanced ({use} by the weights {name} of both bins)"


def is_square(group: Any, path: Path) -> bool:
    """Return whether the matrix is stored whole, not as its upper triangle.

    Raises
    ------
    FormatError
        When the storage mode is unknown.
    """
    # Files older than schema 3 have no such attribute, and are all symmetric.
    mode = _text(attribute(group, "storage-mode", "symmetric-upper"))
    if mode not in ("symmetric-upper", "square"):
        raise FormatError(
            f"the storage mode is {mode!r}; expected 'symmetric-upper' or 'square'", str(path)
        )
    return mode == "square"


def _matrices(handle: Any) -> dict[str, int | None]:
    """Return the matrices of a file with their bin sizes: .cool, .mcool, or its older form."""
    if _is_matrix(handle):
        return {"/": _bin_size(handle)}
    names = [f"/resolutions/{name}" for name in handle.get("resolutions", ())]
    names += [f"/{name}" for name in handle]
    return {name: _bin_size(handle[name]) for name in names if _is_matrix(handle.get(name))}


def _is_matrix(node: Any) -> bool:
    return node is not None and _text(attribute(node, "format")) == _COOLER


def _bin_size(group: Any) -> int | None:
    """Return the size of the bins in bp, None where they are of unequal size."""
    if _text(attribute(group, "bin-type", "fixed")) != "fixed":
        return None
    size = attribute(group, "bin-size")
    try:
        return int(size)
    except (TypeError, ValueError):
        return None


def _listed(matrices: Mapping[str, int | None]) -> str:
    """Say which matrices there are."""
    shown = [
        f"{name} (bins of {f'{size:,} bp' if size else 'unequal size'})"
        for name, size in list(matrices.items())[:_MOST_LISTED]
    ]
    more = ", …" if len(matrices) > len(shown) else ""
    return f"the file has {', '.join(shown)}{more}" if shown else ""


def _text(value: object) -> str:
    """Return an attribute or a name as text; HDF5 gives bytes or str."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
