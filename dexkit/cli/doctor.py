"""``dexkit doctor``."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor_command(
    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed",
            help="Train 20 seeded steps on one replica and on several, and compare.",
        ),
    ] = False,
    strategy: Annotated[
        str, typer.Option(help="With --distributed: auto, mirrored or multi-worker.")
    ] = "auto",
    device: Annotated[str, typer.Option(help="With --distributed: auto, cpu or gpu.")] = "auto",
    devices: Annotated[
        str | None,
        typer.Option(
            help="With --distributed: how many devices (2), or which (0,3). \\[default: all GPUs, "
            "or the CPU divided in two]"
        ),
    ] = None,
) -> None:
    """Show versions, devices, kernels and broken plugins; compare replicas with one device."""
    from dexkit.errors import TrainingError
    from dexkit.hooks.manager import parse_config
    from dexkit.training.config import TrainConfig
    from dexkit.workflows.doctor import compare_replicas, installation

    if not distributed:
        for name, value in installation().items():
            typer.echo(f"{name}: {value}")
        return
    values = {"strategy": strategy, "device": device, "devices": devices}
    found = compare_replicas(parse_config(TrainConfig, values, "doctor"))
    typer.echo(f"{found.n_steps} steps on one replica and on {found.where}")
    for difference in found.differences:
        typer.echo(f"{difference.what}: largest relative difference {difference.size:.1e}")
    if not found.agrees:
        wrong = ", ".join(d.what for d in found.differences if not d.agrees)
        raise TrainingError(
            f"{found.n_replicas} replicas do not compute what one computes: {wrong} differ by more "
            "than rounding; train with --strategy one, and check drivers and library versions"
        )
    typer.echo("they agree")
