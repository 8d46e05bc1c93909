"""Read ``--plugin``: one baseline, or encoders joined by ``+``, one for each block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dexkit.errors import ConfigError, did_you_mean
from dexkit.hooks.base import PluginConfig
from dexkit.hooks.config import parse_config
from dexkit.hooks.entries import BaselineEntry, EncoderEntry
from dexkit.hooks.registry import Plugins, Registered


@dataclass(frozen=True)
class EncoderChoice:
    """One encoder of ``--plugin``, with its preset.

    Parameters
    ----------
    registered : Registered
        The encoder and where it comes from.
    preset : str, optional
        Name in :attr:`EncoderEntry.presets <dexkit.hooks.EncoderEntry>`; None: the defaults.
    """

    registered: Registered[EncoderEntry]
    preset: str | None = None

    @property
    def entry(self) -> EncoderEntry:
        """The encoder's record."""
        return self.registered.entry

    def config(self, overrides: Mapping[str, Any] | None = None) -> PluginConfig:
        """Return the configuration: defaults, then the preset, then ``overrides``.

        Parameters
        ----------
        overrides : mapping, optional
            Values of ``--set NAME.key=value`` or of the encoder's table in ``--config``.

        Returns
        -------
        PluginConfig
            The encoder's checked configuration.

        Raises
        ------
        ConfigError
            When a key is unknown or a value is bad.
        """
        values = dict(self.entry.presets[self.preset]) if self.preset else {}
        return parse_config(
            self.entry.config, values | dict(overrides or {}), f"encoder {self.entry.name!r}"
        )


@dataclass(frozen=True)
class PluginChoice:
    """What ``--plugin`` names: a baseline, or at least one encoder.

    Parameters
    ----------
    baseline : Registered, optional
        The baseline; None for a network.
    encoders : tuple of EncoderChoice
        In the order given, each for another block; empty for a baseline.
    """

    baseline: Registered[BaselineEntry] | None = None
    encoders: tuple[EncoderChoice, ...] = ()


def parse_plugin_argument(text: str, plugins: Plugins) -> PluginChoice:
    """Read ``--plugin``.

    Parameters
    ----------
    text : str
        ``"ridge"``, ``"densenet"``, ``"densenet:paper+dense-contacts"``.
    plugins : Plugins
        What is installed.

    Returns
    -------
    PluginChoice
        Either a baseline or encoders.

    Raises
    ------
    PluginError
        When a name is neither an encoder nor a baseline; the nearest of both is suggested.
    ConfigError
        When a name is missing, a preset is unknown, a baseline is joined with something, or two
        encoders read one block.
    """
    parts = [part.strip() for part in text.split("+")]
    if not all(parts):
        raise ConfigError(
            f"plugin {text!r} is malformed; expected NAME, NAME:PRESET, or such names joined by '+'"
        )
    encoders: list[EncoderChoice] = []
    for part in parts:
        name, colon, preset = part.partition(":")
        if name in plugins.baselines:
            if len(parts) > 1:
                raise ConfigError(
                    f"plugin {text!r} joins the baseline {name!r} with something else; a baseline "
                    "stands alone, only encoders are joined by '+'"
                )
            if colon:
                raise ConfigError(
                    f"baseline {name!r} has no presets; set its options with --set {name}.KEY=VALUE"
                )
            return PluginChoice(baseline=plugins.baselines[name])
        if name not in plugins.encoders:
            known = {*plugins.encoders, *plugins.baselines}
            raise plugins.unknown("encoder or baseline", name, known)
        encoders.append(_choose(plugins.encoders[name], preset if colon else None, encoders))
    return PluginChoice(encoders=tuple(encoders))


def _choose(
    new: Registered[EncoderEntry], preset: str | None, before: list[EncoderChoice]
) -> EncoderChoice:
    """Check preset and block of one more encoder."""
    entry = new.entry
    if preset is not None and preset not in entry.presets:
        raise ConfigError(
            f"encoder {entry.name!r} has no preset {preset!r}; "
            f"{did_you_mean(preset, entry.presets)}"
        )
    for other in before:
        if other.entry.block == entry.block:
            raise ConfigError(
                f"encoders {other.entry.name!r} and {entry.name!r} both read the block "
                f"{entry.block!r}; name one encoder for each block"
            )
    return EncoderChoice(new, preset)
