"""Heat maps of cross-sample scores."""

import numpy as np
import pandas as pd
import pytest

from dexkit.report.cross_figures import cross_sample_figure, heat_map, pearson_matrix
from dexkit.report.figures import new_figure

SAMPLES = ("A", "B")


def scores():
    rows = []
    for regime in ("unseen", "seen"):
        for quantity in ("expression", "difference"):
            for j, target in enumerate(SAMPLES):
                cells = [("own" if t == target else "cross", t) for t in SAMPLES]
                cells += [(name, "") for name in ("independent", "copy-mean", "copy-best")]
                for i, (predictor, train) in enumerate(cells):
                    value = i / 10 + j / 100
                    if (quantity, predictor) == ("difference", "copy-mean"):
                        value = np.nan
                    rows.append((regime, quantity, "sample", target, predictor, train, value))
    columns = ["regime", "quantity", "scope", "target", "predictor", "train", "value"]
    return pd.DataFrame(rows, columns=columns).assign(metric="pearson")


def test_matrix_has_models_in_rows_and_samples_in_columns():
    table = scores()
    part = table[(table.regime == "seen") & (table.quantity == "expression")]
    expected = [[0.0, 0.01], [0.1, 0.11], [0.2, 0.21], [0.3, 0.31], [0.4, 0.41]]
    np.testing.assert_allclose(
        pearson_matrix(part.sample(frac=1, random_state=1), SAMPLES), expected
    )


def test_figure_has_a_panel_a_regime_and_quantity():
    figure = cross_sample_figure(scores(), SAMPLES)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert [("unseen" in t, "difference" in t) for t in titles] == [
        *((True, False), (True, True), (False, False), (False, True)),
    ]
    texts = [t.get_text() for t in figure.axes[1].texts]
    assert texts[6:8] == ["-", "-"]  # copying the mean predicts no difference
    assert len(figure.axes[0].patches) == len(SAMPLES)
    figure.canvas.draw()


@pytest.mark.parametrize(("value", "colour"), [(0.2, "white"), (0.9, "black"), (np.nan, "black")])
def test_numbers_are_readable_on_their_cell(value, colour):
    ax = new_figure(2.0).subplots()
    heat_map(ax, np.array([[value]]), ["r"], ["c"])
    assert ax.texts[0].get_color() == colour
