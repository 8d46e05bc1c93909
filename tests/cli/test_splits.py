import json

import numpy as np
import pandas as pd
import pytest
from toy import build

from dexkit import __version__
from dexkit.evaluation.split_file import read_table
from dexkit.evaluation.stamps import STAMPS
from dexkit.features.file import FeatureFile
from dexkit.simulate import SimulationConfig, simulate

#: Near-copies anywhere in the genome: whole chromosomes do not keep them on one side.
DISPERSED = {
    "seed": 3,
    "n_chroms": 6,
    "chrom_length_bp": 600_000,
    "n_genes": 90,
    "samples": ("alpha",),
    "n_replicates": 1,
    "pairs_per_replicate": 2_000,
    "family_fraction": 0.4,
    "family_size": 3,
    "family_placement": "dispersed",
}


def planted(folder, **options):
    data = simulate(SimulationConfig.create(**(DISPERSED | options)), folder / "data")
    return build(data, folder / "features.h5")


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("copies"))


def near_copies(dexkit, *args):
    result = dexkit("splits", "check", *args, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    facts = json.loads(result.stdout)
    return {leak["name"]: leak for leak in facts["leaks"]}["near_copies"], facts


@pytest.mark.parametrize("kind", ["chromosome", "random"])
def test_planted_near_copies_are_reported(dexkit, copies, kind):
    found, facts = near_copies(dexkit, copies, "--kind", kind, "--folds", "3")
    # 36 of 90 genes have two near-copies each, mostly on other chromosomes.
    assert found["genes"] >= 18
    assert found["pairs"] == sum(found["pairs_by_fold"]) >= found["genes"]
    assert found["share"] == pytest.approx(found["genes"] / 90)
    assert facts["worst_near_copies"][0]["similarity"] > 0.3
    assert facts["split"]["leaky"] == (kind == "random")


@pytest.mark.parametrize("kind", ["homology", "chromosome-homology"])
def test_homology_splits_keep_planted_near_copies_on_one_side(dexkit, copies, tmp_path, kind):
    out = tmp_path / "splits.tsv"
    made = dexkit("splits", "make", copies, "--kind", kind, "--folds", "3", "-o", out)
    assert made.exit_code == 0, (made.output, made.exception)
    found, facts = near_copies(dexkit, copies, "--split", out)
    assert found["genes"] == found["pairs"] == 0
    assert facts["worst_near_copies"] == []
    assert facts["split"]["file"] == "splits.tsv"
    assert any(facts["n_left_out"]) == (kind == "chromosome-homology")


def test_without_planted_copies_none_is_reported(dexkit, tmp_path):
    features = planted(tmp_path, family_fraction=0.0)
    found, _ = near_copies(dexkit, features, "--kind", "random")
    assert found["genes"] == 0


def test_the_report_is_a_table(dexkit, copies):
    result = dexkit("splits", "check", copies, "--kind", "random", "--folds", "3")
    assert result.exit_code == 0, result.output
    for text in ("random split (leaky), 3 folds, 90 test genes", "near-copies", "one TSS bin"):
        assert text in result.stdout
    assert "most similar promoters across the split" in result.stdout


def test_the_counts_of_every_fold_are_written(dexkit, refused, copies, tmp_path):
    """They add up to what is printed; what the file cannot tell has no number."""
    out = tmp_path / "leakage.tsv"
    options = ("splits", "check", copies, "--kind", "random", "--folds", "3", "--seed", "2")
    facts = json.loads(dexkit(*options, "--json", "-o", out).stdout)
    table = pd.read_csv(out, sep="\t")
    assert len(table) == 3 * len(facts["leaks"])
    for leak in facts["leaks"]:
        own = table[table.relation == leak["name"]]
        assert own.n_test.tolist() == facts["n_test"]
        if leak["genes"] is None:
            assert own.genes.isna().all()
        else:
            assert own.genes.tolist() == leak["genes_by_fold"]
            assert own.share.tolist() == pytest.approx((own.genes / own.n_test).tolist())
            assert own.pairs.sum() == leak["pairs"]
    assert table[list(STAMPS)].drop_duplicates().to_numpy().tolist() == [
        ["random", 3, "leaky: paper protocol", 2, __version__]
    ]
    figures = [tmp_path / f"leakage.{kind}" for kind in ("pdf", "png")]
    assert sorted(tmp_path.iterdir()) == [*figures, out]
    assert [path.read_bytes()[:4] for path in figures] == [b"%PDF", b"\x89PNG"]
    refused(*options, "-o", out, match=r"leakage.tsv exists; .*--force")
    before = [path.read_bytes() for path in figures]
    out.unlink()
    refused(*options, "-o", out, match=r"leakage.png exists; .*--force")
    assert not out.exists()
    assert dexkit(*options, "-o", out, "--force").exit_code == 0
    assert [path.read_bytes() for path in figures] == before


def test_imported_groups_decide_the_folds(dexkit, copies, tmp_path):
    genes = FeatureFile(copies).genes.gene_id
    groups = tmp_path / "groups.tsv"
    # Five neighbours a group; each third gene is related to none.
    groups.write_text("".join(f"{gene}\t{i // 5}\n" for i, gene in enumerate(genes) if i % 3))
    out = tmp_path / "splits.tsv"
    options = ["--kind", "homology", "--folds", "2", "--groups", groups, "-o", out]
    result = dexkit("splits", "make", copies, *options)
    assert result.exit_code == 0, (result.output, result.exception)
    fold = read_table(out).fold
    listed = [[i for i in range(k, k + 5) if i % 3] for k in range(0, 90, 5)]
    assert all(len(set(fold[rows].tolist())) == 1 for rows in listed)
    found, _ = near_copies(dexkit, copies, "--split", out)
    # They stand in place of the near-copies.
    assert found["genes"] > 0


@pytest.mark.parametrize("kind", ["homology", "chromosome-homology"])
def test_fit_takes_its_parts_from_a_file(dexkit, copies, tmp_path, kind):
    out, run = tmp_path / "splits.tsv", tmp_path / "run"
    assert not dexkit("splits", "make", copies, "--kind", kind, "--folds", "3", "-o", out).exit_code
    result = dexkit("fit", copies, "-o", run, "--plugin", "mean", "--split", out, "--fold", "1")
    assert result.exit_code == 0, (result.output, result.exception)
    table = read_table(out)
    rows = [line.split("\t") for line in (run / "predictions.tsv").read_text().splitlines()]
    part = {row[0]: row[rows[0].index("part")] for row in rows[1:]}
    for name in ("train", "validation", "test"):
        genes = {str(gene) for gene in table.gene_id[table.rows(1, name)]}
        assert {gene for gene in part if part[gene] == name} <= genes
    left_out = {str(gene) for gene in table.gene_id[table.rows(1, "left_out")]}
    assert not left_out & part.keys()
    split = json.loads((run / "metrics.json").read_text())["split"]
    assert (split["kind"], split["fold"], split["n_folds"]) == (kind, 1, 3)
    assert split["sha256"] == table.sha256
    if left_out:
        assert "related to genes of another part" in (run / "left_out.tsv").read_text()


def test_fit_makes_a_homology_split_itself(dexkit, copies, tmp_path):
    run = tmp_path / "run"
    options = ["--plugin", "mean", "--split", "homology", "--folds", "3"]
    assert dexkit("fit", copies, "-o", run, *options).exit_code == 0
    split = json.loads((run / "metrics.json").read_text())["split"]
    assert (split["kind"], split["leaky"]) == ("homology", False)


def test_a_split_of_other_genes_is_refused(dexkit, refused, copies, features, tmp_path):
    out = tmp_path / "splits.tsv"
    assert not dexkit("splits", "make", copies, "--folds", "3", "-o", out).exit_code
    for command in (
        ("splits", "check", features, "--split", out),
        ("fit", features, "-o", tmp_path / "run", "--sample", "alpha", "--split", out),
    ):
        refused(*command, match="does not fit .*features.h5: of the genes")


def test_a_run_is_not_resumed_on_another_split(dexkit, refused, copies, tmp_path):
    out, config = tmp_path / "splits.tsv", tmp_path / "run.toml"
    assert not dexkit("splits", "make", copies, "--folds", "3", "-o", out).exit_code
    digest = read_table(out).sha256
    config.write_text(f'[split]\nkind = "file"\nfile = "{out}"\nsha256 = "{digest}"\n')
    dexkit("splits", "make", copies, "--folds", "3", "--kind", "random", "-o", out, "--force")
    options = ["--config", config, "--plugin", "mean"]
    refused("fit", copies, "-o", tmp_path / "run", *options, match="has changed since")


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (["make", "--kind", "homolgy"], "unknown split 'homolgy'; did you mean 'homology'"),
        (["make", "--kind", "graphreg", "--folds", "5"], "graphreg split has 11 folds; got 5"),
        (["make", "--kind", "graphreg"], "graphreg split. has too few genes"),
        (["make", "--groups", "g.tsv"], "g.tsv has no use in a chromosome split"),
        (["make", "--kind", "homology", "--groups", "a", "--pairs", "b"], "are both given"),
        (["make", "--min-score", "3"], "--min-score compares the scores of --pairs"),
        (["make", "--kind", "homology", "--pairs", "no.tsv"], "no.tsv: no such file"),
        (["make", "--kind", "homology", "--kmer", "5"], "8 to 31 bases; got 5"),
        (["make", "--folds", "1"], "number of folds must be at least 2; got 1"),
        (["make", "--seed", "-1"], "seed must not be negative"),
        (["check", "--kind", "nothing"], "unknown split 'nothing'"),
        (["check", "--split", "x.tsv", "--folds", "3"], "x.tsv has its own .*; leave --folds out"),
        (["check", "--split", "x.tsv", "--seed", "0"], "x.tsv has its own .*; leave --seed out"),
        (["check", "--split", "x.tsv"], "x.tsv: no such file; expected a split file"),
        (["check", "--min-similarity", "0"], "similarity must lie above 0"),
        (["fit", "--split", "x.tsv", "--folds", "3"], "x.tsv has its own folds"),
        (["fit", "--split", "x.tsv"], "x.tsv: no such file; expected a split file"),
    ],
)
def test_wrong_options_are_one_sentence(refused, copies, tmp_path, args, match):
    command, *options = args
    out = [] if command == "check" else ["-o", tmp_path / "out"]
    group = [] if command == "fit" else ["splits"]
    refused(*group, command, copies, *out, *options, match=match)


def test_homology_needs_sequence_or_imported_groups(dexkit, refused, copies, tmp_path, monkeypatch):
    has = FeatureFile.has
    monkeypatch.setattr(FeatureFile, "has", lambda f, p: "codes" not in p and has(f, p))
    out = tmp_path / "splits.tsv"
    options = ("--kind", "homology", "-o", out)
    refused("splits", "make", copies, *options, match="has no sequence to find near-copies in")
    genes = FeatureFile(copies).genes.gene_id
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(f"{genes[0]}\t{genes[-1]}\t90\n{genes[1]}\t{genes[-2]}\t10\n")
    result = dexkit("splits", "make", copies, *options, "--pairs", pairs, "--min-score", "50")
    assert result.exit_code == 0, result.output
    group = read_table(out).group
    assert group[0] == group[-1]
    assert np.all(np.bincount(group) > 0)
