"""Scores over folds: values of the scopes, kinds of intervals, what is undefined."""

import numpy as np
import pandas as pd
import pytest
from run_folders import predictions, write_run
from scipy import stats
from sklearn import metrics

from dexkit.evaluation.fold_scores import constant_notes, out_of_fold, score_folds
from dexkit.evaluation.paired_runs import pair_runs
from dexkit.evaluation.runs import read_run


def models(folder, task="regression", kind="chromosome", n_folds=5):
    """Two models on five folds of two chromosomes each, with mean and ridge beside them."""
    found = {}
    for name in ("net", "wide"):
        runs = []
        for fold in range(n_folds):
            table = predictions(fold=fold, task=task)
            if name == "wide":
                table["predicted"] = table["predicted"] ** 2
            path = folder / f"{name}-{fold}"
            write_run(path, table=table, task=task, model=name, fold=fold, kind=kind, extras=False)
            runs.append(read_run(path))
        found[name] = runs
    return found


def one(scores, **where):
    for column, value in where.items():
        scores = scores[scores[column] == value]
    assert len(scores) == 1
    return scores.iloc[0]


def test_regression_equals_scipy_and_sklearn(tmp_path):
    runs = models(tmp_path)
    paired = pair_runs(runs, baselines=True)
    scores = score_folds(paired, ("mean", "ridge"), n_bootstrap=200, seed=1)
    pooled = pd.concat([r.predictions[r.predictions["part"] == "test"] for r in runs["net"]])
    expected = {
        "pearson": stats.pearsonr(pooled.observed, pooled.predicted)[0],
        "spearman": stats.spearmanr(pooled.observed, pooled.predicted)[0],
        "r2": metrics.r2_score(pooled.observed, pooled.predicted),
        "mse": metrics.mean_squared_error(pooled.observed, pooled.predicted),
    }
    for metric, value in expected.items():
        rows = scores[
            (scores.model == "net") & (scores.fold == "pooled") & (scores.metric == metric)
        ]
        np.testing.assert_allclose(rows.value, value)
        assert rows.interval.tolist() == ["gene", "chromosome"]
        assert (rows.low < value).all()
        assert (rows.high > value).all()
        assert (rows.n_genes == len(pooled)).all()
        assert (rows.n_chromosomes == 10).all()
    folds = scores[
        (scores.model == "net") & (scores.metric == "pearson") & (scores.interval == "gene")
    ].set_index("fold")
    mean = one(scores, model="net", metric="pearson", fold="mean")
    assert mean.value == pytest.approx(folds.loc[list("01234"), "value"].mean())
    assert mean.interval == "gene within fold"
    assert mean.low < mean.value < mean.high
    # A mean over folds is as certain as the genes of all folds make it.
    assert mean.high - mean.low < (folds.loc["0", "high"] - folds.loc["0", "low"]) * 0.7
    assert scores.role.value_counts().to_dict().keys() == {"model", "companion"}
    assert set(scores[scores.role == "companion"].model) == {"mean", "ridge"}
    assert scores.groupby("model", sort=False).size().index.tolist() == list(paired.labels)
    assert scores.equals(score_folds(paired, ("mean", "ridge"), n_bootstrap=200, seed=1))


def test_a_model_that_is_undefined_in_a_fold_has_no_mean(tmp_path):
    paired = pair_runs(models(tmp_path), baselines=True)
    scores = score_folds(paired, n_bootstrap=100)
    row = one(scores, model="mean", metric="pearson", fold="mean")
    assert np.isnan([row.value, row.low, row.high]).all()
    assert np.isfinite(one(scores, model="mean", metric="mse", fold="mean").value)
    assert constant_notes(paired) == (
        "mean is constant within each fold, so its pooled ranking of genes compares folds only",
    )


def test_classification_equals_sklearn(tmp_path):
    runs = models(tmp_path, task="classification")
    paired = pair_runs(runs)
    scores = score_folds(paired, n_bootstrap=0)
    assert set(scores.interval) == {"none"}
    assert scores[["low", "high"]].isna().all(axis=None)
    pooled = pd.concat([r.predictions[r.predictions["part"] == "test"] for r in runs["net"]])
    called = pooled.predicted >= 0.5
    expected = {
        "auroc": metrics.roc_auc_score(pooled.observed, pooled.predicted),
        "auprc": metrics.average_precision_score(pooled.observed, pooled.predicted),
        "accuracy": metrics.accuracy_score(pooled.observed, called),
        "f1": metrics.f1_score(pooled.observed, called),
    }
    for metric, value in expected.items():
        found = one(scores, model="net", metric=metric, fold="pooled")
        assert found.value == pytest.approx(value)


def test_random_folds_are_stamped_and_one_fold_has_no_mean(tmp_path):
    paired = pair_runs(models(tmp_path, kind="random", n_folds=1))
    scores = score_folds(paired, n_bootstrap=0)
    assert set(scores.leaky) == {"leaky: paper protocol"}
    assert set(scores.split) == {"random"}
    assert set(scores.fold) == {"pooled", "0"}


def test_predictions_out_of_fold_hold_every_test_gene_once_for_each_model(tmp_path):
    runs = models(tmp_path)
    paired = pair_runs(runs, baselines=True)
    table = out_of_fold(paired, runs)
    assert not table.duplicated(["model", "gene_id"]).any()
    n = sum(len(t) for t in paired.tables)
    assert table.model.value_counts().to_dict() == dict.fromkeys(paired.labels, n)
    for run in runs["wide"]:
        own = run.predictions[run.predictions["part"] == "test"].set_index("gene_id")
        found = table[(table.model == "wide") & (table.fold == run.fold)].set_index("gene_id")
        np.testing.assert_array_equal(found.predicted, own.loc[found.index].predicted)
        np.testing.assert_array_equal(found.gene_name, own.loc[found.index].gene_name)
        np.testing.assert_array_equal(found.predicted_sd, own.loc[found.index].predicted_sd)
    assert table[table.model == "ridge"].predicted_sd.isna().all()
