from __future__ import annotations

import pytest

from dexkit.errors import FormatError, InputError
from dexkit.genome import Gene
from dexkit.io.bed import read_tss_bed

BED6 = "chr1\t1000\t1001\tG1\t0\t+\nchr2\t500\t900\tG2\t.\t-\n"
GENES = [Gene("G1", "G1", "chr1", 1000, "+"), Gene("G2", "G2", "chr2", 899, "-")]


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        BED6,
        BED6.replace("\n", "\r\n"),
        BED6.replace("\t", "  "),
        "# made by hand\ntrack name=tss\nbrowser position chr1\n\n" + BED6,
        "chrom\tstart\tend\tname\tscore\tstrand\n" + BED6,
        "#chrom\tstart\tend\tname\tscore\tstrand\n" + BED6,
        "".join(line + "\t0\t0\t0\t1\t1,\t0,\n" for line in BED6.splitlines()),
    ],
)
def test_bed6(write, text, gz):
    found = read_tss_bed(write("t.bed", text, gz=gz))
    assert found.genes == GENES
    assert (found.excluded, found.notes, found.gene_type) == ([], [], {})
    assert found.tss_rule == "gene"


def test_tss_is_the_first_base_on_the_strand(write):
    text = "chr1\t10\t20\tplus\t0\t+\nchr1\t10\t20\tminus\t0\t-\n"
    assert [g.tss for g in read_tss_bed(write("t.bed", text)).genes] == [10, 19]


def test_gene_name_in_column_seven(write):
    text = "chr1\t10\t20\tG1\t0\t+\tABC\nchr1\t10\t20\tG2\t0\t-\t.\n"
    found = read_tss_bed(write("t.bed", text))
    assert [(g.gene_id, g.gene_name) for g in found.genes] == [("G1", "ABC"), ("G2", "G2")]


def test_repeats_and_strandless_intervals_are_left_out_as_in_a_gtf(write):
    text = (
        "chr1\t10\t20\tG1\t0\t+\nchr1\t90\t99\tG2\t0\t+\nchr1\t10\t30\tG1\t0\t+\n"
        "chr1\t91\t99\tG2\t0\t+\nchr1\t5\t6\tG3\t0\t.\nchr1\t7\t8\tG4\t0\t+\n"
    )
    found = read_tss_bed(write("t.bed", text))
    assert [g.gene_id for g in found.genes] == ["G1", "G4"]
    assert [(g.gene_id, reason) for g, reason in found.excluded] == [
        ("G1", "repeats the gene_id and TSS of an earlier line"),
        ("G2", "the gene_id stands at several TSS"),
        ("G2", "the gene_id stands at several TSS"),
        ("G3", "no strand, hence no TSS"),
    ]
    assert found.notes == [
        "4 annotated genes left out: 2 x the gene_id stands at several TSS; 1 x repeats the "
        "gene_id and TSS of an earlier line; 1 x no strand, hence no TSS"
    ]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("chr1\t1\t2\n", r"line 1: the line has 3 columns; expected the 6 of BED6"),
        (BED6 + "chr1\t1\t2\tG\t0\t+\tx\n", "line 3: the line has 7 columns; expected 6"),
        (BED6 + "chr1\t1\t2\tG\t0\n", "line 3: the line has 5 columns; expected 6"),
        ("chr1\t5\t5\tG\t0\t+\n", "line 1: start '5' and end '5' in columns 2 and 3"),
        ("chr1\t-1\t5\tG\t0\t+\n", "line 1: start '-1' and end '5'"),
        ("chr1\t1e3\t2000\tG\t0\t+\n", "line 1: start '1e3' and end '2000'"),
        ("chr1\t1\t2\tG\t0\tplus\n", r"line 1: strand 'plus' in column 6; expected '\+', '-'"),
        ("chr1\t1\t2\t.\t0\t+\n", r"line 1: the name in column 4 is '\.'"),
        ("\t1\t2\tG\t0\t+\n", "line 1: the chromosome in column 1 is empty"),
        (BED6 + "chrom\tstart\tend\tname\tscore\tstrand\n", "line 3: start 'start' and end 'end'"),
        ("# nothing\n", "the file holds no interval"),
        ("", "the file is empty"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    ],
)
def test_refused(write, text, match):
    with pytest.raises(FormatError, match=match):
        read_tss_bed(write("t.bed", text))


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file; expected a BED of TSS"):
        read_tss_bed(tmp_path / "no.bed")
