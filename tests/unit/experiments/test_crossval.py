"""``dexkit crossval``: what is fitted, what is written, what goes on after a kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from toy import SMALL_SET, SMALL_SET_SEQUENCE
from typer.testing import CliRunner

from dexkit import __version__
from dexkit.cli.app import app
from dexkit.errors import ConfigError
from dexkit.evaluation.runs import baseline_columns, read_run
from dexkit.evaluation.stamps import STAMPS
from dexkit.features.file import FeatureFile
from dexkit.features.schema import observed_path, signal_path
from dexkit.workflows.compare import compare_runs
from dexkit.workflows.competitors import competitors, models_of_samples
from dexkit.workflows.fit_config import SplitConfig
from dexkit.workflows.model_configs import model_configs

FOLDS = ("--folds", "4", "--bootstrap", "100")


def run(*arguments):
    result = CliRunner().invoke(app, ["crossval", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, " ".join(result.output.split())


def table(folder, name):
    return pd.read_csv(folder / name, sep="\t", keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def done(built, tmp_path_factory):
    """Ridge and mean on both samples, with the companions."""
    out = tmp_path_factory.mktemp("crossval") / "cv"
    models = ("--plugin", "ridge", "--plugin", "mean", "--set", "ridge.k=3")
    samples = ("--sample", "alpha", "--sample", "beta")
    code, output = run(built, *models, *samples, *FOLDS, "-o", out)
    assert code == 0, output
    return out, output


def test_every_model_is_fitted_once_on_the_same_folds(done, built):
    out, output = done
    runs = {str(p.parent.relative_to(out / "runs")): p.parent for p in out.rglob("bundle.json")}
    models = {name.rpartition("/")[0] for name in runs}
    assert models == {
        f"{sample}/{model}"
        for sample in ("alpha", "beta")
        for model in ("ridge", "mean", "copy-best", "copy-mean")
    }
    assert len(runs) == 4 * len(models)
    assert not any(baseline_columns(read_run(path).predictions) for path in runs.values())
    assert "k = 3" in (runs["alpha/ridge/fold-0"] / "config.toml").read_text()
    assert output.count("alpha, out of fold") == output.count("beta, out of fold") == 1


def test_tables(done, built):
    out, _ = done
    scores, predicted = table(out, "scores.tsv"), table(out, "predictions.tsv")
    assert not predicted.duplicated(["sample", "model", "gene_id"]).any()
    own = predicted[(predicted["sample"] == "beta") & (predicted.model == "ridge")]
    assert set(own.gene_id) == set(FeatureFile(built).genes.gene_id)
    np.testing.assert_allclose(
        own.set_index("gene_id").observed.loc[list(FeatureFile(built).genes.gene_id)],
        FeatureFile(built).expression("beta"),
        rtol=1e-6,
    )
    pooled = scores[
        (scores["sample"] == "beta")
        & (scores.model == "ridge")
        & (scores.fold == "pooled")
        & (scores.metric == "pearson")
    ]
    expected = stats.pearsonr(own.observed, own.predicted)[0]
    np.testing.assert_allclose(pooled.value, expected, rtol=1e-6)
    assert pooled.interval.tolist() == ["gene", "chromosome"]
    roles = scores.drop_duplicates("model").set_index("model").role
    assert roles.to_dict() == {
        "ridge": "model",
        "mean": "model",
        "copy-best": "companion",
        "copy-mean": "companion",
    }
    assert set(scores.leaky) == {"no"}
    differences = table(out, "differences.tsv")
    assert set(differences["sample"]) == {"alpha", "beta"}
    assert set(differences["first"]) == {"ridge"}


def test_the_report_and_what_made_it(done, built):
    out, output = done
    html = (out / "report.html").read_text()
    for text in ("Cross-validation on alpha, beta", "4 folds · chromosome split", "dexkit 0."):
        assert text in html
    assert "leaky: paper protocol" not in html
    assert html.count("data:image/png;base64,") == 4
    assert {p.name for p in (out / "figures").iterdir()} == {
        f"{name}-{sample}.{kind}"
        for name in ("scores", "differences")
        for sample in ("alpha", "beta")
        for kind in ("png", "pdf")
    }
    assert "note: mean is constant within each fold" in output
    content = json.loads((out / "experiment.json").read_text())
    assert content["finished"]
    assert [m["plugin"] for m in content["settings"]["models"]] == ["ridge", "mean"] * 2
    code, message = run("--resume", out)
    assert code == 2
    assert "a finished experiment" in message


@pytest.fixture(scope="module")
def together(built, tmp_path_factory):
    """Ridge of each sample, and of both together."""
    out = tmp_path_factory.mktemp("together") / "cv"
    models = ("--plugin", "ridge", "--plugin", "gc", "--set", "ridge.k=2", "--bootstrap", "0")
    samples = [word for name in ("alpha", "beta", "alpha,beta") for word in ("--sample", name)]
    options = ("--no-companions", "--split", "random", "--folds", "2", "--seed", "5")
    code, output = run(built, *models, *samples, *options, "-o", out)
    assert code == 0, output
    return out


def test_a_model_of_several_samples_is_scored_on_each(together):
    scores = table(together, "scores.tsv")
    both = "ridge (alpha,beta)"
    assert set(scores.model) == {"ridge", "gc", both, "gc (alpha,beta)"}
    for name in ("alpha", "beta"):
        runs = [read_run(together / "runs" / "alpha,beta" / "ridge" / f"fold-{k}") for k in (0, 1)]
        rows = pd.concat([run.predictions for run in runs])
        rows = rows[(rows.part == "test") & (rows["sample"] == name)]
        own = scores[(scores["sample"] == name) & (scores.model == both)]
        [pooled] = own[(own.fold == "pooled") & (own.metric == "pearson")].value
        assert pooled == pytest.approx(stats.pearsonr(rows.observed, rows.predicted)[0], abs=1e-6)
    differences = table(together, "differences.tsv")
    assert set(differences["sample"]) == {"alpha", "beta"}
    assert set(differences["second"]) == {"gc", both, "gc (alpha,beta)"}
    for frame in (scores, differences):
        made = frame[list(STAMPS)].drop_duplicates().to_dict(orient="records")
        expected = ("random", 2, "leaky: paper protocol", 5, __version__)
        assert made == [dict(zip(STAMPS, expected, strict=True))]


def test_companions_of_a_model_of_several_samples_are_of_one_each(built):
    """Ridge of one sample is what ridge of both must be better than; copies have no other place."""
    folds = SplitConfig(folds=3)
    [config] = model_configs(None, {"sample": "alpha,beta"}, ("ridge",))
    config = config.model_copy(update={"split": folds})
    found = models_of_samples(competitors(built, [config], companions=True))
    for sample in ("alpha", "beta"):
        labels = {model.label: model for model in found[sample]}
        first, *others = labels
        assert first == "ridge (alpha,beta)"
        assert set(others) == {"ridge", "mean", "copy-best", "copy-mean"}
        assert {model.samples for model in found[sample] if model.companion} == {(sample,)}
        names = [task.name for task in labels["ridge"].tasks(built, alone=False)]
        assert names == [f"{sample}/ridge/fold-{fold}" for fold in range(3)]
    with pytest.raises(ConfigError, match="ridge is alone: nothing to compare it with on alpha"):
        competitors(built, [config], companions=False)


def test_compare_finds_the_models_of_a_crossval_of_several_samples(together):
    found = compare_runs([together], 0)
    differences = table(together, "differences.tsv")
    for each in found:
        expected = differences[differences["sample"] == each.sample]
        assert each.labels == ("ridge", "gc", "ridge (alpha,beta)", "gc (alpha,beta)")
        assert set(each.labels[1:]) == set(expected["second"])
        test = each.find("ridge (alpha,beta)", "mse", "pooled difference", "gene")
        row = expected[
            (expected["second"] == test.second)
            & (expected["metric"] == "mse")
            & (expected["what"] == test.what)
            & (expected["by"] == "gene")
        ]
        assert row.value.tolist() == pytest.approx([test.value], rel=1e-6)


def test_samples_with_other_folds_are_refused_before_anything_is_written(built, tmp_path):
    """Contacts of beta on three of four chromosomes: its folds are others than those of both."""
    features = tmp_path / "f.h5"
    shutil.copy(built, features)
    chrom = FeatureFile(built).genes.chrom
    gone = np.flatnonzero(chrom == sorted(set(chrom))[0])
    with h5py.File(features, "r+") as file:
        for path, nothing in ((observed_path("beta"), False), (signal_path("beta"), np.nan)):
            values = file[path][()]
            values[gone] = nothing
            file[path][...] = values
    before = list(tmp_path.iterdir())
    options = ("--plugin", "ridge", "--folds", "3", "--sample", "beta", "--sample", "alpha,beta")
    code, output = run(features, *options, "-o", tmp_path / "cv")
    assert code == 2, output
    assert "ridge (alpha,beta) would not test the same genes of beta as ridge" in output
    assert "dexkit splits make" in output
    assert list(tmp_path.iterdir()) == before


def test_random_folds_of_classes_are_stamped(built, tmp_path):
    out = tmp_path / "cv"
    code, output = run(
        *(built, "--plugin", "logistic", "--plugin", "svm"),
        *("--sample", "alpha", "--split", "random", "--seed", "3", "--folds", "3"),
        *("--blocks", "contacts", "--bootstrap", "0", "-o", out),
    )
    assert code == 0, output
    scores = table(out, "scores.tsv")
    assert set(scores.metric) == {"auroc", "auprc", "accuracy", "f1"}
    assert set(scores.leaky) == {"leaky: paper protocol"}
    assert set(scores.seed) == {3}
    assert set(scores.interval) == {"none"}
    assert "random split (leaky: paper protocol)" in output
    assert '<span class="stamp">leaky: paper protocol</span>' in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--plugin", "ridge", "--plugin", "logistic"), "is for classification and ridge for"),
        (("--plugin", "ridge", "--plugin", "ridge"), "--plugin ridge is given twice"),
        (("--plugin", "ridge", "--sample", "alpha"), "--sample alpha is given twice"),
        (("--plugin", "ridgee"), "did you mean 'ridge'"),
        (("--plugin", "ridge", "--no-companions"), "ridge is alone: nothing to compare it with"),
        (("--plugin", "ridge", "--set", "lasso.k=3"), "'lasso' takes no part in this experiment"),
        (("--plugin", "ridge", "--set", "mean.x=3"), "key 'x' is unknown"),
        (("--plugin", "ridge", "--bootstrap", "5"), "--bootstrap must be 0"),
        (("--plugin", "ridge", "--jobs", "0"), "--jobs is 0"),
        (("--plugin", "ridge", "--epochs", "3", "--set", "train.epochs=3"), "given twice"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(built, tmp_path, options, message):
    given = (built, "--sample", "alpha", "--folds", "4", *options, "-o", tmp_path / "cv")
    code, output = run(*given)
    assert code == 2
    assert message in output
    assert list(tmp_path.iterdir()) == []


def test_every_fold_is_made_before_anything_is_fitted(built, tmp_path):
    """Of the folds of GraphReg three have a chromosome of these four."""
    options = ("--sample", "alpha", "--plugin", "ridge", "--split", "graphreg")
    code, output = run(built, *options, "-o", tmp_path / "cv")
    assert code == 2, output
    assert "fold 3 of 11 (graphreg split) has too few genes: the test part got 0" in output
    assert list(tmp_path.iterdir()) == []


def test_where_to_and_what_to_resume(built, tmp_path):
    assert "crossval needs --out" in run(built)[1]
    folds = run(built, "--sample", "alpha", "--plugin", "ridge", "-o", tmp_path / "cv")
    assert "5 chromosome folds need at least 5 chromosomes" in folds[1]
    assert "crossval needs the feature file" in run("-o", tmp_path / "cv")[1]
    assert "is no experiment" in run("--resume", tmp_path)[1]
    taken = run(built, "--sample", "alpha", "--plugin", "ridge", "-o", tmp_path)
    assert "exists; give another name" in taken[1]
    assert "leave --plugin out" in run("--resume", tmp_path, "--plugin", "ridge")[1]


def test_a_network_with_an_output_for_each_sample(built, tmp_path):
    """Of one sequence it predicts two values; each is scored on its sample."""
    out = tmp_path / "cv"
    code, output = run(
        *(built, "--plugin", "densenet", "--plugin", "ridge", "--set", "ridge.k=2"),
        *("--sample", "alpha,beta", "--head", "multi-task", "--blocks", "sequence"),
        *(*SMALL_SET_SEQUENCE, "--set", "train.shift_bp=10", "--epochs", "1"),
        *("--folds", "2", "--bootstrap", "0", "--no-companions", "-o", out),
    )
    assert code == 0, output
    predicted, scores = table(out, "predictions.tsv"), table(out, "scores.tsv")
    genes = sorted(FeatureFile(built).genes.gene_id)
    values = {}
    for name in ("alpha", "beta"):
        own = predicted[(predicted["sample"] == name) & (predicted.model == "densenet")]
        assert sorted(own.gene_id) == genes
        values[name] = own.set_index("gene_id").predicted.loc[genes].to_numpy()
        row = scores[(scores["sample"] == name) & (scores.model == "densenet")]
        [mse] = row[(row.fold == "pooled") & (row.metric == "mse")].value
        assert mse == pytest.approx(np.mean((own.observed - own.predicted) ** 2), abs=1e-6)
    # Not one output on two scales: within a fold they would be a line.
    inside = np.isin(genes, predicted[predicted.fold == 0].gene_id)
    alpha, beta = (values[name][inside] for name in ("alpha", "beta"))
    assert abs(stats.pearsonr(alpha, beta)[0]) < 0.999
    assert set(table(out, "differences.tsv")["sample"]) == {"alpha", "beta"}
    assert [each.sample for each in compare_runs([out], 0)] == ["alpha", "beta"]


@pytest.mark.slow  # trains four networks
def test_the_first_stage_of_two_stands_beside_the_network(built, tmp_path):
    out = tmp_path / "cv"
    code, output = run(
        *(built, "--plugin", "densenet", "--plugin", "ridge", "--sample", "alpha", *SMALL_SET),
        *("--set", "train.recipe=two-step", "--set", "train.shift_bp=10", "--epochs", "1"),
        *("--folds", "2", "--bootstrap", "0", "-o", out),
    )
    assert code == 0, output
    scores = table(out, "scores.tsv").drop_duplicates("model").set_index("model")
    assert scores.role.to_dict() == {
        "densenet": "model",
        "ridge": "model",
        "copy-best": "companion",
        "copy-mean": "companion",
        "mean": "companion",
        "sequence-only": "model",
    }


def started(*arguments):
    code = "from dexkit.cli.app import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "crossval", *map(str, arguments)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def finished(out):
    return sorted(str(p.parent.relative_to(out)) for p in out.rglob("bundle.json"))


def killed(built, out, sent):
    """Start a cross-validation, kill it behind its first fit; return its code and its stderr."""
    models = ("--plugin", "ridge", "--plugin", "mean", "--set", "ridge.k=3", "--no-companions")
    process = started(built, *models, "--sample", "alpha", *FOLDS, "--jobs", "2", "-o", out)
    while not finished(out):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    os.kill(process.pid, sent)
    said = process.communicate()[1]
    return process.returncode, " ".join(said.split())


@pytest.mark.slow  # a command and its two processes load TensorFlow
def test_a_crossval_that_was_killed_goes_on(done, built, tmp_path):
    out = tmp_path / "cv"
    killed(built, out, signal.SIGKILL)
    time.sleep(1)
    before = finished(out)
    assert 1 <= len(before) < 8
    times = {name: (out / name / "bundle.json").stat().st_mtime_ns for name in before}
    # The processes of a command that has died do nothing more.
    time.sleep(3)
    assert finished(out) == before
    code, output = run("--resume", out)
    assert code == 0, output
    assert f"{len(before)} of 8 fits are finished already" in output
    assert all((out / n / "bundle.json").stat().st_mtime_ns == t for n, t in times.items())
    whole = table(done[0], "predictions.tsv")
    whole = whole[(whole["sample"] == "alpha") & whole.model.isin(["ridge", "mean"])]
    pd.testing.assert_frame_equal(table(out, "predictions.tsv"), whole.reset_index(drop=True))


@pytest.mark.slow  # a command and its two processes load TensorFlow
def test_sigterm_ends_all_processes_and_says_how_to_go_on(built, tmp_path):
    out = tmp_path / "cv"
    code, said = killed(built, out, signal.SIGTERM)
    assert code == 143
    assert f"go on with --resume {out}" in said
    assert len(finished(out)) < 8
    assert not (out / "scores.tsv").exists()
