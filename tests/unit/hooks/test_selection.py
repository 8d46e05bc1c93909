"""--plugin: names, presets, one encoder a block, and the nearest name on a miss."""

import pytest

from dexkit.errors import ConfigError, PluginError
from dexkit.hooks import (
    BaselineEntry,
    EncoderEntry,
    NoConfig,
    PluginConfig,
    Plugins,
    Registered,
    parse_plugin_argument,
)


class DenseConfig(PluginConfig):
    growth_rate: int = 12
    pool: int = 4


ENTRIES = [
    EncoderEntry(
        "densenet", "sequence", DenseConfig, "a:b", presets={"paper": {"pool": 2}, "bad": {"x": 1}}
    ),
    EncoderEntry("attn", "sequence", NoConfig, "a:b"),
    EncoderEntry("dense-contacts", "contacts", NoConfig, "a:b"),
]
BASELINES = [BaselineEntry("ridge", "regression", ("sequence",), NoConfig, "a:b")]
INSTALLED = Plugins(
    encoders={entry.name: Registered(entry, "dexkit", "1", "p") for entry in ENTRIES},
    baselines={entry.name: Registered(entry, "dexkit", "1", "p") for entry in BASELINES},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("densenet", [("densenet", None)]),
        ("densenet:paper", [("densenet", "paper")]),
        ("densenet:paper+dense-contacts", [("densenet", "paper"), ("dense-contacts", None)]),
        (" dense-contacts + attn ", [("dense-contacts", None), ("attn", None)]),
    ],
)
def test_encoders_are_joined(text, expected):
    choice = parse_plugin_argument(text, INSTALLED)
    assert choice.baseline is None
    assert [(encoder.entry.name, encoder.preset) for encoder in choice.encoders] == expected


def test_a_baseline_stands_alone():
    choice = parse_plugin_argument("ridge", INSTALLED)
    assert choice.baseline is INSTALLED.baselines["ridge"]
    assert choice.encoders == ()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("densnet", PluginError, "no encoder or baseline is called 'densnet'; did you mean 'dense"),
        ("rigde", PluginError, "did you mean 'ridge'"),
        ("densenet+ridge", ConfigError, "joins the baseline 'ridge' with something else"),
        ("ridge+densenet", ConfigError, "joins the baseline 'ridge' with something else"),
        ("ridge:paper", ConfigError, "baseline 'ridge' has no presets"),
        ("densenet:papr", ConfigError, "no preset 'papr'; did you mean 'paper'"),
        ("densenet:", ConfigError, "no preset ''"),
        ("attn:x", ConfigError, r"no preset 'x'; none is known"),
        ("densenet+attn", ConfigError, "'densenet' and 'attn' both read the block 'sequence'"),
        ("densenet+densenet", ConfigError, "both read the block"),
        ("", ConfigError, "malformed; expected NAME"),
        ("densenet+", ConfigError, "malformed"),
        ("a++b", ConfigError, "malformed"),
    ],
)
def test_bad_arguments(text, error, message):
    with pytest.raises(error, match=message):
        parse_plugin_argument(text, INSTALLED)


def test_configuration_is_defaults_then_preset_then_overrides():
    [plain] = parse_plugin_argument("densenet", INSTALLED).encoders
    [paper] = parse_plugin_argument("densenet:paper", INSTALLED).encoders
    assert plain.config() == DenseConfig()
    assert paper.config() == DenseConfig(pool=2)
    assert paper.config({"growth_rate": 16}) == DenseConfig(pool=2, growth_rate=16)
    assert paper.config({"pool": 8}) == DenseConfig(pool=8)
    with pytest.raises(ConfigError, match=r"encoder 'densenet': key 'growth'.*'growth_rate'"):
        paper.config({"growth": 16})
    [broken] = parse_plugin_argument("densenet:bad", INSTALLED).encoders
    with pytest.raises(ConfigError, match="key 'x' is unknown"):
        broken.config()
