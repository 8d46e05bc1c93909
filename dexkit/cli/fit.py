"""``dexkit fit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_SPLIT, _TRAINING = "Split", "Training"


def fit_command(
    features: Annotated[Path, typer.Argument(help="Feature file of build-features.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write.")],
    preset: Annotated[
        str | None,
        typer.Option(
            help="Named defaults below --config and all options: densenet, densenet-paper (the "
            "text of Zeng et al. 2019), densenet-2019 (their code); `plugins list` names all. "
            "\\[default: densenet]"
        ),
    ] = None,
    plugin: Annotated[
        str | None,
        typer.Option(
            help="A baseline (ridge), or encoders joined by '+' (densenet+dense-contacts); a block "
            "without a named encoder gets that of the preset."
        ),
    ] = None,
    sample: Annotated[str | None, typer.Option(help="Sample whose expression is learnt.")] = None,
    blocks: Annotated[
        str | None, typer.Option(help="Blocks to use, joined by commas (sequence,contacts).")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="regression, classification, poisson or negative-binomial. \\[default: regression]"
        ),
    ] = None,
    unobserved: Annotated[
        str | None,
        typer.Option(help="drop or keep genes where no contacts were measured. \\[default: drop]"),
    ] = None,
    quantile_normalise: Annotated[
        bool | None,
        typer.Option(
            "--quantile-normalise/--no-quantile-normalise",
            help="Give the sample the mean distribution of all samples of the file, learnt from "
            "training and validation genes. \\[default: no]",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="chromosome (whole chromosomes are held out) or random (leaky: paper protocol). "
            "\\[default: chromosome]",
            rich_help_panel=_SPLIT,
        ),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Folds. \\[default: 5]", rich_help_panel=_SPLIT)
    ] = None,
    fold: Annotated[
        int | None, typer.Option(help="Test fold, from 0. \\[default: 0]", rich_help_panel=_SPLIT)
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Most epochs.", rich_help_panel=_TRAINING)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Genes a step.", rich_help_panel=_TRAINING)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Highest learning rate.", rich_help_panel=_TRAINING)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Epochs without a better validation loss before stopping.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    ensemble: Annotated[
        int | None,
        typer.Option(
            help="Networks with different seeds and validation parts; their mean predicts.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Drives everything that is random.", rich_help_panel=_TRAINING),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu or gpu.", rich_help_panel=_TRAINING)
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="PLUGIN.KEY=VALUE: option of a plugin (densenet.growth_rate=16), or "
            "train.KEY=VALUE (train.shift_bp=0); repeatable.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with options; the command line wins.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was killed.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing run.")] = False,
) -> None:
    """Train a model on one sample and score it, beside baselines, on held-out chromosomes."""
    from dexkit.cli.show import show_metrics
    from dexkit.errors import ConfigError
    from dexkit.hooks.manager import parse_settings
    from dexkit.workflows.fit import fit as run_fit
    from dexkit.workflows.fit_config import FitConfig

    settings = parse_settings(set_ or [])
    train = settings.pop("train", {})
    named = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "patience": patience,
        "ensemble": ensemble,
        "seed": seed,
        "device": device,
    }
    twice = sorted(k for k, v in named.items() if v is not None and k in train)
    if twice:
        raise ConfigError(
            f"{twice[0]} is given twice, as an option and by --set train.{twice[0]}; give it once"
        )
    overrides = {
        "preset": preset,
        "plugin": plugin,
        "sample": sample,
        "blocks": blocks.split(",") if blocks else None,
        "head": head,
        "unobserved": unobserved,
        "quantile_normalise": quantile_normalise,
        "split": {"kind": split, "folds": folds, "fold": fold},
        "train": train | {k: v for k, v in named.items() if v is not None},
        "settings": settings,
    }
    summary = run_fit(features, FitConfig.read(config, overrides), out, force, resume)
    show_metrics(summary.metrics)
    typer.echo(f"report: {summary.report}")
