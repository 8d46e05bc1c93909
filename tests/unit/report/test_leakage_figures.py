import io

import pytest

from dexkit.evaluation.leakage import Leak, LeakageReport
from dexkit.report.figures import new_figure
from dexkit.report.leakage_figures import leakage_figure, related_shares

LEAKS = (
    Leak("near_copies", "near-copies (k-mer similarity from 0.1)", (10, 2), (30, 2)),
    Leak("identical_sequences", "identical promoter sequences", None, None),
    Leak("duplicated_genes", "the same gene name", (0, 0), (0, 0)),
)


def report(leaks=LEAKS, leaky=True):
    split = {"kind": "random", "n_folds": 2, "seed": 0, "leaky": leaky, "file": None}
    return LeakageReport(split, (40, 20), (0, 0), leaks, ())


@pytest.fixture
def ax():
    figure = new_figure(3)
    yield figure.subplots()
    figure.savefig(io.BytesIO(), format="png")  # draws without a warning


def test_bars_are_of_all_test_genes_and_dots_of_the_folds(ax):
    related_shares(ax, report())
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([100 * 12 / 60, 0])
    dots = [line.get_xdata().tolist() for line in ax.lines]
    assert dots[0] == pytest.approx([25, 10])
    assert dots[1] == [0, 0]
    assert ax.get_xlim()[0] == 0
    assert ax.get_xlim()[1] > 25
    assert "all 60 test genes; dots: the 2 folds" in ax.get_xlabel()
    assert ax.get_title(loc="left") == "random split (leaky: paper protocol), 2 folds"


def test_what_a_file_cannot_tell_is_no_zero(ax):
    related_shares(ax, report(leaky=False))
    texts = {round(text.get_position()[1]): text.get_text().strip() for text in ax.texts}
    assert texts == {0: "12", 1: "not in this file", 2: "0"}
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "near-copies\n(k-mer similarity from 0.1)",
        "identical promoter sequences",
        "the same gene name",
    ]
    assert "leaky" not in ax.get_title(loc="left")


def test_a_split_without_leaks_is_drawn():
    none = tuple(leak for leak in LEAKS if leak.genes == (0, 0))
    [ax] = leakage_figure(report(none)).axes
    assert ax.get_xlim()[1] > 1
    assert len(ax.patches) == 1
