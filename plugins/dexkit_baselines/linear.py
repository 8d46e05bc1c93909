"""Linear and logistic regression on k-mer counts, contact bins, or a few plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV

from dexkit.hooks import NoConfig
from dexkit_baselines.choosing import check_target, class_folds, one_thread_libraries
from dexkit_baselines.config import (
    KmerConfig,
    LogisticConfig,
    PaperConfig,
    PenaltiesConfig,
    RidgeConfig,
)
from dexkit_baselines.features import (
    Blocks,
    feature_matrix,
    gc_features,
    in_row_blocks,
    tss_coverage,
    tss_coverage_that_varies,
)
from dexkit_baselines.moments import Moments
from dexkit_baselines.scaling import Standardiser

Features = Callable[[Blocks], npt.NDArray[Any]]


class LinearBaseline:
    """A linear estimator on standardised features.

    Parameters
    ----------
    features : callable
        Turns blocks into a matrix that may be overwritten.
    estimator : object
        Unfitted estimator with ``fit`` and ``predict`` that chooses its own penalty.
    describe : callable
        Reads what was chosen off the fitted estimator.
    training_features : callable, optional
        As ``features``, for the training genes, when more is checked there.
    """

    def __init__(
        self,
        features: Features,
        estimator: Any,
        describe: Callable[[Any], dict[str, Any]],
        training_features: Features | None = None,
    ) -> None:
        self._features = features
        self._training_features = training_features or features
        self._scaler = Standardiser()
        self._estimator = estimator
        self._describe = describe
        self._n_features = 0

    def fit(self, blocks: Blocks, y: npt.NDArray[np.float64]) -> LinearBaseline:
        """Fit scaler, penalty and coefficients on the training genes alone."""
        features = self._training_features(blocks)
        self._n_features = features.shape[1]
        self._scaler = Standardiser()
        with one_thread_libraries():
            self._estimator.fit(self._scaler.fit_transform(features), y)
        return self

    def predict(self, blocks: Blocks) -> npt.NDArray[np.float64]:
        """Return predictions (regression) or probabilities of the high class."""
        return in_row_blocks(self._predict, blocks)

    def describe(self) -> dict[str, Any]:
        """Return the number of features and what was chosen."""
        return {"n_features": self._n_features, **self._describe(self._estimator)}

    def _predict(self, blocks: Blocks) -> npt.NDArray[Any]:
        features = self._scaler.transform(self._features(blocks))
        if hasattr(self._estimator, "predict_proba"):
            return np.asarray(self._estimator.predict_proba(features)[:, 1])
        return np.asarray(self._estimator.predict(features))


class LeastSquares:
    """Ordinary least squares; of several best fits that with the smallest coefficients.

    Products of features are summed in double precision, a block of rows at a time; directions
    without spread (the counts of all words add up to one number) are left out.

    Parameters
    ----------
    name : str
        For messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.coefficients: npt.NDArray[np.float64] = np.empty(0)
        self.intercept = float("nan")
        self.rank = 0

    def fit(self, features: npt.NDArray[np.float32], y: npt.NDArray[np.float64]) -> LeastSquares:
        """Fit on standardised features of shape (n_genes, n_features)."""
        check_target(self._name, y)
        n_genes, n_features = features.shape
        self.intercept = float(np.mean(y))
        if n_genes > n_features:
            moments = Moments.of(features, y - self.intercept, np.arange(n_genes))
            self.coefficients = self._solve(moments.xx, moments.xy)
        else:
            wide = features.astype(np.float64)
            self.coefficients = wide.T @ self._solve(wide @ wide.T, y - self.intercept)
        return self

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return one value a row of ``features``."""
        return features @ self.coefficients + self.intercept

    def _solve(
        self, products: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Solve a symmetric system, perhaps a singular one."""
        from scipy.linalg import eigh

        values, vectors = eigh(products, overwrite_a=True, check_finite=False)
        # Rounding of the products: some units in the last place of the largest eigenvalue.
        kept = values > values[-1] * len(values) * 10 * np.finfo(np.float64).eps
        self.rank = int(kept.sum())
        inverse = np.divide(1.0, values, out=np.zeros_like(values), where=kept)
        solution: npt.NDArray[np.float64] = vectors @ (inverse * (vectors.T @ right))
        return solution


def linear(config: PaperConfig, seed: int) -> LinearBaseline:
    """Return least squares on k-mer counts and contact bins.

    Parameters
    ----------
    config : PaperConfig
        Word length and strands.
    seed : int
        Not used: nothing is random.
    """
    return LinearBaseline(
        partial(feature_matrix, config=config), LeastSquares("linear"), partial(_rank, k=config.k)
    )


def gc(config: NoConfig, seed: int) -> LinearBaseline:
    """Return least squares on GC share and CpG observed over expected.

    Parameters
    ----------
    config : NoConfig
        Nothing to configure.
    seed : int
        Not used: nothing is random.
    """
    return LinearBaseline(gc_features, LeastSquares("gc"), _coefficients)


def tss_bin(config: NoConfig, seed: int) -> LinearBaseline:
    """Return least squares on the signal of the TSS bin.

    Parameters
    ----------
    config : NoConfig
        Nothing to configure.
    seed : int
        Not used: nothing is random.
    """
    estimator = LeastSquares("tss-coverage")
    return LinearBaseline(tss_coverage, estimator, _coefficients, tss_coverage_that_varies)


def ridge(config: RidgeConfig, seed: int) -> LinearBaseline:
    """Return a ridge regression whose penalty has the least leave-one-out error.

    Parameters
    ----------
    config : RidgeConfig
        Word length and penalties.
    seed : int
        Not used: leave-one-out is exact and nothing is random.
    """
    estimator = RidgeCV(alphas=config.penalties)
    return LinearBaseline(
        partial(feature_matrix, config=config), estimator, partial(_ridge_penalty, k=config.k)
    )


def contact_ridge(config: PenaltiesConfig, seed: int) -> LinearBaseline:
    """Return a ridge regression on contact bins alone.

    Parameters
    ----------
    config : PenaltiesConfig
        Penalties.
    seed : int
        Not used: leave-one-out is exact and nothing is random.
    """
    # The word length plays no part: only the block 'contacts' comes.
    features = partial(feature_matrix, config=KmerConfig())
    return LinearBaseline(features, RidgeCV(alphas=config.penalties), _ridge_penalty)


def logistic(config: LogisticConfig, seed: int) -> LinearBaseline:
    """Return an L2 logistic regression whose penalty has the best inner log-loss.

    Parameters
    ----------
    config : LogisticConfig
        Word length, inverse penalties, inner folds.
    seed : int
        Seed of the inner folds.
    """
    estimator = _LogisticSearch(config, seed)
    return LinearBaseline(
        partial(feature_matrix, config=config), estimator, partial(_logistic_strength, k=config.k)
    )


class _LogisticSearch:
    """A logistic regression that makes its inner folds when it knows the classes."""

    def __init__(self, config: LogisticConfig, seed: int) -> None:
        self._config = config
        self._seed = seed

    def fit(self, features: npt.NDArray[Any], y: npt.NDArray[Any]) -> _LogisticSearch:
        """Choose the penalty and fit on all training genes."""
        search = GridSearchCV(
            LogisticRegression(max_iter=2000),
            {"C": list(self._config.strengths)},
            scoring="neg_log_loss",
            cv=class_folds("logistic", y, self._config.inner_folds, self._seed),
        )
        self.chosen = search.fit(features, y).best_params_["C"]
        self._fitted = search.best_estimator_
        return self

    def predict_proba(self, features: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the probabilities of both classes, shape (n_genes, 2)."""
        return np.asarray(self._fitted.predict_proba(features))


def _rank(fitted: LeastSquares, k: int) -> dict[str, Any]:
    return {"k": k, "rank": fitted.rank}


def _coefficients(fitted: LeastSquares) -> dict[str, Any]:
    return {"coefficients": fitted.coefficients.tolist(), "intercept": fitted.intercept}


def _ridge_penalty(fitted: Any, k: int | None = None) -> dict[str, Any]:
    return ({} if k is None else {"k": k}) | {"penalty": float(fitted.alpha_)}


def _logistic_strength(fitted: _LogisticSearch, k: int) -> dict[str, Any]:
    return {"k": k, "C": float(fitted.chosen)}
