"""simulate -> build-features -> fit -> predict -> evaluate -> report, as a user types it."""

import json

import pandas as pd
import pytest
from toy import SMALL_SET, SMALL_SET_SEQUENCE

WINDOW = ["--upstream-bp", 100, "--downstream-bp", 100, "--margin-bp", 20, "--n-flank-bins", 10]
QUICK = ["--sample", "alpha", "--folds", 3, "--epochs", 2, "--batch-size", 16]


@pytest.fixture(scope="module")
def work(dexkit, tmp_path_factory):
    """A folder with simulated data and their feature file."""
    folder = tmp_path_factory.mktemp("whole")
    size = ["--n-genes", 90, "--n-chroms", 4, "--chrom-length-bp", 400_000]
    samples = ["--samples", "alpha,beta", "--pairs-per-replicate", 5000, "--seed", 3]
    made = dexkit("simulate", "-o", folder / "data", *size, *samples)
    assert "next: dexkit build-features" in made.stdout
    data = folder / "data"
    inputs = ["--fasta", data / "genome.fa.gz", "--gtf", data / "genes.gtf.gz"]
    built = dexkit(
        *("build-features", *inputs, "--samples", data / "samples.tsv"),
        *("-o", folder / "f.h5", *WINDOW, "--assembly", "simulated"),
    )
    assert "kept 90 of 90 genes" in built.stdout
    assert "expression of beta: 90 of the kept genes" in built.stdout
    assert "/contacts/alpha/signal: 90 x 21" in built.stdout
    return folder


@pytest.fixture(scope="module")
def run(dexkit, work):
    """A fit with contacts and two networks."""
    out = work / "run"
    result = dexkit("fit", work / "f.h5", "-o", out, *QUICK, "--ensemble", 2, *SMALL_SET)
    assert "densenet+dense-contacts" in result.stdout
    assert "ridge" in result.stdout
    assert f"report: {out / 'report.html'}" in result.stdout
    return out


def test_info(dexkit, work):
    facts = json.loads(dexkit("features", "info", work / "f.h5", "--json").stdout)
    assert facts["assembly"] == "simulated"
    assert facts["genes"] == 90
    assert "beta" in dexkit("features", "info", work / "f.h5").stdout


def test_fit(run):
    metrics = json.loads((run / "metrics.json").read_text())
    beside = {"mean", "ridge", "copy-mean", "copy-best"}  # the file has two samples
    assert set(metrics["parts"]["test"]) == {"densenet+dense-contacts", *beside}
    assert (run / "report.html").stat().st_size > 10_000
    assert list((run / "figures").iterdir())
    levels = [json.loads(line)["level"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert "info" in levels
    assert len(pd.read_csv(run / "history.csv")) == 4


def test_predict(dexkit, work, run):
    result = dexkit("predict", run, work / "f.h5", "-o", work / "p.tsv")
    assert "90 genes" in result.stdout
    again = pd.read_csv(work / "p.tsv", sep="\t")
    table = pd.read_csv(run / "predictions.tsv", sep="\t")
    pd.testing.assert_series_equal(again.predicted, table.predicted, atol=1e-6, rtol=0)
    dexkit("predict", run, work / "f.h5", "-o", work / "b.tsv", "--sample", "beta")


def test_evaluate(dexkit, run):
    text = dexkit("evaluate", run, "--bootstrap", 100).stdout
    assert "Pearson" in text
    assert "ridge" in text
    scores = json.loads(dexkit("evaluate", run, "--json", "--bootstrap", 0).stdout)
    # The table holds eight digits, the metrics are of the numbers before rounding.
    stored = json.loads((run / "metrics.json").read_text())["parts"]["test"]
    found = {
        (s["predictor"], s["metric"]): s["value"]
        for s in scores["scores"]
        if s["role"] != "difference"
    }
    for model, by_metric in stored.items():
        for metric in ("pearson", "spearman", "r2"):
            value = by_metric[metric]["value"]
            expected = None if value is None else pytest.approx(value, abs=1e-5)
            assert found[model, metric] == expected


def test_folds_are_pooled(dexkit, work):
    """Every gene is scored once, by the fold that did not see it."""
    runs = []
    for fold in range(3):
        runs.append(work / f"ridge-{fold}")
        fold_of = ["--folds", 3, "--fold", fold, "--sample", "alpha"]
        dexkit("fit", work / "f.h5", "-o", runs[-1], "--plugin", "ridge", *fold_of)
    parts = pd.concat(pd.read_csv(r / "predictions.tsv", sep="\t") for r in runs)
    assert sorted(parts.gene_id[parts.part == "test"]) == sorted(set(parts.gene_id))
    scores = json.loads(dexkit("evaluate", *runs, "--json", "--bootstrap", 0).stdout)
    pooled = [s for s in scores["scores"] if s["scope"] == "pooled"]
    assert {s["n"] for s in pooled} == {90}


def test_report(dexkit, run):
    (run / "report.html").unlink()
    dexkit("report", run, "--bootstrap", 50)
    assert (run / "report.html").exists()


def test_classification(dexkit, work):
    out = work / "classes"
    head = ["--head", "classification", "--blocks", "sequence", "--set", "logistic.k=2"]
    result = dexkit("fit", work / "f.h5", "-o", out, *QUICK, *head, *SMALL_SET_SEQUENCE)
    assert "auroc" in result.stdout
    dexkit("predict", out, work / "f.h5", "-o", work / "classes.tsv")
    predicted = pd.read_csv(work / "classes.tsv", sep="\t").predicted
    assert predicted.between(0, 1).all()
    assert "logistic" in dexkit("evaluate", out, "--bootstrap", 0).stdout


def test_random_split_is_stamped_leaky(dexkit, work):
    out = work / "random"
    options = ["--plugin", "ridge", "--split", "random", "--sample", "beta"]
    result = dexkit("fit", work / "f.h5", "-o", out, *options)
    assert "leaky" in result.stdout
    assert "random split: leaky" in result.stderr
    assert json.loads((out / "metrics.json").read_text())["split"]["leaky"] is True


def test_force_replaces_a_run(dexkit, work):
    out = work / "again"
    options = [work / "f.h5", "-o", out, "--plugin", "mean", *QUICK[:4]]
    dexkit("fit", *options)
    (out / "stray").touch()
    dexkit("fit", *options, "--force")
    assert not (out / "stray").exists()
