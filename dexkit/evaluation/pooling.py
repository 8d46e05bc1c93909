"""Putting the test parts of the folds of one cross-validation together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dexkit.errors import InputError
from dexkit.evaluation.runs import RunPredictions, baseline_columns
from dexkit.evaluation.splits import SEEDED_KINDS

if TYPE_CHECKING:
    import pandas as pd


def part_table(run: RunPredictions, part: str) -> pd.DataFrame:
    """Return the rows of one part of a run.

    Raises
    ------
    InputError
        If the part is empty or one of its genes has no value.
    """
    table = run.predictions[run.predictions["part"] == part]
    if not len(table):
        raise InputError(f"{run.path} has no gene in the {part} part; choose another part")
    check_values(table, f"the {part} part of {run.path}")
    return table


def check_values(table: pd.DataFrame, where: str) -> None:
    """Raise InputError unless every gene has an observed value and every prediction."""
    for column in ("observed", "predicted", *baseline_columns(table).values()):
        missing = table["gene_id"][~table[column].map(math.isfinite)]
        if len(missing):
            raise InputError(
                f"{len(missing)} genes of {where} have no {column} value, the first is "
                f"{missing.iloc[0]}; expected a number for every gene"
            )


def cross_validation_of(run: RunPredictions) -> dict[str, Any]:
    """Return what two runs must have in common so that their test genes are those of one split.

    Parameters
    ----------
    run : RunPredictions
        A run.

    Returns
    -------
    dict
        Values by what they are called in a message.
    """
    split = run.split
    return {
        "task": run.task,
        "sample": run.sample,
        "split kind": split["kind"],
        "number of folds": split["n_folds"],
        "split file": split.get("sha256"),
        # The folds of whole chromosomes do not depend on the seed.
        "split seed": split["seed"] if split["kind"] in SEEDED_KINDS else None,
    }


def check_same_cross_validation(runs: Sequence[RunPredictions]) -> None:
    """Raise InputError when the genes of these runs, sorted by fold, must not be pooled."""
    first = runs[0]

    def facts(run: RunPredictions) -> dict[str, Any]:
        baselines = ", ".join(baseline_columns(run.predictions)) or "none"
        return cross_validation_of(run) | {"model": run.model, "baselines": baselines}

    expected = facts(first)
    for run in runs[1:]:
        for what, value in facts(run).items():
            if value != expected[what]:
                raise InputError(
                    f"runs of one evaluation must be folds of one cross-validation, but their "
                    f"{what} differs: {first.path} has {expected[what]}, {run.path} has {value}; "
                    "evaluate them one by one"
                )
    for before, after in itertools.pairwise(runs):
        if before.fold == after.fold:
            raise InputError(
                f"two runs have the same fold {after.fold}: {before.path} and {after.path}; "
                "give every fold once"
            )


def pool_folds(
    runs: Sequence[RunPredictions], tables: list[pd.DataFrame], part: str
) -> pd.DataFrame:
    """Put the parts of several folds into one table, every gene once.

    Parameters
    ----------
    runs : sequence of RunPredictions
        The folds.
    tables : list of DataFrame
        The part of each fold.
    part : str
        Its name, for messages.

    Returns
    -------
    DataFrame
        The rows of all tables.

    Raises
    ------
    InputError
        If a gene is in two of them.
    """
    import pandas as pd

    seen: dict[str, Path] = {}
    for run, table in zip(runs, tables, strict=True):
        for gene in table["gene_id"]:
            if gene in seen:
                raise InputError(
                    f"gene {gene} is in the {part} part of both {seen[gene]} and {run.path}; a "
                    "pooled evaluation takes every gene at most once (only test parts of the "
                    "folds of one cross-validation are disjoint)"
                )
            seen[gene] = run.path
    return pd.concat(tables, ignore_index=True)
