"""Everything that is settled before a fit starts: samples, blocks, rows, splits, arrays."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.evaluation.splits import Split
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES
from dexkit.hooks import OTHER_SAMPLES, Head
from dexkit.hooks.entries import BaselineEntry
from dexkit.hooks.manager import Plugins, parse_config, parse_plugin_argument
from dexkit.hooks.registry import Registered
from dexkit.hooks.selection import PluginChoice
from dexkit.io.samples import SAMPLE_SEPARATOR
from dexkit.models.columns import Columns
from dexkit.models.contract import BlockArrays, Contract
from dexkit.models.normaliser import ProfileNormaliser
from dexkit.models.quantile import Quantiles
from dexkit.workflows.fit_config import FitConfig, recipe_of
from dexkit.workflows.parts import beside, check_settings, choose_encoders, head_of_baseline
from dexkit.workflows.rows import Rows, choose_rows
from dexkit.workflows.splits import splits_of_run
from dexkit.workflows.targets import in_one_distribution, quantiles_of, target_of
from dexkit.workflows.weights import Weights, weights_of

logger = logging.getLogger("dexkit")


@dataclass(frozen=True)
class Job:
    """A fit that is ready to start.

    Parameters
    ----------
    rows : Rows
        What the numbers in ``splits`` and the first axis of the arrays below stand for: genes of
        the feature file, with several samples each gene in each sample.
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
    per_sample : bool
        Whether the head has an output for each sample.
    splits : tuple of Split
        One a member of the ensemble; all have the same test part. All rows of a gene are in one
        part.
    observed : ndarray of shape (n_rows,), dtype float64
        log10 expression, quantile-normalised if asked for; NaN where unmeasured.
    target : ndarray of shape (n_rows,), dtype float64
        What the head learns: ``observed``, or expression as measured where it asks for that.
    quantiles : QuantileNormaliser, SampleQuantiles or None
        The map that ``observed`` went through.
    left_out : dict of str to ndarray
        Rows that are neither trained on nor predicted, by reason.
    contract : Contract
        Inputs of the model.
    normaliser : ProfileNormaliser or None
        Fitted on training and validation rows of all samples together.
    arrays : BlockArrays
        Inputs of all rows.
    state : dict
        Target state of the head, fitted on training and validation rows.
    columns : tuple of Columns
        What there is for baselines to read beside the blocks, by sample; ``arrays`` have what this
        run reads.
    weights : Weights or None
        Weight of every row in the loss of a network; None: all count alike.
    recipe : str
        ``"joint"`` or ``"two-step"``.
    """

    rows: Rows
    baseline: Registered[BaselineEntry] | None
    encoders: tuple[tuple[Any, Any], ...]
    head_name: str
    head: Head
    head_config: dict[str, Any]
    per_sample: bool
    splits: tuple[Split, ...]
    observed: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    quantiles: Quantiles | None
    left_out: dict[str, npt.NDArray[np.intp]]
    contract: Contract
    normaliser: ProfileNormaliser | None
    arrays: BlockArrays
    state: Mapping[str, Any]
    columns: tuple[Columns, ...]
    weights: Weights | None = None
    recipe: str = "joint"

    @property
    def sample(self) -> str:
        """The sample whose expression is predicted; several are joined by commas."""
        return SAMPLE_SEPARATOR.join(self.rows.samples)

    @property
    def model_name(self) -> str:
        """The model's name for tables: the baseline, or all encoders joined by ``+``."""
        if self.baseline is not None:
            return self.baseline.entry.name
        return "+".join(entry.name for entry, _ in self.encoders)

    @property
    def development(self) -> npt.NDArray[np.intp]:
        """Training and validation rows: all that anything may be fitted on."""
        split = self.splits[0]
        return np.sort(np.concatenate([split.train, split.validation]))

    @property
    def parts(self) -> npt.NDArray[np.object_]:
        """Part of every row; one that any member trains on is ``train``."""
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
    rows = choose_rows(features, config.sample)
    blocks = _blocks(features, rows.samples, config.blocks)
    head_name = config.head or "regression"
    if choice.baseline is not None:
        head_name = head_of_baseline(choice.baseline.entry, config, registry)
    head_entry = registry.head(head_name)
    head_config = parse_config(
        head_entry.config, config.settings.get(head_name, {}), f"head {head_name!r}"
    )
    encoders = () if choice.baseline else choose_encoders(choice, blocks, config, registry)
    check_settings(config, registry, choice, encoders, head_entry)
    recipe = "joint" if choice.baseline else recipe_of(config, blocks)
    observed = np.concatenate([features.expression(sample) for sample in rows.samples])
    usable, left_out = _usable(features, rows, observed, "contacts" in blocks, config)
    n_members = 1 if choice.baseline else config.train.ensemble
    of_genes = np.asarray(rows.by_sample(usable).any(axis=1))
    splits = tuple(
        rows.split(split, usable)
        for split in splits_of_run(features, of_genes, config.split, config.train.seed, n_members)
    )
    for split in splits:
        rows.check(split)
    left_out[splits[0].left_out_reason] = functools.reduce(
        np.intersect1d, [split.left_out for split in splits]
    )
    development = np.sort(np.concatenate([splits[0].train, splits[0].validation]))
    quantiles = None
    if config.quantile_normalise:
        quantiles, observed = quantiles_of(features, rows, head_entry, development, observed)
    own = choice.baseline.entry.blocks if choice.baseline is not None else ()
    companions = beside(head_entry.task, registry) if config.companions else []
    wanted = {*own, *(block for entry in companions for block in entry.blocks)}
    columns = _columns(features, rows, blocks, own, wanted)
    if config.quantile_normalise:
        genes = np.unique(rows.genes(development))
        columns = tuple(in_one_distribution(features, c, head_entry, genes) for c in columns)
    contract = _contract(features, rows.samples, blocks, columns[0].only(own))
    normaliser = None
    if "contacts" in blocks:
        normaliser = _normaliser(features, rows, development)
    read = [one if config.companions else one.only(own) for one in columns]
    arrays = BlockArrays.read(features, rows.samples, contract, normaliser, read)
    if not choice.baseline and config.train.shift_bp > arrays.margin_bp and "sequence" in blocks:
        raise ConfigError(
            f"shift_bp is {config.train.shift_bp}, but {features.path} stores a margin of "
            f"{arrays.margin_bp} bp; use --set train.shift_bp={arrays.margin_bp}, or rebuild with "
            "a larger --margin-bp"
        )
    head = head_entry.build(head_config)
    target, state = target_of(features, rows, head_entry, head, observed, development)
    weights = None
    if choice.baseline is None:
        weights = weights_of(features, rows, head, target, state, development, config.train)
    if len(rows.samples) > 1 and "contacts" not in blocks and not head_entry.per_sample:
        logger.warning(
            "without contacts nothing tells %s apart: the model predicts the same for all of them",
            " and ".join(rows.samples),
        )
    return Job(
        rows=rows,
        baseline=choice.baseline,
        encoders=encoders,
        head_name=head_name,
        head=head,
        head_config=head_config.model_dump(mode="json"),
        per_sample=head_entry.per_sample,
        splits=splits,
        observed=observed,
        target=target,
        quantiles=quantiles,
        left_out={reason: index for reason, index in left_out.items() if len(index)},
        contract=contract,
        normaliser=normaliser,
        arrays=arrays,
        state=state,
        columns=columns,
        weights=weights,
        recipe=recipe,
    )


def _blocks(
    features: FeatureFile, samples: tuple[str, ...], wanted: tuple[str, ...] | None
) -> tuple[str, ...]:
    available = []
    if features.has(CODES):
        available.append("sequence")
    lacking = [sample for sample in samples if sample not in features.contact_samples]
    if not lacking:
        available.append("contacts")
    elif len(lacking) < len(samples) and (wanted is None or "contacts" in wanted):
        raise InputError(
            f"{features.path} has no contacts of sample {lacking[0]!r}, but of others of "
            f"{', '.join(samples)}; add them, leave the sample out, or give --blocks sequence"
        )
    for block in wanted or ():
        if block not in available:
            raise InputError(
                f"{features.path} has no block {block!r} for sample "
                f"{SAMPLE_SEPARATOR.join(samples)!r}; {did_you_mean(block, available)}"
            )
    return tuple(b for b in available if wanted is None or b in wanted)


def _usable(
    features: FeatureFile,
    rows: Rows,
    observed: npt.NDArray[np.float64],
    with_contacts: bool,
    config: FitConfig,
) -> tuple[npt.NDArray[np.bool_], dict[str, npt.NDArray[np.intp]]]:
    """Return which rows can be learnt from, and those left out for want of contacts."""
    usable = np.isfinite(observed)
    left_out = {}
    if with_contacts and config.unobserved == "drop":
        for number, sample in enumerate(rows.samples):
            seen = features.contacts(sample)[1].any(axis=1)
            dark = number * rows.n_genes + np.flatnonzero(~seen)
            left_out[f"no contacts of {sample} were measured on its chromosome"] = dark
            usable[dark] = False
    return usable, left_out


def _columns(
    features: FeatureFile,
    rows: Rows,
    blocks: tuple[str, ...],
    own: tuple[str, ...],
    wanted: set[str],
) -> tuple[Columns, ...]:
    """Return what each sample has for baselines to read, as far as all of them have it."""
    if len(rows.samples) > 1 and OTHER_SAMPLES in own:
        raise ConfigError(
            "a baseline that reads the expression of other samples predicts one sample; give one "
            "with --sample"
        )
    every = [Columns.of(features, sample, blocks, wanted) for sample in rows.samples]
    shared = [name for name in every[0].names if all(name in one.names for one in every)]
    return tuple(one.only(shared) for one in every)


def _contract(
    features: FeatureFile, samples: tuple[str, ...], blocks: tuple[str, ...], columns: Columns
) -> Contract:
    """Return the contract that the inputs of all samples keep."""
    first = Contract.of(features, samples[0], blocks, columns)
    for sample in samples[1:]:
        other = Contract.of(features, sample, blocks)
        if (first.n_bins, first.contacts) != (other.n_bins, other.contacts):
            raise InputError(
                f"{features.path}: contacts of {samples[0]} and {sample} differ: {first.n_bins} "
                f"bins, {first.contacts} against {other.n_bins} bins, {other.contacts}; one model "
                "needs them built with the same options"
            )
        for note in first.check(features, sample):
            logger.warning("sample %s: %s", sample, note)
    return first


def _normaliser(
    features: FeatureFile, rows: Rows, development: npt.NDArray[np.intp]
) -> ProfileNormaliser:
    """Learn mean and scale of each bin from the training and validation rows of all samples.

    One for all, so that a sample that the model never saw can be standardised, too, and what
    sets the samples apart stays in their profiles.
    """
    parts: list[tuple[Any, Any]] = []
    for number, sample in enumerate(rows.samples):
        genes = rows.genes(rows.of_sample(number, development))
        signal, observed = features.contacts(sample)
        parts.append((signal[genes], observed[genes]))
    signals, masks = zip(*parts, strict=True)
    return ProfileNormaliser.fit(np.concatenate(signals), np.concatenate(masks))
