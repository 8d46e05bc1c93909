"""``dexkit model``: what to do with a fitted model besides predicting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

model_app = typer.Typer(no_args_is_help=True, help="Use a fitted model elsewhere.")


@model_app.callback()
def _model() -> None:
    """Use a fitted model elsewhere."""


@model_app.command("export")
def export_command(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished fit.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
) -> None:
    """Write the networks of a run as TensorFlow SavedModels, from base codes to expression."""
    from dexkit.workflows.export import export

    summary = export(run, out, force)
    typer.echo(f"{summary.path}: {', '.join(summary.members)} (SavedModel), export.json")
