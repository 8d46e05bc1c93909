from __future__ import annotations

import numpy as np
import pytest

from dexkit.errors import FormatError, InputError
from dexkit.genome import Gene, GeneTable
from dexkit.io.expression import match_expression, read_expression, strip_version

NAN = np.nan


def genes(*pairs):
    return GeneTable.from_genes(
        Gene(gene_id, name, "chr1", 100 * i, "+") for i, (gene_id, name) in enumerate(pairs)
    )


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", ["\t", ",", " ", "   "])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_delimiters(write, delimiter, end, gz, bom):
    rows = [["gene_id", "K562", "Jurkat"], ["G1", "1", "2.5"], ["G2", "1e3", "0"]]
    text = bom + end.join(delimiter.join(row) for row in rows) + end
    table = read_expression(write("e", text, gz=gz))
    assert table.ids == ["G1", "G2"]
    assert table.names is None
    assert table.samples == ["K562", "Jurkat"]
    np.testing.assert_array_equal(table.values, [[1, 2.5], [1000, 0]])


@pytest.mark.parametrize("missing", ["NA", "nan", "NaN", ".", "", "N/A", "null"])
def test_missing_values(write, missing):
    table = read_expression(write("e", f"id\ta\tb\nG1\t{missing}\t1\nG2\t2\t{missing}\n"))
    np.testing.assert_array_equal(table.values, [[NAN, 1], [2, NAN]])


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("gene_id\tgene_name\ta", ["N1", "7"]),
        ("Name\tDescription\ta", ["N1", "7"]),
        ("id\tsymbol\ta", ["N1", "7"]),
    ],
)
def test_name_column_by_header(write, header, names):
    table = read_expression(write("e", f"{header}\nG1\tN1\t1\nG2\t7\t2\n"))
    assert table.names == names
    assert table.samples == ["a"]


@pytest.mark.parametrize("header", ["gene_id", "Gene", "symbol"])
def test_a_field_too_many_in_every_row_makes_no_sample_of_the_identifiers(write, header):
    # A trailing tab: R's form of a header would read every value into a sample called gene_id.
    with pytest.raises(FormatError, match=r"line 2: the row has 3 columns; expected 2"):
        read_expression(write("e", f"{header}\tK562\nG1\t1\t\nG2\t2\t\n"))


def test_name_column_by_content(write):
    table = read_expression(write("e", "id\twhat\ta\nG1\tN1\t1\nG2\tNA\t2\n"))
    assert table.names == ["N1", "NA"]


def test_a_bad_value_does_not_make_a_name_column(write):
    with pytest.raises(FormatError, match=r"line 3: value 'oops' of gene 'G2', column 'a', is no"):
        read_expression(write("e", "id\ta\tb\nG1\t5\t1\nG2\toops\t2\n"))


def test_header_as_r_writes_it(write):
    table = read_expression(write("e", '"a" "b"\n"G1" 1 2\n"G2" 3 4\n'))
    assert (table.ids, table.samples) == (["G1", "G2"], ["a", "b"])


def test_quoted_commas(write):
    table = read_expression(write("e", 'gene_id,gene_name,a\nG1,"x, y",4\n'))
    assert table.names == ["x, y"]


def test_numeric_sample_names(write):
    table = read_expression(write("e", "gene_id\t1\t2\nG1\t3\t4\n"))
    assert table.samples == ["1", "2"]


def test_leading_comments_and_blank_lines(write):
    table = read_expression(write("e", "#v1\n\nid\ta\nG1\t3\n\n"))
    assert table.ids == ["G1"]


@pytest.mark.parametrize("first", ["2", "NA", "0.5"])
def test_two_columns_without_a_header(write, first):
    table = read_expression(write("e", f"A1CF\t{first}\nA2M\t1\n"), sample="K562")
    assert table.ids == ["A1CF", "A2M"]
    assert table.samples == ["K562"]
    assert table.values.shape == (2, 1)


def test_two_columns_without_a_header_need_a_sample(write):
    with pytest.raises(InputError, match="no header; say which sample"):
        read_expression(write("e", "A1CF\t2\nA2M\t1\n"))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("id\ta\nG1\t-3\n", r"line 2: value '-3' of gene 'G1', column 'a', is negative"),
        ("id\ta\nG1\t1\nG2\tfoo\n", r"line 3: value 'foo' of gene 'G2', column 'a', is no number"),
        ("id\ta\nG1\tinf\n", "line 2: value 'inf' .* is infinite"),
        ("id\ta\nG1\t-Infinity\n", "line 2: value '-Infinity' .* is infinite"),
        ("id\ta\nG1\t1e999\n", "line 2: value '1e999' .* is infinite"),
        ("id\ta\nG1\t1_000\n", "is no number"),
        ('id\ta\nG1\t"1,000"\n', "is no number"),
        ("G1\t1\nG2\t-1\n", "line 2: value '-1' .* is negative"),
        ("G1\t-1\nG2\t1\n", "line 1: value '-1' .* is negative"),
        ("G1\tinf\nG2\t1\n", "line 1: value 'inf' .* is infinite"),
        ("id\ta\tb\nG1\t1\t2\nG2\t1\n", "line 3: the row has 2 columns; expected 3"),
        ("id\ta\tb\nG1\t1\t2\nG2\t1\t2\t3\n", "line 3: the row has 4 columns; expected 3"),
        ("G1\t1\t2\nG2\t1\t2\n", "line 1: the first line holds values, not names, in 3 columns"),
        ("id\ta\ta\nG1\t1\t2\n", "line 1: column 'a' occurs twice"),
        ("id\ta\t\nG1\t1\t2\n", "line 1: column 2 of the values has no name"),
        ("id\ta\n\t1\n", "line 2: the gene identifier is empty"),
        ("id\ta\n", "has a header and no genes"),
        ("id\nG1\n", "the header names no sample"),
        ("id\tgene_name\ta\nG1\tN\n", "line 2: the row has 2 columns; expected 3"),
        ("#x\n", "the table holds no rows"),
        ("", "the file is empty"),
        (b"\0\1\2", "binary data"),
    ],
)
def test_bad_tables(write, text, match):
    with pytest.raises(FormatError, match=match) as caught:
        read_expression(write("e.tsv", text), sample="S")
    assert "e.tsv" in str(caught.value)


def test_bad_files(write, tmp_path):
    with pytest.raises(InputError, match="no such file; expected a gene-expression table"):
        read_expression(tmp_path / "none")
    with pytest.raises(InputError, match="is a directory"):
        read_expression(tmp_path)
    with pytest.raises(FormatError, match="truncated"):
        read_expression(write("e.gz", "id\ta\nG1\t1\n", gz=True, cut=9))


def test_column_of_a_sample(write):
    table = read_expression(write("e", "id\tK562\tJurkat\nG1\t1\t2\n"))
    assert table.column("Jurkat") == 1
    assert table.column("other", "K562") == 0
    with pytest.raises(InputError, match=r"no expression column 'K526' for sample 'K562'; did you"):
        table.column("K562", "K526")
    with pytest.raises(InputError, match=r"no expression column 'HCT'; .*known: Jurkat, K562"):
        table.column("HCT")


def test_the_only_column_needs_no_name(write):
    table = read_expression(write("e", "id\tcount\nG1\t1\n"))
    assert table.column("K562") == 0
    with pytest.raises(InputError, match="no expression column 'tpm'"):
        table.column("K562", "tpm")


@pytest.mark.parametrize(
    ("gene_id", "stripped"),
    [
        ("ENSG00000000457.13", "ENSG00000000457"),
        ("ENSMUSG00000000457.2", "ENSMUSG00000000457"),
        ("ENSG00000182378.15_PAR_Y", "ENSG00000182378_PAR_Y"),
        ("ENSG00000000457", "ENSG00000000457"),
        ("MSTRG.12", "MSTRG.12"),
        ("RP11-34P13.7", "RP11-34P13.7"),
        ("AC012345.1", "AC012345.1"),
    ],
)
def test_strip_version(gene_id, stripped):
    assert strip_version(gene_id) == stripped


ANNOTATION = (
    ("ENSG00000000001.2", "AAA"),
    ("ENSG00000000002.5", "BBB"),
    ("ENSG00000000003.1", "C"),
)


@pytest.mark.parametrize(
    ("first", "second", "how"),
    [
        ("ENSG00000000001.2", "ENSG00000000003.1", "gene_id"),
        ("ENSG00000000001", "ENSG00000000003", "gene_id without version"),
        ("ENSG00000000001.9", "ENSG00000000003.7", "gene_id without version"),
        ("AAA", "C", "gene_name"),
    ],
)
def test_the_way_that_matches_most_is_taken(write, first, second, how):
    table = read_expression(write("e", f"id\ta\tb\n{second}\t3\tNA\nelse\t9\t9\n{first}\t1\t2\n"))
    found = match_expression(genes(*ANNOTATION), table)
    assert found.matched_by == how
    assert found.n_matched == 2
    assert found.unmatched_rows == ["else"]
    assert found.ambiguous == []
    np.testing.assert_array_equal(found.values, [[1, 2], [NAN, NAN], [3, NAN]])


def test_name_column_is_used_when_the_ids_fail(write):
    table = read_expression(write("e", "id\tsymbol\ta\n17\tBBB\t4\n18\tzzz\t5\n"))
    found = match_expression(genes(*ANNOTATION), table)
    assert found.matched_by == "gene_name"
    assert found.unmatched_rows == ["18"]
    np.testing.assert_array_equal(found.values[:, 0], [NAN, 4, NAN])


def test_repeated_rows(write):
    text = "id\ta\nAAA\t1\nAAA\t1\nBBB\t2\nBBB\t3\nC\tNA\nC\tNA\nzz\t1\nzz\t2\n"
    found = match_expression(genes(*ANNOTATION), read_expression(write("e", text)))
    assert found.repeated == ["AAA", "C"]
    assert found.ambiguous == ["BBB"]
    assert found.unmatched_rows == ["zz", "zz"]
    assert found.n_matched == 2
    np.testing.assert_array_equal(found.values[:, 0], [1, NAN, NAN])


def test_a_symbol_of_several_genes_is_left_out(write):
    annotation = genes(("G1", "DUP"), ("G2", "DUP"), ("G3", "ONE"))
    found = match_expression(annotation, read_expression(write("e", "id\ta\nDUP\t1\nONE\t2\n")))
    assert found.ambiguous == ["DUP"]
    assert found.unmatched_rows == []
    np.testing.assert_array_equal(found.values[:, 0], [NAN, NAN, 2])


def test_versions_that_collide_are_ambiguous(write):
    text = "id\ta\nENSG00000000001.1\t1\nENSG00000000001.3\t2\nENSG00000000002.1\t3\n"
    found = match_expression(genes(*ANNOTATION), read_expression(write("e", text)))
    assert found.matched_by == "gene_id without version"
    assert found.ambiguous == ["ENSG00000000001"]


def test_not_a_single_gene(write):
    table = read_expression(write("e", "id\ta\nFBgn1\t1\n"))
    with pytest.raises(
        InputError,
        match=r"not a single gene of the annotation is in the table; got 'FBgn1'; expected gene "
        r"ids such as 'ENSG00000000001\.2'.* or gene names such as 'AAA'",
    ):
        match_expression(genes(*ANNOTATION), table)


def test_only_ambiguous_genes(write):
    table = read_expression(write("e", "id\ta\nAAA\t1\nAAA\t2\n"))
    with pytest.raises(InputError, match=r"\(1 names are ambiguous: 'AAA'\)"):
        match_expression(genes(*ANNOTATION), table)
