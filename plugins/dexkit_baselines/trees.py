"""Random forests and gradient boosting on k-mer counts and contact bins."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from dexkit_baselines.choosing import (
    Fold,
    check_target,
    class_folds,
    inner_folds,
    inner_rows,
    n_threads,
    one_thread_libraries,
)
from dexkit_baselines.config import BoostingConfig, ForestConfig
from dexkit_baselines.features import Blocks, feature_matrix, in_row_blocks

Array = npt.NDArray[np.float64]


class ForestBaseline:
    """A random forest; share of features and size of leaves have the least inner squared error.

    For classes that is the Brier score: the squared error of the probability.

    Parameters
    ----------
    name : str
        For messages.
    config : ForestConfig
        Features, grid and folds.
    seed : int
        Seed of the folds and of every tree.
    """

    def __init__(self, name: str, config: ForestConfig, seed: int) -> None:
        self._name = name
        self._config = config
        self._seed = seed
        self._classes = name == "random-forest-classifier"
        self._forest: Any = None
        self._chosen: dict[str, Any] = {}

    def fit(self, blocks: Blocks, y: Array) -> ForestBaseline:
        """Choose in the inner folds, then grow the forest on all training genes."""
        config = self._config
        check_target(self._name, y)
        rows = inner_rows(len(y), config.inner_genes, self._seed)
        make_folds = class_folds if self._classes else _regression_folds
        folds = make_folds(self._name, y[rows], config.inner_folds, self._seed)
        features = feature_matrix(blocks, config)
        grid = list(product(config.feature_shares, config.leaf_genes))
        errors = np.zeros(len(grid))
        for point, (share, leaf) in enumerate(grid):
            for train, validation in folds:
                forest = self._new(share, leaf, config.inner_trees)
                forest.fit(features[rows[train]], y[rows[train]]).set_params(n_jobs=1)
                predicted = self._values(forest, features[rows[validation]])
                errors[point] += np.square(predicted - y[rows[validation]]).sum() / len(rows)
        share, leaf = grid[int(np.argmin(errors))]
        forest = self._new(share, leaf, config.trees).fit(features, y)
        # Threads would add up the trees in any order.
        self._forest = forest.set_params(n_jobs=1)
        self._chosen = {
            "feature_share": share,
            "leaf_genes": leaf,
            "n_features": features.shape[1],
            "inner_error": float(errors.min()),
            "inner_genes": len(rows),
        }
        return self

    def predict(self, blocks: Blocks) -> Array:
        """Return predictions (regression) or probabilities of the high class."""
        return in_row_blocks(
            lambda part: self._values(self._forest, feature_matrix(part, self._config)), blocks
        )

    def describe(self) -> dict[str, Any]:
        """Return what was chosen and the inner error of it."""
        return {"k": self._config.k, "trees": self._config.trees, **self._chosen}

    def _new(self, share: float, leaf: int, trees: int) -> Any:
        kind = RandomForestClassifier if self._classes else RandomForestRegressor
        return kind(
            trees,
            max_features=share,
            min_samples_leaf=leaf,
            n_jobs=n_threads(),
            random_state=self._seed,
        )

    def _values(self, forest: Any, features: npt.NDArray[np.float32]) -> Array:
        if self._classes:
            return np.asarray(forest.predict_proba(features)[:, 1])
        return np.asarray(forest.predict(features))


class BoostingBaseline:
    """Gradient boosting on histograms; tree size and number of trees by least inner squared error.

    Parameters
    ----------
    config : BoostingConfig
        Features, grid and folds.
    seed : int
        Seed of the inner folds.
    """

    def __init__(self, config: BoostingConfig, seed: int) -> None:
        self._config = config
        self._seed = seed
        self._model: Any = None
        self._chosen: dict[str, Any] = {}

    def fit(self, blocks: Blocks, y: Array) -> BoostingBaseline:
        """Choose in the inner folds, then boost on all training genes."""
        config = self._config
        check_target("gradient-boosting", y)
        rows = inner_rows(len(y), config.inner_genes, self._seed)
        folds = inner_folds("gradient-boosting", len(rows), config.inner_folds, self._seed)
        # The estimator takes double precision alone; made as such there is no second copy.
        features = feature_matrix(blocks, config, np.float64)
        steps = sorted(set(config.iterations))

        errors = np.zeros((len(config.leaves), len(steps)))
        with one_thread_libraries():
            for errors_of_size, leaves in zip(errors, config.leaves, strict=True):
                for train, validation in folds:
                    model = self._new(leaves, steps[-1]).fit(features[rows[train]], y[rows[train]])
                    staged = model.staged_predict(features[rows[validation]])
                    right = y[rows[validation]]
                    errors_of_size += [
                        np.square(predicted - right).sum() / len(rows)
                        for number, predicted in enumerate(staged, start=1)
                        if number in steps
                    ]
            size, step = np.unravel_index(int(np.argmin(errors)), errors.shape)
            self._model = self._new(config.leaves[size], steps[step]).fit(features, y)
        self._chosen = {
            "leaves": config.leaves[size],
            "iterations": steps[step],
            "n_features": features.shape[1],
            "inner_mse": float(errors[size, step]),
            "inner_genes": len(rows),
        }
        return self

    def predict(self, blocks: Blocks) -> Array:
        """Return predictions in the units of ``y``."""
        return in_row_blocks(
            lambda part: self._model.predict(feature_matrix(part, self._config, np.float64)), blocks
        )

    def describe(self) -> dict[str, Any]:
        """Return what was chosen and the inner error of it."""
        return {"k": self._config.k, **self._chosen}

    def _new(self, leaves: int, iterations: int) -> Any:
        return HistGradientBoostingRegressor(
            learning_rate=self._config.learning_rate,
            max_iter=iterations,
            max_leaf_nodes=leaves,
            min_samples_leaf=self._config.leaf_genes,
            early_stopping=False,
            random_state=self._seed,
        )


def random_forest(config: ForestConfig, seed: int) -> ForestBaseline:
    """Return a random forest for regression.

    Parameters
    ----------
    config : ForestConfig
        Features, grid and folds.
    seed : int
        Seed of the folds and of every tree.
    """
    return ForestBaseline("random-forest", config, seed)


def random_forest_classifier(config: ForestConfig, seed: int) -> ForestBaseline:
    """Return a random forest for two classes; the parameters are those of regression."""
    return ForestBaseline("random-forest-classifier", config, seed)


def _regression_folds(name: str, y: Array, n_folds: int, seed: int) -> list[Fold]:
    return inner_folds(name, len(y), n_folds, seed)
