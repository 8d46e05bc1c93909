"""A run that ``--force`` replaces is kept until the new one is finished."""

import numpy as np
import pytest
from toy import SMALL_DENSENET, listing

from dexkit.errors import ConfigError, OutputError, TrainingError
from dexkit.hooks import plugins
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.prepare import prepare
from dexkit.workflows.run_folder import RunFolder


def ridge(**overrides):
    return FitConfig.read(
        None, {"plugin": "ridge", "sample": "alpha", "split": {"folds": 3}, **overrides}
    )


def test_a_failed_replacement_puts_the_earlier_run_back(built, tmp_path, monkeypatch):
    run = tmp_path / "run"
    fit(built, ridge(), run)
    before = listing(run)

    def stop(*_args, **_kwargs):
        raise TrainingError("stopped on purpose")

    monkeypatch.setattr("dexkit.workflows.fit.fit_baseline", stop)
    with pytest.raises(TrainingError, match="on purpose"):
        fit(built, ridge(), run, force=True)
    assert listing(run) == before
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_failed_replacement_with_checkpoints_is_kept_beside_it(built, tmp_path, monkeypatch):
    run = tmp_path / "run"
    fit(built, ridge(), run)
    before = listing(run)

    def stop(_job, _entry, _config):
        (run / "checkpoints" / "member-0-1.npz").touch()
        raise TrainingError("stopped on purpose")

    monkeypatch.setattr("dexkit.workflows.fit.fit_baseline", stop)
    with pytest.raises(TrainingError, match="on purpose"):
        fit(built, ridge(), run, force=True)
    assert listing(run) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "run.failed"]


@pytest.mark.parametrize("plugin", ["logistic", "densenet"])
def test_a_fit_that_a_baseline_refuses_leaves_nothing(built, features, tmp_path, plugin, caplog):
    """As the model, and beside a network: before that is trained."""
    part = prepare(features, ridge(), plugins()).development
    high = float(np.sort(features.expression("alpha")[part])[-2])
    settings = {"classification": {"threshold": high}}
    if plugin == "densenet":
        settings["densenet"] = SMALL_DENSENET
    options = {"head": "classification", "blocks": ("sequence",), "settings": settings}
    made = ridge(plugin=plugin, train={"device": "cpu"}, **options)
    with pytest.raises(TrainingError, match="a class has 1 training gene; expected at least 2"):
        fit(built, made, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    assert "epoch" not in caplog.text


def test_a_folder_that_cannot_be_written_whole_is_removed(built, tmp_path, monkeypatch):
    """The disk fills up between the first and the second file; the earlier run comes back."""
    run = tmp_path / "run"
    fit(built, ridge(), run)
    before = listing(run)
    original = RunFolder.write

    def write(self, name, content):
        if name == "config.toml":
            raise OutputError("the disk is full")
        original(self, name, content)

    monkeypatch.setattr(RunFolder, "write", write)
    for out, force in ((tmp_path / "new", False), (run, True)):
        with pytest.raises(OutputError, match="disk is full"):
            fit(built, ridge(), out, force=force)
    assert listing(run) == before
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_finished_replacement_leaves_one_run(built, tmp_path):
    run = tmp_path / "run"
    fit(built, ridge(), run)
    fit(built, ridge(settings={"ridge": {"k": 2}}), run, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert FitConfig.read(run / "config.toml", {}).settings["ridge"]["k"] == 2
    assert list((run / "checkpoints").iterdir()) == []


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"head": "classification"}, "does not go with the baseline 'ridge'"),
        ({"train": {"device": "gpu"}}, "'ridge' runs on the CPU only"),
        ({"train": {"learning_rate": np.inf}}, "learning_rate"),
    ],
)
def test_options_that_do_not_fit_a_baseline_are_refused(built, tmp_path, overrides, message):
    with pytest.raises(ConfigError, match=message):
        fit(built, ridge(**overrides), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_training_options_without_effect_are_said(built, tmp_path, caplog):
    fit(built, ridge(train={"epochs": 3}), tmp_path / "run")
    assert "no effect on the baseline ridge: epochs" in caplog.text


def test_resume_and_force_are_refused_together(built, tmp_path):
    with pytest.raises(ConfigError, match="contradict each other"):
        fit(built, ridge(), tmp_path / "run", force=True, resume=True)
