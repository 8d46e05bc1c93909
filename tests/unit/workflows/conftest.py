from pathlib import Path

import pytest
from toy import SMALL_CONTACTS, SMALL_DENSENET, build

from dexkit.features.file import FeatureFile
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig

#: Baselines that tests fit as the model: they take no options of networks.
BASELINES = ("ridge", "mean", "logistic", "loop-sum", "loop-number", "copy-mean", "copy-best")


@pytest.fixture(autouse=True)
def no_report(monkeypatch):
    """Reports have their own tests; drawing one takes as long as a small training."""
    monkeypatch.setattr("dexkit.workflows.fit.write_report", lambda run: run / "report.html")


@pytest.fixture(scope="session")
def built(simulated, tmp_path_factory) -> Path:
    return build(simulated, tmp_path_factory.mktemp("workflows") / "features.h5")


@pytest.fixture(scope="session")
def features(built) -> FeatureFile:
    return FeatureFile(built)


def small_config(blocks=("sequence",), train=None, settings=None, **options):
    sizes = {
        "sequence": ("densenet", SMALL_DENSENET),
        "contacts": ("dense-contacts", SMALL_CONTACTS),
    }
    values = {
        "sample": "alpha",
        "blocks": blocks,
        "split": {"folds": 4},
        "train": {"epochs": 3, "batch_size": 16, "shift_bp": 10, "device": "cpu"} | (train or {}),
        "settings": dict(sizes[block] for block in blocks) | (settings or {}),
    }
    if options.get("plugin") in BASELINES:
        values["settings"] = settings or {}
    return FitConfig.read(None, values | options)


@pytest.fixture(scope="session")
def config():
    """Options of a fit that takes a second or two."""
    return small_config


@pytest.fixture(scope="session")
def whole_run(built, tmp_path_factory) -> Path:
    """An uninterrupted fit with contacts and two networks."""
    out = tmp_path_factory.mktemp("whole") / "run"
    fit(built, small_config(("sequence", "contacts"), {"ensemble": 2}), out)
    return out
