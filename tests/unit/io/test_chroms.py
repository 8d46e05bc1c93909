from __future__ import annotations

import pytest

from dexkit.errors import InputError
from dexkit.io.chroms import complete_alias, first_names, reconcile

UCSC = ["chr1", "chr2", "chrX", "chrM"]
ENSEMBL = ["1", "2", "X", "MT"]


def test_equal_names_need_no_alias():
    found = reconcile(UCSC, ["chr2", "chr1", "chr2"], "the GTF")
    assert dict(found.alias) == {}
    assert found.message is None
    assert found.unmatched == []
    assert found.to_fasta("chr2") == "chr2"
    assert found.to_fasta("chrX") is None


@pytest.mark.parametrize(
    ("fasta", "other"), [(UCSC, ENSEMBL), (ENSEMBL, UCSC), (UCSC, ["1", "2", "X", "M"])]
)
def test_prefix_and_mitochondrion(fasta, other):
    found = reconcile(fasta, other, "the GTF")
    assert [found.to_fasta(name) for name in other] == fasta
    assert found.message == (
        f"4 chromosome names of the GTF mapped to the FASTA's ({other[0]} -> {fasta[0]}, …)"
    )


def test_only_the_mitochondrion_differs():
    found = reconcile(UCSC, ["chr1", "chrMT"], "the GTF")
    assert dict(found.alias) == {"chrMT": "chrM"}
    assert "1 chromosome name of the GTF" in str(found.message)


def test_unmatched_names_are_listed():
    found = reconcile(UCSC, ["1", "GL000191.1", "2", "GL000192.1"], "the GTF")
    assert found.unmatched == ["GL000191.1", "GL000192.1"]
    assert found.to_fasta("GL000191.1") is None


def test_nothing_matches():
    with pytest.raises(
        InputError,
        match=r"not one chromosome of the GTF is in the FASTA; got 'I', 'II'; "
        r"expected names such as 'chr1'",
    ):
        reconcile(UCSC, ["I", "II"], "the GTF")


def test_empty_input_is_no_mismatch():
    assert reconcile(UCSC, [], "the GTF").unmatched == []


@pytest.mark.parametrize("other", [["1", "chr1"], ["chr1", "1"], ["MT", "chrM"], ["M", "MT"]])
def test_two_names_for_one_chromosome(other):
    with pytest.raises(InputError, match="both stand for 'chr"):
        reconcile(UCSC, other, "the GTF")


def test_one_name_for_two_chromosomes():
    with pytest.raises(InputError, match="'chrMT' of the GTF fits two names of the FASTA"):
        reconcile(["M", "MT"], ["chrMT"], "the GTF")


def test_given_alias_comes_before_the_rules():
    found = reconcile(UCSC, ["NC_1", "2"], "the GTF", {"NC_1": "chr1", "x": "nowhere"})
    assert dict(found.alias) == {"NC_1": "chr1", "2": "chr2"}


@pytest.mark.parametrize(
    ("fasta", "seen", "expected"),
    [
        (UCSC, {"1": "chr1"}, {"1": "chr1", "2": "chr2", "X": "chrX", "M": "chrM", "MT": "chrM"}),
        (ENSEMBL, {"chr1": "1"}, {"chr1": "1", "chr2": "2", "chrX": "X", "chrM": "MT"}),
        (UCSC, {}, {"chrMT": "chrM"}),
        (["a", "b"], {}, {}),
    ],
)
def test_alias_of_part_of_a_file_is_completed(fasta, seen, expected):
    completed = complete_alias(fasta, seen)
    assert expected.items() <= completed.items()
    assert not completed.keys() & set(fasta)
    assert set(completed.values()) <= set(fasta)


def test_completing_adds_no_spelling_without_reason():
    assert complete_alias(UCSC, {}) == {"chrMT": "chrM"}


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], "none"),
        (["a", "b"], "'a', 'b'"),
        (list("abcdef"), "'a', 'b', 'c', 'd', 'e', …"),
        (["q" * 60], f"'{'q' * 60}'"),
        (["q" * 1_000_000], f"'{'q' * 60}…'"),
        (["a\x1bb"], r"'a\x1bb'"),
    ],
)
def test_first_names_fit_a_sentence(names, shown):
    assert first_names(names) == shown
