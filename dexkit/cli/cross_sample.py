"""``dexkit cross-sample``: train on every sample, predict every other."""

from __future__ import annotations

from pathlib import Path
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
)

if TYPE_CHECKING:
    from dexkit.workflows.cross_sample import CrossSampleConfig, CrossSampleSummary

_SCORES = "Scores"

SamplesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--sample",
        help="Sample to train on and to predict; repeatable, two at least. \\[default: all that "
        "have the blocks]",
    ),
]


def cross_sample_command(
    context: typer.Context,
    features: FeaturesArgument = None,
    out: OutOption = None,
    plugin: PluginOption = None,
    sample: SamplesOption = None,
    blocks: BlocksOption = None,
    head: HeadOption = None,
    genes: Annotated[
        Path | None,
        typer.Option(
            help="Genes to score on their own, too: a symbol or an identifier a line.",
            rich_help_panel=_SCORES,
        ),
    ] = None,
    bootstrap: Annotated[
        int, typer.Option(help="Resamples for the intervals; 0: none.", rich_help_panel=_SCORES)
    ] = 1000,
    by: Annotated[
        str, typer.Option(help="Resample gene or chromosome.", rich_help_panel=_SCORES)
    ] = "gene",
    split: SplitOption = None,
    folds: FoldsOption = None,
    epochs: EpochsOption = None,
    ensemble: EnsembleOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    config: ConfigOption = None,
    jobs: JobsOption = 1,
    scheduler: SchedulerOption = None,
    resume: ResumeOption = None,
    force: ForceOption = False,
) -> None:
    """Train on every sample, predict every other, on genes seen and unseen in training.

    The matrix of samples, independent predictions (mean of the models of all other samples),
    copies of other samples' expression beside them, and all of it for the difference to the mean
    of the other samples.
    """
    from dexkit.cli.experiment_options import experiment_request
    from dexkit.workflows.cross_sample import cross_sample
    from dexkit.workflows.runner import Runner

    request = experiment_request("cross-sample", context)
    options = _options(context, request.stored)
    runner = Runner(jobs, scheduler)
    _show(cross_sample(request.features, options, request.out, runner, force, request.resume))


def _options(context: typer.Context, stored: dict[str, object] | None) -> CrossSampleConfig:
    """Return the options of the command line, or those an experiment was started with."""
    from dexkit.cli.experiment_options import fit_configs
    from dexkit.evaluation.bootstrap import check_resamples
    from dexkit.hooks.manager import parse_config
    from dexkit.workflows.cross_sample import CrossSampleConfig

    values = stored
    if values is None:
        given = context.params
        check_resamples(given["bootstrap"])
        # Samples are those of the experiment: every one gets every model.
        models = fit_configs(given | {"sample": None})
        genes = given["genes"]
        values = {
            "models": models,
            "samples": tuple(given["sample"] or ()),
            "genes": None if genes is None else str(genes.absolute()),
            "n_bootstrap": given["bootstrap"],
            "by": given["by"],
        }
    return parse_config(CrossSampleConfig, values, "cross-sample")


def _show(summary: CrossSampleSummary) -> None:
    """Print the means over samples, the result in sentences and where the report is."""
    from dexkit.cli.show import show_frame
    from dexkit.workflows.cross_report import sentences, summary_frame

    show_frame("Pearson r, mean over samples", summary_frame(summary.scores))
    for sentence in (*sentences(summary.scores, summary.comparisons), *summary.notes):
        typer.echo(sentence)
    typer.echo(f"report: {summary.report}")
