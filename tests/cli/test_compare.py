"""``dexkit compare``: what it prints, writes and refuses."""

import json

import numpy as np
import pandas as pd
import pytest
from run_folders import predictions, write_run
from toy import build

from dexkit.evaluation.stamps import STAMPS

N_FOLDS = 6


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Six folds of a model and of one with more noise."""
    folder = tmp_path_factory.mktemp("runs")
    for model, noise in (("net", 0.0), ("poor", 3.0)):
        for fold in range(N_FOLDS):
            table = predictions(n_folds=N_FOLDS, fold=fold)
            random = np.random.default_rng([fold, 9])
            table["predicted"] += noise * random.normal(size=len(table))
            options = {"model": model, "n_folds": N_FOLDS, "fold": fold, "extras": False}
            write_run(folder / f"{model}-fold{fold}", table=table, **options)
    return sorted(folder.iterdir())


def test_tables_and_words(dexkit, runs):
    result = dexkit("compare", *runs, "--bootstrap", 100)
    assert result.exit_code == 0, result.output
    for text in ("Pearson r on K562", "net minus", "pooled difference", "difference in spread"):
        assert text in result.stdout
    assert "net is better than poor: Pearson r differs by" in result.stdout
    # Six folds of one sign: the smallest p, and below 0.05.
    assert "p = 0.0312 (n = 6)" in result.stdout
    assert "too few" not in result.stdout
    assert "note: folds share training genes" in result.stdout


def test_too_few_folds_are_told(dexkit, runs):
    few = [run for run in runs if run.name[-1] in "01234"]
    result = dexkit("compare", *few, "--bootstrap", 0)
    assert "note: 5 folds are too few for any two-sided p < 0.05" in result.stdout
    assert "note: 5 of 6 folds are compared" in result.stdout


def test_the_folder(dexkit, refused, runs, tmp_path):
    out = tmp_path / "comparison"
    result = dexkit("compare", *runs, "--bootstrap", 100, "--metric", "spearman", "-o", out)
    assert result.exit_code == 0, result.output
    assert f"report: {out / 'report.html'}" in result.stdout
    assert not (out / "runs").exists()
    assert "Spearman" in result.stdout
    scores = pd.read_csv(out / "scores.tsv", sep="\t", dtype={"fold": str})
    assert list(scores) == ["sample", "model", "fold", "metric", "n", "value", *STAMPS]
    assert len(scores) == 2 * 6 * (N_FOLDS + 1)
    tests = pd.read_csv(out / "comparison.tsv", sep="\t")
    # 6 metrics x (2 pooled intervals, 1 interval and 3 rank tests over folds)
    assert len(tests) == 36
    ranked = tests[tests.method == "signed-rank"]
    assert (ranked.n == 6).all()
    assert ranked.p.notna().all()
    [content] = json.loads((out / "comparison.json").read_text())["comparisons"]
    assert content["labels"] == ["net", "poor"]
    assert [len(content["runs"][label]) for label in content["labels"]] == [N_FOLDS, N_FOLDS]
    stored = json.loads((out / "experiment.json").read_text())
    assert stored["kind"] == "compare"
    assert stored["finished"]
    assert {path.name for path in (out / "figures").iterdir()} == {"folds.png", "folds.pdf"}
    page = (out / "report.html").read_text()
    assert "net is better than poor" in page
    assert "By pearson" in page
    assert "http" not in page
    refused("compare", *runs, "--bootstrap", 0, "-o", out, match=r"exists; .*--force")
    again = dexkit("compare", *runs, "--bootstrap", 0, "-o", out, "--force")
    assert again.exit_code == 0, again.output
    assert pd.read_csv(out / "comparison.tsv", sep="\t").low.isna().all()


def test_json_and_baselines(dexkit, runs):
    arguments = ["compare", *runs, "--bootstrap", 0, "--json", "--baselines"]
    [content] = json.loads(dexkit(*arguments).stdout)["comparisons"]
    assert content["labels"] == ["net", "poor", "mean", "ridge"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--metric", "pearsn"], "did you mean 'pearson'"),
        (["--metric", "auroc"], "'auroc' is no metric of regression"),
        (["--reference", "nett"], "no model 'nett' among the runs; did you mean 'net'"),
        (["--bootstrap", 50], "at least 100; got 50"),
    ],
)
def test_options_are_checked(refused, runs, options, match):
    refused("compare", *runs[:1], "--bootstrap", 0, *options, match=match)


def test_runs_that_do_not_belong_together(refused, runs, tmp_path):
    other = write_run(tmp_path / "other", sample="Jurkat", model="other", extras=False)
    refused("compare", *runs, other, match="other cannot be compared with net: their samples")


def test_a_cross_validation(dexkit, simulated, tmp_path):
    """The folder of crossval stands for all its runs, in its order."""
    features = build(simulated, tmp_path / "f.h5", contacts=())
    models = ["--plugin", "ridge", "--plugin", "gc", "--set", "ridge.k=2"]
    options = ["--sample", "alpha", "--folds", 3, "--bootstrap", 0, "-o", tmp_path / "cv"]
    made = dexkit("crossval", features, *models, *options)
    assert made.exit_code == 0, made.output
    arguments = ["compare", tmp_path / "cv", "--bootstrap", 0, "--json"]
    [content] = json.loads(dexkit(*arguments).stdout)["comparisons"]
    assert content["labels"][0] == "ridge"
    assert {"gc", "mean"} < set(content["labels"])
    assert {len(runs) for runs in content["runs"].values()} == {3}
    assert content["n_genes"] == 60
