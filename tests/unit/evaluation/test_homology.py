import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.errors import ConfigError
from dexkit.evaluation.homology import connected_groups, similar_pairs, sketch_promoters


def random_codes(n, length, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (n, length), dtype=np.uint8)


def reverse_complement(codes):
    return np.where(codes < 4, 3 - codes, codes)[..., ::-1].astype(np.uint8)


def mutated(row, every):
    """Change every ``every``-th base."""
    row = row.copy()
    row[::every] = (row[::every] + 1) % 4
    return row


def canonical_kmers(row, k):
    """The set of canonical k-mers, by strings."""
    text = "".join("ACGTN"[c] for c in row)
    other = str.maketrans("ACGT", "TGCA")
    kmers = (text[i : i + k] for i in range(len(text) - k + 1))
    return {min(kmer, kmer.translate(other)[::-1]) for kmer in kmers if "N" not in kmer}


def test_sketch_equals_jaccard_when_it_holds_every_kmer():
    codes = random_codes(12, 60, seed=3)
    codes[1, :45] = codes[0, :45]
    codes[3] = reverse_complement(codes[2])
    codes[4, 10] = 4
    codes[5] = codes[4]
    codes[7] = mutated(codes[6], 25)
    pairs = similar_pairs(sketch_promoters(codes, k=11, size=128), 0.001)
    found = dict(zip(zip(pairs.first, pairs.second, strict=True), pairs.similarity, strict=True))
    sets = [canonical_kmers(row, 11) for row in codes]
    expected = {}
    for a in range(12):
        for b in range(a + 1, 12):
            if sets[a] & sets[b]:
                expected[a, b] = len(sets[a] & sets[b]) / len(sets[a] | sets[b])
    assert {(0, 1), (2, 3), (4, 5), (6, 7)} <= expected.keys()
    assert found == pytest.approx(expected)
    assert found[2, 3] == found[4, 5] == 1


def test_a_small_sketch_estimates_jaccard():
    a, b = random_codes(2, 2000, seed=1)
    b[:1000] = a[:1000]
    sets = [canonical_kmers(row, 16) for row in (a, b)]
    exact = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    pairs = similar_pairs(sketch_promoters(np.stack([a, b]), size=256), 0.05)
    # Four standard errors of a share of 256.
    assert abs(pairs.similarity[0] - exact) < 4 * np.sqrt(exact * (1 - exact) / 256)


def test_planted_copies_are_found_and_nothing_else():
    codes = random_codes(300, 1000, seed=5)
    planted = {(3, 250), (10, 11), (40, 299)}
    codes[250] = mutated(codes[3], 40)
    codes[11] = reverse_complement(mutated(codes[10], 40))
    codes[299, :700] = codes[40, 300:]
    pairs = similar_pairs(sketch_promoters(codes))
    assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == planted


def test_unknown_bases_relate_nothing():
    codes = np.full((5, 100), 4, dtype=np.uint8)
    codes[:2, :15] = 1
    assert len(similar_pairs(sketch_promoters(codes, k=16))) == 0
    assert len(similar_pairs(sketch_promoters(codes[:, :10], k=16))) == 0
    assert len(similar_pairs(sketch_promoters(codes[:0], k=16))) == 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"k": 7}, "8 to 31 bases; got 7"),
        ({"k": 32}, "8 to 31 bases; got 32"),
        ({"size": 15}, "at least 16 hashes; got 15"),
        ({"size": 2_000_000}, "at most 1,048,576 hashes; got 2000000"),
    ],
)
def test_sketch_options_are_checked(options, match):
    with pytest.raises(ConfigError, match=match):
        sketch_promoters(random_codes(2, 50), **options)


@pytest.mark.parametrize("similarity", [0, -0.1, 1.1, float("nan")])
def test_similarity_is_checked(similarity):
    with pytest.raises(ConfigError, match="must lie above 0"):
        similar_pairs(sketch_promoters(random_codes(2, 50)), similarity)


@settings(max_examples=60)
@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29))))
def test_groups_are_those_of_a_search_through_the_links(n, links):
    links = [(a % n, b % n) for a, b in links]
    first = np.array([a for a, _ in links], dtype=np.intp)
    second = np.array([b for _, b in links], dtype=np.intp)
    half = len(links) // 2
    groups = connected_groups(n, [(first[:half], second[:half]), (first[half:], second[half:])])
    expected, number = {}, 0
    for gene in range(n):
        if gene in expected:
            continue
        todo = [gene]
        while todo:
            here = todo.pop()
            if here not in expected:
                expected[here] = number
                todo += [b for a, b in links if a == here] + [a for a, b in links if b == here]
        number += 1
    assert groups.tolist() == [expected[gene] for gene in range(n)]
