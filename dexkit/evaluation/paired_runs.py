"""Putting the predictions of several models for the same test genes side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dexkit.errors import InputError
from dexkit.evaluation.pooling import (
    check_same_cross_validation,
    cross_validation_of,
    part_table,
    pool_folds,
)
from dexkit.evaluation.runs import RunPredictions, baseline_columns
from dexkit.evaluation.stamps import stamps

if TYPE_CHECKING:
    import pandas as pd


#: Columns with the predictions of a model: this and its label.
PREDICTED = "predicted:"


@dataclass(frozen=True)
class PairedPredictions:
    """Predictions of several models for the test genes of the same folds.

    Parameters
    ----------
    task, sample : str
        What was predicted.
    split : mapping
        Split of the first run.
    leaky : bool
        Whether the split lets related genes sit on both sides.
    labels : tuple of str
        Names of the models, the reference first.
    runs : mapping of str to tuple of str
        Run folders by model, by fold.
    folds : tuple of int
        0-based.
    tables : tuple of DataFrame
        By fold: ``gene_id``, ``chrom``, ``observed``, and ``predicted:<label>`` of each model.
    notes : tuple of str
        What a reader must know.
    stamps : mapping
        Columns of every table, see :func:`dexkit.evaluation.stamps.stamps`.
    """

    task: str
    sample: str
    split: Mapping[str, Any]
    leaky: bool
    labels: tuple[str, ...]
    runs: Mapping[str, tuple[str, ...]]
    folds: tuple[int, ...]
    tables: tuple[pd.DataFrame, ...]
    notes: tuple[str, ...]
    stamps: Mapping[str, Any]


def pair_by_sample(
    models: Mapping[str, Sequence[RunPredictions]], baselines: bool = False
) -> tuple[PairedPredictions, ...]:
    """Put the predictions of models side by side for every sample that can be compared.

    A run of several samples counts as a run of each of them.

    Parameters
    ----------
    models : mapping of str to sequence of RunPredictions
        The folds of each model, on one sample or more; the first is the reference.
    baselines : bool, optional
        See :func:`pair_runs`.

    Returns
    -------
    tuple of PairedPredictions
        By sample: those that the reference and another model were tested on; of one model all.
        The notes of the first name the samples that are left out.

    Raises
    ------
    InputError
        As :func:`pair_runs`, or if a model has no sample of the reference.
    """
    by_sample: dict[str, dict[str, list[RunPredictions]]] = {}
    for label, runs in models.items():
        for run in runs:
            for one in run.by_sample():
                by_sample.setdefault(one.sample, {}).setdefault(label, []).append(one)
    if len(by_sample) < 2 or len(models) == 1:
        return tuple(pair_runs(own, baselines) for own in by_sample.values() or ({},))
    reference, *others = models
    compared = {s: own for s, own in by_sample.items() if reference in own and len(own) > 1}
    tested = {label: [s for s, own in by_sample.items() if label in own] for label in models}
    for label in others:
        if not compared.keys() & set(tested[label]):
            raise InputError(
                f"{label} cannot be compared with {reference}: their samples differ; {reference} "
                f"was tested on {_listed(tested[reference])}, {label} on "
                f"{_listed(tested[label])}; compare runs of one sample and one split"
            )
    left_out = [
        f"{sample} is left out: only {_listed(list(own))} was tested on it"
        if len(own) == 1
        else f"{sample} is left out: {reference} was not tested on it"
        for sample, own in by_sample.items()
        if sample not in compared
    ]
    first, *rest = (pair_runs(own, baselines) for own in compared.values())
    return (replace(first, notes=(*first.notes, *left_out)), *rest)


def pair_runs(
    models: Mapping[str, Sequence[RunPredictions]], baselines: bool = False
) -> PairedPredictions:
    """Check that models were tested on the same genes, and put their predictions side by side.

    Parameters
    ----------
    models : mapping of str to sequence of RunPredictions
        The folds of each model, by its label; the first is the reference.
    baselines : bool, optional
        Whether the baselines of the runs are models too. One with the predictions of another
        model is not taken twice.

    Returns
    -------
    PairedPredictions
        Test genes of each fold, in the order of the reference.

    Raises
    ------
    InputError
        If the models differ in task, sample, split, folds, test genes or observed values, or
        there are fewer than two.
    """
    if not models:
        raise InputError("no run to compare; give the run folders of at least two models")
    by_model = {
        label: sorted(runs, key=lambda run: run.fold) for label, runs in models.items() if runs
    }
    for runs in by_model.values():
        several = [run for run in runs if len(run.samples) > 1]
        if several:
            raise InputError(
                f"{several[0].path} is a run of the samples {several[0].sample}, in which a gene "
                "has several rows; models are compared on one sample, evaluate the run by itself"
            )
        check_same_cross_validation(runs)
        pool_folds(runs, [part_table(run, "test") for run in runs], "test")
    reference, *others = by_model
    first = by_model[reference]
    for label in others:
        _check_same_split(reference, first, label, by_model[label])
    tables = [
        part_table(run, "test")[["gene_id", "chrom", "observed"]].reset_index(drop=True)
        for run in first
    ]
    notes = []
    for label, runs in by_model.items():
        for table, run, base in zip(tables, runs, first, strict=True):
            own = _same_genes(table, run, base, label, reference)
            table[PREDICTED + label] = own["predicted"].to_numpy()
        learnt = [_n_learnt(run) for run in runs]
        if learnt != [_n_learnt(run) for run in first]:
            notes.append(
                f"{label} learnt from other genes than {reference}: {_listed(learnt)} training and "
                f"validation genes by fold, {_listed([_n_learnt(run) for run in first])}"
            )
    labels = list(by_model)
    if baselines or len(by_model) == 1:
        labels += _add_baselines(tables, by_model)
    if len(labels) < 2:
        raise InputError(
            f"all runs are of one model, {labels[0]}, and have no baseline beside it; give the "
            "runs of at least two models"
        )
    leaky = any(bool(run.split["leaky"]) for runs in by_model.values() for run in runs)
    return PairedPredictions(
        task=first[0].task,
        sample=first[0].sample,
        split=first[0].split,
        leaky=leaky,
        labels=tuple(labels),
        runs={label: tuple(str(run.path) for run in runs) for label, runs in by_model.items()},
        folds=tuple(run.fold for run in first),
        tables=tuple(tables),
        notes=tuple(notes),
        stamps=stamps(
            first[0].split, leaky, [run.seed for runs in by_model.values() for run in runs]
        ),
    )


def _check_same_split(
    reference: str,
    first: Sequence[RunPredictions],
    label: str,
    runs: Sequence[RunPredictions],
) -> None:
    expected = cross_validation_of(first[0])
    for what, value in cross_validation_of(runs[0]).items():
        if value != expected[what]:
            raise InputError(
                f"{label} cannot be compared with {reference}: their {what} differs; "
                f"{first[0].path} has {expected[what]}, {runs[0].path} has {value}; compare runs "
                "of one sample and one split"
            )
    folds = [[run.fold for run in each] for each in (first, runs)]
    if folds[0] != folds[1]:
        raise InputError(
            f"{label} cannot be compared with {reference}: {label} has the folds "
            f"{_listed(folds[1])}, {reference} has {_listed(folds[0])}; give the same folds of both"
        )


def _same_genes(
    table: pd.DataFrame, run: RunPredictions, base: RunPredictions, label: str, reference: str
) -> pd.DataFrame:
    """Return the test rows of a run in the order of the table, whose genes they must be."""
    own = part_table(run, "test").set_index("gene_id")
    missing = table["gene_id"][~table["gene_id"].isin(own.index)]
    extra = own.index[~own.index.isin(table["gene_id"])]
    for genes, has, lacks in ((missing, base, run), (extra, run, base)):
        if len(genes):
            raise InputError(
                f"{label} cannot be compared with {reference}: they tested other genes; "
                f"{len(genes):,} test genes of {has.path} are no test genes of {lacks.path} (the "
                f"first is {next(iter(genes))}); fit both on the same genes (the same blocks, or "
                "fit --unobserved keep) and the same split"
            )
    own = own.loc[table["gene_id"]]
    other = np.flatnonzero(own["observed"].to_numpy() != table["observed"].to_numpy())
    if len(other):
        gene = table["gene_id"].iloc[other[0]]
        raise InputError(
            f"{label} cannot be compared with {reference}: {len(other):,} genes have another "
            f"observed value (the first is {gene}: {table['observed'].iloc[other[0]]:g} in "
            f"{base.path}, {own['observed'].iloc[other[0]]:g} in {run.path}); fit both on one "
            "feature file with the same scale of expression"
        )
    return own


def _add_baselines(
    tables: Sequence[pd.DataFrame],
    by_model: Mapping[str, Sequence[RunPredictions]],
) -> list[str]:
    """Add a column for every baseline of the runs; return their labels."""
    added: list[str] = []
    for label, runs in by_model.items():
        for name, column in baseline_columns(runs[0].predictions).items():
            columns = [
                part_table(run, "test")
                .set_index("gene_id")
                .loc[table["gene_id"], column]
                .to_numpy()
                for table, run in zip(tables, runs, strict=True)
            ]
            taken = [*by_model, *added]
            if any(
                all(
                    np.array_equal(table[PREDICTED + known], values)
                    for table, values in zip(tables, columns, strict=True)
                )
                for known in taken
            ):
                continue
            added.append(name if name not in taken else f"{name} beside {label}")
            for table, values in zip(tables, columns, strict=True):
                table[PREDICTED + added[-1]] = values
    return added


def _n_learnt(run: RunPredictions) -> int:
    return int(run.predictions["part"].isin(["train", "validation"]).sum())


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
