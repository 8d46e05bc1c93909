"""import-deepexpression through the command line, and on to fit, evaluate and predict."""

import json

import numpy as np
import pytest
from published import write_published
from toy import SMALL_SET, gtf_line

from dexkit.features.file import FeatureFile

N_GENES = 60
SYMBOLS = [f"Gene{i}" for i in range(N_GENES - 1)] + ["Gene0"]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    write_published(folder, SYMBOLS, ("K562", "Jurkat"), n_bins=400, dtype=np.uint8)
    return folder


@pytest.fixture
def features(dexkit, folder, tmp_path):
    result = dexkit("import-deepexpression", folder, "-o", tmp_path / "f.h5")
    assert result.exit_code == 0, (result.output, result.exception)
    return tmp_path / "f.h5"


def test_what_is_said(dexkit, folder, tmp_path):
    result = dexkit("import-deepexpression", folder, "-o", tmp_path / "f.h5", "--assembly", "hg19")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "imported 60 genes, 0 of them with coordinates; 0 unknown bases" in result.stdout
    assert "expression of K562: 60 of the kept genes" in result.stdout
    assert "/sequence/codes: 60 x 2,001" in result.stdout
    assert "/contacts/Jurkat/signal: 60 x 400" in result.stdout
    assert "1 symbols stand in 2 rows" in result.stderr
    assert FeatureFile(tmp_path / "f.h5").attrs["assembly"] == "hg19"
    info = dexkit("features", "info", tmp_path / "f.h5")
    assert info.exit_code == 0, (info.output, info.exception)
    assert "inputs:\n  X_seq.npy: " in info.stdout


def test_nothing_is_added_to_an_import(refused, features):
    match = r"holds published arrays \(import-deepexpression\), to which nothing can be added"
    refused("features", "add", features, "--block", "kmers", match=match)


@pytest.mark.parametrize(
    "options",
    [
        ["--plugin", "ridge"],
        ["--set", "train.shift_bp=0", "--epochs", "2", *SMALL_SET],
    ],
    ids=["baseline", "network"],
)
def test_the_whole_way_on_random_genes(dexkit, features, tmp_path, options):
    run = tmp_path / "run"
    result = dexkit(
        *("fit", features, "-o", run, "--sample", "K562", "--split", "random", "--folds", "4"),
        *options,
    )
    assert result.exit_code == 0, (result.output, result.exception)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["split"]["leaky"]
    assert metrics["split"]["note"] == "leaky: paper protocol"
    assert metrics["n"]["test"] == 15
    result = dexkit("predict", run, features, "-o", tmp_path / "p.tsv", "--sample", "Jurkat")
    assert result.exit_code == 0, (result.output, result.exception)
    assert len((tmp_path / "p.tsv").read_text().splitlines()) == N_GENES + 1


def test_chromosomes_cannot_be_held_out_without_coordinates(refused, features, tmp_path):
    refused(
        *("fit", features, "-o", tmp_path / "run", "--sample", "K562", "--plugin", "ridge"),
        match=r"all 60 usable genes lie on one chromosome \(unplaced 60\), so no chromosome can be "
        r"held out; use --split random \(leaky\), or build the feature file with genes of several "
        r"chromosomes \(imported arrays: --gtf\)",
    )


def test_the_missing_margin_is_explained(refused, features, tmp_path):
    refused(
        *("fit", features, "-o", tmp_path / "run", "--sample", "K562", "--split", "random"),
        match=r"stores a margin of 0 bp; use --set train\.shift_bp=0, or rebuild",
    )


def test_chromosomes_are_held_out_with_coordinates(dexkit, folder, tmp_path):
    lines = [
        gtf_line(f"chr{i % 6 + 1}", 1000 * i + 1, 1000 * i + 90, "+-"[i % 2], f"E{i}", f"Gene{i}")
        for i in range(N_GENES - 5)
    ]
    (tmp_path / "g.gtf").write_text("".join(lines))
    out = tmp_path / "f.h5"
    result = dexkit("import-deepexpression", folder, "-o", out, "--gtf", tmp_path / "g.gtf")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "imported 60 genes, 56 of them with coordinates" in result.stdout
    assert "not in the annotation, put on the chromosome 'unplaced': 4 ('Gene55'" in result.stderr
    run = tmp_path / "run"
    result = dexkit("fit", out, "-o", run, "--sample", "K562", "--plugin", "ridge", "--folds", "3")
    assert result.exit_code == 0, (result.output, result.exception)
    split = json.loads((run / "metrics.json").read_text())["split"]
    assert (split["kind"], split["leaky"]) == ("chromosome", False)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--gtf", "{}/g.gtf", "--tss-bed", "{}/g.bed"], "--gtf and --tss-bed are both given"),
        (["--gtf", "{}/no.gtf"], r"no\.gtf: no such file; expected a GTF"),
        (["--tss-bed", "{}/no.bed"], r"no\.bed: no such file; expected a BED"),
        (["--tss", "longest"], "--tss longest needs the transcripts of a GTF; give --gtf"),
        (["--tss", "first"], "--tss is 'first'; expected 'gene', 'canonical' or 'longest'"),
        (["--pseudocount", "0"], "--pseudocount is 0.0; expected more than 0"),
    ],
)
def test_bad_options(refused, folder, tmp_path, options, match):
    given = [option.format(tmp_path) for option in options]
    refused("import-deepexpression", folder, "-o", tmp_path / "f.h5", *given, match=match)


def test_a_folder_that_is_not_there(refused, tmp_path):
    refused(
        *("import-deepexpression", tmp_path / "none", "-o", tmp_path / "f.h5"),
        match=r"none: no such folder; expected one with X_seq\.npy",
    )


def test_bad_arrays(refused, folder, tmp_path):
    array = np.load(folder / "X_seq.npy")
    array[5, 3] = 1
    np.save(folder / "X_seq.npy", array)
    refused(
        *("import-deepexpression", folder, "-o", tmp_path / "f.h5"),
        match=r"X_seq\.npy: row 5 \(counted from 0, gene 'Gene5'\), base 3 holds 1, 1, 1, 1",
    )
