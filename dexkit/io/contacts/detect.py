"""Tell the format of a contact file by its content, never by its name."""

from __future__ import annotations

import os
from types import ModuleType

from dexkit.errors import ConfigError, FormatError, did_you_mean
from dexkit.io.contacts import hicpro, pairs
from dexkit.io.contacts.head import Head, Reading

READERS: dict[str, ModuleType] = {reader.NAME: reader for reader in (pairs, hicpro)}
"""The readers by format name. Each has ``NAME``, ``matches(head)`` and ``describe(head, path)``."""

FORMATS = ("auto", *READERS)


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
        shown = "\\t".join(head.fields)
        raise FormatError(
            "the format of the contacts cannot be told: there is no .pairs header, and the line "
            f"{shown[:80]!r} has not the columns of HiC-Pro allValidPairs (strands in columns 4 "
            f"and 7); say which it is with --contacts-format ({', '.join(READERS)})",
            str(path),
            len(head.header) + 1,
        )
    return _describe(fitting[0], head, path)


def _describe(reader: ModuleType, head: Head, path: str | os.PathLike[str]) -> Reading:
    reading: Reading = reader.describe(head, path)
    return reading
