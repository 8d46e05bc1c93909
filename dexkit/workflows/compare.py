"""Compare models by the runs that were fitted of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dexkit.errors import InputError
from dexkit.evaluation.compare import compare_models
from dexkit.evaluation.comparison import ModelComparison
from dexkit.evaluation.paired_runs import pair_runs
from dexkit.evaluation.runs import RunPredictions, read_run

#: End of the name of a run folder that tells folds apart: ``k562-fold0``, ``fold-0``, ``ridge.3``.
_FOLD = re.compile(r"[-_.]?(fold)?[-_.]?\d+$")
#: What a fit leaves in its folder, finished or not.
_RUN_FILES = ("metrics.json", "config.toml")
#: Where the commands that fit several models keep their runs.
_RUNS = "runs"


def compare_runs(
    paths: Sequence[Path],
    n_bootstrap: int = 1000,
    seed: int = 0,
    baselines: bool = False,
) -> ModelComparison:
    """Compare the model of the first folder with the others; see :func:`find_models`.

    Parameters
    ----------
    paths : sequence of Path
        Run folders, or folders of a cross-validation.
    n_bootstrap, seed : int
        Resamples of the intervals and their seed.
    baselines : bool, optional
        Compare the baselines that were fitted beside the models, too. Runs of one model are
        always compared with their baselines.

    Returns
    -------
    ModelComparison
        Scores by fold and paired statistics.

    Raises
    ------
    InputError
        If a folder is no run, or the models were not tested on the same genes in the same folds.
    FormatError
        If a file of a run is malformed.
    """
    return compare_models(pair_runs(find_models(paths), baselines), n_bootstrap, seed)


def find_models(paths: Sequence[Path]) -> dict[str, list[RunPredictions]]:
    """Read runs and put the folds of each model together.

    Parameters
    ----------
    paths : sequence of Path
        Run folders; and folders of a cross-validation, which stand for all runs below ``runs/``.

    Returns
    -------
    dict of str to list of RunPredictions
        Runs by label, in the order given. A run of a cross-validation is labelled by its place
        below ``runs/``, another one by its model; where this gives one label two runs of one fold,
        the name of the folder that holds them tells them apart.

    Raises
    ------
    InputError
        If a folder is no run and holds none, a run is given twice, or folders cannot be told
        apart by their names.
    FormatError
        If a file of a run is malformed.
    """
    found: list[tuple[str, str, RunPredictions]] = []
    seen: set[Path] = set()
    for path in map(Path, paths):
        for folder in _run_folders(path):
            if folder.resolve() in seen:
                raise InputError(f"{folder} is given twice; give every run once")
            seen.add(folder.resolve())
            run = read_run(folder)
            if folder == path:
                found.append((run.model, _stem(folder), run))
            else:
                place = folder.relative_to(path / _RUNS)
                label = place if _FOLD.fullmatch(place.name) is None else place.parent
                name = run.model if label == Path() else label.as_posix()
                found.append((name, path.resolve().name, run))
    return _labelled(found)


def _run_folders(path: Path) -> list[Path]:
    if any((path / name).is_file() for name in _RUN_FILES):
        return [path]
    runs = path / _RUNS
    inner = sorted({file.parent for name in _RUN_FILES for file in runs.rglob(name)})
    if not inner:
        # read_run says what is wrong with a folder that is no run.
        return [path]
    return inner


def _stem(folder: Path) -> str:
    """Return the name of a run folder without its fold; of ``wide/fold-0`` ``"wide"``."""
    folder = folder.resolve()
    return _FOLD.sub("", folder.name) or folder.parent.name


def _labelled(
    found: Sequence[tuple[str, str, RunPredictions]],
) -> dict[str, list[RunPredictions]]:
    by_name: dict[str, list[tuple[str, RunPredictions]]] = {}
    for name, where, run in found:
        by_name.setdefault(name, []).append((where, run))
    models: dict[str, list[RunPredictions]] = {}
    for name, runs in by_name.items():
        ambiguous = len({run.fold for _, run in runs}) < len(runs)
        for where, run in runs:
            label = f"{name} ({where})" if ambiguous else name
            for other in models.get(label, ()):
                if other.fold == run.fold:
                    raise InputError(
                        f"{other.path} and {run.path} are both fold {run.fold} of {label}; give "
                        "every fold of a model once, and different models in folders of different "
                        "names (a-fold0, b-fold0)"
                    )
            models.setdefault(label, []).append(run)
    return models
