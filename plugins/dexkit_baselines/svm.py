"""A support vector machine whose kernel is spanned by landmark genes."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import LinearSVC

from dexkit_baselines.choosing import (
    check_target,
    class_folds,
    convergence_counted,
    inner_rows,
    map_in_threads,
    one_thread_libraries,
)
from dexkit_baselines.config import SvmConfig
from dexkit_baselines.features import Blocks, feature_matrix, in_row_blocks, row_slices
from dexkit_baselines.scaling import Standardiser

logger = logging.getLogger("dexkit")

Array = npt.NDArray[np.float64]
#: Newton steps of the primal problem; it takes a few dozen.
_MAX_STEPS = 1000


class SvmBaseline:
    """An RBF support vector machine (squared hinge) in the span of landmark genes (Nystroem).

    With as many landmarks as training genes this is the machine itself. Width and strength have
    the best AUROC in the inner folds; Platt's sigmoid, fitted to the scores of these folds, turns
    scores into probabilities.

    Parameters
    ----------
    config : SvmConfig
        Features, landmarks, grid and folds.
    seed : int
        Seed of the landmarks and of the folds.
    """

    def __init__(self, config: SvmConfig, seed: int) -> None:
        self._config = config
        self._seed = seed
        self._scaler = Standardiser()
        self._map: Any = None
        self._machine: Any = None
        self._sigmoid: Any = None
        self._chosen: dict[str, Any] = {}

    def fit(self, blocks: Blocks, y: Array) -> SvmBaseline:
        """Choose in the inner folds, then fit on all training genes."""
        config = self._config
        check_target("svm", y)
        rows = inner_rows(len(y), config.inner_genes, self._seed)
        folds = class_folds("svm", y[rows], config.inner_folds, self._seed)
        self._scaler = Standardiser()
        features = self._scaler.fit_transform(feature_matrix(blocks, config))
        tried: list[tuple[float, float, float, Array]] = []
        with one_thread_libraries(), convergence_counted():
            for width in config.widths:
                mapped = _mapped(self._new_map(width, features), features[rows])
                for strength in config.strengths:

                    def scores_of(fold: Any, z: Array = mapped, c: float = strength) -> Array:
                        machine = _new_machine(c).fit(z[fold[0]], y[rows[fold[0]]])
                        return np.asarray(machine.decision_function(z[fold[1]]))

                    parts = map_in_threads(scores_of, folds)
                    scores = np.empty(len(rows))
                    for (_, validation), part in zip(folds, parts, strict=True):
                        scores[validation] = part
                    # Within folds: scores of two machines do not share a scale.
                    auroc = float(np.mean([roc_auc_score(y[rows[v]], scores[v]) for _, v in folds]))
                    tried.append((auroc, width, strength, scores))
            auroc, width, strength, scores = max(tried, key=lambda one: one[0])
            self._map = self._new_map(width, features)
            mapped = _mapped(self._map, features)
            self._machine = _new_machine(strength).fit(mapped, y)
            self._sigmoid = LogisticRegression().fit(scores[:, None], y[rows])
        if int(np.max(self._machine.n_iter_)) >= _MAX_STEPS:
            logger.warning("baseline svm: C=%g did not converge; leave it out", strength)
        self._chosen = {
            "width": width,
            "C": strength,
            "landmarks": self._map.n_components,
            "n_features": features.shape[1],
            "inner_auroc": auroc,
            "inner_genes": len(rows),
        }
        return self

    def predict(self, blocks: Blocks) -> Array:
        """Return probabilities of the high class."""
        return in_row_blocks(self._predict, blocks)

    def describe(self) -> dict[str, Any]:
        """Return what was chosen and the inner AUROC of it."""
        return {"k": self._config.k, **self._chosen}

    def _predict(self, blocks: Blocks) -> Array:
        features = self._scaler.transform(feature_matrix(blocks, self._config))
        scores = self._machine.decision_function(_mapped(self._map, features))
        return np.asarray(self._sigmoid.predict_proba(scores[:, None])[:, 1])

    def _new_map(self, width: float, features: npt.NDArray[np.float32]) -> Any:
        """Return the kernel map: landmarks are drawn from all training genes, by the seed."""
        n_genes, n_features = features.shape
        n_landmarks = min(self._config.landmarks, n_genes)
        rows = inner_rows(n_genes, n_landmarks, self._seed)
        kernel = Nystroem("rbf", gamma=width / n_features, n_components=n_landmarks, random_state=0)
        return kernel.fit(features[rows])


def svm(config: SvmConfig, seed: int) -> SvmBaseline:
    """Return a support vector machine.

    Parameters
    ----------
    config : SvmConfig
        Features, landmarks, grid and folds.
    seed : int
        Seed of the landmarks and of the folds.
    """
    return SvmBaseline(config, seed)


def _new_machine(strength: float) -> Any:
    return LinearSVC(C=strength, dual=False, max_iter=_MAX_STEPS)


def _mapped(kernel: Any, features: npt.NDArray[np.float32]) -> Array:
    """Return features in the span of the landmarks, shape (n_genes, n_landmarks)."""
    mapped = np.empty((len(features), kernel.n_components))
    for rows in row_slices(len(features)):
        mapped[rows] = kernel.transform(features[rows])
    return mapped
