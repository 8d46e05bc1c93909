"""The conformance check of motif exporters."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from dexkit.errors import DexkitError
from dexkit.hooks import MotifExporterEntry
from dexkit.testing import synthetic
from dexkit.testing.checks import Checks

_N_MOTIFS = 5
_BACKGROUND = (0.3, 0.2, 0.2, 0.3)


def check_motif_exporter(entry: MotifExporterEntry, seed: int = 0) -> list[str]:
    """Check that a motif exporter keeps its contract.

    Parameters
    ----------
    entry : MotifExporterEntry
        The exporter.
    seed : int, optional
        Seed of the made-up motifs.

    Returns
    -------
    list of str
        What was checked, one line each.

    Raises
    ------
    CheckFailure
        When the suffix has no dot; when the file is missing, empty, text without a final newline
        or without the motifs' names, or when something else is left beside it; when two exports
        differ; when an older file shows through; when no motif at all gives a half file; or when
        a motif with NaN is written, raises something else than a DexkitError, or harms the file
        that was there.
    """
    checks = Checks(f"motif exporter {entry.name!r}")
    motifs = synthetic.random_motifs(_N_MOTIFS, seed)
    with checks.step("suffix"):
        checks.require(
            entry.suffix.startswith(".") and len(entry.suffix) > 1,
            f"has the suffix {entry.suffix!r}; expected one with a dot, such as '.meme'",
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / f"motifs{entry.suffix}"
        with checks.step("a whole file"):
            entry.export(motifs, path, _BACKGROUND)
            checks.require(path.is_file(), "wrote no file at the path given")
            content = path.read_bytes()
            checks.require(bool(content), "wrote an empty file")
            _check_folder(checks, folder, path)
            _check_text(checks, content, [motif.name for motif in motifs])
        with checks.step("the same again, over an older file"):
            path.write_bytes(content + b"left over\n" * 100)
            entry.export(motifs, path, _BACKGROUND)
            checks.require(
                path.read_bytes() == content,
                "writes other bytes over an older file than into an empty folder",
            )
        with checks.step("refuses NaN and keeps the old file"):
            ppm = motifs[-1].ppm.copy()
            ppm[1, 2] = np.nan
            broken = [*motifs[:-1], dataclasses.replace(motifs[-1], ppm=ppm)]
            try:
                entry.export(broken, path, _BACKGROUND)
            except DexkitError:
                pass
            else:
                checks.require(False, "writes a motif that holds NaN; expected an InputError")
            checks.require(
                path.read_bytes() == content, "harms the file that was there when it fails"
            )
            _check_folder(checks, folder, path)
        with checks.step("no motif at all"):
            empty = folder / f"empty{entry.suffix}"
            try:
                entry.export([], empty, _BACKGROUND)
            except DexkitError:
                checks.require(not empty.exists(), "leaves a file behind when it fails")
            else:
                checks.require(empty.is_file(), "neither writes a file nor raises a DexkitError")
    return checks.passed


def _check_folder(checks: Checks, folder: Path, path: Path) -> None:
    """Require that nothing lies beside the file."""
    beside = sorted(other.name for other in folder.iterdir() if other != path)
    checks.require(not beside, f"leaves {', '.join(beside)} beside its file")


def _check_text(checks: Checks, content: bytes, names: list[str]) -> None:
    """Require a final newline and all names, when the file is text."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:  # a picture or an archive
        return
    checks.require(text.endswith("\n"), "the file does not end with a newline")
    missing = [name for name in names if name not in text]
    checks.require(not missing, f"the file lacks the motifs {', '.join(missing)}")
