"""Inner cross-validation: folds inside the training genes, worked on by several threads."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from dexkit.errors import TrainingError

T = TypeVar("T")
R = TypeVar("R")
Rows = npt.NDArray[np.intp]
Fold = tuple[Rows, Rows]


def n_threads() -> int:
    """Return how many threads work: the cores that this process may use.

    ``OMP_NUM_THREADS`` bounds them, as it bounds those of OpenMP and BLAS: fits that run side by
    side divide the cores by it.
    """
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(here, int(wanted)) if wanted.isdigit() and int(wanted) else here


@contextmanager
def one_thread_libraries() -> Iterator[None]:
    """Give BLAS and OpenMP one thread: with more, sums change their order and the last digits.

    What can be done side by side is done by :func:`map_in_threads` instead.
    """
    with threadpool_limits(1):
        yield


@contextmanager
def convergence_counted() -> Iterator[None]:
    """Hold back warnings of solvers that stopped early: who calls counts them and says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def map_in_threads(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Apply ``function`` to every item, side by side; results keep the order of the items.

    Not for estimators that start threads of their own with joblib (forests, boosting): their
    workers save and restore the filters of warnings, which all threads share.
    """
    with ThreadPoolExecutor(n_threads()) as pool:
        return list(pool.map(function, items))


def check_target(name: str, y: npt.NDArray[np.float64]) -> None:
    """Refuse training values that teach nothing.

    Raises
    ------
    TrainingError
        When there are fewer than two genes or all have one value.
    """
    if len(y) < 2:
        raise TrainingError(f"{name}: got {len(y)} training gene(s); expected at least 2")
    if np.ptp(y) == 0:
        raise TrainingError(
            f"{name}: all {len(y)} training genes have the value {y[0]:g}; expected at least two "
            "values; check the expression file, or take other training genes"
        )


def inner_folds(name: str, n_genes: int, n_folds: int, seed: int) -> list[Fold]:
    """Divide training genes at random.

    Returns
    -------
    list of (training rows, validation rows)
        One pair a fold.

    Raises
    ------
    TrainingError
        When there are fewer genes than folds.
    """
    if n_genes < n_folds:
        raise TrainingError(
            f"{name}: {n_genes} training genes cannot be divided into {n_folds} inner folds; "
            f"use more genes or --set {name}.inner_folds={max(2, n_genes)}"
        )
    folds = KFold(n_folds, shuffle=True, random_state=seed)
    return list(folds.split(np.empty((n_genes, 0))))


def class_folds(name: str, y: npt.NDArray[Any], n_folds: int, seed: int) -> list[Fold]:
    """Divide training genes at random, both classes in every fold.

    Where a class has fewer genes than folds are asked for, there are as many folds as it has genes.

    Raises
    ------
    TrainingError
        When a class has fewer than two genes.
    """
    smallest = min(int(np.sum(y == 0)), int(np.sum(y == 1)))
    if smallest < 2:
        raise TrainingError(
            f"{name}: a class has {smallest} training gene; expected at least 2 to choose "
            "the hyper-parameters; set classification.threshold nearer to the median"
        )
    folds = StratifiedKFold(min(n_folds, smallest), shuffle=True, random_state=seed)
    return list(folds.split(np.empty((len(y), 0)), y))


def inner_rows(n_genes: int, most: int, seed: int) -> Rows:
    """Return the rows that take part in the inner folds: all, or ``most`` drawn at random."""
    if n_genes <= most:
        return np.arange(n_genes)
    return np.sort(np.random.default_rng(seed).choice(n_genes, most, replace=False))
