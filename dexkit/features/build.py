"""Build a feature file: FASTA + annotation + contacts + expression -> one HDF5 file."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.features.config import BuildConfig
from dexkit.features.expression import expression_plans
from dexkit.features.provenance import (
    Provenance,
    check_inputs,
    input_arguments,
    origin_attributes,
)
from dexkit.features.selection import select_genes
from dexkit.features.writer import check_feature_output, write_feature_file
from dexkit.hooks import BuildContext, SampleInput
from dexkit.hooks.manager import Plugins, parse_config, plugins
from dexkit.io.annotation import Annotation, keep_gene_types, read_gtf
from dexkit.io.bed import read_tss_bed
from dexkit.io.chroms import reconcile
from dexkit.io.fasta import open_fasta
from dexkit.memory import MIB, memory_errors, piece_bytes, require_room
from dexkit.progress import progress_bar

logger = logging.getLogger("dexkit")

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
    inputs = input_arguments(config.contacts, config.expression, config.fasta, config.annotation)
    check_inputs(inputs, config.contacts, out)
    check_feature_output(out, force)
    registry = plugins()
    block_configs = _block_configs(config, registry)
    require_room(LEAST_BYTES, config.max_memory_bytes, "the tables of a build")
    provenance = Provenance(inputs, progress)
    with progress(f"annotation {config.annotation.name}", None):
        annotation = read_annotation(config.gtf, config.tss_bed, config.tss_rule, config.gene_types)
    with progress(f"index of {config.fasta.name}", None):
        opened = open_fasta(config.fasta)
    with opened as fasta:
        genome = fasta.genome
        names = dict.fromkeys(gene.chrom for gene in annotation.genes)
        mapping = reconcile(list(genome.lengths), list(names), f"annotation {annotation.path}")
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
    plans, measured = expression_plans(config, selection.genes, annotation.gene_of_transcript)
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
    for name, block_config in block_configs.items():
        plans += registry.block(name).plan(block_config, context)
    _say_what_has_no_partner(config, measured)
    late = write_feature_file(
        out,
        genome,
        selection.genes,
        selection.left_out,
        plans,
        origin_attributes(config.assembly, config),
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


def read_annotation(
    gtf: Path | None, tss_bed: Path | None, tss_rule: str, gene_types: Sequence[str] = ()
) -> Annotation:
    """Read the GTF or the BED of TSS, keep the gene types asked for, and log the notes.

    Parameters
    ----------
    gtf, tss_bed : Path or None
        Exactly one of them.
    tss_rule : str
        Which TSS stands for a gene of the GTF.
    gene_types : sequence of str, optional
        Types to keep; all when empty.

    Returns
    -------
    Annotation
        Genes with one TSS each.

    Raises
    ------
    InputError
        When the file cannot be used, or has no gene of a type that is asked for.
    ConfigError
        When there is no file.
    """
    if gtf is not None:
        annotation = read_gtf(gtf, tss_rule)
    elif tss_bed is not None:
        annotation = read_tss_bed(tss_bed)
    else:
        raise ConfigError("no annotation is given; expected --gtf or --tss-bed")
    for note in annotation.notes:
        logger.info("%s: %s", Path(annotation.path).name, note)
    return keep_gene_types(annotation, gene_types)


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


def _say_what_has_no_partner(config: BuildConfig, measured: Iterable[str]) -> None:
    with_contacts = {source.sample for source in config.contacts}
    with_expression = set(measured)
    for sample in sorted(with_contacts - with_expression):
        logger.warning("sample %s has contacts but no expression", sample)
    if with_contacts:
        for sample in sorted(with_expression - with_contacts):
            logger.info("sample %s has expression but no contacts", sample)
