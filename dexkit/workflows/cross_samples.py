"""What is settled before models of several samples are fitted: samples, blocks, folds."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.evaluation.split_file import SplitTable, read_table
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES
from dexkit.hooks import OTHER_SAMPLES
from dexkit.hooks.manager import parse_plugin_argument, plugins
from dexkit.workflows.fit_config import FitConfig, SplitConfig
from dexkit.workflows.splits import SplitRequest, make_splits

logger = logging.getLogger("dexkit")

_SPLIT_FILE = "splits.tsv"


def is_baseline(config: FitConfig) -> bool:
    """Whether a model is a baseline, which is fitted to validation genes, too."""
    return (
        config.plugin is not None
        and parse_plugin_argument(config.plugin, plugins()).baseline is not None
    )


def check_models(models: Sequence[FitConfig]) -> None:
    """Refuse models that have no place in a cross-sample experiment.

    Raises
    ------
    ConfigError
        When there is none, one is a classifier, or one copies other samples.
    PluginError
        When a plugin is unknown.
    """
    if not models:
        raise ConfigError("cross-sample needs at least one model; name it with --plugin")
    registry = plugins()
    for config in models:
        entry = None
        if config.plugin is not None:
            found = parse_plugin_argument(config.plugin, registry).baseline
            entry = found.entry if found is not None else None
        if entry is not None and OTHER_SAMPLES in entry.blocks:
            raise ConfigError(
                f"{entry.name} copies other samples, and copies stand beside every model of "
                "cross-sample; leave it out"
            )
        task = entry.task if entry is not None else registry.head(config.head or "regression").task
        if task != "regression":
            raise ConfigError(
                f"cross-sample compares expression, and {config.plugin or config.head} is for "
                f"{task}; choose a model or a head for regression"
            )


def choose_blocks(features: FeatureFile, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the blocks that the models of all samples read.

    Parameters
    ----------
    features : FeatureFile
        The file.
    wanted : tuple of str or None
        Of the options; None: all that the file has.

    Raises
    ------
    InputError
        When the file lacks one of them.
    """
    there: tuple[str, ...] = ("sequence",) if features.has(CODES) else ()
    there += ("contacts",) if features.contact_samples else ()
    for block in wanted or ():
        if block not in there:
            raise InputError(
                f"{features.path} has no block {block!r}; {did_you_mean(block, there)}"
            )
    return tuple(block for block in there if wanted is None or block in wanted)


def choose_samples(
    features: FeatureFile, blocks: Sequence[str], wanted: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the samples that are trained on and predicted.

    Parameters
    ----------
    features : FeatureFile
        The file.
    blocks : sequence of str
        Blocks that the models read.
    wanted : sequence of str, optional
        Samples; by default all that have expression and the blocks. Those that have not are
        named in the log.

    Raises
    ------
    InputError
        When a sample lacks expression or contacts, or there are fewer than two.
    ConfigError
        When a sample is named twice.
    """
    expression = features.expression_samples
    contacts = features.contact_samples if "contacts" in blocks else expression
    for name in wanted:
        if wanted.count(name) > 1:
            raise ConfigError(f"--sample {name} is given twice; name every sample once")
        for what, known in (("expression", expression), ("contacts", contacts)):
            if name not in known:
                raise InputError(
                    f"{features.path} has no {what} of sample {name!r}; {did_you_mean(name, known)}"
                )
    chosen = tuple(wanted) or tuple(name for name in expression if name in contacts)
    lacking = [name for name in expression if name not in contacts]
    if lacking and not wanted:
        logger.warning("left out, without contacts: %s", ", ".join(lacking))
    if len(chosen) < 2:
        hint = "; --blocks sequence does without contacts" if "contacts" in blocks else ""
        raise InputError(
            f"cross-sample needs at least two samples with {' and '.join(_needs(blocks))}; got "
            f"{', '.join(chosen) or 'none'} in {features.path}{hint}"
        )
    return chosen


def usable_genes(
    features: FeatureFile, sample: str, config: FitConfig, blocks: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Return which genes the fits of a sample use, shape (n_genes,)."""
    usable: npt.NDArray[np.bool_] = np.isfinite(features.expression(sample))
    if "contacts" in blocks and config.unobserved == "drop":
        usable = usable & features.contacts(sample)[1].any(axis=1)
    return usable


def common_splits(features: FeatureFile, config: FitConfig) -> SplitTable:
    """Return the folds that the fits of all samples share.

    Folds of ``fit`` are balanced over the chromosomes of one sample's genes; here a gene must be a
    test gene of the same fold in every sample, so the folds are those of all genes of the file.

    Raises
    ------
    InputError, ConfigError, TrainingError
        When the split is impossible, or a split file does not fit.
    """
    split = config.split
    if split.kind != "file":
        return make_splits(features, SplitRequest(split.kind, split.folds, config.train.seed))
    if split.file is None:
        raise ConfigError("split.kind is 'file', but split.file names none; give --split FILE")
    table = read_table(Path(split.file))
    return table.aligned(features.genes.gene_id, str(features.path))


def write_common_splits(table: SplitTable, split: SplitConfig, folder: Path) -> SplitConfig:
    """Write the common folds into an experiment, unless a split file has them already.

    Parameters
    ----------
    table : SplitTable
        Of :func:`common_splits`.
    split : SplitConfig
        Of the options.
    folder : Path
        The experiment.

    Returns
    -------
    SplitConfig
        Of fold 0, for the fits.
    """
    if split.kind == "file":
        return split.model_copy(update={"folds": table.n_folds, "fold": 0})
    path = folder.absolute() / _SPLIT_FILE
    table.write(path, force=True)
    return SplitConfig(
        kind="file", file=str(path), sha256=read_table(path).sha256, folds=table.n_folds, fold=0
    )


def _needs(blocks: Sequence[str]) -> list[str]:
    return ["expression", "contacts"] if "contacts" in blocks else ["expression"]
