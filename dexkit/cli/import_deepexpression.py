"""``dexkit import-deepexpression``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_PLACES = "Where the genes lie"


def import_deepexpression_command(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Folder of X_seq.npy, exp_SAMPLE.npy (contacts) and rna_SAMPLE.txt (expression).",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Feature file to write (HDF5).")],
    gtf: Annotated[
        Path | None,
        typer.Option(
            help="Annotation that gives the genes their coordinates by symbol; without one, whole "
            "chromosomes cannot be held out.",
            rich_help_panel=_PLACES,
        ),
    ] = None,
    tss_bed: Annotated[
        Path | None,
        typer.Option(help="The same from BED6, one TSS a line.", rich_help_panel=_PLACES),
    ] = None,
    tss: Annotated[
        str,
        typer.Option(
            help="TSS of a gene of the GTF: gene, canonical or longest.", rich_help_panel=_PLACES
        ),
    ] = "gene",
    pseudocount: Annotated[float, typer.Option(help="Added to the expression before log10.")] = 1.0,
    assembly: Annotated[str, typer.Option(help="Name of the assembly, for the record.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing feature file.")
    ] = False,
) -> None:
    """Import the arrays published with DeepExpression (2019) into a feature file."""
    from dexkit.cli.inputs import parse_options
    from dexkit.features.import_deepexpression import ImportConfig, import_deepexpression

    values = {
        "folder": folder,
        "gtf": gtf,
        "tss_bed": tss_bed,
        "tss_rule": tss,
        "pseudocount": pseudocount,
        "assembly": assembly,
    }
    summary = import_deepexpression(parse_options(ImportConfig, values), out, force)
    typer.echo(summary.report())
