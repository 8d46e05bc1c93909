"""What the plugin manager hands out: registered entries by kind, and what failed.

The six kinds of entries are one table, :data:`KINDS`; loading, the typed getters, the command
line and the tests of the documentation all read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from dexkit.errors import PluginError, did_you_mean
from dexkit.hooks.blocks import BlockEntry
from dexkit.hooks.entries import (
    BaselineEntry,
    EncoderEntry,
    Entry,
    HeadEntry,
    MotifExporterEntry,
    PresetEntry,
)

E = TypeVar("E", bound=Entry, covariant=True)


@dataclass(frozen=True)
class Kind:
    """One kind of entry.

    Parameters
    ----------
    name : str
        How messages and ``plugins list`` call it.
    hook : str
        The hook that yields it.
    entry_type : type
        The record that the hook must yield.
    attribute : str
        The mapping of :class:`Plugins` that holds it.
    """

    name: str
    hook: str
    entry_type: type[Entry]
    attribute: str


KINDS = (
    Kind("block", "dexkit_blocks", BlockEntry, "blocks"),
    Kind("encoder", "dexkit_encoders", EncoderEntry, "encoders"),
    Kind("head", "dexkit_heads", HeadEntry, "heads"),
    Kind("baseline", "dexkit_baselines", BaselineEntry, "baselines"),
    Kind("preset", "dexkit_presets", PresetEntry, "presets"),
    Kind("motif exporter", "dexkit_motif_exporters", MotifExporterEntry, "motif_exporters"),
)


@dataclass(frozen=True)
class Registered(Generic[E]):
    """An entry together with where it comes from.

    Parameters
    ----------
    entry : Entry
        The record that the plugin yielded.
    distribution : str
        The installed distribution (``dexkit``, ``dexkit-attn``).
    version : str
        Version of that distribution.
    plugin : str
        Name of the entry point in the group ``dexkit``.
    """

    entry: E
    distribution: str
    version: str
    plugin: str


@dataclass(frozen=True)
class PluginFailure:
    """A plugin that is disabled, and why.

    Parameters
    ----------
    plugin : str
        Name of the entry point.
    distribution, version : str
        Where it comes from.
    reason : str
        One line.
    error : BaseException
        What was raised.
    """

    plugin: str
    distribution: str
    version: str
    reason: str
    error: BaseException


@dataclass(frozen=True)
class Plugins:
    """All entries of the loaded plugins, by kind and name.

    Parameters
    ----------
    blocks, encoders, heads, baselines, presets, motif_exporters : dict of str to Registered
        Entries by name, sorted by name.
    failures : list of PluginFailure
        Plugins that are disabled.
    sources : mapping of str to (str, str)
        Distribution and version of each loaded entry point.
    """

    blocks: dict[str, Registered[BlockEntry]] = field(default_factory=dict)
    encoders: dict[str, Registered[EncoderEntry]] = field(default_factory=dict)
    heads: dict[str, Registered[HeadEntry]] = field(default_factory=dict)
    baselines: dict[str, Registered[BaselineEntry]] = field(default_factory=dict)
    presets: dict[str, Registered[PresetEntry]] = field(default_factory=dict)
    motif_exporters: dict[str, Registered[MotifExporterEntry]] = field(default_factory=dict)
    failures: list[PluginFailure] = field(default_factory=list)
    sources: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def block(self, name: str) -> BlockEntry:
        """Return the block ``name``; :class:`PluginError` with the nearest name if unknown."""
        return self._get(self.blocks, "block", name)

    def encoder(self, name: str) -> EncoderEntry:
        """Return the encoder ``name``; :class:`PluginError` with the nearest name if unknown."""
        return self._get(self.encoders, "encoder", name)

    def head(self, name: str) -> HeadEntry:
        """Return the head ``name``; :class:`PluginError` with the nearest name if unknown."""
        return self._get(self.heads, "head", name)

    def baseline(self, name: str) -> BaselineEntry:
        """Return the baseline ``name``; :class:`PluginError` with the nearest name if unknown."""
        return self._get(self.baselines, "baseline", name)

    def preset(self, name: str) -> PresetEntry:
        """Return the preset ``name``; :class:`PluginError` with the nearest name if unknown."""
        return self._get(self.presets, "preset", name)

    def motif_exporter(self, name: str) -> MotifExporterEntry:
        """Return the exporter ``name``; :class:`PluginError` with the nearest name if unknown."""
        return self._get(self.motif_exporters, "motif exporter", name)

    def of_kind(self, kind: Kind) -> Mapping[str, Registered[Any]]:
        """Return the entries of one kind by name."""
        entries: Mapping[str, Registered[Any]] = getattr(self, kind.attribute)
        return entries

    def find(self, name: str) -> list[tuple[Kind, Registered[Any]]]:
        """Return every entry called ``name``, whatever its kind.

        Parameters
        ----------
        name : str
            Name of a block, encoder, head, baseline, preset or motif exporter.

        Returns
        -------
        list of (Kind, Registered)
            At least one pair; two where a block and an encoder share the name, for example.

        Raises
        ------
        PluginError
            When there is none; the nearest name is suggested.
        """
        found = [(k, self.of_kind(k)[name]) for k in KINDS if name in self.of_kind(k)]
        if not found:
            raise self.unknown("plugin", name, {n for k in KINDS for n in self.of_kind(k)})
        return found

    def unknown(self, what: str, name: str, known: set[str]) -> PluginError:
        """Return the error for a name that is not there; disabled plugins are mentioned."""
        message = f"no {what} is called {name!r}; {did_you_mean(name, known)}"
        if self.failures:
            disabled = ", ".join(sorted(failure.plugin for failure in self.failures))
            message += f"; disabled plugins: {disabled} (`dexkit plugins list` says why)"
        return PluginError(message)

    def lock(self) -> dict[str, dict[str, str]]:
        """Return the distribution and version of each loaded plugin, for ``plugins.lock``.

        Returns
        -------
        dict
            ``{"densenet": {"distribution": "dexkit", "version": "0.1.0"}, …}``, sorted by name.
        """
        return {
            plugin: {"distribution": distribution, "version": version}
            for plugin, (distribution, version) in sorted(self.sources.items())
        }

    def _get(self, entries: Mapping[str, Registered[E]], what: str, name: str) -> E:
        if name not in entries:
            raise self.unknown(what, name, set(entries))
        return entries[name].entry
