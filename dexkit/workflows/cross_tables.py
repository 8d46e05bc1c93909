"""Tables of a cross-sample experiment: scores, predictions by gene, genes left out and listed."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.cross_sample import EXPRESSION, CrossPredictions, most_variable
from dexkit.evaluation.cross_scores import COPY_BEST, COPY_MEAN, INDEPENDENT, score_cross
from dexkit.evaluation.split_file import SplitTable
from dexkit.evaluation.splits import MIN_PART_GENES
from dexkit.evaluation.stamps import stamps
from dexkit.features.file import FeatureFile
from dexkit.io.gene_list import GeneList
from dexkit.workflows.cross_predict import REGIMES, SEEN, UNSEEN, Predicted
from dexkit.workflows.experiment import Experiment

if TYPE_CHECKING:
    import pandas as pd

Mask = npt.NDArray[np.bool_]

#: Sets of genes that are scored: all, those that differ most between samples, those of --genes.
ALL, VARIABLE, LISTED = "all", "most variable", "listed"
#: The tenth of the genes that differs most is scored on its own: a choice.
_VARIABLE_SHARE = 0.1


@dataclass(frozen=True)
class Across:
    """Predictions of all models across samples.

    Parameters
    ----------
    features : FeatureFile
        The file.
    samples : tuple of str
        Samples.
    splits : SplitTable
        The folds that all fits share.
    listed : GeneList or None
        Genes of ``--genes``.
    found : mapping of str to Predicted
        By model.
    """

    features: FeatureFile
    samples: tuple[str, ...]
    splits: SplitTable
    listed: GeneList | None
    found: Mapping[str, Predicted]

    @functools.cached_property
    def rows(self) -> dict[str, Mask]:
        """Genes that are scored by regime: those that every model has all values of."""
        return {
            regime: np.logical_and.reduce([one.complete(regime) for one in self.found.values()])
            for regime in REGIMES
        }

    @property
    def gene_sets(self) -> dict[str, Mask]:
        """Sets of genes, as masks over the file."""
        rows = self.rows[UNSEEN]
        observed = next(iter(self.found.values())).observed
        sets = {ALL: rows, VARIABLE: np.zeros_like(rows)}
        sets[VARIABLE][np.flatnonzero(rows)[most_variable(observed[rows], _VARIABLE_SHARE)]] = True
        if self.listed is not None:
            sets[LISTED] = np.zeros_like(rows)
            sets[LISTED][self.listed.rows] = True
            sets[LISTED] &= rows
        return sets

    def predictions(self, model: str, regime: str) -> CrossPredictions:
        """Return the predictions of one model on the genes that are scored."""
        rows, found = self.rows[regime], self.found[model]
        return CrossPredictions(
            self.samples,
            found.observed[rows],
            found.predicted[regime][:, :, rows],
            self.features.genes.chrom[rows],
            self.splits.fold[rows].astype(np.intp),
        )


def score_tables(
    across: Across, n_bootstrap: int, seed: int, by: str
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Score every model in both regimes on every set of genes.

    Parameters
    ----------
    across : Across
        Predictions.
    n_bootstrap, seed, by
        As of :func:`dexkit.evaluation.cross_scores.score_cross`.

    Returns
    -------
    scores, comparisons : DataFrame
        Columns of that function, with model, regime, genes before and the stamps behind them.
    notes : list of str
        What could not be scored.
    """
    import pandas as pd

    split = {"kind": across.splits.kind, "n_folds": across.splits.n_folds}
    made = stamps(split, across.splits.leaky, [seed])
    scores: list[pd.DataFrame] = []
    comparisons: list[pd.DataFrame] = []
    notes = []
    for regime, rows in across.rows.items():
        for name, genes in across.gene_sets.items():
            chosen = genes & rows
            if chosen.sum() < MIN_PART_GENES:
                notes.append(f"{chosen.sum()} {name} genes {regime} in training: not scored")
                continue
            n_draws = n_bootstrap
            if by == "chromosome" and len(set(across.features.genes.chrom[chosen])) < 2:
                notes.append(f"{name} genes lie on one chromosome: no intervals over chromosomes")
                n_draws = 0
            for model in across.found:
                predictions = across.predictions(model, regime)
                frames = score_cross(predictions, chosen[rows], n_draws, seed, by)
                named = {"model": model, "regime": regime, "genes": name}
                for frame, kept in zip(frames, (scores, comparisons), strict=True):
                    kept.append(_between(named, frame, made))
    return pd.concat(scores, ignore_index=True), pd.concat(comparisons, ignore_index=True), notes


def write_predictions(experiment: Experiment, across: Across) -> None:
    """Write ``predictions.tsv`` (a row a model, regime, gene and sample) and ``copied.tsv``.

    Parameters
    ----------
    experiment : Experiment
        Where to write.
    across : Across
        Predictions.
    """
    import pandas as pd

    tables, copied = [], []
    for model in across.found:
        for regime, chosen in across.rows.items():
            one = across.predictions(model, regime)
            genes = across.features.genes.take(chosen)
            for target, sample in enumerate(across.samples):
                columns = {
                    "model": model,
                    "regime": regime,
                    "gene_id": genes.gene_id,
                    "gene_name": genes.gene_name,
                    "chrom": genes.chrom,
                    "fold": one.fold,
                    "target": sample,
                    "observed": one.observed[:, target],
                    COPY_MEAN: one.copy_mean(target, EXPRESSION),
                    COPY_BEST: one.copy_best(target, EXPRESSION),
                    INDEPENDENT: one.independent(target, EXPRESSION),
                }
                for train, name in enumerate(across.samples):
                    columns[f"from:{name}"] = one.predicted[train, target]
                tables.append(pd.DataFrame(columns))
                copied += [
                    (regime, sample, fold, across.samples[source])
                    for fold, source in one.best_sources(target).items()
                ]
    experiment.write_table("predictions.tsv", pd.concat(tables, ignore_index=True))
    # What is copied depends on the genes, not on the model.
    names = ["regime", "target", "fold", "copied"]
    experiment.write_table("copied.tsv", pd.DataFrame(copied, columns=names).drop_duplicates())


def write_genes(experiment: Experiment, across: Across, contacts: bool, unobserved: str) -> None:
    """Write ``left_out.tsv``, and with a gene list ``listed_genes.tsv``.

    Parameters
    ----------
    experiment : Experiment
        Where to write.
    across : Across
        Predictions.
    contacts : bool
        Whether the models read contacts.
    unobserved : str
        ``"drop"`` or ``"keep"``: what the fits did with genes without measured contacts.
    """
    import pandas as pd

    gene_id, gene_name = across.features.genes.gene_id, across.features.genes.gene_name
    left_out = [
        (gene_id[row], gene_name[row], regime, reason)
        for row, regime, reason in _reasons(across, contacts and unobserved == "drop")
    ]
    names = ["gene_id", "gene_name", "regime", "reason"]
    experiment.write_table("left_out.tsv", pd.DataFrame(left_out, columns=names))
    if across.listed is None:
        return
    scored = across.rows[UNSEEN]
    listed = [
        (gene_id[row], gene_name[row], "scored" if scored[row] else "not scored")
        for row in across.listed.rows
    ]
    listed += [("", name, "unknown") for name in across.listed.unknown]
    frame = pd.DataFrame(listed, columns=["gene_id", "name", "state"])
    experiment.write_table("listed_genes.tsv", frame)


def _reasons(across: Across, need_contacts: bool) -> list[tuple[int, str, str]]:
    """Return row, regime and reason of every gene that is not scored."""
    features, rows = across.features, across.rows
    why: list[list[str]] = [[] for _ in range(len(features))]
    for sample in across.samples:
        for row in np.flatnonzero(~np.isfinite(features.expression(sample))):
            why[row].append(f"no expression of {sample}")
        if need_contacts:
            for row in np.flatnonzero(~features.contacts(sample)[1].any(axis=1)):
                why[row].append(f"no contacts of {sample} were measured")
    found = [
        (row, UNSEEN, "; ".join(why[row]) or "test gene of no fold")
        for row in np.flatnonzero(~rows[UNSEEN]).tolist()
    ]
    found += [
        (row, SEEN, "of some sample, no fold trained on it")
        for row in np.flatnonzero(rows[UNSEEN] & ~rows[SEEN]).tolist()
    ]
    return found


def _between(
    before: Mapping[str, Any], frame: pd.DataFrame, behind: Mapping[str, Any]
) -> pd.DataFrame:
    """Return a table with constant columns at either side."""
    return frame.assign(**before, **behind)[[*before, *frame.columns, *behind]]
