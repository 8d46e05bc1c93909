"""Run folders of every bundle version stay usable: they load and predict what they predicted."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dexkit.errors import FormatError, InputError, PluginError
from dexkit.evaluation.evaluate import evaluate_runs
from dexkit.features.file import FeatureFile
from dexkit.models.bundle import BUNDLE_VERSION, Predictor
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.predict import predict

HERE = Path(__file__).parent
FEATURES = HERE / "feature_file_v1.h5"
VERSIONS = range(1, BUNDLE_VERSION + 1)


def golden(version):
    return HERE / f"run_v{version}"


@pytest.fixture
def copied(tmp_path):
    """A copy of the newest run, and a function that changes its bundle."""
    run = Path(shutil.copytree(golden(BUNDLE_VERSION), tmp_path / "run"))

    def change(edit):
        bundle = json.loads((run / "bundle.json").read_text())
        edit(bundle)
        (run / "bundle.json").write_text(json.dumps(bundle))
        return run

    return change


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_a_small_run(version):
    assert sum(path.stat().st_size for path in golden(version).iterdir()) < 200_000
    stored = json.loads((golden(version) / "bundle.json").read_text())
    assert stored["bundle_version"] == version


@pytest.mark.parametrize("version", VERSIONS)
def test_it_predicts_what_it_predicted(version, tmp_path):
    predict(golden(version), FEATURES, tmp_path / "p.tsv")
    found, kept = (
        pd.read_csv(path, sep="\t")
        for path in (tmp_path / "p.tsv", golden(version) / "predicted.tsv")
    )
    np.testing.assert_allclose(found.predicted, kept.predicted, rtol=0, atol=1e-5)
    pd.testing.assert_frame_equal(found.drop(columns="predicted"), kept.drop(columns="predicted"))
    # And what the fit itself said, which no saved file has been between.
    table = pd.read_csv(golden(version) / "predictions.tsv", sep="\t")
    np.testing.assert_allclose(found.predicted, table.predicted, rtol=0, atol=1e-5)
    assert found.predicted.std() > 1e-3


@pytest.mark.parametrize("version", VERSIONS)
def test_its_other_files_are_read(version):
    evaluation = evaluate_runs([golden(version)], n_bootstrap=20)
    assert "sequence-only" in evaluation.baselines
    config = FitConfig.read(golden(version) / "config.toml", {})
    assert (config.train.recipe, config.sample) == ("two-step", "alpha")


def test_a_bundle_of_before_some_keys_is_read(copied):
    def older(bundle):
        del bundle["quantiles"], bundle["contract"]["sequence"]

    predictor = Predictor(copied(older))
    assert predictor.bundle.quantiles is None
    features = FeatureFile(FEATURES)
    assert predictor.bundle.contract.check(features, "alpha") == []
    kept = pd.read_csv(golden(BUNDLE_VERSION) / "predicted.tsv", sep="\t").predicted
    np.testing.assert_allclose(predictor.predict(features, "alpha").mean, kept, atol=1e-5)


def newer(bundle):
    bundle["bundle_version"] = BUNDLE_VERSION + 1
    bundle["versions"]["dexkit"] = "9.8"


def other_bins(bundle):
    bundle["normaliser"]["mean"].append(0.0)


def no_normaliser(bundle):
    bundle["normaliser"] = None


def no_plugin(bundle):
    bundle["parts"][0]["name"] = "densnet"


@pytest.mark.parametrize(
    ("edit", "error", "match"),
    [
        (newer, FormatError, r"bundle version 2 is newer .* by dexkit 9\.8; install that version"),
        (other_bins, FormatError, "damaged bundle .*the normaliser has 14 bins, the contract 13"),
        (no_normaliser, FormatError, "damaged bundle .*the normaliser has 0 bins, the contract 13"),
        (lambda b: b.pop("contract"), FormatError, "damaged bundle .*contract"),
        (no_plugin, PluginError, "'densnet'.*did you mean 'densenet'"),
    ],
)
def test_a_bundle_that_cannot_be_used_is_refused(copied, edit, error, match):
    with pytest.raises(error, match=match):
        Predictor(copied(edit))


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is not the one that was saved"),
        (lambda path: path.unlink(), "model file model.keras is missing"),
    ],
)
def test_another_model_file_is_refused(copied, damage, match):
    run = copied(lambda bundle: None)
    damage(run / "model.keras")
    with pytest.raises(FormatError, match=match):
        Predictor(run)


def test_an_unfinished_run_is_refused(copied):
    run = copied(lambda bundle: None)
    (run / "bundle.json").unlink()
    with pytest.raises(InputError, match=r"no finished fit .*fit --resume"):
        Predictor(run)
