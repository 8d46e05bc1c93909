"""Scores along promoter length, contact range and recipe; what the file does not hold."""

import json

import numpy as np
import pandas as pd
import pytest
from toy import SMALL_CONTACTS, SMALL_DENSENET

from dexkit.errors import ConfigError
from dexkit.evaluation.runs import read_run
from dexkit.features.file import FeatureFile
from dexkit.workflows.entrants import entrants
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.sensitivity import SensitivitySettings, sensitivity
from dexkit.workflows.sensitivity_axes import axes_of


def model(plugin="ridge", **options):
    values = {"plugin": plugin, "sample": "alpha", "split": {"folds": 2}, "companions": False}
    return FitConfig.read(None, values | options)


def settings(*models, **options):
    return SensitivitySettings(models=models or (model(),), n_bootstrap=100, **options)


SEQUENCE_NETWORK = model(
    "densenet",
    blocks=("sequence",),
    train={"device": "cpu"},
    settings={"densenet": SMALL_DENSENET},
)


@pytest.fixture(scope="module")
def found(built, tmp_path_factory):
    out = tmp_path_factory.mktemp("sensitivity") / "e"
    return sensitivity(built, settings(promoter_lengths=(200, 60), contact_bins=(4, 10)), out)


def test_each_point_reads_so_much(found, built):
    runs = found.path / "runs/alpha/ridge"
    # What is the whole file on either axis is fitted once.
    assert sorted(path.name for path in runs.iterdir()) == ["contacts-4", "promoter-60", "whole"]
    expected = {"whole": (100, 100, 21), "promoter-60": (30, 30, 21), "contacts-4": (100, 100, 9)}
    for name, sizes in expected.items():
        contract = json.loads((runs / name / "fold-0/bundle.json").read_text())["contract"]
        assert tuple(contract[k] for k in ("upstream_bp", "downstream_bp", "n_bins")) == sizes
    assert not (found.path / "features").exists()


def test_points_are_compared_with_the_largest(found):
    assert list(found.comparisons) == ["promoter-length", "contact-bins"]
    lengths = found.comparisons["promoter-length"][0]
    assert [score.variant for score in lengths.scores] == ["promoter-60", "promoter-200"]
    assert {score.reference for score in lengths.scores} == {"promoter-200"}
    bins = found.comparisons["contact-bins"][0]
    assert bins["contacts-10"].by_fold == lengths["promoter-200"].by_fold
    runs = found.path / "runs/alpha/ridge"
    tables = [read_run(runs / "contacts-4" / f"fold-{i}").predictions for i in range(2)]
    tested = pd.concat([table[table["part"] == "test"] for table in tables])
    assert bins["contacts-4"].pooled.value == pytest.approx(
        np.corrcoef(tested["observed"], tested["predicted"])[0, 1]
    )


def test_what_is_written(found):
    table = pd.read_csv(found.path / "sensitivity.tsv", sep="\t")
    assert table["axis"].tolist() == ["promoter-length"] * 2 + ["contact-bins"] * 2
    assert table["setting"].tolist() == [60, 200, 4, 10]
    assert {"split", "seed", "n_folds", "leaky", "dexkit"} <= set(table.columns)
    assert len(pd.read_csv(found.path / "folds.tsv", sep="\t")) == 8
    scores = json.loads((found.path / "sensitivity.json").read_text())["scores"]
    assert scores[1]["difference"] == 0
    page = found.report.read_text()
    assert "contacts within 4 bins (±20 kb)" in page
    for name in ("promoter-length-alpha", "contact-bins-alpha"):
        assert (found.path / f"figures/{name}.png").stat().st_size
    assert len(found.lines) == 4
    assert "promoter of 60 bp: Pearson r" in found.lines[0]
    assert "difference from promoter of 200 bp:" in found.lines[0]
    assert "out-of-fold genes" not in found.lines[1]


def axes(built, *models, **options):
    return axes_of(FeatureFile(built), entrants(built, models or [model()]), **options)


def test_without_axes_a_quarter_a_half_and_all(built):
    first, second = axes(built)
    assert [v.name for v in first.variants] == ["promoter-50", "promoter-100", "promoter-200"]
    assert [v.name for v in second.variants] == ["contacts-2", "contacts-5", "contacts-10"]
    assert second.positions == {"contacts-2": 10.0, "contacts-5": 25.0, "contacts-10": 50.0}
    alone = axes(built, SEQUENCE_NETWORK)
    assert [axis.kind for axis in alone] == ["promoter-length"]


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ([], {"lengths": (100, 201)}, "201 bp cannot be cut from .* has 200 bp; choose 1 to 200"),
        ([], {"bins": (5, 11)}, "11 contact bins .* holds 10; choose 1 to 10"),
        ([], {"lengths": (100,)}, "--promoter-lengths must be two values or more.* got 100"),
        ([], {"bins": (5, 5)}, "--contact-bins must be two values or more, each once; got 5, 5"),
        ([], {"recipes": ("joint", "two-step")}, "all models are baselines; name a network"),
        ([], {"recipes": ("joint", "both")}, "unknown recipe 'both'; expected joint or two-step"),
        ([model("gc")], {"bins": (5, 10)}, "'contacts', which gc does not read for alpha"),
        (
            [SEQUENCE_NETWORK],
            {"recipes": ("joint", "two-step")},
            "two-step trains the sequence part first .* use both blocks",
        ),
    ],
)
def test_what_cannot_be_varied_is_refused(built, models, options, message):
    with pytest.raises(ConfigError, match=message):
        axes(built, *models, **options)


def test_points_are_checked_before_the_data_are_read(tmp_path):
    for chosen, message in (
        ({"recipes": ("joint", "both")}, "--training: unknown recipe 'both'; expected joint or"),
        ({"promoter_lengths": (60,)}, "--promoter-lengths must be two values or more"),
    ):
        with pytest.raises(ConfigError, match=message):
            sensitivity(tmp_path / "no.h5", settings(**chosen), tmp_path / "e")


def test_nothing_is_written_when_it_cannot_be_done(built, tmp_path):
    with pytest.raises(ConfigError, match="cannot be cut"):
        sensitivity(built, settings(promoter_lengths=(100, 999)), tmp_path / "e")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow  # Networks only have a recipe: one of each, on two folds.
def test_recipes_are_compared(built, tmp_path):
    network = model(
        "densenet",
        train={"epochs": 1, "device": "cpu"},
        settings={"densenet": SMALL_DENSENET, "dense-contacts": SMALL_CONTACTS},
    )
    chosen = settings(network, recipes=("joint", "two-step"))
    result = sensitivity(built, chosen, tmp_path / "e")
    (comparison,) = result.comparisons["recipe"]
    assert [score.variant for score in comparison.scores] == ["recipe-joint", "recipe-two-step"]
    runs = tmp_path / "e/runs/alpha/densenet"
    assert sorted(path.name for path in runs.iterdir()) == ["recipe-two-step", "whole"]
    stages = pd.read_csv(runs / "recipe-two-step/fold-0/history.csv")["stage"]
    assert list(stages.unique()) == ["sequence", "joint"]
    assert (tmp_path / "e/figures/recipe-alpha.png").is_file()
