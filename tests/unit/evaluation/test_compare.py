"""Models side by side: what may be compared, and the paired statistics."""

import itertools
import json
import math

import numpy as np
import pytest
from intervals import paired_difference
from run_folders import predictions, write_run

from dexkit import __version__
from dexkit.errors import ConfigError, InputError
from dexkit.evaluation.comparison import (
    DIFFERENCE_FOLDS,
    DIFFERENCE_POOLED,
    DIFFERENCE_SPREAD,
    as_dict,
    format_p,
    sentences,
)
from dexkit.evaluation.metrics import metrics_for, pearson
from dexkit.evaluation.runs import read_run, with_samples
from dexkit.evaluation.signed_rank import signed_rank, smallest_p
from dexkit.evaluation.stamps import STAMPS, stamps
from dexkit.workflows.compare import compare_runs, find_models

N_FOLDS = 5


def compare_one(*arguments, **options):
    """Compare models on one sample."""
    [found] = compare_runs(*arguments, **options)
    return found


def write_model(folder, model, noise=0.5, n_folds=N_FOLDS, change=None, seed=0, **options):
    """Write the folds of a model; ``noise`` blurs the predictions of the generic table."""
    runs = []
    task = options.get("task", "regression")
    for fold in range(n_folds):
        table = predictions(n_folds=n_folds, fold=fold, task=task)
        random = np.random.default_rng([seed, fold])
        blur = noise[fold] if isinstance(noise, list) else noise
        table["predicted"] += blur * random.normal(size=len(table))
        if task == "classification":
            table["predicted"] = table["predicted"].clip(0, 1)
        if change is not None:
            table = change(table)
        path = folder / f"{model}-fold{fold}"
        common = {"model": model, "n_folds": n_folds, "fold": fold, "extras": False}
        runs.append(write_run(path, table=table, **common, **options))
    return runs


# --- the signed-rank test ------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, 6, 13, 40, 60])
@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_signed_rank_equals_scipy(n, alternative):
    from scipy.stats import wilcoxon

    for seed in range(3):
        d = np.random.default_rng([n, seed]).normal(0.3, 1, n)
        found = signed_rank(d, alternative)
        expected = wilcoxon(d, alternative=alternative, method="exact")
        assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
        assert found.n == n


@pytest.mark.parametrize("differences", [[1, 1, -1, 2], [3, -3, 3, 3, 0, 0], [1, 2, 2, -2, 5, 5]])
@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_signed_rank_with_ties_equals_enumeration(differences, alternative):
    """All signs of the differences are tried."""
    from scipy.stats import rankdata

    found = signed_rank(differences, alternative)
    kept = np.array([d for d in differences if d])
    ranks = rankdata(np.abs(kept))
    sums = np.array([ranks @ s for s in itertools.product([0, 1], repeat=len(kept))])
    below, above = (sums <= found.statistic).mean(), (sums >= found.statistic).mean()
    p = {"less": below, "greater": above, "two-sided": min(1, 2 * min(below, above))}
    assert found.p == pytest.approx(p[alternative])
    assert (found.n, found.n_equal) == (len(kept), len(differences) - len(kept))


def test_the_smallest_p_of_few_folds():
    for n in (2, 5, 6, 25):
        for alternative in ("two-sided", "greater"):
            found = signed_rank(np.arange(1.0, n + 1), alternative)
            assert found.p == found.smallest_p == smallest_p(n, alternative)
    assert smallest_p(5) == 0.0625
    assert smallest_p(6) < 0.05
    # The paper's p < 3.6e-8 is out of reach of 16 variances (four samples, four numbers of folds).
    assert smallest_p(16, "less") > 3.6e-8 > smallest_p(25, "less")


def test_signed_rank_refuses_what_it_cannot_rank():
    with pytest.raises(InputError, match="not finite"):
        signed_rank([1.0, math.nan])
    with pytest.raises(InputError, match="must be a vector"):
        signed_rank([])
    with pytest.raises(ConfigError, match="did you mean 'less'"):
        signed_rank([1.0], "lesser")
    nothing = signed_rank([0.0, 0.0])
    assert (nothing.n, nothing.n_equal) == (0, 2)
    assert math.isnan(nothing.p)


# --- which runs belong together ------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs of three models, five folds each: good, blurred, and blurred unevenly."""
    path = tmp_path_factory.mktemp("compare")
    write_model(path, "good", 0.0)
    write_model(path, "poor", 1.0, seed=1)
    write_model(path, "uneven", [0.1, 3.0, 0.2, 0.1, 1.5], seed=2)
    return path


def runs_of(folder, *models, folds=range(N_FOLDS)):
    return [folder / f"{model}-fold{fold}" for model in models for fold in folds]


@pytest.fixture(scope="module")
def comparison(folder):
    return compare_one(runs_of(folder, "good", "poor", "uneven"), n_bootstrap=200, seed=3)


def test_folds_are_put_together_by_model(folder):
    models = find_models(runs_of(folder, "poor", "good"))
    assert list(models) == ["poor", "good"]
    assert [run.fold for run in models["good"]] == list(range(N_FOLDS))


def test_runs_of_an_experiment(folder, tmp_path):
    """Runs below runs/ are labelled by their place, plain ones by their model."""
    for name in ("wide", "narrow"):
        for fold in range(2):
            table = predictions(n_folds=2, fold=fold)
            place = tmp_path / "cv" / "runs" / name / f"fold-{fold}"
            write_run(place, table=table, n_folds=2, fold=fold, extras=False)
    models = find_models([tmp_path / "cv"])
    assert {label: [run.fold for run in runs] for label, runs in models.items()} == {
        "narrow": [0, 1],
        "wide": [0, 1],
    }
    plain = [write_run(tmp_path / f"plain{k}", n_folds=2, fold=k, extras=False) for k in range(2)]
    assert list(find_models([*plain, tmp_path / "cv"])) == ["densenet", "narrow", "wide"]


def test_one_model_twice_is_told_apart_by_the_folders(tmp_path):
    paths = [
        write_run(tmp_path / name, n_folds=2, fold=fold, extras=False)
        for name, fold in [("a-fold0", 0), ("a-fold1", 1), ("b/fold-0", 0), ("b/fold-1", 1)]
    ]
    assert list(find_models(paths)) == ["densenet (a)", "densenet (b)"]
    with pytest.raises(InputError, match=r"a-fold0 is given twice"):
        find_models([*paths, paths[0]])
    again = write_run(tmp_path / "a_0", n_folds=2, fold=0, extras=False)
    with pytest.raises(InputError, match=r"both fold 0 of densenet \(a\)"):
        find_models([*paths, again])
    with pytest.raises(InputError, match="no run folder at"):
        find_models([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"metrics\.json"):
        find_models([tmp_path / "empty"])


def moved(table):
    """Test one gene less."""
    row = table.index[table.part == "test"][3]
    table.loc[row, "part"] = "train"
    return table


def rescaled(table):
    table["observed"] *= 2
    return table


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"sample": "Jurkat"}, "samples differ; good was tested on K562, other on Jurkat"),
        ({"task": "classification"}, "their task differs"),
        ({"n_folds": 10}, "their number of folds differs; .* has 5, .* has 10"),
        ({"kind": "random"}, "their split kind differs"),
        ({"change": moved}, "1 test genes of .*good-fold0 are no test genes of .*other-fold0"),
        ({"change": rescaled}, "have another observed value"),
    ],
)
def test_what_differs_is_refused(folder, tmp_path, options, match):
    other = write_model(tmp_path, "other", **options)
    with pytest.raises(InputError, match=f"other cannot be compared with good: .*{match}"):
        compare_one([*runs_of(folder, "good"), *other], 0)


def test_other_folds_are_refused(folder):
    with pytest.raises(InputError, match="poor has the folds 0, 1, good has 0, 1, 2, 3, 4"):
        compare_one(
            [*runs_of(folder, "good"), *runs_of(folder, "poor", folds=range(2))], n_bootstrap=0
        )


def test_other_training_genes_are_told(folder, tmp_path):
    def fewer(table):
        table.loc[table.index[table.part == "train"][:7], "part"] = "unmeasured"
        return table

    other = write_model(tmp_path, "other", change=fewer)
    found = compare_one([*runs_of(folder, "good"), *other], 0)
    assert any("other learnt from other genes than good" in note for note in found.notes)


def write_several(folder, model, samples=("K562", "Jurkat"), n_folds=3, noise=0.0):
    """Write the folds of one model of several samples: a row a gene and sample."""
    import pandas as pd

    for fold in range(n_folds):
        tables = []
        for number, sample in enumerate(samples):
            table = predictions(n_folds=n_folds, fold=fold, seed=number)
            table["predicted"] += noise * np.random.default_rng(fold).normal(size=len(table))
            tables.append(table.assign(sample=sample))
        options = {"model": model, "n_folds": n_folds, "fold": fold, "extras": False}
        path = folder / f"{model}-fold{fold}"
        write_run(path, table=pd.concat(tables), sample=",".join(samples), **options)
        yield path


def one_sample(paths, sample, folder):
    """Write the rows of one sample as runs of that sample alone."""
    for path in paths:
        [run] = [run for run in read_run(path).by_sample() if run.sample == sample]
        common = {"n_folds": run.split["n_folds"], "fold": run.fold, "extras": False}
        table = run.predictions
        yield write_run(folder / path.name, table=table, sample=sample, model=run.model, **common)


def test_a_model_of_several_samples_is_compared_on_each(tmp_path):
    """The same as the comparison of its rows of that sample; both stand in one table."""
    joint = list(write_several(tmp_path / "both", "joint"))
    other = list(write_several(tmp_path / "both", "other", noise=1.0))
    found = compare_runs([*joint, *other], 100, 3)
    assert [each.sample for each in found] == ["K562", "Jurkat"]
    values = []
    for each in found:
        assert (each.n_genes, each.labels) == (294, ("joint", "other"))
        alone = [
            path
            for name, paths in (("joint", joint), ("other", other))
            for path in one_sample(paths, each.sample, tmp_path / each.sample)
        ]
        expected = compare_one(alone, 100, 3)
        assert (each.scores, each.tests) == (expected.scores, expected.tests)
        values.append(each.pooled("joint", "pearson"))
    assert values[0] != values[1]
    assert len(as_dict(found)["comparisons"]) == 2


def test_samples_that_only_one_model_has_are_left_out_and_said(tmp_path):
    joint = list(write_several(tmp_path / "a", "joint", ("K562", "Jurkat")))
    alone = list(one_sample(write_several(tmp_path / "b", "alone"), "K562", tmp_path / "c"))
    found = compare_one([*joint, *alone], 0)
    assert found.sample == "K562"
    assert "Jurkat is left out: only joint was tested on it" in found.notes
    reversed_order = compare_one([*alone, *joint], 0)
    assert reversed_order.labels == ("alone", "joint")


def test_models_of_one_and_of_several_samples_in_one_experiment(tmp_path):
    """Samples are no part of a model's name, but for a model of several beside those of each."""
    runs = tmp_path / "cv" / "runs"
    several = runs / "K562,Jurkat" / "net"
    several.mkdir(parents=True)
    joint = [
        path.rename(several / f"fold-{fold}")
        for fold, path in enumerate(write_several(tmp_path / "plain", "net"))
    ]
    for sample in ("K562", "Jurkat"):
        list(one_sample(joint, sample, runs / sample / "net"))
    joint_name = with_samples("net", "K562,Jurkat")
    places = [f"{sample}/net" for sample in ("K562", "Jurkat", "K562,Jurkat")]
    stored = {"runs": [f"{place}/fold-{fold}" for place in places for fold in range(3)]}
    (tmp_path / "cv" / "experiment.json").write_text(json.dumps(stored))
    models = find_models([tmp_path / "cv"])
    assert list(models) == ["net", joint_name]
    assert [run.sample for run in models["net"]] == ["K562"] * 3 + ["Jurkat"] * 3
    found = compare_runs([tmp_path / "cv"], 0)
    assert [(each.sample, each.labels) for each in found] == [
        ("K562", ("net", joint_name)),
        ("Jurkat", ("net", joint_name)),
    ]
    assert all(each.find(joint_name, "mse", DIFFERENCE_POOLED, "gene").value == 0 for each in found)


def test_seeds_that_differ_are_both_said():
    split = {"kind": "random", "n_folds": 5}
    assert stamps(split, True, [3, 0, 3])["seed"] == "0,3"
    assert stamps(split, True, [3, None])["seed"] == 3
    assert stamps(split, True, [None])["seed"] is None
    assert stamps(split, True, [3])["leaky"] == "leaky: paper protocol"


# --- statistics ----------------------------------------------------------------------------------


def test_scores_by_fold(folder, comparison):
    models = find_models(runs_of(folder, "good", "poor", "uneven"))
    assert comparison.labels == ("good", "poor", "uneven")
    for label, runs in models.items():
        expected = []
        for run in runs:
            table = run.predictions[run.predictions.part == "test"]
            expected.append(pearson(table.observed, table.predicted))
        assert comparison.fold_scores(label, "pearson") == pytest.approx(expected, abs=1e-12)
    assert {score.n for score in comparison.scores if score.fold == "pooled"} == {294}
    assert (comparison.n_genes, comparison.n_chromosomes) == (294, 10)


def pooled_table(folder, model):
    import pandas as pd

    runs = find_models(runs_of(folder, model))[model]
    return pd.concat([run.predictions[run.predictions.part == "test"] for run in runs])


@pytest.mark.parametrize("by", ["gene", "chromosome"])
def test_pooled_difference_is_the_paired_bootstrap(folder, comparison, by):
    first, second = pooled_table(folder, "good"), pooled_table(folder, "poor")
    groups = first.chrom if by == "chromosome" else None
    for metric in ("pearson", "mse"):
        expected = paired_difference(
            first.observed, first.predicted, second.predicted, metric, 200, 3, groups
        )
        test = comparison.find("poor", metric, DIFFERENCE_POOLED, by)
        assert (test.value, test.low, test.high) == pytest.approx(
            (expected.value, expected.low, expected.high)
        )
        assert test.n == {"gene": 294, "chromosome": 10}[by]


def test_mean_difference_over_folds(comparison):
    good, poor = (np.array(comparison.fold_scores(m, "pearson")) for m in ("good", "poor"))
    test = comparison.find("poor", "pearson", DIFFERENCE_FOLDS, "gene")
    assert test.value == pytest.approx((good - poor).mean())
    assert test.low < test.value < test.high
    assert test.low > 0
    # Genes within folds: about as wide as the interval of all genes, not as that of one fold.
    pooled = comparison.find("poor", "pearson", DIFFERENCE_POOLED, "gene")
    assert (test.high - test.low) == pytest.approx(pooled.high - pooled.low, rel=0.5)
    rank = comparison.find("poor", "pearson", DIFFERENCE_FOLDS, "fold")
    assert rank.p == signed_rank(good - poor).p == 0.0625
    assert (rank.n, rank.smallest_p) == (5, 0.0625)


@pytest.mark.parametrize("alternative", ["two-sided", "less"])
def test_spread_is_tested_on_deviations_from_the_mean(comparison, alternative):
    good, other = (np.array(comparison.fold_scores(m, "pearson")) for m in ("good", "uneven"))
    difference = np.abs(good - good.mean()) - np.abs(other - other.mean())
    test = comparison.find("uneven", "pearson", DIFFERENCE_SPREAD, "fold", alternative)
    assert test.value == pytest.approx(difference.mean())
    assert test.value < -0.05
    assert test.p == pytest.approx(signed_rank(difference, alternative).p)


def test_more_folds_give_smaller_p(tmp_path):
    runs = write_model(tmp_path, "good", 0.0, n_folds=10)
    runs += write_model(tmp_path, "poor", 2.0, n_folds=10)
    found = compare_one(runs, n_bootstrap=0)
    rank = found.find("poor", "pearson", DIFFERENCE_FOLDS, "fold")
    assert (rank.p, rank.n) == (2**-9, 10)
    assert not any("too few" in note for note in found.notes)


def test_holm_corrects_for_the_models_compared(comparison):
    for metric in metrics_for("regression"):
        tests = [
            comparison.find(m, metric.name, DIFFERENCE_FOLDS, "fold") for m in ("poor", "uneven")
        ]
        low, high = sorted(tests, key=lambda test: test.p)
        assert low.p_holm == pytest.approx(min(1, 2 * low.p))
        assert high.p_holm == pytest.approx(max(low.p_holm, high.p))


def test_no_p_without_its_n(comparison):
    for test in comparison.tests:
        assert (test.p is None) == (test.method == "bootstrap")
        if test.p is not None:
            assert test.n == 5
            assert test.smallest_p <= test.p
    assert any(
        "5 folds are too few for any two-sided p < 0.05" in note and "0.0625 (n = 5)" in note
        for note in comparison.notes
    )
    [text, _] = sentences(comparison, "pearson")
    assert text.startswith("good is better than poor: Pearson r differs by 0.")
    assert "over 294 genes" in text
    assert "over 10 chromosomes" in text
    assert "p = 0.0625 (n = 5)" in text


@pytest.mark.parametrize(
    ("metric", "order", "verdict"),
    [
        ("mse", ("poor", "good"), "poor is worse than good"),
        ("mse", ("good", "poor"), "good is better than poor"),
        ("pearson", ("poor", "good"), "poor is worse than good"),
    ],
)
def test_words_know_the_direction_of_a_metric(folder, metric, order, verdict):
    found = compare_one(runs_of(folder, *order), n_bootstrap=200)
    assert sentences(found, metric)[0].startswith(verdict)


def test_a_model_does_not_differ_from_itself(folder, tmp_path):
    """Equal predictions: no pair differs, and nothing is told apart."""
    twin = write_model(tmp_path, "twin", 0.0)
    found = compare_one([*runs_of(folder, "good"), *twin], n_bootstrap=100)
    rank = found.find("twin", "pearson", DIFFERENCE_FOLDS, "fold")
    assert (rank.n, rank.p, rank.value) == (0, None, 0)
    assert sentences(found, "pearson")[0].startswith("good is not told apart from twin")
    assert "p = undefined (n = 0)" in sentences(found, "pearson")[0]


def test_baselines_of_the_runs(folder):
    """One model is compared with its baselines; several with each other unless asked."""
    alone = compare_one(runs_of(folder, "good"), n_bootstrap=0)
    assert alone.labels == ("good", "mean", "ridge")
    assert list(alone.runs) == ["good"]
    both = compare_one(runs_of(folder, "good", "poor"), n_bootstrap=0, baselines=True)
    # The same baselines stand beside both models: each once.
    assert both.labels == ("good", "poor", "mean", "ridge")
    missing = [note for note in alone.notes if "of mean is undefined in 5 of 5 folds" in note]
    assert len(missing) == 1
    assert alone.find("mean", "pearson", DIFFERENCE_FOLDS, "fold") is None
    assert alone.find("mean", "mse", DIFFERENCE_FOLDS, "fold").p == 0.0625


def test_baselines_that_differ_are_both_there(folder, tmp_path):
    def other_ridge(table):
        table["baseline:ridge"] += 0.1
        return table

    other = write_model(tmp_path, "other", change=other_ridge)
    found = compare_one([*runs_of(folder, "good"), *other], n_bootstrap=0, baselines=True)
    assert found.labels == ("good", "other", "mean", "ridge", "ridge beside other")


def test_nothing_to_compare_with(tmp_path):
    def bare(table):
        return table.drop(columns=["baseline:mean", "baseline:ridge"])

    runs = write_model(tmp_path, "good", change=bare)
    with pytest.raises(InputError, match="all runs are of one model, good"):
        compare_one(runs, 0)
    with pytest.raises(InputError, match="no run to compare"):
        compare_one([], 0)


def test_one_fold_has_intervals_and_no_ranks(folder):
    found = compare_one(runs_of(folder, "good", "poor", folds=[2]), n_bootstrap=100)
    assert {test.what for test in found.tests} == {DIFFERENCE_POOLED}
    assert any("one fold: no statistics over folds" in note for note in found.notes)
    assert any("1 of 5 folds are compared" in note for note in found.notes)


def test_classes_are_compared(tmp_path):
    runs = write_model(tmp_path, "good", 0.0, task="classification")
    runs += write_model(tmp_path, "poor", 0.5, task="classification")
    found = compare_one(runs, n_bootstrap=100)
    assert found.find("poor", "auroc", DIFFERENCE_POOLED, "gene").low > 0


def test_a_random_split_is_stamped(tmp_path):
    runs = write_model(tmp_path, "good", 0.0, kind="random")
    runs += write_model(tmp_path, "poor", 0.5, kind="random")
    found = compare_one(runs, n_bootstrap=0)
    assert found.leaky
    assert any("leaky: paper protocol" in note for note in found.notes)


def test_tables_and_json_hold_everything(comparison):
    scores, tests = comparison.scores_frame(), comparison.tests_frame()
    assert len(scores) == 3 * 6 * 6
    # 2 models x 6 metrics x (2 pooled intervals, 1 interval and 3 rank tests over folds)
    assert len(tests) == 2 * 6 * 6
    assert len(tests.drop_duplicates(["second", "metric", "what", "by", "alternative"])) == 72
    content = json.loads(json.dumps(as_dict([comparison]), allow_nan=False))["comparisons"][0]
    assert content["labels"] == ["good", "poor", "uneven"]
    assert len(content["tests"]) == 72
    assert content["split"] == {"kind": "chromosome", "n_folds": 5, "seed": 0}
    for table in (scores, tests):
        assert set(table["sample"]) == {"K562"}
        stamps = table[list(STAMPS)].drop_duplicates().to_dict(orient="records")
        expected = ("chromosome", 5, "no", 0, __version__)
        assert stamps == [dict(zip(STAMPS, expected, strict=True))]


def test_same_seed_same_result(folder, comparison):
    paths = runs_of(folder, "good", "poor", "uneven")
    assert compare_one(paths, n_bootstrap=200, seed=3) == comparison
    assert compare_one(paths, n_bootstrap=200, seed=4) != comparison


@pytest.mark.parametrize(
    ("p", "text"), [(0.0625, "0.0625"), (2.98e-8, "3.0e-08"), (None, "undefined"), (1.0, "1.0000")]
)
def test_p_in_words(p, text):
    assert format_p(p) == text
