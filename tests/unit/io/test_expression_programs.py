"""Expression files of featureCounts, STAR, RSEM, Salmon and kallisto, told by their content."""

from __future__ import annotations

import numpy as np
import pytest

from dexkit.errors import ConfigError, FormatError, InputError
from dexkit.genome import Gene, GeneTable
from dexkit.io.expression import match_expression, read_expression

NAN = np.nan


def tsv(*rows):
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


FEATURECOUNTS = (
    '# Program:featureCounts v2.0.3; Command:"featureCounts" "-a" "x.gtf" "-o" "c.txt"\n'
    + tsv(
        ["Geneid", "Chr", "Start", "End", "Strand", "Length", "bams/K562.bam", "/d/Jurkat.BAM"],
        ["ENSG00000000001.2", "chr1;chr1", "1;50", "20;90", "+;+", 1000, 10, 0],
        ["ENSG00000000002.5", "chr2", 1, 500, "-", 500, 30, 2],
        ["ENSG00000000003.1", "chr2", 1, 2000, "-", 2000, 0, "2.5"],
    )
)
STAR = tsv(
    ["N_unmapped", 5, 5, 5],
    ["N_multimapping", 6, 6, 6],
    ["N_noFeature", 7, 70, 8],
    ["N_ambiguous", 1, 0, 1],
    ["G1", 100, 3, 98],
    ["G2", 50, 2, 47],
)
RSEM_GENES = tsv(
    ["gene_id", "transcript_id(s)", "length", "effective_length", "expected_count", "TPM", "FPKM"],
    ["G1", "T1,T2", "900.00", "800.5", "10.50", "7.00", "5.00"],
    ["G2", "T3", "100.00", "0.00", "0.00", "0.00", "0.00"],
)
RSEM_ISOFORMS = tsv(
    ["transcript_id", "gene_id", "length", "effective_length", "expected_count", "TPM", "FPKM"],
    ["T1", "g", 900, 800.5, 10.5, 7, 5],
    ["T2", "g", 800, 700.5, 4.5, 3, 2],
    ["T3", "h", 100, 0, 1, 0.5, 0.25],
    ["T9", "i", 100, 50, 4, 2, 1],
)
SALMON = tsv(
    ["Name", "Length", "EffectiveLength", "TPM", "NumReads"],
    ["T1", 900, 800.5, 7, 10.5],
    ["T2", 800, 700.5, 3, 4.5],
    ["T3", 100, 50, 0.5, 1],
    ["T9", 100, 50, 2, 4],
)
KALLISTO = tsv(
    ["target_id", "length", "eff_length", "est_counts", "tpm"],
    ["T1", 900, 800.5, 10.5, 7],
    ["T2", 800, 700.5, 4.5, 3],
    ["T3", 100, 50, 1, 0.5],
    ["T9", 100, 50, 4, 2],
)
GENE_OF = {"T1": "G1", "T2": "G1", "T3": "G2", "T4": "G3"}


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("with_program_line", [False, True])
def test_featurecounts(write, with_program_line, gz):
    text = FEATURECOUNTS if with_program_line else FEATURECOUNTS.partition("\n")[2]
    table = read_expression(write("c.txt", text, gz=gz))
    assert (table.format, table.measure, table.names) == ("featureCounts", "counts", None)
    assert table.ids == [f"ENSG0000000000{i}" for i in ("1.2", "2.5", "3.1")]
    assert table.samples == ["K562", "Jurkat"]
    assert table.columns() == {"K562": 0, "Jurkat": 1}
    np.testing.assert_array_equal(table.values, [[10, 0], [30, 2], [0, 2.5]])
    assert table.column("K562") == 0
    assert table.column("any", "/d/Jurkat.BAM") == 1


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        # Rates a kilobase of K562: 10, 60, 0; of Jurkat: 0, 4, 1.25.
        ("tpm", [[1e6 / 7, 0], [6e6 / 7, 4e6 / 5.25], [0, 1.25e6 / 5.25]]),
        # Reads: 40 and 4.5.
        ("fpkm", [[10e6 / 40, 0], [60e6 / 40, 4e6 / 4.5], [0, 1.25e6 / 4.5]]),
    ],
)
def test_featurecounts_by_length(write, measure, expected):
    table = read_expression(write("c.txt", FEATURECOUNTS), measure=measure)
    assert table.measure == measure
    np.testing.assert_allclose(table.values, expected, rtol=1e-12)


@pytest.mark.parametrize("measure", ["tpm", "fpkm"])
def test_featurecounts_without_a_read(write, measure):
    text = FEATURECOUNTS.replace("\t10\t", "\t0\t").replace("\t30\t", "\t0\t")
    assert not read_expression(write("c.txt", text), measure=measure).values[:, 0].any()


def test_featurecounts_keeps_the_path_of_names_that_would_be_the_same(write):
    text = FEATURECOUNTS.replace("/d/Jurkat.BAM", "b/K562.bam").replace("bams/K", "a/K")
    table = read_expression(write("c.txt", text))
    assert table.samples == ["a/K562.bam", "b/K562.bam"]
    assert table.column("K562", "b/K562.bam") == 1
    with pytest.raises(InputError, match="no expression column 'K562'"):
        table.column("K562")


def test_featurecounts_with_extra_attributes(write):
    rows = [line.split("\t") for line in FEATURECOUNTS.splitlines()[1:]]
    extra = [["gene_type", "gene_name"], ["lncRNA", "AAA"], ["NA", "BBB"], ["miRNA", "7"]]
    text = tsv(*(row[:6] + more + row[6:] for row, more in zip(rows, extra, strict=True)))
    table = read_expression(write("c.txt", text))
    assert table.names == ["AAA", "BBB", "7"]
    assert table.samples == ["K562", "Jurkat"]
    np.testing.assert_array_equal(table.values, [[10, 0], [30, 2], [0, 2.5]])


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("ENSG00000000002.5", "ENSG00000000001.2", r"line 4: gene 'ENSG00000000001\.2' occurs twi"),
        ("\t1000\t", "\t0\t", "line 3: Length of gene .* is '0'; expected base pairs above 0"),
        ("\t1000\t", "\tNA\t", "line 3: Length of gene .* is 'NA'"),
        ("\t30\t", "\tmany\t", "line 4: value 'many' .* is no number"),
        ("\t30\t2\n", "\t30\n", "line 4: the row has 7 columns; expected 8"),
        ("/d/Jurkat.BAM", "bams/K562.bam", "line 2: column 'bams/K562.bam' occurs twice"),
    ],
)
def test_bad_featurecounts(write, old, new, match):
    with pytest.raises(FormatError, match=match):
        read_expression(write("c.txt", FEATURECOUNTS.replace(old, new)))


@pytest.mark.parametrize(("n_lines", "match"), [(2, "no genes"), (1, "holds no rows")])
def test_empty_featurecounts(write, n_lines, match):
    text = "".join(FEATURECOUNTS.splitlines(keepends=True)[:n_lines])
    with pytest.raises(FormatError, match=match):
        read_expression(write("c.txt", text))


def test_star(write):
    table = read_expression(write("r.tab", STAR))
    assert (table.format, table.measure, table.ids) == ("STAR ReadsPerGene", "counts", ["G1", "G2"])
    assert table.samples == ["unstranded", "forward", "reverse"]
    np.testing.assert_array_equal(table.values, [[100, 3, 98], [50, 2, 47]])
    assert table.column("K562") == 0
    assert table.column("K562", "reverse") == 2
    assert table.notes == (
        "reads in genes by column: unstranded 150, forward 5, reverse 145; the library looks "
        "stranded (97% reverse); unstranded is taken unless the expression column says otherwise",
    )
    with pytest.raises(
        InputError, match=r"no expression column 'forwards'.*did you mean 'forward'"
    ):
        table.column("K562", "forwards")


@pytest.mark.parametrize(
    ("forward", "looks"), [(97, ""), (3, "100% reverse"), (400, "80% forward")]
)
def test_a_stranded_library_is_noticed(write, forward, looks):
    text = STAR.replace("\t3\t98\n", f"\t{forward}\t98\n").replace("\t2\t47\n", "\t0\t2\n")
    text = text.replace("G1\t100\t3\t", "G1\t100\t0\t") if forward == 3 else text
    (note,) = read_expression(write("r.tab", text)).notes
    assert ("looks stranded" in note) == bool(looks)
    assert looks in note


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("N_ambiguous\t1\t0\t1\n", "", "the line N_ambiguous occurs 0 times; expected each of"),
        ("N_ambiguous", "N_noFeature", "the line N_noFeature occurs 2 times"),
        ("\t3\t98", "\t3", "line 5: the row has 3 columns; expected 4"),
        ("\t98", "\t-8", "line 5: value '-8' of gene 'G1', column 'reverse', is negative"),
        ("G1\t100\t3\t98\nG2\t50\t2\t47\n", "", "its summary and no genes"),
    ],
)
def test_bad_star(write, old, new, match):
    with pytest.raises(FormatError, match=match):
        read_expression(write("r.tab", STAR.replace(old, new)))


@pytest.mark.parametrize(
    ("measure", "expected"),
    [(None, [10.5, 0]), ("counts", [10.5, 0]), ("tpm", [7, 0]), ("fpkm", [5, 0])],
)
def test_rsem_genes(write, measure, expected):
    table = read_expression(write("s.genes.results", RSEM_GENES), "S", measure, GENE_OF)
    assert (table.format, table.measure) == ("RSEM genes.results", measure or "counts")
    assert table.ids == ["G1", "G2"]
    assert table.values[:, 0].tolist() == expected
    assert table.column("S") == 0
    assert table.notes == ()


@pytest.mark.parametrize(
    ("text", "format_", "measure", "expected"),
    [
        (RSEM_ISOFORMS, "RSEM isoforms.results", None, [15, 1]),
        (RSEM_ISOFORMS, "RSEM isoforms.results", "tpm", [10, 0.5]),
        (RSEM_ISOFORMS, "RSEM isoforms.results", "fpkm", [7, 0.25]),
        (SALMON, "Salmon quant", None, [15, 1]),
        (SALMON, "Salmon quant", "tpm", [10, 0.5]),
        (KALLISTO, "kallisto abundance", None, [15, 1]),
        (KALLISTO, "kallisto abundance", "tpm", [10, 0.5]),
    ],
)
def test_transcripts_are_summed_to_genes(write, text, format_, measure, expected):
    table = read_expression(write("q", text), "S", measure, GENE_OF)
    assert (table.format, table.ids) == (format_, ["G1", "G2"])
    np.testing.assert_allclose(table.values[:, 0], expected)
    total = {"counts": "20.0% of the counts", "tpm": "16.0% of the tpm", "fpkm": "12.1%"}
    (note,) = table.notes
    assert note.startswith("3 of 4 transcripts summed to 2 genes; 1 with ")
    assert total[measure or "counts"] in note
    assert note.endswith("are not in the annotation: 'T9'")


@pytest.mark.parametrize(
    ("name", "version"), [("ENST{:011d}.7", ".2"), ("ENST{:011d}", ".2"), ("ENST{:011d}.7", "")]
)
def test_versions_of_transcripts_may_differ(write, name, version):
    text = SALMON
    for i in (1, 2, 3, 9):
        text = text.replace(f"T{i}\t", name.format(i) + "\t")
    annotated = {f"ENST{int(t[1:]):011d}{version}": gene for t, gene in GENE_OF.items()}
    table = read_expression(write("quant.sf", text), "S", None, annotated)
    assert table.ids == ["G1", "G2"]
    assert table.values[:, 0].tolist() == [15, 1]
    assert "2 genes (identifiers compared without version); 1 with" in table.notes[0]


def test_headers_of_gencode(write):
    text = SALMON.replace("T1\t", "T1|ENSG1.5|OTTHUMG|-|name|900|\t")
    assert read_expression(write("quant.sf", text), "S", None, GENE_OF).values[:, 0].tolist() == [
        15,
        1,
    ]


def test_all_transcripts_known_says_so(write):
    text = "".join(SALMON.splitlines(keepends=True)[:-1])
    table = read_expression(write("quant.sf", text), "S", None, GENE_OF)
    assert table.notes == ("3 of 3 transcripts summed to 2 genes",)


def test_a_missing_value_makes_the_sum_missing(write):
    table = read_expression(write("q", KALLISTO.replace("\t4.5\t", "\tNA\t")), "S", None, GENE_OF)
    np.testing.assert_array_equal(table.values[:, 0], [NAN, 1])


def test_salmon_genes(write):
    text = SALMON.replace("T1", "G1").replace("T2", "G2")
    text = "".join(text.splitlines(keepends=True)[:3])
    table = read_expression(write("quant.genes.sf", text), "S", None, GENE_OF)
    assert (table.ids, table.values[:, 0].tolist()) == (["G1", "G2"], [10.5, 4.5])
    assert table.notes == ()


@pytest.mark.parametrize("text", [RSEM_ISOFORMS, KALLISTO])
def test_transcripts_need_their_genes(write, text):
    with pytest.raises(InputError, match="its rows are transcripts, and there is no annotation of"):
        read_expression(write("q", text), "S")
    with pytest.raises(
        InputError, match=r"not a single transcript .* got 'T1', 'T2', 'T3', …; expected .* 'X1'"
    ):
        read_expression(write("q", text), "S", None, {"X1": "G1"})


@pytest.mark.parametrize("text", [STAR, RSEM_GENES, RSEM_ISOFORMS, SALMON, KALLISTO])
def test_files_of_one_sample_do_not_name_it(write, text):
    table = read_expression(write("q", text), None, None, GENE_OF)
    with pytest.raises(InputError, match=r"does not name its sample; .*--expression SAMPLE=FILE"):
        table.columns()


@pytest.mark.parametrize(
    ("text", "measure", "match"),
    [
        (STAR, "tpm", r"STAR ReadsPerGene\) has no tpm; expected --measure counts$"),
        (SALMON, "fpkm", r"Salmon quant\) has no fpkm; expected --measure counts or tpm$"),
        (KALLISTO, "fpkm", r"kallisto abundance\) has no fpkm; expected --measure counts or tpm$"),
    ],
)
def test_a_measure_that_the_file_has_not(write, text, measure, match):
    with pytest.raises(InputError, match=match):
        read_expression(write("q", text), "S", measure, GENE_OF)


def test_unknown_measure(write):
    with pytest.raises(ConfigError, match=r"unknown measure 'rpkm'; did you mean 'fpkm'"):
        read_expression(write("q", SALMON), "S", "rpkm")


@pytest.mark.parametrize(
    ("text", "old", "new", "match"),
    [
        (SALMON, "T2\t", "T1\t", "line 3: 'T1' occurs twice"),
        (SALMON, "T2\t800\t", "T2\t", "line 3: the row has 4 columns; expected 5"),
        (SALMON, "\t4.5\n", "\tx\n", "line 3: value 'x' of gene 'T2', column 'NumReads', is no"),
        (RSEM_GENES, "10.50", "-1", "line 2: value '-1' of gene 'G1', column 'expected_count'"),
        (KALLISTO, "T1\t", "\t", "line 2: the gene identifier is empty"),
        (KALLISTO, KALLISTO.partition("\n")[2], "", "has a header and no genes"),
    ],
)
def test_bad_quantifications(write, text, old, new, match):
    with pytest.raises(FormatError, match=match):
        read_expression(write("q", text.replace(old, new)), "S", None, GENE_OF)


@pytest.mark.parametrize(("measure", "told"), [(None, "unstated"), ("tpm", "tpm")])
def test_the_measure_of_a_plain_table_is_what_the_user_says(write, measure, told):
    table = read_expression(write("e", "id\ta\nG1\t1\n"), measure=measure)
    assert (table.format, table.measure) == ("table", told)


def test_a_long_table_is_read_row_by_row(write):
    rows = [[f"G{i}", "name", i, 2 * i] for i in range(2500)]
    table = read_expression(write("e", tsv(["id", "what", "a", "b"], *rows)))
    assert table.names is not None
    assert len(table.names) == 2500
    np.testing.assert_array_equal(table.values[:, 1], 2 * np.arange(2500))
    rows[2499].append("x")
    path = write("e", tsv(["id", "what", "a", "b"], *rows))
    with pytest.raises(FormatError, match="line 2501: the row has 5 columns; expected 4"):
        read_expression(path)


def test_what_matching_says(write):
    annotation = GeneTable.from_genes(
        Gene(i, n, "chr1", k, "+")
        for k, (i, n) in enumerate([("G1", "A"), ("G2", "B"), ("G3", "C"), ("G4", "C")])
    )
    text = "id\ta\nA\t1\nA\t1\nB\t2\nB\t3\nC\t1\n"
    found = match_expression(annotation, read_expression(write("e", text)))
    assert found.notes() == [
        "names that repeat with equal values, taken once: 1 ('A')",
        "names that repeat with different values, left without a value: 1 ('B')",
        "names that stand for several genes, left without a value: 1 ('C')",
    ]


def test_other_versions_are_counted_and_named(write):
    annotation = GeneTable.from_genes(
        Gene(f"ENSG0000000000{i}.{i}", f"N{i}", "chr1", i, "+") for i in range(1, 7)
    )
    text = "id\ta\n" + "".join(f"ENSG0000000000{i}.5\t{i}\n" for i in range(1, 6))
    found = match_expression(annotation, read_expression(write("e", text)))
    assert found.notes() == [
        "identifiers whose version differs from the annotation's: 4 "
        "('ENSG00000000001.5' for 'ENSG00000000001.1', 'ENSG00000000002.5' for "
        "'ENSG00000000002.2', 'ENSG00000000003.5' for 'ENSG00000000003.3', …)"
    ]
