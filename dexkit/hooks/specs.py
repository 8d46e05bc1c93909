"""The hook specifications: what a plugin package may implement.

A plugin is a module (or an object) named in the entry-point group ``dexkit``. It marks functions
with :data:`dexkit.hooks.hookimpl` and returns records of :mod:`dexkit.hooks.entries`.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from dexkit.hooks.blocks import BlockEntry
from dexkit.hooks.entries import (
    BaselineEntry,
    EncoderEntry,
    HeadEntry,
    MotifExporterEntry,
    PresetEntry,
)

PROJECT = "dexkit"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def dexkit_blocks() -> Iterable[BlockEntry]:  # type: ignore[empty-body]
    """Return the blocks that this plugin can compute for a feature file.

    Examples
    --------
    >>> from dexkit.hooks import BlockEntry, NoConfig, hookimpl
    >>> @hookimpl
    ... def dexkit_blocks():
    ...     return [BlockEntry("gc", NoConfig, "mylab.gc:plan", "GC content of the promoter")]
    """


@hookspec
def dexkit_encoders() -> Iterable[EncoderEntry]:  # type: ignore[empty-body]
    """Return the encoders (block -> vector) of this plugin.

    Examples
    --------
    >>> from dexkit.hooks import EncoderEntry, NoConfig, hookimpl
    >>> @hookimpl
    ... def dexkit_encoders():
    ...     return [EncoderEntry("attn", "sequence", NoConfig, "mylab.attn:build")]
    """


@hookspec
def dexkit_heads() -> Iterable[HeadEntry]:  # type: ignore[empty-body]
    """Return the heads (output layers, loss, target transform) of this plugin.

    Examples
    --------
    >>> from dexkit.hooks import HeadEntry, NoConfig, hookimpl
    >>> @hookimpl
    ... def dexkit_heads():
    ...     return [HeadEntry("huber", "regression", NoConfig, "mylab.heads:Huber")]
    """


@hookspec
def dexkit_baselines() -> Iterable[BaselineEntry]:  # type: ignore[empty-body]
    """Return the classical estimators of this plugin.

    Examples
    --------
    >>> from dexkit.hooks import BaselineEntry, NoConfig, hookimpl
    >>> @hookimpl
    ... def dexkit_baselines():
    ...     return [
    ...         BaselineEntry("knn", "regression", ("sequence",), NoConfig, "mylab.knn:build")
    ...     ]
    """


@hookspec
def dexkit_presets() -> Iterable[PresetEntry]:  # type: ignore[empty-body]
    """Return the presets (named defaults of ``fit``) of this plugin.

    Examples
    --------
    >>> from dexkit.hooks import PresetEntry, hookimpl
    >>> @hookimpl
    ... def dexkit_presets():
    ...     return [PresetEntry("mylab", {"sequence": "densenet:paper"}, {"batch_size": 64})]
    """


@hookspec
def dexkit_motif_exporters() -> Iterable[MotifExporterEntry]:  # type: ignore[empty-body]
    """Return the motif file formats that this plugin writes.

    Examples
    --------
    >>> from dexkit.hooks import MotifExporterEntry, hookimpl
    >>> @hookimpl
    ... def dexkit_motif_exporters():
    ...     return [MotifExporterEntry("homer", ".motif", "mylab.homer:write")]
    """
