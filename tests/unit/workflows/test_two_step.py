"""Two-step training: the sequence part first, carried over, then everything."""

import csv
import json
import logging
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tomli_w

from dexkit.errors import ConfigError, PluginError
from dexkit.hooks import plugins
from dexkit.training.display import live_line
from dexkit.training.strategy import make_strategy
from dexkit.workflows.dry_run import dry_run
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.networks import fit_networks
from dexkit.workflows.prepare import prepare
from dexkit.workflows.run_folder import RunFolder

BOTH = ("sequence", "contacts")
TWO = {"recipe": "two-step", "epochs": 2}


def read(run):
    return pd.read_csv(run / "predictions.tsv", sep="\t")


def history(run):
    with (run / "history.csv").open() as handle:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(handle)]


@pytest.fixture(scope="module")
def run(built, config, tmp_path_factory):
    """Two networks, trained in two stages of two epochs."""
    out = tmp_path_factory.mktemp("two-step") / "run"
    fit(built, config(BOTH, TWO | {"ensemble": 2}), out)
    return out


def test_the_history_tells_the_stages_apart(run):
    rows = [(r["member"], r["stage"], r["epoch"]) for r in history(run)]
    assert rows == [
        (member, stage, epoch)
        for member in "01"
        for stage in ("sequence", "joint")
        for epoch in "01"
    ]


def test_the_first_stage_is_a_fit_of_the_sequence_alone(run, built, config, tmp_path):
    """To the last digit: same genes, same seeds; and it stands beside the baselines."""
    fit(built, config(train={"epochs": 2, "ensemble": 2}), tmp_path / "alone")
    alone, both = read(tmp_path / "alone"), read(run)
    assert (alone.part == both.part).all()
    column = both["baseline:sequence-only"]
    pd.testing.assert_series_equal(column, alone.predicted, check_exact=True, check_names=False)
    assert not np.allclose(both.predicted, column)
    first = [r for r in history(run) if r["stage"] == "sequence"]
    keys = ("member", "epoch", "loss", "val_loss")
    assert [[r[k] for k in keys] for r in first] == [
        [r[k] for k in keys] for r in history(tmp_path / "alone")
    ]
    scores = [json.loads((p / "metrics.json").read_text()) for p in (run, tmp_path / "alone")]
    assert scores[0]["parts"]["test"]["sequence-only"] == scores[1]["parts"]["test"]["densenet"]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_a_killed_training_resumes_exactly(run, built, config, tmp_path, monkeypatch, n_rows):
    """In the first stage, between the two, and in the second."""
    original = RunFolder.add_epoch

    def add_epoch(self, *row):
        original(self, *row)
        if len(self._history) == n_rows:
            raise Killed

    made = config(BOTH, TWO | {"ensemble": 2})
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "add_epoch", add_epoch)
        with pytest.raises(Killed):
            fit(built, made, tmp_path / "run")
    fit(built, made, tmp_path / "run", resume=True)
    for name in ("predictions.tsv", "metrics.json"):
        assert (tmp_path / "run" / name).read_bytes() == (run / name).read_bytes()
    assert history(tmp_path / "run") == history(run)
    assert not list((tmp_path / "run" / "checkpoints").iterdir())


@pytest.mark.slow
def test_two_replicas_train_both_stages_as_one_does(built, config, tmp_path):
    """Without dropout; on the command line, since devices are set before TensorFlow starts."""
    still = {"densenet": {"block_dropout": 0, "dense_dropout": 0}, "dense-contacts": {"dropout": 0}}
    sizes = config(BOTH).settings
    settings = {name: sizes[name] | still[name] for name in sizes}
    made = config(BOTH, TWO, settings)
    path = tmp_path / "config.toml"
    path.write_text(tomli_w.dumps(made.model_dump(mode="json", exclude_none=True)))
    code = "import sys; from dexkit.cli.app import app; sys.argv[0] = 'dexkit'; app()"
    options = ["--config", path, "--training", "two-step", "--devices", "2"]
    command = [sys.executable, "-c", code, "fit", built, "-o", tmp_path / "two", *options]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    fit(built, made, tmp_path / "one")
    a, b = read(tmp_path / "two"), read(tmp_path / "one")
    for column in ("predicted", "baseline:sequence-only"):
        np.testing.assert_allclose(a[column], b[column], atol=2e-3)
    assert [r["stage"] for r in history(tmp_path / "two")] == ["sequence"] * 2 + ["joint"] * 2


# --- what the second stage starts from and what moves ---------------------------------------------


def trained(features, config, **train):
    made = config(BOTH, TWO | train)
    job = prepare(features, made, plugins())
    strategy = make_strategy(made.train)
    found = fit_networks(strategy, None, job, made, features.genes.gene_name, live_line)
    ((alone,), (both,)) = found.sequence_models, found.models
    return [m.get_layer("densenet").trainable_variables for m in (alone, both)], both


def moved(pair):
    return max(
        float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in zip(*pair, strict=True)
    )


@pytest.mark.parametrize(
    "options", [{"sequence_rate": 0}, {"freeze_epochs": 2}], ids=["rate 0", "frozen"]
)
def test_a_frozen_sequence_part_keeps_the_weights_of_the_first_stage(features, config, options):
    pair, both = trained(features, config, **options)
    assert moved(pair) == 0
    assert float(np.abs(np.asarray(both.get_layer("expression").bias)).max()) > 0


def test_rate_and_freezing_bound_how_far_the_sequence_part_moves(features, config):
    """RMSprop moves a weight by at most rate / sqrt(0.1) a step, and less later."""
    options = {"optimizer": "rmsprop", "schedule": "constant", "patience": 2}
    far = moved(trained(features, config, sequence_rate=1, **options)[0])
    near = moved(trained(features, config, sequence_rate=0.01, **options)[0])
    assert 0 < near < far / 20
    frozen_first = trained(features, config, sequence_rate=1, freeze_epochs=1, **options)[0]
    assert moved(frozen_first) < far


def test_weights_are_carried_over_by_name_or_order():
    import keras
    from keras import layers

    from dexkit.models.assembly import carry_over

    def encoder(units=(3, 2), names=("a", "b")):
        stack = [layers.Dense(n, name=name) for n, name in zip(units, names, strict=True)]
        return keras.Sequential([keras.Input((4,)), *stack, layers.Dropout(0.5)])

    def kernels(layer):
        return [np.asarray(v) for v in layer.weights]

    source = encoder()
    for target in (encoder(), encoder(names=(None, None))):
        carry_over(source, target)
        for a, b in zip(kernels(source), kernels(target), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(PluginError, match="came out with other weights when it was built"):
        carry_over(source, encoder(units=(3, 5)))


# --- what it goes with ---------------------------------------------------------------------------


@pytest.mark.parametrize("block", BOTH)
def test_two_steps_need_two_blocks(features, config, block):
    with pytest.raises(ConfigError, match=f"--training two-step .* uses the block '{block}' alone"):
        prepare(features, config((block,), TWO), plugins())


def test_a_preset_of_two_steps_goes_with_one_block(features, caplog):
    values = {"preset": "densenet-paper", "sample": "alpha", "split": {"folds": 4}}
    assert prepare(features, FitConfig.read(None, values), plugins()).recipe == "two-step"
    with caplog.at_level(logging.INFO, logger="dexkit"):
        one = FitConfig.read(None, values | {"blocks": ("sequence",)})
        assert prepare(features, one, plugins()).recipe == "joint"
    assert "preset densenet-paper: one block, sequence, trains in one step" in caplog.messages


def test_options_without_effect_are_said(features, config, caplog):
    with caplog.at_level(logging.WARNING, logger="dexkit"):
        prepare(features, config(BOTH, {"freeze_epochs": 3}), plugins())
    assert "no effect without --training two-step: train.freeze_epochs" in caplog.messages


def test_a_stored_run_keeps_its_recipe(run, built, config, tmp_path, monkeypatch):
    assert FitConfig.read(run / "config.toml", {}).train.recipe == "two-step"
    # What the preset could not know is settled: the run of one block goes on, as one.
    made = FitConfig.read(
        None,
        {
            "preset": "densenet-paper",
            "sample": "alpha",
            "blocks": ("contacts",),
            "split": {"folds": 4},
            "train": {"epochs": 1, "batch_size": 16, "device": "cpu"},
        },
    )
    fit(built, made, tmp_path / "one")
    stored = FitConfig.read(tmp_path / "one" / "config.toml", {})
    assert (stored.train.recipe, stored.preset) == ("joint", None)
    assert {r["stage"] for r in history(tmp_path / "one")} == {"joint"}


def test_dry_run_times_both_stages(built, config):
    found = dry_run(built, config(BOTH, TWO | {"epochs": 3}))
    assert found.first_stage_step_seconds > 0
    both = found.step_seconds + found.first_stage_step_seconds
    assert found.seconds == pytest.approx(both * found.steps * 3)
    assert "ms for the sequence part alone)" in found.text()
    assert "dense-contacts" in found.model or "dense_contacts" in found.model
    # The table is drawn whole: the last of its columns too.
    assert "Connected to" in found.model
    assert all(line.endswith("│") for line in found.model.splitlines() if line.startswith("│"))


def test_the_report_draws_the_stages_apart(run):
    from dexkit.report.draw import _learning, read_history

    drawing = _learning("regression", read_history(run / "history.csv"))
    losses = drawing.figure.axes[0]
    curves = [line for line in losses.get_lines() if len(line.get_xdata()) > 1]
    assert len(curves) == 2 * 2 * 2  # networks, stages, training and validation
    assert "two stages" in drawing.caption
