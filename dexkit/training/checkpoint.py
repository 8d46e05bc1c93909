"""Checkpoints: everything that the next epoch depends on, in one file that appears whole."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dexkit.files import atomic_path

logger = logging.getLogger("dexkit")


def save_checkpoint(
    path: Path,
    variables: Sequence[Any],
    best: Sequence[np.ndarray],
    state: dict[str, Any],
) -> None:
    """Write a checkpoint under a temporary name and rename it.

    Parameters
    ----------
    path : Path
        The file (``.npz``).
    variables : sequence of keras.Variable
        Model and optimiser variables, random states of dropout included.
    best : sequence of ndarray
        Model variables of the best epoch so far.
    state : dict
        JSON-able state of the loop: epoch, best loss, patience, history.
    """
    arrays = {f"now_{i}": np.asarray(v) for i, v in enumerate(variables)}
    arrays |= {f"best_{i}": value for i, value in enumerate(best)}
    arrays["state"] = np.array(json.dumps(state))
    with atomic_path(path) as partial, partial.open("wb") as handle:
        np.savez(handle, **arrays)  # type: ignore[arg-type]


def load_checkpoint(
    path: Path, variables: Sequence[Any]
) -> tuple[list[np.ndarray], dict[str, Any]] | None:
    """Restore a checkpoint into ``variables``.

    Parameters
    ----------
    path : Path
        The file.
    variables : sequence of keras.Variable
        As given to :func:`save_checkpoint`.

    Returns
    -------
    tuple of (list of ndarray, dict) or None
        Best model variables and loop state; None when there is no usable checkpoint (a damaged
        one is said aloud and training starts over).
    """
    if not path.exists():
        return None
    try:
        # Opened here: numpy leaves a file open when it turns out to be no archive.
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            state = json.loads(str(file["state"]))
            now = [file[f"now_{i}"] for i in range(len(variables))]
            best = [file[f"best_{i}"] for i in range(state["n_best"])]
        if any(a.shape != tuple(v.shape) for a, v in zip(now, variables, strict=True)):
            raise ValueError("the shapes of the variables differ")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("checkpoint %s cannot be used (%s); starting over", path, error)
        return None
    for variable, value in zip(variables, now, strict=True):
        variable.assign(value)
    return best, state
