"""Everything that is settled before a fit starts: sample, blocks, genes, splits, arrays."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.evaluation.splits import Split
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES, expression_path
from dexkit.hooks import Head
from dexkit.hooks.entries import BaselineEntry, HeadEntry
from dexkit.hooks.manager import Plugins, parse_config, parse_plugin_argument
from dexkit.hooks.registry import Registered
from dexkit.hooks.selection import EncoderChoice, PluginChoice
from dexkit.models.columns import Columns
from dexkit.models.contract import BlockArrays, Contract
from dexkit.models.normaliser import ProfileNormaliser
from dexkit.models.quantile import QuantileNormaliser
from dexkit.training.config import TrainConfig
from dexkit.workflows.fit_config import FitConfig, recipe_of
from dexkit.workflows.splits import splits_of_run

logger = logging.getLogger("dexkit")


@dataclass(frozen=True)
class Job:
    """A fit that is ready to start.

    Parameters
    ----------
    sample : str
        Sample whose expression is predicted.
    baseline : Registered or None
        The baseline when ``--plugin`` names one; None for a network.
    encoders : tuple of (entry, config)
        Encoders of a network, in the order of the blocks.
    head_name : str
        Head of a network.
    head : Head
        Also gives a baseline its target.
    head_config : dict
        Plain configuration of the head.
    splits : tuple of Split
        One a member of the ensemble; all have the same test part.
    observed : ndarray of shape (n_genes,), dtype float64
        log10 expression, quantile-normalised if asked for; NaN where unmeasured.
    target : ndarray of shape (n_genes,), dtype float64
        What the head learns: ``observed``, or expression as measured where it asks for that.
    quantiles : QuantileNormaliser or None
        The map that ``observed`` went through.
    left_out : dict of str to ndarray
        Rows that are neither trained on nor predicted, by reason.
    contract : Contract
        Inputs of the model.
    normaliser : ProfileNormaliser or None
        Fitted on training and validation genes.
    arrays : BlockArrays
        Inputs of all genes.
    state : dict
        Target state of the head, fitted on training and validation genes.
    columns : Columns
        What there is for baselines to read beside the blocks; ``arrays`` have what this run reads.
    recipe : str
        ``"joint"`` or ``"two-step"``.
    """

    sample: str
    baseline: Registered[BaselineEntry] | None
    encoders: tuple[tuple[Any, Any], ...]
    head_name: str
    head: Head
    head_config: dict[str, Any]
    splits: tuple[Split, ...]
    observed: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    quantiles: QuantileNormaliser | None
    left_out: dict[str, npt.NDArray[np.intp]]
    contract: Contract
    normaliser: ProfileNormaliser | None
    arrays: BlockArrays
    state: Mapping[str, float]
    columns: Columns
    recipe: str = "joint"

    @property
    def model_name(self) -> str:
        """The model's name for tables: the baseline, or all encoders joined by ``+``."""
        if self.baseline is not None:
            return self.baseline.entry.name
        return "+".join(entry.name for entry, _ in self.encoders)

    @property
    def development(self) -> npt.NDArray[np.intp]:
        """Training and validation genes: all that anything may be fitted on."""
        split = self.splits[0]
        return np.sort(np.concatenate([split.train, split.validation]))

    @property
    def parts(self) -> npt.NDArray[np.object_]:
        """Part of every gene of the file; a gene that any member trains on is ``train``."""
        parts = np.full(len(self.observed), "unmeasured", dtype=object)
        for split in self.splits:
            parts[split.validation] = "validation"
        for split in self.splits:
            parts[split.train] = "train"
        parts[self.splits[0].test] = "test"
        return parts


def prepare(features: FeatureFile, config: FitConfig, registry: Plugins) -> Job:
    """Settle a fit; whatever is wrong with the input is found here, before anything is written.

    Parameters
    ----------
    features : FeatureFile
        The data.
    config : FitConfig
        The options.
    registry : Plugins
        What is installed.

    Returns
    -------
    Job
        Ready to start.

    Raises
    ------
    InputError
        When the file lacks the sample or a block, or too few genes are left.
    ConfigError
        When options contradict each other.
    PluginError
        When a plugin is unknown.
    TrainingError
        When the split is impossible.
    """
    choice = PluginChoice()
    if config.plugin is not None:
        choice = parse_plugin_argument(config.plugin, registry)
    sample = _sample(features, config.sample)
    blocks = _blocks(features, sample, config.blocks)
    head_name = config.head or "regression"
    if choice.baseline is not None:
        head_name = _head_of_baseline(choice.baseline.entry, config, registry)
    head_entry = registry.head(head_name)
    head_config = parse_config(
        head_entry.config, config.settings.get(head_name, {}), f"head {head_name!r}"
    )
    encoders = () if choice.baseline else _encoders(choice, blocks, config, registry)
    _check_settings(config, registry, choice, encoders, head_entry)
    recipe = "joint" if choice.baseline else recipe_of(config, blocks)
    observed = features.expression(sample)
    left_out = {}
    usable = np.isfinite(observed)
    if "contacts" in blocks and config.unobserved == "drop":
        seen = features.contacts(sample)[1].any(axis=1)
        left_out[f"no contacts of {sample} were measured on its chromosome"] = np.flatnonzero(~seen)
        usable &= seen
    n_members = 1 if choice.baseline else config.train.ensemble
    splits = splits_of_run(features, usable, config.split, config.train.seed, n_members)
    left_out[splits[0].left_out_reason] = functools.reduce(
        np.intersect1d, [split.left_out for split in splits]
    )
    development = np.sort(np.concatenate([splits[0].train, splits[0].validation]))
    quantiles = None
    if config.quantile_normalise:
        quantiles = _quantiles(features, sample, head_entry, development)
        observed = quantiles.apply(observed)
    own = choice.baseline.entry.blocks if choice.baseline is not None else ()
    companions = beside(head_entry.task, registry) if config.companions else []
    wanted = {*own, *(block for entry in companions for block in entry.blocks)}
    columns = Columns.of(features, sample, blocks, wanted)
    if config.quantile_normalise:
        columns = _in_one_distribution(features, columns, head_entry, development)
    contract = Contract.of(features, sample, blocks, columns.only(own))
    normaliser = None
    if "contacts" in blocks:
        signal, mask = features.contacts(sample)
        normaliser = ProfileNormaliser.fit(signal[development], mask[development])
    read = columns if config.companions else contract.columns
    arrays = BlockArrays.read(features, sample, contract, normaliser, read)
    if not choice.baseline and config.train.shift_bp > arrays.margin_bp and "sequence" in blocks:
        raise ConfigError(
            f"shift_bp is {config.train.shift_bp}, but {features.path} stores a margin of "
            f"{arrays.margin_bp} bp; use --set train.shift_bp={arrays.margin_bp}, or rebuild with "
            "a larger --margin-bp"
        )
    head = head_entry.build(head_config)
    target, state = _target(features, sample, head_entry, head, observed, development)
    return Job(
        sample=sample,
        baseline=choice.baseline,
        encoders=encoders,
        head_name=head_name,
        head=head,
        head_config=head_config.model_dump(mode="json"),
        splits=splits,
        observed=observed,
        target=target,
        quantiles=quantiles,
        left_out={reason: rows for reason, rows in left_out.items() if len(rows)},
        contract=contract,
        normaliser=normaliser,
        arrays=arrays,
        state=state,
        columns=columns,
        recipe=recipe,
    )


def beside(task: str, registry: Plugins) -> list[BaselineEntry]:
    """Return the baselines that stand beside every model of a task."""
    found = (registered.entry for registered in registry.baselines.values())
    return [entry for entry in found if entry.companion and entry.task == task]


def _sample(features: FeatureFile, wanted: str | None) -> str:
    known = features.expression_samples
    if wanted is None:
        if len(known) == 1:
            return known[0]
        raise InputError(
            f"{features.path} has expression of {len(known)} samples ({', '.join(known)}); "
            "choose one with --sample"
        )
    if wanted not in known:
        raise InputError(
            f"{features.path} has no expression of sample {wanted!r}; {did_you_mean(wanted, known)}"
        )
    return wanted


def _blocks(features: FeatureFile, sample: str, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    available = []
    if features.has(CODES):
        available.append("sequence")
    if sample in features.contact_samples:
        available.append("contacts")
    for block in wanted or ():
        if block not in available:
            raise InputError(
                f"{features.path} has no block {block!r} for sample {sample!r}; "
                f"{did_you_mean(block, available)}"
            )
    return tuple(b for b in available if wanted is None or b in wanted)


def _quantiles(
    features: FeatureFile, sample: str, head: HeadEntry, development: npt.NDArray[np.intp]
) -> QuantileNormaliser:
    """Learn the quantile normalisation of the sample from training and validation genes."""
    if head.task != "regression":
        raise ConfigError(
            f"--quantile-normalise does not go with the head {head.name!r}: the order of genes, "
            "and with it the class of each, stays as it is; leave the option out"
        )
    if head.target == "raw":
        raise ConfigError(
            f"--quantile-normalise does not go with the head {head.name!r}, which learns "
            "expression as measured; leave the option out"
        )
    samples = features.expression_samples
    expression = np.stack([features.expression(name)[development] for name in samples], axis=1)
    return QuantileNormaliser.fit(expression, samples, sample)


def _in_one_distribution(
    features: FeatureFile, columns: Columns, head: HeadEntry, development: npt.NDArray[np.intp]
) -> Columns:
    """Let expression of other samples go through maps of their own, as that of the sample does."""
    names = columns.other_samples
    maps = {name: _quantiles(features, name, head, development) for name in names}
    return replace(columns, other_samples=maps)


def _target(
    features: FeatureFile,
    sample: str,
    entry: HeadEntry,
    head: Head,
    observed: npt.NDArray[np.float64],
    development: npt.NDArray[np.intp],
) -> tuple[npt.NDArray[np.float64], Mapping[str, float]]:
    """Return what the head learns, and its state fitted on training and validation genes."""
    if entry.target == "log10":
        return observed, head.fit_target(observed[development])
    path = expression_path(sample, "raw")
    raw = np.asarray(features.array(path), dtype=np.float64)
    pseudocount = float(features.array_attrs(path)["pseudocount"])
    return raw, {**head.fit_target(raw[development]), "pseudocount": pseudocount}


def _encoders(
    choice: Any, blocks: tuple[str, ...], config: FitConfig, registry: Plugins
) -> tuple[tuple[Any, Any], ...]:
    """Return one encoder a block: the named one, else the block's default."""
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


def _head_of_baseline(entry: BaselineEntry, config: FitConfig, registry: Plugins) -> str:
    """Return the head that gives a baseline its target; say which options it cannot use."""
    if config.head is not None and registry.head(config.head).task != entry.task:
        raise ConfigError(
            f"--head {config.head} does not go with the baseline {entry.name!r}, which is for "
            f"{entry.task}; choose another baseline or leave --head out"
        )
    if config.train.device == "gpu":
        raise ConfigError(f"--device gpu: the baseline {entry.name!r} runs on the CPU only")
    defaults = TrainConfig(seed=config.train.seed)
    unused = [k for k, v in config.train if v != getattr(defaults, k)]
    if unused:
        logger.warning("no effect on the baseline %s: %s", entry.name, ", ".join(unused))
    return config.head or entry.task


def _check_settings(
    config: FitConfig,
    registry: Plugins,
    choice: Any,
    encoders: tuple[tuple[Any, Any], ...],
    head: HeadEntry,
) -> None:
    """Refuse settings for a plugin that takes no part in the run."""
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
