import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.errors import ConfigError, DexkitError, InputError, TrainingError
from dexkit.evaluation.folds import group_folds
from dexkit.evaluation.splits import GRAPHREG_FOLDS, make_split

HUMAN = [f"chr{name}" for name in (*range(1, 23), "X", "Y")]


def everything(chroms):
    return np.ones(len(chroms), dtype=bool)


@pytest.mark.parametrize(
    ("fold", "test", "validation"),
    [
        (0, ("chr2", "chr12"), ("chr1", "chr11")),
        (4, ("chr6", "chr16"), ("chr5", "chr15")),
        (9, ("chr11", "chr21"), ("chr10", "chr20")),
        (10, ("chr1", "chr22", "chrX"), ("chr11", "chr21")),
    ],
)
@pytest.mark.parametrize("prefix", ["chr", ""])
def test_graphreg_folds_are_the_published_ones(fold, test, validation, prefix):
    chroms = [prefix + name[3:] for name in HUMAN for _ in range(3)]
    split = make_split(chroms, everything(chroms), "graphreg", GRAPHREG_FOLDS, fold)
    assert split.test_chroms == tuple(prefix + name[3:] for name in test)
    assert split.validation_chroms == tuple(prefix + name[3:] for name in validation)
    assert {chroms[i] for i in split.test} == set(split.test_chroms)
    assert len(split.train) + len(split.validation) + len(split.test) == len(chroms)
    assert not split.leaky


def test_graphreg_tests_every_chromosome_but_y_once():
    chroms = [name for name in HUMAN for _ in range(3)]
    tested = [
        chrom
        for fold in range(GRAPHREG_FOLDS)
        for chrom in make_split(
            chroms, everything(chroms), "graphreg", GRAPHREG_FOLDS, fold
        ).test_chroms
    ]
    assert sorted(tested) == sorted(set(HUMAN) - {"chrY"})


def test_graphreg_has_its_own_number_of_folds_and_needs_its_chromosomes():
    chroms = [name for name in HUMAN for _ in range(3)]
    with pytest.raises(ConfigError, match="graphreg split has 11 folds; got 5"):
        make_split(chroms, everything(chroms), "graphreg", 5)
    others = ["scaffold1", "scaffold2"] * 20
    with pytest.raises(TrainingError, match=r"graphreg split.*the validation part got 0"):
        make_split(others, everything(others), "graphreg", GRAPHREG_FOLDS)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=120), st.integers(2, 5), st.integers(0, 9))
def test_group_folds_keep_groups_whole_and_balanced(groups, n_folds, seed):
    groups = np.array(groups)
    sizes = np.bincount(groups)
    if np.count_nonzero(sizes) < n_folds:
        with pytest.raises(TrainingError, match="need at least"):
            group_folds(groups, n_folds, seed)
        return
    folds = group_folds(groups, n_folds, seed)
    assert all(len(set(folds[groups == g])) == 1 for g in set(groups.tolist()))
    totals = np.bincount(folds, minlength=n_folds)
    assert totals.max() - totals.min() <= sizes.max()
    assert np.array_equal(folds, group_folds(groups, n_folds, seed))


@settings(max_examples=150)
@given(
    seed=st.integers(0, 1000),
    kind=st.sampled_from(["homology", "chromosome-homology"]),
    n_folds=st.integers(2, 6),
    fold=st.integers(0, 5),
    member=st.integers(0, 10),
)
def test_related_genes_are_in_one_part(seed, kind, n_folds, fold, member):
    random = np.random.default_rng(seed)
    n = int(random.integers(20, 150))
    chroms = [f"chr{i}" for i in random.integers(1, 12, n)]
    groups = random.integers(0, int(random.integers(5, n)), n)
    usable = random.random(n) < 0.9
    try:
        split = make_split(chroms, usable, kind, n_folds, fold, seed, member=member, groups=groups)
    except DexkitError:
        return
    parts = [split.train, split.validation, split.test]
    in_part = [set(groups[part].tolist()) for part in parts]
    assert sum(map(len, in_part)) == len(set.union(*in_part))
    assert np.array_equal(np.sort(np.concatenate([*parts, split.left_out])), np.flatnonzero(usable))
    if kind == "homology":
        assert len(split.left_out) == 0
    else:
        plain = make_split(chroms, usable, "chromosome", n_folds, fold, member=member)
        assert np.array_equal(split.test, plain.test)
        assert set(split.train) <= set(plain.train)
        assert split.describe()["n"].get("left_out", 0) == len(split.left_out)


def test_members_of_a_homology_split_validate_on_disjoint_groups():
    groups = np.repeat(np.arange(100), 3)
    chroms = ["chr1"] * 300
    splits = [
        make_split(chroms, everything(chroms), "homology", 5, 0, 1, member=m, groups=groups)
        for m in range(9)
    ]
    validation = np.concatenate([split.validation for split in splits])
    assert len(set(validation.tolist())) == len(validation) == 240
    assert all(abs(len(split.validation) - 240 / 9) <= 3 for split in splits)


@pytest.mark.parametrize("kind", ["homology", "chromosome-homology"])
@pytest.mark.parametrize("groups", [None, np.zeros(7, dtype=np.intp)])
def test_groups_are_needed(kind, groups):
    chroms = ["chr1", "chr2", "chr3", "chr4"] * 10
    with pytest.raises(InputError, match=f"the {kind} split must know the group of every gene"):
        make_split(chroms, everything(chroms), kind, groups=groups)


def test_one_group_cannot_be_divided():
    chroms = ["chr1"] * 30
    with pytest.raises(TrainingError, match="got 1, the largest of 30 genes"):
        make_split(chroms, everything(chroms), "homology", groups=np.zeros(30, dtype=np.intp))
