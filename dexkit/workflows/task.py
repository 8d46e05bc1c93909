"""One fit of an experiment as plain data, so that any process or machine can do it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dexkit import __version__
from dexkit.errors import ConfigError, DexkitError, InputError, StoppedError
from dexkit.hooks.manager import parse_config
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.run_folder import RunFolder

logger = logging.getLogger("dexkit")


@dataclass(frozen=True)
class FitTask:
    """One fit of an experiment.

    Parameters
    ----------
    name : str
        The run folder below ``runs/``, such as ``"densenet/fold-0"``.
    features : Path
        Feature file.
    config : FitConfig
        Options.
    """

    name: str
    features: Path
    config: FitConfig

    def to_plain(self, out: Path) -> dict[str, Any]:
        """Return the task as JSON can hold it.

        Parameters
        ----------
        out : Path
            Run folder to write.

        Returns
        -------
        dict
            What :func:`execute` takes; paths are absolute.
        """
        return {
            "name": self.name,
            "features": str(self.features.absolute()),
            "config": self.config.model_dump(mode="json", exclude_none=True),
            "out": str(out.absolute()),
            "dexkit": __version__,
        }


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Parameters
    ----------
    name : str
        The task.
    error : str
        One sentence; empty when the run is finished.
    stopped : bool
        Whether SIGTERM ended it; it can go on.
    """

    name: str
    error: str = ""
    stopped: bool = False


def execute(plain: Mapping[str, Any]) -> Outcome:
    """Do a task: start the fit, go on with it, or find that it is done.

    Parameters
    ----------
    plain : mapping
        Of :meth:`FitTask.to_plain`.

    Returns
    -------
    Outcome
        How it ended; nothing that goes wrong with the fit is raised, so that other tasks go on.
    """
    name = str(plain["name"])
    try:
        _fit(plain)
    except StoppedError as error:
        return Outcome(name, str(error), error.sigterm)
    except DexkitError as error:
        return Outcome(name, str(error))
    except Exception as error:
        # A bug of dexkit or of a plugin: the others go on, and the traceback is kept for a report.
        logger.error("%s: unexpected failure", name, exc_info=True)
        return Outcome(name, f"{type(error).__name__}: {error}")
    return Outcome(name)


def _fit(plain: Mapping[str, Any]) -> None:
    from dexkit.workflows.fit import fit

    if plain["dexkit"] != __version__:
        raise ConfigError(
            f"this worker has dexkit {__version__}, the experiment was started with dexkit "
            f"{plain['dexkit']}; install one version everywhere"
        )
    features, out = Path(plain["features"]), Path(plain["out"])
    if not features.is_file():
        raise InputError(
            f"this worker does not see the feature file {features}; it and the experiment's folder "
            "must lie on a file system that all workers share, under one path"
        )
    config = parse_config(FitConfig, plain["config"], str(plain["name"]))
    state = RunFolder.state(out)
    if state == "finished":
        return
    if state == "absent" and out.exists():
        # Killed while the folder was made: nothing is in it that could go on.
        shutil.rmtree(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    fit(features, config, out, resume=state == "unfinished", report=False)
