"""Add samples and blocks to a feature file, in place."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from dexkit.errors import ConfigError, InputError, OutputError, PluginError, did_you_mean
from dexkit.features.alike import check_contacts, check_measures
from dexkit.features.build import LEAST_BYTES
from dexkit.features.config import MOST_THREADS, BuildConfig, ContactsSource, ExpressionSource
from dexkit.features.expression import expression_plans
from dexkit.features.extend import extend_feature_file
from dexkit.features.file import FeatureFile
from dexkit.features.history import GrownAttributes
from dexkit.features.provenance import Provenance, check_inputs, input_arguments
from dexkit.features.schema import CODES
from dexkit.features.stored_config import (
    CONTACTS,
    agreed_measure,
    agreed_settings,
    contact_settings,
    stored_config,
)
from dexkit.hooks import ArrayPlan, BuildContext, PluginConfig, SampleInput
from dexkit.hooks.manager import Plugins, parse_config, plugins
from dexkit.io.annotation import read_gtf
from dexkit.io.expression import Measure
from dexkit.io.fasta import open_fasta
from dexkit.memory import memory_errors, piece_bytes, require_room
from dexkit.progress import progress_bar

logger = logging.getLogger("dexkit")


class AddConfig(BaseModel):
    """What is added to a feature file.

    Parameters
    ----------
    contacts : tuple of ContactsSource
        Contact files of new samples.
    expression : tuple of ExpressionSource
        Expression of new samples.
    blocks : tuple of str
        Blocks that the file does not have.
    settings : dict of str to dict
        Settings by block; those of a block that the file has must be the file's.
    gtf : Path or None
        Annotation whose transcripts tell the genes of expression by transcript.
    measure : {"counts", "tpm", "fpkm"} or None
        As in a build; None takes what the file was built with.
    fasta : Path or None
        The FASTA of the file, for blocks that read more of it than the promoters.
    n_threads : int
        Threads of the kernels, and contact files that are read at a time.
    max_memory_bytes : int or None
        What the whole process may take; None leaves it open.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    contacts: tuple[ContactsSource, ...] = ()
    expression: tuple[ExpressionSource, ...] = ()
    blocks: tuple[str, ...] = ()
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    gtf: Path | None = None
    measure: Measure | None = None
    fasta: Path | None = None
    n_threads: int = Field(1, ge=1, le=MOST_THREADS)
    max_memory_bytes: int | None = Field(None, ge=1)


@dataclass(frozen=True)
class AddSummary:
    """What an addition did.

    Parameters
    ----------
    path : Path
        The feature file.
    measured : dict of str to int
        Genes with expression, by new sample.
    arrays : dict of str to tuple
        Shape of every new array by HDF5 path.
    n_bytes : int
        Size of the file.
    """

    path: Path
    measured: dict[str, int]
    arrays: dict[str, tuple[int, ...]]
    n_bytes: int

    def report(self) -> str:
        """Return what a user is told: expression, arrays and the file, a line each."""
        lines = [
            f"expression of {sample}: {n_genes:,} of the genes"
            for sample, n_genes in self.measured.items()
        ]
        lines += [
            f"{path}: {' x '.join(f'{n:,}' for n in shape)}"
            for path, shape in self.arrays.items()
            if not path.startswith("/expression")
        ]
        return "\n".join([*lines, f"{self.path}: {self.n_bytes / 1e6:,.1f} MB"])


def add_to_features(
    path: Path, config: AddConfig, progress: Callable[..., Any] = progress_bar
) -> AddSummary:
    """Add samples and blocks to a feature file without rewriting what it has.

    The genes, the genome and the window are the file's, and so are the settings of the blocks
    that it has, the pseudocount of expression, and the depth that contacts are scaled to.

    Parameters
    ----------
    path : Path
        The feature file. After any error, and after the next opening when the process was
        killed, it is what it was.
    config : AddConfig
        What to add.
    progress : callable, optional
        Progress reporting; see :class:`dexkit.hooks.BuildContext`.

    Returns
    -------
    AddSummary
        Counts for the summary line.

    Raises
    ------
    InputError
        When the file or an input is missing or malformed, a sample or block is in the file
        already, an input does not fit the file, or somebody else changes the file.
    ConfigError
        When nothing is to be added, a block or an option is unknown, a setting contradicts the
        file, or ``max_memory_bytes`` is too little.
    OutputError
        When the file cannot be written, or the disk or the memory is full.
    """
    with memory_errors(f"nothing was added to {path}", config.max_memory_bytes):
        return _add(path, config, progress)


def _add(path: Path, config: AddConfig, progress: Callable[..., Any]) -> AddSummary:
    features = FeatureFile(path)
    if not os.access(path, os.W_OK):
        raise OutputError(f"{path}: not permitted to write to it; nothing was added")
    require_room(LEAST_BYTES, config.max_memory_bytes, "the tables of the file")
    annotation = () if config.gtf is None else (config.gtf,)
    inputs = input_arguments(config.contacts, config.expression, *annotation)
    _check_wanted(features, config)
    check_inputs(inputs, config.contacts, path, "name the file of the new sample")
    provenance = Provenance(inputs, progress)
    stored = stored_config(features)
    build = stored.model_copy(
        update={
            "contacts": config.contacts,
            "expression": config.expression,
            "measure": agreed_measure(stored.measure, config.measure),
            "n_threads": config.n_threads,
            "max_memory_bytes": config.max_memory_bytes,
        }
    )
    registry = plugins()
    block_configs = _block_configs(features, build, config, registry)
    transcripts = None
    if config.gtf is not None:
        with progress(f"annotation {config.gtf.name}", None):
            transcripts = read_gtf(config.gtf).gene_of_transcript
    expression, measured = expression_plans(build, features.genes, transcripts)
    _refuse_present(features, expression, "expression of its sample")
    context = _context(features, config, provenance, progress)
    plans = list(expression)
    for name, block_config in block_configs.items():
        found = list(registry.block(name).plan(block_config, context))
        plans += _new_plans(features, found, name, name in config.blocks)
    check_contacts(features, plans)
    check_measures(features, expression)
    if not plans:
        raise InputError(f"{path}: nothing to add: the blocks plan no array that it lacks")
    added = config.model_dump(mode="json")
    paths = [plan.path for plan in plans]
    attrs = GrownAttributes(features, added, block_configs, paths, provenance)
    late = extend_feature_file(features, plans, attrs, piece_bytes(config.max_memory_bytes))
    logger.debug("attributes found while filling: %s", late)
    return AddSummary(
        path=path,
        measured=measured,
        arrays={plan.path: plan.shape for plan in plans},
        n_bytes=path.stat().st_size,
    )


def _check_wanted(features: FeatureFile, config: AddConfig) -> None:
    """Refuse an addition of nothing, of what is there, and of inputs that are not."""
    if not (config.contacts or config.expression or config.blocks):
        raise ConfigError("nothing to add; give --contacts, --expression, --samples or --block")
    for option, value in (("--gtf", config.gtf), ("--measure", config.measure)):
        if value is not None and not config.expression:
            raise ConfigError(
                f"{option} {value} has no effect without expression; give --expression, or "
                "--samples with a column expression"
            )
    for what, samples, known in (
        ("contacts", [s.sample for s in config.contacts], features.contact_samples),
        ("expression", [s.sample for s in config.expression], features.expression_samples),
    ):
        for sample in samples:
            if sample in known:
                raise _present(features, f"{what} of sample {sample!r}")


def _present(features: FeatureFile, what: str) -> InputError:
    return InputError(
        f"{features.path} has {what} already; nothing is replaced in place: use another sample "
        "name, or build the file again"
    )


def _block_configs(
    features: FeatureFile, build: BuildConfig, config: AddConfig, registry: Plugins
) -> dict[str, PluginConfig]:
    """Return the configuration of every block that is asked to plan arrays, by name.

    New contacts are for every block that the file has: it plans what the new samples need.
    """
    default = [name for name, found in registry.blocks.items() if found.entry.default]
    wanted = []
    if config.contacts:
        wanted += [name for name in (*default, *build.blocks) if _installed(name, registry)]
    wanted = list(dict.fromkeys([*wanted, *config.blocks]))
    for name in config.settings:
        if name not in wanted:
            hint = f"add --block {name}" if name in registry.blocks else did_you_mean(name, wanted)
            raise ConfigError(f"settings for block {name!r}, which is not added; {hint}")
    result: dict[str, PluginConfig] = {}
    for name in wanted:
        model = registry.block(name).config
        stored: Mapping[str, Any] = build.settings.get(name, {})
        given = config.settings.get(name, {})
        if name == CONTACTS and features.contact_samples:
            stored = contact_settings(features, stored)
            _say_depth(features, stored)
        elif name == CONTACTS or name not in (*default, *build.blocks):
            result[name] = parse_config(model, given, f"block {name}")
            continue
        result[name] = agreed_settings(name, model, stored, given)
    return result


def _installed(name: str, registry: Plugins) -> bool:
    try:
        registry.block(name)
    except PluginError as error:
        logger.warning("block %r of the file is left out for the new samples: %s", name, error)
        return False
    return True


def _say_depth(features: FeatureFile, settings: Mapping[str, Any]) -> None:
    old = ", ".join(features.contact_samples)
    if "target_depth" in settings:
        logger.info(
            "new contacts are scaled to a depth of %s, as those of %s in the file",
            f"{settings['target_depth']:,}",
            old,
        )
    elif settings.get("normalisation", "depth") == "depth":
        if settings.get("depth_scope", "all") == "all":
            raise InputError(
                f"{features.path}: the contacts of {old} are on the scale of their own file, whose "
                "depth is not known, and new ones cannot be brought to it; build all samples "
                "anew with --depth, or with --set contacts.depth_scope=sample"
            )
        logger.warning(
            "the samples in the file (%s) have no common target depth; new contacts are scaled to "
            "the smallest depth among themselves",
            old,
        )


def _context(
    features: FeatureFile,
    config: AddConfig,
    provenance: Provenance,
    progress: Callable[..., Any],
) -> BuildContext:
    upstream_bp, downstream_bp, margin_bp = features.window_bp
    stored = features.array(CODES)

    def codes(start: int, stop: int, margin: int) -> npt.NDArray[np.uint8]:
        if not 0 <= margin <= margin_bp:
            raise InputError(
                f"{features.path} stores a margin of {margin_bp} bp; a block asks for {margin}; "
                "build the file with a larger --margin-bp"
            )
        columns = slice(margin_bp - margin, stored.shape[1] - margin_bp + margin)
        return np.ascontiguousarray(stored[start:stop, columns])

    if config.fasta is not None:
        with open_fasta(config.fasta) as fasta:
            if dict(fasta.genome.lengths) != dict(features.genome.lengths):
                raise InputError(
                    f"{config.fasta} has other chromosomes than {features.path} was built from; "
                    "give the same FASTA"
                )
    return BuildContext(
        genes=features.genes,
        genome=features.genome,
        fasta_path=config.fasta,
        samples=tuple(SampleInput(c.sample, c.paths, c.depths) for c in config.contacts),
        upstream_bp=upstream_bp,
        downstream_bp=downstream_bp,
        margin_bp=margin_bp,
        n_threads=config.n_threads,
        chrom_alias={},
        progress=progress,
        max_memory_bytes=config.max_memory_bytes,
        scratch=features.path.parent,
        note_inputs=provenance.note,
        codes=codes,
    )


def _new_plans(
    features: FeatureFile, plans: list[ArrayPlan], block: str, asked: bool
) -> list[ArrayPlan]:
    """Return the plans of arrays that the file lacks; a block that was asked for must have some."""
    new = [plan for plan in plans if not features.has(plan.path)]
    if asked and not plans:
        raise InputError(f"block {block!r} plans no array; it needs --contacts of a new sample")
    if asked and not new:
        raise _present(features, f"{plans[0].path} of block {block!r}")
    return new


def _refuse_present(features: FeatureFile, plans: Sequence[ArrayPlan], what: str) -> None:
    for plan in plans:
        if features.has(plan.path):
            raise _present(features, f"{plan.path}, {what},")
