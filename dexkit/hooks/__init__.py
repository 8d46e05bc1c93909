"""The contract with plugins: hook specifications, typed records, the manager."""

from dexkit.hooks.base import NoConfig, PluginConfig, resolve
from dexkit.hooks.blocks import BLOCK_VERSION, ArrayPlan, BlockEntry, BuildContext, SampleInput
from dexkit.hooks.config import parse_config, parse_settings
from dexkit.hooks.entries import (
    LOOPS,
    OTHER_SAMPLES,
    Baseline,
    BaselineEntry,
    BlockSpec,
    EncoderEntry,
    Head,
    HeadEntry,
    Motif,
    MotifExporterEntry,
    PresetEntry,
    Target,
    Task,
)
from dexkit.hooks.manager import load_plugins, plugins
from dexkit.hooks.registry import PluginFailure, Plugins, Registered
from dexkit.hooks.selection import EncoderChoice, PluginChoice, parse_plugin_argument
from dexkit.hooks.specs import hookimpl

__all__ = [
    "BLOCK_VERSION",
    "LOOPS",
    "OTHER_SAMPLES",
    "ArrayPlan",
    "Baseline",
    "BaselineEntry",
    "BlockEntry",
    "BlockSpec",
    "BuildContext",
    "EncoderChoice",
    "EncoderEntry",
    "Head",
    "HeadEntry",
    "Motif",
    "MotifExporterEntry",
    "NoConfig",
    "PluginChoice",
    "PluginConfig",
    "PluginFailure",
    "Plugins",
    "PresetEntry",
    "Registered",
    "SampleInput",
    "Target",
    "Task",
    "hookimpl",
    "load_plugins",
    "parse_config",
    "parse_plugin_argument",
    "parse_settings",
    "plugins",
    "resolve",
]
