"""Labels of test genes reach nothing that is fitted: every baseline, and a network in two steps.

What is compared are bytes: of the predictions of all genes, and of what a fit learnt (scaling,
quantiles, medians, hyper-parameters, chosen samples). The same change of training labels has to be
noticed, so that a test that compares nothing would fail.
"""

import json

import numpy as np
import pandas as pd
import pytest
from labels import permuted_labels

from dexkit.features.file import FeatureFile
from dexkit.hooks import plugins
from dexkit.workflows.baselines import fit_baseline
from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.prepare import prepare

BOTH = ("sequence", "contacts")
#: Options that make a baseline quick, by what it calls them; its choices are still made.
QUICK = {
    "k": 3,
    "inner_folds": 3,
    "trees": 10,
    "inner_trees": 5,
    "iterations": [2, 5],
    "leaf_genes": {"gradient-boosting": 5, None: [3, 10]},
    "landmarks": 20,
    "strengths": [0.01, 1.0],
    "widths": [1.0, 3.0],
    "penalty_shares": [1.0, 0.3, 0.1],
    "l1_shares": [0.5, 0.9],
}


def settings_of(entry):
    values = {key: value for key, value in QUICK.items() if key in entry.config.model_fields}
    if "leaf_genes" in values:
        values["leaf_genes"] = QUICK["leaf_genes"].get(entry.name, QUICK["leaf_genes"][None])
    return values


def learnt(path, entry):
    """What a baseline learnt from a file, and its predictions of all genes."""
    registry = plugins()
    config = FitConfig.read(
        None,
        {
            "plugin": entry.name,
            "sample": "alpha",
            "split": {"folds": 4},
            "quantile_normalise": entry.task == "regression",
            "settings": {entry.name: settings_of(entry)},
        },
    )
    features = FeatureFile(path)
    job = prepare(features, config, registry)
    fitted = fit_baseline(job, entry, config)
    rows = np.arange(len(features))
    predicted = fitted.predict(job.arrays.for_baseline(rows, entry.blocks))
    facts = {
        "describe": dict(fitted.describe()),
        "state": dict(job.state),
        "normaliser": None if job.normaliser is None else job.normaliser.mean.tolist(),
        "quantiles": None if job.quantiles is None else job.quantiles.target.tolist(),
    }
    return np.asarray(predicted).tobytes(), json.dumps(facts), job.splits[0]


@pytest.mark.parametrize("name", sorted(plugins().baselines))
def test_test_labels_reach_no_baseline(built, tmp_path, name):
    entry = plugins().baselines[name].entry
    predicted, facts, split = learnt(built, entry)
    test = permuted_labels(built, tmp_path / "test.h5", split.test_chroms)
    assert learnt(test, entry)[:2] == (predicted, facts)
    train = sorted(set(FeatureFile(built).genes.chrom) - set(split.test_chroms))
    changed = permuted_labels(built, tmp_path / "train.h5", train)
    assert learnt(changed, entry)[:2] != (predicted, facts)


@pytest.mark.parametrize("kind", ["chromosome", "homology", "chromosome-homology", "random"])
def test_no_split_reads_labels(built, tmp_path, kind):
    """Whatever the labels of all genes are, genes stand in the same parts."""
    chroms = set(FeatureFile(built).genes.chrom)
    values = {"plugin": "mean", "sample": "alpha", "split": {"folds": 3, "kind": kind}}
    config = FitConfig.read(None, values)
    parts = [
        prepare(FeatureFile(path), config, plugins()).parts.tolist()
        for path in (built, permuted_labels(built, tmp_path / "all.h5", chroms))
    ]
    assert parts[0] == parts[1]


@pytest.mark.slow  # four trainings
def test_test_labels_reach_no_stage_of_two(built, config, tmp_path):
    """Both stages of a tiny network, quantile-normalised."""
    train = {"epochs": 1, "recipe": "two-step"}
    made = config(BOTH, train=train, quantile_normalise=True)
    fit(built, made, tmp_path / "a")
    chroms = json.loads((tmp_path / "a" / "metrics.json").read_text())["split"]["test_chroms"]
    fit(permuted_labels(built, tmp_path / "p.h5", chroms), made, tmp_path / "b")
    tables, bundles = [], []
    for run in "ab":
        table = pd.read_csv(tmp_path / run / "predictions.tsv", sep="\t", dtype=str)
        tables.append(table.drop(columns="observed").to_csv())
        bundle = json.loads((tmp_path / run / "bundle.json").read_text())
        bundles.append({key: bundle[key] for key in ("normaliser", "quantiles", "head")})
    assert tables[0] == tables[1]
    assert "baseline:sequence-only" in tables[0]
    assert bundles[0] == bundles[1]
