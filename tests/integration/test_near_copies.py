"""How much of a score is leakage: planted near-copies, random and homology split.

Ridge on 5-mer counts of 240 simulated genes, three folds, pooled. With families, four genes in
five have three near-copies each, which share an offset of expression (standard deviation 1, the
promoter effect is 0.4); without, all genes are unrelated. The differences asked for are many times
the standard error of a correlation over 240 genes (at most 0.065).
"""

import json

import pytest
from toy import build

from dexkit.evaluation.evaluate import evaluate_runs
from dexkit.evaluation.strata import ANY, GAP, WITH, WITHOUT, scope_of
from dexkit.simulate import SimulationConfig, simulate
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig

N_FOLDS = 3


@pytest.fixture(scope="module", params=[1, 2], ids="seed {}".format)
def runs(request, tmp_path_factory):
    """Run folders and feature file by share of genes in families, and kind of split."""
    folder = tmp_path_factory.mktemp("near-copies")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dexkit.workflows.fit.write_report", lambda run: run)
        for share in (0.8, 0.0):
            config = SimulationConfig.create(
                seed=request.param,
                n_chroms=6,
                chrom_length_bp=700_000,
                n_genes=240,
                samples=("alpha",),
                n_replicates=1,
                pairs_per_replicate=100,
                contact_effect=0.0,
                promoter_effect=0.4,
                gc_effect=1.0,
                noise=0.1,
                zero_fraction=0.0,
                family_fraction=share,
                family_size=4,
                family_effect=1.0,
                family_placement="dispersed",
            )
            data = simulate(config, folder / f"data-{share}")
            window = {"upstream_bp": 600, "downstream_bp": 200}
            features = build(data, folder / f"{share}.h5", contacts=(), **window)
            # Without families the two kinds give the same folds for one seed.
            for seed, kind in enumerate(("random", "homology")):
                found[share, kind] = (
                    features,
                    [folder / f"{share}-{kind}-{fold}" for fold in range(N_FOLDS)],
                )
                for fold, out in enumerate(found[share, kind][1]):
                    options = {
                        "plugin": "ridge",
                        "split": {"kind": kind, "folds": N_FOLDS, "fold": fold},
                        "train": {"seed": seed},
                        "settings": {"ridge": {"k": 5}},
                    }
                    fit(features, FitConfig.read(None, options), out)
    return found


def pearson(runs, share, kind):
    return evaluate_runs(runs[share, kind][1], n_bootstrap=0).find("pearson").value


def test_near_copies_lift_the_score_of_the_random_split(runs):
    assert pearson(runs, 0.8, "random") > pearson(runs, 0.8, "homology") + 0.3


def test_without_near_copies_the_splits_agree(runs):
    both = [pearson(runs, 0.0, kind) for kind in ("random", "homology")]
    assert min(both) > 0.7
    assert abs(both[0] - both[1]) < 0.1


def strata(dexkit, runs, kind):
    features, folders = runs[0.8, kind]
    options = ["--bootstrap", 200, "--homology", features]
    content = json.loads(dexkit("evaluate", *folders, *options, "--json").stdout)
    scores = {
        score["scope"]: score
        for score in content["scores"]
        if (score["role"], score["metric"]) == ("model", "pearson")
    }
    return scores, content["notes"]


def test_the_strata_say_where_the_score_comes_from(runs, dexkit):
    """In a random split genes with a near-copy in training are predicted, the others are not."""
    features, folders = runs[0.8, "random"]
    shown = dexkit("evaluate", *folders, "--bootstrap", 0, "--homology", features).stdout
    assert "with and without relatives in training" in shown
    assert "near_copies" in shown
    scores, _ = strata(dexkit, runs, "random")
    found, lacking = (scores[scope_of("near_copies", which)] for which in (WITH, WITHOUT))
    assert found["n"] + lacking["n"] == 240
    assert found["n"] > 150
    assert found["value"] > lacking["value"]
    assert scores[scope_of("near_copies", GAP)]["low"] > 0
    assert scores[scope_of(ANY, WITH)]["n"] == found["n"]


def test_a_homology_split_leaves_nothing_to_tell(runs, dexkit):
    scores, notes = strata(dexkit, runs, "homology")
    assert set(scores) == {"pooled", *(f"fold {fold}" for fold in range(N_FOLDS))}
    assert any("near-copies" in note and "no test gene has" in note for note in notes)
