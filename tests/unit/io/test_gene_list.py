"""Lists of genes: symbols and identifiers, known and unknown."""

import gzip

import pytest

from dexkit.errors import InputError
from dexkit.genome import Gene, GeneTable
from dexkit.io.gene_list import read_gene_list

GENES = GeneTable.from_genes(
    Gene(gene_id, name, "chr1", 100 * i, "+")
    for i, (gene_id, name) in enumerate(
        [
            ("ENSG00000000001.3", "ACTB"),
            ("ENSG00000000002.1", "GAPDH"),
            ("ENSG00000000003.7", "SNORD"),
            ("ENSG00000000004.2", "SNORD"),
            ("plain", "plain.1"),
        ]
    )
)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("GAPDH\nACTB\n", [0, 1]),
        ("ENSG00000000001.3\n", [0]),
        ("ENSG00000000002\n", [1]),
        ("ENSG00000000002.9\n", [1]),
        ("SNORD\n", [2, 3]),
        ("plain\n", [4]),
        ("# housekeeping\n\nACTB\tNM_001101 \r\nACTB\n", [0]),
    ],
    ids=["symbols", "id", "no-version", "other-version", "shared", "plain", "columns"],
)
def test_names(tmp_path, text, rows):
    found = read_gene_list(write(tmp_path / "g.txt", text), GENES)
    assert found.rows.tolist() == rows
    assert found.unknown == ()


def test_unknown_names_are_listed_once(tmp_path):
    found = read_gene_list(write(tmp_path / "g.txt", "nope\nACTB\ngene\nnope\n"), GENES)
    assert (found.n_names, found.unknown) == (3, ("nope", "gene"))
    assert found.rows.tolist() == [0]


def test_gzip(tmp_path):
    (tmp_path / "g.txt.gz").write_bytes(gzip.compress(b"GAPDH\n"))
    assert read_gene_list(tmp_path / "g.txt.gz", GENES).rows.tolist() == [1]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("actb\ngapdh\n", r"g\.txt names no gene .*got 2 names, such as 'actb', .* 'ACTB'"),
        ("# nothing\n\n", "got no name"),
    ],
)
def test_a_list_without_a_known_gene_is_refused(tmp_path, text, match):
    with pytest.raises(InputError, match=match):
        read_gene_list(write(tmp_path / "g.txt", text), GENES)


def test_a_missing_list_is_refused(tmp_path):
    with pytest.raises(InputError, match="none"):
        read_gene_list(tmp_path / "none.txt", GENES)
