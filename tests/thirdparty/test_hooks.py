"""Every hook, implemented by an outside plugin and tried through dexkit's own checks."""

import pytest

from dexkit.hooks import load_plugins
from dexkit.testing import (
    check_baseline,
    check_block,
    check_encoder,
    check_head,
    check_motif_exporter,
    check_preset,
)


@pytest.fixture
def loaded(example):
    plugins = load_plugins(only=["example"])
    assert plugins.failures == []
    assert plugins.lock() == {"example": {"distribution": "dexkit-example", "version": "1.2.3"}}
    return plugins


def test_hook_dexkit_blocks(loaded):
    assert "/gc/share: every element filled, repeatable" in check_block(loaded.block("gc"))


def test_hook_dexkit_encoders(loaded):
    checked = check_encoder(loaded.encoder("pooled"))
    assert "save and load" in checked
    assert "save and load (preset 'wide')" in checked


def test_hook_dexkit_heads(loaded):
    assert "target encode and decode round trip" in check_head(loaded.head("gaussian"))


def test_hook_dexkit_baselines(loaded):
    assert "pickle round trip" in check_baseline(loaded.baseline("gc-linear"))


def test_hook_dexkit_presets(loaded, monkeypatch):
    monkeypatch.setenv("DEXKIT_PLUGINS", "example")
    assert check_preset(loaded.preset("lab")) == ["plain values", "encoders", "head", "settings"]


def test_hook_dexkit_motif_exporters(loaded):
    assert "a whole file" in check_motif_exporter(loaded.motif_exporter("tab"))
