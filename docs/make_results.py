"""Fill the tables of ``docs/results.md`` and ``docs/method.md`` with what experiments found.

    python docs/make_results.py DIR

``DIR`` holds the folders that the commands of the two pages write. Between ``<!-- NAME -->`` and
``<!-- end -->`` stands what the folders of that table hold; where one is missing, the table stays
as it is, and is named.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from dexkit.evaluation.metrics import format_interval, format_value

DOCS = Path(__file__).parent
PAGES = ("results.md", "method.md")
SEEDS = (1, 2, 3)
_BLOCK = re.compile(r"(<!-- (\S+) (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def crossval(folder: Path) -> str:
    """Return the scores of ``dexkit crossval``, a table a sample."""
    scores = pd.read_csv(folder / "scores.tsv", sep="\t", dtype={"fold": str})
    differences = pd.read_csv(folder / "differences.tsv", sep="\t")
    text = []
    for sample, rows in scores.groupby("sample", sort=False):
        first = rows["model"].iloc[0]
        pooled = rows[(rows["fold"] == "pooled") & (rows["interval"] != "chromosome")]
        n_genes = int(pooled["n_genes"].iloc[0])
        lines = [
            f"{sample}, {n_genes} genes:",
            "",
            f"| model | Pearson r, pooled | mean of folds | R² | {first} minus it |",
            "|---|---:|---:|---:|---:|",
        ]
        for model in _by_score(pooled):
            mine = rows[(rows["model"] == model) & (rows["metric"] == "pearson")]
            mean = mine[mine["fold"] == "mean"]
            of_pooled = pooled[pooled["model"] == model].set_index("metric")
            lines.append(
                f"| {model} | {_interval(of_pooled.loc['pearson'])} "
                f"| {format_value(None if mean.empty else mean['value'].iloc[0])} "
                f"| {format_value(of_pooled.loc['r2', 'value'])} "
                f"| {_difference(differences, sample, model)} |"
            )
        text.append("\n".join(lines))
    return "\n\n".join(text)


def cross_sample(folder: Path) -> str:
    """Return mean scores over samples of ``dexkit cross-sample``, for expression."""
    scores = pd.read_csv(folder / "scores.tsv", sep="\t")
    means = scores[
        (scores["genes"] == "all")
        & (scores["metric"] == "pearson")
        & (scores["scope"] == "mean")
        & (scores["quantity"] == "expression")
    ].set_index(["predictor", "model", "regime"])
    columns = list(dict.fromkeys(index[1:] for index in means.index))
    lines = [
        "| prediction | " + " | ".join(f"{model}, {regime}" for model, regime in columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for predictor in dict.fromkeys(means.index.get_level_values(0)):
        shown = [_interval(means.loc[(predictor, *column)]) for column in columns]
        lines.append(f"| {predictor} | " + " | ".join(shown) + " |")
    genes = ", ".join(
        f"{int(rows['n_genes'].iloc[0])} {regime}"
        for regime, rows in means.groupby("regime", sort=False)
    )
    return f"Genes: {genes}.\n\n" + "\n".join(lines)


def matrix(folder: Path) -> str:
    """Return the matrix of ``dexkit cross-sample``: its first model, genes unseen, expression."""
    scores = pd.read_csv(folder / "scores.tsv", sep="\t")
    first = scores["model"].iloc[0]
    rows = scores[
        (scores["model"] == first)
        & (scores["genes"] == "all")
        & (scores["metric"] == "pearson")
        & (scores["regime"] == "unseen")
        & (scores["quantity"] == "expression")
        & (scores["scope"] == "sample")
    ]
    samples = list(dict.fromkeys(rows["target"]))
    by_model = rows[rows["predictor"].isin(("own", "cross"))]
    lines = [
        f"| {first} trained on | " + " | ".join(samples) + " |",
        "|---|" + "---:|" * len(samples),
    ]
    for train in samples:
        line = by_model[by_model["train"] == train].set_index("target")["value"]
        lines.append(f"| {train} | " + " | ".join(format_value(line[s]) for s in samples) + " |")
    for other in ("independent", "copy-mean", "copy-best"):
        line = rows[rows["predictor"] == other].set_index("target")["value"]
        lines.append(f"| {other} | " + " | ".join(format_value(line[s]) for s in samples) + " |")
    return "\n".join(lines)


def ablation(folder: Path) -> str:
    """Return the table of ``dexkit ablate`` and its verdicts."""
    rows = pd.read_csv(folder / "ablation.tsv", sep="\t")
    lines = ["| model | variant | Pearson r, pooled | minus both |", "|---|---|---:|---:|"]
    for row in rows.to_dict("records"):
        cells = {
            name: pd.Series({end: row[f"{name}{tail}"] for end, tail in _ENDS})
            for name in ("pooled", "difference")
        }
        change = "-" if row["variant"] == row["reference"] else _interval(cells["difference"])
        lines.append(
            f"| {row['model']} | {row['variant']} | {_interval(cells['pooled'])} | {change} |"
        )
    verdicts = json.loads((folder / "ablation.json").read_text())["verdicts"]
    said = [str(v["verdict"] if isinstance(v, dict) else v) for v in verdicts]
    return "\n".join(lines) + "\n\n" + "\n".join(f"> {text}" for text in said)


def recipes(root: Path, data: str) -> str:
    """Return Pearson r of joint and two-step fits, test genes of fold 0, by seed."""
    found = {
        (recipe, seed): json.loads((root / f"{data}-{recipe}-{seed}" / "metrics.json").read_text())
        for recipe in ("joint", "two-step")
        for seed in SEEDS
    }
    some = found["two-step", SEEDS[0]]
    model = some["model"]
    named = [
        ("joint", "joint", model),
        ("two-step", "two-step", model),
        ("two-step, the sequence part after step one", "two-step", "sequence-only"),
        ("ridge on the same genes", "two-step", "ridge"),
    ]
    lines = [
        "| | " + " | ".join(f"seed {seed}" for seed in SEEDS) + " | mean |",
        "|---|" + "---:|" * (len(SEEDS) + 1),
    ]
    for name, recipe, key in named:
        values = [_test_pearson(found[recipe, seed], key) for seed in SEEDS]
        mean = sum(values) / len(values)
        lines.append(f"| {name} | " + " | ".join(map(format_value, [*values, mean])) + " |")
    return f"{some['n']['test']} test genes:\n\n" + "\n".join(lines)


def _test_pearson(metrics: dict[str, Any], key: str) -> float:
    return float(metrics["parts"]["test"][key]["pearson"]["value"])


_ENDS = (("value", ""), ("low", "_low"), ("high", "_high"))


def _by_score(pooled: pd.DataFrame) -> Iterable[str]:
    """Return the models, the highest Pearson correlation first; undefined ones last."""
    rows = pooled[pooled["metric"] == "pearson"]
    return rows.sort_values("value", ascending=False, na_position="last")["model"]


def _difference(table: pd.DataFrame, sample: str, model: str) -> str:
    rows = table[
        (table["sample"] == sample)
        & (table["second"] == model)
        & (table["metric"] == "pearson")
        & (table["what"] == "pooled difference")
        & (table["by"] == "gene")
    ]
    return _interval(rows.iloc[0]) if len(rows) else "-"


def _interval(row: pd.Series) -> str:
    return format_interval(row["value"], row["low"], row["high"])


TABLES: dict[str, Callable[[Path], str]] = {
    "crossval": crossval,
    "cross-sample": cross_sample,
    "matrix": matrix,
    "ablation": ablation,
}


def main(root: Path) -> int:
    """Rewrite the pages; return the number of tables that could not be filled."""
    missing = []

    def fill(match: re.Match[str]) -> str:
        begin, kind, name, end = match.groups()
        try:
            table = recipes(root, name) if kind == "recipes" else TABLES[kind](root / name)
        except FileNotFoundError as error:
            missing.append(f"{kind} {name}: {error.filename} is missing")
            return match.group(0)
        return f"{begin}\n{table}\n\n{end}"

    for page in PAGES:
        path = DOCS / page
        path.write_text(_BLOCK.sub(fill, path.read_text()))
    for name in missing:
        sys.stderr.write(f"{name}; the table stays as it is\n")
    return len(missing)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
