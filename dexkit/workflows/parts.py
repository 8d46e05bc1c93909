"""Which plugins take part in a run: encoders, the head of a baseline, and whose settings count."""

from __future__ import annotations

import logging
from typing import Any

from dexkit.errors import ConfigError, did_you_mean
from dexkit.hooks.entries import BaselineEntry, HeadEntry
from dexkit.hooks.manager import Plugins, parse_plugin_argument
from dexkit.hooks.selection import EncoderChoice
from dexkit.training.config import TrainConfig
from dexkit.workflows.fit_config import FitConfig

logger = logging.getLogger("dexkit")


def beside(task: str, registry: Plugins) -> list[BaselineEntry]:
    """Return the baselines that stand beside every model of a task."""
    found = (registered.entry for registered in registry.baselines.values())
    return [entry for entry in found if entry.companion and entry.task == task]


def choose_encoders(
    choice: Any, blocks: tuple[str, ...], config: FitConfig, registry: Plugins
) -> tuple[tuple[Any, Any], ...]:
    """Return one encoder a block: the named one, else the block's default.

    Parameters
    ----------
    choice : PluginChoice
        What ``--plugin`` names.
    blocks : tuple of str
        Blocks of the run.
    config : FitConfig
        Encoders of the preset, and the settings of each.
    registry : Plugins
        What is installed.

    Returns
    -------
    tuple of (EncoderEntry, PluginConfig)
        In the order of the blocks.

    Raises
    ------
    ConfigError
        When an encoder reads a block that the run does not use, or a block has none.
    """
    named = {encoder.entry.block: encoder for encoder in choice.encoders}
    for block, encoder in named.items():
        if block not in blocks:
            raise ConfigError(
                f"encoder {encoder.entry.name!r} reads the block {block!r}, which this run does "
                f"not use (blocks: {', '.join(blocks)})"
            )
    known = {registered.entry.block for registered in registry.encoders.values()}
    for block in config.encoders:
        if block not in known:
            raise ConfigError(
                f"encoders: no encoder reads a block {block!r}; {did_you_mean(block, known)}"
            )
    chosen = []
    for block in blocks:
        encoder = named.get(block) or _default_encoder(block, config, registry)
        values = config.settings.get(encoder.entry.name, {})
        chosen.append((encoder.entry, encoder.config(values)))
    return tuple(chosen)


def _default_encoder(block: str, config: FitConfig, registry: Plugins) -> EncoderChoice:
    """Return the encoder of a block that ``--plugin`` does not name: the preset's comes first."""
    text = config.encoders.get(block)
    if text is not None:
        encoders = parse_plugin_argument(text, registry).encoders
        if [encoder.entry.block for encoder in encoders] != [block]:
            raise ConfigError(
                f"encoders.{block} is {text!r}; expected one encoder that reads this block"
            )
        return encoders[0]
    for registered in registry.encoders.values():
        if registered.entry.block == block and registered.entry.default:
            return EncoderChoice(registered)
    raise ConfigError(
        f"no encoder for the block {block!r} is named and none is its default; name one "
        "with --plugin or leave the block out with --blocks"
    )


def head_of_baseline(entry: BaselineEntry, config: FitConfig, registry: Plugins) -> str:
    """Return the head that gives a baseline its target; say which options it cannot use.

    Parameters
    ----------
    entry : BaselineEntry
        The baseline.
    config : FitConfig
        Options.
    registry : Plugins
        What is installed.

    Returns
    -------
    str
        Name of the head.

    Raises
    ------
    ConfigError
        When ``--head`` is one that baselines cannot learn for, or a GPU is asked for.
    """
    if config.head is not None and registry.head(config.head).task != entry.task:
        raise ConfigError(
            f"--head {config.head} does not go with the baseline {entry.name!r}, which is for "
            f"{entry.task}; choose another baseline or leave --head out"
        )
    if config.head is not None and registry.head(config.head).per_sample:
        raise ConfigError(
            f"--head {config.head} has an output for each sample, a baseline has one output; leave "
            "--head out"
        )
    if config.train.device == "gpu":
        raise ConfigError(f"--device gpu: the baseline {entry.name!r} runs on the CPU only")
    defaults = TrainConfig(seed=config.train.seed)
    unused = [k for k, v in config.train if v != getattr(defaults, k)]
    if unused:
        logger.warning("no effect on the baseline %s: %s", entry.name, ", ".join(unused))
    return config.head or entry.task


def check_settings(
    config: FitConfig,
    registry: Plugins,
    choice: Any,
    encoders: tuple[tuple[Any, Any], ...],
    head: HeadEntry,
) -> None:
    """Refuse settings for a plugin that takes no part in the run.

    Parameters
    ----------
    config : FitConfig
        Options.
    registry : Plugins
        What is installed.
    choice : PluginChoice
        What ``--plugin`` names.
    encoders : tuple of (EncoderEntry, PluginConfig)
        Encoders of the run.
    head : HeadEntry
        Head of the run.

    Raises
    ------
    ConfigError
        When there are such settings.
    """
    used = {head.name, *(entry.name for entry, _ in encoders)}
    if choice.baseline is not None:
        used.add(choice.baseline.entry.name)
    used |= {entry.name for entry in beside(head.task, registry)}
    if config.preset is not None:
        # A preset cannot know which head or blocks it is combined with.
        used |= set(registry.preset(config.preset).settings)
    for name in config.settings:
        if name not in used:
            raise ConfigError(
                f"--set {name}.…: {name!r} takes no part in this run; {did_you_mean(name, used)}"
            )
