"""``dexkit features``: look into a feature file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

features_app = typer.Typer(help="Look into a feature file.", no_args_is_help=True)


@features_app.callback()
def _group() -> None:
    """Look into a feature file."""


@features_app.command("info")
def info(
    path: Annotated[Path, typer.Argument(help="Feature file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a feature file holds and what it was made from."""
    from dexkit.features.info import describe

    facts = describe(path)
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    for key, value in facts.items():
        if not isinstance(value, dict):
            typer.echo(f"{key}: {value}")
            continue
        typer.echo(f"{key}:" if value else f"{key}: none")
        for name, entry in value.items():
            typer.echo(f"  {name}: {entry}")
