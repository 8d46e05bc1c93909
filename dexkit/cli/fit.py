"""``dexkit fit``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

_SPLIT, _TRAINING, _MACHINE = "Split", "Training", "Machine"


def fit_command(
    features: Annotated[
        Path | None,
        typer.Argument(help="Feature file of build-features; with --resume, if it has moved."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder to write.")] = None,
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
    sample: Annotated[
        list[str] | None,
        typer.Option(
            help="Sample whose expression is learnt; several, joined by commas or repeated: one "
            "model for all of them."
        ),
    ] = None,
    blocks: Annotated[
        str | None, typer.Option(help="Blocks to use, joined by commas (sequence,contacts).")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="regression, classification, poisson, negative-binomial or multi-task (an output "
            "for each sample). \\[default: regression]"
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
            help="What is held out: chromosome, graphreg, homology, chromosome-homology or random "
            "(leaky: paper protocol); or a split file of `splits make`. \\[default: chromosome]",
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
    training: Annotated[
        str | None,
        typer.Option(
            help="joint, or two-step: the sequence part with a head of its own first, then all. "
            "\\[default: joint]",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Table of gene id and weight in the loss (TSV).", rich_help_panel=_TRAINING
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
    schedule: Annotated[
        str | None,
        typer.Option(
            help="Learning rate over the epochs: cosine, constant, exponential or plateau. "
            "\\[default: cosine]",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu or gpu (fails without one).", rich_help_panel=_MACHINE),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="one device, mirrored over those of this machine, or multi-worker (TF_CONFIG or "
            "SLURM). \\[default: auto]",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(help="How many devices (2), or which (0,3).", rich_help_panel=_MACHINE),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="float32 or bf16. \\[default: float32]", rich_help_panel=_MACHINE),
    ] = None,
    xla: Annotated[
        bool, typer.Option("--xla", help="Compile the step with XLA.", rich_help_panel=_MACHINE)
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            help="Keep the data on the device, or stream them. \\[default: auto, by size]",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    checkpoint_steps: Annotated[
        int | None,
        typer.Option(
            help="Steps between checkpoints. \\[default: 5 minutes]", rich_help_panel=_MACHINE
        ),
    ] = None,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Write TensorBoard events.", rich_help_panel=_MACHINE),
    ] = False,
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
        Path | None,
        typer.Option(
            help="Go on with this run, which was stopped or killed, with its options and data."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show the network, its memory and the time it takes; write nothing."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing run.")] = False,
) -> None:
    """Train a model and score it, beside baselines, on held-out chromosomes."""
    from dexkit.workflows.splits import split_setting
    from dexkit.workflows.weights import weights_setting

    named = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "patience": patience,
        "recipe": training,
        "ensemble": ensemble,
        "seed": seed,
        "schedule": schedule,
        "device": device,
        "strategy": strategy,
        "devices": devices,
        "precision": precision,
        "xla": xla or None,
        "data": data,
        "checkpoint_steps": checkpoint_steps,
        "tensorboard": tensorboard or None,
    } | weights_setting(weights)
    overrides = {
        "preset": preset,
        "plugin": plugin,
        "sample": ",".join(sample) if sample else None,
        "blocks": blocks.split(",") if blocks else None,
        "head": head,
        "unobserved": unobserved,
        "quantile_normalise": quantile_normalise,
        "split": split_setting(split, folds, fold),
    } | train_settings(set_ or [], named)
    request = _request(features, out, resume, config, dry_run)
    if dry_run:
        _show_dry_run(request, overrides)
    else:
        _fit(request, overrides, force)


@dataclass(frozen=True)
class _Request:
    """What to fit on, where to write, and which file of options to start from."""

    features: Path
    out: Path
    config: Path | None
    resume: bool


def _request(
    features: Path | None, out: Path | None, resume: Path | None, config: Path | None, dry: bool
) -> _Request:
    from dexkit.errors import ConfigError
    from dexkit.workflows.run_folder import RunFolder

    if resume is not None:
        twice = {"--out": out, "--config": config, "--dry-run": dry or None}
        given = [name for name, value in twice.items() if value is not None]
        if given:
            raise ConfigError(f"--resume RUN takes all of it from the run; leave {given[0]} out")
        found = features or RunFolder.features_of(resume)
        return _Request(found, resume, RunFolder.config_of(resume), True)
    if features is None or (out is None and not dry):
        missing = "the feature file" if features is None else "--out, the run folder to write"
        raise ConfigError(f"fit needs {missing}: dexkit fit features.h5 -o RUN")
    return _Request(features, out or Path(), config, False)


def train_settings(set_: list[str], named: dict[str, Any]) -> dict[str, Any]:
    """Lay the named options over those of --set.

    Parameters
    ----------
    set_ : list of str
        Values of ``--set``.
    named : dict
        Options of training that have a flag of their own; None: not given.

    Returns
    -------
    dict
        ``train`` and ``settings`` of :class:`dexkit.workflows.fit_config.FitConfig`.

    Raises
    ------
    ConfigError
        When a value is malformed, or one option is given twice.
    """
    from dexkit.errors import ConfigError
    from dexkit.hooks.manager import parse_settings

    settings = parse_settings(set_)
    train = settings.pop("train", {})
    twice = sorted(k for k, v in named.items() if v is not None and k in train)
    if twice:
        raise ConfigError(
            f"{twice[0]} is given twice, as an option and by --set train.{twice[0]}; give it once"
        )
    given = {k: v for k, v in named.items() if v is not None}
    return {"train": train | given, "settings": settings}


def _fit(request: _Request, overrides: dict[str, Any], force: bool) -> None:
    from dexkit.cli.show import show_metrics
    from dexkit.workflows.fit import fit
    from dexkit.workflows.fit_config import FitConfig

    config = FitConfig.read(request.config, overrides)
    summary = fit(request.features, config, request.out, force, request.resume)
    if summary.report is None:
        typer.echo(f"worker done; the first worker writes {summary.run}")
        return
    show_metrics(summary.metrics)
    typer.echo(f"report: {summary.report}")


def _show_dry_run(request: _Request, overrides: dict[str, Any]) -> None:
    from dexkit.workflows.dry_run import dry_run
    from dexkit.workflows.fit_config import FitConfig

    typer.echo(dry_run(request.features, FitConfig.read(request.config, overrides)).text())
