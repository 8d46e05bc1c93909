"""The output folder: it appears whole or not at all, and nothing foreign is ever deleted."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dexkit.errors import FormatError, InputError, OutputError
from dexkit.simulate.truth import TRUTH_FORMAT, TRUTH_VERSION

TRUTH_NAME = "truth.json"


def read_truth(folder: Path) -> dict[str, Any]:
    """Read ``truth.json`` of a simulated data set.

    Parameters
    ----------
    folder : Path
        What ``simulate`` wrote.

    Returns
    -------
    dict
        See ``docs/simulation.md``.

    Raises
    ------
    InputError
        When the file is missing.
    FormatError
        When it is not the truth of a simulation, or of a newer version.
    """
    path = folder / TRUTH_NAME
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"no simulated data in {folder}: {TRUTH_NAME} cannot be read ({error.strerror}); "
            "write some with `dexkit simulate`"
        ) from None
    except ValueError:
        raise FormatError(
            "not a JSON file; expected the truth of a simulation", str(path)
        ) from None
    if not isinstance(truth, dict) or truth.get("format") != TRUTH_FORMAT:
        raise FormatError(f"not the truth of a simulation (no format {TRUTH_FORMAT!r})", str(path))
    if truth["format_version"] > TRUTH_VERSION:
        raise FormatError(
            f"format version {truth['format_version']} is newer than this dexkit reads "
            f"(up to {TRUTH_VERSION}); update dexkit",
            str(path),
        )
    return truth


def file_names(files: dict[str, Any]) -> list[str]:
    """Return every file name of the ``files`` record of a truth."""
    names: list[str] = []
    for value in files.values():
        if isinstance(value, str):
            names.append(value)
        else:
            names += [name for replicates in value.values() for name in replicates]
    return names


def check_output(out: Path, force: bool) -> None:
    """Refuse an output folder that must not be replaced.

    Parameters
    ----------
    out : Path
        The folder to be written. A missing or an empty one is fine.
    force : bool
        Allow replacing an earlier simulation; other content is never replaced.

    Raises
    ------
    OutputError
        When the folder exists and ``force`` is off, when it holds anything else than a
        simulation, or when its parent folder is missing.
    """
    if not out.parent.is_dir():
        raise OutputError(
            f"cannot write {out}: the folder {out.parent} does not exist; make it first"
        )
    if not (out.exists() or out.is_symlink()):
        return
    if not out.is_dir() or out.is_symlink():
        raise OutputError(f"cannot write {out}: it exists and is not a folder; choose another name")
    found = {entry.name for entry in out.iterdir()}
    if not found:
        return
    if not force:
        raise OutputError(
            f"{out} exists and is not empty; give another name, or --force to replace it"
        )
    try:
        own = set(file_names(read_truth(out)["files"]))
    except InputError:
        own = set()
    foreign = sorted(found - own)
    if foreign:
        shown = ", ".join(foreign[:3]) + (" …" if len(foreign) > 3 else "")
        raise OutputError(
            f"{out} will not be replaced: it holds files that no simulation wrote ({shown}); "
            "move them away or give another name"
        )


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a hidden folder beside ``out`` that takes its place when the block ends well.

    Parameters
    ----------
    out : Path
        The folder to be written; must have passed :func:`check_output`.

    Yields
    ------
    Path
        Where to write. Deleted when the block fails.

    Raises
    ------
    OutputError
        When the system refuses (a full disk, no permission).
    """
    staging: Path | None = None
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
        yield staging
        staging.chmod(0o777 & ~_umask())  # mkdtemp makes it private
        _replace(staging, out)
    except OSError as error:
        raise OutputError(
            f"cannot write {out}: {error.strerror or error}; nothing was written"
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def _umask() -> int:
    """Return the process's umask (reading it means setting it)."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _replace(staging: Path, out: Path) -> None:
    """Put the finished folder in place; an old one comes back if that fails."""
    if not out.exists() or not any(out.iterdir()):
        os.replace(staging, out)  # an empty folder is replaced in one step
    else:
        old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old-", dir=out.parent))
        os.replace(out, old)
        try:
            os.replace(staging, out)
        except OSError:
            os.replace(old, out)
            raise
        shutil.rmtree(old)
    descriptor = os.open(out.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
