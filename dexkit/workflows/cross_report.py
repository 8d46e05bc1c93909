"""The report of a cross-sample experiment, and its result in sentences."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dexkit.evaluation.cross_sample import DIFFERENCE, EXPRESSION
from dexkit.evaluation.cross_scores import COPY_MEAN, INDEPENDENT
from dexkit.evaluation.metrics import format_interval
from dexkit.evaluation.splits import LEAKY_NOTE
from dexkit.report.cross_figures import cross_sample_figure
from dexkit.report.experiment import Section, write_experiment_report
from dexkit.workflows.cross_tables import ALL, LISTED, VARIABLE, Across
from dexkit.workflows.experiment import Experiment

if TYPE_CHECKING:
    import pandas as pd

_METHOD = (
    "Expression: prediction and truth over genes. Difference: the sample minus the mean of the "
    "other samples, for the truth, and for one model's predictions of all samples; what is left is "
    "what tells the samples apart. Copying the mean predicts no difference, so that its "
    "correlation is undefined; so is that of a model that reads nothing of the sample.",
    "Unseen: the model had the gene in its test fold. Seen: the model trained on the gene, with "
    "the expression of its own sample. Independent: mean of the models of all samples but the one "
    "predicted.",
)


def sentences(scores: pd.DataFrame, comparisons: pd.DataFrame) -> list[str]:
    """Say what the independent predictions of each model are worth, on all genes.

    Parameters
    ----------
    scores, comparisons : DataFrame
        Content of ``scores.tsv`` and ``comparisons.tsv``.

    Returns
    -------
    list of str
        A sentence a model and regime.
    """
    found = []
    mean = _headline(scores)
    mean = mean[mean["predictor"] == INDEPENDENT]
    paired = _headline(comparisons)
    paired = paired[paired["predictor"] == INDEPENDENT]
    for (model, regime), part in mean.groupby(["model", "regime"], sort=False):
        value = part.set_index("quantity").to_dict("index")
        own = paired[(paired["model"] == model) & (paired["regime"] == regime)]
        against = own.set_index(["quantity", "versus"]).to_dict("index")
        copied = against[EXPRESSION, COPY_MEAN]
        found.append(
            f"{model}, genes {regime} in training, mean over samples: independent prediction "
            f"reaches Pearson r {_interval(value[EXPRESSION])}, "
            f"{_verdict(copied)} copying the mean of the other samples "
            f"(difference {_interval(copied)}); on the difference to the other samples r "
            f"{_interval(value[DIFFERENCE])} ({value[DIFFERENCE]['n_genes']:,} genes)."
        )
    return found


def summary_frame(scores: pd.DataFrame, genes: str = ALL) -> pd.DataFrame:
    """Return the Pearson correlations, mean over samples, a row a model and regime.

    Parameters
    ----------
    scores : DataFrame
        Content of ``scores.tsv``.
    genes : str, optional
        Set of genes.

    Returns
    -------
    DataFrame
        ``model``, ``regime``, ``quantity``, ``n_genes`` and a column a predictor, as text with
        intervals.
    """
    import pandas as pd

    part = _headline(scores, genes)
    rows = []
    for keys, group in part.groupby(["model", "regime", "quantity"], sort=False):
        row = dict(zip(("model", "regime", "quantity"), keys, strict=True))
        row["n_genes"] = int(group["n_genes"].iloc[0])
        for record in group.to_dict("records"):
            row[str(record["predictor"])] = _interval(record)
        rows.append(row)
    return pd.DataFrame(rows)


def write_cross_report(
    experiment: Experiment,
    across: Across,
    scores: pd.DataFrame,
    comparisons: pd.DataFrame,
    notes: Sequence[str],
    intervals: str,
) -> Path:
    """Draw the matrices and write ``report.html``.

    Parameters
    ----------
    experiment : Experiment
        Where to write.
    across : Across
        Samples, folds and gene list.
    scores, comparisons : DataFrame
        Content of the tables.
    notes : sequence of str
        What a reader must know.
    intervals : str
        What the brackets behind a value hold.

    Returns
    -------
    Path
        The page.
    """
    samples, splits, listed = across.samples, across.splits, across.listed
    leaky = [f"{LEAKY_NOTE}: relatives of test genes were trained on."] if splits.leaky else []
    sections = [
        Section("Result", [*sentences(scores, comparisons), intervals, *leaky, *notes]),
        Section("What is compared", _METHOD),
    ]
    for genes in scores["genes"].unique():
        said = []
        if listed is not None and genes == LISTED:
            said = [
                f"{listed.n_names:,} names in the list, {len(listed.unknown):,} of them unknown "
                "(listed_genes.tsv)."
            ]
        title = f"Pearson r, mean over samples, {genes} genes"
        sections.append(Section(title, said, summary_frame(scores, genes)))
        if genes == VARIABLE:
            continue  # the table says enough
        for model in scores["model"].unique():
            part = scores[(scores["model"] == model) & (scores["genes"] == genes)]
            name = "-".join(["matrix", _file_name(model), _file_name(genes)])
            figure = experiment.write_figure(name, cross_sample_figure(part, samples))
            caption = (
                "Models of the sample of the row, asked for the sample of the column; models of "
                "the sample itself are framed. A hyphen stands for undefined."
            )
            sections.append(Section(f"{model}, {genes} genes", (), None, figure, caption))
    kept = comparisons[(comparisons["scope"] == "mean") & (comparisons["genes"] == ALL)]
    columns = ["model", "regime", "quantity", "predictor", "versus", "metric"]
    sections.append(
        Section(
            "Models minus copies, paired, mean over samples",
            ["Intervals hold the difference on the same genes and resamples."],
            kept[[*columns, "n_genes", "value", "low", "high"]],
        )
    )
    return write_experiment_report(
        experiment.path / "report.html",
        f"Cross-sample prediction: {', '.join(samples)}",
        sections,
        splits.leaky,
        f"{splits.kind} split, {splits.n_folds} folds, seed {splits.seed}",
    )


def _headline(frame: pd.DataFrame, genes: str = ALL) -> pd.DataFrame:
    pearson = frame[(frame["metric"] == "pearson") & (frame["scope"] == "mean")]
    return pearson[pearson["genes"] == genes]


def _interval(row: Mapping[Hashable, Any]) -> str:
    return format_interval(row["value"], row["low"], row["high"])


def _verdict(row: Mapping[Hashable, Any]) -> str:
    if row["low"] != row["low"]:
        return "compared with"  # no resamples
    if row["low"] > 0:
        return "better than"
    return "worse than" if row["high"] < 0 else "not told apart from"


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")
