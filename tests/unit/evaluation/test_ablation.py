"""Variants of a model, compared on the same genes: values, intervals, the verdict."""

import math
from dataclasses import replace

import numpy as np
import pytest
from intervals import paired_difference
from run_folders import predictions

from dexkit.errors import InputError
from dexkit.evaluation.ablation import (
    Control,
    Subject,
    compare_variants,
    fold_table,
    score_table,
    verdict,
)
from dexkit.evaluation.bootstrap import Interval
from dexkit.evaluation.metrics import auroc, pearson
from dexkit.evaluation.runs import RunPredictions

SUBJECT = Subject("K562", "ridge")
N_FOLDS = 5


def run(path, fold, table, task="regression"):
    split = {"kind": "chromosome", "n_folds": N_FOLDS, "fold": fold, "seed": 0, "leaky": False}
    return RunPredictions(path / f"fold-{fold}", task, "ridge", "K562", split, table)


def variants(path, noise, task="regression"):
    """Runs by variant, all with one truth: predictions are the observed values and noise."""
    made = {}
    for number, (name, size) in enumerate(noise.items()):
        made[name] = []
        for fold in range(N_FOLDS):
            table = predictions(n_folds=N_FOLDS, fold=fold)
            rng = np.random.default_rng([number, fold])
            table["predicted"] = table["observed"].fillna(0) + rng.normal(0, size, len(table))
            if task == "classification":
                table["predicted"] = 1 / (1 + np.exp(-table["predicted"]))
                table["observed"] = (table["observed"] > 1).where(table["observed"].notna()) * 1.0
            made[name].append(run(path, fold, table, task))
    return made


@pytest.fixture
def compared(tmp_path):
    runs = variants(tmp_path, {"both": 0.5, "sequence": 2.0, "twin": 0.5})
    return runs, compare_variants(SUBJECT, runs, "both", n_bootstrap=300, seed=1)


def held_out(runs, variant):
    return [r.predictions[r.predictions["part"] == "test"] for r in runs[variant]]


def test_values_are_those_of_the_plain_metrics(compared):
    runs, found = compared
    assert found.folds == (0, 1, 2, 3, 4)
    assert found.notes == ()
    score = found["sequence"]
    by_fold = [pearson(t["observed"], t["predicted"]) for t in held_out(runs, "sequence")]
    whole = [pearson(t["observed"], t["predicted"]) for t in held_out(runs, "both")]
    assert score.by_fold == pytest.approx(by_fold)
    assert score.mean.value == pytest.approx(np.mean(by_fold))
    assert score.relative.value == pytest.approx(np.mean(by_fold) / np.mean(whole) - 1)
    y, p, q = (
        np.concatenate([t[column] for t in held_out(runs, variant)])
        for variant, column in [
            ("both", "observed"),
            ("sequence", "predicted"),
            ("both", "predicted"),
        ]
    )
    assert (score.n_genes, score.n_folds) == (len(y), 5)
    expected = paired_difference(y, p, q, "pearson", 300, 1)
    for name in ("value", "low", "high"):
        assert getattr(score.difference, name) == pytest.approx(getattr(expected, name))


def test_intervals_hold_what_they_should(compared):
    _, found = compared
    lost, twin, whole = found["sequence"], found["twin"], found["both"]
    assert lost.difference.high < 0
    assert lost.relative.high < 0
    assert twin.difference.low < 0 < twin.difference.high
    assert twin.relative.low < 0 < twin.relative.high
    for interval in (whole.difference, whole.relative):
        assert (interval.value, interval.low, interval.high) == (0, 0, 0)
    for score in found.scores:
        for interval in (score.mean, score.pooled, score.difference, score.relative):
            assert interval.low <= interval.value <= interval.high


def test_verdicts(compared):
    _, found = compared
    lost, twin = found["sequence"], found["twin"]
    assert "contacts help here: Pearson r 0.899 with them, 0.477 without" in (line := verdict(lost))
    assert f"n = {lost.n_genes} out-of-fold genes of 5 folds" in line
    assert "leaky" in verdict(lost, leaky=True)
    assert "do not help here, as far as these genes can tell" in verdict(twin)
    # The other way round: what is left out did harm.
    flipped = Interval(*(-getattr(lost.difference, name) for name in ("value", "high", "low")))
    assert "they do harm" in verdict(replace(lost, difference=flipped))
    unknown = replace(lost, difference=Interval(0.1, math.nan, math.nan))
    assert "cannot be said" in verdict(unknown)


def control(score, variant, gain, low, high, keeps_number=True):
    """A variant that does worse than the whole model by ``gain`` [low, high]."""
    moved = replace(score, variant=variant, difference=Interval(-gain, -high, -low))
    return Control(moved, f"as {variant}", keeps_number)


def test_the_verdict_says_whether_it_matters_where_contacts_go(compared):
    _, found = compared
    lost, twin = found["sequence"], found["twin"]
    same = control(lost, "permuted", 0.01, -0.02, 0.04)
    edge = control(lost, "edge", 0.01, 0.0, 0.04)
    better = control(lost, "decay", -0.1, -0.2, -0.05)
    worse = control(lost, "other", 0.1, 0.05, 0.2)
    no_number = control(lost, "tss", 0.1, 0.05, 0.2, keeps_number=False)
    unknown = control(lost, "unknown", math.nan, math.nan, math.nan)
    plain = verdict(lost)
    well = " they do as well, as far as these genes can tell: it is how many, not where"
    less = " they do less: it is also where they go"
    for controls, clause in (
        ([same], f"; as permuted (permuted){well}"),
        ([edge, worse, unknown], f"; as edge (edge){well}"),
        (
            [same, better, edge],
            f"; as permuted (permuted), as decay (decay) and as edge (edge){well}",
        ),
        ([worse, no_number], f"; as other (other){less}"),
        ([no_number, unknown], ""),
    ):
        line = verdict(lost, controls=controls)
        assert line == plain + clause
        assert line.count("n = ") == 1
        # Where contacts do not help, there is nothing to divide.
        assert verdict(twin, controls=controls) == verdict(twin)
    assert verdict(lost, leaky=True, controls=[same]).endswith("not where; leaky: paper protocol")


def test_classes_are_compared_by_auroc(tmp_path):
    runs = variants(tmp_path, {"both": 0.5, "sequence": 3.0}, "classification")
    score = compare_variants(SUBJECT, runs, "both", 100)["sequence"]
    assert score.metric == "auroc"
    parts = held_out(runs, "sequence")
    expected = np.mean([auroc(t["observed"], t["predicted"]) for t in parts])
    assert score.mean.value == pytest.approx(expected)
    assert "AUROC" in verdict(score)


def test_other_folds_and_other_values_are_refused(tmp_path):
    runs = variants(tmp_path, {"both": 0.5, "sequence": 2.0})
    with pytest.raises(InputError, match="give the same folds of both"):
        compare_variants(SUBJECT, runs | {"both": runs["both"][:3]}, "both")
    table = runs["both"][1].predictions
    table["observed"] += 1
    with pytest.raises(InputError, match="genes have another observed value"):
        compare_variants(SUBJECT, runs, "both")


def test_a_constant_prediction_is_undefined_not_zero(tmp_path):
    runs = variants(tmp_path, {"both": 0.5, "sequence": 2.0})
    for one in runs["sequence"]:
        one.predictions["predicted"] = 1.0
    score = compare_variants(SUBJECT, runs, "both", 50)["sequence"]
    assert math.isnan(score.mean.value)
    assert math.isnan(score.relative.value)
    assert "cannot be said" in verdict(score)


def test_tables_are_tidy(compared):
    _, found = compared
    scores = score_table([found, found])
    assert len(scores) == 6
    assert list(scores.columns[:4]) == ["sample", "model", "role", "variant"]
    assert scores["difference_low"].iloc[1] == found["sequence"].difference.low
    folds = fold_table([found])
    assert len(folds) == 15
    twin = folds[folds["variant"] == "twin"]
    assert twin["value"].tolist() == list(found["twin"].by_fold)
    assert twin["fold"].tolist() == [0, 1, 2, 3, 4]
