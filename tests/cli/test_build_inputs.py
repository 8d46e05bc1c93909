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


@pytest.fixture
def built(dexkit, options, inputs):
    """A feature file with the expression of S, of an unstated measure."""
    result = dexkit(*options())
    assert result.exit_code == 0, (result.output, result.exception)
    return inputs / "f.h5"


@pytest.fixture
def transcripts(inputs):
    """A GTF that gives G1 and G2 a transcript each, and another line of G2."""
    of_gene = {"T1": "G1", "T2": "G2"}
    text = "".join(
        gtf_line("chr1", 100, 110, "+", gene).replace("\tgene\t", "\ttranscript\t").rstrip("\n")
        + f' transcript_id "{transcript}";\n'
        for transcript, gene in of_gene.items()
    )
    (inputs / "t.gtf").write_text(text)
    return inputs / "t.gtf"


KALLISTO = "target_id\tlength\teff_length\test_counts\ttpm\nT1\t9\t9\t4\t1\nT2\t9\t9\t8.5\t2\n"


@pytest.mark.parametrize(
    ("text", "more", "raw", "measure"),
    [
        (SALMON, [], [10, 5], "counts"),
        (KALLISTO, [], [4, 8.5], "counts"),
        (KALLISTO, ["--measure", "tpm"], [1, 2], "tpm"),
    ],
)
def test_add_expression_by_transcript(dexkit, built, transcripts, inputs, text, more, raw, measure):
    (inputs / "quant").write_text(text)
    value = f"Z={inputs / 'quant'}"
    result = dexkit("features", "add", built, "--expression", value, "--gtf", transcripts, *more)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "2 of 2 transcripts summed to 2 genes" in result.stderr
    features = FeatureFile(built)
    np.testing.assert_allclose(features.array("/expression/Z/raw")[:2], raw, rtol=1e-6)
    assert features.array_attrs("/expression/Z/raw")["measure"] == measure
    assert {"t.gtf", "quant"} <= {entry["name"] for entry in features.provenance}
    # What stands beside it must be alike.
    other = {"counts": "tpm", "tpm": "counts"}[measure]
    value = f"Y={inputs / 'quant'}"
    again = dexkit(
        *("features", "add", built, "--expression", value, "--gtf", transcripts),
        *("--measure", other),
    )
    assert again.exit_code == 2
    match = f"/expression/Y/raw would hold {other}, and /expression/Z/raw holds {measure}; samples"
    assert match in again.stderr
    assert FeatureFile(built).expression_samples == ["S", "Z"]


def test_add_takes_the_column_that_is_named(dexkit, built, inputs):
    (inputs / "star").write_text(STAR)
    value = f"Z={inputs / 'star'}"
    options = ["--expression", value, "--expression-column", "reverse"]
    result = dexkit("features", "add", built, *options)
    assert result.exit_code == 0, (result.output, result.exception)
    assert FeatureFile(built).array("/expression/Z/raw")[:2].tolist() == [9, 18]


@pytest.mark.parametrize(
    ("text", "more", "match"),
    [
        (
            KALLISTO,
            [],
            r"no annotation of transcripts .*; give a GTF .*\(--gtf\), or expression by",
        ),
        (SALMON, [], r"use the same identifiers; rows are taken for genes: .* is given \(--gtf\)"),
        (KALLISTO, ["--gtf", "{inputs}/g.gtf"], "no annotation of transcripts"),
        (KALLISTO, ["--gtf", "{inputs}/no.gtf"], "no.gtf does not exist"),
        (SALMON, ["--measure", "rpkm"], "--measure is 'rpkm'; expected 'counts', 'tpm' or 'fpkm'"),
    ],
)
def test_what_cannot_be_added_by_transcript(refused, built, inputs, text, more, match):
    (inputs / "quant").write_text(text)
    more = [option.format(inputs=inputs) for option in more]
    refused("features", "add", built, "--expression", f"Z={inputs / 'quant'}", *more, match=match)


def test_options_of_expression_need_expression(refused, built, inputs):
    for option in (["--gtf", inputs / "g.gtf"], ["--measure", "tpm"]):
        match = f"{option[0]} .* has no effect without expression"
        refused("features", "add", built, "--block", "kmers", *option, match=match)


def test_a_file_cannot_be_its_own_input(refused, built):
    match = "f.h5 is also the input .*f.h5; name the file of the new sample"
    refused("features", "add", built, "--expression", f"Z={built}", match=match)


def test_a_journal_whose_file_was_deleted_does_not_block_a_build(dexkit, options, built, inputs):
    from dexkit.features.journal import journal_path, undoable

    features = FeatureFile(built)
    with undoable(built, features.array_ranges):
        left = journal_path(built).read_bytes()
    journal_path(built).write_bytes(left)  # as a killed addition leaves it
    built.unlink()
    failed = dexkit(*options(expression=inputs / "none.tsv"))
    assert failed.exit_code == 2
    assert journal_path(built).exists()
    result = dexkit(*options())
    assert result.exit_code == 0, (result.output, result.exception)
    [line] = [line for line in result.stderr.splitlines() if "undo" in line]
    assert "removed; it was left by an interrupted addition to an earlier f.h5" in line
    assert not journal_path(built).exists()
    assert FeatureFile(built).expression_samples == ["S"]


def test_a_measure_that_the_file_was_not_built_with(dexkit, options, refused, inputs):
    result = dexkit(*options("--measure", "tpm"))
    assert result.exit_code == 0, (result.output, result.exception)
    value = f"Z={inputs / 'e.tsv'}"
    match = "--measure counts contradicts the feature file, which was built with tpm"
    add = ["features", "add", inputs / "f.h5", "--expression", value]
    refused(*add, "--measure", "counts", match=match)


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
