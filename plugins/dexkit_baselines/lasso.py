"""Lasso and elastic net: paths of penalties from sums of products alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import enet_path

from dexkit_baselines.choosing import (
    check_target,
    convergence_counted,
    inner_folds,
    map_in_threads,
    one_thread_libraries,
)
from dexkit_baselines.config import ElasticNetConfig, LassoConfig
from dexkit_baselines.features import Blocks, feature_matrix, in_row_blocks, row_slices
from dexkit_baselines.moments import Moments
from dexkit_baselines.scaling import Standardiser

logger = logging.getLogger("dexkit")

Array = npt.NDArray[np.float64]


class PathBaseline:
    """A linear model with an L1 penalty whose strength is chosen by inner cross-validation.

    The features of a fold are never copied: what coordinate descent needs, the products of the
    features, is that of all training genes minus that of the fold.

    Parameters
    ----------
    name : str
        For messages.
    config : LassoConfig
        Features, path and folds.
    l1_shares : tuple of float
        Shares of the L1 penalty to choose from.
    seed : int
        Seed of the inner folds.
    """

    def __init__(
        self, name: str, config: LassoConfig, l1_shares: tuple[float, ...], seed: int
    ) -> None:
        self._name = name
        self._config = config
        self._l1_shares = l1_shares
        self._seed = seed
        self._scaler = Standardiser()
        self._coefficients: Array = np.empty(0)
        self._intercept = float("nan")
        self._chosen: dict[str, Any] = {}

    def fit(self, blocks: Blocks, y: Array) -> PathBaseline:
        """Fit scaler, penalty and coefficients on the training genes alone."""
        check_target(self._name, y)
        folds = inner_folds(self._name, len(y), self._config.inner_folds, self._seed)
        self._scaler = Standardiser()
        features = self._scaler.fit_transform(feature_matrix(blocks, self._config))
        shares = np.sort(np.asarray(self._config.penalty_shares))[::-1]
        with one_thread_libraries(), convergence_counted():
            total = Moments.of(features, y, np.arange(len(y)))
            # The features are centred, and so the products with the target are all there is.
            largest = float(np.abs(total.xy - total.x * total.y / len(y)).max()) / len(y)
            paths = [_Path(share, shares * largest / share) for share in self._l1_shares]
            task = partial(_squared_errors, features, y, total, paths, self._config.max_sweeps)
            found = map_in_threads(task, [validation for _, validation in folds])
            errors = np.sum([one for one, _ in found], axis=0) / len(y)
            best_path, best = np.unravel_index(int(np.argmin(errors)), errors.shape)
            path = paths[best_path]
            mean_x, mean_y = total.centre()
            coefficients, unfinished = path.solve(
                total, path.penalties[: best + 1], self._config.max_sweeps
            )
        self._coefficients = coefficients[:, -1]
        self._intercept = mean_y - float(mean_x @ self._coefficients)
        self._chosen = {
            "penalty": float(path.penalties[best]),
            "penalty_share": float(shares[best]),
            "l1_share": path.l1_share,
            "inner_mse": float(errors[best_path, best]),
            "n_used": int(np.count_nonzero(self._coefficients)),
        }
        unfinished += sum(count for _, count in found)
        if unfinished:
            logger.warning(
                "baseline %s: %d of %d fits of its inner folds did not converge in %d sweeps; "
                "raise it with --set %s.max_sweeps=…, or end the path earlier",
                self._name,
                unfinished,
                len(folds) * errors.size + best + 1,
                self._config.max_sweeps,
                self._name,
            )
        return self

    def predict(self, blocks: Blocks) -> Array:
        """Return predictions in the units of ``y``."""
        return in_row_blocks(self._predict, blocks)

    def describe(self) -> dict[str, Any]:
        """Return the chosen penalty, the inner error and the number of features in use."""
        return {"k": self._config.k, "n_features": len(self._coefficients), **self._chosen}

    def _predict(self, blocks: Blocks) -> Array:
        features = self._scaler.transform(feature_matrix(blocks, self._config))
        return features @ self._coefficients + self._intercept


def lasso(config: LassoConfig, seed: int) -> PathBaseline:
    """Return a lasso whose penalty has the least inner squared error.

    Parameters
    ----------
    config : LassoConfig
        Features, path and folds.
    seed : int
        Seed of the inner folds.
    """
    return PathBaseline("lasso", config, (1.0,), seed)


def elastic_net(config: ElasticNetConfig, seed: int) -> PathBaseline:
    """Return an elastic net whose two penalties have the least inner squared error.

    Parameters
    ----------
    config : ElasticNetConfig
        Features, path, shares of the L1 penalty and folds.
    seed : int
        Seed of the inner folds.
    """
    return PathBaseline("elastic-net", config, config.l1_shares, seed)


@dataclass(frozen=True)
class _Path:
    """Falling penalties at one share of L1, in scikit-learn's scale (``alpha``)."""

    l1_share: float
    penalties: Array

    def solve(self, moments: Moments, penalties: Array, max_sweeps: int) -> tuple[Array, int]:
        """Return coefficients (n_features, n_penalties) and the number of unfinished fits."""
        # With the products given, enet_path asks X and y for their shape and for |y| alone: a
        # view of one zero stands in for the features of the fold.
        n_features = len(moments.xy)
        shape_only = np.broadcast_to(np.zeros(1), (moments.n_genes, n_features))
        y = np.zeros(moments.n_genes)
        y[0] = np.sqrt(max(moments.yy, 0.0))
        _, coefficients, _, sweeps = enet_path(
            shape_only,
            y,
            l1_ratio=self.l1_share,
            alphas=penalties,
            precompute=moments.xx,
            Xy=moments.xy,
            check_input=False,
            max_iter=max_sweeps,
            return_n_iter=True,
        )
        return coefficients, int(np.sum(np.asarray(sweeps) >= max_sweeps))


def _squared_errors(
    features: npt.NDArray[np.float32],
    y: Array,
    total: Moments,
    paths: list[_Path],
    max_sweeps: int,
    validation: npt.NDArray[np.intp],
) -> tuple[Array, int]:
    """Return summed squared errors of one fold, (n_paths, n_penalties), and unfinished fits."""
    training = total.without(Moments.of(features, y, validation))
    mean_x, mean_y = training.centre()
    errors = np.zeros((len(paths), len(paths[0].penalties)))
    n_unfinished = 0
    for errors_of_path, path in zip(errors, paths, strict=True):
        coefficients, unfinished = path.solve(training, path.penalties, max_sweeps)
        n_unfinished += unfinished
        intercepts = mean_y - mean_x @ coefficients
        for rows in row_slices(len(validation)):
            index = validation[rows]
            predicted = features[index] @ coefficients + intercepts
            errors_of_path += np.square(predicted - y[index, None]).sum(axis=0)
    return errors, n_unfinished
