"""Presets of fit: what wins over what, which encoders take part, what a run stores."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from toy import SMALL_DENSENET, build

from dexkit.errors import ConfigError, PluginError
from dexkit.features.file import FeatureFile
from dexkit.hooks import plugins
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.predict import predict
from dexkit.workflows.prepare import prepare

SMALL_2019 = {
    "densenet-2019": {"stem_filters": 4, "layers_per_block": 1, "growth_rate": 2, "dense_units": 8},
    "contacts-2019": {"units_per_bin": 3, "units": 4},
}


def read(preset, path=None, **overrides):
    values = {"preset": preset, "sample": "alpha", "split": {"folds": 4}}
    return FitConfig.read(path, values | overrides)


def encoders(features, config):
    return [(e.name, c) for e, c in prepare(features, config, plugins()).encoders]


# --- what a preset sets ---------------------------------------------------------------------------


def test_the_default_is_the_preset_densenet(features):
    given = {"train": {"shift_bp": 10}}
    preset, default = read("densenet", **given), read(None, **given)
    assert preset.train == default.train
    assert encoders(features, preset) == encoders(features, default)
    assert [name for name, _ in encoders(features, default)] == ["densenet", "dense-contacts"]


def test_densenet_paper_is_what_the_text_says(features):
    config = read("densenet-paper")
    train = config.train
    assert (train.optimizer, train.batch_size) == ("rmsprop", 4)
    assert (train.epochs, train.patience) == (60, 5)
    assert train.joint_units == ()
    (name, sequence), (other, contacts) = encoders(features, config)
    assert (name, other) == ("densenet", "dense-contacts")
    registry = plugins()
    # The values are the encoders' own presets and nothing else.
    for chosen, values in ((name, sequence), (other, contacts)):
        entry = registry.encoder(chosen)
        assert values == entry.config(**entry.presets["paper"])
    assert (sequence.layers_per_block, sequence.dense_units) == (4, (80, 40, 40))
    assert (contacts.units, contacts.dropout) == ((80, 40), 0.5)


def test_densenet_2019_is_what_the_code_does(features):
    config = read("densenet-2019")
    train = config.train
    assert (train.optimizer, train.learning_rate, train.batch_size) == ("rmsprop", 1e-5, 8)
    assert (train.epochs, train.patience, train.schedule) == (5000, 15, "constant")
    assert (train.joint_units, train.joint_dropout) == ((80, 40), 0.5)
    assert config.settings == {"regression": {"output": "relu"}}
    assert [name for name, _ in encoders(features, config)] == ["densenet-2019", "contacts-2019"]


def test_file_and_options_win_over_a_preset(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(
        'preset = "densenet-paper"\n[train]\nepochs = 7\nbatch_size = 6\n'
        "[settings.densenet]\ndense_dropout = 0.2\n"
    )
    config = FitConfig.read(path, {"train": {"batch_size": 9, "epochs": None}})
    assert (config.train.epochs, config.train.batch_size, config.train.patience) == (7, 9, 5)
    assert config.settings["densenet"] == {"dense_dropout": 0.2}
    other = FitConfig.read(path, {"preset": "densenet-2019"})
    assert (other.train.epochs, other.train.patience) == (7, 15)


@pytest.mark.parametrize("blocks", [("sequence",), ("contacts",)])
def test_encoders_of_blocks_that_are_not_used_are_passed_over(features, blocks):
    [(name, _)] = encoders(features, read("densenet-2019", blocks=blocks))
    assert name == {"sequence": "densenet-2019", "contacts": "contacts-2019"}[blocks[0]]


def test_plugin_replaces_the_encoder_of_its_block(features):
    config = read("densenet-2019", plugin="densenet:paper")
    assert [name for name, _ in encoders(features, config)] == ["densenet", "contacts-2019"]


def test_settings_of_a_preset_do_not_bind_another_head(features):
    job = prepare(features, read("densenet-2019", head="classification"), plugins())
    assert job.head.task == "classification"
    with pytest.raises(ConfigError, match="'logistic' takes no part in this run"):
        prepare(features, read("densenet-2019", settings={"logistic": {"k": 2}}), plugins())


@pytest.mark.parametrize(
    ("encoders", "message"),
    [
        ({"sequences": "densenet"}, "no encoder reads a block 'sequences'; did you mean 'sequence"),
        ({"sequence": "dense-contacts"}, "encoders.sequence is 'dense-contacts'; expected one"),
        ({"sequence": "ridge"}, "encoders.sequence is 'ridge'; expected one encoder"),
        ({"sequence": "densenet:2019"}, "no preset '2019'"),
    ],
)
def test_bad_encoders(features, encoders, message):
    config = FitConfig.read(None, {"sample": "alpha", "encoders": encoders})
    with pytest.raises(ConfigError, match=message):
        prepare(features, config, plugins())


def test_an_unknown_preset():
    with pytest.raises(
        PluginError,
        match=r"no preset is called 'densnet'; did you mean 'densenet'\? "
        r"\(known: densenet, densenet-2019, densenet-paper\)",
    ):
        read("densnet")


# --- fits ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(built, tmp_path_factory):
    out = tmp_path_factory.mktemp("published") / "run"
    config = read("densenet-2019", settings=SMALL_2019, train={"epochs": 2, "device": "cpu"})
    fit(built, config, out)
    return out


def test_a_run_stores_the_values_of_its_preset(published, built, tmp_path):
    again = FitConfig.read(published / "config.toml", {})
    assert again.preset is None
    assert again.encoders == {"sequence": "densenet-2019", "contacts": "contacts-2019"}
    assert (again.train.learning_rate, again.train.joint_dropout) == (1e-5, 0.5)
    assert again.settings["regression"]["output"] == "relu"
    assert again.settings["densenet-2019"]["layers_per_block"] == 1
    fit(built, again, tmp_path / "again")
    tables = [
        pd.read_csv(run / "predictions.tsv", sep="\t").predicted
        for run in (published, tmp_path / "again")
    ]
    pd.testing.assert_series_equal(*tables)
    assert (tables[0] >= 0).all()


def test_a_run_with_a_preset_and_another_head_goes_on(built, tmp_path, monkeypatch, caplog):
    """The settings that the preset brings for its own head must not keep a run from resuming."""

    class Killed(Exception):
        pass

    def die(*args, **options):
        raise Killed

    config = read(
        "densenet-2019",
        blocks=("sequence",),
        head="classification",
        settings={"densenet-2019": SMALL_2019["densenet-2019"], "logistic": {"k": 2}},
        train={"epochs": 1, "device": "cpu"},
    )
    with monkeypatch.context() as patch:
        patch.setattr("dexkit.workflows.fit.predict_members", die)
        with pytest.raises(Killed):
            fit(built, config, tmp_path / "run")
    with caplog.at_level(logging.INFO, logger="dexkit"):
        fit(built, config, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "bundle.json").is_file()
    assert "preset densenet-2019; config.toml" in (tmp_path / "run" / "log.jsonl").read_text()


@pytest.mark.parametrize("head", ["poisson", "negative-binomial"])
def test_counts_are_learnt_and_log10_is_reported(simulated, tmp_path, head):
    features = build(simulated, tmp_path / "f.h5", pseudocount=0.5)
    config = read(
        None,
        blocks=("sequence",),
        head=head,
        settings={"densenet": SMALL_DENSENET},
        train={"epochs": 2, "batch_size": 16, "shift_bp": 10, "device": "cpu"},
    )
    run = tmp_path / "run"
    metrics = fit(features, config, run).metrics
    table = pd.read_csv(run / "predictions.tsv", sep="\t")
    file = FeatureFile(features)
    # Observed values and baselines stay in log10 units.
    np.testing.assert_allclose(table.observed, file.expression("alpha"), rtol=1e-6)
    assert abs(table["baseline:mean"].mean() - table.observed.mean()) < 0.5
    assert {"mean", "ridge"} < set(metrics["parts"]["test"])
    raw = np.asarray(file.array("/expression/alpha/raw"))
    state = json.loads((run / "bundle.json").read_text())["head"]["state"]
    assert state["pseudocount"] == 0.5
    development = table.part.isin(["train", "validation"])
    assert state["mean"] == pytest.approx(raw[development].mean(), rel=1e-6)
    # Near the mean of the counts, where an untrained network starts.
    assert abs(table.predicted.median() - np.log10(state["mean"] + 0.5)) < 0.5
    predict(run, features, tmp_path / "p.tsv")
    again = pd.read_csv(tmp_path / "p.tsv", sep="\t")
    pd.testing.assert_series_equal(again.predicted, table.predicted, atol=1e-6, rtol=0)


def test_counts_and_quantile_normalisation_exclude_each_other(features):
    config = read(None, head="poisson", quantile_normalise=True)
    with pytest.raises(ConfigError, match="the head 'poisson', which learns expression as measur"):
        prepare(features, config, plugins())
