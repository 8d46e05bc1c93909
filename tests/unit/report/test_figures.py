import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from run_folders import predictions, write_run

from dexkit.errors import InputError
from dexkit.evaluation.evaluate import evaluate_runs
from dexkit.report import class_figures, figures


@pytest.fixture
def ax():
    figure = figures.new_figure(3)
    yield figure.subplots()
    figure.savefig(io.BytesIO(), format="png")  # draws without a warning


@pytest.fixture(scope="module")
def genes():
    return predictions().query("part == 'test'")


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("runs") / "run")
    return evaluate_runs([run], n_bootstrap=30)


@pytest.fixture
def history():
    return pd.DataFrame(
        {
            "member": [0, 0, 1, 1],
            "epoch": [1, 2, 1, 2],
            "loss": [1.0, 0.5, 1.1, 0.6],
            "val_loss": [1.2, 0.8, 1.3, 0.9],
            "val_pearson": [0.1, 0.3, 0.2, 0.3],
        }
    )


def test_scatter_draws_every_gene_on_equal_axes(ax, genes):
    assert figures.observed_vs_predicted(ax, genes.observed, genes.predicted, "net") is ax
    points = ax.collections[0].get_offsets()
    drawn = {tuple(point) for point in np.round(points, 9)}
    assert drawn == set(zip(genes.observed.round(9), genes.predicted.round(9), strict=True))
    assert ax.get_xlim() == ax.get_ylim()
    assert "n = 60 genes" in ax.texts[0].get_text()
    assert "log10" in ax.get_xlabel()


@pytest.mark.parametrize("n", [1, 2, 50])
def test_scatter_of_a_constant(ax, n):
    figures.observed_vs_predicted(ax, np.arange(float(n)), np.ones(n))
    assert "r = undefined" in ax.texts[0].get_text()


def test_scatter_refuses_nan(ax):
    with pytest.raises(InputError, match="not finite"):
        figures.observed_vs_predicted(ax, [1.0, np.nan], [1.0, 2.0])


def test_class_histograms_count_every_gene(ax):
    y = np.array([0, 0, 0, 1, 1.0])
    assert class_figures.class_separation(ax, y, np.array([0, 0.1, 0.2, 0.9, 1.0])) is ax
    assert sum(patch.get_data().values.sum() for patch in ax.patches) == 5
    assert not any(patch.get_fill() for patch in ax.patches)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["lower class (n = 3)", "upper class (n = 2)"]


def test_learning_curves_one_line_a_member(ax, history):
    assert figures.learning_curves(ax, history, ("loss", "val_loss")) is ax
    assert len(ax.lines) == 6  # two of them are the dots at the best epoch
    assert len(ax.get_legend().get_texts()) == 3
    assert ax.get_ylabel() == "loss"


def test_learning_curve_of_a_flat_correlation(ax, history):
    history["val_pearson"] = [0.300, 0.301, 0.302, 0.303]
    figures.learning_curves(ax, history, ("val_pearson",))
    low, high = ax.get_ylim()
    assert high - low == pytest.approx(0.1)
    assert low < 0.300 < 0.303 < high
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert dots == [2, 2]


@pytest.mark.parametrize(("n", "coloured"), [(99, False), (100, True)])
def test_density_needs_genes(ax, n, coloured):
    values = np.random.default_rng(0).normal(size=n)
    figures.observed_vs_predicted(ax, values, values)
    assert (ax.collections[0].get_array() is not None) is coloured


def test_class_shares(ax):
    chroms = ["chr10", "chr2", "chr2"]
    class_figures.class_share_by_chromosome(ax, chroms, [1, 0, 1], [0.9, 0.2, 0.4])
    observed, predicted = (list(line.get_xdata()) for line in ax.lines)
    assert observed == [0.5, 1.0]
    assert predicted == pytest.approx([0.3, 0.9])


def test_bars_write_undefined_out(ax, evaluation):
    assert figures.metric_bars(ax, evaluation, "pearson") is ax
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["densenet", "mean", "ridge"]
    assert [text.get_text() for text in ax.texts] == ["undefined"]
    widths = [patch.get_width() for patch in ax.patches]
    expected = [evaluation.find("pearson", name).value for name in ("densenet", "ridge")]
    assert widths == pytest.approx(expected)


def test_residuals_in_chromosome_order(ax):
    chroms = ["chr10", "chr2", "chr2", "chrX"]
    figures.residuals_by_chromosome(ax, chroms, np.arange(4.0), np.ones(4))
    names = [label.get_text().split()[0] for label in ax.get_yticklabels()]
    assert names == ["chr2", "chr10", "chrX"]
    assert ax.yaxis_inverted()


def test_spread_groups(ax, genes):
    figures.prediction_spread(ax, genes.observed, genes.predicted, genes.predicted_sd)
    assert len(ax.lines[0].get_xdata()) == 10
    mean_square = np.mean(ax.lines[0].get_ydata() ** 2)
    assert mean_square == pytest.approx(np.mean((genes.observed - genes.predicted) ** 2))


def test_import_is_light():
    code = (
        "import sys, dexkit.report.html, dexkit.cli.evaluate, dexkit.cli.report\n"
        "heavy = {'matplotlib', 'pandas', 'sklearn', 'scipy', 'tensorflow', 'jinja2'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
