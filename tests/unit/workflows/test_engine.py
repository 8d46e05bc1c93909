"""What a fit shows and estimates, and whether an installation is sound."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from toy import listing

from dexkit.errors import ConfigError
from dexkit.training.config import TrainConfig
from dexkit.training.display import live_line
from dexkit.workflows import doctor
from dexkit.workflows.dry_run import dry_run
from dexkit.workflows.fit import fit
from dexkit.workflows.predict import predict


def test_dry_run_writes_nothing_and_counts(built, config, features):
    before = listing(built.parent)
    found = dry_run(built, config(train={"epochs": 7, "ensemble": 3}))
    assert listing(built.parent) == before
    assert found.n_parameters > found.n_trainable > 500
    assert found.steps == -(-found.n_train // 16)
    assert found.seconds == pytest.approx(found.step_seconds * found.steps * 7 * 3)
    assert found.data_mb == pytest.approx(
        features.array("/sequence/codes").nbytes / 2**20, abs=0.01
    )
    text = found.text()
    for part in ("motif_scan", f"parameters: {found.n_parameters:,}", "nothing was written"):
        assert part in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (3.21, "3.2 s"), (61, "61 s"), (600, "10 min")]
)
def test_durations(seconds, text):
    from dexkit.workflows.dry_run import _duration

    assert _duration(seconds) == text


def test_bf16_is_used_and_kept(built, config, tmp_path):
    """A model that was trained in bfloat16 predicts the same when it is loaded again."""
    import keras
    import pandas as pd

    fit(
        built, config(train={"precision": "bf16", "epochs": 1, "tensorboard": True}), tmp_path / "r"
    )
    assert keras.config.dtype_policy().name == "float32"
    predict(tmp_path / "r", built, tmp_path / "p.tsv")
    again = pd.read_csv(tmp_path / "p.tsv", sep="\t").predicted
    first = pd.read_csv(tmp_path / "r" / "predictions.tsv", sep="\t").predicted
    np.testing.assert_allclose(again, first, atol=1e-6)
    model = keras.models.load_model(tmp_path / "r" / "model.keras", compile=False)
    inner = [layer for layer in model.get_layer("densenet").layers if layer.weights]
    assert {layer.compute_dtype for layer in inner} == {"bfloat16"}
    assert model.layers[-1].compute_dtype == "float32"
    assert_events(tmp_path / "r")


def test_xla_compiles_the_whole_network(built, config, tmp_path):
    """Max-pooling and all; a network that it cannot compile is one sentence."""
    import tensorflow as tf

    from dexkit.training.loop import Loop

    fit(built, config(train={"xla": True, "epochs": 1}), tmp_path / "a")
    fit(built, config(train={"epochs": 1}), tmp_path / "b")
    losses = [(tmp_path / n / "history.csv").read_text().splitlines()[1].split(",") for n in "ab"]
    assert float(losses[0][3]) == pytest.approx(float(losses[1][3]), rel=1e-2)

    def refused(*_):
        raise tf.errors.InvalidArgumentError(None, None, "Detected unsupported operations")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "steps", refused)
        with pytest.raises(ConfigError, match=r"XLA cannot compile .*unsupported.*leave --xla out"):
            fit(built, config(train={"xla": True, "epochs": 1}), tmp_path / "c")


def assert_events(run):
    """The event file holds the history, a scalar a column."""
    import pandas as pd
    import tensorflow as tf

    (path,) = (run / "tensorboard" / "member-0").iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            found[value.tag, event.step] = value.simple_value
    history = pd.read_csv(run / "history.csv")
    for column in ("loss", "val_loss", "learning_rate"):
        assert found[column, 0] == pytest.approx(history[column][0], rel=1e-5)


def test_the_live_line(monkeypatch, capsys):
    row = {"epoch": 0, "loss": 0.5, "val_loss": 0.25, "val_pearson": 0.75}
    with live_line("network 1/2", TrainConfig(epochs=2)) as watcher:
        watcher.on_steps(0, 2, 60, [0.5])
        watcher.on_epoch(row)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    with live_line("network 1/2", TrainConfig(epochs=2)) as watcher:
        for losses in ([0.5], [0.5, 0.375]):
            watcher.on_steps(0, 2, 60, losses)
        watcher.on_epoch(row)
    shown = capsys.readouterr().err
    for part in ("network 1/2", "loss 0.375", "genes/s", "epoch 1", "val 0.250 r 0.750", "left"):
        assert part in shown


def test_a_job_without_a_terminal_says_now_and_then_how_far_it_is(monkeypatch):
    said = []
    clock = iter([0.0, 30.0, 40.0, 50.0, 101.0])
    display = "dexkit.training.display"
    monkeypatch.setattr(f"{display}.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setattr(f"{display}.logger", SimpleNamespace(info=lambda *args: said.append(args)))
    with live_line("network 1/2", TrainConfig(epochs=5)) as watcher:
        restored = {"epoch": 0, "loss": 0.5, "val_loss": 0.25, "val_pearson": 0.75}
        watcher.on_epoch(restored)
        watcher.on_steps(1, 2, 62, [0.5])
        for epoch in (1, 2):
            watcher.on_epoch(restored | {"epoch": epoch})
    # Behind the first step 1.5 epochs of 62 genes took 61 s; two are left.
    assert [text % tuple(values) for text, *values in said] == [
        "network 1/2: epoch 3 of 5, loss 0.500, val 0.250 r 0.750, 2 genes/s, at most 1 min left"
    ]


# --- doctor --------------------------------------------------------------------------------------


def test_installation_names_broken_plugins(monkeypatch):
    from dataclasses import replace

    from dexkit.hooks import plugins
    from dexkit.hooks.registry import PluginFailure

    sound = doctor.installation()
    assert sound["plugins"].endswith(" loaded, 0 failed")
    assert sound["CPU devices"] != "none"
    assert "openmp" in sound["kernels"]
    failure = PluginFailure("attn", "dexkit-attn", "1.0", "no module 'x'", ImportError("x"))
    broken = replace(plugins(), failures=[failure])
    monkeypatch.setattr(doctor, "plugins", lambda: broken)
    assert doctor.installation()["plugin attn"] == "failed: no module 'x'"


def test_one_replica_cannot_be_compared():
    with pytest.raises(ConfigError, match="compares several replicas with one, but got one"):
        doctor.compare_replicas(TrainConfig(device="cpu", strategy="one", devices="1"))


@pytest.mark.parametrize("size", [1e-6, 0.3])
def test_the_verdict(monkeypatch, size):
    from typer.testing import CliRunner

    from dexkit.cli.app import app

    differences = (doctor.Difference("losses", 1e-7), doctor.Difference("weights", size))
    made = doctor.Comparison("two", 2, 20, differences)
    monkeypatch.setattr(doctor, "compare_replicas", lambda config: made)
    done = CliRunner().invoke(app, ["doctor", "--distributed"])
    assert f"weights: largest relative difference {size:.1e}" in done.stdout
    if size > 0.1:
        assert done.exit_code == 2
        assert "2 replicas do not compute what one computes: weights differ" in done.stderr
    else:
        assert done.exit_code == 0
        assert "they agree" in done.stdout


def test_statistics_of_a_part_of_the_batch_are_found_out(monkeypatch):
    """The comparison sees what synchronised batch normalisation prevents."""
    import tensorflow as tf

    from dexkit.training.moments import GlobalMoments

    one = tf.distribute.OneDeviceStrategy("/cpu:0")
    right = doctor._train(one)

    def half(self, layer, inputs, mask):
        return tf.nn.moments(inputs[:7], layer._reduction_axes)

    monkeypatch.setattr(GlobalMoments, "_moments", half)
    wrong = doctor._train(one)
    found = [doctor.Difference(n, doctor._difference(wrong[n], right[n])) for n in right]
    assert not any(difference.agrees for difference in found)
