"""The journal of a change to a feature file: what it holds, and how it is put back.

A journal is: the magic line, one byte of state, the length of the header, the header (JSON), the
saved bytes, and the SHA-256 of all from the header's length on. The state turns from ``w`` to
``c`` when everything else is on the disk; only then is the feature file touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from dexkit.errors import FormatError, OutputError

_MAGIC = b"dexkit-undo 1\n"
_WRITING, _COMPLETE = b"w", b"c"
_BODY = len(_MAGIC) + 1
#: Bytes copied at a time.
_CHUNK = 1 << 20
#: Bytes at both ends of each array that tell whether a journal belongs to a file.
_SAMPLE = 4096

Range = tuple[int, int]


def writer(handle: BinaryIO) -> str:
    """Return who wrote a journal, in words."""
    try:
        header = _header(handle)
        return f"process {int(header['pid'])} on {header['host']}"
    except (ValueError, KeyError, TypeError, OSError):
        return "another process"


def save(path: Path, handle: BinaryIO, kept: Sequence[Range]) -> None:
    """Write a journal; it is on the disk afterwards.

    Parameters
    ----------
    path : Path
        The feature file.
    handle : file
        The journal: new, open for reading and writing.
    kept : sequence of tuple of int
        Byte ranges ``[start, end)`` of the feature file that need not be saved.

    Raises
    ------
    OSError
        When it cannot be written.
    """
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


def restore(path: Path, handle: BinaryIO, journal: Path) -> bool:
    """Put the saved bytes back; safe to break off and to repeat.

    Parameters
    ----------
    path : Path
        The feature file.
    handle : file
        Its journal, open for reading.
    journal : Path
        Where that lies, for the message.

    Returns
    -------
    bool
        False when there was nothing to put back: the journal was never complete.

    Raises
    ------
    FormatError
        When the journal is damaged or belongs to another file.
    """
    handle.seek(0)
    start = handle.read(_BODY)
    if start[len(_MAGIC) :] != _COMPLETE and (_MAGIC + _WRITING).startswith(start):
        return False  # its writer ended before it touched the feature file
    header = _checked_header(handle, journal)
    saved: list[Range] = [(int(a), int(b)) for a, b in header["saved"]]
    with path.open("rb+") as file:
        if not _is_of(header, file):
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


def needs_journal(path: Path, handle: BinaryIO) -> bool:
    """Return whether a journal could put the old content of a file back, whatever its name is.

    Parameters
    ----------
    path : Path
        Any file.
    handle : file
        The journal, open for reading.

    Returns
    -------
    bool
        False where the file is another one, cannot be read, or has the old content already (a
        copy from before the change); and where the journal puts nothing back: it is damaged, or
        its writer ended before it touched a feature file.
    """
    handle.seek(0)
    if handle.read(_BODY) != _MAGIC + _COMPLETE:
        return False
    try:
        header = _header(handle)
        with path.open("rb") as file:
            return _is_of(header, file) and not _has_saved(header, file, handle)
    except (ValueError, KeyError, TypeError, OSError):
        return False


def _has_saved(header: dict[str, Any], file: BinaryIO, handle: BinaryIO) -> bool:
    """Return whether a file holds what was saved; the journal stands at its first saved byte."""
    if os.fstat(file.fileno()).st_size != header["size"]:
        return False
    saved: list[Range] = [(int(a), int(b)) for a, b in header["saved"]]
    pieces = (piece for start, end in saved for piece in _pieces(file, start, end))
    return all(piece == handle.read(len(piece)) for piece in pieces)


def _is_of(header: dict[str, Any], file: BinaryIO) -> bool:
    size = os.fstat(file.fileno()).st_size
    kept: list[Range] = [(int(a), int(b)) for a, b in header["kept"]]
    return bool(size >= header["size"] and _sample(file, kept) == header["sample"])


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
    if handle.read(_BODY) == _MAGIC + _COMPLETE and end > _BODY:
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
