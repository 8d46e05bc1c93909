"""Build a feature file: FASTA + annotation + contacts + expression -> one HDF5 file."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit import __version__
from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.features.config import BuildConfig
from dexkit.features.provenance import Provenance, check_inputs, input_arguments
from dexkit.features.schema import expression_path
from dexkit.features.selection import select_genes
from dexkit.features.writer import check_feature_output, write_feature_file
from dexkit.genome import GeneTable
from dexkit.hooks import ArrayPlan, BuildContext, SampleInput
from dexkit.hooks.manager import Plugins, parse_config, plugins
from dexkit.io.annotation import read_gtf
from dexkit.io.chroms import reconcile
from dexkit.io.expression import (
    ExpressionTable,
    MatchedExpression,
    match_expression,
    read_expression,
)
from dexkit.io.fasta import open_fasta
from dexkit.io.samples import check_sample_name
from dexkit.memory import MIB, memory_errors, piece_bytes, require_room
from dexkit.progress import progress_bar

logger = logging.getLogger("dexkit")

#: Samples that the line about an expression table names before it counts the others.
_MOST_NAMED = 6
#: What any build takes beside the program itself: a piece of an array and of each input, and the
#: tables of some ten thousand genes.
LEAST_BYTES = 64 * MIB


@dataclass(frozen=True)
class BuildSummary:
    """What a build did.

    Parameters
    ----------
    path : Path
        The feature file.
    selection : str
        How many genes were kept, and why the others were not.
    measured : dict of str to int
        Genes with expression, by sample.
    arrays : dict of str to tuple
        Shape of every array by HDF5 path.
    n_bytes : int
        Size of the file.
    """

    path: Path
    selection: str
    measured: dict[str, int]
    arrays: dict[str, tuple[int, ...]]
    n_bytes: int

    def report(self) -> str:
        """Return what a user is told: genes, expression, arrays and the file, a line each."""
        lines = [self.selection]
        lines += [
            f"expression of {sample}: {n_genes:,} of the kept genes"
            for sample, n_genes in self.measured.items()
        ]
        lines += [
            f"{path}: {' x '.join(f'{n:,}' for n in shape)}"
            for path, shape in self.arrays.items()
            if not path.startswith("/expression")
        ]
        return "\n".join([*lines, f"{self.path}: {self.n_bytes / 1e6:,.1f} MB"])


def build_features(
    config: BuildConfig,
    out: Path,
    force: bool = False,
    progress: Callable[..., Any] = progress_bar,
) -> BuildSummary:
    """Build a feature file.

    Parameters
    ----------
    config : BuildConfig
        Inputs and options.
    out : Path
        The file to write; it appears whole or not at all.
    force : bool, optional
        Whether an existing feature file may be replaced.
    progress : callable, optional
        Progress reporting; see :class:`dexkit.hooks.BuildContext`.

    Returns
    -------
    BuildSummary
        Counts for the summary line.

    Raises
    ------
    InputError
        When an input is missing, malformed, does not fit the others, or is ``out``.
    ConfigError
        When a block or one of its options is unknown, or ``max_memory_bytes`` is too little.
    OutputError
        When the file exists and may not be replaced, cannot be written, or the disk or the memory
        is full.
    """
    with memory_errors(f"{out} was not built", config.max_memory_bytes):
        return _build(config, out, force, progress)


def _build(
    config: BuildConfig, out: Path, force: bool, progress: Callable[..., Any]
) -> BuildSummary:
    inputs = input_arguments(config.contacts, config.expression, config.fasta, config.gtf)
    check_inputs(inputs, config.contacts, out)
    check_feature_output(out, force)
    registry = plugins()
    block_configs = _block_configs(config, registry)
    require_room(LEAST_BYTES, config.max_memory_bytes, "the tables of a build")
    provenance = Provenance(inputs, progress)
    with progress(f"annotation {config.gtf.name}", None):
        annotation = read_gtf(config.gtf, config.tss_rule)
    for note in annotation.notes:
        logger.info("%s: %s", config.gtf.name, note)
    with progress(f"index of {config.fasta.name}", None):
        opened = open_fasta(config.fasta)
    with opened as fasta:
        genome = fasta.genome
        names = dict.fromkeys(gene.chrom for gene in annotation.genes)
        mapping = reconcile(list(genome.lengths), list(names), f"annotation {config.gtf}")
        if mapping.message:
            logger.warning("%s", mapping.message)
        selection = select_genes(
            annotation.genes,
            annotation.excluded,
            fasta,
            dict(mapping.alias),
            config.upstream_bp,
            config.downstream_bp,
            config.max_n_fraction,
            progress,
        )
    if not len(selection.genes):
        raise InputError(f"no gene has a promoter sequence: {selection.summary()}")
    expression, measured = expression_plans(config, selection.genes)
    context = BuildContext(
        genes=selection.genes,
        genome=genome,
        fasta_path=config.fasta,
        samples=tuple(SampleInput(c.sample, c.paths, c.depths) for c in config.contacts),
        upstream_bp=config.upstream_bp,
        downstream_bp=config.downstream_bp,
        margin_bp=config.margin_bp,
        n_threads=config.n_threads,
        chrom_alias=dict(mapping.alias),
        progress=progress,
        max_memory_bytes=config.max_memory_bytes,
        scratch=out.parent,
        note_inputs=provenance.note,
    )
    plans = list(expression)
    for name, block_config in block_configs.items():
        plans += registry.block(name).plan(block_config, context)
    _say_what_has_no_partner(config, measured)
    late = write_feature_file(
        out,
        genome,
        selection.genes,
        selection.left_out,
        plans,
        _root_attrs(config),
        force,
        late_attrs=lambda: {"provenance": json.dumps(provenance.entries())},
        piece_bytes=piece_bytes(config.max_memory_bytes),
    )
    logger.debug("attributes found while filling: %s", late)
    return BuildSummary(
        path=out,
        selection=selection.summary(),
        measured=measured,
        arrays={plan.path: plan.shape for plan in plans},
        n_bytes=out.stat().st_size,
    )


def _block_configs(config: BuildConfig, registry: Plugins) -> dict[str, Any]:
    """Return the parsed configuration of every block to build, by name."""
    wanted = [name for name, found in registry.blocks.items() if found.entry.default]
    for name in config.blocks:
        registry.block(name)
        if name not in wanted:
            wanted.append(name)
    for name in config.settings:
        if name not in wanted:
            hint = f"add --block {name}" if name in registry.blocks else did_you_mean(name, wanted)
            raise ConfigError(f"settings for block {name!r}, which is not built; {hint}")
    return {
        name: parse_config(
            registry.block(name).config, config.settings.get(name, {}), f"block {name}"
        )
        for name in wanted
    }


def expression_plans(
    config: BuildConfig, genes: GeneTable
) -> tuple[list[ArrayPlan], dict[str, int]]:
    """Read every expression table once and plan ``value`` and ``raw`` of each sample.

    Parameters
    ----------
    config : BuildConfig
        Its sources of expression and their options.
    genes : GeneTable
        Genes of the file.

    Returns
    -------
    tuple of (list of ArrayPlan, dict of str to int)
        The arrays, and the number of measured genes by sample.

    Raises
    ------
    InputError
        When a table is malformed, has no gene of the file, or a sample occurs twice.
    """
    plans: list[ArrayPlan] = []
    measured: dict[str, int] = {}
    read: dict[Path, tuple[ExpressionTable, MatchedExpression]] = {}
    samples_of: dict[Path, list[str]] = {}
    for source in config.expression:
        if source.path not in read:
            found = read_expression(source.path, sample=source.sample)
            read[source.path] = found, match_expression(genes, found)
        table, matched = read[source.path]
        if source.sample is None:
            chosen = dict(zip(table.samples, range(len(table.samples)), strict=True))
        else:
            chosen = {source.sample: table.column(source.sample, source.column)}
        for sample, column in chosen.items():
            check_sample_name(sample)
            if sample in measured:
                raise InputError(
                    f"sample {sample!r} has expression twice, the second time in {source.path}; "
                    "give each sample once"
                )
            samples_of.setdefault(source.path, []).append(sample)
            raw = matched.values[:, column]
            measured[sample] = int(np.isfinite(raw).sum())
            attrs = {"source": source.path.name, "pseudocount": config.pseudocount}
            value = np.log10(raw + config.pseudocount)
            plans.append(_given(expression_path(sample, "raw"), raw, attrs))
            plans.append(
                _given(expression_path(sample), value, {**attrs, "unit": "log10(raw+pseudocount)"})
            )
    for path, samples in samples_of.items():
        _say_what_was_matched(path, samples, len(genes), read[path][1])
    return plans, measured


def _say_what_was_matched(
    path: Path, samples: Sequence[str], n_genes: int, matched: MatchedExpression
) -> None:
    named = ", ".join(samples[:_MOST_NAMED])
    if len(samples) > _MOST_NAMED:
        named += f" and {len(samples) - _MOST_NAMED:,} more"
    logger.info(
        "%s, expression of %s: %s of %s kept genes matched by %s; %s rows belong to no kept gene, "
        "%s names are ambiguous and were left out",
        path.name,
        named,
        f"{matched.n_matched:,}",
        f"{n_genes:,}",
        matched.matched_by,
        f"{len(matched.unmatched_rows):,}",
        f"{len(matched.ambiguous):,}",
    )


def _given(path: str, values: npt.NDArray[np.float64], attrs: dict[str, Any]) -> ArrayPlan:
    """Plan an array whose values are already there."""

    def fill(out: npt.NDArray[Any], start: int) -> None:
        out[...] = values[start : start + len(out)]

    return ArrayPlan(path, values.shape, "float32", fill, attrs)


def _say_what_has_no_partner(config: BuildConfig, measured: Iterable[str]) -> None:
    with_contacts = {source.sample for source in config.contacts}
    with_expression = set(measured)
    for sample in sorted(with_contacts - with_expression):
        logger.warning("sample %s has contacts but no expression", sample)
    if with_contacts:
        for sample in sorted(with_expression - with_contacts):
            logger.info("sample %s has expression but no contacts", sample)


def _root_attrs(config: BuildConfig) -> dict[str, Any]:
    return {
        "generated_by": f"dexkit {__version__}",
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "assembly": config.assembly,
        "config": config.model_dump_json(),
    }
