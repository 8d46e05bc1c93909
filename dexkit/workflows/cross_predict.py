"""Ask the models of every sample for every sample, for genes seen and unseen in training."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.runs import PARTS, RunPredictions
from dexkit.features.file import FeatureFile
from dexkit.models.bundle import Predictor
from dexkit.progress import progress_bar

logger = logging.getLogger("dexkit")

Floats = npt.NDArray[np.float64]

#: Whether the models that are asked for a gene have trained on it, with the label of their own
#: sample.
UNSEEN, SEEN = "unseen", "seen"
REGIMES = (UNSEEN, SEEN)

_NO_PART = -1
_TEST = PARTS.index("test")


@dataclass(frozen=True)
class Predicted:
    """What the models of one kind predict, for all genes of the file; NaN where nothing.

    Parameters
    ----------
    observed : ndarray of shape (n_genes, n_samples), dtype float64
        log10 expression of test genes, in the units of the runs.
    predicted : mapping of str to ndarray of shape (n_samples, n_samples, n_genes)
        By regime: sample of the model, sample asked for, gene.
    """

    observed: Floats
    predicted: Mapping[str, Floats]

    def complete(self, regime: str) -> npt.NDArray[np.bool_]:
        """Return the genes that have every value of a regime, shape (n_genes,)."""
        measured = np.isfinite(self.observed).all(axis=1)
        return np.asarray(measured & np.isfinite(self.predicted[regime]).all(axis=(0, 1)))


def predict_across(
    features: FeatureFile,
    samples: Sequence[str],
    runs: Mapping[tuple[str, int], RunPredictions],
    fold: npt.NDArray[np.int16],
    label: str,
    fitted: Sequence[str] = ("train",),
) -> tuple[Predicted, list[str]]:
    """Predict every sample with the models of every sample.

    Parameters
    ----------
    features : FeatureFile
        The file that the runs were trained on.
    samples : sequence of str
        Samples.
    runs : mapping of (sample, fold) to RunPredictions
        The fits of one kind of model, all with the same folds.
    fold : ndarray of shape (n_genes,), dtype int16
        Test fold of every gene, -1 for none.
    label : str
        The model, for the progress bar.
    fitted : sequence of str, optional
        Parts that the model is fitted to: for a baseline ``"validation"`` too.

    Returns
    -------
    predicted : Predicted
        Predictions in both regimes.
    notes : list of str
        What the contracts of the models say of the samples, each sentence once.

    Raises
    ------
    InputError
        When a sample does not fit a model's contract: other windows, bins or normalisation.

    Notes
    -----
    *Unseen*: the model of the fold that tests the gene. *Seen*: of the other folds, in cyclic
    order, the first one whose model trained on the gene. Both regimes use models that trained on
    as many genes; only this gene was among them or not.
    """
    parts, observed = _parts_of(features, samples, runs)
    codes = [PARTS.index(part) for part in fitted]
    seen_by = [_fold_that_saw(own, fold, codes) for own in parts]
    shape = (len(samples), len(samples), len(features))
    predicted = {regime: np.full(shape, np.nan) for regime in REGIMES}
    notes: dict[str, None] = {}
    with progress_bar(f"{label}: samples across", total=len(runs)) as advance:
        for (sample, number), run in runs.items():
            train = samples.index(sample)
            rows = {
                UNSEEN: np.flatnonzero(parts[train][number] == _TEST),
                SEEN: np.flatnonzero(seen_by[train] == number),
            }
            both = np.union1d(rows[UNSEEN], rows[SEEN])  # a fit has test genes: never empty
            across = _predict(run.path, features, samples, both, notes)
            for regime, index in rows.items():
                predicted[regime][train][:, index] = across[:, np.searchsorted(both, index)]
            advance(1)
    return Predicted(observed, predicted), list(notes)


def _parts_of(
    features: FeatureFile,
    samples: Sequence[str],
    runs: Mapping[tuple[str, int], RunPredictions],
) -> tuple[list[dict[int, npt.NDArray[np.int8]]], Floats]:
    """Return the part of every gene, by sample and fold, and the observed values of test genes."""
    row_of = {str(gene): row for row, gene in enumerate(features.genes.gene_id)}
    parts: list[dict[int, npt.NDArray[np.int8]]] = [{} for _ in samples]
    observed = np.full((len(features), len(samples)), np.nan)
    for (sample, number), run in runs.items():
        table = run.predictions
        rows = np.array([row_of[gene] for gene in table["gene_id"]], dtype=np.intp)
        own = np.full(len(features), _NO_PART, dtype=np.int8)
        for code, part in enumerate(PARTS):
            own[rows[(table["part"] == part).to_numpy()]] = code
        parts[samples.index(sample)][number] = own
        tested = (table["part"] == "test").to_numpy()
        values = table["observed"].to_numpy(dtype=np.float64)
        observed[rows[tested], samples.index(sample)] = values[tested]
    return parts, observed


def _fold_that_saw(
    parts: Mapping[int, npt.NDArray[np.int8]],
    fold: npt.NDArray[np.int16],
    fitted: Sequence[int],
) -> npt.NDArray[np.int64]:
    """Return the first fold behind the test fold of each gene that trained on it; -1 for none."""
    n_folds = len(parts)
    trained = np.stack([np.isin(parts[number], fitted) for number in range(n_folds)])
    found = np.full(len(fold), -1, dtype=np.int64)
    for step in range(n_folds - 1, 0, -1):
        behind = (fold + step) % n_folds
        hit = (fold >= 0) & trained[behind, np.arange(len(fold))]
        found[hit] = behind[hit]
    return found


def _predict(
    run: Path,
    features: FeatureFile,
    samples: Sequence[str],
    rows: npt.NDArray[np.intp],
    notes: dict[str, None],
) -> Floats:
    """Return the predictions of one model for all samples, shape (n_samples, n_rows)."""
    predictor = Predictor(run)
    contract = predictor.bundle.contract
    for sample in samples:
        for difference in contract.check(features, sample):
            note = f"{sample}: {difference}"
            if note not in notes:
                notes[note] = None
                logger.warning("%s", note)
    if "contacts" not in contract.blocks:
        once = predictor.predict(features, samples[0], rows).mean
        return np.tile(once, (len(samples), 1))
    return np.stack([predictor.predict(features, sample, rows).mean for sample in samples])
