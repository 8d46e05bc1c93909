"""The fit workflow: what is written, what a seed fixes, what labels can reach."""

import csv
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from labels import permuted_labels
from typer.testing import CliRunner

from dexkit.errors import ConfigError, InputError, StoppedError
from dexkit.features.file import FeatureFile
from dexkit.features.schema import expression_path
from dexkit.hooks import plugins
from dexkit.models.bundle import Predictor
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.predict import predict
from dexkit.workflows.prepare import prepare
from dexkit.workflows.run_folder import RunFolder

BOTH = ("sequence", "contacts")


def read(run):
    return pd.read_csv(run / "predictions.tsv", sep="\t", keep_default_na=False, na_values=[""])


def history(run):
    """The rows of history.csv without their wall time."""
    with (run / "history.csv").open() as handle:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(handle)]


class Killed(Exception):
    pass


def killed_after(monkeypatch, n_rows):
    """Make a fit die right behind its n-th row of history, before the next epoch."""
    original = RunFolder.add_epoch

    def add_epoch(self, *row):
        original(self, *row)
        if len(self._history) == n_rows:
            raise Killed

    monkeypatch.setattr(RunFolder, "add_epoch", add_epoch)


# --- what is written -----------------------------------------------------------------------------


def test_run_folder(whole_run, features):
    table = read(whole_run)
    assert list(table.columns[:9]) == [
        *("gene_id", "gene_name", "chrom", "tss", "strand"),
        *("part", "observed", "predicted", "predicted_sd"),
    ]
    assert [c for c in table.columns if c.startswith("baseline:")] == [
        "baseline:copy-best",
        "baseline:copy-mean",
        "baseline:mean",
        "baseline:ridge",
    ]
    # There is one other sample: both copy it.
    for name in ("copy-mean", "copy-best"):
        np.testing.assert_allclose(
            table[f"baseline:{name}"], features.expression("beta"), rtol=1e-6, err_msg=name
        )
    assert table.gene_id.tolist() == features.genes.gene_id.tolist()
    np.testing.assert_allclose(table.observed, features.expression("alpha"), rtol=1e-6)
    assert table.predicted.notna().all()
    assert (table.predicted_sd >= 0).all()
    assert table.predicted_sd.max() > 0
    metrics = json.loads((whole_run / "metrics.json").read_text())
    parts = table.part.value_counts().to_dict()
    assert metrics["n"]["test"] == parts["test"]
    assert metrics["split"]["ensemble"] == 2
    assert {r["member"] for r in history(whole_run)} == {"0", "1"}
    assert (whole_run / "left_out.tsv").read_text().startswith("gene_id\tgene_name\treason\n")
    assert not [p.name for p in whole_run.rglob("*partial*")]


def test_test_chromosomes_are_the_test_part(whole_run):
    table = read(whole_run)
    chroms = json.loads((whole_run / "metrics.json").read_text())["split"]["test_chroms"]
    assert set(table.chrom[table.part == "test"]) == set(chroms)
    assert set(table.part[table.chrom.isin(chroms)]) == {"test"}


def test_an_ensemble_is_the_mean_of_its_members(whole_run, features):
    predictor = Predictor(whole_run)
    assert len(predictor._members) == 2
    both = predictor.predict(features, "alpha")
    single = []
    for member in predictor._members:
        predictor._members = [member]
        alone = predictor.predict(features, "alpha")
        assert alone.sd is None
        single.append(alone.mean)
    np.testing.assert_allclose(both.mean, np.mean(single, axis=0), atol=1e-12)
    np.testing.assert_allclose(both.sd, np.std(single, axis=0), atol=1e-12)
    assert not np.allclose(*single)


def test_config_of_a_run_starts_the_same_run(whole_run, config):
    again = FitConfig.read(whole_run / "config.toml", {})
    given = config(BOTH, {"ensemble": 2})
    assert (again.train, again.split, again.plugin) == (given.train, given.split, given.plugin)
    assert again.blocks == BOTH
    for plugin, options in given.settings.items():
        assert options.items() <= again.settings[plugin].items()
    # Written out in full: defaults that were not given, and the baselines that stand beside it.
    assert again.settings["densenet"]["norm_momentum"] == 0.9
    assert again.settings["ridge"]["k"] == 4
    other = FitConfig.read(whole_run / "config.toml", {"train": {"epochs": 9, "seed": None}})
    assert other.train.epochs == 9
    assert other.train.ensemble == 2


# --- predict -------------------------------------------------------------------------------------


def test_predict_on_the_same_file_gives_the_same_predictions(whole_run, built, tmp_path):
    summary = predict(whole_run, built, tmp_path / "p.tsv")
    again = pd.read_csv(tmp_path / "p.tsv", sep="\t")
    table = read(whole_run)
    assert again.gene_id.tolist() == table.gene_id.tolist()
    np.testing.assert_allclose(again.predicted, table.predicted, atol=1e-6)
    np.testing.assert_allclose(again.predicted_sd, table.predicted_sd, atol=1e-6)
    seen = set(table.gene_id[table.part.isin(["train", "validation"])])
    assert (again.seen_in_training == "yes").tolist() == [g in seen for g in again.gene_id]
    assert summary.n_seen == len(seen)


def test_predict_takes_any_rows_in_any_batches(whole_run, features):
    predictor = Predictor(whole_run)
    every = predictor.predict(features, "alpha").mean
    some = predictor.predict(features, "alpha", np.array([7, 3, 3]), batch_size=2).mean
    np.testing.assert_allclose(some, every[[7, 3, 3]], atol=1e-6)


def test_predict_another_sample(whole_run, built, tmp_path):
    """Contacts of beta give other predictions; a sample without contacts is refused."""
    for sample in ("alpha", "beta"):
        predict(whole_run, built, tmp_path / f"{sample}.tsv", sample)
    a, b = (pd.read_csv(tmp_path / f"{s}.tsv", sep="\t").predicted for s in ("alpha", "beta"))
    assert not np.allclose(a, b)
    with pytest.raises(InputError, match=r"no contacts of sample 'bet'.*did you mean 'beta'"):
        predict(whole_run, built, tmp_path / "x.tsv", "bet")


@pytest.mark.parametrize("plugin", ["ridge", "mean"])
def test_a_baseline_as_the_model(built, config, tmp_path, plugin):
    run = tmp_path / "run"
    fit(built, config(BOTH, plugin=plugin), run)
    table = read(run)
    assert f"baseline:{plugin}" not in table
    assert table.predicted_sd.isna().all()
    predict(run, built, tmp_path / "p.tsv")
    again = pd.read_csv(tmp_path / "p.tsv", sep="\t")
    np.testing.assert_allclose(again.predicted, table.predicted, atol=1e-6)
    assert json.loads((run / "bundle.json").read_text())["kind"] == "baseline"


def test_the_log_names_the_samples_that_a_baseline_copies(built, config, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="dexkit"):
        fit(built, config(("sequence",), plugin="copy-best"), tmp_path / "run")
    (line,) = [m for m in caplog.messages if m.startswith("baseline copy-best")]
    assert '"column": 0' in line
    assert line.endswith("; columns: 0 beta")


def test_a_baseline_beside_a_network_is_the_baseline_alone(whole_run, built, config, tmp_path):
    fit(built, config(BOTH, plugin="ridge"), tmp_path / "run")
    np.testing.assert_allclose(
        read(tmp_path / "run").predicted, read(whole_run)["baseline:ridge"], atol=1e-6
    )


def test_a_baseline_gets_the_same_blocks_in_fit_and_predict(
    built, features, config, tmp_path, monkeypatch
):
    """A baseline that reads contacts alone must never be shown the sequence."""
    from dataclasses import replace

    registered = plugins().baselines["ridge"]
    narrow = replace(registered, entry=replace(registered.entry, blocks=("contacts",)))
    monkeypatch.setitem(plugins().baselines, "ridge", narrow)
    fit(built, config(BOTH, plugin="ridge"), tmp_path / "run")
    predictor = Predictor(tmp_path / "run")
    assert predictor._members[0]._n_features == 21
    assert np.isfinite(predictor.predict(features, "alpha").mean).all()
    with pytest.raises(ConfigError, match="'ridge' reads the blocks contacts, of which this run"):
        fit(built, config(plugin="ridge"), tmp_path / "other")
    assert not (tmp_path / "other").exists()
    # As a companion it simply is not there.
    fit(built, config(plugin="mean"), tmp_path / "mean")
    assert "baseline:ridge" not in read(tmp_path / "mean")


@pytest.mark.parametrize("plugin", ["loop-sum", "loop-number", "copy-mean", "copy-best"])
def test_numbers_of_a_gene_as_the_model(built, features, config, tmp_path, plugin):
    """Baselines on loops or on other samples predict from the file what the fit predicted."""
    fit(built, config(BOTH, plugin=plugin), tmp_path / "run")
    table = read(tmp_path / "run")
    predictor = Predictor(tmp_path / "run")
    np.testing.assert_allclose(
        predictor.predict(features, "alpha").mean, table.predicted, atol=1e-6
    )
    kept = json.loads((tmp_path / "run" / "features.json").read_text())["sha256"]
    loops = plugin.startswith("loop")
    assert ("/contacts/alpha/loop_sum" in kept) == loops
    assert "/expression/beta/value" in kept  # the copies stand beside every model
    contract = predictor.bundle.contract
    assert contract.columns.names == (("loops",) if loops else ("other-samples",))
    if loops:
        x = np.log2(1 + features.array(f"/contacts/alpha/{plugin.replace('-', '_')}"))
        assert abs(np.corrcoef(x, table.predicted)[0, 1]) == pytest.approx(1, abs=1e-4)
        with pytest.raises(ConfigError, match=f"'{plugin}' reads the blocks loops, of which this"):
            fit(built, config(plugin=plugin), tmp_path / "other")


def test_copies_are_in_the_units_of_a_normalised_sample(built, features, config, tmp_path):
    fit(built, config(plugin="copy-best", quantile_normalise=True), tmp_path / "run")
    table = read(tmp_path / "run")
    development = table.part.isin(["train", "validation"]).to_numpy()
    # Among the genes that the maps are learnt from, both samples have one distribution.
    np.testing.assert_allclose(
        np.sort(table.predicted[development]), np.sort(table.observed[development]), atol=0.02
    )
    assert not np.allclose(table.predicted, features.expression("beta"), atol=1e-3)
    again = Predictor(tmp_path / "run").predict(features, "alpha").mean
    np.testing.assert_allclose(again, table.predicted, atol=1e-6)


def test_classification(built, config, tmp_path, features):
    from dexkit.hooks import parse_settings

    settings = parse_settings(["logistic.inner_folds=3", "logistic.k=2"])
    sizes = config().settings
    fit(built, config(head="classification", settings=sizes | settings), tmp_path / "run")
    table = read(tmp_path / "run")
    state = json.loads((tmp_path / "run" / "bundle.json").read_text())["head"]["state"]
    y = features.expression("alpha")
    development = table.part.isin(["train", "validation"]).to_numpy()
    assert state["threshold"] == pytest.approx(float(np.median(y[development])))
    assert table.observed.tolist() == (y > state["threshold"]).astype(float).tolist()
    for column in ("predicted", "baseline:logistic", "baseline:prior"):
        assert table[column].between(0, 1).all()
    assert table["baseline:prior"].nunique() == 1
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["task"] == "classification"
    assert set(metrics["parts"]["test"]) == {"densenet", "logistic", "prior"}


# --- unmeasured and unobserved genes -------------------------------------------------------------


@pytest.fixture
def with_gaps(built, tmp_path):
    """Five genes without expression, and chr2 without contacts."""
    path = Path(shutil.copy(built, tmp_path / "gaps.h5"))
    features = FeatureFile(path)
    dark = np.flatnonzero(features.genes.chrom == features.genes.chrom[20])
    with h5py.File(path, "r+") as file:
        for kind in ("value", "raw"):
            values = file[expression_path("alpha", kind)]
            values[:5] = np.nan
        file["/contacts/alpha/observed"][dark[0] : dark[-1] + 1] = 0
        file["/contacts/alpha/signal"][dark[0] : dark[-1] + 1] = 0
    return path, dark


def test_unmeasured_genes_are_predicted_and_unobserved_ones_left_out(with_gaps, config, tmp_path):
    path, dark = with_gaps
    fit(path, config(BOTH, plugin="ridge", split={"folds": 3}), tmp_path / "run")
    table = read(tmp_path / "run")
    assert len(table) == 60 - len(dark)
    unmeasured = table[table.part == "unmeasured"]
    assert len(unmeasured) == 5
    assert unmeasured.observed.isna().all()
    assert unmeasured.predicted.notna().all()
    left_out = pd.read_csv(tmp_path / "run" / "left_out.tsv", sep="\t")
    assert left_out.reason.value_counts().to_dict() == {
        "no contacts of alpha were measured on its chromosome": len(dark),
        "no expression of alpha (predicted, not scored)": 5,
    }


def test_unobserved_genes_can_be_kept(with_gaps, config, tmp_path):
    path, _ = with_gaps
    fit(path, config(BOTH, plugin="ridge", unobserved="keep"), tmp_path / "run")
    assert len(read(tmp_path / "run")) == 60


# --- labels --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"head": "classification"},
        {"plugin": "ridge"},
        {"plugin": "ridge", "quantile_normalise": True},
    ],
    ids=["network", "classification", "baseline", "quantiles"],
)
def test_test_labels_reach_nothing(built, config, tmp_path, options):
    """Shuffled, rescaled labels of the test genes change no prediction, to the last bit."""
    settings = {} if "head" not in options else {"logistic": {"inner_folds": 3, "k": 2}}
    plain = options.get("plugin") is None
    sizes = config(BOTH).settings if plain else {}
    made = config(BOTH, settings=sizes | settings, train={"epochs": 2}, **options)
    fit(built, made, tmp_path / "a")
    chroms = json.loads((tmp_path / "a" / "metrics.json").read_text())["split"]["test_chroms"]
    fit(permuted_labels(built, tmp_path / "p.h5", chroms), made, tmp_path / "b")
    a, b = read(tmp_path / "a"), read(tmp_path / "b")
    assert (a.part == b.part).all()
    assert not (a.observed == b.observed).all()
    if "quantile_normalise" in options:
        quantiles = [
            json.loads((tmp_path / run / "bundle.json").read_text())["quantiles"] for run in "ab"
        ]
        assert quantiles[0] == quantiles[1]
    for column in a.columns[a.columns.str.match("predicted|baseline")]:
        pd.testing.assert_series_equal(a[column], b[column], check_exact=True)
    if (tmp_path / "a" / "history.csv").exists():
        assert history(tmp_path / "a") == history(tmp_path / "b")


def test_statistics_come_from_training_and_validation_genes(features, config):
    job = prepare(features, config(BOTH), plugins())
    y = features.expression("alpha")[job.development]
    assert job.state == {"mean": float(np.mean(y)), "sd": float(np.std(y))}
    signal, observed = features.contacts("alpha")
    seen = observed[job.development].astype(bool)
    expected = np.where(seen, signal[job.development], 0).sum(0) / np.maximum(seen.sum(0), 1)
    np.testing.assert_allclose(job.normaliser.mean, expected, rtol=1e-6)
    assert not set(job.development) & set(job.splits[0].test)


def test_quantile_normalisation(built, features, config, tmp_path):
    """The target has the mean distribution of both samples; the bundle holds the map."""
    made = config(plugin="ridge", quantile_normalise=True)
    fit(built, made, tmp_path / "run")
    job = prepare(features, made, plugins())
    both = np.stack([features.expression(name)[job.development] for name in ("alpha", "beta")])
    measured = np.isfinite(both).all(axis=0)
    assert measured.sum() == job.quantiles.n_genes
    reference = np.sort(both[:, measured], axis=1).mean(axis=0)
    values, n_equal = np.unique(both[0, measured], return_counts=True)
    alone = n_equal[np.searchsorted(values, np.sort(both[0, measured]))] == 1
    assert alone.sum() > 30  # ties take the mean over their ranks; tested by hand elsewhere
    normalised = np.sort(job.observed[job.development][measured])
    np.testing.assert_allclose(normalised[alone], reference[alone], rtol=1e-12)
    np.testing.assert_allclose(read(tmp_path / "run").observed, job.observed, rtol=1e-6)
    predictor = Predictor(tmp_path / "run")
    np.testing.assert_array_equal(predictor.bundle.quantiles.source, job.quantiles.source)
    np.testing.assert_array_equal(predictor.bundle.quantiles.target, job.quantiles.target)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["expression"].startswith("quantile-normalised across alpha, beta")
    digests = json.loads((tmp_path / "run" / "bundle.json").read_text())["features"]["sha256"]
    assert {expression_path("alpha"), expression_path("beta")} <= set(digests)


def test_classes_are_not_quantile_normalised(features, config):
    made = config(head="classification", quantile_normalise=True)
    with pytest.raises(ConfigError, match="--quantile-normalise does not go with the head"):
        prepare(features, made, plugins())


# --- seeds and resume ----------------------------------------------------------------------------


def test_one_seed_one_table(whole_run, built, config, tmp_path):
    fit(built, config(BOTH, {"ensemble": 2}), tmp_path / "again")
    fit(built, config(BOTH, {"ensemble": 2, "seed": 1}), tmp_path / "other")
    whole = (whole_run / "predictions.tsv").read_bytes()
    assert (tmp_path / "again" / "predictions.tsv").read_bytes() == whole
    assert (tmp_path / "other" / "predictions.tsv").read_bytes() != whole
    for name in ("metrics.json", "config.toml", "left_out.tsv"):
        assert (tmp_path / "again" / name).read_bytes() == (whole_run / name).read_bytes()
    assert history(tmp_path / "again") == history(whole_run)


@pytest.mark.parametrize("n_rows", [3, 4])
def test_a_killed_fit_resumes_exactly(whole_run, built, config, tmp_path, monkeypatch, n_rows):
    """Killed between the two networks, and in the second."""
    made = config(BOTH, {"ensemble": 2})
    with monkeypatch.context() as patch:
        killed_after(patch, n_rows)
        with pytest.raises(Killed):
            fit(built, made, tmp_path / "run")
    assert not (tmp_path / "run" / "bundle.json").exists()
    fit(built, made, tmp_path / "run", resume=True)
    resumed = (tmp_path / "run" / "predictions.tsv").read_bytes()
    assert resumed == (whole_run / "predictions.tsv").read_bytes()
    assert history(tmp_path / "run") == history(whole_run)
    metrics = [(r / "metrics.json").read_bytes() for r in (tmp_path / "run", whole_run)]
    assert metrics[0] == metrics[1]


def test_resume_with_other_options_or_data_is_refused(built, config, tmp_path, monkeypatch):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        killed_after(patch, 1)
        with pytest.raises(Killed):
            fit(built, config(), run)
    before = {p.name: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    for other in (
        config(train={"seed": 1}),
        config(train={"epochs": 4}),
        config(plugin="densenet:paper"),
        config(settings=config().settings | {"ridge": {"k": 2}}),
    ):
        with pytest.raises(InputError, match=r"started with other options \(config.toml differs\)"):
            fit(built, other, run, resume=True)
    changed = permuted_labels(built, tmp_path / built.name, ["chr1"])
    with h5py.File(changed, "r+") as file:
        file[expression_path("alpha")].attrs["sha256"] = "0" * 64
    with pytest.raises(InputError, match="started on another feature file"):
        fit(changed, config(), run, resume=True)
    assert {p.name: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before


def test_force_replaces_a_run_that_was_killed_at_once(built, config, tmp_path, monkeypatch):
    """Between the first and the second file of the folder."""
    run = tmp_path / "run"

    def die(*args, **kwargs):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("dexkit.workflows.run_folder.tomli_w.dumps", die)
        with pytest.raises(Killed):
            fit(built, config(plugin="mean"), run)
    assert [p.name for p in run.iterdir() if p.is_file()] == ["features.json"]
    with pytest.raises(InputError, match="nothing to resume"):
        fit(built, config(plugin="mean"), run, resume=True)
    fit(built, config(plugin="mean"), run, force=True)
    assert (run / "bundle.json").exists()


def resumed_on_the_command_line(run, *options):
    """The run alone says which data and options."""
    from dexkit.cli.app import app

    logger = logging.getLogger("dexkit")
    before = (logger.handlers[:], logger.level, logger.propagate)
    done = CliRunner().invoke(app, ["fit", "--resume", str(run), *options])
    logger.handlers[:], level, logger.propagate = before
    logger.setLevel(level)
    assert done.exit_code == 0, (done.output, done.exception)
    assert f"report: {run / 'report.html'}" in done.stdout


KILLED_FIT = """
import os, signal, sys
from pathlib import Path
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig
from dexkit.training.loop import Loop

built, out, source = map(Path, sys.argv[1:4])
signal_name, at = sys.argv[4], int(sys.argv[5])
original = Loop.steps
seen = []

def steps(self, plan, rate, done=()):
    for losses in original(self, plan, rate, done):
        seen.append(losses[-1])
        if len(seen) == at:
            os.kill(os.getpid(), getattr(signal, signal_name))
        yield losses

Loop.steps = steps
config = FitConfig.read(source, {"train": {"checkpoint_steps": 1}})
from dexkit.cli.app import app
import dexkit.workflows.fit_config as fit_config
fit_config.FitConfig.read = lambda *_: config
sys.argv = ["dexkit", "fit", str(built), "-o", str(out)]
app()
"""


@pytest.mark.parametrize(
    ("name", "at", "code"), [("SIGKILL", 9, -signal.SIGKILL), ("SIGTERM", 5, 143)]
)
def test_a_signal_in_an_epoch(whole_run, built, tmp_path, name, at, code):
    """Stopped in one process, resumed in another: the predictions of the uninterrupted run."""
    out = tmp_path / "run"
    arguments = [built, out, whole_run / "config.toml", name, at]
    command = [sys.executable, "-c", KILLED_FIT, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=180)
    assert done.returncode == code, done.stderr[-2000:]
    assert list((out / "checkpoints").glob("member-*.npz"))
    if name == "SIGTERM":
        assert "--resume" in done.stderr
        assert "Traceback" not in done.stderr
    # Where and how the run is executed may change.
    if name == "SIGTERM":
        resumed_on_the_command_line(out, "--checkpoint-steps", "7", "--data", "stream")
    else:
        fit(built, FitConfig.read(out / "config.toml", {}), out, resume=True)
    assert (out / "predictions.tsv").read_bytes() == (whole_run / "predictions.tsv").read_bytes()
    assert history(out) == history(whole_run)
    assert not list((out / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("where", "said", "left"),
    [
        ("prepare", "nothing was written", False),
        ("fit_baseline", "go on with dexkit fit --resume .*run", True),
    ],
)
def test_sigterm_outside_the_training_of_a_network(
    built, config, tmp_path, monkeypatch, where, said, left
):
    run, before = tmp_path / "run", signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr(
            f"dexkit.workflows.fit.{where}", lambda *_: os.kill(os.getpid(), signal.SIGTERM)
        )
        with pytest.raises(StoppedError, match=f"stopped by SIGTERM; {said}") as caught:
            fit(built, config(plugin="mean"), run)
    assert caught.value.sigterm
    assert signal.getsignal(signal.SIGTERM) is before
    assert run.exists() is left
    fit(built, config(plugin="mean"), run, resume=left)
    assert (run / "bundle.json").exists()


def test_a_full_disk_in_a_fit_leaves_what_can_be_resumed(built, config, tmp_path, monkeypatch):
    import errno

    from dexkit.errors import OutputError

    original = np.savez
    calls = []

    def savez(handle, **arrays):
        calls.append(1)
        if len(calls) == 2:
            handle.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        original(handle, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", savez)
        with pytest.raises(OutputError, match="disk is full"):
            fit(built, config(), tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*partial*"))
    fit(built, config(), tmp_path / "run", resume=True)
    assert len(history(tmp_path / "run")) == 3
