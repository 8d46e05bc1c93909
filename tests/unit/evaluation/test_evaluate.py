import json
import math

import numpy as np
import pytest
from run_folders import predictions, write_run

from dexkit.errors import ConfigError, FormatError, InputError, OutputError
from dexkit.evaluation import metrics
from dexkit.evaluation.evaluate import evaluate_runs, score_predictions
from dexkit.evaluation.runs import read_predictions, read_run
from dexkit.evaluation.stamps import STAMPS


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    root = tmp_path_factory.mktemp("cv")
    return [write_run(root / f"fold{k}", fold=k) for k in range(5)]


def test_one_run_scores_model_and_baselines_on_the_same_genes(folds):
    result = evaluate_runs([folds[0]], n_bootstrap=200)
    table = predictions(fold=0).query("part == 'test'")
    score = result.find("pearson")
    assert result.headline == "fold 0"
    assert score.n == len(table)
    assert score.value == pytest.approx(metrics.pearson(table.observed, table.predicted))
    assert score.low < score.value < score.high
    ridge = result.find("pearson", "ridge")
    assert ridge.value == pytest.approx(metrics.pearson(table.observed, table["baseline:ridge"]))
    difference = result.find("pearson", versus="ridge")
    assert difference.value == pytest.approx(score.value - ridge.value)
    assert result.find("pearson", "mean").value is None
    assert result.baselines == ("mean", "ridge")
    assert not result.leaky


def test_folds_are_pooled_out_of_fold(folds):
    result = evaluate_runs(list(reversed(folds)), n_bootstrap=100)
    assert result.folds == (0, 1, 2, 3, 4)
    assert result.headline == "pooled"
    pooled = result.find("rmse")
    by_fold = [result.find("rmse", scope=f"fold {k}") for k in range(5)]
    assert pooled.n == sum(score.n for score in by_fold) == 294
    squares = sum(score.n * score.value**2 for score in by_fold)
    assert pooled.value == pytest.approx(math.sqrt(squares / pooled.n))
    assert len(result.notes) == 1
    assert "baseline mean is constant within each fold" in result.notes[0]


def test_evaluation_is_repeatable_and_seeded(folds):
    first, again, other = (
        evaluate_runs(folds[:2], n_bootstrap=60, seed=seed).to_json() for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_tidy_frame_and_json_agree(folds, tmp_path):
    result = evaluate_runs(folds[:2], n_bootstrap=20)
    frame = result.to_frame()
    content = json.loads(result.to_json())
    # 3 scopes x (3 predictors + 2 differences) x 6 metrics.
    assert len(frame) == len(content["scores"]) == 90
    columns = "scope role predictor versus metric n value low high".split()
    assert list(frame) == [*columns, *STAMPS]
    assert set(frame.seed) == {0}
    assert content["notes"][0] == "2 of 5 folds are pooled"
    assert "NaN" not in result.to_json()
    out = tmp_path / "scores.tsv"
    result.write_tsv(out)
    assert len(out.read_text().splitlines()) == 91
    with pytest.raises(OutputError, match="--force"):
        result.write_tsv(out)
    result.write_tsv(out, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["scores.tsv"]


def test_chromosome_bootstrap(folds, tmp_path):
    result = evaluate_runs(folds, n_bootstrap=100, by="chromosome")
    assert result.find("pearson").low is not None
    table = predictions(fold=0)
    table.loc[(table.part == "test") & (table.chrom == "chr6"), "part"] = "train"
    single = write_run(tmp_path / "single", table=table)
    with pytest.raises(InputError, match="at least two groups; got one"):
        evaluate_runs([single], by="chromosome")
    mixed = evaluate_runs([single, *folds[1:]], n_bootstrap=50, by="chromosome")
    assert mixed.find("pearson", scope="fold 0").low is None
    assert mixed.find("pearson", scope="fold 0").value is not None


def test_classification(tmp_path):
    runs = [write_run(tmp_path / str(k), fold=k, task="classification") for k in range(2)]
    result = evaluate_runs(runs, n_bootstrap=50)
    assert {score.metric for score in result.scores} == {"auroc", "auprc", "accuracy", "f1"}
    assert result.find("auroc").value > result.find("auroc", "ridge").value
    assert result.find("auroc", "mean").value == 0.5


def test_leaky_split_is_said(tmp_path):
    run = write_run(tmp_path / "run", kind="random")
    result = evaluate_runs([run], part="validation", n_bootstrap=0)
    assert result.leaky
    assert any("leaky: paper protocol" in note for note in result.notes)
    assert any("no test of the model" in note for note in result.notes)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"sample": "Jurkat"}, "sample differs: .*K562.*Jurkat"),
        ({"model": "ridge2"}, "model differs"),
        ({"task": "classification"}, "task differs"),
        ({"n_folds": 4}, "number of folds differs"),
        ({"kind": "random"}, "split kind differs"),
        ({"fold": 0}, "same fold 0"),
        (
            {"table": predictions(fold=1).drop(columns="baseline:ridge")},
            "baselines differs: .*mean, ridge.* has mean;",
        ),
        ({"table": predictions(fold=0)}, "in the test part of both"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(folds, tmp_path, change, match):
    other = write_run(tmp_path / "other", **{"fold": 1, **change})
    with pytest.raises(InputError, match=match):
        evaluate_runs([folds[0], other], n_bootstrap=0)


def test_random_folds_of_two_seeds_are_refused(tmp_path):
    runs = [write_run(tmp_path / str(k), fold=k, seed=k, kind="random") for k in range(2)]
    with pytest.raises(InputError, match="split seed differs"):
        evaluate_runs(runs)


def test_training_parts_cannot_be_pooled(folds):
    with pytest.raises(InputError, match="every gene at most once"):
        evaluate_runs(folds, part="train")


def test_options_are_checked(folds):
    with pytest.raises(ConfigError, match="unknown part 'tests'; did you mean 'test'"):
        evaluate_runs(folds, part="tests")
    with pytest.raises(ConfigError, match="did you mean 'chromosome'"):
        evaluate_runs(folds, by="chromosomes")
    with pytest.raises(InputError, match="no run to evaluate"):
        evaluate_runs([])


@pytest.mark.parametrize("column", ["observed", "predicted", "baseline:ridge"])
def test_missing_values_in_the_part_are_refused(tmp_path, column):
    table = predictions()
    first = table.index[table.part == "test"][2]
    run = write_run(tmp_path / "run", table=table)
    table.loc[first, column] = np.nan
    table.to_csv(run / "predictions.tsv", sep="\t", index=False)
    match = f"1 genes of the test part .* no {column} value, the first is {table.gene_id[first]}"
    with pytest.raises(InputError, match=match):
        evaluate_runs([run])


def test_empty_part_is_refused(tmp_path):
    table = predictions()
    table.loc[table.part == "validation", "part"] = "train"
    run = write_run(tmp_path / "run", table=table)
    with pytest.raises(InputError, match="no gene in the validation part"):
        evaluate_runs([run], part="validation")


# --- metrics.json -------------------------------------------------------------------------------


def test_scores_in_the_form_of_metrics_json():
    table = predictions()
    split = {"kind": "chromosome", "n_folds": 5, "fold": 0, "seed": 0, "leaky": False, "n": {}}
    content = score_predictions(table, "regression", "densenet", "K562", split, n_bootstrap=50)
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert set(content) == {"task", "model", "sample", "split", "n", "parts"}
    assert content["n"] == table.part.value_counts().drop("unmeasured").to_dict()
    assert "n" not in content["split"]
    assert set(content["parts"]) == {"train", "validation", "test"}
    assert set(content["parts"]["test"]) == {"densenet", "mean", "ridge"}
    assert set(content["parts"]["test"]["densenet"]["pearson"]) == {"value", "low", "high"}
    assert content["parts"]["test"]["mean"]["pearson"]["value"] is None


def test_metrics_json_and_evaluation_agree(tmp_path):
    run = write_run(tmp_path / "run")
    stored = json.loads((run / "metrics.json").read_text())["parts"]["test"]["densenet"]["r2"]
    score = evaluate_runs([run], n_bootstrap=50).find("r2")
    assert (score.value, score.low, score.high) == pytest.approx(tuple(stored.values()))


def test_a_baseline_beside_itself_keeps_both_scores():
    split = {"kind": "chromosome", "n_folds": 5, "fold": 0, "seed": 0, "leaky": False}
    content = score_predictions(predictions(), "regression", "ridge", "K562", split, 0)
    assert set(content["parts"]["test"]) == {"ridge", "mean", "ridge (baseline)"}


# --- reading and writing ------------------------------------------------------------------------


def test_predictions_survive_the_file_exactly(tmp_path):
    table = predictions()
    run = write_run(tmp_path / "run", table=table)
    read = read_run(run).predictions
    assert read.gene_name[0] == "NA"
    for column in ("observed", "predicted", "baseline:ridge"):
        assert np.array_equal(read[column], table[column], equal_nan=True)


HEADER = "gene_id\tgene_name\tchrom\ttss\tstrand\tpart\tobserved\tpredicted\tpredicted_sd"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "column 'gene_id' is missing; got an empty file"),
        ("gene_id\tchrom\n", "column 'gene_name' is missing; got gene_id, chrom"),
        (f"{HEADER}\ng\tG\t1\t5\t+\ttest\t1\n", "line 2: the line has 7 columns; expected 9"),
        (f"{HEADER}\ng\tG\t1\t5\t+\ttested\t1\t1\t\n", "line 2: unknown part 'tested'"),
        (f"{HEADER}\ng\tG\t1\t5\t+\ttest\t1\tx\t\n", "line 2: column 'predicted'.*got 'x'"),
        (f"{HEADER}\n" + 2 * "g\tG\t1\t5\t+\ttest\t1\t1\t\n", "line 3: gene g occurs twice"),
    ],
)
def test_malformed_predictions(tmp_path, text, match):
    path = tmp_path / "predictions.tsv"
    path.write_text(text)
    with pytest.raises(FormatError, match=match):
        read_predictions(path)


def test_malformed_run_folders(tmp_path):
    with pytest.raises(InputError, match="no run folder at"):
        read_run(tmp_path / "absent")
    with pytest.raises(InputError, match=r"no file .*metrics\.json"):
        read_run(tmp_path)
    target = tmp_path / "metrics.json"
    for text, match in (
        ("{", "not JSON"),
        ("[]", "expected a JSON object; got list"),
        ('{"task": "regression"}', "key 'model' is missing"),
        ('{"task": "r", "model": "m", "sample": "s", "split": {}}', "key 'kind' of 'split'"),
    ):
        target.write_text(text)
        with pytest.raises(FormatError, match=match):
            read_run(tmp_path)
    split = '{"kind": "random", "n_folds": 5, "fold": 0, "seed": 0, "leaky": true}'
    target.write_text(f'{{"task": "r", "model": "m", "sample": "s", "split": {split}}}')
    with pytest.raises(InputError, match="no predictions at"):
        read_run(tmp_path)
