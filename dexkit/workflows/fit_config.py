"""Everything that decides a run: the configuration of ``fit``."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dexkit.errors import ConfigError, InputError
from dexkit.hooks.manager import parse_config, plugins
from dexkit.training.config import TrainConfig

logger = logging.getLogger("dexkit")


class SplitConfig(BaseModel):
    """How genes are divided; see :func:`dexkit.workflows.splits.splits_of_run`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Literal["chromosome", "graphreg", "homology", "chromosome-homology", "random", "file"] = (
        Field("chromosome", description="what is held out")
    )
    file: str | None = Field(None, description="split file, for the kind 'file'")
    sha256: str | None = Field(None, description="SHA-256 of that file; another one is refused")
    folds: int = Field(5, ge=2, description="folds of the cross-validation")
    fold: int = Field(0, ge=0, description="the fold that is the test part")


class FitConfig(BaseModel):
    """Options of one fit."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    preset: str | None = Field(
        None, description="named defaults below everything that is given; see `plugins list`"
    )
    plugin: str | None = Field(
        None, description="a baseline, or encoders joined by '+'; by default those of the preset"
    )
    encoders: dict[str, str] = Field(
        default_factory=dict, description="encoder by block, where `plugin` names none for it"
    )
    head: str | None = Field(
        None, description="head; regression by default, for a baseline that of its task"
    )
    sample: str | None = Field(
        None,
        description="sample, or several joined by commas: one model for all of them; may be left "
        "out when there is one",
    )
    blocks: tuple[str, ...] | None = Field(
        None, description="blocks to use; all that the file has for the sample by default"
    )
    unobserved: Literal["drop", "keep"] = Field(
        "drop", description="genes on chromosomes without contact data, when contacts are used"
    )
    quantile_normalise: bool = Field(
        False,
        description="give the sample the mean distribution of all samples of the file, learnt "
        "from training and validation genes (paper section 2.1)",
    )
    companions: bool = Field(
        True, description="fit the small baselines of the task beside the model"
    )
    split: SplitConfig = SplitConfig()
    train: TrainConfig = TrainConfig()
    settings: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="options by plugin name"
    )

    @classmethod
    def read(cls, path: Path | None, overrides: dict[str, Any]) -> FitConfig:
        """Lay a TOML file over the preset, and the options of the command line over both.

        Parameters
        ----------
        path : Path or None
            ``config.toml`` of another run, or a part of one; None for the defaults.
        overrides : dict
            Nested values that win; None stands for "not given".

        Returns
        -------
        FitConfig
            The checked configuration.

        Raises
        ------
        InputError
            When the file does not exist.
        ConfigError
            When it is not TOML, or a key or value is bad.
        PluginError
            When the preset is unknown.
        """
        values: dict[str, Any] = {}
        if path is not None:
            if not path.is_file():
                raise InputError(f"configuration {path} does not exist; check the path")
            try:
                values = tomllib.loads(path.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise ConfigError(f"{path} is not TOML: {error}") from error
        merged = _lay_over(values, overrides)
        preset = merged.get("preset")
        if isinstance(preset, str):
            merged = _lay_over(plugins().preset(preset).values(), merged)
        return parse_config(cls, merged, f"configuration {path}" if path else "fit")


def recipe_of(config: FitConfig, blocks: Sequence[str]) -> str:
    """Return the recipe that a run follows.

    Parameters
    ----------
    config : FitConfig
        ``train.recipe``, and the preset, which may have set it.
    blocks : sequence of str
        Blocks that the run uses.

    Returns
    -------
    str
        ``"joint"`` or ``"two-step"``. Where a preset asks for two steps and there is one block
        only, ``"joint"``: a preset cannot know which blocks it is combined with.

    Raises
    ------
    ConfigError
        When two steps are asked for and there is one block only.
    """
    recipe = config.train.recipe
    if recipe == "two-step" and len(blocks) < 2:
        preset = plugins().preset(config.preset) if config.preset is not None else None
        if preset is None or preset.train.get("recipe") != recipe:
            raise ConfigError(
                "--training two-step trains the sequence part first and then adds the contacts, "
                f"but this run uses the block {blocks[0]!r} alone; use both blocks, or "
                "--training joint"
            )
        logger.info("preset %s: one block, %s, trains in one step", config.preset, blocks[0])
        recipe = "joint"
    defaults = TrainConfig()
    unused = [
        f"train.{key}"
        for key in ("sequence_rate", "freeze_epochs")
        if getattr(config.train, key) != getattr(defaults, key)
    ]
    if unused and recipe == "joint":
        logger.warning("no effect without --training two-step: %s", ", ".join(unused))
    return recipe


def _lay_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge nested tables; values above win, None above means not given."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict):
            inner = merged.get(key, {})
            # Anything but a table is left for the check of the configuration to refuse.
            merged[key] = _lay_over(inner, value) if isinstance(inner, dict) else inner
        elif value is not None:
            merged[key] = value
    return merged
