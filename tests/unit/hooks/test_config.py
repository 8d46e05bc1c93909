"""Configurations and --set: what is accepted, and what the one sentence says."""

import math
from typing import Annotated, Literal

import pytest
from pydantic import Field, PositiveInt, model_validator

from dexkit.errors import ConfigError
from dexkit.hooks import PluginConfig, parse_config, parse_settings
from dexkit.hooks.describe import Option, describe_config


class Inner(PluginConfig):
    rate: float = Field(0.1, gt=0, description="learning rate")


class Outer(PluginConfig):
    growth_rate: PositiveInt = Field(12, description="channels a layer adds")
    units: tuple[PositiveInt, ...] = (80, 40)
    readout: Literal["mean", "max"] = "mean"
    threshold: float | None = None
    inner: Inner = Inner()

    @model_validator(mode="after")
    def _consistent(self):
        if self.growth_rate == 13:
            raise ValueError("growth_rate 13 brings bad luck")
        return self


class Needy(PluginConfig):
    path: str


def test_values_are_checked_and_defaults_filled_in():
    config = parse_config(Outer, {"growth_rate": 16, "units": [8], "inner": {"rate": 2}}, "--set")
    assert config == Outer(growth_rate=16, units=(8,), inner=Inner(rate=2.0))
    assert config.readout == "mean"


@pytest.mark.parametrize(
    ("model", "values", "message"),
    [
        (
            Outer,
            {"grwth_rate": 16},
            r"^--set x: key 'grwth_rate' is unknown; did you mean 'growth_rate'\? \(known: ",
        ),
        (Outer, {"inner": {"rat": 1}}, r"key 'inner\.rat' is unknown; did you mean 'rate'\?"),
        (Outer, {"growth_rate": 0}, "growth_rate = 0 is not valid: input should be greater than 0"),
        (Outer, {"growth_rate": "many"}, "growth_rate = 'many' is not valid: .*valid integer"),
        (Outer, {"units": [8, -1]}, r"units\.1 = -1 is not valid"),
        (Outer, {"units": 8}, r"units = 8 is not valid: expected a list in brackets, as in \[1, 1"),
        (Outer, {"readout": "median"}, "readout = 'median' is not valid: input should be 'mean' o"),
        (Outer, {"growth_rate": 13}, "^--set x: growth_rate 13 brings bad luck$"),
        (Outer, {"threshold": math.nan}, "threshold = nan is not valid: .*finite number"),
        (Outer, {"threshold": math.inf}, "threshold = inf is not valid: .*finite number"),
        (Outer, {"growth_rate": 0, "oops": 1}, "growth_rate = 0 .*; key 'oops' is unknown"),
        (Needy, {}, "key 'path' is required"),
    ],
)
def test_a_bad_configuration_gives_one_sentence(model, values, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse_config(model, values, "--set x")
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16", 16),
        ("-0.5", -0.5),
        ("1e-3", 1e-3),
        ("true", True),
        ("[80, 40]", [80, 40]),
        ('["a", "b"]', ["a", "b"]),
        ('"16"', "16"),
        ("'a # b'", "a # b"),
        ("{rate = 1}", {"rate": 1}),
        ("mean", "mean"),
        ("mean-max", "mean-max"),
        ("/data/a b.h5", "/data/a b.h5"),
        ("a=b", "a=b"),
        ("16 # five", "16 # five"),
        ("2024-01-31", "2024-01-31"),
        ("", ""),
    ],
)
def test_settings_are_toml_or_bare_strings(text, value):
    assert parse_settings([f"densenet.key={text}"]) == {"densenet": {"key": value}}
    assert parse_settings([f" densenet . key = {text} "]) == {"densenet": {"key": value}}


def test_settings_are_gathered_by_plugin():
    settings = ["densenet.a=1", "ridge.k=5", "densenet.inner.rate=2", "densenet.inner.other=x"]
    assert parse_settings(settings) == {
        "densenet": {"a": 1, "inner": {"rate": 2, "other": "x"}},
        "ridge": {"k": 5},
    }
    assert parse_settings([]) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["densenet.growth_rate"], "malformed; expected PLUGIN.KEY=VALUE"),
        (["growth_rate=16"], "malformed; expected PLUGIN.KEY=VALUE"),
        (["densenet.=16"], "malformed"),
        ([".growth_rate=16"], "malformed"),
        (["a.b=[1, 2"], "has a broken value: .*quotes round the whole"),
        (["a.b='x"], "has a broken value"),
        (["a.b=1\nc = 2"], "expected one line"),
        (["a.b=nan"], "is not a number"),
        (["a.b=1", "a.b=2"], "a.b is set twice"),
        (["a.b=1", "a.b.c=2"], "'b' was given a value before"),
        (["a.b.c=2", "a.b=1"], "a.b is set twice"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        parse_settings(settings)


def test_a_configuration_is_described_in_words():
    class Described(PluginConfig):
        n: PositiveInt = Field(3, description="how many")
        share: float = Field(0.5, ge=0, lt=1)
        kind: Literal["a", "b"] = "a"
        limits: tuple[Annotated[float, Field(gt=0)], ...] = (1.0,)
        maybe: int | None = None
        names: list[str] = Field(default_factory=lambda: ["x"] * 40)
        grid: tuple[float, ...] = tuple(10.0**i for i in range(-20, 21))
        path: str

    assert describe_config(Described) == [
        Option("n", "int > 0", "3", "how many"),
        Option("share", "float >= 0, < 1", "0.5", ""),
        Option("kind", "a | b", '"a"', ""),
        Option("limits", "list of float > 0", "[1.0]", ""),
        Option("maybe", "int | none", "none", ""),
        Option("names", "list of str", '["x", "x", "x", "x", "x", "x", "x", "x", "x", "x…', ""),
        Option("grid", "list of float", "41 values, 1e-20 to 1e+20", ""),
        Option("path", "str", "required", ""),
    ]
