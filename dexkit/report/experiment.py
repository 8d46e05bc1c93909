"""The report of an experiment: one HTML page of sections, each with text, a table, a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dexkit import __version__
from dexkit.errors import InputError
from dexkit.evaluation.metrics import UNDEFINED
from dexkit.evaluation.splits import LEAKY_NOTE
from dexkit.files import write_whole
from dexkit.report.page import fill, png_uri

if TYPE_CHECKING:
    import pandas as pd

#: Digits of a number in a table; the TSV beside the report has all.
_DIGITS = 4


@dataclass(frozen=True)
class Section:
    """One section of a report.

    Parameters
    ----------
    title : str
        Heading.
    paragraphs : sequence of str
        Text above the table; plain, not HTML.
    table : DataFrame, optional
        Shown with four significant digits; numbers that are not finite are "undefined".
    figure : Path, optional
        A PNG, put into the page.
    caption : str, optional
        Below the figure, and what a screen reader says of it.
    """

    title: str
    paragraphs: Sequence[str] = ()
    table: pd.DataFrame | None = None
    figure: Path | None = None
    caption: str = ""


def write_experiment_report(
    path: Path,
    title: str,
    sections: Sequence[Section],
    leaky: bool = False,
    subtitle: str = "",
) -> Path:
    """Write one self-contained HTML page; an earlier one is replaced.

    Parameters
    ----------
    path : Path
        The page, ``report.html`` of the experiment.
    title : str
        Heading.
    sections : sequence of Section
        Content, in order.
    leaky : bool, optional
        Stamp the page as of random splits.
    subtitle : str, optional
        Below the heading.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    InputError
        When a figure is missing.
    OutputError
        When the page cannot be written.
    """
    page = fill(
        "experiment.html.j2",
        {
            "title": title,
            "subtitle": subtitle,
            "stamp": LEAKY_NOTE if leaky else "",
            "version": __version__,
            "sections": [_plain(section) for section in sections],
        },
    )
    write_whole(path, page)
    return path


def _plain(section: Section) -> dict[str, Any]:
    """Return what the template shows of a section."""
    uri = ""
    if section.figure is not None:
        if not section.figure.is_file():
            raise InputError(f"the figure {section.figure} of section {section.title!r} is missing")
        uri = png_uri(section.figure.read_bytes())
    columns: list[str] = []
    rows: list[list[dict[str, Any]]] = []
    if section.table is not None:
        columns = [str(column) for column in section.table.columns]
        rows = [[_cell(v) for v in row] for row in section.table.itertuples(index=False, name=None)]
    return {
        "title": section.title,
        "paragraphs": list(section.paragraphs),
        "columns": columns,
        "rows": rows,
        "uri": uri,
        "caption": section.caption or section.title,
    }


def _cell(value: Any) -> dict[str, Any]:
    import numpy as np

    if value is None:
        return {"text": UNDEFINED, "number": True}
    if isinstance(value, bool | np.bool_):
        return {"text": "yes" if value else "no", "number": False}
    if isinstance(value, int | np.integer):
        return {"text": f"{value:,}", "number": True}
    if isinstance(value, float | np.floating):
        text = f"{value:.{_DIGITS}g}" if np.isfinite(value) else UNDEFINED
        return {"text": text, "number": True}
    return {"text": str(value), "number": False}
