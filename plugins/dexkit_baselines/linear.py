"""Ridge and logistic regression on k-mer counts and contact bins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from dexkit.errors import TrainingError
from dexkit_baselines.config import KmerConfig, LogisticConfig, RidgeConfig
from dexkit_baselines.features import feature_matrix


class LinearBaseline:
    """A linear scikit-learn estimator on standardised features.

    Parameters
    ----------
    config : KmerConfig
        Word length and strands.
    estimator : object
        Unfitted scikit-learn estimator that chooses its own penalty.
    chosen : callable
        Reads the chosen penalty off the fitted estimator.
    """

    def __init__(
        self, config: KmerConfig, estimator: Any, chosen: Callable[[Any], dict[str, float]]
    ) -> None:
        self._config = config
        self._scaler = StandardScaler()
        self._estimator = estimator
        self._chosen = chosen
        self._n_features = 0

    def fit(
        self, blocks: Mapping[str, npt.NDArray[Any]], y: npt.NDArray[np.float64]
    ) -> LinearBaseline:
        """Fit scaler, penalty and coefficients on the training genes alone."""
        features = feature_matrix(blocks, self._config)
        self._n_features = features.shape[1]
        self._estimator.fit(self._scaler.fit_transform(features), y)
        return self

    def predict(self, blocks: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        """Return predictions (regression) or probabilities of the high class."""
        features = self._scaler.transform(feature_matrix(blocks, self._config))
        if hasattr(self._estimator, "predict_proba"):
            return np.asarray(self._estimator.predict_proba(features)[:, 1], dtype=np.float64)
        return np.asarray(self._estimator.predict(features), dtype=np.float64)

    def describe(self) -> dict[str, Any]:
        """Return the chosen penalty, the word length and the number of features."""
        return {
            "k": self._config.k,
            "n_features": self._n_features,
            **self._chosen(self._estimator),
        }


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
    return LinearBaseline(config, estimator, _ridge_penalty)


def logistic(config: LogisticConfig, seed: int) -> LinearBaseline:
    """Return an L2 logistic regression whose penalty has the best inner log-loss.

    Parameters
    ----------
    config : LogisticConfig
        Word length, inverse penalties, inner folds.
    seed : int
        Seed of the inner folds.
    """
    estimator = GridSearchCV(
        LogisticRegression(max_iter=2000),
        {"C": list(config.strengths)},
        scoring="neg_log_loss",
        cv=_InnerFolds(config.inner_folds, seed),
    )
    return LinearBaseline(config, estimator, _logistic_strength)


class _InnerFolds:
    """Stratified folds, fewer where a class is small: every fold has to see both classes."""

    def __init__(self, n_folds: int, seed: int) -> None:
        self._n_folds = n_folds
        self._seed = seed

    def split(
        self, features: Any, y: Any, groups: Any = None
    ) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
        """Yield training and validation rows of each fold."""
        folds = StratifiedKFold(
            self.get_n_splits(features, y), shuffle=True, random_state=self._seed
        )
        yield from folds.split(features, y)

    def get_n_splits(self, features: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        smallest = int(np.unique(y, return_counts=True)[1].min())
        if smallest < 2:
            raise TrainingError(
                f"logistic: a class has {smallest} training gene; expected at least 2 to choose "
                "the penalty; set classification.threshold nearer to the median"
            )
        return min(self._n_folds, smallest)


def _ridge_penalty(fitted: Any) -> dict[str, float]:
    return {"penalty": float(fitted.alpha_)}


def _logistic_strength(fitted: Any) -> dict[str, float]:
    return {"C": float(fitted.best_params_["C"])}
