"""One model over several samples: rows, masks, tables, prediction of a sample never seen."""

import csv
import json
import logging
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from dexkit.errors import ConfigError, InputError, TrainingError
from dexkit.evaluation.evaluate import evaluate_runs
from dexkit.evaluation.paired_runs import pair_runs
from dexkit.evaluation.runs import read_run
from dexkit.features.file import FeatureFile
from dexkit.features.schema import expression_path
from dexkit.hooks import plugins
from dexkit.models.bundle import Predictor
from dexkit.workflows.entrants import entrants
from dexkit.workflows.fit import fit
from dexkit.workflows.learning import learning_of
from dexkit.workflows.model_configs import model_configs
from dexkit.workflows.predict import predict
from dexkit.workflows.prepare import prepare
from dexkit.workflows.run_folder import RunFolder
from dexkit.workflows.run_tables import say_what_is_used
from dexkit.workflows.weights import Weights

BOTH = ("sequence", "contacts")
#: Genes that have no expression in beta.
GAPS = [2, 17, 31, 50]


@pytest.fixture(scope="module")
def gaps(built, tmp_path_factory) -> Path:
    """The file of 60 genes; four lack beta, and gamma has the contacts of beta alone."""
    path = Path(shutil.copy(built, tmp_path_factory.mktemp("samples") / "features.h5"))
    with h5py.File(path, "r+") as file:
        for kind in ("value", "raw"):
            values = file[expression_path("beta", kind)][()]
            values[GAPS] = np.nan
            file[expression_path("beta", kind)][...] = values
        file.copy("/contacts/beta", "/contacts/gamma")
    return path


@pytest.fixture(scope="module")
def several(config):
    """Options of a fit of two samples and two epochs."""

    def make(blocks=BOTH, train=None, **options):
        return config(blocks, {"epochs": 2} | (train or {}), sample="alpha,beta", **options)

    return make


@pytest.fixture(scope="module")
def run(gaps, several, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    fit(gaps, several(), out)
    return out


@pytest.fixture(scope="module")
def tasks(gaps, several, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("tasks") / "run"
    fit(gaps, several(head="multi-task"), out)
    return out


def read(run):
    return pd.read_csv(run / "predictions.tsv", sep="\t")


def history(run):
    with (run / "history.csv").open() as handle:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(handle)]


# --- rows ----------------------------------------------------------------------------------------


def test_every_gene_has_a_row_a_sample_and_all_are_in_one_part(run, gaps):
    table, features = read(run), FeatureFile(gaps)
    assert len(table) == 120
    for sample in ("alpha", "beta"):
        own = table[table["sample"] == sample]
        assert own.gene_id.tolist() == features.genes.gene_id.tolist()
        np.testing.assert_allclose(own.observed, features.expression(sample), rtol=1e-6)
    unmeasured = table[table.part == "unmeasured"]
    assert (unmeasured["sample"] == "beta").all()
    assert unmeasured.gene_id.tolist() == features.genes.gene_id[GAPS].tolist()
    assert table.predicted.notna().all()
    assert (table[table.part != "unmeasured"].groupby("gene_id").part.nunique() == 1).all()
    # The contacts tell the samples apart.
    assert not np.allclose(*(table.predicted[table["sample"] == s] for s in ("alpha", "beta")))


def test_what_is_missing_is_listed_by_sample(run, gaps, several, caplog):
    left_out = pd.read_csv(run / "left_out.tsv", sep="\t")
    assert list(left_out.columns) == ["gene_id", "gene_name", "sample", "reason"]
    assert left_out["sample"].tolist() == ["beta"] * len(GAPS)
    assert set(left_out.reason) == {"no expression of beta (predicted, not scored)"}
    features = FeatureFile(gaps)
    with caplog.at_level(logging.INFO, logger="dexkit"):
        say_what_is_used(features, prepare(features, several(), plugins()), 120)
    said = [m.rpartition("; ")[2] for m in caplog.messages[1:]]
    assert said == [f"{n} without expression take no part in the loss" for n in (0, len(GAPS))]
    assert "of 60 genes x 2 samples in the file 4 are predicted but not scored" in caplog.text


def test_statistics_are_those_of_the_training_rows_of_all_samples(gaps, several):
    features, job = FeatureFile(gaps), prepare(FeatureFile(gaps), several(), plugins())
    genes = np.unique(job.development % 60)
    assert not set(genes) & set(job.splits[0].test % 60)
    y = np.concatenate([features.expression(s)[genes] for s in ("alpha", "beta")])
    y = y[np.isfinite(y)]
    assert len(y) < 2 * len(genes)
    assert job.state == pytest.approx({"mean": y.mean(), "sd": y.std()})
    rows = [(s, g) for s in ("alpha", "beta") for g in genes]
    rows = [(s, g) for s, g in rows if np.isfinite(features.expression(s)[g])]
    signal = np.array([features.contacts(s)[0][g] for s, g in rows], dtype=float)
    seen = np.array([features.contacts(s)[1][g] for s, g in rows], dtype=bool)
    mean = np.where(seen, signal, 0).sum(0) / np.maximum(seen.sum(0), 1)
    np.testing.assert_allclose(job.normaliser.mean, mean, rtol=1e-6)


def test_streamed_rows_are_those_on_the_device(run, gaps, several, tmp_path):
    fit(gaps, several(train={"data": "stream"}), tmp_path / "run")
    for name in ("predictions.tsv", "metrics.json"):
        assert (tmp_path / "run" / name).read_bytes() == (run / name).read_bytes()


class Killed(BaseException):
    pass


def test_a_killed_fit_resumes_exactly(run, gaps, several, tmp_path, monkeypatch):
    original = RunFolder.add_epoch

    def add_epoch(self, *row):
        original(self, *row)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "add_epoch", add_epoch)
        with pytest.raises(Killed):
            fit(gaps, several(), tmp_path / "run")
    with pytest.raises(InputError, match="other options"):
        fit(
            gaps,
            several().model_copy(update={"sample": "beta,alpha"}),
            tmp_path / "run",
            resume=True,
        )
    fit(gaps, several(), tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "predictions.tsv").read_bytes() == (
        run / "predictions.tsv"
    ).read_bytes()
    assert history(tmp_path / "run") == history(run)


def test_baselines_stand_beside_sample_by_sample(gaps, config, tmp_path):
    """As in a run of that sample alone: the same genes, no row of another sample."""
    fit(gaps, config(plugin="ridge", sample="alpha"), tmp_path / "alone")
    fit(gaps, config(plugin="mean", sample="alpha,beta"), tmp_path / "both")
    table = read(tmp_path / "both")
    beside = table[table["sample"] == "alpha"]["baseline:ridge"].to_numpy()
    np.testing.assert_allclose(read(tmp_path / "alone").predicted, beside, atol=1e-6)


def test_a_baseline_of_several_samples(gaps, several, config, tmp_path):
    fit(gaps, config(BOTH, plugin="ridge", sample="alpha,beta"), tmp_path / "run")
    predict(tmp_path / "run", gaps, tmp_path / "p.tsv", "gamma")
    table, gamma = read(tmp_path / "run"), pd.read_csv(tmp_path / "p.tsv", sep="\t")
    beta = table[table["sample"] == "beta"].predicted
    np.testing.assert_allclose(gamma.predicted, beta, atol=1e-6)
    with pytest.raises(ConfigError, match="multi-task has an output for each sample, a baseline"):
        fit(gaps, several(plugin="ridge", head="multi-task"), tmp_path / "other")


def test_quantiles_of_each_sample(built, features, config, tmp_path):
    made = config(plugin="ridge", quantile_normalise=True, sample="beta,alpha")
    fit(built, made, tmp_path / "run")
    table = read(tmp_path / "run")
    maps = Predictor(tmp_path / "run").bundle.quantiles
    assert maps.samples == ("alpha", "beta")
    for sample in ("alpha", "beta"):
        alone = prepare(features, made.model_copy(update={"sample": sample}), plugins())
        np.testing.assert_array_equal(maps.maps[sample].target, alone.quantiles.target)
        own = table[table["sample"] == sample]
        np.testing.assert_allclose(own.observed, alone.observed, rtol=1e-6)


# --- scores --------------------------------------------------------------------------------------


def test_scores_of_each_sample_and_over_all(run, tmp_path):
    table = read(run)
    test = table[table.part == "test"]
    evaluation = evaluate_runs([run], n_bootstrap=100)
    assert evaluation.samples == ("alpha", "beta")
    assert evaluation.find("pearson").n == len(test)
    metrics = json.loads((run / "metrics.json").read_text())
    for sample in ("alpha", "beta"):
        own = test[test["sample"] == sample]
        r = float(np.corrcoef(own.observed, own.predicted)[0, 1])
        assert evaluation.find("pearson", scope=f"fold 0: {sample}").value == pytest.approx(r)
        stored = metrics["samples"][sample]
        assert stored["parts"]["test"]["densenet+dense-contacts"]["pearson"]["value"] == (
            pytest.approx(r)
        )
        assert stored["n"]["test"] == len(own)
    assert "scores over all samples include the differences between samples" in evaluation.notes[0]


def test_the_bootstrap_draws_genes_with_all_their_samples(run, tmp_path):
    """Every gene twice with the same values: the interval is that of the genes, not narrower."""
    table = read(run)
    once = table[table["sample"] == "alpha"].drop(columns="sample")
    twice = pd.concat([once.assign(sample=s) for s in ("alpha", "beta")])
    shutil.copytree(run, tmp_path / "twice")
    intervals = []
    for name, rows in (("once", once), ("twice", twice)):
        shutil.copytree(run, tmp_path / name, dirs_exist_ok=True)
        rows.to_csv(tmp_path / name / "predictions.tsv", sep="\t", index=False)
        score = evaluate_runs([tmp_path / name], n_bootstrap=400).find("rmse")
        intervals.append(score.high - score.low)
    assert intervals[1] == pytest.approx(intervals[0], rel=0.25)


def test_a_gene_twice_in_a_sample_is_refused(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    table = read(run)
    pd.concat([table, table[-1:]]).to_csv(
        tmp_path / "run" / "predictions.tsv", sep="\t", index=False
    )
    with pytest.raises(InputError, match=r"gene \S+ of beta occurs twice"):
        read_run(tmp_path / "run")


def test_the_report_and_the_command_show_each_sample(run, gaps, tmp_path):
    from dexkit.cli.app import app
    from dexkit.report.html import write_report

    shutil.copytree(run, tmp_path / "run")
    page = write_report(tmp_path / "run", n_bootstrap=100).read_text()
    assert "Pearson r by sample" in page
    assert re.search(r"test genes x 2 samples of alpha,beta", page)
    logger = logging.getLogger("dexkit")
    before = (logger.handlers[:], logger.level, logger.propagate)
    found = CliRunner().invoke(app, ["evaluate", str(run), "--bootstrap", "0"])
    fitted = CliRunner().invoke(
        app,
        [
            *("fit", str(gaps), "-o", str(tmp_path / "cli"), "--plugin", "mean", "--folds", "4"),
            *("--sample", "alpha", "--sample", "beta"),
        ],
    )
    logger.handlers[:], level, logger.propagate = before
    logger.setLevel(level)
    assert "by sample" in found.output
    assert fitted.exit_code == 0, fitted.output
    assert "mean on beta" in fitted.output
    assert read_run(tmp_path / "cli").samples == ("alpha", "beta")


# --- predict -------------------------------------------------------------------------------------


def test_predict_takes_the_contacts_of_any_sample(run, gaps, tmp_path, caplog):
    table = read(run)
    for sample in ("alpha", "beta", "gamma"):
        with caplog.at_level(logging.INFO, logger="dexkit"):
            predict(run, gaps, tmp_path / f"{sample}.tsv", sample)
        found = pd.read_csv(tmp_path / f"{sample}.tsv", sep="\t").predicted
        same = "beta" if sample == "gamma" else sample
        np.testing.assert_allclose(found, table[table["sample"] == same].predicted, atol=1e-6)
    new = [m for m in caplog.messages if "is new to the model, which was trained on" in m]
    assert new == ["sample gamma is new to the model, which was trained on alpha,beta"]
    with pytest.raises(
        InputError, match="a model of the samples alpha, beta; choose with --sample"
    ):
        predict(run, gaps, tmp_path / "x.tsv")


def test_predict_takes_the_output_of_the_sample(tasks, gaps, tmp_path):
    table = read(tasks)
    for sample in ("alpha", "beta"):
        predict(tasks, gaps, tmp_path / f"{sample}.tsv", sample)
        found = pd.read_csv(tmp_path / f"{sample}.tsv", sep="\t").predicted
        np.testing.assert_allclose(found, table[table["sample"] == sample].predicted, atol=1e-6)
    with pytest.raises(
        InputError, match="output for each of the samples alpha, beta, none for 'gam"
    ):
        predict(tasks, gaps, tmp_path / "x.tsv", "gamma")


def test_an_export_has_all_outputs(tasks, gaps, tmp_path):
    import tensorflow as tf

    from dexkit.workflows.export import export

    export(tasks, tmp_path / "model")
    described = json.loads((tmp_path / "model" / "export.json").read_text())["outputs"]["predicted"]
    assert described["shape"] == [2]
    assert "in this order: alpha,beta" in described["unit"]
    features = FeatureFile(gaps)
    signal, observed = features.contacts("beta")
    up, down, margin = features.window_bp
    serve = tf.saved_model.load(tmp_path / "model" / "member-0").signatures["serving_default"]
    found = serve(
        sequence=tf.constant(features.array("/sequence/codes")[:, margin : margin + up + down]),
        contacts=tf.constant(np.where(observed == 1, signal, np.nan)),
    )["predicted"]
    table = read(tasks)
    expected = table[table["sample"] == "beta"].predicted
    np.testing.assert_allclose(np.asarray(found)[:, 1], expected, atol=1e-5)


# --- multi-task ----------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_a_row_of_all_samples_weighs_as_much_as_the_rows_it_stands_for(gaps, several, weighted):
    """Without contacts one pass serves all samples; the loss is that of rows of one sample."""
    from dataclasses import replace

    features = FeatureFile(gaps)
    job = prepare(features, several(head="multi-task"), plugins())
    if weighted:
        weights = np.tile(np.random.default_rng(3).uniform(0.5, 2, 60), 2)
        job = replace(job, weights=Weights(weights.astype(np.float32), {}))
    split, names = job.splits[0], features.genes.gene_name
    apart = learning_of(job, split, names)
    together = learning_of(job, split, names, sequence_alone=True)
    outputs = np.random.default_rng(5).standard_normal((60, 2)).astype(np.float32)
    losses = []
    for learning, index in ((apart, apart.train), (together, together.train)):
        by_row = job.head.loss(learning.target[index], outputs[index % 60])
        weight = np.ones(120) if learning.weights is None else learning.weights
        losses.append(np.average(np.asarray(by_row), weights=weight[index]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert len(together.train) < len(apart.train) < 2 * len(together.train)
    missing = np.isnan(together.target[together.train])
    assert missing.sum() == 2 * len(together.train) - len(apart.train)
    assert not missing[:, 0].any()
    # Nothing of a test gene can be learnt.
    assert np.isnan(together.target[np.unique(split.test % 60)]).all()
    assert np.isnan(apart.target[split.test]).all()


def test_the_target_of_each_output_is_its_sample(tasks, gaps, several):
    features, job = (
        FeatureFile(gaps),
        prepare(FeatureFile(gaps), several(head="multi-task"), plugins()),
    )
    state = json.loads((tasks / "bundle.json").read_text())["head"]["state"]
    genes = np.unique(job.development % 60)
    for number, sample in enumerate(("alpha", "beta")):
        y = features.expression(sample)[genes]
        y = y[np.isfinite(y)]
        assert state["mean"][number] == pytest.approx(y.mean())
        assert state["sd"][number] == pytest.approx(y.std())


def test_multi_task_of_the_sequence_is_its_first_stage(gaps, several, config, tmp_path):
    """A gene is one row then, in `fit` and in the first of two stages."""
    fit(gaps, several(("sequence",), head="multi-task"), tmp_path / "one")
    fit(gaps, several(train={"recipe": "two-step"}, head="multi-task"), tmp_path / "two")
    one, two = read(tmp_path / "one"), read(tmp_path / "two")
    assert (one.predicted == two["baseline:sequence-only"]).all()
    # Outputs of their own: the samples differ although the input does not.
    assert not np.allclose(*(one.predicted[one["sample"] == s] for s in ("alpha", "beta")))


def test_a_model_of_the_sequence_says_that_it_cannot_tell_samples_apart(gaps, config, caplog):
    made = config(plugin="ridge", sample="alpha,beta")
    prepare(FeatureFile(gaps), made, plugins())
    assert "without contacts nothing tells alpha and beta apart" in caplog.text


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sample", "error", "message"),
    [
        ("alpha,alpha", ConfigError, "--sample names 'alpha' twice"),
        ("alpha,bta", InputError, "no expression of sample 'bta'; did you mean 'beta'"),
        ("alpha,", InputError, "no expression of sample ''"),
        (None, InputError, "choose with --sample: one, or several joined by commas"),
    ],
)
def test_samples_that_are_not_there(features, config, sample, error, message):
    with pytest.raises(error, match=message):
        prepare(features, config(plugin="ridge", sample=sample), plugins())


def changed(built, out, change):
    path = Path(shutil.copy(built, out))
    with h5py.File(path, "r+") as file:
        change(file)
    return FeatureFile(path)


def no_contacts(file):
    del file["/contacts/beta"]


def other_bins(file):
    file["/contacts/beta/signal"].attrs["bin_size_bp"] = 999


def other_pseudocount(file):
    file[expression_path("beta", "raw")].attrs["pseudocount"] = 0.5


def few_values(file):
    for kind in ("value", "raw"):
        file[expression_path("beta", kind)][4:] = np.nan


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (no_contacts, InputError, "has no contacts of sample 'beta', but of others of alpha, beta"),
        (other_bins, InputError, "contacts of alpha and beta differ: 21 bins, .*999"),
        (other_pseudocount, InputError, r"different pseudocounts \(alpha: 1.0, beta: 0.5\)"),
        (few_values, TrainingError, "sample beta: [0-2] genes of the [a-z]+ part have all"),
    ],
)
def test_samples_that_do_not_go_together(built, config, tmp_path, change, error, message):
    features = changed(built, tmp_path / "f.h5", change)
    with pytest.raises(error, match=message):
        prepare(features, config(BOTH, plugin="ridge", sample="alpha,beta"), plugins())
    if change is no_contacts:
        job = prepare(features, config(plugin="ridge", sample="alpha,beta"), plugins())
        assert job.contract.blocks == ("sequence",)


def test_inputs_are_altered_sample_by_sample(built):
    configs = model_configs(None, {"sample": "alpha,beta"}, ("ridge", "linear"))
    with pytest.raises(ConfigError, match="--sample alpha,beta is one model of several samples"):
        entrants(built, configs, "sequence", "contacts")


def test_a_run_of_several_samples_is_not_one_of_one(run):
    several = read_run(run)
    with pytest.raises(InputError, match="a run of the samples alpha,beta, in which a gene has"):
        pair_runs({"one": [several], "two": [several]})
    alpha, beta = several.by_sample()
    assert (alpha.sample, beta.sample) == ("alpha", "beta")
    assert len(alpha.predictions) + len(beta.predictions) == len(several.predictions)
    assert alpha.by_sample() == (alpha,)


def test_baselines_beside_a_head_with_an_output_for_each_sample_have_one():
    overrides = {"sample": "alpha,beta", "head": "multi-task"}
    network, ridge = model_configs(None, overrides, ("densenet+dense-contacts", "ridge"))
    assert (network.head, ridge.head) == ("multi-task", None)
