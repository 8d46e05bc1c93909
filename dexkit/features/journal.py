"""Undo a change to a feature file that did not come to its end.

Samples and blocks are added in place: a file of many gigabytes is not copied. So that it is
never left half-changed, all that such a change may overwrite (everything but the arrays, which
stay as they are) is first saved to a journal beside the file, ``.<name>.undo``. The journal goes
when the change is whole. One that is found later, unless its writer still lives and holds its
lock, tells of an interrupted change, and the old content is put back.

What a journal holds is in :mod:`dexkit.features.undo_file`.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dexkit.errors import InputError, OutputError
from dexkit.features.undo_file import Range, needs_journal, restore, save, writer
from dexkit.files import disk_errors, sync_folder

logger = logging.getLogger("dexkit")

#: A lock may be held for a moment by another process that puts the old content back.
_PATIENCE_S, _NAP_S = 1.0, 0.02
#: Journals whose lock lasts until the process ends.
_HELD: list[BinaryIO] = []


def journal_path(path: Path) -> Path:
    """Return where the journal of a feature file lies while something is added to it.

    Parameters
    ----------
    path : Path
        The feature file, or a link to it.

    Returns
    -------
    Path
        ``.<name>.undo`` beside the file itself.
    """
    real = path.resolve()
    return real.with_name(f".{real.name}.undo")


def recover(path: Path) -> bool:
    """Put the old content of a feature file back when a change to it was interrupted.

    Parameters
    ----------
    path : Path
        The feature file.

    Returns
    -------
    bool
        Whether anything was put back.

    Raises
    ------
    InputError
        When the file is being changed right now; when it cannot be written, so that the change
        cannot be undone; when there is a journal and no file.
    FormatError
        When the journal is damaged or belongs to another file.
    """
    journal = journal_path(path)
    while journal.exists():
        if not path.exists():
            raise InputError(
                f"{journal} is the journal of an interrupted addition to {path.name}, which is "
                "not there; put the file back beside it, delete the journal, or build it again"
            )
        handle = _lock_found(path, journal)
        if handle is None:
            continue
        try:
            restored = restore(path, handle, journal)
        except BaseException:
            handle.close()
            raise
        _discard(handle, journal)
        if restored:
            logger.warning(
                "%s: an addition was interrupted; the file is put back to what it was", path
            )
        return restored
    return False


def clear_for_new(path: Path, new: Path | None = None) -> None:
    """Make sure that no journal stands in the way of a new file; see to an older one first.

    Where a file is there this is :func:`recover`. Where none is, a journal is left of a file that
    was deleted.

    Parameters
    ----------
    path : Path
        The feature file to be made.
    new : Path, optional
        The new file, whole and about to get its name: such a journal is removed then, and said
        to be. Without, it is only looked at.

    Raises
    ------
    InputError
        When the file is being changed right now, or the journal belongs to a file beside it: its
        file was renamed, and needs the journal. See also :func:`recover`.
    OutputError
        When the journal cannot be opened or removed.
    """
    journal = journal_path(path)
    if path.exists() or not journal.exists():
        recover(path)
        return
    with disk_errors(journal):
        if not os.access(journal, os.W_OK):
            raise OutputError(
                f"{journal}, left by an interrupted addition to an earlier {path.name}, is in the "
                "way and may not be removed; delete it as somebody who may"
            )
        handle = _lock_found(path, journal, file_there=False)
        if handle is None:
            return
        with handle:
            # The new file may hold the same arrays, and would pass for the one that was renamed.
            for other in sorted(set(journal.parent.iterdir()) - {journal, new}):
                if other.is_file() and needs_journal(other, handle):
                    raise InputError(
                        f"{journal} is the journal of an interrupted addition to {other.name}, "
                        f"which was called {path.name} then; rename it back and run `dexkit "
                        f"features info {path}` to put it in order, or delete the journal"
                    )
            if new is not None:
                journal.unlink()
                sync_folder(journal)
                logger.warning(
                    "%s: removed; it was left by an interrupted addition to an earlier %s, which "
                    "is not there any more",
                    journal,
                    path.name,
                )


@dataclass
class Change:
    """A change that is under way.

    Parameters
    ----------
    undo_later : bool
        Whether an error must leave the undoing to the next process that opens the file: as long
        as the HDF5 library has it open, it may write to it again, at the latest when the process
        ends.
    """

    undo_later: bool = False


@contextmanager
def undoable(path: Path, kept: Sequence[Range]) -> Iterator[Change]:
    """Change a feature file in place: wholly, or not at all.

    Parameters
    ----------
    path : Path
        The feature file.
    kept : sequence of tuple of int
        Byte ranges ``[start, end)`` that the block does not write to: the arrays. All else up to
        the present end of the file is saved.

    Yields
    ------
    Change
        To be told while the HDF5 library has the file open.

    Raises
    ------
    InputError
        When another process changes the file right now.
    OutputError
        When the journal cannot be written, or the disk is full.
    """
    recover(path)
    journal = journal_path(path)
    with disk_errors(journal):
        handle = _create(path, journal)
    try:
        with disk_errors(journal):
            save(path, handle, kept)
            sync_folder(journal)
    except BaseException:
        journal.unlink()  # nothing was changed yet
        handle.close()
        raise
    change = Change()
    try:
        yield change
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    except BaseException:
        if change.undo_later:
            _HELD.append(handle)
            raise
        restore(path, handle, journal)
        _discard(handle, journal)
        raise
    _discard(handle, journal)


def _discard(handle: BinaryIO, journal: Path) -> None:
    """Remove a journal that is not needed any more, then give its lock up."""
    with handle:
        journal.unlink()
        sync_folder(journal)


def _create(path: Path, journal: Path) -> BinaryIO:
    """Make the journal and lock it; the lock lasts as long as the file is open."""
    while True:
        try:
            handle = journal.open("xb+")
        except FileExistsError:
            recover(path)  # ends in an error when another process lives
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            handle.close()
            journal.unlink()
            raise OutputError(
                f"{path}: its file system cannot lock files ({error.strerror}); add to a copy "
                "on another one"
            ) from error
        # Between the two calls somebody may have found it unlocked and cleared it away.
        if _is_at(handle, journal):
            return handle
        handle.close()


def _lock_found(path: Path, journal: Path, file_there: bool = True) -> BinaryIO | None:
    """Open and lock a journal whose writer is gone; None when the journal is gone too."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            handle = journal.open("rb+")
            if file_there and not os.access(path, os.W_OK):
                handle.close()
                raise PermissionError
        except FileNotFoundError:
            return None
        except OSError as error:
            if isinstance(error, PermissionError) or error.errno == errno.EROFS:
                raise _cannot_undo(path, journal) from None
            raise
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = writer(handle)
            handle.close()
            if time.monotonic() > until:
                raise InputError(
                    f"{path} is being added to by {who}; wait until that is done"
                ) from None
            time.sleep(_NAP_S)
            continue
        if _is_at(handle, journal):
            return handle
        handle.close()
        return None


def _cannot_undo(path: Path, journal: Path) -> InputError:
    with suppress(OSError), journal.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return InputError(
                f"{path} is being added to by {writer(handle)}; wait until it is done"
            )
    return InputError(
        f"an addition to {path} was interrupted and has to be undone, which needs permission to "
        f"write {path.name} and its journal {journal.name}; run `dexkit features info {path}` once "
        "as somebody who may write them"
    )


def _is_at(handle: BinaryIO, path: Path) -> bool:
    """Whether ``path`` still names the open file."""
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False
