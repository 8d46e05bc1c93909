"""What every contact reader looks at first: the header lines and the first pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dexkit.errors import FormatError
from dexkit.io.text import parse_position
from dexkit_ext import PairLayout

MAX_HEADER_BYTES = 64 << 20
"""Longest header that is read: a genome with a million scaffolds needs about 60 MB."""


@dataclass(frozen=True)
class Head:
    """The first lines of a contact file.

    Parameters
    ----------
    header : tuple of str
        Leading lines that start with ``#``.
    fields : tuple of str
        Tab-separated columns of the first pair; empty when there is none.
    data : bytes
        All bytes read so far, header included.
    data_start : int
        Where the first pair starts in ``data``.
    """

    header: tuple[str, ...]
    fields: tuple[str, ...]
    data: bytes
    data_start: int


@dataclass(frozen=True)
class Reading:
    """How a file is to be read, as one of the readers found.

    Parameters
    ----------
    format : str
        Name of the format, as in ``--contacts-format``.
    layout : PairLayout
        Columns and coordinate convention.
    lengths : mapping of str to int
        Chromosome lengths that the header states, in base pairs, by the file's own names.
    """

    format: str
    layout: PairLayout
    lengths: Mapping[str, int] = field(default_factory=dict)


def read_head(chunks: Iterator[bytes], path: str) -> Head:
    """Take chunks until the first pair is complete.

    Parameters
    ----------
    chunks : iterator of bytes
        Decompressed bytes; what was taken from it is in ``Head.data``.
    path : str
        For messages.

    Returns
    -------
    Head
        Header, first pair, and the bytes taken.

    Raises
    ------
    FormatError
        When the header does not end within 64 MiB.
    """
    data = bytearray()
    start = 0  # of the first line that is not known to be a header line
    ended = False
    while True:
        while (stop := data.find(b"\n", start)) >= 0 and data[start : start + 1] == b"#":
            start = stop + 1
        if stop >= 0 or ended:
            break
        if len(data) > MAX_HEADER_BYTES:
            raise FormatError("the header does not end within 64 MiB; expected contact pairs", path)
        chunk = next(chunks, b"")
        ended = not chunk
        data += chunk
    if data[start : start + 1] == b"#":  # a last header line without a line feed
        start = len(data)
    text = bytes(data[:start]).decode("utf-8", "backslashreplace")
    stop = data.find(b"\n", start)
    first = bytes(data[start : stop if stop >= 0 else len(data)]).rstrip(b"\r")
    return Head(
        header=tuple(text.splitlines()),
        fields=tuple(first.decode("utf-8", "backslashreplace").split("\t")) if first else (),
        data=bytes(data),
        data_start=start,
    )


def is_position(field: str) -> bool:
    """Return whether a column holds a whole number."""
    return parse_position(field) is not None


def is_strand(field: str) -> bool:
    """Return whether a column holds a strand."""
    return field in ("+", "-")
