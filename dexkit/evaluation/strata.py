"""Scores of test genes with and without relatives among the genes that a model learnt from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError
from dexkit.evaluation.bootstrap import percentile_interval, resample_weights
from dexkit.evaluation.evaluate import Evaluation, Score, score_table
from dexkit.evaluation.leakage import count_relatives, relation_texts
from dexkit.evaluation.metrics import WeightedMetric, compute, metrics_for
from dexkit.evaluation.pooling import part_table
from dexkit.evaluation.relations import Relations, SketchOptions, relations_of
from dexkit.evaluation.runs import RunPredictions, baseline_columns, read_run
from dexkit.features.file import FeatureFile

if TYPE_CHECKING:
    import pandas as pd

#: Relations that divide the genes: those that a homology split keeps on one side. Overlapping
#: contact profiles are left out; in a random split nearly every gene shares bins with another.
RELATIONS = (
    "near_copies",
    "identical_sequences",
    "duplicated_genes",
    "overlapping_promoters",
    "same_bin",
)
#: At least one of :data:`RELATIONS`.
ANY = "any_relation"
WITH, WITHOUT, GAP = "with", "without", "with minus without"

_Mask = npt.NDArray[np.bool_]


def scope_of(relation: str, stratum: str) -> str:
    """Return the scope of the scores of a stratum, such as ``"near_copies: with"``."""
    return f"{relation}: {stratum}"


def with_strata(
    evaluation: Evaluation, features_path: Path, options: SketchOptions | None = None
) -> Evaluation:
    """Add the scores of test genes with and without relatives among the genes learnt from.

    Parameters
    ----------
    evaluation : Evaluation
        Scores of test genes; its bootstrap (number, seed, genes or chromosomes) is used again.
    features_path : Path
        Feature file of the runs: its promoters, gene names and places tell who is related.
    options : SketchOptions, optional
        How near-copies are looked for.

    Returns
    -------
    Evaluation
        The same with more scores behind. For each of :data:`RELATIONS` (and :data:`ANY`) that
        divides the genes the scopes ``"<relation>: with"`` and ``"<relation>: without"``, in which
        every test gene stands by its relatives among the training and validation genes of its own
        fold, and ``"<relation>: with minus without"``, whose interval draws both strata at once.

    Raises
    ------
    ConfigError
        If the evaluation is not of test genes.
    InputError
        If the feature file has not all genes of the runs, or has them in other places.
    """
    import pandas as pd

    if evaluation.part != "test":
        raise ConfigError(
            f"relatives are counted for test genes, not for the {evaluation.part} part; "
            "evaluate the test part"
        )
    runs = [read_run(Path(path)) for path in evaluation.runs]
    options = options or SketchOptions()
    relations = relations_of(FeatureFile(features_path), options)
    rows = {str(gene): row for row, gene in enumerate(relations.genes.gene_id)}
    tables, related = [], []
    for run in runs:
        _check_places(run, relations, rows, features_path)
        tables.append(part_table(run, "test"))
        related.append(_related(run, tables[-1], relations, rows))
    table = pd.concat(tables, ignore_index=True)
    scores: list[Score] = []
    notes: list[str] = []
    texts = relation_texts(relations, options.min_similarity) | {ANY: "any of these relations"}
    for name in (*RELATIONS, ANY):
        found = [fold[name] for fold in related]
        known = [mask for mask in found if mask is not None]
        if len(known) < len(found):
            notes.append(f"{texts[name]}: {features_path} cannot tell")
            continue
        mask = np.concatenate(known)
        if mask.all() or not mask.any():
            share = "every test gene has" if mask.any() else "no test gene has"
            notes.append(f"{texts[name]}: {share} such a relative in training or validation")
            continue
        scores += _score_stratum(table, mask, name, evaluation)
    return replace(
        evaluation,
        scores=(*evaluation.scores, *scores),
        notes=(*evaluation.notes, *notes),
    )


def _check_places(
    run: RunPredictions, relations: Relations, rows: Mapping[str, int], features_path: Path
) -> None:
    genes = relations.genes
    for gene, chrom, tss in zip(
        run.predictions["gene_id"], run.predictions["chrom"], run.predictions["tss"], strict=True
    ):
        row = rows.get(gene)
        if row is None:
            raise InputError(
                f"{features_path} has no gene {gene}, which {run.path} predicts; give the feature "
                "file that the run was fitted on"
            )
        if (chrom, tss) != (genes.chrom[row], genes.tss[row]):
            raise InputError(
                f"gene {gene} lies at {genes.chrom[row]}:{genes.tss[row]} in {features_path} and "
                f"at {chrom}:{tss:.0f} in {run.path} (0-based TSS); give the feature file that the "
                "run was fitted on"
            )


def _related(
    run: RunPredictions, tested: pd.DataFrame, relations: Relations, rows: Mapping[str, int]
) -> dict[str, _Mask | None]:
    """Return which test genes of a run have a relative that it learnt from, by relation."""
    n_genes = len(relations.genes)
    parts = run.predictions["part"]
    learnt = np.zeros(n_genes, dtype=bool)
    learnt[
        [rows[gene] for gene in run.predictions["gene_id"][parts.isin(["train", "validation"])]]
    ] = True
    places = np.array([rows[gene] for gene in tested["gene_id"]], dtype=np.intp)
    test = np.zeros(n_genes, dtype=bool)
    test[places] = True
    counts = count_relatives(relations, test, learnt)
    found: dict[str, _Mask | None] = {}
    for name in RELATIONS:
        count = counts[name]
        found[name] = None if count is None else count[places] > 0
    masks = [mask for mask in found.values() if mask is not None]
    found[ANY] = np.logical_or.reduce(masks)
    return found


def _score_stratum(
    table: pd.DataFrame, mask: _Mask, name: str, evaluation: Evaluation
) -> Iterator[Score]:
    for stratum, chosen in ((WITH, mask), (WITHOUT, ~mask)):
        rows = table[chosen]
        n_bootstrap = evaluation.n_bootstrap
        if evaluation.by == "chromosome" and rows["chrom"].nunique() < 2:
            n_bootstrap = 0  # values, but no interval over chromosomes
        yield from score_table(
            rows,
            evaluation.task,
            evaluation.model,
            scope_of(name, stratum),
            n_bootstrap,
            evaluation.seed,
            evaluation.by,
        )
    yield from _gaps(table, mask, name, evaluation)


def _gaps(table: pd.DataFrame, mask: _Mask, name: str, evaluation: Evaluation) -> Iterator[Score]:
    """Yield the score with relatives minus the score without, of the model and each baseline."""
    observed = table["observed"].to_numpy()
    columns = {evaluation.model: "predicted"}
    columns |= {n: c for n, c in baseline_columns(table).items() if n != evaluation.model}
    predicted = {label: table[column].to_numpy() for label, column in columns.items()}
    metrics = metrics_for(evaluation.task)
    groups = table["chrom"].to_numpy(dtype=str) if evaluation.by == "chromosome" else None
    draws: dict[tuple[str, str], list[npt.NDArray[np.float64]]] = {}
    for weights in resample_weights(len(table), evaluation.n_bootstrap, evaluation.seed, groups):
        for (label, p), metric in itertools.product(predicted.items(), metrics):
            sides = [
                _weighted(metric.weighted, observed[side], p[side], weights[:, side])
                for side in (mask, ~mask)
            ]
            draws.setdefault((label, metric.name), []).append(sides[0] - sides[1])
    for (label, p), metric in itertools.product(predicted.items(), metrics):
        value = compute(metric.name, observed[mask], p[mask]) - compute(
            metric.name, observed[~mask], p[~mask]
        )
        replicates = np.concatenate(draws.get((label, metric.name)) or [np.empty(0)])
        bounds = percentile_interval(value, replicates).to_dict()
        role = "model" if label == evaluation.model else "baseline"
        scope = scope_of(name, GAP)
        yield Score(scope, role, label, "", metric.name, len(table), **bounds)


def _weighted(
    metric: WeightedMetric,
    observed: npt.NDArray[np.float64],
    predicted: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Compute a metric in every resample; NaN in one that drew no gene of the stratum."""
    drawn = weights.sum(axis=1) > 0
    values = np.full(len(weights), np.nan)
    values[drawn] = metric(observed, predicted, weights[drawn])
    return values
