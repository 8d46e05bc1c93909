"""Write a feature file: laid out first, filled through memory maps, renamed when whole."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from dexkit.errors import OutputError
from dexkit.features.digests import tables_sha256
from dexkit.features.journal import clear_for_new
from dexkit.features.schema import FORMAT, FORMAT_VERSION, TABLES_SHA256
from dexkit.files import atomic_path, check_output
from dexkit.genome import GeneTable, Genome
from dexkit.hooks import ArrayPlan
from dexkit.memory import PIECE_BYTES

#: HDF5 1.8 and later read it; the older default has no attributes beyond 64 KiB, and an assembly
#: of many scaffolds has more names than that.
LIBVER = ("v108", "v110")
#: Room for what an array's attributes and HDF5's own book-keeping may add, per array.
SLACK_BYTES = 8192
#: Bytes set aside for each character of the attributes that are known only after filling.
LATE_FACTOR = 32


@dataclass(frozen=True)
class LeftOut:
    """Genes that are not in the file, with the reason."""

    genes: GeneTable
    reason: npt.NDArray[np.object_]


def check_feature_output(path: Path, force: bool) -> None:
    """Refuse an output that may not be written, before any work is done.

    Parameters
    ----------
    path : Path
        The file to be made.
    force : bool
        Whether it may be replaced. Only a feature file ever is: a slip of the hand must not cost
        an input.

    Raises
    ------
    OutputError
        When it exists and ``force`` is false, or it is no feature file; when its folder does not
        exist.
    InputError
        When it is being added to, an interrupted addition to it cannot be undone, or the journal
        of one belongs to a file that was renamed.
    """
    check_output(path, force)
    clear_for_new(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file")
    if path.exists() and not _is_feature_file(path):
        raise OutputError(
            f"{path} exists and is no feature file; --force replaces only feature files"
        )


def _is_feature_file(path: Path) -> bool:
    if not path.is_file():  # a pipe or a device: looking into it would wait or take from it
        return False
    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("format")
    except OSError:
        return False
    return isinstance(found, str) and found == FORMAT


def write_feature_file(
    path: Path,
    genome: Genome,
    genes: GeneTable,
    left_out: LeftOut,
    plans: Sequence[ArrayPlan],
    attrs: Mapping[str, Any],
    force: bool = False,
    late_attrs: Callable[[], Mapping[str, Any]] = dict,
    piece_bytes: int = PIECE_BYTES,
) -> dict[str, dict[str, Any]]:
    """Write a feature file whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    genome : Genome
        Chromosomes, stored under ``/chroms``.
    genes : GeneTable
        Kept genes, stored under ``/genes``.
    left_out : LeftOut
        Stored under ``/left_out``.
    plans : sequence of ArrayPlan
        The arrays. Each is contiguous and uncompressed, and is filled through a memory map of
        its place in the file.
    attrs : mapping
        Root attributes besides format and version.
    force : bool, optional
        Whether an existing file may be replaced.
    late_attrs : callable, optional
        Called when every array is filled; returns root attributes that are known only then.
    piece_bytes : int, optional
        Bytes of an array that are mapped, and handed to ``ArrayPlan.fill``, at a time.

    Returns
    -------
    dict
        By array path, the attributes that became known while it was filled.

    Raises
    ------
    OutputError
        When the file exists and ``force`` is false or it is no feature file, when it cannot be
        written, or the disk is full.
    """
    check_feature_output(path, force)
    with atomic_path(path, force) as partial:
        n_bytes = _size(genome, genes, left_out, plans, attrs)
        free = shutil.disk_usage(path.parent).free
        if n_bytes > free:
            raise OutputError(
                f"{path}: the disk is full: the file needs {n_bytes / 1e6:,.1f} MB, "
                f"{free / 1e6:,.1f} MB are free; write elsewhere or choose fewer blocks"
            )
        # HDF5 does not survive a full disk while it closes a file: what cannot be stored has to
        # show before HDF5 writes a byte.
        partial.touch()
        reserve(partial, n_bytes)
        with h5py.File(partial, "w", libver=LIBVER) as file:
            offsets = _lay_out(file, genome, genes, left_out, plans, attrs)
        reserve(partial, n_bytes)
        late: dict[str, dict[str, Any]] = {}
        digests: dict[str, str] = {}
        for plan in plans:
            late[plan.path], digests[plan.path] = fill_array(
                partial, plan, offsets[plan.path], piece_bytes
            )
        root = dict(late_attrs())
        n_late = LATE_FACTOR * (len(str(late)) + len(str(root)))
        reserve(partial, partial.stat().st_size + n_late)
        with h5py.File(partial, "r+", libver=LIBVER) as file:
            for key, value in root.items():
                file.attrs[key] = value
            for plan in plans:
                for key, value in late[plan.path].items():
                    file[plan.path].attrs[key] = value
                file[plan.path].attrs["sha256"] = digests[plan.path]
        # An addition to the old file may have begun meanwhile.
        clear_for_new(path, new=partial)
    return late


def fill_array(
    path: Path, plan: ArrayPlan, offset: int, piece_bytes: int = PIECE_BYTES
) -> tuple[dict[str, Any], str]:
    """Fill an array through maps of bounded size.

    Parameters
    ----------
    path : Path
        The file that is written.
    plan : ArrayPlan
        The array.
    offset : int
        Where it begins in the file, in bytes.
    piece_bytes : int, optional
        Bytes that are mapped at a time.

    Returns
    -------
    tuple of (dict, str)
        The attributes that became known, and the SHA-256 of the array.
    """
    late: Mapping[str, Any] | None = None
    digest = hashlib.sha256()
    n_rows = plan.shape[0]
    row_bytes = int(np.prod(plan.shape[1:])) * np.dtype(plan.dtype).itemsize
    step = max(1, piece_bytes // max(row_bytes, 1))
    for start in range(0, max(n_rows, 1), step):
        shape = (min(step, n_rows - start), *plan.shape[1:])
        place = offset + start * row_bytes
        out = np.memmap(path, dtype=plan.dtype, mode="r+", offset=place, shape=shape)
        late = plan.fill(out, start)
        out.flush()
        digest.update(out.data)
        del out
    return dict(late or {}), digest.hexdigest()


def _size(
    genome: Genome,
    genes: GeneTable,
    left_out: LeftOut,
    plans: Sequence[ArrayPlan],
    attrs: Mapping[str, Any],
) -> int:
    """Return an upper bound of the size of the file in bytes, by laying it out in memory."""
    with h5py.File("layout", "w", libver=LIBVER, driver="core", backing_store=False) as file:
        _lay_out(file, genome, genes, left_out, plans, attrs, allocate=False)
        file.flush()
        n_tables = int(file.id.get_filesize())
    return n_tables + arrays_size(plans)


def arrays_size(plans: Sequence[ArrayPlan]) -> int:
    """Return the bytes that planned arrays take, with HDF5's book-keeping around them."""
    n_bytes = sum(int(np.prod(p.shape)) * np.dtype(p.dtype).itemsize for p in plans)
    return n_bytes + SLACK_BYTES * (len(plans) + 1)


def _lay_out(
    file: h5py.File,
    genome: Genome,
    genes: GeneTable,
    left_out: LeftOut,
    plans: Sequence[ArrayPlan],
    attrs: Mapping[str, Any],
    allocate: bool = True,
) -> dict[str, int]:
    """Create every data set; return the file offset of each planned array if space is given."""
    offsets: dict[str, int] = {}
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs[TABLES_SHA256] = tables_sha256(genome, genes, left_out.genes, left_out.reason)
    for key, value in attrs.items():
        file.attrs[key] = value
    _write_strings(file, "/chroms/name", list(genome.lengths))
    file["/chroms/length"] = np.array(list(genome.lengths.values()), dtype=np.int64)
    _write_genes(file, "/genes", genes)
    _write_genes(file, "/left_out", left_out.genes)
    _write_strings(file, "/left_out/reason", left_out.reason)
    for plan in plans:
        offset = create_array(file, plan, allocate)
        if offset is not None:
            offsets[plan.path] = offset
    return offsets


def create_array(file: h5py.File, plan: ArrayPlan, allocate: bool) -> int | None:
    """Create a contiguous data set.

    Parameters
    ----------
    file : h5py.File
        The file, open for writing.
    plan : ArrayPlan
        Path, shape, dtype and attributes.
    allocate : bool
        Whether its space is given to it now, so that it can be mapped.

    Returns
    -------
    int or None
        Its offset in the file, in bytes; None when no space was asked for.

    Raises
    ------
    OutputError
        When no space was given although asked for.
    """
    early, late = h5py.h5d.ALLOC_TIME_EARLY, h5py.h5d.ALLOC_TIME_LATE
    dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    dcpl.set_layout(h5py.h5d.CONTIGUOUS)
    dcpl.set_alloc_time(early if allocate else late)
    dcpl.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    group_name, _, name = plan.path.rpartition("/")
    group = file.require_group(group_name or "/")
    space = h5py.h5s.create_simple(plan.shape)
    kind = h5py.h5t.py_create(np.dtype(plan.dtype), logical=True)
    h5py.h5d.create(group.id, name.encode(), kind, space, dcpl=dcpl)
    dataset = file[plan.path]
    for key, value in plan.attrs.items():
        dataset.attrs[key] = value
    offset: int | None = dataset.id.get_offset()
    if offset is None and allocate:
        raise OutputError(f"no room was given to {plan.path} {plan.shape}")
    return offset


def reserve(partial: Path, n_bytes: int) -> None:
    """Make the system set blocks aside: a hole in a mapped file ends in SIGBUS when full.

    Parameters
    ----------
    partial : Path
        The file.
    n_bytes : int
        Size that it has at least afterwards.
    """
    with partial.open("rb+") as handle:
        size = max(n_bytes, os.fstat(handle.fileno()).st_size)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle.fileno(), 0, size)


def _write_genes(file: h5py.File, group: str, genes: GeneTable) -> None:
    for column in ("gene_id", "gene_name", "chrom", "strand"):
        _write_strings(file, f"{group}/{column}", getattr(genes, column))
    file[f"{group}/tss"] = genes.tss


def _write_strings(file: h5py.File, path: str, values: Any) -> None:
    file.create_dataset(path, data=list(values), dtype=h5py.string_dtype(), shape=(len(values),))
