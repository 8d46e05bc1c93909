"""The built-in plugins keep the same contract as everybody else's."""

import pytest

from dexkit.hooks import load_plugins, parse_config
from dexkit.testing import (
    check_baseline,
    check_block,
    check_encoder,
    check_head,
    check_motif_exporter,
    check_preset,
)

BUILT_IN = ["sequence", "contacts", "densenet", "heads", "baselines", "motif-formats"]
#: The default grid of inner fits takes half a minute, and its size does not matter here.
QUICK = {
    "logistic": {"strengths": [0.01, 1.0], "inner_folds": 2},
    "lasso": {"k": 2, "inner_folds": 3},
    "elastic-net": {"k": 2, "inner_folds": 3},
    "random-forest": {"k": 2, "inner_folds": 2, "trees": 20, "inner_trees": 5},
    "random-forest-classifier": {"k": 2, "inner_folds": 2, "trees": 20, "inner_trees": 5},
    "gradient-boosting": {"k": 2, "inner_folds": 2, "iterations": [5, 10]},
    "svm": {"k": 2, "inner_folds": 3},
    "densenet-2019": {"stem_filters": 8, "n_blocks": 2, "layers_per_block": 1},
}
LOADED = load_plugins(only=BUILT_IN)


def test_none_is_disabled():
    assert LOADED.failures == []


@pytest.mark.parametrize("name", LOADED.blocks)
def test_blocks(name):
    check_block(LOADED.block(name))


@pytest.mark.parametrize("name", LOADED.encoders)
def test_encoders(name):
    entry = LOADED.encoder(name)
    config = parse_config(entry.config, QUICK[name], name) if name in QUICK else None
    check_encoder(entry, config=config)


@pytest.mark.parametrize("name", LOADED.heads)
def test_heads(name):
    check_head(LOADED.head(name))


@pytest.mark.parametrize(
    ("name", "options"),
    [("regression", {"output": "relu"}), ("negative-binomial", {"dispersion": "per-gene"})],
)
def test_other_forms_of_heads(name, options):
    entry = LOADED.head(name)
    check_head(entry, config=parse_config(entry.config, options, name))


@pytest.mark.parametrize("name", LOADED.presets)
def test_presets(name):
    check_preset(LOADED.preset(name))


@pytest.mark.parametrize("name", LOADED.baselines)
def test_baselines(name):
    entry = LOADED.baseline(name)
    check_baseline(entry, config=parse_config(entry.config, QUICK.get(name, {}), name))


@pytest.mark.parametrize("name", LOADED.motif_exporters)
def test_motif_exporters(name):
    check_motif_exporter(LOADED.motif_exporter(name))


@pytest.mark.parametrize("block", ["sequence", "contacts"])
def test_one_default_encoder_for_each_block(block):
    defaults = [
        r.entry.name for r in LOADED.encoders.values() if r.entry.default and r.entry.block == block
    ]
    assert len(defaults) == 1
