"""What every contact reader looks at first: the header and the first lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from dexkit.errors import FormatError
from dexkit.io.text import parse_position

Separator = Literal["\t", " ", ","]
"""What separates columns; a blank stands for any run of blanks and tabs."""

MAX_HEADER_BYTES = 64 << 20
"""Longest header that is read: a genome with a million scaffolds needs about 60 MB."""

MAX_SAMPLE_LINES = 200
"""Lines that the format is told by: enough to see more than one chromosome bin and name."""

MAX_SAMPLE_BYTES = 1 << 20
"""Bytes of lines that the format is told by, should they be very long."""

_FEWEST_COMMAS = 5  # six columns


@dataclass(frozen=True)
class Head:
    """The first lines of a contact file.

    What it shows is the same wherever the chunks ended.

    Parameters
    ----------
    header : tuple of str
        Leading lines that start with ``#``.
    lines : tuple of str
        The first lines behind them (at most 200, comments left out), without line ends.
    line_numbers : tuple of int
        Their 1-based numbers in the file.
    data : bytes
        All bytes read so far, header included.
    data_start : int
        Where the first line behind the header starts in ``data``.
    """

    header: tuple[str, ...]
    lines: tuple[str, ...]
    line_numbers: tuple[int, ...]
    data: bytes
    data_start: int

    @cached_property
    def separator(self) -> Separator:
        """What separates the columns: a tab, a comma (six columns at least), else a blank."""
        first = self.lines[0] if self.lines else ""
        if "\t" in first:
            return "\t"
        return "," if first.count(",") >= _FEWEST_COMMAS else " "

    @cached_property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The columns of ``lines``."""
        return tuple(tuple(split_line(line, self.separator)) for line in self.lines)


def split_line(line: str, separator: str) -> list[str]:
    """Split a line into its columns; quotes around the columns of a CSV are removed."""
    if separator == " ":
        return line.split()
    fields = line.split(separator)
    return [field.strip().strip('"') for field in fields] if separator == "," else fields


def read_head(chunks: Iterator[bytes], path: str) -> Head:
    """Take chunks until the first 200 lines behind the header are complete.

    Parameters
    ----------
    chunks : iterator of bytes
        Decompressed bytes; what was taken from it is in ``Head.data``.
    path : str
        For messages.

    Returns
    -------
    Head
        Header, first lines, and the bytes taken.

    Raises
    ------
    FormatError
        When the header does not end within 64 MiB.
    """
    data = bytearray()
    start = 0  # of the first line that is not known to be a header line
    in_header = True
    n_lines = 0
    at = 0  # the line feeds before it are counted
    while True:
        while in_header and (stop := data.find(b"\n", start)) >= 0:
            in_header = data[start : start + 1] == b"#"
            start = stop + 1 if in_header else start
            at = start
        if not in_header:
            n_lines += data.count(b"\n", at)
            at = len(data)
            if n_lines >= MAX_SAMPLE_LINES or at - start > MAX_SAMPLE_BYTES:
                break
        elif len(data) > MAX_HEADER_BYTES:
            raise FormatError("the header does not end within 64 MiB; expected contact pairs", path)
        chunk = next(chunks, b"")
        if not chunk:
            break
        data += chunk
    if in_header and data[start : start + 1] == b"#":  # a last header line without a line feed
        start = len(data)
    text = bytes(data[:start]).decode("utf-8", "backslashreplace")
    header = tuple(line.removesuffix("\r") for line in text.split("\n") if line)
    lines = _sample(bytes(data[start : start + MAX_SAMPLE_BYTES]), len(data) - start)
    return Head(
        header=header,
        lines=tuple(lines.values()),
        line_numbers=tuple(len(header) + i for i in lines),
        data=bytes(data),
        data_start=start,
    )


def _sample(block: bytes, n_bytes: int) -> dict[int, str]:
    """Return the first whole lines by their number (from 1); ``block`` was cut if it is shorter."""
    lines = block.split(b"\n")
    if len(lines) > 1 and (n_bytes > len(block) or not lines[-1]):
        lines.pop()
    found = {
        number: line.removesuffix(b"\r").decode("utf-8", "backslashreplace")
        for number, line in enumerate(lines[:MAX_SAMPLE_LINES], start=1)
        if not line.startswith(b"#")
    }
    return found if any(found.values()) else {}


def is_position(field: str) -> bool:
    """Return whether a column holds a whole number."""
    return parse_position(field) is not None


def is_strand(field: str) -> bool:
    """Return whether a column holds a strand."""
    return field in ("+", "-")
