"""``dexkit compare``: paired statistics of models on the same folds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare_command(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Run folders, or folders of crossval: several folds of each model.",
        ),
    ],
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Model that each of the others is compared with. \\[default: the first]",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Metric to show; the tables hold all. \\[default: pearson or auroc]"),
    ] = None,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines",
            help="Compare with the baselines that were fitted beside the models, too; always so "
            "for runs of one model.",
        ),
    ] = False,
    bootstrap: Annotated[int, typer.Option(help="Resamples for the intervals; 0: none.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder to write: tables, figure, report."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing folder.")] = False,
) -> None:
    """Compare models that were tested on the same genes in the same folds.

    Signed-rank tests over folds, of the scores and of their spread, and paired bootstrap intervals
    of the difference over genes and over chromosomes. Runs of other genes, folds, samples or tasks
    are refused.
    """
    from dexkit.cli.show import show_frame
    from dexkit.evaluation.bootstrap import check_resamples
    from dexkit.evaluation.comparison import sentences, statistics_frame, summary_frame
    from dexkit.evaluation.metrics import get_metric
    from dexkit.files import check_output
    from dexkit.workflows.compare import compare_runs, main_metric, save_comparison

    check_resamples(bootstrap)
    if metric is not None:
        get_metric(metric)
    if out is not None:
        check_output(out, force)
    comparison = compare_runs(runs, bootstrap, seed, baselines, reference)
    shown = main_metric(comparison, metric)
    report = None if out is None else save_comparison(comparison, out, shown, force)
    if as_json:
        typer.echo(comparison.to_json())
        return
    label = get_metric(shown).label
    show_frame(f"{label} on {comparison.sample}", summary_frame(comparison, shown))
    show_frame(f"{comparison.labels[0]} minus …, {label}", statistics_frame(comparison, shown))
    for sentence in sentences(comparison, shown):
        typer.echo(sentence)
    for note in comparison.notes:
        typer.echo(f"note: {note}")
    if report is not None:
        typer.echo(f"report: {report}")
