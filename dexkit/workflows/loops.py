"""Loops against expression, and the contacts of single genes: tables, figures, report."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dexkit.errors import InputError
from dexkit.evaluation.arcs import GeneArcs, gene_arcs
from dexkit.evaluation.loops import LoopCorrelations, correlate_loops
from dexkit.evaluation.metrics import format_value
from dexkit.features.file import FeatureFile
from dexkit.files import check_output
from dexkit.report.experiment import Section, write_experiment_report
from dexkit.report.loop_figures import arcs_figure, loop_figure
from dexkit.workflows.experiment import Experiment

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LoopStudy:
    """Loops of a feature file.

    Parameters
    ----------
    features : Path
        The feature file.
    correlations : LoopCorrelations
        Loop features against expression, by sample.
    genes : tuple of GeneArcs
        Contacts of the genes asked for.
    """

    features: Path
    correlations: LoopCorrelations
    genes: tuple[GeneArcs, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but single genes' values as plain values for JSON."""
        genes = [found.to_dict() for found in self.genes]
        return self.correlations.to_dict() | {"genes": genes}

    def to_json(self) -> str:
        """Return :meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)


def study_loops(
    features_path: Path,
    samples: Sequence[str] = (),
    genes: Sequence[str] = (),
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> LoopStudy:
    """Correlate loops with expression, and look up the contacts of some genes.

    Parameters
    ----------
    features_path : Path
        A feature file with contacts and expression.
    samples : sequence of str
        Samples. By default all that have contacts; those without expression too are shown for
        single genes only.
    genes : sequence of str
        Ids or names of genes whose contacts are wanted.
    n_bootstrap, seed : int
        Resamples of the intervals and their seed.

    Returns
    -------
    LoopStudy
        What :func:`save_loops` writes.

    Raises
    ------
    InputError
        If a sample or gene is not in the file or lacks data, or a gene is asked for twice.
    """
    features = FeatureFile(features_path)
    found = tuple(gene_arcs(features, name, samples) for name in genes)
    ids = [each.gene.gene_id for each in found]
    for name, gene in zip(genes, ids, strict=True):
        if ids.count(gene) > 1:
            raise InputError(f"the gene {name} ({gene}) is asked for twice; name it once")
    correlations = correlate_loops(features, samples, n_bootstrap, seed)
    return LoopStudy(Path(features_path), correlations, found)


def save_loops(study: LoopStudy, out: Path, force: bool = False) -> Path:
    """Write tables, figures and report of a study into a folder.

    Parameters
    ----------
    study : LoopStudy
        From :func:`study_loops`.
    out : Path
        Folder to write: ``correlations.tsv``, ``genes.tsv``, ``loops.json``, with genes
        ``arcs.tsv``; ``figures/``, ``report.html`` and ``experiment.json``.
    force : bool, optional
        Whether an earlier study may be replaced.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    OutputError
        If the folder exists, or cannot be written.
    """
    import pandas as pd

    check_output(out, force)
    correlations = study.correlations
    settings = {
        "samples": [found.sample for found in correlations.samples],
        "genes": [found.gene.gene_id for found in study.genes],
        "n_bootstrap": correlations.n_bootstrap,
        "seed": correlations.seed,
    }
    with Experiment.open(out, "loops", settings, force, features=[study.features]) as experiment:
        experiment.write_table("correlations.tsv", correlations.scores_frame())
        experiment.write_table("genes.tsv", correlations.genes_frame())
        experiment.write_json("loops.json", study.to_dict())
        figure = experiment.write_figure("loops", loop_figure(correlations))
        sections = [_correlation_section(correlations, figure)]
        if study.genes:
            arcs = pd.concat([found.to_frame() for found in study.genes], ignore_index=True)
            experiment.write_table("arcs.tsv", arcs)
        for found in study.genes:
            name = f"arcs-{re.sub(r'[^A-Za-z0-9_.-]', '_', found.gene.gene_id)}"
            sections.append(_gene_section(found, experiment.write_figure(name, arcs_figure(found))))
        report = write_experiment_report(
            experiment.path / "report.html",
            "Loops and expression",
            sections,
            subtitle=study.features.name,
        )
        experiment.finish()
    return report


def correlation_frame(correlations: LoopCorrelations) -> pd.DataFrame:
    """Return one row a sample, loop feature and correlation, as texts.

    Parameters
    ----------
    correlations : LoopCorrelations
        The correlations.

    Returns
    -------
    DataFrame
        ``sample``, ``feature``, ``correlation``, ``value``, ``interval over genes``, ``interval
        over chromosomes`` (empty on one chromosome), ``genes``, ``chromosomes``.
    """
    import pandas as pd

    rows: dict[tuple[str, str, str], dict[str, object]] = {}
    for score in correlations.scores:
        row = rows.setdefault(
            (score.sample, score.feature, score.metric),
            {
                "sample": score.sample,
                "feature": score.feature,
                "correlation": score.metric,
                "value": format_value(score.value),
                "interval over genes": "",
                "interval over chromosomes": "",
                "genes": f"{score.n_genes:,}",
                "chromosomes": 1,
            },
        )
        if score.by == "chromosome":
            row["chromosomes"] = score.n_drawn
        if score.low is not None and score.high is not None:
            bounds = f"[{format_value(score.low)}, {format_value(score.high)}]"
            row[f"interval over {score.by}s"] = bounds
    return pd.DataFrame(list(rows.values()))


def _correlation_section(correlations: LoopCorrelations, figure: Path) -> Section:
    intervals = (
        f"Intervals: {100 * correlations.level:.0f} %, {correlations.n_bootstrap:,} bootstrap "
        f"resamples, seed {correlations.seed}."
        if correlations.n_bootstrap
        else "No intervals were asked for."
    )
    text = (
        "The loop sum adds up the scaled contacts of the TSS bin with all other bins of the "
        "profile, the loop number counts the bins with a contact. No model is fitted. "
        f"{intervals}"
    )
    caption = (
        "Each point is a gene, brighter where genes lie densely (from 100 genes on); Pearson "
        "correlation with its interval over genes."
    )
    return Section(
        "Loops against expression",
        (text, *correlations.notes),
        correlation_frame(correlations),
        figure,
        caption,
    )


def _gene_section(found: GeneArcs, figure: Path) -> Section:
    import pandas as pd

    gene = found.gene
    rows = [
        {
            "sample": arcs.sample,
            "log10 expression": "not measured"
            if arcs.expression is None
            else format_value(arcs.expression),
            "loops": int(arcs.loops.sum()),
            "strongest signal": format_value(float(arcs.signal[arcs.loops].max(initial=0.0))),
            "bins measured": f"{int(arcs.observed.sum())} of {len(arcs.observed)}",
        }
        for arcs in found.samples
    ]
    caption = (
        "Arcs join the TSS (triangle) with the bins that it touches; height and strength grow with "
        "the contact signal, on one scale for all samples. Grey bins were not measured."
    )
    place = f"{gene.chrom}:{gene.tss + 1:,}, {gene.strand} strand"
    return Section(
        f"{gene.gene_name} ({gene.gene_id})", (place,), pd.DataFrame(rows), figure, caption
    )
