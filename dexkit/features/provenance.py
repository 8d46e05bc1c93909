"""The input files of a build: are they there, is none of them the output, what are their sums."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from dexkit import __version__
from dexkit.errors import InputError
from dexkit.features.config import ContactsSource, ExpressionSource
from dexkit.io.contacts import stored_file
from dexkit.io.text import InputRecord

_CHUNK_BYTES = 1 << 20
_BYTES_PER_MB = 1_000_000


def check_inputs(
    arguments: Sequence[Path],
    contacts: Iterable[ContactsSource],
    out: Path,
    advice: str = "give --out another name",
) -> None:
    """Refuse inputs that are not there, and to write over one of them.

    Parameters
    ----------
    arguments : sequence of Path
        Inputs as they were given.
    contacts : iterable of ContactsSource
        Those of them that are contacts.
    out : Path
        The feature file to be made. Another way to write the path of an input, or a link to it, is
        found too.
    advice : str, optional
        What to do when ``out`` is an input.

    Raises
    ------
    InputError
        When an input is no file, or is ``out``. Contacts may come through a pipe: they are read
        once.
    """
    target = out.resolve()
    for given in arguments:
        path = stored_file(given)
        if path is None:
            continue
        if path.resolve() == target or (out.exists() and path.exists() and out.samefile(path)):
            raise InputError(f"{out} is also the input {path}; {advice}")
    of_contacts = {path for source in contacts for path in source.paths}
    for given in arguments:
        path = stored_file(given)
        pipe = path is not None and given in of_contacts and path.is_fifo()
        if path is not None and not path.is_file() and not pipe:
            raise InputError(f"{path} does not exist or is not a file; check the path")


def input_arguments(
    contacts: Iterable[ContactsSource], expression: Iterable[ExpressionSource], *others: Path
) -> list[Path]:
    """Return inputs as they were given, each once.

    Parameters
    ----------
    contacts : iterable of ContactsSource
        Contact files.
    expression : iterable of ExpressionSource
        Expression tables.
    *others : Path
        What else is read; comes first.

    Returns
    -------
    list of Path
        Paths, ``-`` and URIs.
    """
    paths = [path for source in contacts for path in source.paths]
    return list(dict.fromkeys([*others, *paths, *(source.path for source in expression)]))


def origin_attributes(assembly: str, config: BaseModel) -> dict[str, str]:
    """Return the root attributes that say what made a file, when, and with which options.

    Parameters
    ----------
    assembly : str
        Name of the assembly; may be empty.
    config : pydantic.BaseModel
        All options.

    Returns
    -------
    dict of str to str
        ``generated_by``, ``created_utc``, ``assembly``, ``config``.
    """
    return {
        "generated_by": f"dexkit {__version__}",
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "assembly": assembly,
        "config": config.model_dump_json(),
    }


class Provenance:
    """Name, size and SHA-256 of every input, from the one that read it where there is one.

    Parameters
    ----------
    arguments : sequence of Path
        Inputs as they were given; see :func:`input_arguments`.
    progress : callable
        See :class:`dexkit.hooks.BuildContext`.
    """

    def __init__(self, arguments: Sequence[Path], progress: Callable[..., Any]) -> None:
        self._arguments = arguments
        self._progress = progress
        self._noted: dict[Path, tuple[InputRecord, ...]] = {}

    def note(self, path: Path, records: Iterable[InputRecord]) -> None:
        """Take down what was read for the argument ``path``; may be called from any thread."""
        self._noted[path] = tuple(records)

    def entries(self) -> list[dict[str, Any]]:
        """Return one ``{"name", "size_bytes", "sha256"}`` a file, in the order of the arguments.

        Files that nobody noted are read now.
        """
        records: list[InputRecord] = []
        for given in self._arguments:
            path = stored_file(given)
            if given in self._noted:
                records += self._noted[given]
            elif path is not None:
                records.append(self._checksum(path))
        return [{"name": r.name, "size_bytes": r.size_bytes, "sha256": r.sha256} for r in records]

    def _checksum(self, path: Path) -> InputRecord:
        digest = hashlib.sha256()
        size = path.stat().st_size
        bar = self._progress(f"checksum {path.name}", size / _BYTES_PER_MB or None, unit="MB")
        with bar as advance, path.open("rb") as handle:
            while chunk := handle.read(_CHUNK_BYTES):
                digest.update(chunk)
                advance(len(chunk) / _BYTES_PER_MB)
        return InputRecord(path.name, size, digest.hexdigest())
