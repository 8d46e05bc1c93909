"""The index of a ``.hic`` file: of which pairs of chromosomes it holds contacts.

hictkpy does not say it, and to ask for a pair that is not there takes milliseconds: an assembly of
500 scaffolds has 125,250 pairs. Header and index as in the specification of the format (aidenlab,
hic-format, versions 6 to 9): numbers are little-endian, strings end in a NUL.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

_START_BYTES = 16  # magic, version (int32), place of the index (int64)
_LONG_SINCE = 9  # lengths and sizes are 64-bit from this version on
_MOST_NAME_BYTES = 4096


def stored_pairs(path: Path) -> set[tuple[str, str]]:
    """Return the pairs of chromosomes that have a matrix in the file.

    Parameters
    ----------
    path : Path
        The file; it starts with the magic bytes.

    Returns
    -------
    set of tuple of str
        Names of the file, each pair once, in the order of the file's chromosomes. The pseudo
        chromosome ``All`` is among them where the file has it.

    Raises
    ------
    ValueError
        When the header or the index is damaged or cut off.
    OSError
        When the file cannot be read.
    """
    with path.open("rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        _, version, index_at = _numbers(file, "<4siq")
        _text(file)  # genome
        if version >= _LONG_SINCE:
            _numbers(file, "<qq")  # place and size of the normalisation vectors
        for _ in range(2 * _count(file, n_bytes)):
            _text(file)  # attributes
        length = "<q" if version >= _LONG_SINCE else "<i"
        names = []
        for _ in range(_count(file, n_bytes)):
            names.append(_text(file))
            _numbers(file, length)
        if not 0 < index_at < n_bytes:
            raise ValueError(f"the index lies at byte {index_at:,} of {n_bytes:,}")
        file.seek(index_at)
        _numbers(file, length)  # size of the index
        found = set()
        for _ in range(_count(file, n_bytes)):
            first, _, second = _text(file).partition("_")
            _numbers(file, "<qi")  # place and size of the matrix
            if not (first.isdigit() and second.isdigit()):
                raise ValueError(f"the index has an entry {first}_{second}")
            low, high = sorted((int(first), int(second)))
            if high >= len(names):
                raise ValueError(f"the index names chromosome {high} of {len(names)}")
            found.add((names[low], names[high]))
    return found


def _numbers(file: BinaryIO, layout: str) -> tuple[int, ...]:
    data = file.read(struct.calcsize(layout))
    if len(data) < struct.calcsize(layout):
        raise ValueError("the file is truncated")
    return struct.unpack(layout, data)


def _count(file: BinaryIO, most: int) -> int:
    """Read a number of entries; each takes a byte at least."""
    (n,) = _numbers(file, "<i")
    if not 0 <= n <= most:
        raise ValueError(f"a table has {n:,} entries")
    return n


def _text(file: BinaryIO) -> str:
    """Read a string that ends in a NUL, and go behind it."""
    start = file.tell()
    data = b""
    while b"\0" not in data:
        piece = file.read(64)
        data += piece
        if not piece or len(data) > _MOST_NAME_BYTES:
            raise ValueError("a name has no end")
    text, _, _ = data.partition(b"\0")
    file.seek(start + len(text) + 1)
    return text.decode("utf-8", "backslashreplace")
