"""Bootstrap intervals of one prediction and of a difference, to compare those of tables with."""

import numpy as np

from dexkit.evaluation.bootstrap import bootstrap_replicates, percentile_interval
from dexkit.evaluation.metrics import compute


def bootstrap_interval(observed, predicted, metric, n_bootstrap=1000, seed=0, groups=None):
    """Return one metric of one prediction with its interval."""
    draws = bootstrap_replicates(observed, {"": predicted}, [metric], n_bootstrap, seed, groups)
    value = compute(metric, np.asarray(observed), np.asarray(predicted))
    return percentile_interval(value, draws["", metric])


def paired_difference(observed, first, second, metric, n_bootstrap=1000, seed=0, groups=None):
    """Return ``metric(first) - metric(second)``; both see the same resamples."""
    both = {"first": first, "second": second}
    draws = bootstrap_replicates(observed, both, [metric], n_bootstrap, seed, groups)
    values = [compute(metric, np.asarray(observed), np.asarray(p)) for p in both.values()]
    difference = draws["first", metric] - draws["second", metric]
    return percentile_interval(values[0] - values[1], difference)
