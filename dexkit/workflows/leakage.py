"""What leaks across a split: the work of ``dexkit splits check``."""

from __future__ import annotations

from pathlib import Path

from dexkit.evaluation.leakage import LeakageReport, find_leaks
from dexkit.evaluation.relations import relations_of
from dexkit.evaluation.split_file import read_table
from dexkit.features.file import FeatureFile
from dexkit.files import check_output, write_whole
from dexkit.report.draw import render
from dexkit.report.leakage_figures import leakage_figure
from dexkit.workflows.splits import SplitRequest, make_splits

_FIGURES = ("png", "pdf")


def check_splits(
    features_path: Path, request: SplitRequest, split_file: Path | None = None
) -> LeakageReport:
    """Report what leaks across a split.

    Parameters
    ----------
    features_path : Path
        Feature file.
    request : SplitRequest
        The split to make, unless there is a file; and how near-copies are looked for.
    split_file : Path, optional
        A saved split.

    Returns
    -------
    LeakageReport
        Relations between test genes and those that a model learns from.

    Raises
    ------
    InputError
        When the file does not fit the genes, and as :func:`make_splits`.
    """
    request.check()
    features = FeatureFile(features_path)
    table = None if split_file is None else read_table(split_file)
    if table is not None:
        table = table.aligned(features.genes.gene_id, str(features.path))
    relations = relations_of(features, request.sketch)
    if table is None:
        table = make_splits(features, request, relations)
    return find_leaks(relations, table, request.sketch.min_similarity)


def check_leaks_output(out: Path, force: bool = False) -> None:
    """Refuse an output of :func:`save_leaks` that exists, before any work is done.

    Parameters
    ----------
    out : Path
        The table; its figures are looked for too.
    force : bool, optional
        Whether they may be replaced.

    Raises
    ------
    OutputError
        When one exists and ``force`` is false, or their folder does not exist.
    """
    for path in (out, *_figure_paths(out)):
        check_output(path, force)


def save_leaks(report: LeakageReport, out: Path, force: bool = False) -> tuple[Path, ...]:
    """Write the counts of every fold as a table, and a figure of them beside it.

    Parameters
    ----------
    report : LeakageReport
        From :func:`check_splits`.
    out : Path
        The table, see :meth:`dexkit.evaluation.leakage.LeakageReport.to_frame`. The figure has its
        name with ``.png`` and ``.pdf`` in place of ``.tsv``.
    force : bool, optional
        Whether files may be replaced.

    Returns
    -------
    tuple of Path
        The table, then the figure as PNG and as PDF.

    Raises
    ------
    OutputError
        When a file exists, or cannot be written.
    """
    check_leaks_output(out, force)
    figure = leakage_figure(report)
    drawn = [render(figure, kind) for kind in _FIGURES]
    paths = _figure_paths(out)
    write_whole(out, report.to_frame().to_csv(sep="\t", index=False, lineterminator="\n"), force)
    for path, content in zip(paths, drawn, strict=True):
        write_whole(path, content, force)
    return out, *paths


def _figure_paths(out: Path) -> list[Path]:
    """Return the figures beside a table, of other names than it whatever it is called."""
    stem = out.name.removesuffix(".tsv")
    return [out.with_name(f"{stem}.{kind}") for kind in _FIGURES]
