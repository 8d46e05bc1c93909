"""Least squares, lasso, elastic net and the small baselines against scikit-learn used directly."""

import logging

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, LassoCV, LinearRegression
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

import dexkit_ext
from dexkit.errors import TrainingError
from dexkit.hooks import plugins

SHARES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)


def baseline(name, seed=0, **options):
    entry = plugins().baseline(name)
    return entry.build(entry.config(**options), seed)


def make_blocks(n_genes, n_bins=9, seed=3):
    rng = np.random.default_rng(seed)
    return {
        "sequence": rng.integers(0, 4, (n_genes, 150), dtype=np.uint8),
        "contacts": rng.standard_normal((n_genes, n_bins)).astype(np.float32),
    }


def plain(blocks, k):
    """The features in double precision, standardised by scikit-learn."""
    counts = dexkit_ext.count_kmers(blocks["sequence"], k)
    return StandardScaler().fit_transform(np.hstack([counts, blocks["contacts"]]).astype(float))


def linear_target(blocks, seed=5):
    noise = np.random.default_rng(seed).standard_normal(len(blocks["contacts"]))
    n_cg = dexkit_ext.count_kmers(blocks["sequence"], 2)[:, 6]
    return 2 + blocks["contacts"][:, 2] - blocks["contacts"][:, 7] + 0.3 * n_cg + 0.5 * noise


def part(blocks, rows):
    return {name: values[rows] for name, values in blocks.items()}


@pytest.mark.parametrize("n_genes", [200, 50])
def test_linear_is_least_squares(n_genes):
    """More genes than features, and fewer: then the smallest coefficients, as scikit-learn's."""
    blocks = make_blocks(n_genes)
    y = linear_target(blocks)
    fitted = baseline("linear", k=3).fit(blocks, y)
    features = plain(blocks, 3)
    expected = LinearRegression().fit(features, y)
    np.testing.assert_allclose(fitted.predict(blocks), expected.predict(features), atol=2e-4)
    # 64 word counts that add up to the number of windows, and 9 bins.
    found = fitted.describe()
    assert (found["n_features"], found["rank"]) == (73, min(72, n_genes - 1))


def test_linear_predicts_new_genes_as_scikit_learn():
    blocks = make_blocks(300)
    y = linear_target(blocks)
    fitted = baseline("linear", k=2).fit(part(blocks, slice(200)), y[:200])
    features = np.hstack([dexkit_ext.count_kmers(blocks["sequence"], 2), blocks["contacts"]])
    scaler = StandardScaler().fit(features[:200].astype(float))
    expected = LinearRegression().fit(scaler.transform(features[:200]), y[:200])
    np.testing.assert_allclose(
        fitted.predict(part(blocks, slice(200, 300))),
        expected.predict(scaler.transform(features[200:])),
        atol=1e-4,
    )


def test_lasso_is_that_of_scikit_learn():
    """Same penalty, error and predictions as LassoCV on the same folds."""
    blocks = make_blocks(120)
    y = linear_target(blocks)
    fitted = baseline("lasso", seed=4, k=3, penalty_shares=SHARES).fit(blocks, y)
    features = plain(blocks, 3)
    largest = np.abs(features.T @ (y - y.mean())).max() / len(y)
    folds = list(KFold(10, shuffle=True, random_state=4).split(features))
    expected = LassoCV(alphas=np.array(SHARES) * largest, cv=folds, tol=1e-6, max_iter=10_000)
    expected.fit(features, y)
    found = fitted.describe()
    assert found["penalty"] == pytest.approx(expected.alpha_, rel=1e-5)
    assert found["inner_mse"] == pytest.approx(expected.mse_path_.mean(axis=1).min(), rel=1e-3)
    assert found["n_used"] < 73
    np.testing.assert_allclose(fitted.predict(blocks), expected.predict(features), atol=5e-3)


def test_elastic_net_is_that_of_scikit_learn():
    blocks = make_blocks(100)
    y = linear_target(blocks)
    fitted = baseline("elastic-net", k=2, inner_folds=5, l1_shares=(0.2, 0.8))
    found = fitted.fit(blocks, y).describe()
    features = plain(blocks, 2)
    expected = ElasticNet(alpha=found["penalty"], l1_ratio=found["l1_share"], tol=1e-7)
    inner = cross_val_predict(expected, features, y, cv=KFold(5, shuffle=True, random_state=0))
    assert found["inner_mse"] == pytest.approx(np.mean((inner - y) ** 2), rel=1e-3)
    predicted = expected.fit(features, y).predict(features)
    np.testing.assert_allclose(fitted.predict(blocks), predicted, atol=5e-3)


@pytest.mark.parametrize("name", ["lasso", "elastic-net"])
def test_paths_find_what_was_planted(name):
    """Two bins of 60 carry the target: held-out genes are predicted, most features are not used."""
    blocks = {"contacts": make_blocks(300, n_bins=60)["contacts"]}
    y = 3 + blocks["contacts"][:, 10] - 2 * blocks["contacts"][:, 40]
    y = y + 0.3 * np.random.default_rng(1).standard_normal(300)
    fitted = baseline(name, inner_folds=5).fit(part(blocks, slice(200)), y[:200])
    predicted = fitted.predict(part(blocks, slice(200, 300)))
    assert np.corrcoef(predicted, y[200:])[0, 1] > 0.97
    noise = np.random.default_rng(2).standard_normal(200)
    assert (
        baseline(name, inner_folds=5).fit(part(blocks, slice(200)), noise).describe()["n_used"] < 20
    )


def test_a_path_that_does_not_converge_says_so(caplog):
    blocks = make_blocks(60)
    with caplog.at_level(logging.WARNING, logger="dexkit"):
        baseline("lasso", k=3, inner_folds=2, max_sweeps=1).fit(blocks, linear_target(blocks))
    [record] = caplog.records
    assert "did not converge in 1 sweeps; raise it with --set lasso.max_sweeps" in record.message


def test_gc_by_hand():
    """ACGT: half GC; CpG observed 1, expected 1 x 1 / 4. Unknown bases count nowhere."""
    from dexkit_baselines.features import gc_features

    codes = np.array([[0, 1, 2, 3], [1, 2, 4, 4], [0, 0, 3, 3], [4, 4, 4, 4]], dtype=np.uint8)
    expected = [[0.5, 4.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0]]
    assert gc_features({"sequence": codes}).tolist() == expected


def test_gc_finds_a_gc_effect():
    rng = np.random.default_rng(2)
    share = rng.uniform(0.3, 0.7, 200)
    codes = np.where(
        rng.random((200, 400)) < share[:, None],
        rng.integers(1, 3, (200, 400)),
        3 * rng.integers(0, 2, (200, 400)),
    ).astype(np.uint8)
    fitted = baseline("gc").fit({"sequence": codes[:150]}, share[:150])
    assert np.corrcoef(fitted.predict({"sequence": codes[150:]}), share[150:])[0, 1] > 0.95
    assert len(fitted.describe()["coefficients"]) == 2


def test_tss_coverage_reads_the_middle_bin_alone():
    contacts = make_blocks(80)["contacts"]
    y = 1 + 2.0 * contacts[:, 4]
    fitted = baseline("tss-coverage").fit({"contacts": contacts}, y)
    others = np.where(np.arange(9) == 4, contacts, 0).astype(np.float32)
    np.testing.assert_allclose(fitted.predict({"contacts": others}), y, atol=1e-5)


def test_tss_coverage_without_a_tss_bin():
    contacts = make_blocks(20)["contacts"]
    contacts[:, 4] = 0
    with pytest.raises(TrainingError, match="the TSS bin is the same in all 20 training genes"):
        baseline("tss-coverage").fit({"contacts": contacts}, np.arange(20.0))


def test_contact_ridge_is_ridge_without_sequence():
    blocks = {"contacts": make_blocks(60)["contacts"]}
    y = blocks["contacts"][:, 1] + np.random.default_rng(1).standard_normal(60)
    one, other = (
        baseline(name).fit(blocks, y).predict(blocks) for name in ("contact-ridge", "ridge")
    )
    np.testing.assert_array_equal(one, other)
