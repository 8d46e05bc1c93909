"""Checkpoints: everything that the next step depends on, in files that appear whole."""

from __future__ import annotations

import io
import json
import logging
import re
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError
from dexkit.files import atomic_path

logger = logging.getLogger("dexkit")

#: Generations that are kept: the newest one, and one to fall back to.
_KEPT = 2
#: A checkpoint inside an epoch waits until its writing has cost at most this share of the time.
_MOST_SHARE = 0.02
_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


@dataclass
class Progress:
    """Where a training stands; with the variables, all that its continuation depends on.

    Parameters
    ----------
    epoch : int
        Epoch that is being trained, or the next one.
    losses : list of float
        Losses of its steps so far.
    history : list of dict
        Rows of the finished epochs.
    best_epoch : int
        Epoch with the best validation loss, -1 before the first.
    best_loss : float
        Its validation loss.
    best : list of ndarray
        Model variables of the best epoch; empty before the first.
    """

    epoch: int = 0
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1
    best_loss: float = float("inf")
    best: list[npt.NDArray[Any]] = field(default_factory=list)


class Checkpoints:
    """The checkpoint files of one network.

    Parameters
    ----------
    folder : Path
        Where they lie.
    name : str
        Their name; a number that grows and ``.npz`` follow.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._last_end = time.monotonic()
        self._last_cost = 0.0

    def files(self) -> list[Path]:
        """Return the files, the newest first."""
        pattern = re.compile(rf"{re.escape(self._name)}-(\d+)\.npz")
        found = {}
        for path in self._folder.glob("*.npz"):
            match = pattern.fullmatch(path.name)
            if match:
                found[path] = int(match[1])
        return sorted(found, key=found.__getitem__, reverse=True)

    def due(self, seconds: float) -> bool:
        """Whether it is time for the next checkpoint, at an interval that bounds its cost."""
        waited = time.monotonic() - self._last_end
        return waited >= max(seconds, self._last_cost / _MOST_SHARE)

    def save(self, variables: Sequence[Any], progress: Progress) -> Path:
        """Write the next generation, whole or not at all, then remove all but two.

        Parameters
        ----------
        variables : sequence of keras.Variable
            Model and optimiser variables, random states of dropout included.
        progress : Progress
            Where the training stands.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OutputError
            When the disk is full.
        """
        begin = time.monotonic()
        before = self.files()
        serial = int(before[0].stem.rpartition("-")[2]) + 1 if before else 0
        path = self._folder / f"{self._name}-{serial:06d}.npz"
        arrays = {f"now_{i}": np.asarray(v) for i, v in enumerate(variables)}
        arrays |= {f"best_{i}": value for i, value in enumerate(progress.best)}
        state = {
            "epoch": progress.epoch,
            "losses": progress.losses,
            "history": progress.history,
            "best_epoch": progress.best_epoch,
            "best_loss": progress.best_loss,
            "n_best": len(progress.best),
            "names": [v.path for v in variables],
        }
        arrays["state"] = np.array(json.dumps(state))
        with atomic_path(path) as partial, partial.open("wb") as handle:
            np.savez(handle, **arrays)  # type: ignore[arg-type]
        for old in before[_KEPT - 1 :]:
            old.unlink(missing_ok=True)
        self._last_end = time.monotonic()
        self._last_cost = self._last_end - begin
        return path

    def read(self, variables: Sequence[Any]) -> bytes | None:
        """Return the newest generation that is whole and belongs to these variables.

        Returns
        -------
        bytes or None
            For :func:`restore`; None when there is none. A damaged one is said aloud, and the
            one before is taken.
        """
        files = self.files()
        for i, path in enumerate(files):
            try:
                data = path.read_bytes()
                _parse(data, variables)
            except _DAMAGED as error:
                after = f"going back to {files[i + 1].name}" if i + 1 < len(files) else _START
                logger.warning("checkpoint %s cannot be used (%s); %s", path, error, after)
            else:
                return data
        return None


_START = "starting over"


def restore(data: bytes, variables: Sequence[Any]) -> Progress:
    """Assign a checkpoint to the variables, on all their replicas.

    Parameters
    ----------
    data : bytes
        What :meth:`Checkpoints.read` returned.
    variables : sequence of keras.Variable
        As given to :meth:`Checkpoints.save`.

    Returns
    -------
    Progress
        Where the training stood.

    Raises
    ------
    FormatError
        When the checkpoint is damaged or of another network.
    """
    try:
        now, progress = _parse(data, variables)
    except _DAMAGED as error:
        raise FormatError(f"damaged checkpoint ({error}); start anew with --force") from error
    for variable, value in zip(variables, now, strict=True):
        variable.assign(value)
    return progress


def _parse(data: bytes, variables: Sequence[Any]) -> tuple[list[npt.NDArray[Any]], Progress]:
    # Reading an array to its end checks its checksum.
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        if not hasattr(file, "files"):
            raise ValueError("it is a single array")
        state = json.loads(str(file["state"]))
        now = [file[f"now_{i}"] for i in range(len(state["names"]))]
        best = [file[f"best_{i}"] for i in range(state["n_best"])]
    if len(now) != len(variables) or any(
        a.shape != tuple(v.shape) for a, v in zip(now, variables, strict=True)
    ):
        raise ValueError("the shapes of the variables differ")
    return now, Progress(
        epoch=int(state["epoch"]),
        losses=[float(loss) for loss in state["losses"]],
        history=list(state["history"]),
        best_epoch=int(state["best_epoch"]),
        best_loss=float(state["best_loss"]),
        best=best,
    )
