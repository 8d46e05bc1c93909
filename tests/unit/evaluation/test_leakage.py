import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.evaluation.homology import Pairs
from dexkit.evaluation.leakage import N_WORST, find_leaks
from dexkit.evaluation.relations import Relations
from dexkit.evaluation.split_file import PARTS, SplitTable
from dexkit.genome import GeneTable

WINDOW, PROFILE, BIN = 50, 5, 100


def random_relations(random, n):
    tss = random.integers(0, 3000, n)
    first, second = np.triu_indices(n, 1)
    chosen = random.random(len(first)) < 0.1
    genes = GeneTable(
        gene_id=np.array([f"G{i}" for i in range(n)], dtype=object),
        gene_name=np.array([f"name{i}" for i in range(n)], dtype=object),
        chrom=np.array([f"chr{i}" for i in random.integers(1, 4, n)], dtype=object),
        tss=tss,
        strand=np.array(["+"] * n, dtype=object),
    )
    return Relations(
        genes=genes,
        copies=Pairs(first[chosen], second[chosen], random.random(chosen.sum())),
        sequence=random.integers(-1, n, n),
        name=random.integers(0, 2 * n, n),
        chrom=random.integers(-1, 3, n),
        start=tss - 25,
        window_bp=WINDOW,
        tss_bin=tss // BIN,
        bin_size_bp=BIN,
        profile_bins=PROFILE,
    )


def split_of(part, kind="random"):
    n, n_folds = part.shape
    ids = np.array([f"G{i}" for i in range(n)], dtype=object)
    none = np.full(n, -1, dtype=np.intp)
    return SplitTable(kind, n_folds, 0, True, ids, ids, none, part.astype(np.uint8))


def related(relations, name, a, b):
    """Whether two genes are related, by the definition."""
    copies = relations.copies
    same_chrom = relations.chrom[a] == relations.chrom[b] >= 0
    bins = abs(relations.tss_bin[a] - relations.tss_bin[b])
    return {
        "near_copies": any(
            {a, b} == {x, y} for x, y in zip(copies.first, copies.second, strict=True)
        ),
        "identical_sequences": relations.sequence[a] == relations.sequence[b] >= 0,
        "duplicated_genes": relations.name[a] == relations.name[b],
        "overlapping_promoters": same_chrom
        and len(
            set(range(relations.start[a], relations.start[a] + WINDOW))
            & set(range(relations.start[b], relations.start[b] + WINDOW))
        )
        > 0,
        "same_bin": same_chrom and bins == 0,
        "shared_bins": same_chrom and bins < PROFILE,
    }[name]


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(4, 22))
def test_counts_are_those_of_all_pairs(seed, n):
    random = np.random.default_rng(seed)
    relations = random_relations(random, n)
    table = split_of(random.integers(0, len(PARTS), (n, 2)))
    report = find_leaks(relations, table, 0.1)
    for leak in report.leaks:
        for fold in range(2):
            test = np.flatnonzero(table.rows(fold, "test"))
            learnt = np.flatnonzero(table.rows(fold, "train") | table.rows(fold, "validation"))
            found = [[related(relations, leak.name, a, b) for b in learnt] for a in test]
            assert leak.genes[fold] == sum(any(row) for row in found), leak.name
            assert leak.pairs[fold] == sum(sum(row) for row in found), leak.name
    worst = [pair["similarity"] for pair in report.worst]
    assert worst == sorted(worst, reverse=True)
    assert len(worst) == min(N_WORST, sum(report.find("near_copies").pairs))


def test_groups_leave_no_relation_that_they_are_made_of():
    random = np.random.default_rng(4)
    relations = random_relations(random, 60)
    few = slice(0, 10)
    copies = Pairs(*(getattr(relations.copies, f)[few] for f in ("first", "second", "similarity")))
    relations = Relations(**{**vars(relations), "copies": copies})
    groups = relations.groups()
    part = np.where(groups % 3 == 0, PARTS.index("test"), PARTS.index("train"))[:, None]
    report = find_leaks(relations, split_of(part), 0.1)
    random_part = random.permutation(part)
    shuffled = find_leaks(relations, split_of(random_part), 0.1)
    for name in ("near_copies", "overlapping_promoters", "same_bin", "duplicated_genes"):
        assert report.find(name).pairs == (0,)
        assert shuffled.find(name).pairs[0] > 0
    assert report.worst == ()


@pytest.mark.parametrize("part", ["sequence", "contacts"])
def test_what_a_file_cannot_tell_is_said(part):
    random = np.random.default_rng(0)
    absent = {
        "sequence": {"copies": None, "sequence": None, "window_bp": None},
        "contacts": {"profile_bins": None},
    }[part]
    relations = Relations(**{**vars(random_relations(random, 12)), **absent})
    report = find_leaks(relations, split_of(random.integers(0, 3, (12, 2))), 0.1)
    unknown = {leak.name for leak in report.leaks if leak.genes is None}
    assert (
        unknown
        == {
            "sequence": {"near_copies", "identical_sequences", "overlapping_promoters"},
            "contacts": {"shared_bins"},
        }[part]
    )
    entry = next(leak for leak in report.to_json()["leaks"] if leak["name"] in unknown)
    assert entry["genes"] is entry["share"] is entry["pairs"] is None
