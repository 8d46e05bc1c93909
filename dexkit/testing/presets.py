"""The conformance check of presets."""

from __future__ import annotations

import json

from dexkit.hooks import Plugins, PresetEntry, parse_config, parse_plugin_argument, plugins
from dexkit.testing.checks import Checks


def check_preset(entry: PresetEntry) -> list[str]:
    """Check that a preset names what is installed and options that exist.

    Parameters
    ----------
    entry : PresetEntry
        The preset. The keys of ``train`` are checked where they are used, by ``fit``.

    Returns
    -------
    list of str
        What was checked, one line each.

    Raises
    ------
    CheckFailure
        When its values cannot be stored as JSON; when an encoder or the head is not installed or
        reads another block; or when a setting is unknown or has a bad value.
    """
    checks = Checks(f"preset {entry.name!r}")
    registry = plugins()
    checks.json_able("what it sets", entry.values())
    checks.passed.append("plain values")
    with checks.step("encoders"):
        for block, text in entry.encoders.items():
            blocks = [e.entry.block for e in parse_plugin_argument(text, registry).encoders]
            checks.require(
                blocks == [block],
                f"names {text!r} for the block {block!r}; expected one encoder that reads it",
            )
    with checks.step("head"):
        if entry.head is not None:
            registry.head(entry.head)
    with checks.step("settings"):
        for name, options in entry.settings.items():
            _check_options(checks, registry, name, json.loads(json.dumps(dict(options))))
    return checks.passed


def _check_options(
    checks: Checks, registry: Plugins, name: str, options: dict[str, object]
) -> None:
    """Require options that the head, encoder or baseline called ``name`` takes."""
    groups = (registry.heads, registry.encoders, registry.baselines)
    entries = [group[name].entry for group in groups if name in group]
    checks.require(
        bool(entries), f"has settings for {name!r}; no head, encoder or baseline is called so"
    )
    parse_config(entries[0].config, options, f"settings of {name!r}")
