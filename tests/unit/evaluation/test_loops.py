"""Loops against expression, and the arcs of one gene, against the feature file itself."""

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from intervals import bootstrap_interval
from toy import build

from dexkit.errors import InputError
from dexkit.evaluation.arcs import find_gene, gene_arcs
from dexkit.evaluation.loops import (
    LOG_LOOP_SUM,
    LOOP_NUMBER,
    LOOP_SUM,
    correlate_loops,
    sample_loops,
)
from dexkit.features.file import FeatureFile
from dexkit.genome import Gene, GeneTable
from dexkit.simulate import SimulationConfig, simulate
from dexkit.workflows.loops import correlation_frame, study_loops


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Contacts that act on expression, other ones in each sample."""
    config = SimulationConfig.create(
        seed=11,
        n_chroms=3,
        chrom_length_bp=800_000,
        n_genes=120,
        samples=("alpha", "beta"),
        n_replicates=1,
        pairs_per_replicate=20_000,
        contact_effect=1.0,
        promoter_effect=0.2,
        noise=0.1,
        sample_specific_contacts=1.0,
    )
    return simulate(config, tmp_path_factory.mktemp("loops") / "data")


@pytest.fixture(scope="module")
def path(data, tmp_path_factory):
    settings = {"contacts": {"n_flank_bins": 25}}
    return build(data, tmp_path_factory.mktemp("loops") / "f.h5", settings=settings)


@pytest.fixture(scope="module")
def features(path):
    return FeatureFile(path)


def changed(path, out, change):
    """Copy a feature file and change it."""
    shutil.copy(path, out)
    with h5py.File(out, "r+") as file:
        change(file)
    return FeatureFile(out)


def darken(file, genes):
    """Let alpha have no contacts measured for some genes."""
    observed = file["/contacts/alpha/observed"][()]
    observed[genes] = 0
    file["/contacts/alpha/observed"][...] = observed


# --- correlations --------------------------------------------------------------------------------


def test_correlations_equal_scipy(features):
    from scipy.stats import pearsonr, spearmanr

    found = correlate_loops(features, n_bootstrap=200, seed=4)
    assert [loops.sample for loops in found.samples] == ["alpha", "beta"]
    for sample in ("alpha", "beta"):
        y = features.expression(sample)
        loop_sum = features.array(f"/contacts/{sample}/loop_sum").astype(float)
        number = features.array(f"/contacts/{sample}/loop_number").astype(float)
        by_name = {LOOP_SUM: loop_sum, LOG_LOOP_SUM: np.log10(1 + loop_sum), LOOP_NUMBER: number}
        for name, values in by_name.items():
            for metric, reference in (("pearson", pearsonr), ("spearman", spearmanr)):
                score = found.find(sample, name, metric)
                assert score.value == pytest.approx(reference(y, values)[0], abs=1e-9)
                assert score.low < score.value < score.high
                assert (score.n_genes, score.n_drawn) == (120, 120)
        for by, groups in (("gene", None), ("chromosome", features.genes.chrom)):
            interval = bootstrap_interval(y, loop_sum, "pearson", 200, 4, groups)
            score = found.find(sample, LOOP_SUM, "pearson", by)
            assert (score.low, score.high) == pytest.approx((interval.low, interval.high))
        assert found.find(sample, LOOP_SUM, "pearson", "chromosome").n_drawn == 3
    assert found.notes == ()
    # Planted contacts act on expression.
    assert found.find("alpha", LOG_LOOP_SUM, "pearson").value > 0.5


def test_the_tables_hold_every_gene_and_score(features):
    found = correlate_loops(features, ["beta"], n_bootstrap=0)
    genes = found.genes_frame()
    assert genes.gene_id.tolist() == features.genes.gene_id.tolist()
    np.testing.assert_array_equal(
        genes.loop_sum, features.array("/contacts/beta/loop_sum").astype(float)
    )
    np.testing.assert_array_equal(genes.expression, features.expression("beta"))
    scores = found.scores_frame()
    assert len(scores) == 3 * 2 * 2
    assert list(scores)[-2:] == ["seed", "dexkit"]
    assert set(scores.seed) == {0}
    assert scores.low.isna().all()
    shown = correlation_frame(found)
    assert len(shown) == 6
    assert set(shown["chromosomes"]) == {3}
    assert set(shown["interval over genes"]) == {""}


def test_genes_without_expression_or_contacts_are_left_out_and_counted(path, tmp_path):
    def change(file):
        value = file["/expression/alpha/value"][()]
        value[:7] = np.nan
        file["/expression/alpha/value"][...] = value
        darken(file, file["/genes/chrom"].asstr()[()] == "chr3")

    features = changed(path, tmp_path / "gaps.h5", change)
    found = correlate_loops(features, n_bootstrap=0)
    assert found.samples[0].row.tolist() == list(range(7, 80))
    assert found.find("alpha", LOOP_SUM, "pearson").n_genes == 73
    assert found.notes == (
        "alpha: 7 of 120 genes left out, no expression",
        "alpha: 40 of 120 genes left out, no contacts measured on their chromosome",
    )


def test_loops_are_made_from_the_signal_of_a_file_without_them(path, features, tmp_path):
    def change(file):
        for sample in ("alpha", "beta"):
            del file[f"/contacts/{sample}/loop_sum"], file[f"/contacts/{sample}/loop_number"]

    bare = changed(path, tmp_path / "bare.h5", change)
    notes = []
    found = sample_loops(bare, "alpha", notes)
    expected = sample_loops(features, "alpha", [])
    np.testing.assert_allclose(found.loop_sum, expected.loop_sum, rtol=1e-4)
    np.testing.assert_array_equal(found.loop_number, expected.loop_number)
    assert notes[0].startswith("alpha: the file holds no loop sums; they are made from the signal")


def test_counts_that_are_not_logged_are_summed_as_they_are(data, tmp_path):
    settings = {"contacts": {"n_flank_bins": 10, "normalisation": "raw"}}
    raw = build(data, tmp_path / "raw.h5", settings=settings)
    expected = sample_loops(FeatureFile(raw), "beta", [])

    def change(file):
        del file["/contacts/beta/loop_sum"]

    found = sample_loops(changed(raw, tmp_path / "bare.h5", change), "beta", [])
    np.testing.assert_allclose(found.loop_sum, expected.loop_sum, rtol=1e-5)


def test_constant_loops_are_undefined(path, tmp_path):
    def change(file):
        file["/contacts/alpha/loop_number"][...] = 5

    found = correlate_loops(changed(path, tmp_path / "c.h5", change), ["alpha"], 100)
    score = found.find("alpha", LOOP_NUMBER, "pearson")
    assert (score.value, score.low) == (None, None)
    assert "undefined" in correlation_frame(found).value.tolist()


def test_one_chromosome_has_no_interval_over_chromosomes(path, tmp_path):
    def change(file):
        darken(file, file["/genes/chrom"].asstr()[()] != "chr2")

    found = correlate_loops(changed(path, tmp_path / "one.h5", change), ["alpha"], 100)
    assert {score.by for score in found.scores} == {"gene"}
    assert set(correlation_frame(found)["chromosomes"]) == {1}


def test_samples_are_chosen(data, path, tmp_path):
    both = FeatureFile(path)
    with pytest.raises(InputError, match="no contacts of sample 'alfa'; did you mean 'alpha'"):
        correlate_loops(both, ["alfa"])
    none = FeatureFile(build(data, tmp_path / "none.h5", contacts=()))
    with pytest.raises(
        InputError, match=r"no sample with contacts and expression \(contacts: none"
    ):
        correlate_loops(none)

    def change(file):
        del file["/expression/beta"]

    half = changed(path, tmp_path / "half.h5", change)
    found = correlate_loops(half, n_bootstrap=0)
    assert [loops.sample for loops in found.samples] == ["alpha"]
    assert found.notes == ("left out, contacts without expression: beta",)
    with pytest.raises(InputError, match="no expression of sample 'beta'"):
        correlate_loops(half, ["beta"])

    def blank(file):
        file["/expression/alpha/value"][2:] = np.nan

    with pytest.raises(InputError, match=r"2 genes .* expected at least 3"):
        correlate_loops(changed(path, tmp_path / "few.h5", blank), ["alpha"])


# --- arcs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("right_inclusive", [True, False])
def test_arcs_run_in_genome_direction(data, features, tmp_path, strand, right_inclusive):
    """Also where the file mirrors the profiles of minus-strand genes."""
    options = {"n_flank_bins": 25, "flip_minus": True, "right_inclusive": right_inclusive}
    flipped = FeatureFile(build(data, tmp_path / "flip.h5", settings={"contacts": options}))
    row = int(np.flatnonzero(features.genes.strand == strand)[3])
    name = features.genes.gene_id[row]
    plain, found = (gene_arcs(file, name).samples[0] for file in (features, flipped))
    assert np.all(np.diff(found.offset) == 1)
    shared = np.isin(plain.offset, found.offset)
    assert shared.sum() == 51 - (not right_inclusive)
    np.testing.assert_array_equal(plain.offset[shared], found.offset)
    np.testing.assert_array_equal(plain.signal[shared], found.signal)
    np.testing.assert_array_equal(plain.observed[shared], found.observed)


def test_arcs_are_the_bins_with_a_contact(features):
    found = gene_arcs(features, "SIM5")
    row = features.genes.gene_name.tolist().index("SIM5")
    tss_bin = int(features.genes.tss[row]) // 5000
    table = found.to_frame()
    assert set(table["sample"]) == {"alpha", "beta"}
    for arcs in found.samples:
        sample = arcs.sample
        signal = features.contacts(sample)[0][row]
        assert arcs.expression == pytest.approx(features.expression(sample)[row])
        own = table[table["sample"] == sample]
        assert (
            len(own) == arcs.loops.sum() == features.array(f"/contacts/{sample}/loop_number")[row]
        )
        for _, arc in own.iterrows():
            assert arc.start == (tss_bin + arc.offset_bins) * 5000
            assert arc.end - arc.start == 5000
            assert arc.signal == pytest.approx(signal[arc.offset_bins + 25])
        assert 0 not in own.offset_bins.tolist()
    content = found.to_dict()
    assert json.loads(json.dumps(content)) == content


def test_the_last_bin_ends_with_the_chromosome(path, tmp_path):
    def change(file):
        file["/chroms/length"][...] = 798_000

    features = changed(path, tmp_path / "short.h5", change)
    last = features.genes.gene_id[39]
    table = gene_arcs(features, last).to_frame()
    assert table["end"].max() <= 798_000


def test_expression_that_was_not_measured_is_said(path, tmp_path):
    def change(file):
        file["/expression/alpha/value"][4] = np.nan
        del file["/expression/beta"]

    features = changed(path, tmp_path / "dark.h5", change)
    found = gene_arcs(features, features.genes.gene_id[4])
    assert [arcs.expression for arcs in found.samples] == [None, None]


GENES = GeneTable.from_genes(
    [
        Gene("ENSG01.3", "Abc", "chr1", 10, "+"),
        Gene("ENSG02.1", "ABC", "chr1", 20, "+"),
        Gene("ENSG03.1", "Twin", "chr1", 30, "+"),
        Gene("ENSG04.1", "Twin", "chr1", 40, "+"),
        Gene("ENSG05.1", "Solo", "chr1", 50, "+"),
    ]
)


@pytest.mark.parametrize(
    ("name", "row"),
    [("ENSG02.1", 1), ("ENSG03", 2), ("Abc", 0), ("ABC", 1), ("solo", 4), ("SOLO", 4)],
)
def test_genes_are_found_by_id_and_name(name, row):
    assert find_gene(GENES, name, "f.h5") == row


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("Twin", "2 genes of f.h5 are called 'Twin'; give one of their ids: ENSG03.1, ENSG04.1"),
        ("abc", "2 genes of f.h5 are called 'abc'"),
        ("Sola", "no gene 'Sola' in f.h5; did you mean 'Solo'"),
    ],
)
def test_genes_that_are_not_found(name, match):
    with pytest.raises(InputError, match=match):
        find_gene(GENES, name, "f.h5")


def test_arcs_need_contacts_of_one_bin_size(data, path, tmp_path):
    none = FeatureFile(build(data, tmp_path / "none.h5", contacts=()))
    with pytest.raises(InputError, match="has no contacts; add them"):
        gene_arcs(none, "SIM1")

    def change(file):
        file["/contacts/beta/signal"].attrs["bin_size_bp"] = 10_000

    mixed = changed(path, tmp_path / "mixed.h5", change)
    with pytest.raises(InputError, match="5,000 bp in alpha, 10,000 bp in beta"):
        gene_arcs(mixed, "SIM1")
    assert gene_arcs(mixed, "SIM1", ["beta"]).bin_size_bp == 10_000


def test_a_gene_is_asked_for_once(path):
    with pytest.raises(InputError, match=r"the gene SIM3 \(DXG.*\) is asked for twice"):
        study_loops(path, genes=["SIM3", "sim3"], n_bootstrap=0)


def test_same_seed_same_study(path):
    first, again = (study_loops(path, genes=["SIM3"], n_bootstrap=100) for _ in range(2))
    assert first.to_json() == again.to_json()
    pd.testing.assert_frame_equal(
        first.correlations.scores_frame(), again.correlations.scores_frame()
    )
