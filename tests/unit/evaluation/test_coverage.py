"""How often a 95 % interval holds the truth, in simulated data.

The table of docs/evaluation.md is of 2,000 data sets and 400 resamples, with larger chromosomes.
Here are 300 data sets; the coverage may differ by four standard errors from that of 1,000.
"""

import math

import numpy as np
import pytest

from dexkit.evaluation.bootstrap import bootstrap_replicates, percentile_interval

N_SETS, N_BOOTSTRAP = 300, 200


def coverage(make, metric, truth, by_chromosome=False, paired=False):
    """Share of the intervals that hold the truth."""
    random = np.random.default_rng(1)
    covered = 0
    for seed in range(N_SETS):
        y, first, second, chroms = make(random)
        predictions = {"first": first} | ({"second": second} if paired else {})
        groups = chroms if by_chromosome else None
        draws = bootstrap_replicates(y, predictions, [metric], N_BOOTSTRAP, seed, groups)
        values = draws["first", metric] - (draws["second", metric] if paired else 0)
        interval = percentile_interval(0.0, values)
        covered += interval.low <= truth <= interval.high
    return covered / N_SETS


def independent(n_genes):
    """Observed values and two predictions with correlations 0.6 and 0.4 to them."""

    def make(random):
        y, a, b = random.normal(size=(3, n_genes))
        return y, 0.6 * y + 0.8 * a, 0.4 * y + math.sqrt(1 - 0.4**2) * b, None

    return make


#: Slope of observed on predicted values: mean and standard deviation over chromosomes; noise.
SLOPE, SLOPE_SD, NOISE = 0.7, 0.4, 0.6
CLUSTERED_TRUTH = SLOPE / math.sqrt(SLOPE**2 + SLOPE_SD**2 + NOISE**2)


def clustered(n_chroms, n_each=10):
    """Chromosomes on which the prediction is better or worse as a whole."""
    chroms = np.repeat([f"chr{i}" for i in range(n_chroms)], n_each)

    def make(random):
        slope = np.repeat(SLOPE + SLOPE_SD * random.normal(size=n_chroms), n_each)
        p, error = random.normal(size=(2, len(chroms)))
        return slope * p + NOISE * error, p, None, chroms

    return make


@pytest.mark.parametrize(
    ("n", "metric", "truth", "paired", "found"),
    [
        (50, "pearson", 0.6, False, 0.93),
        (150, "pearson", 0.6, False, 0.945),
        # Of normal vectors with Pearson correlation 0.6 (Kruskal 1958, JASA 53:814).
        (50, "spearman", 6 / math.pi * math.asin(0.6 / 2), False, 0.945),
        (150, "pearson", 0.2, True, 0.945),
    ],
)
def test_over_genes_where_genes_are_independent(n, metric, truth, paired, found):
    value = coverage(independent(n), metric, truth, paired=paired)
    error = math.sqrt(found * (1 - found) / N_SETS)
    assert abs(value - found) < 4 * error


@pytest.mark.parametrize(
    ("n_chroms", "by_gene", "by_chromosome"), [(5, 0.75, 0.815), (10, 0.78, 0.90)]
)
def test_over_chromosomes_where_they_differ(n_chroms, by_gene, by_chromosome):
    """Intervals over genes are far too narrow; those over few chromosomes somewhat."""
    for by, found in ((False, by_gene), (True, by_chromosome)):
        value = coverage(clustered(n_chroms), "pearson", CLUSTERED_TRUTH, by)
        assert abs(value - found) < 4 * math.sqrt(found * (1 - found) / N_SETS)
