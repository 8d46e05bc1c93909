"""``dexkit sensitivity``."""

from __future__ import annotations

from typing import Annotated

import typer

from dexkit.cli import experiment_options as shared


def sensitivity_command(
    context: typer.Context,
    features: shared.FeaturesArgument = None,
    out: shared.OutOption = None,
    plugin: shared.PluginOption = None,
    sample: shared.SampleOption = None,
    promoter_lengths: Annotated[
        str | None,
        typer.Option(
            help="Lengths of the promoter window in bp, joined by commas (500,1000,2000); cut "
            "around the TSS in the proportion of the stored window."
        ),
    ] = None,
    contact_bins: Annotated[
        str | None,
        typer.Option(
            help="Contact bins on either side of the TSS bin, joined by commas (50,100,200)."
        ),
    ] = None,
    training: Annotated[
        str | None, typer.Option(help="Ways to train a network: joint,two-step.")
    ] = None,
    head: shared.HeadOption = None,
    blocks: shared.BlocksOption = None,
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
    """Score a model on shorter promoters, fewer contact bins, or another training recipe.

    Without any of the three: a quarter, a half and all of what the file holds of either block.
    """
    from dexkit.workflows.runner import Runner
    from dexkit.workflows.sensitivity import KIND, SensitivitySettings, sensitivity

    runner = Runner(jobs, scheduler)
    request, settings = shared.experiment_settings(
        SensitivitySettings,
        KIND,
        context,
        promoter_lengths=_numbers("--promoter-lengths", promoter_lengths),
        contact_bins=_numbers("--contact-bins", contact_bins),
        recipes=shared.listed(training),
    )
    found = sensitivity(request.features, settings, request.out, runner, force, request.resume)
    for line in found.lines:
        typer.echo(line)
    typer.echo(f"report: {found.report}")


def _numbers(option: str, text: str | None) -> list[int] | None:
    """Return whole numbers joined by commas; None where the option was not given."""
    from dexkit.errors import ConfigError

    parts = shared.listed(text)
    if parts is None:
        return None
    wrong = next((part for part in parts if not part.isdecimal()), None)
    if wrong is not None:
        raise ConfigError(
            f"{option} {text}: {wrong!r} is no whole number; expected numbers joined by commas"
        )
    return [int(part) for part in parts]
