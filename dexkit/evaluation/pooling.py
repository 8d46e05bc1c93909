"""Putting the test parts of the folds of one cross-validation together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dexkit.errors import InputError
from dexkit.evaluation.runs import (
    SAMPLE_COLUMN,
    RunPredictions,
    baseline_columns,
    samples_of,
)
from dexkit.evaluation.splits import LEAKY_NOTE, SEEDED_KINDS

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


def with_samples(scopes: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Put the rows of each sample behind the rows of all, where there are several samples.

    Parameters
    ----------
    scopes : mapping of str to DataFrame
        Rows by scope.

    Returns
    -------
    dict of str to DataFrame
        The scopes as given, then for each of them ``SCOPE: SAMPLE`` by sample.
    """
    every = dict(scopes)
    for scope, table in scopes.items():
        for sample in samples_of(table):
            every[sample_scope(scope, sample)] = table[table[SAMPLE_COLUMN] == sample]
    return every


def sample_scope(scope: str, sample: str) -> str:
    """Return the name of the scope that is one sample of another scope."""
    return f"{scope}: {sample}"


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
        for gene in table["gene_id"].unique():
            if gene in seen:
                raise InputError(
                    f"gene {gene} is in the {part} part of both {seen[gene]} and {run.path}; a "
                    "pooled evaluation takes every gene at most once (only test parts of the "
                    "folds of one cross-validation are disjoint)"
                )
            seen[gene] = run.path
    return pd.concat(tables, ignore_index=True)


def notes_of(runs: Sequence[RunPredictions], part: str) -> tuple[str, ...]:
    """Return what a reader must know beside the scores.

    Parameters
    ----------
    runs : sequence of RunPredictions
        A run, or the folds of a cross-validation.
    part : str
        Part that was scored.

    Returns
    -------
    tuple of str
        Sentences.
    """
    notes = []
    split = runs[0].split
    if any(bool(run.split["leaky"]) for run in runs):
        notes.append(
            f"{LEAKY_NOTE}: random genes, so neighbours and family members of the {part} genes "
            "were trained on; the scores are too high for unseen genes"
        )
    if part != "test":
        notes.append(f"{part} genes were used in fitting; the scores are no test of the model")
    if len(runs[0].samples) > 1:
        notes.append(
            "scores over all samples include the differences between samples; those of each "
            "sample do not"
        )
    if len(runs) > 1 and len(runs) < int(split["n_folds"]):
        notes.append(f"{len(runs)} of {split['n_folds']} folds are pooled")
    if len(runs) > 1:
        for name, column in baseline_columns(runs[0].predictions).items():
            if all(run.predictions[column].nunique() == 1 for run in runs):
                notes.append(
                    f"baseline {name} is constant within each fold, so its pooled ranking of genes "
                    "compares folds only"
                )
    return tuple(notes)
