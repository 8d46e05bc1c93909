import gzip

import numpy as np
import pytest

from dexkit.errors import ConfigError, FormatError, InputError, OutputError, TrainingError
from dexkit.evaluation.imported_groups import read_groups, read_pairs
from dexkit.evaluation.split_file import make_table, read_table
from dexkit.evaluation.splits import SPLIT_KINDS, make_split

N = 120
GENES = np.array([f"G{i:03}" for i in range(N)], dtype=object)
CHROMS = np.array([f"chr{1 + i % 22}" for i in range(N - 8)] + ["chrX"] * 8, dtype=object)
GROUPS = np.random.default_rng(0).integers(0, 70, N)


def table(kind="chromosome", seed=3):
    n_folds = 11 if kind == "graphreg" else 4
    groups = GROUPS if "homology" in kind else None
    return make_table(GENES, CHROMS, kind, n_folds, seed, groups, {"k": 16})


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "splits.tsv"
    table().write(path)
    return path


@pytest.mark.parametrize("kind", SPLIT_KINDS)
def test_a_file_gives_the_split_that_was_saved(kind, tmp_path):
    made = table(kind)
    path = tmp_path / "splits.tsv"
    made.write(path)
    read = read_table(path)
    assert (read.kind, read.n_folds, read.seed, read.leaky) == (
        kind,
        made.n_folds,
        3,
        kind == "random",
    )
    assert read.options == {"k": 16}
    assert np.array_equal(read.group, made.group)
    usable = np.arange(N) % 7 > 0
    for fold in range(made.n_folds):
        direct = make_split(
            CHROMS, np.ones(N, dtype=bool), kind, made.n_folds, fold, 3, groups=GROUPS
        )
        found = read.split(fold, usable)
        for part in ("train", "validation", "test", "left_out"):
            expected = getattr(direct, part)
            assert np.array_equal(getattr(found, part), expected[usable[expected]]), part
        assert found.describe()["file"] == "splits.tsv"
        assert found.describe()["sha256"] == read.sha256
        assert found.leaky == direct.leaky
        assert set(found.test_chroms) <= set(direct.test_chroms)


def test_genes_may_come_in_another_order(written):
    order = np.random.default_rng(1).permutation(N)
    read = read_table(written)
    turned = read.aligned(GENES[order], "other.h5")
    assert np.array_equal(turned.part, read.part[order])
    assert np.array_equal(turned.gene_id, GENES[order])


@pytest.mark.parametrize(
    ("genes", "match"),
    [
        (GENES[:-2], r"2 of the split are not in f\.h5 \(the first is G118\)"),
        ([*GENES, "new"], r"1 of f\.h5 are not in the split \(the first is new\)"),
        (["a", *GENES[1:]], r"1 of f\.h5 .* \(the first is a\) and 1 of the split .* is G000\)"),
    ],
)
def test_another_gene_list_is_refused(written, genes, match):
    with pytest.raises(InputError, match=f"does not fit f.h5.*{match}"):
        read_table(written).aligned(genes, "f.h5")


def test_a_fold_that_is_not_there_is_refused(written):
    with pytest.raises(ConfigError, match="got 4, expected 0 to 3, the folds of"):
        read_table(written).split(4, np.ones(N, dtype=bool))
    with pytest.raises(TrainingError, match="too few genes"):
        read_table(written).split(0, np.arange(N) < 2)


def line(number):
    """Return what edits one line of the file, counted from 0 behind the header of columns."""
    return lambda text, edit: "\n".join(
        edit(row) if i == 9 + number else row for i, row in enumerate(text.split("\n"))
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.replace("# dexkit split", "# another"), "does not begin with"),
        (lambda t: t.replace("# kind: chromosome\n", ""), "its header has no kind"),
        (lambda t: t.replace("# folds: 4", "# folds: four"), "no numbers"),
        (lambda t: t.replace("# folds: 4", "# folds: 5"), "expected .*part_4"),
        (lambda t: t.replace('{"k": 16}', "{k"), "no JSON object"),
        (lambda t: line(0)(t, lambda r: r + "\ttest"), "line 10: the line has 9 columns"),
        (lambda t: line(0)(t, lambda r: r.replace("train", "learn")), "unknown part 'learn'"),
        (lambda t: line(1)(t, lambda r: r.replace("G001", "G000")), "gene G000 occurs twice"),
        (lambda t: line(1)(t, lambda r: r.replace("G001", "G999")), "not those of the checksum"),
        (lambda t: line(0)(t, lambda r: r.replace("\t.\t", "\tx\t")), "group must be a number"),
        (lambda t: line(0)(t, lambda r: r.replace("train", "test")), "in several folds"),
        (lambda t: line(0)(t, lambda r: r.replace("test", "train")), "line 10: gene G000 stands"),
        (lambda t: t[:400], "expected"),
    ],
)
def test_a_changed_file_is_refused(written, change, match):
    text = written.read_text()
    changed = change(text)
    assert changed != text
    written.write_text(changed)
    with pytest.raises(FormatError, match=match):
        read_table(written)


def test_no_file_is_replaced_unasked(written):
    before = written.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        table("random").write(written)
    assert written.read_bytes() == before


def test_groups_of_hashfrag_are_read(tmp_path):
    path = tmp_path / "groups.tsv.gz"
    rows = ["G000\t0", "G005_Reversed\t0", "G007\t0", "G001\t1", "peak7\t1", "G002\t1", "G009\t2"]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    links = read_groups(path, GENES)
    found = list(zip(links.first.tolist(), links.second.tolist(), strict=True))
    assert found == [(0, 5), (5, 7), (1, 2)]
    assert links.n_unknown == 1


@pytest.mark.parametrize(
    ("min_score", "expected"),
    [(None, [(0, 1), (2, 3), (4, 0)]), (85, [(2, 3), (4, 0)]), (100.5, [])],
)
def test_pairs_of_hashfrag_are_read(tmp_path, min_score, expected):
    path = tmp_path / "pairs.tsv"
    path.write_text(
        "# comment\nG000\tG001\t60\nG002\tG003_Reversed\t85\nG004\tG000\t100\nG1\tx\t9\n"
    )
    links = read_pairs(path, GENES, min_score)
    assert list(zip(links.first.tolist(), links.second.tolist(), strict=True)) == expected
    assert links.n_unknown == 2


@pytest.mark.parametrize(
    ("read", "text", "match"),
    [
        (read_groups, "G000\t1\t2\n", "line 1: the line has 3 columns; expected a table of groups"),
        (read_groups, "G000\t1\nG001\t\n", "line 2: gene 'G001' has no group"),
        (read_groups, "a\t1\nb\t1\n", "none of its 2 names, such as 'a', is a gene id"),
        (read_groups, "", "the file is empty"),
        (read_pairs, "G000\n", "line 1: the line has 1 columns; expected a table of pairs"),
        (read_pairs, "G000\tG001\tx\n", "line 1: the score must be a number; got 'x'"),
        (read_pairs, "G000\tG001\tnan\n", "the score must be a number; got 'nan'"),
        (lambda p, g: read_pairs(p, g, 5), "G000\tG001\n", "no score, which --min-score compares"),
    ],
)
def test_bad_tables_are_refused(tmp_path, read, text, match):
    path = tmp_path / "table.tsv"
    path.write_text(text)
    with pytest.raises(FormatError, match=match):
        read(path, GENES)
