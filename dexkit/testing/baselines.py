"""The conformance check of baselines."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.hooks import LOOPS, OTHER_SAMPLES, Baseline, BaselineEntry, PluginConfig
from dexkit.testing import synthetic
from dexkit.testing.checks import Checks, check_config

_N_TRAIN = 60
_N_TEST = 20
_LENGTH_BP = 200
_N_BINS = 21
_N_OTHERS = 3
#: Linear algebra on a part of the rows may round otherwise than on all of them.
_TOLERANCE = 1e-5

Blocks = dict[str, npt.NDArray[Any]]


def check_baseline(
    entry: BaselineEntry,
    blocks: Mapping[str, npt.NDArray[Any]] | None = None,
    config: PluginConfig | None = None,
    seed: int = 0,
) -> list[str]:
    """Check that a baseline keeps its contract.

    Parameters
    ----------
    entry : BaselineEntry
        The baseline.
    blocks : mapping of str to ndarray, optional
        Input of 80 genes (60 to train, 20 to test), first axis genes. By default made up:
        ``sequence`` base codes of shape (80, 200), uint8; ``contacts`` standardised profiles of
        shape (80, 21), float32; ``loops`` and ``other-samples`` of shapes (80, 2) and (80, 3),
        float64, with some NaN. Needed when the baseline uses other blocks.
    config : PluginConfig, optional
        The configuration to check with; by default the defaults.
    seed : int, optional
        Seed of the estimator and of the made-up data.

    Returns
    -------
    list of str
        What was checked, one line each.

    Raises
    ------
    CheckFailure
        When the configuration does not survive JSON or takes unknown keys; when predictions are
        not one finite float64 a gene (in 0 to 1 for classification), change when asked for
        again, depend on the other test genes, on test labels or on an earlier fit, or when one
        seed gives two results; when inputs are changed; when it fails with one of its blocks
        alone; when ``describe()`` is no JSON; or when it does not survive pickling.
    """
    checks = Checks(f"baseline {entry.name!r}")
    settings = check_config(checks, entry.config, config)
    data = _example_blocks(checks, entry, seed) if blocks is None else dict(blocks)
    train, test = _split(data)
    y = synthetic.random_expression(_N_TRAIN + _N_TEST, seed)
    if entry.task == "classification":
        y = (y > np.median(y)).astype(np.float64)

    def fitted(values: npt.NDArray[np.float64], parts: Blocks = train) -> Baseline:
        baseline = entry.build(settings, seed)
        baseline.fit(parts, values[:_N_TRAIN])
        return baseline

    with checks.step("fit and predict, inputs read-only"):
        y.flags.writeable = False
        baseline = fitted(y)
        first = _prediction(checks, entry, baseline, test)
    with checks.step("predict leaves the baseline as it is"):
        before = dict(baseline.describe())
        again = _prediction(checks, entry, baseline, test)
        checks.require(
            np.array_equal(first, again), "predicts other values when asked for a second time"
        )
        checks.require(dict(baseline.describe()) == before, "describe() changes when it predicts")
        checks.json_able("describe()", before)
    with checks.step("each test gene on its own"):
        alone = _prediction(checks, entry, baseline, {k: v[:1] for k, v in test.items()})
        turned = _prediction(checks, entry, baseline, {k: v[::-1] for k, v in test.items()})
        checks.require(
            _close(alone, first[:1]) and _close(turned[::-1], first),
            "predicts another value for a gene when other test genes come with it",
        )
    with checks.step("one seed, one result; test labels do not matter"):
        # The training values are a view into all values: a baseline that looks beyond its end
        # would see the difference.
        other = y.copy()
        other[_N_TRAIN:] = other[_N_TRAIN:][::-1] + (entry.task == "regression")
        checks.require(
            _close(_prediction(checks, entry, fitted(other), test), first),
            "predicts other values when fitted again with the same seed and other test labels",
        )
    with checks.step("a second fit forgets the first"):
        baseline = fitted(y[::-1].copy())
        baseline.fit(train, y[:_N_TRAIN])
        checks.require(
            _close(_prediction(checks, entry, baseline, test), first),
            "predicts other values after two fits than after one",
        )
    with checks.step("pickle round trip"):
        loaded = pickle.loads(pickle.dumps(baseline))
        checks.require(
            _close(_prediction(checks, entry, loaded, test), first),
            "predicts other values after pickling",
        )
    if len(entry.blocks) > 1:
        for name in entry.blocks:
            with checks.step(f"block {name!r} alone"):
                single = fitted(y, {name: train[name]})
                _prediction(checks, entry, single, {name: test[name]})
    return checks.passed


def _example_blocks(checks: Checks, entry: BaselineEntry, seed: int) -> Blocks:
    """Return made-up arrays for the blocks of a baseline; it gets one even if it uses none."""
    n = _N_TRAIN + _N_TEST
    known: Blocks = {
        "sequence": synthetic.random_codes(n, _LENGTH_BP, seed),
        "contacts": synthetic.random_contacts(n, _N_BINS, seed),
        LOOPS: synthetic.random_loops(n, seed),
        OTHER_SAMPLES: synthetic.random_other_samples(n, _N_OTHERS, seed),
    }
    strange = sorted(set(entry.blocks) - set(known))
    checks.require(not strange, f"uses the blocks {strange}, not known here; give blocks=")
    return {name: known[name] for name in entry.blocks or ("sequence",)}


def _split(data: Blocks) -> tuple[Blocks, Blocks]:
    """Cut arrays into training and test genes; read-only, as from a feature file."""
    for values in data.values():
        values.flags.writeable = False
    return (
        {name: values[:_N_TRAIN] for name, values in data.items()},
        {name: values[_N_TRAIN:] for name, values in data.items()},
    )


def _prediction(
    checks: Checks, entry: BaselineEntry, baseline: Baseline, blocks: Blocks
) -> npt.NDArray[np.float64]:
    """Predict and check what comes back."""
    n_genes = len(next(iter(blocks.values())))
    predicted = np.asarray(baseline.predict(blocks))
    checks.require(
        predicted.shape == (n_genes,) and predicted.dtype == np.float64,
        f"predict gives {predicted.dtype} of shape {predicted.shape}; expected float64 of shape "
        f"({n_genes},)",
    )
    checks.finite("the prediction", predicted)
    if entry.task == "classification":
        checks.require(
            bool(np.all((predicted >= 0) & (predicted <= 1))),
            "predicts values outside 0 to 1; expected the probability of the upper class",
        )
    return predicted


def _close(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> bool:
    return bool(np.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE))
