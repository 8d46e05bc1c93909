"""``dexkit build-features``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_INPUTS, _WINDOW, _CONTACTS = "Inputs", "Promoter window", "Contacts"


def build_features_command(
    fasta: Annotated[
        Path,
        typer.Option(
            help="Genome, plain or bgzip; the index is made when missing.",
            rich_help_panel=_INPUTS,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Feature file to write (HDF5).")],
    gtf: Annotated[
        Path | None,
        typer.Option(help="Gene annotation (GTF, plain or gzip).", rich_help_panel=_INPUTS),
    ] = None,
    tss_bed: Annotated[
        Path | None,
        typer.Option(
            help="Instead of --gtf: one TSS a line (BED6, optionally a gene name in column 7).",
            rich_help_panel=_INPUTS,
        ),
    ] = None,
    contacts: Annotated[
        list[str] | None,
        typer.Option(
            help="SAMPLE=FILE[,FILE…]: contact files of a sample, one a replicate; - is the "
            "standard input; repeatable.",
            rich_help_panel=_INPUTS,
        ),
    ] = None,
    expression: Annotated[
        list[str] | None,
        typer.Option(
            help="FILE (gene x sample table), or SAMPLE=FILE (the column of that name, or the only "
            "one; two columns without header will do); also of featureCounts, STAR, RSEM, Salmon, "
            "kallisto; repeatable.",
            rich_help_panel=_INPUTS,
        ),
    ] = None,
    expression_column: Annotated[
        str | None,
        typer.Option(
            help="Column of every --expression SAMPLE=FILE (STAR: unstranded, forward, reverse).",
            rich_help_panel=_INPUTS,
        ),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            help="counts, tpm or fpkm: what to take of a program's table (counts when not given), "
            "or what the values of a plain table are.",
            rich_help_panel=_INPUTS,
        ),
    ] = None,
    gene_type: Annotated[
        list[str] | None,
        typer.Option(
            help="Keep genes of this gene_type or gene_biotype (protein_coding); repeatable.",
            rich_help_panel=_INPUTS,
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            help="Sheet of many samples (TSV: sample, contacts, depth, expression, "
            "expression_column).",
            rich_help_panel=_INPUTS,
        ),
    ] = None,
    tss: Annotated[
        str,
        typer.Option(
            help="TSS of a gene with several: gene (5' end of the gene), canonical (transcript "
            "tagged MANE_Select, Ensembl_canonical or RefSeq Select), longest (transcript).",
            rich_help_panel=_WINDOW,
        ),
    ] = "gene",
    upstream_bp: Annotated[
        int, typer.Option(help="Bases before the TSS.", rich_help_panel=_WINDOW)
    ] = 1000,
    downstream_bp: Annotated[
        int, typer.Option(help="Bases from the TSS on.", rich_help_panel=_WINDOW)
    ] = 1000,
    margin_bp: Annotated[
        int,
        typer.Option(
            help="Extra bases at both ends, for random shifts in training.", rich_help_panel=_WINDOW
        ),
    ] = 50,
    max_n_fraction: Annotated[
        float,
        typer.Option(
            help="Largest share of unknown bases in a kept window.", rich_help_panel=_WINDOW
        ),
    ] = 0.05,
    bin_size_bp: Annotated[
        int | None, typer.Option(help="Bin size; 5000 when not given.", rich_help_panel=_CONTACTS)
    ] = None,
    n_flank_bins: Annotated[
        int | None,
        typer.Option(
            help="Bins on either side of the TSS bin; 200 when not given.",
            rich_help_panel=_CONTACTS,
        ),
    ] = None,
    contacts_format: Annotated[
        str | None,
        typer.Option(
            help="Format of the contact files: auto (told by the content; the default), pairs, "
            "hicpro, hicpro-matrix, bedpe, mango, fithichip, maps, origami, bg2, longrange, cool "
            "(also .mcool) or hic.",
            rich_help_panel=_CONTACTS,
        ),
    ] = None,
    normalisation: Annotated[
        str | None,
        typer.Option(
            help="depth (log2(1 + counts scaled to the smallest depth); the default), cpm (log2(1 "
            "+ counts per million)) or raw (mean count, no logarithm).",
            rich_help_panel=_CONTACTS,
        ),
    ] = None,
    depth: Annotated[
        list[str] | None,
        typer.Option(
            help="SAMPLE=N[,N…]: valid pairs of each replicate, instead of what the files say; "
            "needed for lists of loops, which do not say it; repeatable.",
            rich_help_panel=_CONTACTS,
        ),
    ] = None,
    score_column: Annotated[
        str | None,
        typer.Option(
            help="Column of a loop's value: its name, or its number counted from 1.",
            rich_help_panel=_CONTACTS,
        ),
    ] = None,
    anchors: Annotated[
        str | None,
        typer.Option(
            help="Bins of a wide anchor: overlap (all that it touches; the default) or midpoint.",
            rich_help_panel=_CONTACTS,
        ),
    ] = None,
    balance: Annotated[
        str | None,
        typer.Option(
            help="Normalisation vector of .cool and .hic files; NONE (raw counts) when not given.",
            rich_help_panel=_CONTACTS,
        ),
    ] = None,
    bins_bed: Annotated[
        Path | None,
        typer.Option(
            help="Bins of HiC-Pro matrices; looked for beside each when not given.",
            rich_help_panel=_CONTACTS,
        ),
    ] = None,
    pseudocount: Annotated[float, typer.Option(help="Added to the expression before log10.")] = 1.0,
    block: Annotated[
        list[str] | None,
        typer.Option(help="Further block to build (see dexkit plugins list); repeatable."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="BLOCK.KEY=VALUE: option of a block (contacts.flip_minus=true)."
        ),
    ] = None,
    assembly: Annotated[str, typer.Option(help="Name of the assembly, for the record.")] = "",
    threads: Annotated[
        int, typer.Option(help="Threads of the kernels, and contact files read at a time.")
    ] = 1,
    max_memory: Annotated[
        str | None,
        typer.Option(
            help="What the whole process may take (2G, 500M or bytes): fewer files are read at a "
            "time, or the build is refused before it starts; no limit when not given."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing feature file.")
    ] = False,
) -> None:
    """Build a feature file: promoter sequence, contact profiles and expression of every gene."""
    from dexkit.cli.inputs import contact_settings, parse_options, read_sources
    from dexkit.features.build import build_features as build
    from dexkit.features.config import BuildConfig
    from dexkit.hooks.manager import parse_settings
    from dexkit.memory import parse_size

    contact_sources, expression_sources = read_sources(
        contacts, expression, samples, depth, expression_column
    )
    given = {
        "bin_size_bp": bin_size_bp,
        "n_flank_bins": n_flank_bins,
        "format": contacts_format,
        "normalisation": normalisation,
        "score_column": score_column,
        "anchors": anchors,
        "balance": balance,
        "bins_bed": bins_bed,
    }
    settings = contact_settings(given, parse_settings(set_ or []), bool(contact_sources))
    config = parse_options(
        BuildConfig,
        {
            "fasta": fasta,
            "gtf": gtf,
            "tss_bed": tss_bed,
            "tss_rule": tss,
            "gene_types": tuple(gene_type or ()),
            "measure": measure,
            "contacts": contact_sources,
            "expression": expression_sources,
            "upstream_bp": upstream_bp,
            "downstream_bp": downstream_bp,
            "margin_bp": margin_bp,
            "max_n_fraction": max_n_fraction,
            "pseudocount": pseudocount,
            "blocks": tuple(block or ()),
            "settings": settings,
            "assembly": assembly,
            "n_threads": threads,
            "max_memory_bytes": parse_size(max_memory) if max_memory is not None else None,
        },
    )
    typer.echo(build(config, out, force).report())
