"""Annotation and expression options of build-features, through the command line."""

import json

import numpy as np
import pytest
from toy import fasta_text, gtf_line

from dexkit.features.file import FeatureFile

LENGTHS = {"chr1": 400, "chr2": 300}
BED = "chr1\t99\t120\tG1\t0\t+\tN1\nchr1\t199\t220\tG2\t0\t+\tN2\nchr2\t149\t170\tG3\t0\t-\tN3\n"


@pytest.fixture
def inputs(tmp_path):
    import pysam

    (tmp_path / "g.fa").write_text(
        fasta_text({c: "ACGTTGCATC" * (n // 10) for c, n in LENGTHS.items()})
    )
    pysam.faidx(str(tmp_path / "g.fa"))
    genes = [("chr1", 100, "+", "G1"), ("chr1", 200, "+", "G2"), ("chr2", 150, "-", "G3")]
    text = "".join(gtf_line(c, s, s + 20, strand, g, f"N{g[1]}") for c, s, strand, g in genes)
    (tmp_path / "g.gtf").write_text(text)
    (tmp_path / "t.bed").write_text(BED)
    (tmp_path / "e.tsv").write_text("gene_id\tS\nG1\t5\nG2\t0\nG3\t7.5\n")
    return tmp_path


@pytest.fixture
def options(inputs):
    """Options of a build; a value None leaves one out."""

    def build_options(*more, **changed):
        values = {
            "--fasta": inputs / "g.fa",
            "--gtf": inputs / "g.gtf",
            "--expression": inputs / "e.tsv",
            "--out": inputs / "f.h5",
            "--upstream-bp": 20,
            "--downstream-bp": 20,
            "--margin-bp": 5,
        }
        values |= {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
        given = [(key, value) for key, value in values.items() if value is not None]
        return ["build-features", *(x for pair in given for x in pair), *more]

    return build_options


def test_a_bed_gives_the_genes_of_the_gtf(dexkit, options, inputs):
    result = dexkit(*options(out=inputs / "gtf.h5"))
    assert result.exit_code == 0, (result.output, result.exception)
    result = dexkit(*options(out=inputs / "bed.h5", gtf=None, tss_bed=inputs / "t.bed"))
    assert result.exit_code == 0, (result.output, result.exception)
    gtf, bed = FeatureFile(inputs / "gtf.h5"), FeatureFile(inputs / "bed.h5")
    assert list(gtf.genes) == list(bed.genes)
    for path in ("/sequence/codes", "/expression/S/value"):
        np.testing.assert_array_equal(gtf.array(path), bed.array(path))
    assert [item["name"] for item in bed.provenance] == ["g.fa", "t.bed", "e.tsv"]
    assert json.loads(bed.attrs["config"])["gtf"] is None


def test_strandless_intervals_are_listed_in_the_file(dexkit, options, inputs):
    (inputs / "t.bed").write_text(BED + "chr1\t150\t151\tG4\t0\t.\tN4\n")
    result = dexkit(*options(gtf=None, tss_bed=inputs / "t.bed"))
    assert result.exit_code == 0, (result.output, result.exception)
    assert "t.bed: 1 annotated genes left out: 1 x no strand, hence no TSS" in result.stderr
    features = FeatureFile(inputs / "f.h5")
    assert features.left_out.gene_id.tolist() == ["G4"]
    assert features.left_out_reason == ["no strand, hence no TSS"]


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"gtf": None}, "--gtf and --tss-bed: neither given; expected exactly one of the two"),
        ({"tss_bed": "t.bed"}, "--gtf and --tss-bed: both given; expected exactly one"),
        ({"gtf": None, "tss_bed": "t.bed", "tss": "longest"}, "--tss longest chooses among the"),
        (
            {"gtf": None, "tss_bed": "t.bed", "gene_type": "lncRNA"},
            "--gene-type needs the gene types of a GTF; --tss-bed has none",
        ),
        ({"gtf": None, "tss_bed": "no.bed"}, r"no\.bed does not exist"),
        ({"gtf": None, "tss_bed": "e.tsv"}, r"e\.tsv, line 1: the line has 2 columns; expected th"),
        ({"gene_type": "mRNA"}, r"no gene is of type 'mRNA'; the types .* protein_coding \(3\)"),
        ({"measure": "rpkm"}, "--measure is 'rpkm'; expected 'counts', 'tpm' or 'fpkm'"),
        (
            {"expression_column": "S"},
            "--expression-column 'S' has no effect; expected an --expression of the form SAMPLE=F",
        ),
    ],
)
def test_refused(refused, options, inputs, changed, match):
    if "tss_bed" in changed:
        changed = changed | {"tss_bed": inputs / changed["tss_bed"]}
    refused(*options(**changed), match=match)


def test_gene_types_are_kept_and_the_others_listed(dexkit, options, inputs):
    text = (inputs / "g.gtf").read_text().splitlines(keepends=True)
    text[1] = text[1].replace("protein_coding", "lncRNA")
    text[2] = text[2].replace("protein_coding", "miRNA")
    (inputs / "g.gtf").write_text("".join(text))
    result = dexkit(*options("--gene-type", "protein_coding", "--gene-type", "miRNA"))
    assert result.exit_code == 0, (result.output, result.exception)
    reason = "of a gene type other than protein_coding or miRNA"
    assert f"kept 2 of 3 genes; left out 1: 1 {reason}" in result.stdout
    features = FeatureFile(inputs / "f.h5")
    assert features.genes.gene_id.tolist() == ["G1", "G3"]
    assert (features.left_out.gene_id.tolist(), features.left_out_reason) == (["G2"], [reason])


FEATURECOUNTS = (
    "# Program:featureCounts v2.0.3\n"
    "Geneid\tChr\tStart\tEnd\tStrand\tLength\tx/S.bam\tx/T.bam\n"
    "G1\tchr1\t1\t2\t+\t1000\t10\t4\nG2\tchr1\t1\t2\t+\t500\t30\t4\n"
)
STAR = "".join(f"N_{name}\t1\t1\t1\n" for name in ("unmapped", "multimapping"))
STAR += "N_noFeature\t1\t1\t1\nN_ambiguous\t1\t1\t1\nG1\t10\t1\t9\nG2\t20\t2\t18\n"
SALMON = "Name\tLength\tEffectiveLength\tTPM\tNumReads\nT1\t9\t9\t7\t10\nT2\t9\t9\t3\t5\n"


@pytest.mark.parametrize(
    ("text", "value", "more", "attrs", "raw", "said"),
    [
        (FEATURECOUNTS, "{}", [], ("counts", "featureCounts"), [10, 30], "expression of S, T"),
        (
            FEATURECOUNTS,
            "S={}",
            ["--measure", "tpm"],
            ("tpm", "featureCounts"),
            [1e6 / 7, 6e6 / 7],
            r"featureCounts, tpm\), expression of S",
        ),
        (
            FEATURECOUNTS,
            "S={}",
            ["--expression-column", "T"],
            ("counts", "featureCounts"),
            [4, 4],
            "expression of S",
        ),
        (
            STAR,
            "S={}",
            [],
            ("counts", "STAR ReadsPerGene"),
            [10, 20],
            r"looks stranded \(90% reverse\).*\n.*expression of S \(column unstranded\)",
        ),
        (
            STAR,
            "S={}",
            ["--expression-column", "reverse"],
            ("counts", "STAR ReadsPerGene"),
            [9, 18],
            r"expression of S \(column reverse\)",
        ),
        (
            SALMON,
            "S={}",
            [],
            ("counts", "Salmon quant"),
            [15],
            "2 of 2 transcripts summed to 1 gen",
        ),
        ("gene_id\tS\nG1\t4\n", "{}", [], ("unstated", "table"), [4], "expression of S"),
        ("id\tS\nG1\t4\n", "{}", ["--measure", "fpkm"], ("fpkm", "table"), [4], "expression of S"),
    ],
)
def test_expression_files(dexkit, options, inputs, text, value, more, attrs, raw, said):
    import re

    path = inputs / "expression"
    path.write_text(text)
    with (inputs / "g.gtf").open("a") as gtf:
        for transcript in ("T1", "T2"):
            line = gtf_line("chr1", 100, 110, "+", "G1").replace("\tgene\t", "\ttranscript\t")
            gtf.write(line.rstrip("\n") + f' transcript_id "{transcript}";\n')
    result = dexkit(*options(*more, expression=value.format(path)))
    assert result.exit_code == 0, (result.output, result.exception)
    assert re.search(said, result.stderr), result.stderr
    features = FeatureFile(inputs / "f.h5")
    found = features.array_attrs("/expression/S/raw")
    assert (found["measure"], found["source_format"], found["source"]) == (*attrs, "expression")
    stored = features.array("/expression/S/raw")
    np.testing.assert_allclose(stored[: len(raw)], raw, rtol=1e-6)
    assert np.isnan(stored[len(raw) :]).all()
    np.testing.assert_allclose(
        features.expression("S")[: len(raw)], np.log10(np.array(raw) + 1), rtol=1e-6
    )


def test_repeats_and_ambiguous_names_are_said_and_kept(dexkit, options, inputs):
    (inputs / "e.tsv").write_text("gene\tS\nN1\t5\nN1\t5\nN2\t1\nN2\t2\nN3\t3\n")
    result = dexkit(*options())
    assert result.exit_code == 0, (result.output, result.exception)
    assert "e.tsv: names that repeat with equal values, taken once: 1 ('N1')" in result.stderr
    assert "different values, left without a value: 1 ('N2')" in result.stderr
    features = FeatureFile(inputs / "f.h5")
    attrs = features.array_attrs("/expression/S/raw")
    assert (attrs["matched_by"], list(attrs["ambiguous"])) == ("gene_name", ["N2"])


@pytest.mark.parametrize(
    ("text", "value", "more", "match"),
    [
        (STAR, "{}", [], "does not name its sample; say which it is with --expression SAMPLE=FILE"),
        (STAR, "S={}", ["--measure", "tpm"], r"STAR ReadsPerGene\) has no tpm; expected --measure"),
        (STAR, "S={}", ["--expression-column", "sense"], "no expression column 'sense'"),
        (SALMON, "S={}", ["--measure", "fpkm"], "has no fpkm; expected --measure counts or tpm"),
        (SALMON, "S={}", [], "not a single gene of the annotation is in the table"),
        (FEATURECOUNTS.replace("\t30", "\t-3"), "{}", [], "line 4: value '-3' of gene 'G2'"),
    ],
)
def test_bad_expression_files(refused, options, inputs, text, value, more, match):
    path = inputs / "expression"
    path.write_text(text)
    refused(*options(*more, expression=value.format(path)), match=match)
