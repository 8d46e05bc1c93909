"""Figures of comparisons and of loops: what is drawn is what was counted."""

import io

import numpy as np
import pytest
from run_folders import predictions, write_run
from toy import build

from dexkit.evaluation.arcs import gene_arcs
from dexkit.evaluation.comparison import DIFFERENCE_POOLED
from dexkit.evaluation.loops import LOOP_NUMBER, correlate_loops
from dexkit.features.file import FeatureFile
from dexkit.report import comparison_figures, figures, loop_figures
from dexkit.workflows.compare import compare_runs

N_FOLDS = 3


@pytest.fixture
def ax():
    figure = figures.new_figure(3)
    yield figure.subplots()
    figure.savefig(io.BytesIO(), format="png")  # draws without a warning


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    folder, runs = tmp_path_factory.mktemp("runs"), []
    for model in ("net", "other"):
        for fold in range(N_FOLDS):
            table = predictions(n_folds=N_FOLDS, fold=fold)
            if model == "other":
                table["predicted"] += np.random.default_rng(fold).normal(size=len(table))
            options = {"model": model, "n_folds": N_FOLDS, "fold": fold, "extras": False}
            runs.append(write_run(folder / f"{model}{fold}", table=table, **options))
    [found] = compare_runs(runs, n_bootstrap=100, baselines=True)
    return found


@pytest.fixture(scope="module")
def features(simulated, tmp_path_factory):
    return FeatureFile(build(simulated, tmp_path_factory.mktemp("figures") / "f.h5"))


def test_boxes_show_every_fold_of_every_model(ax, comparison):
    comparison_figures.fold_boxes(ax, comparison, "pearson")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["net", "other", "mean", "ridge"]
    drawn = [points.get_offsets()[:, 1].tolist() for points in ax.collections]
    # The Pearson correlation of a constant does not exist, and is no box at zero.
    expected = [comparison.fold_scores(label, "pearson") for label in ("net", "other", "ridge")]
    assert drawn == expected
    assert "undefined" in [text.get_text() for text in ax.texts]
    assert "n = 3 folds" in ax.get_title(loc="left")
    assert "higher is better" in ax.get_ylabel()


def test_differences_are_drawn_with_both_intervals(ax, comparison):
    comparison_figures.difference_intervals(ax, comparison, "mse")
    lines = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2]
    for label in ("other", "mean", "ridge"):
        for by in ("gene", "chromosome"):
            test = comparison.find(label, "mse", DIFFERENCE_POOLED, by)
            assert any(np.array_equal(line, [test.low, test.high]) for line in lines)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["10 chromosomes", "294 genes"]


def test_a_whole_comparison_is_drawn(comparison):
    for metric in ("pearson", "mse"):
        figure = comparison_figures.comparison_figure(comparison, metric)
        assert len(figure.axes) == 2
        figure.savefig(io.BytesIO(), format="png")


def test_scatter_of_loops(ax, features):
    found = correlate_loops(features, ["alpha"], n_bootstrap=100)
    [loops] = found.samples
    score = found.find("alpha", LOOP_NUMBER, "pearson")
    loop_figures.loop_scatter(ax, loops.loop_number, loops.expression, score, "loop number")
    points = ax.collections[0].get_offsets()
    np.testing.assert_allclose(points, np.column_stack([loops.loop_number, loops.expression]))
    title = ax.get_title(loc="left")
    assert title.startswith(f"alpha: r = {score.value:.3f} [")
    assert title.endswith("n = 60")


def test_density_of_many_genes_has_a_colour_bar(ax):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 150))
    points = figures.density_points(ax, x, y)
    density = points.get_array()
    assert 0 < density.min() < density.max() == 1
    assert figures.density_points(ax, x[:99], y[:99]).get_array() is None


def test_equal_values_have_a_density_too(ax):
    x = np.full(120, 3.0)
    density = figures.density_points(ax, x, np.arange(120.0)).get_array()
    assert np.isfinite(density).all()


def test_arcs_start_at_the_tss_and_end_in_their_bins(ax, features):
    found = gene_arcs(features, "SIM7")
    arcs = found.samples[0]
    loop_figures.sample_arcs(ax, arcs, found.bin_size_bp, 5.0)
    curves = [line for line in ax.lines if len(line.get_xdata()) > 1]
    assert len(curves) == arcs.loops.sum() > 0
    ends = sorted(line.get_xdata()[-1] for line in curves)
    np.testing.assert_allclose(ends, np.sort(arcs.offset[arcs.loops]) * 5)
    assert all(line.get_xdata()[0] == 0 for line in curves)
    heights = sorted(line.get_ydata().max() for line in curves)
    np.testing.assert_allclose(heights, np.sort(arcs.signal[arcs.loops]))
    assert f"{arcs.loops.sum()} loops" in ax.get_title(loc="left")


def test_samples_share_one_scale(features):
    figure = loop_figures.arcs_figure(gene_arcs(features, "SIM7"))
    assert len(figure.axes) == 2
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    figure.savefig(io.BytesIO(), format="png")
    figure = loop_figures.loop_figure(correlate_loops(features, n_bootstrap=0))
    assert len(figure.axes) == 4
    figure.savefig(io.BytesIO(), format="png")
