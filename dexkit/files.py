"""Files that appear whole or not at all, and clear words when the disk is full."""

from __future__ import annotations

import errno
import glob
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dexkit.errors import OutputError

_DISK_ERRNOS = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
#: HDF5 reports a failed write as a plain OSError whose text carries the number.
_HDF5_ERRNO = re.compile(r"errno = (\d+)")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, a quota, a file-size limit or a forbidden folder into one sentence.

    Parameters
    ----------
    path : Path
        The file being written, for the message.

    Raises
    ------
    OutputError
        When the system refuses to store the data or the folder cannot be written.
    """
    try:
        yield
    except PermissionError as error:
        raise OutputError(f"{path}: not permitted to write here ({error.strerror})") from error
    except OSError as error:
        if error.errno == errno.EROFS:
            raise OutputError(f"{path}: not possible to write here ({error.strerror})") from error
        number = error.errno
        hdf5 = _HDF5_ERRNO.search(str(error))
        if number is None and hdf5:
            number = int(hdf5.group(1))
        if number in _DISK_ERRNOS:
            raise OutputError(
                f"{path}: the disk is full or a file-size limit was reached "
                f"({os.strerror(number)}); free space or write elsewhere"
            ) from error
        raise


@contextmanager
def atomic_path(path: Path, force: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that becomes ``path`` when the block succeeds.

    Parameters
    ----------
    path : Path
        Final file.
    force : bool, optional
        Whether an existing file may be replaced.

    Yields
    ------
    Path
        Where to write. Removed when the block fails; synced and renamed when it succeeds.

    Raises
    ------
    OutputError
        When ``path`` exists and ``force`` is false, or is a folder; when its folder does not
        exist or cannot be written, or the disk is full.
    """
    check_output(path, force)
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file")
    _remove_orphans(path)
    partial = path.with_name(f"{_partial_prefix(path)}{os.getpid()}")
    try:
        with disk_errors(path):
            yield partial
            with partial.open("rb+") as handle:
                os.fsync(handle.fileno())
            os.replace(partial, path)
            sync_folder(path)
    finally:
        partial.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Let the name of a new, renamed or removed file reach the disk.

    Parameters
    ----------
    path : Path
        The file.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _partial_prefix(path: Path) -> str:
    """Return how the temporary names of ``path`` start on this machine; a process id follows."""
    return f".{path.name}.partial-{socket.gethostname()}-"


def _remove_orphans(path: Path) -> None:
    """Remove what writers of ``path`` that were killed on this machine have left behind."""
    prefix = _partial_prefix(path)
    for orphan in path.parent.glob(f"{glob.escape(prefix)}*"):
        pid = orphan.name.removeprefix(prefix)
        if pid.isdigit() and not _is_alive(int(pid)):
            orphan.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check_output(path: Path, force: bool) -> None:
    """Refuse an output that exists, or whose folder does not, before any work is done.

    Parameters
    ----------
    path : Path
        The file or folder to be made.
    force : bool
        Whether it may be replaced.

    Raises
    ------
    OutputError
        When it exists and ``force`` is false, or its parent folder does not exist.
    """
    if path.exists() and not force:
        raise OutputError(f"{path} exists; give another name or --force to replace it")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; make it first")


def write_whole(path: Path, content: bytes | str, force: bool = True) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes or str
        What it holds; text is stored as UTF-8.
    force : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        See :func:`atomic_path`.
    """
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(path, force) as partial:
        partial.write_bytes(data)
