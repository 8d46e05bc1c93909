"""``dexkit crossval``: several models on the same folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dexkit.cli.experiment_options import (
    BlocksOption,
    ConfigOption,
    EnsembleOption,
    EpochsOption,
    FeaturesArgument,
    FoldsOption,
    ForceOption,
    HeadOption,
    JobsOption,
    OutOption,
    PluginOption,
    ResumeOption,
    SchedulerOption,
    SeedOption,
    SetOption,
    SplitOption,
    experiment_settings,
)

if TYPE_CHECKING:
    from dexkit.workflows.crossval import CrossvalSummary

#: Metrics of the short table; scores.tsv has all.
_SHOWN = {
    "regression": ("pearson", "spearman", "r2", "mse"),
    "classification": ("auroc", "auprc", "accuracy", "f1"),
}


SamplesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--sample",
        help="Sample; repeatable. A,B is one model of both samples, scored on each. May be left "
        "out when there is one.",
    ),
]


def crossval_command(
    context: typer.Context,
    features: FeaturesArgument = None,
    out: OutOption = None,
    plugin: PluginOption = None,
    sample: SamplesOption = None,
    blocks: BlocksOption = None,
    head: HeadOption = None,
    companions: Annotated[
        bool,
        typer.Option(
            "--companions/--no-companions",
            help="Fit the small baselines of the task (mean, ridge, …) on the same folds, too.",
        ),
    ] = True,
    split: SplitOption = None,
    folds: FoldsOption = None,
    epochs: EpochsOption = None,
    ensemble: EnsembleOption = None,
    seed: SeedOption = None,
    bootstrap: Annotated[int, typer.Option(help="Resamples for the intervals; 0: none.")] = 1000,
    set_: SetOption = None,
    config: ConfigOption = None,
    jobs: JobsOption = 1,
    scheduler: SchedulerOption = None,
    resume: ResumeOption = None,
    force: ForceOption = False,
) -> None:
    """Cross-validate several models on the same folds and score them out of fold.

    Every gene is predicted once, by the fold that did not see it. The small baselines of the task
    are fitted on the same folds. Folds that are finished are not repeated with --resume.
    """
    from dexkit.workflows.crossval import KIND, CrossvalSettings, crossval
    from dexkit.workflows.runner import Runner

    runner = Runner(jobs, scheduler)
    request, settings = experiment_settings(CrossvalSettings, KIND, context, companions=companions)
    summary = crossval(request.features, settings, request.out, runner, force, request.resume)
    print_crossval(summary)


def print_crossval(summary: CrossvalSummary) -> None:
    """Print the pooled scores of every sample, the notes and where the report is.

    Parameters
    ----------
    summary : CrossvalSummary
        Of :func:`dexkit.workflows.crossval.crossval`.
    """
    from rich.markup import escape
    from rich.table import Table

    from dexkit.cli.show import wide_console
    from dexkit.evaluation.fold_scores import POOLED
    from dexkit.report.crossval import score_table

    console = wide_console()
    for sample, scores in summary.scores.groupby("sample", sort=False):
        first = scores.iloc[0]
        leaky = "" if first["leaky"] == "no" else f" ({first['leaky']})"
        title = f"{sample}, out of fold, {first['n_folds']} folds, {first['split']} split{leaky}"
        table = Table(title=escape(title), title_justify="left")
        frame = score_table(scores, POOLED, _SHOWN[summary.task])
        for column in frame.columns:
            table.add_column(escape(str(column)), no_wrap=column == "model")
        for row in frame.itertuples(index=False):
            table.add_row(*(escape(str(cell)) for cell in row))
        console.print(table)
    for note in summary.notes:
        console.print(f"note: {note}", markup=False, highlight=False)
    typer.echo(f"report: {summary.report}")
