"""``dexkit evaluate``: scores of runs, network and baselines on the same genes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from dexkit.evaluation.evaluate import Evaluation


def evaluate_command(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN", help="Run folders; several are the folds of one cross-validation."
        ),
    ],
    part: Annotated[str, typer.Option(help="Genes to score: test, validation or train.")] = "test",
    bootstrap: Annotated[int, typer.Option(help="Resamples for the intervals; 0: none.")] = 1000,
    by: Annotated[str, typer.Option(help="Resample gene or chromosome.")] = "gene",
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    homology: Annotated[
        Path | None,
        typer.Option(
            metavar="FEATURES",
            help="Feature file of the runs: score test genes with and without near-copies and "
            "other relatives in training apart.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write all scores as a TSV.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing TSV.")] = False,
) -> None:
    """Score the model and its baselines on the same genes, with bootstrap intervals.

    Several runs are pooled: every gene is scored once, by the fold that did not see it.
    """
    from dexkit.cli.show import wide_console
    from dexkit.evaluation.bootstrap import check_resamples
    from dexkit.evaluation.evaluate import evaluate_runs
    from dexkit.evaluation.strata import with_strata
    from dexkit.files import check_output

    check_resamples(bootstrap)
    if out is not None:
        check_output(out, force)
    evaluation = evaluate_runs(runs, part, bootstrap, seed, by)
    if homology is not None:
        evaluation = with_strata(evaluation, homology)
    if out is not None:
        evaluation.write_tsv(out, force)
    if as_json:
        typer.echo(evaluation.to_json())
        return
    print_evaluation(evaluation, wide_console())


def _samples_table(evaluation: Evaluation) -> Table:
    """Return the first metric of model and baselines by sample."""
    from rich.markup import escape
    from rich.table import Table

    from dexkit.evaluation.metrics import metrics_for
    from dexkit.evaluation.pooling import sample_scope

    metric = metrics_for(evaluation.task)[0]
    table = Table(title=f"{metric.label} by sample", title_justify="left")
    for i, sample in enumerate(evaluation.samples):
        scope = sample_scope(evaluation.headline, sample)
        rows = [
            s
            for s in evaluation.scores
            if s.scope == scope and s.metric == metric.name and not s.versus
        ]
        if i == 0:
            for name in ("sample", "genes", *(s.predictor for s in rows)):
                table.add_column(escape(name))
        table.add_row(escape(sample), f"{rows[0].n:,}", *map(str, rows))
    return table


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print the headline scores, the paired differences, the folds and the notes.

    Parameters
    ----------
    evaluation : Evaluation
        Scores.
    console : rich Console
        Where to print.
    """
    from rich.markup import escape
    from rich.table import Table

    from dexkit.evaluation.metrics import format_value, metrics_for

    metrics = metrics_for(evaluation.task)
    headline = [s for s in evaluation.scores if s.scope == evaluation.headline]
    plain = [s for s in headline if not s.versus]
    compared = [s for s in headline if s.versus]
    title = (
        f"{evaluation.model} on {evaluation.sample}, {evaluation.part} genes, "
        f"{evaluation.headline} (n = {headline[0].n:,})"
    )
    versus = f"{evaluation.model} minus baseline, paired"
    for scores, heading in ((plain, title), (compared, versus)):
        if not scores:
            continue
        table = Table(title=escape(heading), title_justify="left")
        table.add_column("metric")
        for name in dict.fromkeys(s.versus or s.predictor for s in scores):
            table.add_column(escape(name))
        for metric in metrics:
            cells = [str(s) for s in scores if s.metric == metric.name]
            table.add_row(f"{metric.label} {'↑' if metric.higher_is_better else '↓'}", *cells)
        console.print(table)
    console.print(evaluation.intervals, highlight=False)

    if len(evaluation.folds) > 1:
        folds = Table(title=f"{metrics[0].label} by fold", title_justify="left")
        for name in ("fold", "genes", *dict.fromkeys(s.predictor for s in plain)):
            folds.add_column(escape(name))
        for fold in evaluation.folds:
            rows = [
                s
                for s in evaluation.scores
                if s.scope == f"fold {fold}" and s.metric == metrics[0].name and not s.versus
            ]
            folds.add_row(str(fold), f"{rows[0].n:,}", *(format_value(s.value) for s in rows))
        console.print(folds)
    if (strata := _strata_table(evaluation)) is not None:
        console.print(strata)
    if evaluation.samples:
        console.print(_samples_table(evaluation))
    for note in evaluation.notes:
        console.print(f"note: {note}", markup=False, highlight=False)


def _strata_table(evaluation: Evaluation) -> Table | None:
    """Return the main score of test genes with and without relatives; None without strata."""
    from rich.markup import escape
    from rich.table import Table

    from dexkit.evaluation.metrics import metrics_for
    from dexkit.evaluation.strata import ANY, GAP, RELATIONS, WITH, WITHOUT, scope_of

    main = metrics_for(evaluation.task)[0]
    title = f"{main.label} of test genes with and without relatives in training or validation"
    table = Table(title=title, title_justify="left")
    for name in ("relation", "predictor", "genes with", WITH, "genes without", WITHOUT, GAP):
        table.add_column(name)
    for relation in (*RELATIONS, ANY):
        sides = [
            [
                score
                for score in evaluation.scores
                if (score.scope, score.metric, score.versus)
                == (scope_of(relation, stratum), main.name, "")
            ]
            for stratum in (WITH, WITHOUT, GAP)
        ]
        for have, lack, gap in zip(*sides, strict=False):
            cells = (f"{have.n:,}", str(have), f"{lack.n:,}", str(lack), str(gap))
            table.add_row(relation, escape(gap.predictor), *cells)
    return table if table.row_count else None
