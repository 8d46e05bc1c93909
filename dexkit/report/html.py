"""The report of a run: one HTML file that needs nothing else, and its figures as files."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dexkit import __version__
from dexkit.errors import FormatError, InputError
from dexkit.evaluation.evaluate import Evaluation, evaluate_runs
from dexkit.evaluation.metrics import format_value, get_metric, metrics_for
from dexkit.evaluation.pooling import sample_scope
from dexkit.evaluation.runs import PARTS, RunPredictions, read_json, read_run
from dexkit.files import disk_errors, write_whole
from dexkit.io.weights import describe_weights
from dexkit.report.draw import draw_run
from dexkit.report.page import fill, png_uri

# Lists longer than this (training genes) are counted, not printed.
_MAX_LISTED = 12


def write_report(run: Path, n_bootstrap: int = 1000, seed: int = 0) -> Path:
    """Write ``report.html`` and ``figures/`` into a run folder.

    Parameters
    ----------
    run : Path
        A run folder with ``metrics.json`` and ``predictions.tsv``; what else it holds
        (``history.csv``, ``bundle.json``, ``left_out.tsv``, ``config.toml``, ``plugins.lock``,
        ``log.jsonl``) is shown too.
    n_bootstrap, seed : int
        Resamples of the intervals and their seed.

    Returns
    -------
    Path
        The report. An earlier report of the run is replaced; the same files give the same bytes.

    Raises
    ------
    InputError, FormatError
        If the folder is no run, or one of its files is malformed.
    OutputError
        If the folder cannot be written.
    """
    run = Path(run)
    loaded = read_run(run)
    evaluation = evaluate_runs([run], "test", n_bootstrap, seed)
    figures = []
    folder = run / "figures"
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
    for drawing in draw_run(loaded, evaluation):
        png = drawing.render("png")
        write_whole(folder / f"{drawing.name}.png", png)
        write_whole(folder / f"{drawing.name}.pdf", drawing.render("pdf"))
        figures.append(
            {
                "title": drawing.title,
                "caption": drawing.caption,
                "uri": png_uri(png),
            }
        )
    page = fill("report.html.j2", _context(loaded, evaluation) | {"figures": figures})
    path = run / "report.html"
    write_whole(path, page)
    return path


def _context(run: RunPredictions, evaluation: Evaluation) -> dict[str, Any]:
    bundle = read_json(run.path / "bundle.json") if (run.path / "bundle.json").is_file() else {}
    config = _text(run.path / "config.toml")
    return {
        "version": __version__,
        "run_name": run.path.resolve().name,
        "evaluation": evaluation,
        "split": dict(run.split),
        "summary": _summary(run, evaluation),
        "n": {part: int((run.predictions["part"] == part).sum()) for part in PARTS},
        "n_genes": len(run.predictions),
        "unit": _unit(run),
        "sample_scores": _sample_rows(evaluation),
        "main_metric": metrics_for(evaluation.task)[0].label,
        "inputs": _inputs(run, bundle, config),
        "left_out": _left_out(run.path / "left_out.tsv"),
        "facts": _flatten(bundle),
        "predictors": [evaluation.model, *evaluation.baselines],
        "scores": _score_rows(evaluation),
        "differences": _difference_rows(evaluation),
        "other_parts": _other_parts(run),
        "warnings": _warnings(run.path / "log.jsonl"),
        "config": config,
        "plugins": _text(run.path / "plugins.lock"),
        "commands": _commands(run.path, bundle),
    }


def _unit(run: RunPredictions) -> str:
    """Return what a row is."""
    n = len(run.samples)
    return "genes" if n == 1 else f"genes x {n} samples"


def _summary(run: RunPredictions, evaluation: Evaluation) -> list[str]:
    """Return the result in sentences: the model, then each baseline against it."""
    main = metrics_for(evaluation.task)[0]
    score = evaluation.find(main.name)
    sentences = [
        f"{evaluation.model} reaches {main.label} {score} on {score.n:,} "
        f"{evaluation.part} {_unit(run)} of {evaluation.sample}."
    ]
    for name in evaluation.baselines:
        rows = [s for s in evaluation.scores if s.versus == name and s.metric == main.name]
        if not rows or rows[0].low is None or rows[0].high is None:
            continue
        difference = rows[0]
        low, high = rows[0].low, rows[0].high
        verdict = "better than" if low > 0 else "worse than" if high < 0 else "not told apart from"
        sentences.append(
            f"It is {verdict} the baseline {name} on the same genes (difference {difference})."
        )
    return sentences


def _score_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return one row a metric, one cell a predictor."""
    rows = []
    for metric in metrics_for(evaluation.task):
        cells = [
            str(score)
            for score in evaluation.scores
            if score.metric == metric.name
            and not score.versus
            and score.scope == evaluation.headline
        ]
        rows.append({"label": metric.label, "better": metric.higher_is_better, "cells": cells})
    return rows


def _sample_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return one row a sample, one cell a predictor: the main metric. None for one sample."""
    main = metrics_for(evaluation.task)[0].name
    rows = []
    for sample in evaluation.samples:
        scope = sample_scope(evaluation.headline, sample)
        scores = [
            s for s in evaluation.scores if s.scope == scope and s.metric == main and not s.versus
        ]
        rows.append({"sample": sample, "n": scores[0].n, "cells": [str(s) for s in scores]})
    return rows


def _difference_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return one row a metric, one cell a baseline; decided where the interval leaves out zero."""
    rows = []
    for metric in metrics_for(evaluation.task):
        cells = []
        for score in evaluation.scores:
            headline = score.scope == evaluation.headline
            if score.metric == metric.name and score.versus and headline:
                low, high = score.low, score.high
                decided = low is not None and high is not None and (low > 0 or high < 0)
                cells.append({"text": str(score), "decided": decided})
        rows.append({"label": metric.label, "cells": cells})
    return rows


def _other_parts(run: RunPredictions) -> list[dict[str, Any]]:
    """Return the model's scores on the parts that fitting used, without intervals."""
    rows = []
    for part in ("train", "validation"):
        if (run.predictions["part"] == part).any():
            result = evaluate_runs([run.path], part, n_bootstrap=0)
            scores = [s for s in result.scores if s.role == "model" and s.scope == result.headline]
            rows.append(
                {
                    "part": part,
                    "n": scores[0].n,
                    "cells": [
                        f"{get_metric(s.metric).label} {format_value(s.value)}" for s in scores
                    ],
                }
            )
    return rows


def _inputs(run: RunPredictions, bundle: Mapping[str, Any], config: str) -> list[tuple[str, str]]:
    """Return what the run read, as label and text; what its files do not tell is left out."""
    try:
        settings = tomllib.loads(config)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"not TOML: {error}", str(run.path / "config.toml")) from error
    contract = _mapping(bundle, "contract")
    rows = [("sample" if len(run.samples) == 1 else "samples", ", ".join(run.samples))]
    samples = _mapping(bundle, "quantiles").get("samples")
    if isinstance(samples, list):
        across = ", ".join(map(str, samples))
        rows.append(("expression", f"log10, quantile-normalised across {across}"))
    blocks = contract.get("blocks") or settings.get("blocks")
    if isinstance(blocks, list):
        rows.append(("blocks", ", ".join(map(str, blocks))))
    upstream, downstream = contract.get("upstream_bp"), contract.get("downstream_bp")
    if isinstance(upstream, int) and isinstance(downstream, int):
        window = f"{upstream:,} bp upstream to {downstream:,} bp downstream of the TSS"
        rows.append(("sequence window", window))
    n_bins = contract.get("n_bins")
    if isinstance(n_bins, int) and n_bins:
        size = _mapping(contract, "contacts").get("bin_size_bp")
        width = f" of {size:,} bp" if isinstance(size, int) else ""
        rows.append(("contact bins", f"{n_bins:,}{width}"))
    weights = read_json(run.path / "metrics.json").get("weights")
    if weights:
        rows.append(("weights in the loss", describe_weights(weights)))
    file = _mapping(bundle, "features").get("file")
    if file:
        rows.append(("feature file", str(file)))
    return rows


def _mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a nested object, or an empty one where the file has none."""
    found = content.get(key)
    return found if isinstance(found, Mapping) else {}


def _left_out(path: Path) -> list[tuple[str, int]]:
    """Count ``left_out.tsv`` (gene_id, gene_name, reason) by reason."""
    text = _text(path)
    lines = text.splitlines()
    if not lines:
        return []
    header = lines[0].split("\t")
    if "reason" not in header:
        raise InputError(f"{path}: column 'reason' is missing; got {', '.join(header)}")
    column = header.index("reason")
    cells = [line.split("\t") for line in lines[1:]]
    return Counter(c[column] if len(c) > column else "no reason given" for c in cells).most_common()


def _flatten(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested JSON as ``key.key`` and text; long lists are counted."""
    rows: list[tuple[str, str]] = []
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += _flatten(value, f"{name}.")
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            for i, item in enumerate(value):
                rows += _flatten(item if isinstance(item, Mapping) else {"": item}, f"{name}.{i}.")
        elif isinstance(value, list):
            short = ", ".join(map(str, value))
            rows.append((name, f"{len(value):,} values" if len(value) > _MAX_LISTED else short))
        elif value is not None:
            rows.append((name, str(value)))
    return rows


def _warnings(path: Path) -> list[str]:
    """Return the warnings and errors of ``log.jsonl``; lines that are no records are kept whole."""
    found = []
    for line in _text(path).splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            found.append(line)  # the last line of a killed run may be cut
            continue
        if isinstance(record, dict) and record.get("level") in ("warning", "error", "critical"):
            found.append(str(record.get("message", line)))
    return found


def _commands(run: Path, bundle: Mapping[str, Any]) -> list[str]:
    name = _mapping(bundle, "features").get("file")
    file, folder = shlex.quote(str(name or "FEATURES.h5")), shlex.quote(str(run))
    return [
        f"dexkit fit {file} --config {folder}/config.toml -o NEW_RUN",
        f"dexkit evaluate {folder}",
        f"dexkit report {folder}",
    ]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
