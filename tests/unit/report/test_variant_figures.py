import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from dexkit.evaluation.ablation import Comparison, Subject, VariantScore
from dexkit.evaluation.bootstrap import Interval
from dexkit.report import variant_figures
from dexkit.report.figures import BLUE, VERMILION

LABELS = {"both": "sequence and contacts", "sequence": "sequence alone"}


def score(model, variant, mean, change):
    whole = Interval(mean, mean - 0.1, mean + 0.1)
    relative = Interval(change, change - 0.05, change + 0.05)
    by_fold = (mean - 0.02, mean + 0.02)
    subject = Subject("K562", model)
    return VariantScore(
        subject, variant, "both", "pearson", 90, 2, by_fold, whole, whole, relative, relative
    )


@pytest.fixture
def comparisons():
    return [
        Comparison(
            (score(model, "both", 0.7, 0.0), score(model, "sequence", 0.6, -0.14)), (0, 1), ()
        )
        for model in ("densenet", "ridge")
    ]


@pytest.fixture
def ax():
    return Figure().subplots()


def texts(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_bars_show_every_model_in_every_variant(ax, comparisons):
    variant_figures.variant_bars(ax, comparisons, LABELS)
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == pytest.approx([0.7, 0.6, 0.7, 0.6])
    heights = [bar.get_y() + bar.get_height() / 2 for bar in ax.patches]
    assert heights[0] < 0 < heights[2] < heights[1] < 1 < heights[3]
    assert texts(ax) == ["sequence and contacts", "sequence alone"]
    assert ax.get_xlabel() == "Pearson r, mean of 2 folds"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["densenet", "ridge"]


def test_changes_are_percent_and_leave_the_reference_out(ax, comparisons):
    variant_figures.relative_changes(ax, comparisons, LABELS)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [float(line.get_xdata()[0]) for line in dots] == pytest.approx([-14.0, -14.0])
    assert [line.get_color() for line in dots] == [BLUE, VERMILION]
    assert "sequence and contacts" in ax.get_xlabel()


def test_undefined_is_written_out(ax, comparisons):
    unknown = Interval(math.nan, math.nan, math.nan)
    first = comparisons[0]
    lost = replace(first.scores[1], mean=unknown, relative=unknown, by_fold=(math.nan, math.nan))
    found = [replace(first, scores=(first.scores[0], lost))]
    variant_figures.variant_bars(ax, found, LABELS)
    assert len(ax.patches) == 1
    assert [t.get_text().strip() for t in ax.texts] == ["undefined"]
    assert ax.get_legend() is None


def test_curves_are_in_ascending_order(ax, comparisons):
    positions = {"both": 2000.0, "sequence": 500.0}
    variant_figures.sensitivity_curve(ax, comparisons, positions, "length, bp")
    curves = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_label() for line in curves] == ["densenet", "ridge"]
    for line in curves:
        assert (np.diff(line.get_xdata()) > 0).all()
        assert line.get_ydata() == pytest.approx([0.6, 0.7])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["500", "2,000"]
    assert ax.get_xlabel() == "length, bp"


def test_whole_figures(comparisons):
    left, right = variant_figures.ablation_figure(comparisons, LABELS).axes
    assert texts(left) == list(LABELS.values())
    assert texts(right) == ["", ""]
    assert left.get_ylim() == right.get_ylim()
    positions = {"both": 2000.0, "sequence": 500.0}
    assert len(variant_figures.curve_figure(comparisons, positions, "bp").axes) == 1
