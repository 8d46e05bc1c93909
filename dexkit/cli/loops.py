"""``dexkit loops``: loop sum and loop number against expression, arcs of single genes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def loops_command(
    features: Annotated[Path, typer.Argument(help="Feature file with contacts and expression.")],
    sample: Annotated[
        list[str] | None,
        typer.Option(
            "--sample", help="Sample; repeatable. \\[default: all with contacts and expression]"
        ),
    ] = None,
    gene: Annotated[
        list[str] | None,
        typer.Option(
            "--gene", help="Id or name of a gene whose contacts are shown as arcs; repeatable."
        ),
    ] = None,
    bootstrap: Annotated[int, typer.Option(help="Resamples for the intervals; 0: none.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder to write: tables, figures, report."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing folder.")] = False,
) -> None:
    """Correlate the loops of genes with their expression, without any model.

    Figures need --out.
    """
    from dexkit.cli.show import show_frame
    from dexkit.evaluation.bootstrap import check_resamples
    from dexkit.files import check_output
    from dexkit.workflows.loops import correlation_frame, save_loops, study_loops

    check_resamples(bootstrap)
    if out is not None:
        check_output(out, force)
    study = study_loops(features, sample or (), gene or (), bootstrap, seed)
    report = None if out is None else save_loops(study, out, force)
    if as_json:
        typer.echo(study.to_json())
        return
    show_frame(f"Loops against expression, {features}", correlation_frame(study.correlations))
    for found in study.genes:
        typer.echo(f"{found.gene.gene_name} ({found.gene.gene_id}):")
        for arcs in found.samples:
            level = "not measured" if arcs.expression is None else f"{arcs.expression:.2f}"
            typer.echo(f"  {arcs.sample}: {arcs.loops.sum()} loops, log10 expression {level}")
    for note in study.correlations.notes:
        typer.echo(f"note: {note}")
    if report is not None:
        typer.echo(f"report: {report}")
