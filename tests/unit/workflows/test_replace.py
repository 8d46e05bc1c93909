"""A run that ``--force`` replaces is kept until the new one is finished."""

import numpy as np
import pytest
from toy import listing

from dexkit.errors import ConfigError, TrainingError
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig


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
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "run.failed"]


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
