"""``dexkit simulate``: a small genome with planted truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dexkit.simulate import SimulationConfig, simulate
from dexkit.simulate import summary as describe

D = SimulationConfig()
SIZE, EFFECTS, FAMILIES = "Size", "Effects", "Near-copies"
Option = typer.Option


def simulate_command(
    out: Annotated[Path, Option("-o", "--out", help="Folder to write; must not exist.")],
    seed: Annotated[int, Option(help="Same seed and options: same bytes.")] = D.seed,
    n_genes: Annotated[int, Option(help="Genes in all.", rich_help_panel=SIZE)] = D.n_genes,
    n_chroms: Annotated[int, Option(help="Chromosomes.", rich_help_panel=SIZE)] = D.n_chroms,
    chrom_length_bp: Annotated[
        int, Option(help="Length of each chromosome.", rich_help_panel=SIZE)
    ] = D.chrom_length_bp,
    samples: Annotated[
        str, Option(help="Names, joined by commas.", rich_help_panel=SIZE)
    ] = ",".join(D.samples),
    n_replicates: Annotated[
        int, Option(help="HiChIP replicates of each sample.", rich_help_panel=SIZE)
    ] = D.n_replicates,
    pairs_per_replicate: Annotated[
        int, Option(help="Mean depth; replicates differ.", rich_help_panel=SIZE)
    ] = D.pairs_per_replicate,
    contacts_format: Annotated[
        str, Option(help="pairs (4DN), hicpro (allValidPairs) or mixed.", rich_help_panel=SIZE)
    ] = D.contacts_format,
    promoter_effect: Annotated[
        float,
        Option(help="log10 units for one SD of the promoter score.", rich_help_panel=EFFECTS),
    ] = D.promoter_effect,
    gc_effect: Annotated[
        float,
        Option(help="Weight of GC against motifs in the promoter score.", rich_help_panel=EFFECTS),
    ] = D.gc_effect,
    contact_effect: Annotated[
        float,
        Option(help="log10 units for one SD of the contact score.", rich_help_panel=EFFECTS),
    ] = D.contact_effect,
    sample_specific_contacts: Annotated[
        float,
        Option(help="Share of enhancers drawn anew in each sample.", rich_help_panel=EFFECTS),
    ] = D.sample_specific_contacts,
    noise: Annotated[
        float, Option(help="SD of the noise in log10 units.", rich_help_panel=EFFECTS)
    ] = D.noise,
    zero_fraction: Annotated[
        float, Option(help="Share of genes silenced in a sample.", rich_help_panel=EFFECTS)
    ] = D.zero_fraction,
    family_fraction: Annotated[
        float, Option(help="Share of genes in families.", rich_help_panel=FAMILIES)
    ] = D.family_fraction,
    family_size: Annotated[
        int, Option(help="Genes in a family.", rich_help_panel=FAMILIES)
    ] = D.family_size,
    family_divergence: Annotated[
        float, Option(help="Share of bases changed in a copy.", rich_help_panel=FAMILIES)
    ] = D.family_divergence,
    family_placement: Annotated[
        str, Option(help="tandem (neighbours) or dispersed.", rich_help_panel=FAMILIES)
    ] = D.family_placement,
    force: Annotated[bool, Option("--force", help="Replace an earlier simulation.")] = False,
) -> None:
    """Write a small genome with planted truth: FASTA, GTF, HiChIP pairs, counts, truth.json.

    Motif sites and enhancer contacts are planted with known effects, and each effect can be
    switched off (--promoter-effect 0, --contact-effect 0): what a model should find is known.
    """
    options = {k: v for k, v in locals().items() if k not in ("out", "force")}
    options["samples"] = tuple(name.strip() for name in samples.split(","))
    data = simulate(SimulationConfig.create(**options), out, force=force)
    typer.echo(describe.table(data))
    typer.echo(f"\nnext: {describe.next_command(data)}")
