"""The whole way on simulated data."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dexkit.errors import OutputError
from dexkit.features.build import build_features
from dexkit.features.config import BuildConfig, ContactsSource, ExpressionSource
from dexkit.files import check_output
from dexkit.io.samples import read_samples
from dexkit.simulate import SimulationConfig, simulate
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig

logger = logging.getLogger("dexkit")

#: Written first into the demo's folder, so that ``--force`` removes nothing else.
_MARK = ".dexkit-demo"


@dataclass(frozen=True)
class DemoSummary:
    """What the demo wrote: the folder, scores by title, and the reports."""

    out: Path
    metrics: dict[str, dict[str, Any]]
    reports: list[Path]


def demo(out: Path, seed: int = 0, force: bool = False) -> DemoSummary:
    """Simulate, build features, train with and without contacts, and compare.

    Parameters
    ----------
    out : Path
        Folder to write: ``data/``, ``features.h5``, ``runs/``.
    seed : int, optional
        Seed of the data and of the networks.
    force : bool, optional
        Whether an earlier demo there may be replaced.

    Returns
    -------
    DemoSummary
        Scores and where the results lie.

    Raises
    ------
    OutputError
        When the folder exists, or is not a demo's.
    """
    check_output(out, force)
    if out.exists():
        if not (out / _MARK).is_file():
            raise OutputError(f"{out} exists and is not of a demo; --force replaces only demos")
        shutil.rmtree(out)
    out.mkdir()
    (out / _MARK).touch()
    logger.info("1/3 simulating a small genome with planted motifs and contacts")
    data = simulate(SimulationConfig.create(seed=seed), out / "data")
    rows = read_samples(data.samples)
    sample = rows[0].name
    config = BuildConfig(
        fasta=data.fasta,
        gtf=data.gtf,
        contacts=tuple(ContactsSource(sample=r.name, paths=r.contacts) for r in rows),
        expression=tuple(
            ExpressionSource(path=r.expression, sample=r.name, column=r.expression_column)
            for r in rows
            if r.expression is not None
        ),
        assembly="simulated",
    )
    logger.info("2/3 building the feature file")
    built = build_features(config, out / "features.h5")
    logger.info("%s", built.selection)
    (out / "runs").mkdir()
    metrics = {}
    reports = []
    for title, blocks in {
        "sequence alone": ("sequence",),
        "sequence and contacts": ("sequence", "contacts"),
    }.items():
        logger.info("3/3 training on %s, %s", sample, title)
        options = {
            "sample": sample,
            "blocks": blocks,
            "train": {"seed": seed},
        }
        name = "-".join(blocks)
        summary = fit(out / "features.h5", FitConfig.read(None, options), out / "runs" / name)
        metrics[title] = summary.metrics
        reports += [summary.report] if summary.report else []
    return DemoSummary(out, metrics, reports)
