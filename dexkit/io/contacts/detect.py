"""Tell the format of a contact file by its content, never by its name."""

from __future__ import annotations

import os
from types import ModuleType

from dexkit.errors import ConfigError, FormatError, did_you_mean
from dexkit.io.contacts import hicpro, pairs
from dexkit.io.contacts.head import Head, Reading, is_position

READERS: dict[str, ModuleType] = {reader.NAME: reader for reader in (pairs, hicpro)}
"""The readers by format name. Each has ``NAME``, ``matches(head)`` and ``describe(head, path)``."""

FORMATS = ("auto", *READERS)

# Column names of loop callers: Juicer HiCCUPS, and BEDPE with its names in full.
_REGION_HEADERS = (("x1", "x2", "y1", "y2"), ("start1", "end1", "start2", "end2"))


def read_layout(head: Head, path: str | os.PathLike[str], format: str = "auto") -> Reading:
    """Find out how a contact file is to be read.

    Parameters
    ----------
    head : Head
        Its first lines.
    path : str or path-like
        For messages.
    format : {"auto", "pairs", "hicpro"}, optional
        ``"auto"`` decides by content.

    Returns
    -------
    Reading
        Format, columns, stated chromosome lengths.

    Raises
    ------
    ConfigError
        When the format is unknown.
    FormatError
        When no format, or more than one, fits the content, or the header is malformed.
    """
    if format not in FORMATS:
        raise ConfigError(f"unknown contact format {format!r}; {did_you_mean(format, FORMATS)}")
    if not head.fields:
        raise FormatError("the file holds no contact pair; expected at least one", str(path))
    if format != "auto":
        return _describe(READERS[format], head, path)
    fitting = [reader for reader in READERS.values() if reader.matches(head)]
    if len(fitting) != 1:
        shown = repr("\t".join(head.fields)[:80])
        line = len(head.header) + 1
        if _looks_like_bedpe(head):
            raise FormatError(
                f"the line {shown} gives two regions, as BEDPE and lists of loops do; expected "
                "read pairs; give the HiC-Pro allValidPairs or 4DN .pairs file that the regions "
                "were made from",
                str(path),
                line,
            )
        raise FormatError(
            "the format of the contacts cannot be told: there is no .pairs header, and the line "
            f"{shown} has not the columns of HiC-Pro allValidPairs (strands in columns 4 and 7); "
            "dexkit reads read pairs here, HiC-Pro allValidPairs or 4DN .pairs; say which it is "
            f"with --contacts-format ({', '.join(READERS)})",
            str(path),
            line,
        )
    return _describe(fitting[0], head, path)


def _looks_like_bedpe(head: Head) -> bool:
    """Return whether the first line holds chromosome, start and end twice, or names them."""
    fields = head.fields
    if len(fields) < 6:
        return False
    if all(is_position(fields[i]) for i in (1, 2, 4, 5)):
        return True
    named = [field.lower() for field in fields[:6]]
    return any(set(names) <= set(named) for names in _REGION_HEADERS)


def _describe(reader: ModuleType, head: Head, path: str | os.PathLike[str]) -> Reading:
    reading: Reading = reader.describe(head, path)
    return reading
