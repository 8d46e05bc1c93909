"""Predictions for one sample by models of other samples, and what copying expression gives.

Everything is by gene and sample: the models of sample A are asked for sample B, the mean over all
models but those of B is the independent prediction, and expression of other samples, copied, is
what both are compared with.

A correlation over genes mostly says how well a predictor knows genes. What it knows of the sample
is in the *difference*: a sample minus the mean of the other samples, for the observed values and,
in the same way, for what one model predicts for each of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError
from dexkit.evaluation.metrics import pearson

Floats = npt.NDArray[np.float64]

#: What is compared: expression itself, or its difference to the mean of the other samples.
EXPRESSION, DIFFERENCE = "expression", "difference"
QUANTITIES = (EXPRESSION, DIFFERENCE)

#: Differences below this part of the spread of the values are rounding of equal predictions.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class CrossPredictions:
    """What the models of every sample predict for every sample, on the same genes.

    Parameters
    ----------
    samples : tuple of str
        At least two.
    observed : ndarray of shape (n_genes, n_samples), dtype float64
        log10 expression, measured in every sample.
    predicted : ndarray of shape (n_samples, n_samples, n_genes), dtype float64
        By sample of the model, sample that it was asked for, gene; log10 units.
    chrom : ndarray of shape (n_genes,), dtype object (str)
        Chromosome of each gene.
    fold : ndarray of shape (n_genes,), dtype intp
        The fold that each gene is a test gene of.

    Raises
    ------
    InputError
        When there are fewer than two samples, shapes disagree, or a value is missing.
    """

    samples: tuple[str, ...]
    observed: Floats
    predicted: Floats
    chrom: npt.NDArray[np.object_]
    fold: npt.NDArray[np.intp]

    def __post_init__(self) -> None:
        k, n = len(self.samples), len(self.observed)
        if k < 2:
            raise InputError(f"cross-sample prediction needs at least two samples; got {k}")
        shapes = (self.observed.shape, self.predicted.shape, self.chrom.shape, self.fold.shape)
        if shapes != ((n, k), (k, k, n), (n,), (n,)):
            raise InputError(
                f"cross-sample arrays have the shapes {shapes}; expected ({n}, {k}), "
                f"({k}, {k}, {n}), ({n},) and ({n},)"
            )
        if not (np.isfinite(self.observed).all() and np.isfinite(self.predicted).all()):
            raise InputError("cross-sample arrays have missing values; leave such genes out first")

    def observed_for(self, target: int, quantity: str) -> Floats:
        """Return the truth of one sample, shape (n_genes,).

        Parameters
        ----------
        target : int
            Place of the sample.
        quantity : str
            ``"expression"`` or ``"difference"``.
        """
        values = self.observed[:, target]
        if quantity == EXPRESSION:
            return values
        return without_rounding(values - mean_of_others(self.observed, target), self.observed)

    def model(self, train: int, target: int, quantity: str) -> Floats:
        """Return what the models of one sample predict for another, shape (n_genes,).

        The difference is to the mean of what the same models predict for the other samples, so
        that no observed value is in it: with the observed mean, predictor and truth would share a
        term and correlate whatever the predictor knows.
        """
        own = self.predicted[train]
        if quantity == EXPRESSION:
            return own[target]
        return without_rounding(own[target] - mean_of_others(own.T, target), own)

    def independent(self, target: int, quantity: str) -> Floats:
        """Return the mean over the models of all other samples, shape (n_genes,)."""
        others = [i for i in range(len(self.samples)) if i != target]
        return np.mean([self.model(train, target, quantity) for train in others], axis=0)

    def copy_mean(self, target: int, quantity: str) -> Floats:
        """Return the mean expression of the other samples; its difference is zero everywhere."""
        mean = mean_of_others(self.observed, target)
        return mean if quantity == EXPRESSION else np.zeros_like(mean)

    def copy_best(self, target: int, quantity: str) -> Floats:
        """Return the expression of the other sample that is most alike on the training genes."""
        copied = np.empty(len(self.observed))
        for fold, source in self.best_sources(target).items():
            rows = self.fold == fold
            copied[rows] = self.observed[rows, source]
        if quantity == EXPRESSION:
            return copied
        return without_rounding(copied - mean_of_others(self.observed, target), self.observed)

    def best_sources(self, target: int) -> dict[int, int]:
        """Return, by fold, the other sample that correlates best outside of the fold.

        Ties, and folds outside of which nothing correlates, take the first sample. Where there
        is one fold only, no gene is left to choose on, and the first sample is taken too.
        """
        others = [i for i in range(len(self.samples)) if i != target]
        chosen = {}
        for fold in np.unique(self.fold):
            train = self.observed[self.fold != fold]
            found = [
                pearson(train[:, target], train[:, i]) if len(train) else np.nan for i in others
            ]
            chosen[int(fold)] = others[int(np.argmax(np.nan_to_num(found, nan=-2.0)))]
        return chosen


def mean_of_others(values: Floats, column: int) -> Floats:
    """Return the mean over all columns but one, shape (n_rows,).

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns), dtype float64
        At least two columns.
    column : int
        The one that is left out.
    """
    mean: Floats = np.delete(values, column, axis=1).mean(axis=1)
    return mean


def without_rounding(differences: Floats, values: Floats) -> Floats:
    """Set differences to zero that are nothing but the rounding of equal values.

    A model that reads no contacts predicts one value of a gene for all samples. The mean of equal
    numbers may differ from them in the last digit, and correlations would be made of that.

    Parameters
    ----------
    differences : ndarray, dtype float64
        Differences.
    values : ndarray, dtype float64
        What they are differences of.
    """
    scale = float(np.abs(values).max(initial=0.0))
    return np.where(np.abs(differences) <= _ROUNDING * scale, 0.0, differences)


def most_variable(observed: Floats, share: float) -> npt.NDArray[np.bool_]:
    """Mark the genes whose expression differs most between samples.

    Parameters
    ----------
    observed : ndarray of shape (n_genes, n_samples), dtype float64
        Expression.
    share : float
        Part of the genes to mark, at least one gene; of equal genes the first.

    Returns
    -------
    ndarray of shape (n_genes,), dtype bool
        The genes with the largest standard deviation over samples.
    """
    n_marked = max(1, round(share * len(observed)))
    order = np.argsort(-observed.std(axis=1), kind="stable")
    marked = np.zeros(len(observed), dtype=bool)
    marked[order[:n_marked]] = True
    return marked
