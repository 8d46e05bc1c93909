"""Put arrays into a feature file that is there: in place, and wholly or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from dexkit.errors import InputError, OutputError
from dexkit.features.file import FeatureFile
from dexkit.features.journal import Change, journal_path, undoable
from dexkit.features.schema import UNFINISHED
from dexkit.features.writer import (
    LATE_FACTOR,
    LIBVER,
    arrays_size,
    create_array,
    fill_array,
    reserve,
)
from dexkit.files import disk_errors
from dexkit.hooks import ArrayPlan
from dexkit.memory import PIECE_BYTES


def extend_feature_file(
    features: FeatureFile,
    plans: Sequence[ArrayPlan],
    attrs: Callable[[], Mapping[str, str]],
    piece_bytes: int = PIECE_BYTES,
) -> dict[str, dict[str, Any]]:
    """Add arrays to a feature file without touching those that it has.

    Parameters
    ----------
    features : FeatureFile
        The file.
    plans : sequence of ArrayPlan
        The new arrays; filled as in a build.
    attrs : callable
        Called when all arrays are filled; returns the root attributes to set.
    piece_bytes : int, optional
        Bytes of an array that are mapped, and handed to ``ArrayPlan.fill``, at a time.

    Returns
    -------
    dict
        By array path, the attributes that became known while it was filled.

    Raises
    ------
    InputError
        When another process changes the file, or another program has it open through HDF5.
    OutputError
        When it cannot be written, or the disk is full. The old content is there afterwards, as
        after any other error.
    """
    path = features.path
    late: dict[str, dict[str, Any]] = {}
    with disk_errors(path), undoable(path, features.array_ranges) as change:
        if not features.is_current():
            raise InputError(f"{path} was changed while it was being added to; run again")
        # HDF5 does not survive a full disk: what cannot be stored has to show before it writes.
        _reserve_more(path, arrays_size(plans) + LATE_FACTOR * len(str([p.attrs for p in plans])))
        offsets = {}
        with _edited(path, change) as file:
            # A reader that finds this without the journal beside it knows what happened.
            file.attrs[UNFINISHED] = journal_path(path).name
            for plan in plans:
                offsets[plan.path] = create_array(file, plan, allocate=True)
        reserve(path, max(_end(plan, offsets[plan.path]) for plan in plans))
        digests = {}
        for plan in plans:
            late[plan.path], digests[plan.path] = fill_array(
                path, plan, offsets[plan.path] or 0, piece_bytes
            )
        root = attrs()
        _reserve_more(path, arrays_size([]) + LATE_FACTOR * (len(str(late)) + len(str(root))))
        with _edited(path, change) as file:
            for plan in plans:
                for key, value in late[plan.path].items():
                    file[plan.path].attrs[key] = value
                file[plan.path].attrs["sha256"] = digests[plan.path]
            for key, text in root.items():
                file.attrs[key] = text
            del file.attrs[UNFINISHED]
    return late


@contextmanager
def _edited(path: Path, change: Change) -> Iterator[h5py.File]:
    """Open the file through HDF5; an error while closing it is for the next process to undo."""
    try:
        file = h5py.File(path, "r+", libver=LIBVER)
    except BlockingIOError as error:
        raise InputError(
            f"{path} is open in another program ({error.strerror or 'locked'}); close it there "
            "and run again"
        ) from error
    change.undo_later = True
    try:
        yield file
    finally:
        file.close()
        change.undo_later = False


def _end(plan: ArrayPlan, offset: int | None) -> int:
    return (offset or 0) + arrays_size([plan])


def _reserve_more(path: Path, n_bytes: int) -> None:
    """Set blocks aside behind the end of the file."""
    free = shutil.disk_usage(path.parent).free
    if n_bytes > free:
        raise OutputError(
            f"{path}: the disk is full: the new arrays need {n_bytes / 1e6:,.1f} MB, "
            f"{free / 1e6:,.1f} MB are free; free space or add fewer blocks"
        )
    reserve(path, path.stat().st_size + n_bytes)
