"""``dexkit predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def predict_command(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished fit.")],
    features: Annotated[Path, typer.Argument(help="Feature file to predict.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Table to write (TSV).")],
    sample: Annotated[
        str | None,
        typer.Option(
            help="Sample to predict, whose contacts are read; also one that the model never saw. "
            "\\[default: the training sample]"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing table.")] = False,
) -> None:
    """Predict the expression of every gene of a feature file with a fitted model."""
    from dexkit.workflows.predict import predict as run_predict

    summary = run_predict(run, features, out, sample, force)
    typer.echo(
        f"{summary.path}: {summary.n_genes:,} genes, {summary.n_seen:,} of them seen in training"
    )
