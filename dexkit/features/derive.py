"""Make a feature file out of another one: some arrays altered, everything else copied."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit import __version__
from dexkit.errors import InputError
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES, DERIVED, HISTORY, KMERS, ONE_HOT, TABLES
from dexkit.features.writer import LeftOut, write_feature_file
from dexkit.hooks import ArrayPlan

#: Attribute of every array that the writer sets anew.
_DIGEST = "sha256"
#: Arrays that are computed from another one, and would contradict it when it is altered.
_OF_CODES = (ONE_HOT, KMERS)
_OF_SIGNAL = ("loop_sum", "loop_number")

Rows = npt.NDArray[Any]


@dataclass(frozen=True)
class Altered:
    """What stands in for an array of the source.

    Parameters
    ----------
    rows : ndarray or callable
        The whole array; or a function that takes some rows of the source's array and returns as
        many of the new one. The other axes and the dtype may be new.
    attrs : mapping, optional
        Attributes laid over those of the source's array.
    """

    rows: Rows | Callable[[Rows], Rows]
    attrs: Mapping[str, Any] = field(default_factory=dict)


def derive(
    source: FeatureFile,
    out: Path,
    arrays: Mapping[str, Altered],
    note: str,
    leave_out: Collection[str] = (),
    force: bool = False,
) -> Path:
    """Write a feature file with some arrays altered; genes, tables and other arrays are copied.

    Arrays that are computed from an altered one are left out, since they would contradict it:
    one-hot codes and k-mer counts of the base codes, loop sum and loop number of a signal. The
    attribute ``derived`` names the source, the digests of the arrays that were altered, what was
    left out, and why.

    Parameters
    ----------
    source : FeatureFile
        Where everything comes from; it is not changed.
    out : Path
        File to write.
    arrays : mapping of str to Altered
        By HDF5 path; each must be in the source.
    note : str
        What was done, in words.
    leave_out : collection of str, optional
        HDF5 paths that are not copied.
    force : bool, optional
        Whether an existing feature file may be replaced.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    InputError
        When the source lacks an array, an altered one does not have one row a gene, or ``out`` is
        the source.
    OutputError
        When the file exists and ``force`` is false, or cannot be written.
    """
    if out.exists() and out.samefile(source.path):
        raise InputError(f"{out} is the file to derive from; give another name")
    for path in (*arrays, *leave_out):
        source.array(path)
    dropped = sorted({*leave_out, *_contradicted(source, arrays)} - set(arrays))
    plans = [
        _plan(source, path, arrays.get(path))
        for path in source.arrays
        if not path.startswith(TABLES) and path not in dropped
    ]
    origin = {
        "source": source.path.name,
        "generated_by": str(source.attrs.get("generated_by", "")),
        "altered": {path: str(source.array_attrs(path).get(_DIGEST, "")) for path in arrays},
        "left_out": dropped,
        "note": note,
    }
    attrs = {
        key: str(source.attrs[key])
        for key in ("assembly", "config", "provenance", HISTORY)
        if key in source.attrs
    }
    attrs |= {
        "generated_by": f"dexkit {__version__}",
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        DERIVED: json.dumps([*source.derived, origin]),
    }
    left_out = LeftOut(source.left_out, np.array(source.left_out_reason, dtype=object))
    write_feature_file(out, source.genome, source.genes, left_out, plans, attrs, force)
    return out


def _contradicted(source: FeatureFile, arrays: Mapping[str, Altered]) -> Iterator[str]:
    """Yield the arrays of the source that an altered array makes wrong."""
    for path in arrays:
        folder, _, name = path.rpartition("/")
        related: tuple[str, ...] = _OF_CODES if path == CODES else ()
        if name == "signal":
            related = tuple(f"{folder}/{other}" for other in _OF_SIGNAL)
        yield from (other for other in related if source.has(other))


def _plan(source: FeatureFile, path: str, altered: Altered | None) -> ArrayPlan:
    """Plan one array: the source's own, or what stands in for it."""
    given = source.array(path)
    attrs = {k: v for k, v in source.array_attrs(path).items() if k != _DIGEST}
    rows = (lambda part: part) if altered is None else altered.rows
    if altered is not None:
        attrs |= altered.attrs
    # Only the rows that are asked for are looked at; those of a function tell by its answer for
    # none what it makes.
    sample = rows(given[:0]) if callable(rows) else rows[:0]
    n_rows = len(given) if callable(rows) else len(rows)
    if n_rows != len(source) or len(sample) != 0:
        raise InputError(f"{path}: the altered array has {n_rows} rows for {len(source)} genes")

    def fill(out: npt.NDArray[Any], start: int) -> None:
        part = slice(start, start + len(out))
        out[:] = rows(given[part]) if callable(rows) else rows[part]

    return ArrayPlan(path, (len(source), *sample.shape[1:]), sample.dtype.name, fill, attrs)
