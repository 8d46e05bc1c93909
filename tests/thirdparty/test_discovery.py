"""What the manager does with good, broken, misspelt and conflicting plugins."""

import logging
import subprocess
import sys

import pytest

from dexkit.errors import PluginError
from dexkit.hooks import load_plugins, manager, plugins
from dexkit.hooks.registry import KINDS

GOOD = """
from dexkit.hooks import EncoderEntry, NoConfig, hookimpl

@hookimpl
def dexkit_encoders():
    return [EncoderEntry({name!r}, "sequence", NoConfig, "nowhere:build")]
"""

HEADER = """
from dexkit.hooks import (
    BaselineEntry, BlockEntry, EncoderEntry, HeadEntry, MotifExporterEntry, NoConfig, hookimpl
)
"""

BAD = {
    "import error": ("import no_such_module_at_all\n", "ModuleNotFoundError: No module named"),
    "syntax error": ("def f(:\n", "SyntaxError"),
    "exit at import": ("raise SystemExit('bye')\n", "SystemExit: bye"),
    "misspelt hook": (
        HEADER + "@hookimpl\ndef dexkit_encoder():\n    return []\n",
        r"unknown hook 'dexkit_encoder'; did you mean 'dexkit_encoders'\?",
    ),
    "misspelt beside a good hook": (
        GOOD.format(name="attn") + "@hookimpl\ndef dexkit_haeds():\n    return []\n",
        r"unknown hook 'dexkit_haeds'; did you mean 'dexkit_heads'\?",
    ),
    "unknown argument": (
        HEADER + "@hookimpl\ndef dexkit_heads(config):\n    return []\n",
        "PluginValidationError",
    ),
    "no hook": ("def dexkit_heads():\n    return []\n", "implements no hook; mark its hooks"),
    "hook raises": (
        HEADER + "@hookimpl\ndef dexkit_heads():\n    raise KeyError('x')\n",
        "KeyError: 'x'",
    ),
    "generator raises": (
        HEADER + "@hookimpl\ndef dexkit_heads():\n    yield 1 / 0\n",
        "ZeroDivisionError: division by zero",
    ),
    "returns nothing": (
        HEADER + "@hookimpl\ndef dexkit_heads():\n    pass\n",
        "dexkit_heads returned NoneType; expected an iterable of HeadEntry",
    ),
    "returns text": (
        HEADER + "@hookimpl\ndef dexkit_heads():\n    return 'huber'\n",
        "dexkit_heads returned str",
    ),
    "wrong record": (
        HEADER + "@hookimpl\ndef dexkit_heads():\n    return [BlockEntry('gc', NoConfig, 'a:b')]\n",
        "dexkit_heads yielded BlockEntry; expected HeadEntry",
    ),
    "bad name": (
        HEADER + "@hookimpl\ndef dexkit_blocks():\n"
        "    return [BlockEntry('g+c', NoConfig, 'a:b')]\n",
        r"yielded the name 'g\+c'; expected lower-case letters",
    ),
    "code that is no reference": (
        HEADER + "@hookimpl\ndef dexkit_motif_exporters():\n"
        "    return [MotifExporterEntry('homer', '.motif', print)]\n",
        "motif exporter 'homer' names its code as <built-in function print>",
    ),
    "config of another kind": (
        HEADER + "@hookimpl\ndef dexkit_blocks():\n    return [BlockEntry('gc', dict, 'a:b')]\n",
        "block 'gc' has the config <class 'dict'>",
    ),
    "unknown task": (
        HEADER + "@hookimpl\ndef dexkit_heads():\n"
        "    return [HeadEntry('rank', 'ranking', NoConfig, 'a:b')]\n",
        "head 'rank' has the task 'ranking'",
    ),
    "unknown target": (
        HEADER + "@hookimpl\ndef dexkit_heads():\n"
        "    return [HeadEntry('nb', 'regression', NoConfig, 'a:b', target='count')]\n",
        r"head 'nb' has the target 'count'; expected one of \('log10', 'raw'\)",
    ),
    "bad name of a preset": (
        HEADER + "from dexkit.hooks import PresetEntry\n@hookimpl\ndef dexkit_presets():\n"
        "    return [PresetEntry('my lab')]\n",
        "dexkit_presets yielded the name 'my lab'; expected lower-case letters",
    ),
    "one name twice": (
        HEADER + "@hookimpl\ndef dexkit_blocks():\n"
        "    return [BlockEntry('gc', NoConfig, 'a:b')] * 2\n",
        "the block 'gc' is there twice",
    ),
    "encoder and baseline of one name": (
        GOOD.format(name="knn")
        + "from dexkit.hooks import BaselineEntry\n@hookimpl\ndef dexkit_baselines():\n"
        "    return [BaselineEntry('knn', 'regression', (), NoConfig, 'a:b')]\n",
        "the encoder or baseline 'knn' is there twice",
    ),
}


def test_a_good_plugin_is_loaded_with_its_source(site):
    site.add("dexkit-attn", GOOD.format(name="attn"), version="0.3")
    loaded = load_plugins(only=["attn"])
    registered = loaded.encoders["attn"]
    assert (registered.plugin, registered.distribution, registered.version) == (
        "attn",
        "dexkit-attn",
        "0.3",
    )
    assert loaded.encoder("attn") is registered.entry
    assert loaded.lock() == {"attn": {"distribution": "dexkit-attn", "version": "0.3"}}
    assert loaded.failures == []


@pytest.mark.parametrize(("source", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_plugin_is_disabled_alone(site, caplog, source, reason):
    site.add("dexkit-bad", source)
    site.add("dexkit-attn", GOOD.format(name="attn"))
    with caplog.at_level(logging.WARNING, logger="dexkit"):
        loaded = load_plugins(only=["attn", "bad"])
    assert set(loaded.encoders) == {"attn"}
    assert sum(len(loaded.of_kind(kind)) for kind in KINDS) == 1
    [failure] = loaded.failures
    assert (failure.plugin, failure.distribution, failure.version) == ("bad", "dexkit-bad", "1.0")
    [record] = caplog.records
    assert "\n" not in record.getMessage()
    assert record.getMessage() == f"plugin 'bad' (dexkit-bad 1.0) is disabled: {failure.reason}"
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(failure.reason)
    assert "bad" not in loaded.lock()


def test_an_entry_point_without_its_module_is_disabled(site):
    site.add("dexkit-gone", source=None)
    [failure] = load_plugins(only=["gone"]).failures
    assert "No module named 'dexkit_gone'" in failure.reason


@pytest.mark.parametrize(
    ("name", "error"),
    [("import error", ModuleNotFoundError), ("misspelt hook", PluginError)],
)
def test_strict_raises_the_plugins_own_error(site, monkeypatch, name, error):
    site.add("dexkit-bad", BAD[name][0])
    monkeypatch.setenv("DEXKIT_STRICT_PLUGINS", "1")
    with pytest.raises(error):
        load_plugins(only=["bad"])


def test_two_plugins_with_one_entry_name_are_refused(site):
    site.add("dexkit-attn", GOOD.format(name="attn"), version="0.3")
    site.add("dexkit-rival", GOOD.format(name="attn"), version="2.0")
    with pytest.raises(
        PluginError, match=r"'attn'.* of dexkit-attn 0\.3 .* of dexkit-rival 2\.0; uninstall one"
    ):
        load_plugins(only=["attn", "rival"])
    assert load_plugins(only=["rival"]).encoders["attn"].distribution == "dexkit-rival"


def test_an_encoder_and_a_baseline_of_one_name_are_refused(site):
    site.add("dexkit-one", GOOD.format(name="knn"))
    site.add(
        "dexkit-two",
        HEADER + "@hookimpl\ndef dexkit_baselines():\n"
        "    return [BaselineEntry('knn', 'regression', (), NoConfig, 'a:b')]\n",
    )
    with pytest.raises(PluginError, match=r"encoder or baseline 'knn'.*dexkit-one.*dexkit-two"):
        load_plugins(only=["one", "two"])


def test_two_entry_points_of_one_name_are_refused(site):
    site.add("dexkit-attn", GOOD.format(name="attn"), version="0.3")
    site.add("dexkit-rival", GOOD.format(name="rival"), plugin="attn", version="2.0")
    with pytest.raises(
        PluginError,
        match=r"two plugins are called 'attn'.*dexkit-\w+ .*dexkit-\w+ ",
    ):
        load_plugins(only=["attn"])


def test_the_variable_chooses_plugins(site, monkeypatch):
    site.add("dexkit-attn", GOOD.format(name="attn"))
    site.add("dexkit-bad", BAD["import error"][0])
    monkeypatch.setenv("DEXKIT_PLUGINS", " attn ,")
    loaded = load_plugins()
    assert list(loaded.lock()) == ["attn"]
    assert loaded.failures == []
    assert "bad" in [failure.plugin for failure in load_plugins(only=["bad"]).failures]


def test_an_empty_variable_loads_nothing(site, monkeypatch):
    site.add("dexkit-bad", BAD["import error"][0])
    monkeypatch.setenv("DEXKIT_PLUGINS", "")
    loaded = load_plugins()
    assert loaded.failures == []
    assert loaded.lock() == {}


def test_an_unknown_plugin_in_the_variable_is_an_error(site, monkeypatch):
    site.add("dexkit-attn", GOOD.format(name="attn"))
    monkeypatch.setenv("DEXKIT_PLUGINS", "atn")
    with pytest.raises(PluginError, match=r"no installed plugin is called 'atn'; did you mean"):
        load_plugins()


def test_nothing_installed_says_how_to_install(monkeypatch):
    monkeypatch.delenv("DEXKIT_PLUGINS", raising=False)
    monkeypatch.setattr(manager, "entry_points", lambda group: [])
    with pytest.raises(PluginError, match=r"not even the built-in ones.*pip install -e \."):
        load_plugins()
    assert load_plugins(only=[]).lock() == {}


def test_the_cached_plugins_follow_path_and_variable(site, monkeypatch):
    site.add("dexkit-attn", GOOD.format(name="attn"))
    monkeypatch.setenv("DEXKIT_PLUGINS", "attn")
    assert set(plugins().encoders) == {"attn"}
    assert plugins() is plugins()
    monkeypatch.setenv("DEXKIT_PLUGINS", "")
    assert set(plugins().encoders) == set()


def test_a_miss_mentions_disabled_plugins(site, monkeypatch):
    site.add("dexkit-attn", GOOD.format(name="attn"))
    site.add("dexkit-bad", BAD["import error"][0])
    loaded = load_plugins(only=["attn", "bad"])
    with pytest.raises(PluginError, match=r"no encoder is called 'atn'; did you mean 'attn'\?"):
        loaded.encoder("atn")
    with pytest.raises(PluginError, match="disabled plugins: bad"):
        loaded.encoder("atn")


def test_built_ins_come_through_entry_points():
    loaded = load_plugins(
        only=["sequence", "contacts", "densenet", "heads", "baselines", "motif-formats"]
    )
    assert loaded.failures == []
    assert {"sequence", "contacts"} <= set(loaded.blocks)
    assert {"densenet", "dense-contacts"} <= set(loaded.encoders)
    assert {"regression", "classification"} <= set(loaded.heads)
    assert {"mean", "ridge"} <= set(loaded.baselines)
    assert {"meme"} <= set(loaded.motif_exporters)
    assert {source["distribution"] for source in loaded.lock().values()} == {"dexkit"}


def test_discovery_imports_nothing_heavy():
    code = (
        "import sys; from dexkit.hooks import load_plugins; load_plugins();"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'scipy', 'pandas', 'h5py'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
