"""Where contacts come from: a text, a binary file (told by its first bytes), or standard input."""

from __future__ import annotations

import os
from pathlib import Path

from dexkit.errors import InputError
from dexkit.io.text import STDIN

BINARY_FORMATS = ("cool", "hic")
"""Formats with readers of their own, ``dexkit.io.contacts.cool`` (``.mcool`` too) and ``hic``."""

_MAGIC = {b"\x89HDF\r\n\x1a\n": "cool", b"HIC\0": "hic"}
_URI = "::"


def stored_file(path: str | os.PathLike[str]) -> Path | None:
    """Return the file on disk behind a contacts argument.

    Parameters
    ----------
    path : str or path-like
        A path, a cooler URI (``file.mcool::/resolutions/5000``), or ``"-"`` (standard input).

    Returns
    -------
    Path or None
        The file, which need not exist; None for the standard input.
    """
    text = os.fspath(path)
    if text == STDIN:
        return None
    return Path(text) if _URI not in text or os.path.exists(text) else Path(text.split(_URI)[0])


def binary_format(path: str | os.PathLike[str], format: str = "auto") -> str | None:
    """Tell a binary contact file by its first bytes.

    Parameters
    ----------
    path : str or path-like
        As for :func:`stored_file`.
    format : str, optional
        What the user says it is.

    Returns
    -------
    str or None
        ``"cool"``, ``"hic"``, or None for text (and for what cannot be looked at beforehand: a
        pipe, the standard input, a missing file).

    Raises
    ------
    InputError
        When the standard input is to hold a binary format, or a cooler URI names another file.
    """
    found = stored_file(path)
    if found is None:
        if format in BINARY_FORMATS:
            raise InputError(
                f"standard input: a .{format} file cannot be read from a pipe; give its path"
            )
        return None
    if format in BINARY_FORMATS:
        return format
    if format != "auto" or not found.is_file():
        return None
    try:
        with found.open("rb") as handle:
            start = handle.read(8)
    except OSError as error:
        raise InputError(f"{found}: cannot be read ({error.strerror or error})") from error
    name = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)
    if found != Path(path) and name != "cool":
        raise InputError(
            f"{path}: '::' names a group inside a .cool or .mcool file, and {found} is none; "
            "expected a plain path"
        )
    return name
