"""The options of several models that are compared: one set of options, divided over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dexkit.errors import ConfigError, did_you_mean
from dexkit.hooks.manager import PluginChoice, Plugins, parse_plugin_argument, plugins
from dexkit.training.config import TrainConfig
from dexkit.workflows.baselines import can_be_fed
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.parts import beside
from dexkit.workflows.prepare import Job


def model_configs(
    path: Path | None, overrides: dict[str, Any], models: Sequence[str] = ()
) -> tuple[FitConfig, ...]:
    """Return the options of each model; all have the same data, split and seed.

    Parameters
    ----------
    path : Path or None
        TOML file of options.
    overrides : dict
        As of :meth:`dexkit.workflows.fit_config.FitConfig.read`, without ``plugin``.
    models : sequence of str, optional
        Values of ``--plugin``; by default the one of ``path``, or the default network.

    Returns
    -------
    tuple of FitConfig
        One a model, without companions. Options of plugins (``--set densenet.KEY=VALUE``) go to
        the models that they are of; options of training are left out of baselines, which have no
        use for them.

    Raises
    ------
    ConfigError
        When a model is named twice, or options are given for one that takes no part.
    InputError, PluginError
        As :meth:`~dexkit.workflows.fit_config.FitConfig.read` and when a plugin is unknown.
    """
    twice = next((name for name in models if list(models).count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"--plugin {twice} is given twice; name every model once")
    registry = plugins()
    base = FitConfig.read(path, overrides).model_copy(update={"companions": False})
    if not models and base.plugin is None:
        choices: dict[str | None, PluginChoice] = {None: PluginChoice()}
    else:
        names = list(models) or [str(base.plugin)]
        choices = {name: parse_plugin_argument(name, registry) for name in names}
    _check_settings(base, choices, registry)
    return tuple(_of_model(base, name, choices, registry) for name in choices)


def companion_configs(configs: Sequence[FitConfig], job: Job) -> tuple[FitConfig, ...]:
    """Return the options of the small baselines of a task that are not among the models.

    Parameters
    ----------
    configs : sequence of FitConfig
        The models, on one sample.
    job : Job
        A fit of one of them with companions: it has the task, and what they can read.

    Returns
    -------
    tuple of FitConfig
        One a companion: an experiment fits each of them once, beside all models.
    """
    registry = plugins()
    named = {config.plugin for config in configs}
    return tuple(
        _baseline(configs[0], entry.name, registry)
        for entry in beside(job.head.task, registry)
        if entry.name not in named and can_be_fed(entry, job)
    )


def _baseline(base: FitConfig, name: str, registry: Plugins) -> FitConfig:
    """Return the options of a baseline: those that decide its data, its own, and of companions."""
    companions = _companions(registry)
    settings = base.settings.items()
    kept = {k: v for k, v in settings if k == name or k in registry.heads or k in companions}
    # A baseline has one output; a head with an output for each sample is for networks.
    per_sample = base.head is not None and registry.head(base.head).per_sample
    return base.model_copy(
        update={
            "plugin": name,
            "head": None if per_sample else base.head,
            "preset": None,
            "encoders": {},
            "train": TrainConfig(seed=base.train.seed),
            "settings": kept,
        }
    )


def _of_model(
    base: FitConfig,
    name: str | None,
    choices: Mapping[str | None, PluginChoice],
    registry: Plugins,
) -> FitConfig:
    if name is not None and choices[name].baseline is not None:
        return _baseline(base, name, registry)
    own = {encoder.entry.name for encoder in choices[name].encoders}
    others = {e.entry.name for choice in choices.values() for e in choice.encoders} - own
    kept = {
        key: value
        for key, value in base.settings.items()
        if key not in others and (key not in registry.baselines or key in _companions(registry))
    }
    return base.model_copy(update={"plugin": name, "settings": kept})


def _check_settings(
    base: FitConfig, choices: Mapping[str | None, PluginChoice], registry: Plugins
) -> None:
    """Refuse options of a baseline that no model is; those of networks are checked by the fit."""
    preset = registry.preset(base.preset).settings if base.preset is not None else {}
    used = {*registry.heads, *preset, *_companions(registry)}
    used |= {choice.baseline.entry.name for choice in choices.values() if choice.baseline}
    if any(choice.baseline is None for choice in choices.values()):
        used |= set(registry.encoders)
    for name in base.settings:
        if name not in used:
            raise ConfigError(
                f"--set {name}.…: {name!r} takes no part in this experiment; "
                f"{did_you_mean(name, used)}"
            )


def _companions(registry: Plugins) -> set[str]:
    return {name for name, found in registry.baselines.items() if found.entry.companion}
