"""The exception tree of dexkit.

Every error that a user can cause is a :class:`DexkitError`; the command line turns it into one
sentence on stderr and exit code 2. Messages follow one form: what is wrong; got …; expected …
(file, line, gene or HDF5 path); what to do.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

#: Names that a hint lists before it breaks off.
_MOST_LISTED = 20


#: A quotation of a broken file may be megabytes long; this much of it is shown.
_LONGEST_QUOTE = 120
#: An apostrophe inside a word opens no quotation.
_LONG_QUOTE = re.compile(rf"(?<!\w)(['\"])([^'\"]{{{_LONGEST_QUOTE}}})[^'\"]+\1")


class DexkitError(Exception):
    """Root of all errors that dexkit raises on purpose.

    Parameters
    ----------
    message : str
        One sentence. What cannot be printed is escaped and long quotations are cut, since a
        message may quote what was found in a broken file.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(_readable(str(message)))


class InputError(DexkitError, ValueError):
    """An input (a file, a sample, a gene list, an array) cannot be used."""


class FormatError(InputError):
    """The content of a file breaks its format.

    Parameters
    ----------
    message : str
        What is wrong, what was expected, what to do.
    path : str, optional
        The file.
    line : int, optional
        1-based line number in the decompressed text.
    """

    def __init__(self, message: str, path: str | None = None, line: int | None = None) -> None:
        self.path = path
        self.line = line
        where = "" if path is None else f"{path}: " if line is None else f"{path}, line {line}: "
        super().__init__(f"{where}{message}")


class ConfigError(DexkitError, ValueError):
    """An option or a configuration key is unknown or has a bad value."""


class OutputError(DexkitError):
    """An output cannot be written: it exists, the disk is full, the folder is missing."""


class PluginError(DexkitError):
    """A plugin is unknown, broken, or in conflict with another."""


class TrainingError(DexkitError):
    """Training cannot go on (a NaN loss, an impossible split)."""


class StoppedError(TrainingError):
    """A training stopped before its end; what it had done is kept and ``--resume`` goes on.

    Parameters
    ----------
    message : str
        What happened, and how to go on.
    sigterm : bool, optional
        Whether the process was asked to stop, by a scheduler for instance.
    """

    def __init__(self, message: str, sigterm: bool = False) -> None:
        self.sigterm = sigterm
        super().__init__(message)


def _readable(text: str) -> str:
    """Return ``text`` as one line that can be printed, long quotations cut."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return _LONG_QUOTE.sub(r"\1\2…\1", text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known name, or lists the known ones.

    Parameters
    ----------
    name : str
        The name that was not found.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        A sentence part such as ``did you mean 'ridge'? (known: mean, ridge)``, to stand behind a
        semicolon; without a near name ``known: mean, ridge``.
    """
    names = sorted(known)
    shown = names if len(names) <= _MOST_LISTED else [*names[:_MOST_LISTED], "…"]
    listed = f"known: {', '.join(shown)}" if names else "none is known"
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? ({listed})" if near else listed
