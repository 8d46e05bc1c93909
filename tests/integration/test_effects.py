"""What is planted in simulated data is found, and what is not planted is not.

Two data sets of 420 genes that differ in one number, the effect of the planted contacts on
expression (standard deviations 1.0 and 0; promoter effect 0.4). Tiny networks, one fold; the
differences that are asked for are several times the standard error of a correlation over the
140 test genes (at most 0.085).
"""

import pytest
from toy import SMALL_DENSENET, build

from dexkit.simulate import SimulationConfig, simulate
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig

pytestmark = pytest.mark.slow

BOTH = ("sequence", "contacts")
GAIN = 0.3


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Test Pearson of the network and of ridge, by contact effect and blocks."""
    folder = tmp_path_factory.mktemp("effects")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dexkit.workflows.fit.write_report", lambda run: run)
        for effect in (1.0, 0.0):
            config = SimulationConfig.create(
                seed=3,
                n_chroms=6,
                chrom_length_bp=1_500_000,
                n_genes=420,
                samples=("alpha",),
                n_replicates=1,
                pairs_per_replicate=60_000,
                contact_effect=effect,
                promoter_effect=0.4,
                gc_effect=1.0,
                noise=0.1,
                family_fraction=0.0,
                zero_fraction=0.0,
            )
            features = build(
                simulate(config, folder / f"data-{effect}"),
                folder / f"{effect}.h5",
                upstream_bp=600,
                downstream_bp=200,
                settings={"contacts": {"n_flank_bins": 25}},
            )
            for blocks in (("sequence",), BOTH):
                out = folder / f"{effect}-{len(blocks)}"
                metrics = fit(features, options(blocks), out).metrics["parts"]["test"]
                for name, values in metrics.items():
                    if name != "mean":
                        kind = "ridge" if name == "ridge" else "network"
                        found[effect, blocks, kind] = values["pearson"]["value"]
    return found


def options(blocks):
    settings = {"densenet": SMALL_DENSENET | {"stem_filters": 32, "dense_units": [16]}}
    if "contacts" in blocks:
        settings["dense-contacts"] = {"units": [8, 4]}
    train = {"epochs": 10, "batch_size": 16, "learning_rate": 5e-3, "shift_bp": 10, "device": "cpu"}
    values = {"blocks": blocks, "split": {"folds": 3}, "train": train, "settings": settings}
    return FitConfig.read(None, values)


@pytest.mark.parametrize("model", ["network", "ridge"])
def test_contacts_help_where_they_act(scores, model):
    alone, both = (scores[1.0, blocks, model] for blocks in (("sequence",), BOTH))
    assert both > 0.5
    assert both > alone + GAIN


@pytest.mark.parametrize("model", ["network", "ridge"])
def test_contacts_do_not_help_where_they_do_not_act(scores, model):
    alone, both = (scores[0.0, blocks, model] for blocks in (("sequence",), BOTH))
    assert alone > 0.5
    assert both < alone + GAIN / 2
