"""The folder that a fit writes, file by file."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import tomli_w

from dexkit.errors import DexkitError, InputError, OutputError, StoppedError
from dexkit.files import check_output, disk_errors, write_whole
from dexkit.training.checkpoint import Checkpoints
from dexkit.training.config import RUNTIME_OPTIONS
from dexkit.workflows.fit_config import FitConfig

logger = logging.getLogger("dexkit")

HISTORY_COLUMNS = (
    "member",
    "stage",
    "epoch",
    "loss",
    "val_loss",
    "val_pearson",
    "learning_rate",
    "seconds",
)
#: Stages of a training as ``history.csv`` names them. In the first of two, the sequence part trains
#: with a head of its own; in the other one everything does.
SEQUENCE_STAGE, JOINT_STAGE = "sequence", "joint"
_CONFIG, _FEATURES, _BUNDLE = "config.toml", "features.json", "bundle.json"
_CHECKPOINTS = "checkpoints"
#: Key of ``features.json`` with the place of the feature file, which may change.
_PATH = "path"


class RunFolder:
    """A run folder that is being written.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._history: list[dict[str, Any]] = []

    @classmethod
    def create(
        cls, path: Path, config: FitConfig, features: Mapping[str, Any], force: bool
    ) -> RunFolder:
        """Make the folder and store what the run will do.

        Parameters
        ----------
        path : Path
            A folder that does not exist yet.
        config : FitConfig
            Stored as ``config.toml``.
        features : mapping
            Identity of the feature file, compared when the run is resumed.
        force : bool
            Whether an existing run may be replaced.

        Raises
        ------
        OutputError
            When the folder exists, or its parent does not.
        """
        check_output(path, force)
        if path.exists():
            if not _is_run(path):
                raise OutputError(
                    f"{path} exists and is no run folder; --force replaces only runs of dexkit"
                )
            if (path / _BUNDLE).is_file():
                aside = aside_of(path)
                if aside.exists():
                    shutil.rmtree(aside)
                os.replace(path, aside)
            else:
                shutil.rmtree(path)
        folder = cls(path)
        try:
            with disk_errors(path):
                (path / _CHECKPOINTS).mkdir(parents=True)
            folder.write(_FEATURES, json.dumps(dict(features), indent=1))
            folder.write(_CONFIG, tomli_w.dumps(_plain(config)))
        except DexkitError:
            _undo(path)
            raise
        return folder

    @classmethod
    def resume(cls, path: Path, config: FitConfig, features: Mapping[str, Any]) -> RunFolder:
        """Go on in a folder whose fit was killed.

        Raises
        ------
        InputError
            When the folder is no run, is finished, or was started with other options or data.
        """
        cls.config_of(path)
        if (path / _BUNDLE).is_file():
            raise InputError(f"{path} is a finished run; nothing to resume")
        stored = json.loads((path / _FEATURES).read_text())
        stored.pop(_PATH, None)
        if stored != json.loads(json.dumps(dict(features))):
            raise InputError(
                f"{path} was started on another feature file ({_FEATURES} differs); give that "
                "file, or start anew with --force"
            )
        if _deciding(FitConfig.read(path / _CONFIG, {})) != _deciding(config):
            raise InputError(
                f"{path} was started with other options ({_CONFIG} differs); give the same "
                "options, or start anew with --force"
            )
        return cls(path)

    @staticmethod
    def state(path: Path) -> Literal["absent", "unfinished", "finished"]:
        """Return how far the run of a folder is.

        Returns
        -------
        str
            ``"finished"``: model and scores are there. ``"unfinished"``: it can be resumed.
            ``"absent"``: no folder, or one that was left before its options were in it.
        """
        if (path / _BUNDLE).is_file():
            return "finished"
        return "unfinished" if _is_run(path) and (path / _CONFIG).is_file() else "absent"

    @staticmethod
    def features_of(path: Path) -> Path:
        """Return the feature file that an unfinished run was started on.

        Raises
        ------
        InputError
            When the folder is no run, or the file has moved.
        """
        if not _is_run(path):
            raise InputError(f"{path} is no run folder ({_FEATURES} is missing); nothing to resume")
        name = json.loads((path / _FEATURES).read_text()).get(_PATH)
        if name is None or not Path(name).is_file():
            raise InputError(
                f"{path} was started on {name or 'a feature file'}, which is not there; give its "
                "new place in front of --resume"
            )
        return Path(name)

    @staticmethod
    def config_of(path: Path) -> Path:
        """Return the file with the options of a run.

        Raises
        ------
        InputError
            When the folder is no run.
        """
        if not _is_run(path) or not (path / _CONFIG).is_file():
            raise InputError(f"{path} is no run folder ({_CONFIG} is missing); nothing to resume")
        return path / _CONFIG

    def remember_features(self, features: Path) -> None:
        """Store where the feature file lies, for ``--resume`` without naming it."""
        stored = json.loads((self.path / _FEATURES).read_text())
        stored[_PATH] = str(features.absolute())
        self.write(_FEATURES, json.dumps(stored, indent=1))

    def finish(self) -> None:
        """Drop the checkpoints, which only an unfinished run needs."""
        for checkpoint in (self.path / _CHECKPOINTS).iterdir():
            checkpoint.unlink()

    def write(self, name: str, content: str) -> None:
        """Write one file of the folder whole."""
        write_whole(self.path / name, content)

    def has_checkpoints(self) -> bool:
        """Whether there is something to go on from."""
        return any((self.path / _CHECKPOINTS).iterdir())

    def checkpoints(self, member: int, stage: str) -> Checkpoints:
        """Return the checkpoints of a network of the ensemble, in one stage of its training."""
        return Checkpoints(self.path / _CHECKPOINTS, _name(member, stage))

    def tensorboard(self, member: int, stage: str) -> Path:
        """Return the folder of a network's TensorBoard events."""
        return self.path / "tensorboard" / _name(member, stage)

    def add_epoch(self, member: int, stage: str, row: Mapping[str, float]) -> None:
        """Add a row to ``history.csv``."""
        self._history.append({"member": member, "stage": stage, **row})
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._history)
        self.write("history.csv", text.getvalue())

    def write_table(
        self, name: str, header: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Write a tab-separated table."""
        lines = ["\t".join(header), *("\t".join(map(str, row)) for row in rows)]
        self.write(name, "\n".join(lines) + "\n")

    @contextmanager
    def logged(self) -> Iterator[None]:
        """Write the log of the block to ``log.jsonl`` too."""
        logger = logging.getLogger("dexkit")
        handler = logging.FileHandler(self.path / "log.jsonl", encoding="utf-8")
        handler.setFormatter(_JsonLines())
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            handler.close()


@contextmanager
def whole_or_resumable(path: Path, resumable: Callable[[], bool]) -> Iterator[None]:
    """Leave nothing of what failed before there was anything to go on from.

    Parameters
    ----------
    path : Path
        Folder of a run or an experiment. When the block fails and it is not resumable, the folder
        is removed; a resumable one is kept, and renamed to ``<path>.failed`` where it was to
        replace a finished one, which is put back. When the block succeeds, that is removed.
    resumable : callable
        Whether the folder holds something to go on from; asked when the block has failed.
    """
    aside = aside_of(path)
    try:
        yield
    except StoppedError:
        # It can go on, and replaces the earlier run then.
        raise
    except DexkitError:
        if resumable():
            _set_aside_failed(path)
        else:
            _undo(path)
        raise
    if aside.exists():
        shutil.rmtree(aside)


def _undo(path: Path) -> None:
    """Remove a folder that has nothing to go on from; put back what it was to replace."""
    shutil.rmtree(path, ignore_errors=True)
    aside = aside_of(path)
    if aside.exists():
        os.replace(aside, path)
        logger.warning("%s is again the earlier run", path)


def _set_aside_failed(path: Path) -> None:
    """Rename a folder that could still go on, where it was to replace a finished one."""
    aside = aside_of(path)
    if aside.exists():
        failed = path.with_name(f"{path.name}.failed")
        shutil.rmtree(failed, ignore_errors=True)
        os.replace(path, failed)
        os.replace(aside, path)
        logger.warning("%s is again the earlier run; the failed one is %s", path, failed)


def _name(member: int, stage: str) -> str:
    """Return the name of a network's files: the stage in which all parts train goes without."""
    return f"member-{member}" + ("" if stage == JOINT_STAGE else f"-{stage}")


def aside_of(path: Path) -> Path:
    """Return where a finished folder is kept while another one takes its place."""
    return path.with_name(f".{path.name}.replaced")


def _is_run(path: Path) -> bool:
    """Whether a folder was made by a fit: ``config.toml`` alone could be anybody's."""
    return (path / _FEATURES).is_file() and (path / _CHECKPOINTS).is_dir()


def _plain(config: FitConfig) -> dict[str, Any]:
    """Return a configuration as TOML can hold it: lists for tuples, nothing for None."""
    return config.model_dump(mode="json", exclude_none=True)


def _deciding(config: FitConfig) -> dict[str, Any]:
    """Return the options that decide what a run computes."""
    values = _plain(config)
    values["train"] = {k: v for k, v in values["train"].items() if k not in RUNTIME_OPTIONS}
    return values


class _JsonLines(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return json.dumps(
            {"time": when, "level": record.levelname.lower(), "message": record.getMessage()}
        )
