"""Exported models: the same predictions from TensorFlow alone; what predict and export refuse."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from toy import build, listing
from typer.testing import CliRunner

from dexkit.cli.app import app
from dexkit.errors import InputError, OutputError, PluginError
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES, observed_path, signal_path
from dexkit.hooks import plugins
from dexkit.models.bundle import Predictor
from dexkit.workflows.export import export
from dexkit.workflows.fit import fit
from dexkit.workflows.predict import predict

GOLDEN = Path(__file__).parents[2] / "golden"
RUN, FEATURES = GOLDEN / "run_v1", GOLDEN / "feature_file_v1.h5"
SERVED = """
import sys
import numpy as np
import tensorflow as tf

folder, arrays, out = sys.argv[1:]
with np.load(arrays) as file:
    inputs = {name: tf.constant(file[name]) for name in file.files}
served = tf.saved_model.load(folder).signatures["serving_default"](**inputs)
assert not any(name.startswith("dexkit") for name in sys.modules)
np.save(out, served["predicted"].numpy())
"""


def arrays_of(features, sample):
    """What an exported model takes, of a feature file."""
    margin = features.window_bp[2]
    signal, observed = features.contacts(sample)
    return {
        "sequence": features.array(CODES)[:, margin:-margin],
        "contacts": np.where(observed, signal, np.nan).astype(np.float32),
    }


def in_this_process(folder, inputs):
    import tensorflow as tf

    served = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return served(**{k: tf.constant(v) for k, v in inputs.items()})["predicted"].numpy()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    out = tmp_path_factory.mktemp("export") / "model"
    done = CliRunner().invoke(app, ["model", "export", str(RUN), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "member-0 (SavedModel), export.json" in done.stdout
    return out


def test_tensorflow_alone_predicts_the_same(exported, tmp_path):
    features = FeatureFile(shutil.copy(FEATURES, tmp_path / "f.h5"))
    with h5py.File(features.path, "r+") as file:
        file[observed_path("alpha")][:6, :] = 0  # some that nobody measured
    features = FeatureFile(features.path)
    np.savez(tmp_path / "in.npz", **arrays_of(features, "alpha"))
    paths = [exported / "member-0", tmp_path / "in.npz", tmp_path / "out.npy"]
    command = [sys.executable, "-I", "-c", SERVED, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(tmp_path / "out.npy")
    expected = Predictor(RUN).predict(features, "alpha").mean
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    # Nothing is lost on the way: both inputs count, and NaN is not signal 0.
    inputs = arrays_of(features, "alpha")
    zeros = inputs | {"contacts": np.nan_to_num(inputs["contacts"])}
    reverse = inputs | {"sequence": inputs["sequence"][:, ::-1]}
    for other in (zeros, reverse):
        assert np.abs(in_this_process(exported / "member-0", other) - found).max() > 1e-3


def test_the_description_says_what_goes_in_and_out(exported):
    found = json.loads((exported / "export.json").read_text())
    assert found["inputs"]["sequence"]["shape"] == [200]
    assert found["inputs"]["contacts"] | {"meaning": ""} == {
        "shape": [13],
        "dtype": "float32",
        "meaning": "",
    }
    assert found["outputs"]["predicted"]["unit"].startswith("log10(raw + pseudocount)")
    assert found["members"] == ["member-0"]
    # The golden bundle is older than some of the keys, which then say nothing.
    stored = json.loads((RUN / "bundle.json").read_text())["contract"]
    nothing = {
        "balance": None,
        "kinds": None,
        "columns": {"loops": None, "other_samples": {}},
        "versions": {},
    }
    assert found["contract"] == nothing | stored


def test_every_member_of_an_ensemble(whole_run, features, tmp_path):
    summary = export(whole_run, tmp_path / "model")
    assert summary.members == ("member-0", "member-1")
    inputs = arrays_of(features, "alpha")
    members = [in_this_process(tmp_path / "model" / name, inputs) for name in summary.members]
    expected = Predictor(whole_run).predict(features, "alpha")
    np.testing.assert_allclose(np.mean(members, axis=0), expected.mean, atol=1e-5)
    np.testing.assert_allclose(np.std(members, axis=0), expected.sd, atol=1e-5)


STATES = {
    "regression": {"mean": 1.5, "sd": 0.7},
    "classification": {"threshold": 1.0, "high_share": 0.4},
    "poisson": {"mean": 20.0, "dispersion": 3.0, "pseudocount": 0.5},
    "negative-binomial": {"mean": 20.0, "dispersion": 0.4, "pseudocount": 1.0},
    "multi-task": {"mean": [1.5, 0.2], "sd": [0.7, 0.4]},
}


@pytest.mark.parametrize("name", sorted(plugins().heads))
def test_heads_decode_tensors_as_they_decode_arrays(name):
    entry = plugins().head(name)
    head = entry.build(entry.config())
    output = np.random.default_rng(2).normal(0, 9, (40, 2)).astype(np.float32)
    tensor = head.decode_tensor(output, STATES[name])
    np.testing.assert_allclose(np.asarray(tensor), head.decode(output, STATES[name]), rtol=1e-12)


# --- what export refuses -------------------------------------------------------------------------


def test_only_networks_are_exported(built, config, tmp_path):
    fit(built, config(plugin="mean"), tmp_path / "run")
    with pytest.raises(InputError, match="baseline 'mean'; only networks can be exported"):
        export(tmp_path / "run", tmp_path / "model")


def test_a_head_without_decode_tensor_is_named(tmp_path, monkeypatch):
    from dexkit_heads.heads import RegressionHead

    monkeypatch.delattr(RegressionHead, "decode_tensor")
    with pytest.raises(PluginError, match="head 'regression' has no method decode_tensor"):
        export(RUN, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_force_replaces_exports_and_nothing_else(exported, tmp_path, monkeypatch):
    out = Path(shutil.copytree(exported, tmp_path / "model"))
    with pytest.raises(OutputError, match="exists; give another name or --force"):
        export(RUN, out)
    (tmp_path / "other").mkdir()
    with pytest.raises(OutputError, match="is no export of dexkit"):
        export(RUN, tmp_path / "other", force=True)
    before = listing(out)
    with monkeypatch.context() as patch:
        patch.setattr("dexkit.workflows.export._description", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export(RUN, out, force=True)
    assert listing(out) == before
    export(RUN, out, force=True)
    assert listing(out).keys() == before.keys()
    assert listing(out) != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "other"]


# --- what predict refuses ------------------------------------------------------------------------

FITTING = {
    "upstream_bp": 120,
    "downstream_bp": 80,
    "margin_bp": 10,
    "settings": {"contacts": {"n_flank_bins": 6, "flip_minus": True}},
}


def bins(**options):
    return {"settings": {"contacts": FITTING["settings"]["contacts"] | options}}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"upstream_bp": 121, "downstream_bp": 79}, "upstream_bp is 121"),
        ({"downstream_bp": 81}, "downstream_bp is 81"),
        (bins(n_flank_bins=7), "n_bins is 15"),
        (bins(right_inclusive=False), "n_bins is 12"),
        (bins(bin_size_bp=4000), "'bin_size_bp': 4000"),
        (bins(flip_minus=False), "'flip_minus': False"),
        (bins(keep_self=False), "'keep_self': False"),
        (bins(normalisation="cpm"), "contacts is .*'normalisation': 'log2"),
        ({"contacts": ()}, "no contacts of sample 'alpha', which the model needs"),
    ],
)
def test_predict_refuses_a_file_that_does_not_fit(simulated, tmp_path, options, match):
    other = build(simulated, tmp_path / "o.h5", **(FITTING | options))
    with pytest.raises(InputError, match=match):
        predict(RUN, other, tmp_path / "p.tsv")
    assert not (tmp_path / "p.tsv").exists()


def test_predict_takes_a_file_that_fits(simulated, tmp_path):
    other = build(simulated, tmp_path / "o.h5", **(FITTING | {"margin_bp": 3}))
    assert predict(RUN, other, tmp_path / "p.tsv").n_genes == 60
    assert pd.read_csv(tmp_path / "p.tsv", sep="\t").predicted.notna().all()


@pytest.mark.parametrize(
    ("path", "name", "value", "match"),
    [
        (CODES, "orientation", "plus", "sequence is .*'orientation': 'plus'"),
        (CODES, "alphabet", "TGCA", "sequence is .*'alphabet': 'TGCA'"),
        (signal_path("alpha"), "normalisation", "log10(x)", r"contacts is .*'log10\(x\)'"),
    ],
)
def test_predict_refuses_arrays_of_another_meaning(tmp_path, path, name, value, match):
    other = Path(shutil.copy(FEATURES, tmp_path / "o.h5"))
    with h5py.File(other, "r+") as file:
        file[path].attrs[name] = value
    with pytest.raises(InputError, match=f"{match}.*but the model was trained with"):
        predict(RUN, other, tmp_path / "p.tsv")


@pytest.mark.parametrize(
    ("block", "path"), [("sequence", CODES), ("contacts", signal_path("alpha"))]
)
def test_predict_refuses_blocks_of_another_version(tmp_path, block, path):
    other = Path(shutil.copy(FEATURES, tmp_path / "o.h5"))
    with h5py.File(other, "r+") as file:
        file[path].attrs["block_version"] = 2
    message = f"block '{block}' is of version 2, but the model was trained with version 1"
    with pytest.raises(InputError, match=message):
        predict(RUN, other, tmp_path / "p.tsv")
    assert not (tmp_path / "p.tsv").exists()


def test_predict_refuses_another_sample(tmp_path):
    with pytest.raises(InputError, match=r"no contacts of sample 'alphas'.*did you mean 'alpha'"):
        predict(RUN, FEATURES, tmp_path / "p.tsv", "alphas")
