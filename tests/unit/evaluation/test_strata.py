"""Scores of test genes with and without relatives in training, against a count by hand."""

import numpy as np
import pandas as pd
import pytest
from run_folders import write_run
from toy import build

from dexkit.errors import ConfigError, InputError
from dexkit.evaluation.evaluate import evaluate_runs
from dexkit.evaluation.metrics import pearson
from dexkit.evaluation.relations import relations_of
from dexkit.evaluation.strata import ANY, GAP, WITH, WITHOUT, scope_of, with_strata
from dexkit.features.file import FeatureFile
from dexkit.simulate import SimulationConfig, simulate

N_FOLDS = 3


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """Ninety genes, 36 of them in families whose members lie anywhere."""
    folder = tmp_path_factory.mktemp("strata")
    config = SimulationConfig.create(
        seed=3,
        n_chroms=6,
        chrom_length_bp=600_000,
        n_genes=90,
        samples=("alpha",),
        n_replicates=1,
        pairs_per_replicate=2_000,
        family_fraction=0.4,
        family_size=3,
        family_placement="dispersed",
    )
    return build(simulate(config, folder / "data"), folder / "features.h5")


@pytest.fixture(scope="module")
def table(features):
    """Observed values of the genes, invented predictions, a fold for every gene."""
    genes = FeatureFile(features).genes
    random = np.random.default_rng(5)
    n = len(genes)
    observed = random.normal(size=n)
    frame = pd.DataFrame(
        {
            "gene_id": genes.gene_id,
            "gene_name": genes.gene_name,
            "chrom": genes.chrom,
            "tss": genes.tss,
            "strand": genes.strand,
            "observed": observed,
            "predicted": observed + random.normal(size=n),
            "predicted_sd": np.nan,
            "baseline:ridge": random.normal(size=n),
        }
    )
    return frame.assign(fold=random.integers(0, N_FOLDS, n))


def write_folds(folder, table, **options):
    runs = []
    for fold in range(N_FOLDS):
        part = np.where(table.fold == fold, "test", "train").astype(object)
        part[np.flatnonzero(table.fold != fold)[::7]] = "validation"
        # Genes that the run has no inputs for are in no part.
        part[np.flatnonzero(table.fold != fold)[3::11]] = "unmeasured"
        own = table.drop(columns="fold").assign(part=part)
        path = folder / f"fold{fold}"
        write_run(
            path, table=own, n_folds=N_FOLDS, fold=fold, kind="random", extras=False, **options
        )
        runs.append(path)
    return runs


@pytest.fixture(scope="module")
def runs(table, tmp_path_factory):
    return write_folds(tmp_path_factory.mktemp("runs"), table)


def related_by_hand(features, runs):
    """Which gene has a near-copy in the training and validation part of the fold that tests it."""
    relations = relations_of(FeatureFile(features))
    ids = relations.genes.gene_id
    pairs = {
        (ids[a], ids[b])
        for a, b in zip(relations.copies.first, relations.copies.second, strict=True)
    }
    pairs |= {(b, a) for a, b in pairs}
    found = {}
    for run in runs:
        part = pd.read_csv(run / "predictions.tsv", sep="\t").set_index("gene_id").part
        learnt = set(part.index[part.isin(["train", "validation"])])
        for gene in part.index[part == "test"]:
            found[gene] = any((gene, other) in pairs for other in learnt)
    return pd.Series(found)


@pytest.mark.parametrize("by", ["gene", "chromosome"])
def test_strata_are_those_counted_by_hand(features, table, runs, by):
    plain = evaluate_runs(runs, n_bootstrap=200, by=by)
    found = with_strata(plain, features)
    related = related_by_hand(features, runs).reindex(table.gene_id).to_numpy()
    assert 10 < related.sum() < 36
    assert found.scores[: len(plain.scores)] == plain.scores
    assert found.headline == "pooled"
    values = {}
    for stratum, mask in ((WITH, related), (WITHOUT, ~related)):
        for predictor, column in (("densenet", "predicted"), ("ridge", "baseline:ridge")):
            scope = scope_of("near_copies", stratum)
            score = found.find("pearson", predictor, scope=scope)
            expected = pearson(table.observed[mask], table[column][mask])
            assert score.value == pytest.approx(expected, abs=1e-7)
            assert score.n == mask.sum()
            assert score.low < score.value < score.high
            values[stratum, predictor] = score.value
    for predictor in ("densenet", "ridge"):
        gap = found.find("pearson", predictor, scope=scope_of("near_copies", GAP))
        assert gap.value == pytest.approx(values[WITH, predictor] - values[WITHOUT, predictor])
        assert gap.low < gap.value < gap.high
        assert gap.n == 90


def test_any_relation_holds_every_other(features, runs):
    found = with_strata(evaluate_runs(runs, n_bootstrap=0), features)
    n = {name: found.find("pearson", scope=scope_of(name, WITH)).n for name in ("near_copies", ANY)}
    assert n[ANY] >= n["near_copies"]
    assert found.find("mse", scope=scope_of("near_copies", GAP)).low is None
    # Simulated genes lie apart and have names of their own.
    for text in ("overlapping promoters", "the same gene name", "one TSS bin of 5,000 bp"):
        assert any(text in n and "no test gene has such a relative" in n for n in found.notes)


def test_memorised_copies_show(features, table, runs, tmp_path):
    """Predictions that are right for genes with a near-copy and noise for the others."""
    related = related_by_hand(features, runs).reindex(table.gene_id).to_numpy()
    noise = np.random.default_rng(1).normal(size=len(table))
    memory = table.assign(predicted=np.where(related, table.observed, noise))
    found = with_strata(evaluate_runs(write_folds(tmp_path, memory), n_bootstrap=200), features)
    gap = found.find("pearson", scope=scope_of("near_copies", GAP))
    assert gap.value > 0.6
    assert gap.low > 0.3


def test_classes(features, table, tmp_path):
    classes = table.assign(
        observed=(table.observed > 0).astype(float),
        predicted=1 / (1 + np.exp(-table.predicted)),
        **{"baseline:ridge": 0.5},
    )
    folds = write_folds(tmp_path, classes, task="classification")
    found = with_strata(evaluate_runs(folds, n_bootstrap=50), features)
    auroc = found.find("auroc", scope=scope_of("near_copies", WITH))
    assert 0.5 < auroc.value < 1


def test_a_stratum_on_one_chromosome_has_no_interval_over_chromosomes(features, table, tmp_path):
    """One gene was learnt from, and one of the test genes is its near-copy."""
    copies = relations_of(FeatureFile(features)).copies
    learnt, tested = int(copies.first[0]), int(copies.second[0])
    part = np.full(len(table), "test", dtype=object)
    part[np.r_[copies.first, copies.second]] = "unmeasured"
    part[[learnt, tested]] = "train", "test"
    own = table.drop(columns="fold").assign(part=part)
    run = write_run(tmp_path / "run", table=own, n_folds=N_FOLDS, extras=False)
    found = with_strata(evaluate_runs([run], n_bootstrap=50, by="chromosome"), features)
    score = found.find("mse", scope=scope_of("near_copies", WITH))
    error = (table.observed - table.predicted)[tested]
    assert (score.n, score.low) == (1, None)
    assert score.value == pytest.approx(error**2)
    assert found.find("pearson", scope=scope_of("near_copies", WITH)).value is None


def test_other_genes_are_refused(features, runs, table, tmp_path, simulated):
    evaluation = evaluate_runs(runs, n_bootstrap=0)
    other = build(simulated, tmp_path / "other.h5", contacts=())
    with pytest.raises(InputError, match=r"other\.h5 has no gene .*, which .*fold0 predicts"):
        with_strata(evaluation, other)
    moved = table.assign(tss=table.tss + 1)
    folds = write_folds(tmp_path / "moved", moved)
    with pytest.raises(InputError, match=r"lies at chr\d:\d+ in .* \(0-based TSS\)"):
        with_strata(evaluate_runs(folds, n_bootstrap=0), features)


def test_only_test_genes_have_strata(features, runs):
    with pytest.raises(ConfigError, match="not for the validation part"):
        with_strata(evaluate_runs(runs[:1], part="validation", n_bootstrap=0), features)


def test_a_file_without_sequence_cannot_tell(features, runs, monkeypatch):
    from dataclasses import replace

    from dexkit.evaluation import strata

    def blind(*args):
        return replace(relations_of(*args), copies=None, sequence=None)

    monkeypatch.setattr(strata, "relations_of", blind)
    found = with_strata(evaluate_runs(runs, n_bootstrap=0), features)
    assert any("near-copies" in n and n.endswith("cannot tell") for n in found.notes)
    with pytest.raises(InputError, match="no score"):
        found.find("pearson", scope=scope_of("near_copies", WITH))
