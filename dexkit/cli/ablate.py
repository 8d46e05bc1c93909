"""``dexkit ablate``."""

from __future__ import annotations

from typing import Annotated

import typer

from dexkit.cli import experiment_options as shared


def ablate_command(
    context: typer.Context,
    features: shared.FeaturesArgument = None,
    out: shared.OutOption = None,
    plugin: shared.PluginOption = None,
    sample: shared.SampleOption = None,
    variants: Annotated[
        str | None,
        typer.Option(
            help="What to fit, joined by commas: contacts, contacts-permuted, contacts-decay, "
            "contacts-tss-bin, sequence-shuffled; both and sequence are always there. "
            "\\[default: all that the data allow]"
        ),
    ] = None,
    head: shared.HeadOption = None,
    split: shared.SplitOption = None,
    folds: shared.FoldsOption = None,
    epochs: shared.EpochsOption = None,
    ensemble: shared.EnsembleOption = None,
    seed: shared.SeedOption = None,
    bootstrap: Annotated[int, typer.Option(help="Resamples for the intervals; 0: none.")] = 1000,
    set_: shared.SetOption = None,
    config: shared.ConfigOption = None,
    jobs: shared.JobsOption = 1,
    scheduler: shared.SchedulerOption = None,
    resume: shared.ResumeOption = None,
    force: shared.ForceOption = False,
) -> None:
    """Fit a model without contacts, without sequence, and with either made uninformative.

    Says whether contacts help, with an interval over genes that no fit has seen.
    """
    from dexkit.workflows.ablate import KIND, AblationSettings, ablate
    from dexkit.workflows.runner import Runner

    runner = Runner(jobs, scheduler)
    request, settings = shared.experiment_settings(
        AblationSettings, KIND, context, variants=shared.listed(variants)
    )
    found = ablate(request.features, settings, request.out, runner, force, request.resume)
    for line in found.verdicts:
        typer.echo(line)
    typer.echo(f"report: {found.report}")
