"""Models of every sample asked for every other: what is fitted, predicted, scored, left out."""

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from toy import build

from dexkit.errors import ConfigError, InputError, TrainingError
from dexkit.evaluation.metrics import pearson
from dexkit.evaluation.runs import read_run
from dexkit.evaluation.split_file import read_table
from dexkit.features.file import FeatureFile
from dexkit.models.bundle import Predictor
from dexkit.workflows.cross_predict import predict_across
from dexkit.workflows.cross_report import sentences, summary_frame
from dexkit.workflows.cross_sample import CrossSampleConfig, cross_sample
from dexkit.workflows.model_configs import model_configs

FOLDS = 4
MODELS = ("contact-ridge", "gc")
NAMED = ("SIM3", "DXG00000002", "nobody", "SIM4", "SIM5", "SIM30", "SIM31")


def settings(models=MODELS, split=None, blocks=None, **options):
    overrides = {"split": {"folds": FOLDS} | (split or {}), "blocks": blocks}
    configs = model_configs(None, overrides, models)
    return CrossSampleConfig(models=configs, **({"n_bootstrap": 100} | options))


def table(folder, name):
    return pd.read_csv(folder / name, sep="\t", keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    path = tmp_path_factory.mktemp("lists") / "genes.txt"
    path.write_text("# some genes\n" + "\n".join(NAMED) + "\n")
    return path


@pytest.fixture(scope="module")
def summary(built, listed, tmp_path_factory):
    out = tmp_path_factory.mktemp("crossed") / "x"
    return cross_sample(built, settings(genes=str(listed)), out)


@pytest.fixture
def no_page(monkeypatch):
    """The page has its own test; drawing it takes longer than these fits."""
    monkeypatch.setattr(
        "dexkit.workflows.cross_sample.write_cross_report",
        lambda experiment, *_: experiment.path / "report.html",
    )


def run_of(summary, model, sample, fold):
    return summary.path / "runs" / model / sample / f"fold-{fold}"


def trained_on(summary, model, sample, fold):
    bundle = json.loads((run_of(summary, model, sample, fold) / "bundle.json").read_text())
    return set(bundle["train_genes"])


# --- who was trained on what ----------------------------------------------------------------------


def test_test_genes_of_a_fold_are_out_of_training_in_every_sample(summary):
    predictions = table(summary.path, "predictions.tsv")
    unseen = predictions[predictions.regime == "unseen"]
    assert unseen.fold.nunique() == FOLDS
    for model in MODELS:
        for fold, part in unseen[unseen.model == model].groupby("fold"):
            genes = set(part.gene_id)
            for sample in ("alpha", "beta"):
                assert not genes & trained_on(summary, model, sample, fold)
    # Whole chromosomes, the same ones in both samples.
    assert (unseen.groupby("chrom").fold.nunique() == 1).all()


def test_predictions_are_those_of_the_model_of_the_fold_on_the_other_contacts(summary, built):
    features = FeatureFile(built)
    predictions = table(summary.path, "predictions.tsv")
    row_of = {gene: row for row, gene in enumerate(features.genes.gene_id)}
    for regime in ("unseen", "seen"):
        part = predictions[
            (predictions.model == "contact-ridge")
            & (predictions.regime == regime)
            & (predictions.target == "beta")
        ]
        assert len(part) > 40
        from_alpha = np.full(len(features), np.nan)
        seen = np.zeros(len(features), dtype=bool)
        for fold in range(FOLDS):
            predictor = Predictor(run_of(summary, "contact-ridge", "alpha", fold))
            found = predictor.predict(features, "beta").mean
            inside = trained_on(summary, "contact-ridge", "alpha", fold)
            genes = part.gene_id[part.fold == fold]
            if regime == "unseen":
                rows = [row_of[g] for g in genes]
                from_alpha[rows] = found[rows]
                continue
            # The next fold: here all genes outside of it were fitted to, chromosomes being whole.
            genes = part.gene_id[(part.fold + 1) % FOLDS == fold]
            rows = [row_of[g] for g in genes]
            assert set(genes) <= inside
            from_alpha[rows] = found[rows]
            seen[rows] = True
        rows = [row_of[g] for g in part.gene_id]
        np.testing.assert_allclose(part["from:alpha"], from_alpha[rows], rtol=1e-6)
        np.testing.assert_allclose(part["independent"], part["from:alpha"])
        np.testing.assert_allclose(part.observed, features.expression("beta")[rows], rtol=1e-6)
        np.testing.assert_allclose(part["copy-mean"], features.expression("alpha")[rows], rtol=1e-6)


def test_a_network_has_not_seen_its_validation_genes(summary, built):
    """What is fitted to the training part alone is asked for genes of a training part alone."""
    features, samples = FeatureFile(built), ("alpha", "beta")
    runs = {
        (sample, fold): read_run(run_of(summary, "contact-ridge", sample, fold))
        for sample in samples
        for fold in range(FOLDS)
    }
    folds = read_table(summary.path / "splits.tsv").fold
    seen = {}
    for parts in (("train",), ("train", "validation")):
        found, _ = predict_across(features, samples, runs, folds, "ridge", parts)
        seen[parts] = found.complete("seen")
    in_training = np.zeros(len(features), dtype=bool)
    for run in runs.values():
        in_training |= (run.predictions.part == "train").to_numpy()
    np.testing.assert_array_equal(seen["train",], in_training)
    assert seen["train", "validation"].all()


@pytest.mark.usefixtures("no_page")
def test_no_label_of_a_fold_reaches_its_predictions(summary, built, tmp_path):
    """Other expression of one chromosome, in all samples, changes no unseen prediction on it."""
    before = table(summary.path, "predictions.tsv")
    chrom = before.chrom.iloc[0]
    other = tmp_path / "other.h5"
    shutil.copy(built, other)
    rows = np.flatnonzero(FeatureFile(built).genes.chrom == chrom)
    with h5py.File(other, "r+") as file:
        for sample in ("alpha", "beta"):
            for kind in ("value", "raw"):
                values = file[f"/expression/{sample}/{kind}"]
                values[rows] = values[rows][::-1] + 1
    after = table(
        cross_sample(other, settings(n_bootstrap=0), tmp_path / "x").path, "predictions.tsv"
    )
    on_it = (before.chrom == chrom) & (before.regime == "unseen")
    columns = ["from:alpha", "from:beta", "independent"]
    pd.testing.assert_frame_equal(before.loc[on_it, columns], after.loc[on_it, columns])
    assert not np.allclose(before.loc[on_it, "observed"], after.loc[on_it, "observed"])
    assert not np.allclose(before.loc[~on_it, columns], after.loc[~on_it, columns])


# --- scores and tables ----------------------------------------------------------------------------


def test_scores_are_of_the_predictions(summary):
    predictions = table(summary.path, "predictions.tsv")
    scores = table(summary.path, "scores.tsv")
    assert set(scores.genes) == {"all", "most variable", "listed"}
    assert set(zip(scores.split, scores.n_folds, scores.leaky, scores.seed, strict=True)) == {
        ("chromosome", FOLDS, "no", 0)
    }
    for model in MODELS:
        part = predictions[
            (predictions.model == model)
            & (predictions.regime == "unseen")
            & (predictions.target == "alpha")
        ]
        row = scores[
            (scores.model == model)
            & (scores.regime == "unseen")
            & (scores.genes == "all")
            & (scores.quantity == "expression")
            & (scores.target == "alpha")
            & (scores.metric == "pearson")
        ].set_index("predictor")
        assert (row.n_genes == len(part)).all()
        for name, column in (("cross", "from:beta"), ("own", "from:alpha")):
            assert row.value[name] == pytest.approx(pearson(part.observed, part[column]), abs=1e-6)
        assert row.low["cross"] < row.value["cross"] < row.high["cross"]


def test_a_model_of_the_sequence_alone_knows_no_sample(summary):
    """Its correlation on the difference is undefined, in both regimes, and said to be so."""
    frame = summary_frame(summary.scores)
    gc = frame[(frame.model == "gc") & (frame.quantity == "difference")]
    assert len(gc) == 2
    assert (gc[["own", "cross", "independent", "copy-mean"]] == "undefined").all(axis=None)
    ridge = frame[(frame.model == "contact-ridge") & (frame.quantity == "difference")]
    assert not (ridge[["own", "cross", "independent"]] == "undefined").any(axis=None)
    said = sentences(summary.scores, summary.comparisons)
    assert len(said) == len(MODELS) * 2
    assert "copying the mean of the other samples" in said[0]
    assert "r undefined" in said[1]


def test_files(summary, built):
    names = {path.name for path in summary.path.iterdir()}
    assert names == {
        *("experiment.json", "runs", "figures", "report.html", "splits.tsv", "scores.tsv"),
        *("comparisons.tsv", "predictions.tsv", "copied.tsv", "left_out.tsv", "listed_genes.tsv"),
    }
    assert json.loads((summary.path / "experiment.json").read_text())["finished"] is True
    html = (summary.path / "report.html").read_text()
    for text in (
        "Cross-sample prediction: alpha, beta",
        "7 names in the list, 1 of them unknown",
        "95 % bootstrap intervals: 100 resamples over genes",
    ):
        assert text in html
    assert html.count("base64,") == len(MODELS) * 2
    copied = table(summary.path, "copied.tsv")
    assert set(zip(copied.target, copied.copied, strict=True)) == {
        ("alpha", "beta"),
        ("beta", "alpha"),
    }


def test_listed_genes_are_a_set_of_their_own(summary):
    found = table(summary.path, "listed_genes.tsv")
    assert found.state.tolist() == ["scored"] * 6 + ["unknown"]
    assert found.name.iloc[-1] == "nobody"
    scores = summary.scores
    assert set(scores.n_genes[scores.genes == "listed"]) == {6}
    assert set(scores.n_genes[scores.genes == "most variable"]) == {6}  # a tenth of 60
    assert set(scores.n_genes[scores.genes == "all"]) == {60}


# --- genes and samples that lack something --------------------------------------------------------


@pytest.mark.usefixtures("no_page")
def test_what_a_sample_lacks_is_left_out_everywhere(simulated, tmp_path):
    features = build(simulated, tmp_path / "f.h5")
    with h5py.File(features, "r+") as file:
        for kind in ("value", "raw"):
            file[f"/expression/beta/{kind}"][[3, 50]] = np.nan
    found = cross_sample(features, settings(["contact-ridge"], n_bootstrap=0), tmp_path / "x")
    left_out = table(found.path, "left_out.tsv")
    assert left_out.reason.tolist() == ["no expression of beta"] * 2
    assert left_out.gene_id.tolist() == FeatureFile(features).genes.gene_id[[3, 50]].tolist()
    assert set(found.scores.n_genes[found.scores.genes == "all"]) == {58}
    assert found.scores.low.isna().all()
    assert "compared with copying" in sentences(found.scores, found.comparisons)[0]


@pytest.mark.usefixtures("no_page")
def test_without_contacts_every_sample_of_expression_takes_part(simulated, tmp_path, caplog):
    from dexkit.features.config import ContactsSource

    only = ContactsSource(sample="alpha", paths=simulated.contacts["alpha"])
    features = build(simulated, tmp_path / "f.h5", contacts=(only,))
    with pytest.raises(InputError, match="two samples with expression and contacts; got alpha in"):
        cross_sample(features, settings(["gc"]), tmp_path / "x")
    assert "left out, without contacts: beta" in caplog.text
    config = settings(["gc"], blocks=("sequence",), by="chromosome")
    found = cross_sample(features, config, tmp_path / "x")
    assert set(found.scores.target) == {"", "alpha", "beta"}


@pytest.mark.usefixtures("no_page")
def test_another_depth_is_noted(simulated, tmp_path):
    """Samples that are scaled to depths of their own: the reader is told."""
    contacts = {"n_flank_bins": 10, "depth_scope": "sample"}
    features = build(simulated, tmp_path / "f.h5", settings={"contacts": contacts})
    found = cross_sample(features, settings(["contact-ridge"], n_bootstrap=0), tmp_path / "x")
    assert any(note.startswith("beta: contacts are scaled to") for note in found.notes)


def test_random_folds_are_stamped(built, tmp_path):
    config = settings(["gc"], split={"kind": "random"}, n_bootstrap=0)
    found = cross_sample(built, config, tmp_path / "x")
    assert set(found.scores.leaky) == {"leaky: paper protocol"}
    assert "leaky: paper protocol" in (found.path / "report.html").read_text()


@pytest.mark.usefixtures("no_page")
def test_a_split_file_is_used_as_it_is(built, summary, tmp_path):
    path = summary.path / "splits.tsv"
    config = settings(["gc"], split={"kind": "file", "file": str(path)}, n_bootstrap=0)
    found = cross_sample(built, config, tmp_path / "x")
    assert not (found.path / "splits.tsv").exists()
    mine, other = (table(p, "predictions.tsv") for p in (found.path, summary.path))
    other = other[other.model == "gc"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, other)


# --- refused, stopped -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"samples": ("alpha",)}, InputError, "at least two samples .*; got alpha"),
        ({"samples": ("alpha", "bet")}, InputError, "no expression of sample 'bet'; did you mean"),
        ({"samples": ("beta", "beta")}, ConfigError, "--sample beta is given twice"),
        ({"models": ("copy-mean",)}, ConfigError, "copy-mean copies other samples"),
        ({"models": ("logistic",)}, ConfigError, "logistic is for classification"),
        ({"blocks": ("contact",)}, InputError, "no block 'contact'; did you mean 'contacts'"),
        ({"split": {"folds": 5}}, TrainingError, "5"),
        ({"split": {"kind": "file"}}, ConfigError, "split.file names none"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    built, tmp_path, changed, error, match
):
    with pytest.raises(error, match=match):
        cross_sample(built, settings(**changed), tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_list_of_strangers_is_refused(built, tmp_path):
    (tmp_path / "g.txt").write_text("SIM1\nSIM2\nother\n")
    with pytest.raises(InputError, match=r"2 genes of the list .*g\.txt can be scored .* least 3"):
        cross_sample(built, settings(genes=str(tmp_path / "g.txt")), tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.usefixtures("no_page")
def test_a_stopped_experiment_goes_on_without_repeating_fits(built, tmp_path, monkeypatch):
    config = settings(["gc"], n_bootstrap=0)
    with monkeypatch.context() as patch:
        patch.setattr(
            "dexkit.workflows.cross_sample.score_tables",
            lambda *_: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            cross_sample(built, config, tmp_path / "x")
    runs = sorted((tmp_path / "x").rglob("bundle.json"))
    assert len(runs) == 2 * FOLDS
    before = [run.stat().st_mtime_ns for run in runs]
    found = cross_sample(built, config, tmp_path / "x", resume=True)
    assert [run.stat().st_mtime_ns for run in runs] == before
    assert (found.path / "scores.tsv").is_file()
    with pytest.raises(InputError, match="a finished experiment"):
        cross_sample(built, config, tmp_path / "x", resume=True)
