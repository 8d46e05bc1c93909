"""Weights of genes and classes in the loss: what they are, where they count, what is refused."""

import csv
import json

import numpy as np
import pytest

from dexkit.errors import ConfigError, FormatError, InputError
from dexkit.hooks import plugins
from dexkit.io.weights import read_weights
from dexkit.report.html import write_report
from dexkit.workflows.fit import fit
from dexkit.workflows.prepare import prepare
from dexkit.workflows.run_folder import RunFolder
from dexkit.workflows.weights import weights_setting


def table(path, features, weight_of):
    genes = features.genes.gene_id
    path.write_text("".join(f"{gene}\t{weight_of(i)}\n" for i, gene in enumerate(genes)))
    return path


def with_table(path):
    return {"epochs": 1, **weights_setting(path)}


@pytest.fixture
def high(features, config):
    """A threshold with a fifth of the training genes above it."""
    job = prepare(features, config(), plugins())
    return float(np.quantile(job.target[job.development], 0.8))


def classes(high, **train):
    settings = {"classification": {"threshold": high}, "logistic": {"inner_folds": 3, "k": 2}}
    return {"head": "classification", "settings": settings, "train": {"epochs": 1} | train}


# --- what they are -------------------------------------------------------------------------------


def test_all_count_alike_by_default(features, config, high):
    assert prepare(features, config(), plugins()).weights is None
    assert prepare(features, config(**classes(high)), plugins()).weights is None


def test_weights_of_genes(features, config, tmp_path):
    path = table(tmp_path / "w.tsv", features, lambda i: 0.5 + i)
    job = prepare(features, config(train=with_table(path)), plugins())
    np.testing.assert_allclose(job.weights.values, 0.5 + np.arange(60))
    assert job.weights.facts["genes"]["lowest"] == 0.5 + job.development.min()
    both = config(("sequence", "contacts"), with_table(path), sample="alpha,beta")
    twice = prepare(features, both, plugins()).weights.values
    np.testing.assert_array_equal(twice, np.tile(job.weights.values, 2))


def test_weights_of_classes(features, config, high, tmp_path):
    """Balanced: n / (2 n of the class), over training and validation genes."""
    job = prepare(features, config(**classes(high, class_weight="balanced")), plugins())
    y = job.target[job.development]
    n_high = int((y > high).sum())
    assert 0 < n_high < len(y) / 3
    expected = np.where(y > high, len(y) / (2 * n_high), len(y) / (2 * (len(y) - n_high)))
    np.testing.assert_allclose(job.weights.values[job.development], expected, rtol=1e-6)
    assert job.weights.values[job.development].mean() == pytest.approx(1)
    path = table(tmp_path / "w.tsv", features, lambda i: 2 if i % 2 else 1)
    given = classes(high, class_weight=[1, 3], **with_table(path))
    found = prepare(features, config(**given), plugins()).weights.values
    expected = np.where(job.target > high, 3, 1) * np.where(np.arange(60) % 2, 2, 1)
    np.testing.assert_array_equal(found, expected)


def test_what_a_fit_says_of_its_weights(built, features, config, high, tmp_path):
    path = table(tmp_path / "w.tsv", features, lambda i: 1 + i % 2)
    made = classes(high, class_weight=[1, 3], **with_table(path))
    sizes = config().settings
    made["settings"] = sizes | made["settings"]
    plain = dict(made, train={"epochs": 1})
    for name, options in (("weighted", made), ("plain", plain)):
        fit(built, config(**options), tmp_path / name)
    metrics = json.loads((tmp_path / "weighted" / "metrics.json").read_text())
    assert metrics["weights"]["classes"] == {"low": 1, "high": 3}
    assert metrics["weights"]["genes"]["file"] == "w.tsv"
    page = write_report(tmp_path / "weighted", n_bootstrap=100).read_text()
    assert "genes 1 to 2 (w.tsv); classes low 1, high 3" in page
    assert "weights" not in json.loads((tmp_path / "plain" / "metrics.json").read_text())
    losses = []
    for name in ("weighted", "plain"):
        with (tmp_path / name / "history.csv").open() as handle:
            losses += [row["loss"] for row in csv.DictReader(handle)]
    assert losses[0] != losses[1]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("g1 1\n", FormatError, "has 1 columns; expected gene id and weight"),
        ("gene_id\tweight\ng1\t0\n", FormatError, "'0' of gene g1 is no number above 0"),
        ("g1\tnan\n", FormatError, "'nan' of gene g1"),
        ("g1\tmuch\n", FormatError, "'much' of gene g1"),
        ("g1\t1\ng1\t2\n", FormatError, "gene g1 is listed twice"),
        ("# none\n", FormatError, "has no weight"),
        (None, InputError, "no such file; expected a table of gene weights"),
    ],
)
def test_tables_that_are_no_weights(tmp_path, text, error, message):
    if text is not None:
        (tmp_path / "w.tsv").write_text(text)
    with pytest.raises(error, match=message):
        read_weights(tmp_path / "w.tsv")


def test_a_header_and_other_genes_are_passed_over(features, config, tmp_path, caplog):
    path = table(tmp_path / "w.tsv", features, lambda i: 2)
    path.write_text("gene_id\tweight\nelsewhere\t5\n" + path.read_text())
    prepare(features, config(train=with_table(path)), plugins())
    assert "1 of 61 genes are not in" in caplog.text


def test_every_gene_that_is_learnt_from_needs_a_weight(features, config, tmp_path):
    job = prepare(features, config(), plugins())
    path = table(tmp_path / "w.tsv", features, lambda i: 2)
    lines = path.read_text().splitlines(keepends=True)
    gone = job.development[3]
    path.write_text("".join(line for i, line in enumerate(lines) if i != gone))
    with pytest.raises(InputError, match=r"w\.tsv: 1 of 45 training and validation genes have no"):
        prepare(features, config(train=with_table(path)), plugins())
    # A test gene needs none.
    gone = job.splits[0].test[0]
    path.write_text("".join(line for i, line in enumerate(lines) if i != gone))
    assert prepare(features, config(train=with_table(path)), plugins()).weights is not None


def test_classes_are_weighted_where_there_are_some(features, config):
    with pytest.raises(ConfigError, match=r"train\.class_weight weighs classes, and this run has"):
        prepare(features, config(train={"class_weight": "balanced"}), plugins())


@pytest.mark.parametrize("value", ["even", [1], [1, 0], [1, 2, 3]])
def test_class_weights_that_are_none(config, value):
    with pytest.raises(ConfigError, match="class_weight"):
        config(train={"class_weight": value})


class Killed(BaseException):
    pass


def test_resume_refuses_other_weights(built, features, config, tmp_path, monkeypatch):
    path = table(tmp_path / "w.tsv", features, lambda i: 1 + i % 3)
    made = config(train=with_table(path))
    original = RunFolder.add_epoch

    def add_epoch(self, *row):
        original(self, *row)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "add_epoch", add_epoch)
        with pytest.raises(Killed):
            fit(built, made, tmp_path / "run")
    text = path.read_text()
    table(path, features, lambda i: 1)
    with pytest.raises(InputError, match=r"gene weights .* have changed since they were named"):
        fit(built, made, tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="was started with other options"):
        fit(built, config(train=with_table(path)), tmp_path / "run", resume=True)
    path.write_text(text)
    fit(built, made, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "bundle.json").is_file()
