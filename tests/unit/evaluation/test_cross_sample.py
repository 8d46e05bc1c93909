"""Cross-sample predictions and copies, by hand and where the truth is known."""

import dataclasses

import numpy as np
import pytest
from intervals import paired_difference

from dexkit.errors import ConfigError, InputError
from dexkit.evaluation.cross_sample import (
    CrossPredictions,
    mean_of_others,
    most_variable,
)
from dexkit.evaluation.cross_scores import score_cross
from dexkit.evaluation.metrics import compute, pearson

SAMPLES = ("A", "B", "C")
N = 400


def made_up(contact=1.0, k=3, seed=0, memory=0.0):
    """Genes with a common part and a part of each sample that models know as far as asked.

    ``memory`` is how far the models of a sample also know the noise of that sample.
    """
    rng = np.random.default_rng(seed)
    gene = rng.normal(2, 1.0, N)
    own = rng.normal(0, 0.6, (N, k))
    noise = rng.normal(0, 0.3, (N, k))
    observed = gene[:, None] + own + noise
    predicted = np.stack(
        [
            [gene + contact * own[:, b] + memory * noise[:, a] for b in range(k)]
            + rng.normal(0, 0.05, N)
            for a in range(k)
        ]
    )
    return CrossPredictions(
        tuple("ABCDEF"[:k]),
        observed,
        predicted,
        np.array([f"chr{i % 8}" for i in range(N)], dtype=object),
        np.arange(N) % 4,
    )


@pytest.fixture(scope="module")
def known():
    return made_up()


def test_definitions_by_hand():
    observed = np.array([[1.0, 2.0, 6.0], [0.0, 4.0, 2.0]])
    predicted = np.arange(18.0).reshape(3, 3, 2)
    p = CrossPredictions(SAMPLES, observed, predicted, np.array(["x", "y"]), np.array([0, 1]))
    assert mean_of_others(observed, 1).tolist() == [3.5, 1.0]
    assert p.observed_for(1, "difference").tolist() == [-1.5, 3.0]
    # The models of A predict (0, 1), (2, 3), (4, 5) for A, B, C.
    assert p.model(0, 1, "expression").tolist() == [2.0, 3.0]
    assert p.model(0, 2, "difference").tolist() == [3.0, 3.0]
    # Independent of C: models of A (4, 5) and of B (10, 11).
    assert p.independent(2, "expression").tolist() == [7.0, 8.0]
    assert p.independent(2, "difference").tolist() == [3.0, 3.0]
    assert p.copy_mean(0, "expression").tolist() == [4.0, 3.0]
    assert p.copy_mean(0, "difference").tolist() == [0.0, 0.0]


def test_the_best_source_is_chosen_outside_of_the_fold():
    """In each fold another sample is like A; only the genes of the other fold may tell."""
    rng = np.random.default_rng(1)
    a, b, c = rng.normal(size=(3, 100))
    fold = np.repeat([0, 1], 50)
    b[:50], c[50:] = a[:50], a[50:]
    p = CrossPredictions(
        SAMPLES, np.stack([a, b, c], axis=1), np.zeros((3, 3, 100)), fold.astype(object), fold
    )
    assert p.best_sources(0) == {0: 2, 1: 1}
    copied = p.copy_best(0, "expression")
    np.testing.assert_array_equal(copied, np.where(fold == 0, c, b))
    np.testing.assert_allclose(p.copy_best(0, "difference"), copied - (b + c) / 2, atol=1e-12)


def test_labels_of_a_fold_do_not_choose_its_source(known):
    """Permuting the truth of the test genes changes what is copied for other folds only."""
    observed = known.observed.copy()
    tested = known.fold == 2
    observed[tested, 0] = observed[tested, 0][::-1]
    other = dataclasses.replace(known, observed=observed)
    assert other.best_sources(0)[2] == known.best_sources(0)[2]
    np.testing.assert_array_equal(
        other.copy_best(0, "expression")[tested], known.copy_best(0, "expression")[tested]
    )


def scores_of(predictions, quantity, metric="pearson", **options):
    scores, _ = score_cross(predictions, n_bootstrap=0, **options)
    found = scores[(scores.quantity == quantity) & (scores.metric == metric)]
    return found[found.scope == "mean"].set_index("predictor").value


def test_models_that_know_the_sample_beat_the_copies_on_the_difference(known):
    difference = scores_of(known, "difference")
    assert difference["independent"] > 0.8
    assert difference["cross"] > 0.8
    assert abs(difference["copy-best"]) < 0.2
    assert np.isnan(difference["copy-mean"])
    expression = scores_of(known, "expression")
    assert expression["independent"] > expression["copy-mean"] > 0.7


def test_models_that_know_the_gene_alone_have_no_difference():
    """Predictions that are equal for all samples give an undefined score, not one of rounding."""
    plain = made_up(contact=0.0)
    same = np.broadcast_to(plain.predicted[:, :1] / 3.0, plain.predicted.shape)
    blind = dataclasses.replace(plain, predicted=same.copy())
    difference = scores_of(blind, "difference")
    assert np.isnan(difference[["own", "cross", "independent"]]).all()
    assert scores_of(blind, "difference", "r2")["independent"] == pytest.approx(0, abs=0.02)
    assert scores_of(blind, "expression")["independent"] > 0.7


def test_no_model_gains_from_the_truth_in_the_mean():
    """Predictions of pure noise have no difference, although truth and reference share terms."""
    rng = np.random.default_rng(3)
    plain = made_up()
    noise = dataclasses.replace(plain, predicted=rng.normal(size=plain.predicted.shape))
    difference = scores_of(noise, "difference")
    # Standard error of the mean over 6 pairs of 400 genes: at most 0.05.
    assert difference[["own", "cross", "independent"]].abs().max() < 0.15


def test_scores_are_the_plain_metrics(known):
    scores, comparisons = score_cross(known, n_bootstrap=50, seed=4)
    assert len(scores) == 2 * (3 * 6 + 5) * 4
    assert len(comparisons) == 2 * (3 * 4 + 3) * 2 * 3
    table = scores.set_index(["quantity", "target", "predictor", "train", "metric"]).sort_index()
    for metric in ("pearson", "spearman", "r2", "mse"):
        row = table.loc["expression", "B", "cross", "A", metric]
        assert row["value"] == compute(metric, known.observed[:, 1], known.predicted[0, 1])
        assert row["n_genes"] == N
        assert np.isnan(row["low"]) == (metric == "spearman")
    mean = table.loc["expression", "", "cross", "", "pearson"]["value"]
    cells = [
        pearson(known.observed[:, b], known.predicted[a, b])
        for a in range(3)
        for b in range(3)
        if a != b
    ]
    assert mean == pytest.approx(np.mean(cells))
    assert set(table.loc["expression", "A", "own"].index.get_level_values("train")) == {"A"}
    paired = comparisons.set_index(
        ["quantity", "target", "predictor", "train", "versus", "metric"]
    ).sort_index()
    row = paired.loc["expression", "C", "independent", "", "copy-mean", "pearson"]
    expected = paired_difference(
        known.observed[:, 2],
        known.independent(2, "expression"),
        known.copy_mean(2, "expression"),
        "pearson",
        50,
        4,
    )
    assert [row["value"], row["low"], row["high"]] == pytest.approx(
        [expected.value, expected.low, expected.high]
    )


def test_some_genes_and_whole_chromosomes(known):
    rows = np.arange(N) < 100
    scores, _ = score_cross(known, rows, n_bootstrap=40, by="chromosome")
    first = scores[(scores.scope == "sample") & (scores.metric == "pearson")].iloc[0]
    assert first["n_genes"] == 100
    assert first["value"] == pearson(known.observed[rows, 0], known.predicted[0, 0, rows])
    again, _ = score_cross(known, rows, n_bootstrap=40, by="gene")
    assert not np.isclose(again.loc[first.name, "low"], first["low"])
    with pytest.raises(InputError, match="at least two groups"):
        score_cross(known, known.chrom == "chr1", n_bootstrap=10, by="chromosome")
    with pytest.raises(ConfigError, match=r"unknown resampling 'genes'.*did you mean 'gene'"):
        score_cross(known, by="genes")


def test_two_samples_are_enough():
    predictions = made_up(k=2)
    difference = scores_of(predictions, "difference")
    assert difference["independent"] == difference["cross"] > 0.8
    assert np.isnan(difference["copy-best"])


def test_most_variable():
    observed = np.array([[0.0, 0.0], [0.0, 3.0], [1.0, 2.0], [5.0, 5.0]])
    assert most_variable(observed, 0.5).tolist() == [False, True, True, False]
    assert most_variable(observed, 0.01).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"samples": ("A",)}, "at least two samples; got 1"),
        ({"samples": ("A", "B")}, r"shapes .*expected \(400, 2\)"),
        ({"fold": np.zeros(3, dtype=int)}, "shapes"),
    ],
)
def test_wrong_arrays_are_refused(known, change, match):
    with pytest.raises(InputError, match=match):
        dataclasses.replace(known, **change)


@pytest.mark.parametrize("what", ["observed", "predicted"])
def test_missing_values_are_refused(known, what):
    values = getattr(known, what).copy()
    values.flat[7] = np.nan
    with pytest.raises(InputError, match="missing values"):
        dataclasses.replace(known, **{what: values})
