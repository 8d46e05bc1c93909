"""A folder of many fits and what was learnt from them: written by one command, resumable."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dexkit.errors import ConfigError, InputError, OutputError, StoppedError
from dexkit.evaluation.runs import RunPredictions, read_json, read_run
from dexkit.features.file import FeatureFile
from dexkit.files import check_output, disk_errors, write_whole
from dexkit.hooks.manager import plugins
from dexkit.models.bundle import library_versions
from dexkit.report.draw import render
from dexkit.training.cluster import find_cluster
from dexkit.workflows.fit import check_fit
from dexkit.workflows.prepare import Job
from dexkit.workflows.run_folder import RunFolder, aside_of, whole_or_resumable
from dexkit.workflows.runner import Runner
from dexkit.workflows.task import FitTask, Outcome

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Experiment", "FitTask", "check_tasks", "run_names", "stored_experiment"]

logger = logging.getLogger("dexkit")

_FILE, _RUNS, _FIGURES = "experiment.json", "runs", "figures"


class Experiment:
    """A folder written by one command: runs, tables, figures, a report.

    Made by :meth:`open`.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @contextmanager
    def open(
        cls,
        out: Path,
        kind: str,
        settings: Mapping[str, Any],
        force: bool = False,
        resume: bool = False,
        features: Sequence[Path] = (),
    ) -> Iterator[Experiment]:
        """Make the folder of an experiment, or go on in that of one that was stopped.

        Parameters
        ----------
        out : Path
            The folder.
        kind : str
            The command, ``"crossval"``.
        settings : mapping
            Everything that decides the experiment, as JSON can hold it; compared on resuming.
        force : bool, optional
            Whether an earlier experiment may be replaced; a whole one is kept until the new one
            is whole.
        resume : bool, optional
            Go on in the folder.
        features : sequence of Path, optional
            Feature files that the experiment reads; compared on resuming.

        Yields
        ------
        Experiment
            Call :meth:`finish` when everything is written.

        Raises
        ------
        OutputError
            When the folder exists and ``force`` is false, or is no experiment.
        InputError
            When there is nothing to resume, or it was started with other settings or data.
        ConfigError
            When both ``force`` and ``resume`` are given.
        """
        if resume and force:
            raise ConfigError("--resume and --force contradict each other; give one of them")
        content = {
            "kind": kind,
            "settings": json.loads(json.dumps(dict(settings))),
            "features": [_identity(path) for path in features],
        }
        if resume:
            _check_resumable(out, content)
        else:
            _make(out, content, force)
        with whole_or_resumable(out, lambda: resume or any((out / _RUNS).glob("*"))):
            yield cls(out)

    def run(self, tasks: Sequence[FitTask], runner: Runner) -> dict[str, RunPredictions]:
        """Do all fits; those that are finished are not repeated, unfinished ones go on.

        Parameters
        ----------
        tasks : sequence of FitTask
            Names are folders below ``runs/``, each once.
        runner : Runner
            Where they are done.

        Returns
        -------
        dict of str to RunPredictions
            By task name, in the order of the tasks.

        Raises
        ------
        StoppedError
            When a fit failed (the others are done first) or SIGTERM came; ``resume`` goes on.
        ConfigError
            When two tasks have one name or one is no name of a folder, or this is one of several
        workers.
        """
        names = [task.name for task in tasks]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"two fits of one experiment are called {name!r}")
            if Path(name).is_absolute() or ".." in Path(name).parts or not Path(name).parts:
                raise ConfigError(f"fit {name!r} has no name of a folder below {_RUNS}/")
        _check_alone(tasks)
        self.write_json(_FILE, read_json(self.path / _FILE) | {"runs": names})
        # Made here: `compare` and `loops` fit nothing, and leave no empty folder.
        with disk_errors(self.path):
            (self.path / _RUNS).mkdir(exist_ok=True)
        places = {name: self.path / _RUNS / name for name in names}
        waiting = [task for task in tasks if RunFolder.state(places[task.name]) != "finished"]
        n_done = len(tasks) - len(waiting)
        if n_done:
            logger.info("%d of %d fits are finished already", n_done, len(tasks))
        failed: list[Outcome] = []
        plain = [task.to_plain(places[task.name]) for task in waiting]
        for outcome in runner.outcomes(plain, self.path):
            n_done += 1
            how = "stopped" if outcome.stopped else "failed" if outcome.error else "done"
            logger.info("fit %d of %d, %s: %s", n_done, len(tasks), outcome.name, how)
            if outcome.error:
                failed.append(outcome)
        if failed:
            raise self._stopped(failed, len(tasks))
        return {name: read_run(places[name]) for name in names}

    def _stopped(self, failed: Sequence[Outcome], n_tasks: int) -> StoppedError:
        go_on = f"go on with --resume {self.path}"
        if any(outcome.stopped for outcome in failed):
            return StoppedError(f"stopped by SIGTERM; finished fits are kept; {go_on}", True)
        first = failed[0]
        names = ", ".join(outcome.name for outcome in failed)
        which = first.name if len(failed) == 1 else f"{names}; the first said"
        return StoppedError(
            f"{len(failed)} of {n_tasks} fits failed: {which}: {first.error}. The others are "
            f"finished and kept; {go_on} once that is put right"
        )

    def write_table(self, name: str, frame: pd.DataFrame) -> Path:
        """Write a tidy table as TSV; undefined values are empty cells.

        Parameters
        ----------
        name : str
            File name, ``"scores.tsv"``.
        frame : DataFrame
            One observation a row.

        Returns
        -------
        Path
            The file.
        """
        text = frame.to_csv(sep="\t", index=False, lineterminator="\n", float_format="%.8g")
        write_whole(self.path / name, text)
        return self.path / name

    def write_json(self, name: str, value: Any) -> Path:
        """Write a value as JSON, which has no NaN: undefined numbers must be None.

        Returns
        -------
        Path
            The file.
        """
        text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
        write_whole(self.path / name, text)
        return self.path / name

    def write_figure(self, name: str, figure: Figure) -> Path:
        """Write a figure as ``figures/NAME.png`` and ``figures/NAME.pdf``.

        Returns
        -------
        Path
            The PNG, as :class:`dexkit.report.experiment.Section` takes it.
        """
        folder = self.path / _FIGURES
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
        for kind in ("pdf", "png"):
            write_whole(folder / f"{name}.{kind}", render(figure, kind))
        return folder / f"{name}.png"

    def finish(self) -> None:
        """Mark the experiment as whole."""
        content = read_json(self.path / _FILE)
        self.write_json(_FILE, content | {"finished": True})


def check_tasks(tasks: Sequence[FitTask]) -> list[Job]:
    """Find out whether fits can start, before an experiment writes anything.

    Parameters
    ----------
    tasks : sequence of FitTask
        One of each kind is enough: folds differ in nothing that can be wrong.

    Returns
    -------
    list of Job
        Sample, task, model name and genes of each.

    Raises
    ------
    InputError, ConfigError, PluginError, TrainingError
        What :func:`dexkit.workflows.fit.fit` would say.
    """
    _check_alone(tasks)
    return [check_fit(task.features, task.config) for task in tasks]


def stored_experiment(path: Path, kind: str) -> tuple[dict[str, Any], list[Path]]:
    """Return what an unfinished experiment was started with.

    Parameters
    ----------
    path : Path
        Its folder.
    kind : str
        The command that is to go on.

    Returns
    -------
    settings : dict
        As :meth:`Experiment.open` got them.
    features : list of Path
        Where its feature files were.

    Raises
    ------
    InputError
        When the folder is no experiment, is one of another command, or is finished.
    """
    if not (path / _FILE).is_file():
        raise InputError(f"{path} is no experiment ({_FILE} is missing); nothing to resume")
    content = read_json(path / _FILE)
    found = content.get("kind")
    if found != kind:
        raise InputError(f"{path} is of dexkit {found}, not of dexkit {kind}; resume it with that")
    if content.get("finished"):
        raise InputError(f"{path} is a finished experiment; nothing to resume")
    return content["settings"], [Path(item["path"]) for item in content["features"]]


def run_names(path: Path) -> list[str]:
    """Return the fits of an experiment, folders below its ``runs/``, in the order it gave them.

    Empty for a folder that does not say it.
    """
    if not (path / _FILE).is_file():
        return []
    return [str(name) for name in read_json(path / _FILE).get("runs", ())]


def _make(out: Path, content: Mapping[str, Any], force: bool) -> None:
    check_output(out, force)
    if out.exists():
        if not (out / _FILE).is_file():
            raise OutputError(
                f"{out} exists and is no experiment; --force replaces only those of dexkit"
            )
        if read_json(out / _FILE).get("finished"):
            aside = aside_of(out)
            if aside.exists():
                shutil.rmtree(aside)
            os.replace(out, aside)
        else:
            shutil.rmtree(out)
    with disk_errors(out):
        out.mkdir(parents=True)
    versions = library_versions() | {"plugins": plugins().lock()}
    stored = dict(content) | {"versions": versions, "finished": False}
    write_whole(out / _FILE, json.dumps(stored, indent=1, ensure_ascii=False))


def _check_resumable(out: Path, content: Mapping[str, Any]) -> None:
    settings, _ = stored_experiment(out, content["kind"])
    if settings != content["settings"]:
        raise InputError(
            f"{out} was started with other options ({_FILE} differs); give the same options, or "
            "start anew with --force"
        )
    stored = read_json(out / _FILE)["features"]
    if [item["sha256"] for item in stored] != [item["sha256"] for item in content["features"]]:
        raise InputError(
            f"{out} was started on another feature file ({_FILE} differs); give that file, or "
            "start anew with --force"
        )


def _identity(path: Path) -> dict[str, Any]:
    """Return where a feature file lies, and the checksums of its arrays."""
    file = FeatureFile(path)
    sha256 = {name: digest for name in file.arrays if (digest := file.sha256(name))}
    sha256["tables"] = str(file.attrs.get("tables_sha256", ""))
    return {"path": str(path.absolute()), "sha256": sha256}


def _check_alone(tasks: Sequence[FitTask]) -> None:
    """Refuse to be one of several workers: each would do the whole experiment."""
    for task in tasks:
        train = task.config.train
        if train.strategy not in ("auto", "multi-worker"):
            continue
        cluster = find_cluster(os.environ, train.port, train.strategy == "multi-worker")
        if cluster is not None and len(cluster.workers) > 1:
            raise ConfigError(
                f"an experiment is run by one process, this is a job of {len(cluster.workers)} "
                "workers; start one process with --scheduler, or give --set train.strategy=one"
            )
