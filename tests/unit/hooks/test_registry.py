"""What the manager hands out, and the table of kinds."""

from dataclasses import FrozenInstanceError
from inspect import getmembers, isfunction

import pytest

from dexkit.errors import PluginError
from dexkit.hooks import (
    ArrayPlan,
    BaselineEntry,
    BlockEntry,
    EncoderEntry,
    HeadEntry,
    MotifExporterEntry,
    NoConfig,
    Plugins,
    PresetEntry,
    Registered,
    resolve,
    specs,
)
from dexkit.hooks.registry import KINDS

ONE_OF_EACH = {
    "block": BlockEntry("gc", NoConfig, "a:b"),
    "encoder": EncoderEntry("attn", "sequence", NoConfig, "a:b"),
    "head": HeadEntry("huber", "regression", NoConfig, "a:b"),
    "baseline": BaselineEntry("knn", "regression", (), NoConfig, "a:b"),
    "preset": PresetEntry("mylab"),
    "motif exporter": MotifExporterEntry("homer", ".motif", "a:b"),
}


def installed():
    registered = {name: Registered(e, "dexkit", "1", "p") for name, e in ONE_OF_EACH.items()}
    return Plugins(
        **{k.attribute: {registered[k.name].entry.name: registered[k.name]} for k in KINDS},
        sources={"p": ("dexkit", "1")},
    )


def test_arrays_carry_the_version_of_their_block_above_1(monkeypatch):
    def planned(config, context):
        return [ArrayPlan("/gc", (1,), "float32", lambda out, start: None, {"unit": "share"})]

    monkeypatch.setattr("dexkit.hooks.blocks.resolve", lambda _: planned)
    entries = [BlockEntry("gc", NoConfig, "a:b", version=n) for n in (1, 3)]
    attrs = [[dict(p.attrs) for p in entry.plan(NoConfig(), None)] for entry in entries]
    assert attrs == [[{"unit": "share"}], [{"unit": "share", "block_version": 3}]]


def test_every_hook_has_its_kind():
    hooks = {name for name, _ in getmembers(specs, isfunction) if name.startswith("dexkit_")}
    assert hooks == {kind.hook for kind in KINDS}
    assert set(ONE_OF_EACH) == {kind.name for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_typed_getters(kind):
    entry = ONE_OF_EACH[kind.name]
    getter = getattr(installed(), kind.name.replace(" ", "_"))
    assert getter(entry.name) is entry
    with pytest.raises(PluginError, match=f"no {kind.name} is called 'nothing'.*{entry.name}"):
        getter("nothing")


def test_find_looks_in_every_kind():
    [(kind, registered)] = installed().find("knn")
    assert (kind.name, registered.entry) == ("baseline", ONE_OF_EACH["baseline"])
    with pytest.raises(PluginError, match="no plugin is called 'kn'; did you mean 'knn'"):
        installed().find("kn")


def test_entries_are_frozen():
    with pytest.raises(FrozenInstanceError):
        ONE_OF_EACH["block"].name = "other"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("math", "malformed"),
        (":sqrt", "malformed"),
        ("no_such_module:f", "cannot be imported: No module named"),
        ("math:no_such_function", "has no attribute 'no_such_function'"),
    ],
)
def test_bad_references(reference, message):
    with pytest.raises(PluginError, match=message):
        resolve(reference)
