"""Open text inputs: plain or gzip (told apart by content), with line numbers in every error."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast
from zlib import error as ZlibError

from isal import igzip, isal_zlib

from dexkit.errors import FormatError, InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_STORED_BLOCK_BYTES = 1 << 18
_MAGIC_BYTES = 16

CHUNK_BYTES = 1 << 20
"""Decompressed bytes a chunk: large enough to hide call overhead, small enough for the L2 cache."""

STDIN = "-"
"""Path that stands for the standard input."""

GZIP_MAGIC = b"\x1f\x8b"
UTF8_BOM = b"\xef\xbb\xbf"

_FOREIGN_MAGIC = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file (.h5, .cool, .mcool)",
    b"HIC\0": "a .hic file",
    b"BAM\1": "a BAM file",
    b"CRAM": "a CRAM file",
    b"TBI\1": "a tabix index (.tbi)",
    b"CSI\1": "an index (.csi)",
    b"PX2.": "a pairix index (.px2)",
    b"\x26\xfc\x8f\x88": "a bigWig file (a 1-D track)",
    b"\x88\x8f\xfc\x26": "a bigWig file (a 1-D track)",
    b"\xeb\xf2\x89\x87": "a bigBed or bigInteract file",
    b"\x87\x89\xf2\xeb": "a bigBed or bigInteract file",
    b"PAR1": "a Parquet file",
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


@dataclass(frozen=True)
class InputRecord:
    """One file that was read, for the provenance of what was made from it.

    Parameters
    ----------
    name : str
        Name of the file, without its folder; ``"-"`` for the standard input.
    size_bytes : int
        Stored (compressed) bytes.
    sha256 : str
        SHA-256 of the stored bytes, in hexadecimal digits.
    """

    name: str
    size_bytes: int
    sha256: str


class StoredDigest:
    """Size and SHA-256 of the stored bytes of a file, taken while the file is read.

    ``update`` is the ``observe`` argument of :func:`read_chunks` and :func:`read_lines`.
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def update(self, block: memoryview | bytes) -> None:
        """Take in the next stored bytes."""
        self._sha256.update(block)
        self.size_bytes += len(block)

    def record(self, path: str | os.PathLike[str]) -> InputRecord:
        """Return what is known of the file once it has been read to its end."""
        return InputRecord(Path(path).name, self.size_bytes, self._sha256.hexdigest())


class _ObservedFile(io.RawIOBase):
    """A file that shows every block to a callback as it is taken from the disk (or the pipe).

    The first block has 16 bytes at least, though a pipe may bring them one by one: the kind of
    file is told by them.
    """

    def __init__(self, raw: io.FileIO, observe: Callable[[memoryview], None]) -> None:
        self._raw = raw
        self._observe = observe
        self._least = _MAGIC_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        view = memoryview(buffer)
        n = self._raw.readinto(view) or 0
        while 0 < n < self._least and (more := self._raw.readinto(view[n:])):
            n += more
        self._least = 0
        if n:
            self._observe(view[:n])
        return n

    def close(self) -> None:
        self._raw.close()
        super().close()


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
    observe: Callable[[memoryview], None] | None = None,
) -> Iterator[bytes]:
    """Yield the decompressed bytes of a text file in chunks, a UTF-8 byte-order mark removed.

    Parameters
    ----------
    path : str or path-like
        Plain text, gzip or bgzip; told apart by the first two bytes, never by the name. ``"-"``
        is the standard input.
    what : str
        What the file is for, as in :func:`input_file`.
    chunk_bytes : int, optional
        Decompressed bytes a chunk; the last may be shorter.
    advance : callable, optional
        Called with the number of stored (compressed) bytes whenever some are taken from the disk.
    line_count : callable, optional
        Returns how many lines the caller has taken in so far; used in the message of a damaged
        gzip stream.
    observe : callable, optional
        Called with every block of stored bytes, in order; all of them have been shown when the
        last chunk has been taken (:class:`StoredDigest`).

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
    standard_input = os.fspath(path) == STDIN
    shown = "standard input" if standard_input else str(path)

    def damaged(reason: str) -> FormatError:
        # Bytes that the decompressor held back when it failed are not counted.
        line = None if line_count is None else line_count() + 1
        where = "" if line is None else ", at or after this line"
        return FormatError(
            f"the gzip stream {reason}{where}; expected a complete {what}; "
            "copy or download it again",
            shown,
            line,
        )

    def taken(block: memoryview) -> None:
        if observe is not None:
            observe(block)
        if advance is not None:
            advance(len(block))

    try:
        raw = _standard_input(what) if standard_input else io.FileIO(input_file(path, what))
        with io.BufferedReader(_ObservedFile(raw, taken), _STORED_BLOCK_BYTES) as stored:
            packed = stored.peek(2)[:2] == GZIP_MAGIC
            stream = igzip.IGzipFile(fileobj=stored) if packed else stored
            first = True
            # read1 hands over what it has before it raises at the end of a truncated stream, so
            # that the line in the message is close to the cut.
            while chunk := stream.read1(chunk_bytes):
                if first:
                    first = False
                    _refuse_binary(chunk, shown, what)
                    chunk = chunk.removeprefix(UTF8_BOM)
                if chunk:
                    yield chunk
            if first:
                raise FormatError(f"the file is empty; expected a {what}", shown)
    except EOFError:
        raise damaged("is truncated") from None
    except (_IsalError, ZlibError) as error:
        raise damaged(f"is damaged ({error})") from None
    except OSError as error:
        if isinstance(error, igzip.BadGzipFile):
            raise damaged(f"is damaged ({error})") from None
        raise InputError(f"{shown}: cannot be read ({error.strerror or error})") from error


def read_lines(
    path: str | os.PathLike[str],
    what: str,
    *,
    observe: Callable[[memoryview], None] | None = None,
) -> Iterator[tuple[int, str]]:
    r"""Yield ``(line number, line)`` of a UTF-8 text file, plain or gzip.

    Parameters
    ----------
    path, what, observe
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

    for chunk in read_chunks(path, what, line_count=line_count, observe=observe):
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


def _standard_input(what: str) -> io.FileIO:
    """Open the standard input; a terminal is refused, since nobody types such a file."""
    if os.isatty(0):
        raise InputError(
            f"standard input is a terminal; expected a {what} from a pipe or a redirection"
        )
    return io.FileIO(0, closefd=False)


def _refuse_binary(head: bytes, path: str, what: str) -> None:
    """Raise FormatError when the first decompressed bytes are no text."""
    for magic, kind in _FOREIGN_MAGIC.items():
        if head.startswith(magic):
            raise FormatError(f"the file is {kind}; expected a {what} as text, plain or gzip", path)
    if (nul := head.find(b"\0", 0, 4096)) >= 0:
        # Text that comes before it makes a damaged text file likelier: the line helps then.
        line = head.count(b"\n", 0, nul) + 1
        raise FormatError(
            f"the file holds binary data; expected a {what} as text",
            path,
            line if line > 1 else None,
        )
