"""The contact vector of a tiny genome, every number worked by hand.

Bins of 10 bp, 2 bins on either side. Chromosomes: chrA 47 bp (bins 0-4, the last short), chrB
60 bp (bins 0-5), chrC 30 bp.

Genes (0-based TSS): g1 chrA + 23 and g2 chrA - 26 share bin 2; g3 chrA - 43 lies in the last bin
4, so offsets +1 and +2 leave the chromosome; g4 chrB + 5 lies in bin 0, so offsets -2 and -1
leave it; g5 chrC + 15 lies on a chromosome with trans pairs only.

Counts around each TSS bin, offsets -2 .. +2, as listed in REPLICATE_1 and REPLICATE_2:

    row           replicate 1 (N = 8)   replicate 2 (N = 4)
    chrA bin 2    0 2 1 1 1             1 1 0 0 0
    chrA bin 4    1 1 0 - -             0 0 0 - -
    chrB bin 0    - - 0 1 0             - - 0 0 0

The smallest depth is 4: replicate 1 is scaled by 4/8, replicate 2 by 4/4. Means of the two:

    chrA bin 2    (0+1)/2 (1+1)/2 (.5+0)/2 ...  = 0.5  1  0.25  0.25  0.25
    chrA bin 4    (.5+0)/2 ...                  = 0.25 0.25 0 0 0
    chrB bin 0                                  = 0 0 0 0.25 0

h = log2(1 + mean): log2 1.5 = 0.5849625007211562, log2 2 = 1, log2 1.25 = 0.32192809488736235.
"""

import numpy as np
import pytest
from dexkit_contacts.signal import contact_signal, observed_mask
from toy import fasta_text, gtf_line, pairs_text

from dexkit.features.build import build_features
from dexkit.features.config import BuildConfig, ContactsSource
from dexkit.features.file import FeatureFile
from dexkit.features.schema import observed_path, signal_path

LENGTHS = {"chrA": 47, "chrB": 60, "chrC": 30}
A, B, C = LENGTHS
# 1-based positions: 1-10 are bin 0, 11-20 bin 1, 21-30 bin 2 ...
REPLICATE_1 = [
    (A, 21, A, 11),  # bin 2 - bin 1, the first base of both
    (A, 20, A, 30),  # bin 1 - bin 2, the last base of both
    (A, 31, A, 25),  # bin 3 - bin 2
    (A, 25, A, 28),  # inside bin 2: counts once
    (A, 45, A, 22),  # bin 4 - bin 2: a count for both rows
    (A, 41, A, 35),  # bin 4 - bin 3
    (B, 3, B, 15),  # bin 0 - bin 1
    (A, 25, C, 5),  # trans: depth only
]
REPLICATE_2 = [
    (A, 12, A, 22),  # bin 1 - bin 2
    (A, 5, A, 29),  # bin 0 - bin 2
    (A, 33, A, 36),  # inside bin 3, which holds no TSS
    (B, 50, C, 20),  # trans
    (A, 12, A, 22, "DD"),  # a duplicate: neither count nor depth
]
# A second sample of depth 2, for the scope of the smallest depth.
OTHER = [(A, 1, A, 2), (B, 1, B, 2)]

LOG2_1_125 = 0.16992500144231237
LOG2_1_25 = 0.32192809488736235
LOG2_1_5 = 0.5849625007211562
LOG2_3 = 1.584962500721156

BIN_A2 = [LOG2_1_5, 1.0, LOG2_1_25, LOG2_1_25, LOG2_1_25]
BIN_A4 = [LOG2_1_25, LOG2_1_25, 0, 0, 0]
BIN_B0 = [0, 0, 0, LOG2_1_25, 0]
EMPTY = [0, 0, 0, 0, 0]
SIGNAL = {"g1": BIN_A2, "g2": BIN_A2, "g3": BIN_A4, "g4": BIN_B0, "g5": EMPTY}
OBSERVED = {
    "g1": [1, 1, 1, 1, 1],
    "g2": [1, 1, 1, 1, 1],
    "g3": [1, 1, 1, 0, 0],
    "g4": [0, 0, 1, 1, 1],
    "g5": [0, 0, 0, 0, 0],
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    (folder / "g.fa").write_text(
        fasta_text({name: ("ACGTTGCA" * 10)[:length] for name, length in LENGTHS.items()})
    )
    (folder / "g.gtf").write_text(
        gtf_line(A, 24, 40, "+", "g1")  # TSS: start
        + gtf_line(A, 5, 27, "-", "g2")  # TSS: end
        + gtf_line(A, 30, 44, "-", "g3")
        + gtf_line(B, 6, 30, "+", "g4")
        + gtf_line(C, 16, 20, "+", "g5")
    )
    for name, pairs in {"one": REPLICATE_1, "two": REPLICATE_2, "other": OTHER}.items():
        (folder / f"{name}.pairs").write_text(pairs_text(LENGTHS, pairs))
    return folder


@pytest.fixture
def built(inputs, tmp_path):
    def build(others=False, **options):
        sources = [ContactsSource(sample="S", paths=(inputs / "one.pairs", inputs / "two.pairs"))]
        if others:
            sources.append(ContactsSource(sample="T", paths=(inputs / "other.pairs",)))
        config = BuildConfig(
            fasta=inputs / "g.fa",
            gtf=inputs / "g.gtf",
            contacts=tuple(sources),
            upstream_bp=3,
            downstream_bp=3,
            margin_bp=0,
            settings={"contacts": {"bin_size_bp": 10, "n_flank_bins": 2} | options},
        )
        out = tmp_path / "features.h5"
        build_features(config, out, force=True)
        return FeatureFile(out)

    return build


def by_gene(features, values):
    return dict(zip(features.genes.gene_id, values.tolist(), strict=True))


def stored(expected):
    """The file holds float32."""
    return {gene: np.float32(values).tolist() for gene, values in expected.items()}


def test_default(built):
    features = built()
    signal, observed = features.contacts("S")
    assert signal.dtype == np.float32
    assert by_gene(features, signal) == stored(SIGNAL)
    assert by_gene(features, observed) == OBSERVED
    attrs = features.array_attrs(signal_path("S"))
    assert attrs["depths"].tolist() == [8, 4]
    assert attrs["target_depth"] == 4
    assert attrs["first_offset"] == -2
    assert list(features.array_attrs(observed_path("S"))["chroms"]) == [A, B]


def test_float64_signal_to_the_last_digits():
    one = np.array([[0, 2, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 1, 0]], dtype=np.uint32)
    two = np.array([[1, 1, 0, 0, 0], [0] * 5, [0] * 5], dtype=np.uint32)
    h = contact_signal([one, two], [8, 4], 4)
    assert h.dtype == np.float64
    np.testing.assert_allclose(h, [BIN_A2, BIN_A4, BIN_B0], rtol=0, atol=1e-12)


def test_replicates_are_averaged_even_when_one_has_no_pair_there():
    # 3 pairs in one of three replicates of one depth: mean 1, h = 1.
    counts = [np.array([[n]], dtype=np.uint32) for n in (3, 0, 0)]
    assert contact_signal(counts, [9, 9, 9], 9)[0, 0] == pytest.approx(1.0, abs=1e-12)


def test_large_counts_do_not_overflow():
    # log2(1 + 4e9 / 1e10 * 1e10) = log2(4000000001) = 31.8973528530...
    count = np.array([[4_000_000_000]], dtype=np.uint32)
    h = contact_signal([count], [10_000_000_000], 10_000_000_000)
    assert h[0, 0] == pytest.approx(31.897352853, abs=1e-8)


def test_flip_minus_mirrors_signal_and_mask_of_minus_genes_only(built):
    features = built(flip_minus=True)
    signal, observed = features.contacts("S")
    minus = ("g2", "g3")
    mirrored = {g: v[::-1] if g in minus else v for g, v in SIGNAL.items()}
    assert by_gene(features, signal) == stored(mirrored)
    assert by_gene(features, observed)["g3"] == [0, 0, 1, 1, 1]
    assert by_gene(features, observed)["g4"] == OBSERVED["g4"]


def test_keep_self_false_hides_the_tss_bin(built):
    features = built(keep_self=False)
    signal, observed = features.contacts("S")
    without = {g: [v[0], v[1], 0, v[3], v[4]] for g, v in SIGNAL.items()}
    assert by_gene(features, signal) == stored(without)
    assert not observed[:, 2].any()
    assert by_gene(features, observed)["g1"] == [1, 1, 0, 1, 1]


def test_right_inclusive_false_drops_the_last_bin(built):
    features = built(right_inclusive=False)
    signal, observed = features.contacts("S")
    assert by_gene(features, signal) == stored({g: v[:4] for g, v in SIGNAL.items()})
    assert by_gene(features, observed) == {g: v[:4] for g, v in OBSERVED.items()}


def test_right_inclusive_false_gives_the_400_bins_of_the_paper(built):
    features = built(right_inclusive=False, n_flank_bins=200)
    signal, observed = features.contacts("S")
    assert signal.shape == observed.shape == (5, 400)
    # The TSS bin is column 200; -2 .. +2 are columns 198 to 202.
    assert by_gene(features, signal[:, 198:203]) == stored(SIGNAL)
    assert by_gene(features, observed[:, 198:203]) == OBSERVED
    # chrA has 5 bins: nothing else is on it.
    assert observed.sum(axis=1).tolist() == [5, 5, 5, 6, 0]


def test_target_depth(built):
    # Scaled to 8: replicate 1 as it is, replicate 2 doubled; chrA bin 2 has the means
    # (0+2)/2 (2+2)/2 1/2 1/2 1/2, so h = log2 of 2, 3, 1.5, 1.5, 1.5.
    features = built(target_depth=8)
    signal, _ = features.contacts("S")
    expected = [1.0, LOG2_3, LOG2_1_5, LOG2_1_5, LOG2_1_5]
    assert by_gene(features, signal)["g1"] == np.float32(expected).tolist()
    assert features.array_attrs(signal_path("S"))["target_depth"] == 8


def test_depth_scope_all_takes_the_smallest_depth_of_all_samples(built):
    # Sample T has depth 2: everything of S is halved again; chrA bin 2 has the means
    # 0.25 0.5 0.125 0.125 0.125.
    features = built(others=True)
    signal, _ = features.contacts("S")
    expected = [LOG2_1_25, LOG2_1_5, LOG2_1_125, LOG2_1_125, LOG2_1_125]
    assert by_gene(features, signal)["g1"] == np.float32(expected).tolist()
    depths = {s: features.array_attrs(signal_path(s))["target_depth"] for s in "ST"}
    assert depths == {"S": 2, "T": 2}


def test_depth_scope_sample_looks_at_its_own_replicates(built):
    features = built(others=True, depth_scope="sample")
    signal, _ = features.contacts("S")
    assert by_gene(features, signal) == stored(SIGNAL)
    depths = {s: features.array_attrs(signal_path(s))["target_depth"] for s in "ST"}
    assert depths == {"S": 4, "T": 2}


def test_observed_mask_of_a_chromosome_of_one_bin():
    mask = observed_mask(np.array([0]), np.array([1]), np.array([True]), 1)
    assert mask.tolist() == [[0, 1, 0]]
