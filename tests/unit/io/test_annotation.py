from __future__ import annotations

import pytest

from dexkit.errors import ConfigError, FormatError, InputError
from dexkit.genome import Gene
from dexkit.io.annotation import keep_gene_types, read_gtf
from dexkit.io.gtf import parse_attributes


def line(feature, start, end, strand="+", chrom="chr1", **attributes):
    tags = attributes.pop("tags", ())
    text = "".join(f'{key} "{value}"; ' for key, value in attributes.items())
    text += "".join(f'tag "{tag}"; ' for tag in tags)
    return f"{chrom}\tsrc\t{feature}\t{start}\t{end}\t.\t{strand}\t.\t{text.strip()}\n"


def gene(gene_id="G1", start=1001, end=2000, strand="+", chrom="chr1", **attributes):
    return line("gene", start, end, strand, chrom, gene_id=gene_id, **attributes)


def transcript(transcript_id, start, end, strand="+", gene_id="G1", chrom="chr1", **attributes):
    ids = {"gene_id": gene_id, "transcript_id": transcript_id}
    return line("transcript", start, end, strand, chrom, **ids, **attributes)


def exon(transcript_id, start, end, strand="+", gene_id="G1", chrom="chr1", **attributes):
    ids = {"gene_id": gene_id, "transcript_id": transcript_id}
    return line("exon", start, end, strand, chrom, **ids, **attributes)


# Plus strand: T1 is the most upstream, T2 the canonical one, T3 the longest by exons.
PLUS = (
    gene(gene_name="ABC", gene_type="protein_coding")
    + transcript("T1", 1001, 1900)
    + exon("T1", 1001, 1010)
    + exon("T1", 1891, 1900)
    + transcript("T2", 1101, 1200, tags=["basic", "Ensembl_canonical"])
    + exon("T2", 1101, 1200)
    + transcript("T3", 1201, 2000)
    + exon("T3", 1201, 2000)
)
# The mirror image on the minus strand: position p becomes 3001 - p.
MINUS = (
    gene(strand="-", gene_name="ABC", gene_biotype="protein_coding")
    + transcript("T1", 1101, 2000, "-")
    + exon("T1", 1991, 2000, "-")
    + exon("T1", 1101, 1110, "-")
    + transcript("T2", 1801, 1900, "-", tags=["MANE_Select"])
    + exon("T2", 1801, 1900, "-")
    + transcript("T3", 1001, 1800, "-")
    + exon("T3", 1001, 1800, "-")
)


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize(
    ("text", "rule", "tss"),
    [
        (PLUS, "gene", 1000),
        (PLUS, "canonical", 1100),
        (PLUS, "longest", 1200),
        (MINUS, "gene", 1999),
        (MINUS, "canonical", 1899),
        (MINUS, "longest", 1799),
    ],
)
def test_tss_by_rule_and_strand(write, text, rule, tss, gz):
    found = read_gtf(write("a.gtf", text, gz=gz), rule)
    strand = "+" if text is PLUS else "-"
    assert found.genes == [Gene("G1", "ABC", "chr1", tss, strand)]
    assert found.gene_type == {"G1": "protein_coding"}
    assert found.gene_of_transcript == {"T1": "G1", "T2": "G1", "T3": "G1"}
    tag = "Ensembl_canonical" if text is PLUS else "MANE_Select"
    placed = f"TSS rule 'canonical': genes placed by the tag of a transcript: 1 by {tag}"
    assert found.notes == ([placed] if rule == "canonical" else [])
    assert found.excluded == []
    assert found.tss_rule == rule


@pytest.mark.parametrize(("strand", "tss"), [("+", 1000), ("-", 1999)])
def test_longest_tie_goes_upstream(write, strand, tss):
    text = gene(strand=strand)
    text += exon("T1", 1501, 1600, strand) + exon("T2", 1901, 2000, strand)
    text += exon("T3", 1001, 1100, strand)
    assert read_gtf(write("a.gtf", text), "longest").genes[0].tss == tss


def test_mane_select_is_stronger_than_ensembl_canonical(write):
    text = gene() + transcript("T1", 1101, 1200, tags=["Ensembl_canonical"])
    text += transcript("T2", 1301, 1400, tags=["MANE_Select"])
    assert read_gtf(write("a.gtf", text), "canonical").genes[0].tss == 1300


def test_fall_back_to_the_gene_is_counted(write):
    text = PLUS + gene("G2", 5001, 6000) + transcript("T9", 5101, 6000, gene_id="G2")
    found = read_gtf(write("a.gtf", text), "canonical")
    assert [g.tss for g in found.genes] == [1100, 5000]
    assert found.notes[1:] == [
        "TSS rule 'canonical': 1 of 2 genes have no tagged transcript; the 5' end of the gene is "
        "used for them"
    ]


@pytest.mark.parametrize(
    ("tags", "by"),
    [
        (["basic", "Ensembl_canonical", "MANE_Select", "appris_principal_1"], "MANE_Select"),
        (["gencode_basic", "Ensembl_canonical"], "Ensembl_canonical"),
        (["MANE Select"], "MANE_Select"),
        (["RefSeq Select"], "RefSeq_Select"),
        (["basic,Ensembl_canonical,CCDS"], "Ensembl_canonical"),
    ],
)
def test_spellings_of_the_canonical_tag(write, tags, by):
    text = gene() + transcript("T1", 1001, 1200) + transcript("T2", 1301, 1400, tags=tags)
    found = read_gtf(write("a.gtf", text), "canonical")
    assert found.genes[0].tss == 1300
    assert found.notes == [
        f"TSS rule 'canonical': genes placed by the tag of a transcript: 1 by {by}"
    ]


@pytest.mark.parametrize("tag", ["MANE_Plus_Clinical", "MANE Plus Clinical", "appris_principal_1"])
def test_tags_that_do_not_stand_for_the_gene(write, tag):
    text = gene() + transcript("T2", 1301, 1400, tags=[tag])
    assert read_gtf(write("a.gtf", text), "canonical").genes[0].tss == 1000


def test_a_transcript_of_two_genes_belongs_to_none(write):
    text = gene() + gene("G2", 3001, 4000) + transcript("T1", 1001, 1100)
    text += transcript("T1", 3001, 3100, gene_id="G2") + transcript("T2", 3001, 3200, gene_id="G2")
    assert read_gtf(write("a.gtf", text)).gene_of_transcript == {"T2": "G2"}


TYPED = (
    gene("G1", gene_type="protein_coding")
    + gene("G2", 3001, 4000, gene_biotype="lncRNA")
    + gene("G3", 5001, 6000)
    + gene("G4", 7001, 8000, gene_type="lncRNA")
    + gene("G5", 7001, 8000, strand=".", gene_type="lncRNA")
)


def test_gene_types_are_kept_and_the_others_listed(write):
    found = keep_gene_types(read_gtf(write("a.gtf", TYPED)), ["protein_coding"])
    assert [g.gene_id for g in found.genes] == ["G1"]
    other = "of a gene type other than protein_coding"
    assert [(g.gene_id, reason) for g, reason in found.excluded] == [
        ("G5", "no strand, hence no TSS"),
        ("G2", other),
        ("G3", "without a gene type"),
        ("G4", other),
    ]


def test_several_gene_types(write):
    found = keep_gene_types(read_gtf(write("a.gtf", TYPED)), ["protein_coding", "lncRNA"])
    assert [g.gene_id for g in found.genes] == ["G1", "G2", "G4"]


def test_no_gene_type_asked_keeps_all(write):
    annotation = read_gtf(write("a.gtf", TYPED))
    assert keep_gene_types(annotation, []) is annotation


@pytest.mark.parametrize("wanted", [["mRNA"], ["protein_coding", "mRNA"]])
def test_a_gene_type_that_is_not_there(write, wanted):
    match = r"no gene is of type 'mRNA'; the types there are lncRNA \(2\), protein_coding \(1\)$"
    with pytest.raises(InputError, match=match):
        keep_gene_types(read_gtf(write("a.gtf", TYPED)), wanted)


def test_many_gene_types_are_counted(write):
    text = "".join(gene(f"G{i}", 1000 * i + 1, 1000 * i + 9, gene_type=f"t{i}") for i in range(15))
    with pytest.raises(InputError, match=r"t11 \(1\) and 3 more$"):
        keep_gene_types(read_gtf(write("a.gtf", text)), ["x"])


def test_an_annotation_without_gene_types(write):
    with pytest.raises(InputError, match=r"no gene has a gene_type or gene_biotype"):
        keep_gene_types(read_gtf(write("a.gtf", gene())), ["protein_coding"])


def test_gene_lines_alone(write):
    found = read_gtf(write("a.gtf", gene()), "longest")
    assert found.genes == [Gene("G1", "G1", "chr1", 1000, "+")]
    assert "1 of 1 genes have no transcript" in found.notes[0]


@pytest.mark.parametrize("exons_only", [False, True])
@pytest.mark.parametrize(("strand", "tss"), [("+", 100), ("-", 899)])
def test_gene_is_derived_from_its_transcripts(write, exons_only, strand, tss):
    text = "" if exons_only else transcript("M.1.1", 101, 800, strand, gene_id="M.1")
    text += exon("M.1.1", 101, 200, strand, gene_id="M.1", ref_gene_name="ABC")
    text += exon("M.1.1", 701, 800, strand, gene_id="M.1")
    text += "" if exons_only else transcript("M.1.2", 301, 900, strand, gene_id="M.1")
    text += exon("M.1.2", 301, 900, strand, gene_id="M.1")
    found = read_gtf(write("a.gtf", text))
    assert found.genes == [Gene("M.1", "ABC" if exons_only else "M.1", "chr1", tss, strand)]
    assert found.notes == ["1 of 1 genes have no gene line; they span their transcripts"]


def test_lines_in_any_order(write):
    shuffled = "".join(reversed(PLUS.splitlines(keepends=True)))
    for rule, tss in (("gene", 1000), ("canonical", 1100), ("longest", 1200)):
        assert read_gtf(write("a.gtf", shuffled), rule).genes[0].tss == tss


def test_repeated_id_at_several_places_is_excluded(write):
    text = gene() + gene(chrom="chrY") + gene("G2", 7001, 8000)
    found = read_gtf(write("a.gtf", text))
    assert [g.gene_id for g in found.genes] == ["G2"]
    assert [(g.chrom, why) for g, why in found.excluded] == [
        ("chr1", "the gene_id stands at several TSS"),
        ("chrY", "the gene_id stands at several TSS"),
    ]
    assert found.notes == ["2 annotated genes left out: 2 x the gene_id stands at several TSS"]


def test_repeated_id_at_one_tss_is_kept_once(write):
    found = read_gtf(write("a.gtf", gene(gene_name="A") + gene(end=2500, gene_name="B")))
    assert [g.gene_name for g in found.genes] == ["A"]
    assert found.excluded[0][1] == "repeats the gene_id and TSS of an earlier line"


def test_derived_gene_on_two_chromosomes_is_excluded(write):
    text = exon("T1", 1, 10) + exon("T1", 1, 10, chrom="chr2")
    found = read_gtf(write("a.gtf", text))
    assert found.genes == []
    assert len(found.excluded) == 2


def test_gene_without_strand_is_excluded(write):
    found = read_gtf(write("a.gtf", gene(strand=".") + gene("G2")))
    assert [g.gene_id for g in found.genes] == ["G2"]
    assert found.excluded[0][1] == "no strand, hence no TSS"


def test_transcripts_of_another_place_are_not_used(write):
    text = gene() + exon("T1", 1, 900, chrom="chr7") + exon("T2", 1201, 1300)
    assert read_gtf(write("a.gtf", text), "longest").genes[0].tss == 1200


def test_comments_crlf_bom_and_other_features(write):
    text = "\ufeff#!genome-build x\n" + gene() + "#c\n\n" + line("CDS", 5, 9, gene_id="G7")
    found = read_gtf(write("a.gtf", text.replace("\n", "\r\n")))
    assert [g.gene_id for g in found.genes] == ["G1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'gene_id "G1"; note "a; b"; level 2;',
            [("gene_id", "G1"), ("note", "a; b"), ("level", "2")],
        ),
        ('gene_id "G1"', [("gene_id", "G1")]),
        ("gene_id G1; n two words ;", [("gene_id", "G1"), ("n", "two words")]),
        (
            'a "x=1"; b "";; tag "p"; tag "q";  ',
            [("a", "x=1"), ("b", ""), ("tag", "p"), ("tag", "q")],
        ),
        ('product "the "big" one"; x "1";', [("product", 'the "big" one'), ("x", "1")]),
        ("", []),
    ],
)
def test_attributes(text, expected):
    assert list(parse_attributes(text)) == expected


@pytest.mark.parametrize("text", ['gene_id "G1', "gene_id", 'gene_id="G1"', '"G1"'])
def test_bad_attributes(text):
    with pytest.raises(ValueError, match=r"\S"):
        list(parse_attributes(text))


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ("chr1\tgene\n", "line 2: the line has 2 tab-separated columns; expected the 9"),
        (gene(start="x"), "line 2: start 'x' and end '2000' in columns 4 and 5"),
        (gene(start=0), "line 2: start '0'"),
        (gene(start=-5), "line 2: start '-5'"),
        (gene(start=2001), "line 2: start '2001' and end '2000'"),
        (gene(strand="1"), r"line 2: strand '1' in column 7; expected '\+', '-' or '\.'"),
        (line("gene", 1, 2, gene_name="A"), "line 2: the gene line has no gene_id"),
        (gene(gene_id=""), "line 2: the gene line has no gene_id"),
        (line("exon", 1, 2, gene_id="A"), "line 2: the exon line has no transcript_id"),
        (gene().replace("gene_id", '"'), "line 2: the attributes cannot be read"),
        (gene().replace('gene_id "G1";', "ID=G1;Name=x"), "line 2: the file is GFF3"),
        ("##gff-version 3\n", "line 2: the file is GFF3; expected GTF"),
    ],
)
def test_bad_lines_are_named(write, bad, match):
    with pytest.raises(FormatError, match=match) as caught:
        read_gtf(write("a.gtf", gene() + bad))
    assert caught.value.path.endswith("a.gtf")


@pytest.mark.parametrize("text", ["#only a comment\n", line("CDS", 1, 2, gene_id="G")])
def test_nothing_usable(write, text):
    with pytest.raises(FormatError, match="no gene, transcript or exon line"):
        read_gtf(write("a.gtf", text))


def test_bad_files(write, tmp_path):
    with pytest.raises(FormatError, match="the file is empty; expected a GTF"):
        read_gtf(write("a.gtf", ""))
    with pytest.raises(FormatError, match="the gzip stream is truncated"):
        read_gtf(write("a.gtf.gz", PLUS, gz=True, cut=10))
    with pytest.raises(FormatError, match="binary data"):
        read_gtf(write("a.gtf", bytes(range(256))))
    with pytest.raises(InputError, match="no such file; expected a GTF"):
        read_gtf(tmp_path / "none.gtf")


def test_unknown_rule(write):
    with pytest.raises(ConfigError, match="unknown TSS rule 'canonicl'; did you mean 'canonical'"):
        read_gtf(write("a.gtf", PLUS), "canonicl")
