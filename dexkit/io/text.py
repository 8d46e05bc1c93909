"""Open text inputs: plain or gzip (told apart by content), with line numbers in every error."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast
from zlib import error as ZlibError

from isal import igzip, isal_zlib

from dexkit.errors import FormatError, InputError

CHUNK_BYTES = 1 << 20
"""Decompressed bytes a chunk: large enough to hide call overhead, small enough for the L2 cache."""

GZIP_MAGIC = b"\x1f\x8b"
UTF8_BOM = b"\xef\xbb\xbf"

_FOREIGN_MAGIC = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file (.h5, .cool, .mcool)",
    b"HIC\0": "a .hic file",
    b"BAM\1": "a BAM file",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\0": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"PK\x03\x04": "a zip archive (or an Excel file)",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}

# The stubs of isal declare the class as an instance of Exception.
_IsalError = cast("type[Exception]", isal_zlib.error)

_DECIMAL = re.compile(r"\d{1,18}", re.ASCII)


def input_file(path: str | os.PathLike[str], what: str) -> Path:
    """Check that an input exists, is no directory and may be read.

    Parameters
    ----------
    path : str or path-like
        The file; a named pipe is accepted.
    what : str
        What the file is for, in words that fit a sentence: ``"GTF"``, ``"contact file"``.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    InputError
        When it is missing, a directory, or not readable.
    """
    found = Path(path)
    if found.is_dir():
        raise InputError(f"{found}: is a directory; expected a {what}; give the path of the file")
    if not found.exists():
        raise InputError(f"{found}: no such file; expected a {what}; check the path")
    if not os.access(found, os.R_OK):
        raise InputError(f"{found}: may not be read; expected a {what}; check the permissions")
    return found


def read_chunks(
    path: str | os.PathLike[str],
    what: str,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    advance: Callable[[float], None] | None = None,
    line_count: Callable[[], int] | None = None,
) -> Iterator[bytes]:
    """Yield the decompressed bytes of a text file in chunks, a UTF-8 byte-order mark removed.

    Parameters
    ----------
    path : str or path-like
        Plain text, gzip or bgzip; told apart by the first two bytes, never by the name.
    what : str
        What the file is for, as in :func:`input_file`.
    chunk_bytes : int, optional
        Decompressed bytes a chunk; the last may be shorter.
    advance : callable, optional
        Called after each chunk with the number of stored (compressed) bytes taken from the disk.
    line_count : callable, optional
        Returns how many lines the caller has taken in so far; used in the message of a damaged
        gzip stream.

    Yields
    ------
    bytes
        Never empty. A line may cross two chunks.

    Raises
    ------
    InputError
        When the file cannot be opened or read.
    FormatError
        When the file is empty, holds binary data, or its gzip stream is truncated or damaged.
    """
    found = input_file(path, what)

    def damaged(reason: str) -> FormatError:
        # Bytes that the decompressor held back when it failed are not counted.
        line = None if line_count is None else line_count() + 1
        where = "" if line is None else ", at or after this line"
        return FormatError(
            f"the gzip stream {reason}{where}; expected a complete {what}; "
            "copy or download it again",
            str(found),
            line,
        )

    try:
        with io.BufferedReader(io.FileIO(found), 1 << 18) as stored:
            seekable = stored.seekable()
            packed = stored.peek(2)[:2] == GZIP_MAGIC
            stream = igzip.IGzipFile(fileobj=stored) if packed else stored
            taken = 0
            first = True
            # read1 hands over what it has before it raises at the end of a truncated stream, so
            # that the line in the message is close to the cut.
            while chunk := stream.read1(chunk_bytes):
                if first:
                    first = False
                    _refuse_binary(chunk, found, what)
                    chunk = chunk.removeprefix(UTF8_BOM)
                if chunk:
                    yield chunk
                if advance is not None and seekable:
                    position = stored.tell()
                    advance(position - taken)
                    taken = position
            if first:
                raise FormatError(f"the file is empty; expected a {what}", str(found))
    except EOFError:
        raise damaged("is truncated") from None
    except (_IsalError, ZlibError) as error:
        raise damaged(f"is damaged ({error})") from None
    except OSError as error:
        if isinstance(error, igzip.BadGzipFile):
            raise damaged(f"is damaged ({error})") from None
        raise InputError(f"{found}: cannot be read ({error.strerror or error})") from error


def read_lines(path: str | os.PathLike[str], what: str) -> Iterator[tuple[int, str]]:
    r"""Yield ``(line number, line)`` of a UTF-8 text file, plain or gzip.

    Parameters
    ----------
    path, what
        As in :func:`read_chunks`.

    Yields
    ------
    number : int
        1-based line number in the decompressed text.
    line : str
        Without its end (``\n`` or ``\r\n``).

    Raises
    ------
    InputError, FormatError
        As in :func:`read_chunks`; also FormatError when a line is not UTF-8 or holds a NUL byte.
    """
    number = 0
    rest = b""

    def line_count() -> int:
        return number

    for chunk in read_chunks(path, what, line_count=line_count):
        block, newline, rest_of_chunk = chunk.rpartition(b"\n")
        if not newline:
            rest += chunk
            continue
        for line in _decode(rest + block, path, what, number):
            number += 1
            yield number, line
        rest = rest_of_chunk
    if rest:
        for line in _decode(rest, path, what, number):
            number += 1
            yield number, line


def parse_position(text: str) -> int | None:
    """Return a decimal coordinate, or None when ``text`` is not one (signs, blanks, exponents)."""
    return int(text) if _DECIMAL.fullmatch(text) else None


def _decode(block: bytes, path: str | os.PathLike[str], what: str, n_before: int) -> list[str]:
    """Split a block of whole lines; ``n_before`` lines came before it."""
    if (nul := block.find(b"\0")) >= 0:
        line = n_before + block.count(b"\n", 0, nul) + 1
        raise FormatError(f"holds binary data; expected a {what} (text)", str(path), line)
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError as error:
        line = n_before + block.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"byte 0x{block[error.start]:02x} is not UTF-8; expected a {what} in UTF-8; "
            "convert the file (iconv -t utf-8)",
            str(path),
            line,
        ) from None
    lines = text.split("\n")
    return [line.removesuffix("\r") for line in lines] if "\r" in text else lines


def _refuse_binary(head: bytes, path: Path, what: str) -> None:
    """Raise FormatError when the first decompressed bytes are no text."""
    for magic, kind in _FOREIGN_MAGIC.items():
        if head.startswith(magic):
            raise FormatError(
                f"the file is {kind}; expected a {what} as text, plain or gzip", str(path)
            )
    if b"\0" in head[:4096]:
        raise FormatError(f"the file holds binary data; expected a {what} as text", str(path))
