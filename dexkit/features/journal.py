"""Undo a change to a feature file that did not come to its end.

Samples and blocks are added in place: a file of many gigabytes is not copied. So that it is
never left half-changed, all that such a change may overwrite (everything but the arrays, which
stay as they are) is first saved to a journal beside the file, ``.<name>.undo``. The journal goes
when the change is whole. One that is found later, unless its writer still lives and holds its
lock, tells of an interrupted change, and the old content is put back.

A journal is: the magic line, one byte of state, the length of the header, the header (JSON), the
saved bytes, and the SHA-256 of all from the header's length on. The state turns from ``w`` to
``c`` when everything else is on the disk; only then is the feature file touched.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dexkit.errors import FormatError, InputError, OutputError
from dexkit.files import disk_errors

_MAGIC = b"dexkit-undo 1\n"
_WRITING, _COMPLETE = b"w", b"c"
_BODY = len(_MAGIC) + 1
#: Bytes copied at a time.
_CHUNK = 1 << 20
#: Bytes at both ends of each array that tell whether a journal belongs to a file.
_SAMPLE = 4096
#: A lock may be held for a moment by another process that puts the old content back.
_PATIENCE_S, _NAP_S = 1.0, 0.02

Range = tuple[int, int]


def journal_path(path: Path) -> Path:
    """Return where the journal of the feature file ``path`` lies while it is changed."""
    return path.with_name(f".{path.name}.undo")


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
                "not there; put the file back beside it, or delete the journal"
            )
        handle = _lock_found(path, journal)
        if handle is None:
            continue
        try:
            restored = _restore(path, handle)
        except BaseException:
            handle.close()
            raise
        _discard(handle, journal)
        return restored
    return False


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
            _save(path, handle, kept)
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
            raise  # the handle stays open, and with it the lock, until the process ends
        _restore(path, handle)
        _discard(handle, journal)
        raise
    _discard(handle, journal)


def _discard(handle: BinaryIO, journal: Path) -> None:
    """Remove a journal that is not needed any more, then give its lock up."""
    with handle:
        journal.unlink()
        _sync_folder(journal)


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


def _lock_found(path: Path, journal: Path) -> BinaryIO | None:
    """Open and lock a journal whose writer is gone; None when the journal is gone too."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            handle = journal.open("rb+")
            if not os.access(path, os.W_OK):
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
            who = _writer(handle)
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
                f"{path} is being added to by {_writer(handle)}; wait until it is done"
            )
    return InputError(
        f"an addition to {path} was interrupted and has to be undone, which needs permission to "
        f"write {path.name} and its journal {journal.name}; run `dexkit features info {path}` once "
        "as somebody who may write them"
    )


def _writer(handle: BinaryIO) -> str:
    try:
        header = _header(handle)
        return f"process {int(header['pid'])} on {header['host']}"
    except (ValueError, KeyError, TypeError, OSError):
        return "another process"


def _save(path: Path, handle: BinaryIO, kept: Sequence[Range]) -> None:
    """Write the journal, and let nothing be changed before it is on the disk."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        saved = _complement(kept, size)
        header = {
            "size": size,
            "saved": saved,
            "kept": _complement(saved, size),
            "sample": _sample(file, _complement(saved, size)),
            "pid": os.getpid(),
            "host": socket.gethostname(),
        }
        encoded = json.dumps(header).encode()
        handle.write(_MAGIC + _WRITING)
        digest = hashlib.sha256()
        for piece in (len(encoded).to_bytes(8, "little"), encoded):
            handle.write(piece)
            digest.update(piece)
        for start, end in saved:
            for piece in _pieces(file, start, end):
                handle.write(piece)
                digest.update(piece)
    handle.write(digest.digest())
    handle.flush()
    os.fsync(handle.fileno())
    os.pwrite(handle.fileno(), _COMPLETE, len(_MAGIC))
    os.fsync(handle.fileno())
    _sync_folder(path)


def _restore(path: Path, handle: BinaryIO) -> bool:
    """Put the saved bytes back; safe to break off and to repeat."""
    journal = journal_path(path)
    handle.seek(0)
    start = handle.read(_BODY)
    if start[len(_MAGIC) :] != _COMPLETE and (_MAGIC + _WRITING).startswith(start):
        return False  # its writer ended before it touched the feature file
    header = _checked_header(handle, journal)
    saved: list[Range] = [(int(a), int(b)) for a, b in header["saved"]]
    with path.open("rb+") as file:
        size = os.fstat(file.fileno()).st_size
        kept: list[Range] = [(int(a), int(b)) for a, b in header["kept"]]
        if size < header["size"] or _sample(file, kept) != header["sample"]:
            raise FormatError(
                f"the journal {journal.name} beside it, of an interrupted addition, belongs to "
                "another file; delete the journal if this file was put here afterwards",
                str(path),
            )
        for begin, end in saved:
            file.seek(begin)
            for _ in range(begin, end, _CHUNK):
                file.write(handle.read(min(_CHUNK, end - file.tell())))
        file.flush()
        file.truncate(header["size"])
        os.fsync(file.fileno())
    return True


def _header(handle: BinaryIO) -> dict[str, Any]:
    """Return the header; the handle stands at the first saved byte afterwards."""
    handle.seek(_BODY)
    length = int.from_bytes(handle.read(8), "little")
    if length > os.fstat(handle.fileno()).st_size:
        raise ValueError("cut off")
    return dict(json.loads(handle.read(length)))


def _checked_header(handle: BinaryIO, journal: Path) -> dict[str, Any]:
    """Return the header of a journal whose digest is right; the handle stands behind it."""
    end = os.fstat(handle.fileno()).st_size - hashlib.sha256().digest_size
    digest = hashlib.sha256()
    for piece in _pieces(handle, _BODY, end):
        digest.update(piece)
    handle.seek(0)
    if handle.read(len(_MAGIC)) == _MAGIC and end > _BODY:
        handle.seek(end)
        if handle.read() == digest.digest():
            return _header(handle)
    raise FormatError(
        "the journal of an interrupted addition is damaged, and the feature file beside it cannot "
        "be put back to what it was; build the feature file again",
        str(journal),
    )


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes ``[start, end)`` of a file, some at a time."""
    file.seek(start)
    while start < end:
        piece = file.read(min(_CHUNK, end - start))
        if not piece:
            raise OutputError(f"{file.name} is shorter than expected; another program changes it")
        yield piece
        start += len(piece)


def _complement(ranges: Sequence[Range], size: int) -> list[Range]:
    """Return what the ranges leave of ``[0, size)``, in order."""
    rest: list[Range] = []
    at = 0
    for start, end in sorted(ranges):
        if start > at:
            rest.append((at, min(start, size)))
        at = max(at, end)
    if at < size:
        rest.append((at, size))
    return rest


def _sample(file: BinaryIO, kept: Sequence[Range]) -> str:
    """Return a digest of the ends of the arrays, which no addition changes."""
    digest = hashlib.sha256()
    for start, end in kept:
        for begin in (start, max(start, end - _SAMPLE)):
            file.seek(begin)
            digest.update(file.read(min(_SAMPLE, end - begin)))
    return digest.hexdigest()


def _is_at(handle: BinaryIO, path: Path) -> bool:
    """Whether ``path`` still names the open file."""
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
