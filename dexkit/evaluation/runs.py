"""Reading the predictions of a run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError, InputError

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("train", "validation", "test")
UNMEASURED = "unmeasured"
BASELINE_PREFIX = "baseline:"

_TEXT_COLUMNS = ("gene_id", "gene_name", "chrom", "strand", "part")
#: Only in the table of a run of several samples.
SAMPLE_COLUMN = "sample"
_NUMBER_COLUMNS = ("tss", "observed", "predicted", "predicted_sd")
_SPLIT_KEYS = ("kind", "n_folds", "fold", "seed", "leaky")


@dataclass(frozen=True)
class RunPredictions:
    """What evaluation needs to know of one run.

    Parameters
    ----------
    path : Path
        The run folder.
    task : str
        ``"regression"`` or ``"classification"``.
    model, sample : str
        Names from ``metrics.json``; several samples are joined by commas.
    split : mapping
        ``kind``, ``n_folds``, ``fold``, ``seed``, ``leaky`` and more, as in ``metrics.json``.
    predictions : DataFrame
        ``predictions.tsv``, see :func:`read_predictions`.
    seed : int or None
        ``--seed`` of the fit; None for a run of a version that did not write it down.
    """

    path: Path
    task: str
    model: str
    sample: str
    split: Mapping[str, Any]
    predictions: pd.DataFrame
    seed: int | None = None

    @property
    def samples(self) -> tuple[str, ...]:
        """The samples of the predictions."""
        return samples_of(self.predictions) or (self.sample,)

    @property
    def fold(self) -> int:
        """0-based number of the test fold."""
        return int(self.split["fold"])

    def by_sample(self) -> tuple[RunPredictions, ...]:
        """Return the run as runs of one sample each: their rows of ``predictions``."""
        tables = tables_by_sample(self.predictions)
        if not tables:
            return (self,)
        return tuple(replace(self, sample=name, predictions=t) for name, t in tables.items())


def samples_of(table: pd.DataFrame) -> tuple[str, ...]:
    """Return the samples that a table of predictions tells apart, in file order."""
    if SAMPLE_COLUMN not in table.columns:
        return ()
    return tuple(str(name) for name in table[SAMPLE_COLUMN].unique())


def with_samples(model: str, sample: str) -> str:
    """Return the name of a model of several samples that stands beside models of each of them."""
    return f"{model} ({sample})"


def tables_by_sample(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each sample without their column ``sample``; none without that column."""
    return {
        sample: table[table[SAMPLE_COLUMN] == sample].drop(columns=SAMPLE_COLUMN)
        for sample in samples_of(table)
    }


def baseline_columns(table: pd.DataFrame) -> dict[str, str]:
    """Return column names by baseline name, in file order."""
    return {
        str(column).removeprefix(BASELINE_PREFIX): str(column)
        for column in table.columns
        if str(column).startswith(BASELINE_PREFIX)
    }


def read_predictions(path: Path) -> pd.DataFrame:
    """Read ``predictions.tsv``.

    Parameters
    ----------
    path : Path
        The table.

    Returns
    -------
    DataFrame
        Columns as in the file: text columns as str (a gene called ``NA`` stays ``NA``), ``tss``
        0-based, ``observed``, ``predicted``, ``predicted_sd`` and ``baseline:*`` as float64 with
        NaN where the file is empty. The table of a run of several samples has a column ``sample``
        and a row for each gene in each sample.

    Raises
    ------
    InputError
        If the file is missing.
    FormatError
        If a column is missing, a number or a part is not one, or a gene occurs twice (in one
        sample).
    """
    import pandas as pd

    if not path.is_file():
        raise InputError(f"no predictions at {path}; expected a run folder that a fit wrote")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"not a text file: {error}", str(path)) from error
    # Not splitlines(), which also breaks at characters that a gene name may hold.
    rows = [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    header = rows[0]
    missing = [c for c in (*_TEXT_COLUMNS, *_NUMBER_COLUMNS) if c not in header]
    if missing:
        raise FormatError(
            f"column {missing[0]!r} is missing; got {', '.join(header) or 'an empty file'}",
            str(path),
        )
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise FormatError(
                f"the line has {len(row)} columns; expected {len(header)}", str(path), number
            )
    table = pd.DataFrame(rows[1:], columns=header, dtype=object)
    bad_part = np.flatnonzero(~table["part"].isin([*PARTS, UNMEASURED]).to_numpy())
    if len(bad_part):
        raise FormatError(
            f"unknown part {table['part'].iloc[bad_part[0]]!r}; "
            f"expected one of {', '.join((*PARTS, UNMEASURED))}",
            str(path),
            int(bad_part[0]) + 2,
        )
    key = [column for column in ("gene_id", SAMPLE_COLUMN) if column in header]
    twice = np.flatnonzero(table.duplicated(key).to_numpy())
    if len(twice):
        named = " of ".join(str(table[column].iloc[twice[0]]) for column in key)
        raise FormatError(f"gene {named} occurs twice", str(path), int(twice[0]) + 2)
    for column in (*_NUMBER_COLUMNS, *baseline_columns(table).values()):
        table[column] = _numbers(table[column].to_numpy(dtype=object), column, path)
    return table


def _numbers(cells: npt.NDArray[np.object_], column: str, path: Path) -> npt.NDArray[np.float64]:
    numbers = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        if cell:
            try:
                numbers[i] = float(cell)
            except ValueError:
                raise FormatError(
                    f"column {column!r} must hold numbers; got {cell!r}", str(path), i + 2
                ) from None
    return numbers


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    InputError
        If the file is missing.
    FormatError
        If it is not a JSON object.
    """
    if not path.is_file():
        raise InputError(f"no file {path}; expected a run folder that a fit wrote")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"not JSON: {error}", str(path)) from error
    if not isinstance(content, dict):
        raise FormatError(f"expected a JSON object; got {type(content).__name__}", str(path))
    return content


def read_run(path: Path) -> RunPredictions:
    """Read the predictions of a run folder with what they are predictions of.

    Parameters
    ----------
    path : Path
        A folder that holds ``metrics.json`` and ``predictions.tsv``.

    Returns
    -------
    RunPredictions
        The run.

    Raises
    ------
    InputError
        If the folder or one of the two files is missing, or the run is unfinished.
    FormatError
        If one of them is malformed.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"no run folder at {path}; expected a folder that dexkit fit wrote")
    source = path / "metrics.json"
    if not source.is_file() and (path / "config.toml").is_file():
        # A fit writes its configuration first and its scores last.
        raise InputError(
            f"{path} is an unfinished run (config.toml is there, metrics.json is not); finish it "
            "with dexkit fit --resume and this folder"
        )
    metrics = read_json(source)
    for key in ("task", "model", "sample", "split"):
        if key not in metrics:
            raise FormatError(f"key {key!r} is missing", str(source))
    split = metrics["split"]
    missing = [key for key in _SPLIT_KEYS if not isinstance(split, dict) or key not in split]
    if missing:
        raise FormatError(f"key {missing[0]!r} of 'split' is missing", str(source))
    return RunPredictions(
        path=path,
        task=str(metrics["task"]),
        model=str(metrics["model"]),
        sample=str(metrics["sample"]),
        split=split,
        predictions=read_predictions(path / "predictions.tsv"),
        seed=metrics.get("seed"),
    )
