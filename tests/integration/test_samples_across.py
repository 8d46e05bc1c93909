"""Where contacts of a sample act on its expression, models of other samples find that out.

Three samples whose enhancers are drawn anew for each (80 %); ridge on contacts, on both blocks, and
on the sequence alone. 300 genes: the standard error of a correlation is at most 0.06, and of its
mean over three samples less; the differences that are asked for are several times that.
"""

import numpy as np
import pytest
from toy import build

from dexkit.simulate import SimulationConfig, simulate
from dexkit.workflows.cross_sample import CrossSampleConfig, cross_sample
from dexkit.workflows.model_configs import model_configs

FAR = 0.3


@pytest.fixture(scope="module")
def means(tmp_path_factory):
    """Pearson, mean over samples, by model, quantity and predictor; genes unseen in training."""
    folder = tmp_path_factory.mktemp("across")
    config = SimulationConfig.create(
        seed=5,
        n_chroms=6,
        chrom_length_bp=1_000_000,
        n_genes=300,
        samples=("alpha", "beta", "gamma"),
        n_replicates=1,
        pairs_per_replicate=40_000,
        contact_effect=0.4,
        sample_specific_contacts=0.8,
        promoter_effect=0.4,
        noise=0.1,
        family_fraction=0.0,
        zero_fraction=0.0,
    )
    features = build(
        simulate(config, folder / "data"),
        folder / "f.h5",
        upstream_bp=600,
        downstream_bp=200,
        settings={"contacts": {"n_flank_bins": 25}},
    )
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dexkit.workflows.cross_sample.write_cross_report", lambda *_: folder)
        for name, blocks, models in (
            ("sequence", ("sequence",), ("ridge",)),
            ("both", None, ("ridge", "contact-ridge")),
        ):
            configs = model_configs(None, {"split": {"folds": 3}, "blocks": blocks}, models)
            options = CrossSampleConfig(models=configs, n_bootstrap=0)
            scores = cross_sample(features, options, folder / name).scores
            chosen = scores[
                (scores.scope == "mean")
                & (scores.metric == "pearson")
                & (scores.genes == "all")
                & (scores.regime == "unseen")
            ]
            for row in chosen.itertuples():
                found[name, row.model, row.quantity, row.predictor] = row.value
    return found


@pytest.mark.parametrize("model", ["ridge", "contact-ridge"])
@pytest.mark.parametrize("predictor", ["cross", "independent"])
def test_contacts_tell_samples_apart_where_copies_do_not(means, model, predictor):
    difference = means["both", model, "difference", predictor]
    assert difference > 0.6
    assert difference > means["both", model, "difference", "copy-best"] + FAR
    assert np.isnan(means["both", model, "difference", "copy-mean"])


@pytest.mark.parametrize("predictor", ["own", "cross", "independent"])
def test_the_sequence_alone_does_not(means, predictor):
    """It knows the genes, and says the same of a gene in every sample: no difference to score."""
    assert means["sequence", "ridge", "expression", predictor] > FAR
    assert np.isnan(means["sequence", "ridge", "difference", predictor])


def test_models_of_other_samples_beat_the_copies_of_them(means):
    both = means["both", "ridge", "expression", "independent"]
    assert both > means["both", "ridge", "expression", "copy-mean"] + 0.1
    assert both > means["sequence", "ridge", "expression", "independent"] + 0.1
