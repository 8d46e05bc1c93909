"""``dexkit compare``: paired statistics of models on the same folds."""

from __future__ import annotations

import json
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
    of the difference over genes and over chromosomes, for every sample on its own. Runs of other
    genes, folds or tasks are refused.
    """
    from dexkit.cli.show import show_frame
    from dexkit.evaluation.bootstrap import check_resamples
    from dexkit.evaluation.comparison import as_dict, sentences, statistics_frame, summary_frame
    from dexkit.evaluation.metrics import get_metric
    from dexkit.files import check_output
    from dexkit.workflows.compare import compare_runs, main_metric, save_comparison

    check_resamples(bootstrap)
    if metric is not None:
        get_metric(metric)
    if out is not None:
        check_output(out, force)
    comparisons = compare_runs(runs, bootstrap, seed, baselines, reference)
    shown = main_metric(comparisons[0], metric)
    report = None if out is None else save_comparison(comparisons, out, shown, force)
    if as_json:
        typer.echo(json.dumps(as_dict(comparisons), indent=2, allow_nan=False, ensure_ascii=False))
        return
    label = get_metric(shown).label
    for found in comparisons:
        of = f"{label} on {found.sample}"
        show_frame(of, summary_frame(found, shown))
        show_frame(f"{found.labels[0]} minus …, {of}", statistics_frame(found, shown))
        for sentence in sentences(found, shown):
            typer.echo(sentence if len(comparisons) == 1 else f"{found.sample}: {sentence}")
    for note in dict.fromkeys(note for found in comparisons for note in found.notes):
        typer.echo(f"note: {note}")
    if report is not None:
        typer.echo(f"report: {report}")
