"""Which reader takes a file, what is refused, and what each option does."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from dexkit.errors import ConfigError, FormatError, InputError
from dexkit.genome import Gene, GeneTable, Genome
from dexkit.io.contacts import FORMATS, ContactOptions, TssBins, read_contact_rows, stored_file
from dexkit.io.text import read_chunks

GENOME = Genome({"chr1": 1000, "chr2": 450})
GENES = GeneTable.from_genes([Gene("G", "G", "chr1", 510, "+")])
BINS = TssBins.from_genes(GENES, GENOME, 100, 2)

A, B = "chr1 500 600 chr1 600 700", "chr1 500 600 chr1 400 500"
OFF = "chr1 510 590 chr1 640 699"
BG2_OR_BEDPE = "may be bedpe or bg2: .*--contacts-format bedpe or --contacts-format bg2"
MANGO_OR_BEDPE = "may be bedpe or mango: .*--contacts-format bedpe"


def table(*lines):
    return "".join("\t".join(line.split()) + "\n" for line in lines)


def rows_of(write, text, name="c.txt", **options):
    path = write(name, text)
    return read_contact_rows(path, BINS, GENOME, options=ContactOptions(**options))


@pytest.mark.parametrize(
    ("text", "format", "row"),
    [
        (table(A, B), "bedpe", [0, 1, 0, 1, 0]),
        (table(f"{A} loop1", f"{B} loop2"), "bedpe", [0, 1, 0, 1, 0]),
        (table(f"{A} . 7", f"{B} . 8"), "bedpe", [0, 1, 0, 1, 0]),
        (table(f"{A} 3 7 + -", f"{B} 3 8 + -"), "bedpe", [0, 1, 0, 1, 0]),
        (table(f"{OFF} 2.5", f"{OFF} 3.5"), "bedpe", [0, 0, 0, 2, 0]),
        (table(f"{OFF} 2", f"{OFF} 3"), "bedpe", [0, 0, 0, 2, 0]),
        (f"{A} . 7\n{B} . 8\n", "bedpe", [0, 8, 0, 7, 0]),
        (f"  {A} . 7\n{B}\t.  8\n", "bedpe", [0, 8, 0, 7, 0]),
        (f"{A} . 0.5\n{B} . 8\n", "bedpe", [0, 8, 0, 0.5, 0]),
        (f"{A} n 0.5\n{B} . 8\n", "bedpe", [0, 1, 0, 1, 0]),
        (table("chr1 s e chr2 t u name PETs", f"{A} x 7"), "bedpe", [0, 0, 0, 7, 0]),
        (table("#chr1 x1 x2 chr2 y1 y2 name observed", f"{A} x 7"), "bedpe", [0, 0, 0, 7, 0]),
        (
            f"#chr1\tx1\tx2\tchr2\ty1\ty2\tcount\n# v1\n{table(A + ' 4.5')}",
            "bg2",
            [0, 0, 0, 4.5, 0],
        ),
        (table(f"{A} 3", f"{B} 4"), "bg2", [0, 4, 0, 3, 0]),
        (table(f"{A} 3", f"{B} 3"), "bg2", [0, 3, 0, 3, 0]),
        (f"{A} 3\n", "bg2", [0, 0, 0, 3, 0]),
        (table("chrom1 s e chrom2 t u count", f"{A} 3"), "bg2", [0, 0, 0, 3, 0]),
        (table("chrom1 s e chrom2 t u score", f"{A} 3"), "bedpe", [0, 0, 0, 1, 0]),
        (table(f"{A} 3 0.01", f"{B} 3 1e-9"), "mango", [0, 3, 0, 3, 0]),
        (table(f"{A} 3 20", f"{B} 3 1"), "bedpe", [0, 1, 0, 1, 0]),
        (table("chr1 s1 e1 chr2 s2 e2 cc", f"{A} 3"), "fithichip", [0, 0, 0, 3, 0]),
        (table("c1 s1 e1 c2 s2 e2 sumCC", f"{A} 3"), "fithichip", [0, 0, 0, 3, 0]),
        (
            table("chr1 s1 e1 chr2 s2 e2 count expected fdr", f"{A} 3 1.5 0.01"),
            "maps",
            [0, 0, 0, 3, 0],
        ),
        ("a,b,c,d,e,f,PET Count\nchr1,500,600,chr1,600,700,3\n", "origami", [0, 0, 0, 3, 0]),
        ("a,b,c,d,e,f,PET.Count\nchr1,500,600,chr1,600,700,3\n", "origami", [0, 0, 0, 3, 0]),
        ("chr1,500,600,chr1,600,700,x,3\n", "bedpe", [0, 0, 0, 1, 0]),
        ("chr1\t500\t600\tchr1:600-700,2.5\n", "longrange", [0, 0, 0, 2.5, 0]),
        ("chr1\t500\t600\tchr1:600-700,2\tid7\t+\n", "longrange", [0, 0, 0, 2, 0]),
        ("# made by hand\n" + table(f"{A} 3"), "bg2", [0, 0, 0, 3, 0]),
        (table(f"{A} 3") + "# a comment\n" + table(f"{B} 3"), "bg2", [0, 3, 0, 3, 0]),
    ],
)
def test_told_by_content(write, text, format, row):
    found = rows_of(write, text)
    assert found.format == format
    assert found.counts.tolist() == [row]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (table(f"{A} 3.5", f"{B} 4.5"), BG2_OR_BEDPE),
        (table(f"{A} 1", f"{B} 2", f"{A} 3"), BG2_OR_BEDPE),
        (table(f"{A} 1 0.5", f"{B} 2 0.5", f"{A} 3 0.5"), MANGO_OR_BEDPE),
    ],
)
def test_what_two_formats_fit_is_refused(write, text, match):
    with pytest.raises(FormatError, match=rf"c\.txt, line 1: the contacts {match}") as caught:
        rows_of(write, text)
    for name in ("bedpe", "bg2" if "bg2" in match else "mango"):
        assert rows_of(write, text, format=name).format == name
    assert caught.value.line == 1


def test_a_score_column_tells_loops_from_a_matrix(write):
    found = rows_of(write, table(f"{A} 3.5", f"{B} 4.5"), score_column="7")
    assert (found.format, found.kind) == ("bedpe", "loops")
    assert found.counts.tolist() == [[0, 4.5, 0, 3.5, 0]]
    # A BEDPE and a mango file have a column to choose each.
    with pytest.raises(FormatError, match=MANGO_OR_BEDPE):
        rows_of(write, table(f"{A} 1 0.5", f"{B} 2 0.5", f"{A} 3 0.5"), score_column="7")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("chr1\t100\t200\n", "one region a line"),
        ("chr1\t100\t200\t3.5\n", r"one region a line \(BED, bedGraph or peaks: a 1-D track\)"),
        ("chr1\t100\t200\tp1\t0\t+\n", r"one region a line \(BED with a strand\)"),
        ("chr1\t100\t200\tp\t0\t.\t5\t1\t2\t9\n", "a 1-D track"),
        ("track name=x\nchr1\t100\t200\n", "a browser track"),
        ("fixedStep chrom=chr1 start=1\n1\n", "wiggle"),
        ("@HD\tVN:1.6\n", r"alignments \(SAM\)"),
        ("@read1\nACGT\n+\nFFFF\n", r"reads \(FASTQ\)"),
        (">chr1\nACGT\n", r"sequences \(FASTA\)"),
        ('chr1\tsrc\tgene\t1\t9\t.\t+\t.\tgene_id "G";\n', "an annotation"),
        ("<!DOCTYPE html>\n", "a web page"),
        ("gene\tK562\nG1\t5\n", "cannot be told from the line 'gene"),
        ("\nchr1\t1\n", "cannot be told from the line ''"),
    ],
)
def test_what_is_no_contact_file_is_named(write, text, match):
    with pytest.raises(FormatError, match=match) as caught:
        rows_of(write, text)
    assert caught.value.line == 1


@pytest.mark.parametrize(
    ("magic", "match"),
    [
        (b"\x26\xfc\x8f\x88\x04", "a bigWig file"),
        (b"\xeb\xf2\x89\x87\x04", "a bigBed"),
        (b"BAM\1", "a BAM file"),
        (b"CRAM\3", "a CRAM file"),
        (b"PAR1", "a Parquet file"),
        (b"BZh9", "compressed with bzip2"),
    ],
)
def test_binary_files_are_named(write, magic, match):
    for gz in (False, True):
        with pytest.raises(FormatError, match=match):
            read_contact_rows(write("c", magic + bytes(50), gz=gz), BINS, GENOME)


@pytest.mark.parametrize(
    ("text", "options", "match"),
    [
        (table(A), {"score_column": "7"}, "score column 7 cannot hold values; expected no score"),
        (table(f"{A} x 3"), {"score_column": "9"}, "expected a number from 7 to 8"),
        (table(f"{A} x 3"), {"score_column": "3"}, "expected a number from 7 to 8"),
        (table(f"{A} x 3"), {"score_column": "pets"}, "there is no header with a column 'pets'"),
        (
            table("c1 s1 e1 c2 s2 e2 name score", f"{A} x 3"),
            {"score_column": "scor"},
            "the header has no column 'scor'; did you mean 'score'",
        ),
        (table(f"{A} 3"), {"score_column": "7"}, "no meaning for the contact format bg2"),
        ("chr1\t5\t6\tchr1:7-8,1\n", {"score_column": "7"}, "no meaning for .* longrange"),
        (table(f"{A} 3"), {"balance": "KR"}, "--balance KR has no meaning .*; it is for cool, hic"),
        (table(f"{A} 3"), {"bins_bed": Path("x")}, "--bins-bed has no meaning .*hicpro-matrix"),
        (
            table(f"{A} 3"),
            {"format": "bedp"},
            "unknown contact format 'bedp'; did you mean 'bedpe'",
        ),
    ],
)
def test_options_that_do_not_fit(write, text, options, match):
    with pytest.raises(ConfigError, match=match):
        rows_of(write, text, **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"anchors": "mid"}, "unknown rule for anchors 'mid'; did you mean 'midpoint'"),
        ({"score_column": " "}, "the score column is empty"),
        ({"balance": ""}, "the normalisation is empty"),
    ],
)
def test_options_are_checked(options, match):
    with pytest.raises(ConfigError, match=match):
        ContactOptions(**options)


@pytest.mark.parametrize(
    ("column", "value"), [("7", 5), ("8", 0.5), ("Weight", 0.5), ("weight", 0.5), ("n", 5)]
)
def test_score_by_number_or_name(write, column, value):
    text = table("chr1 s1 e1 chr2 s2 e2 N Weight", f"{A} 5 0.5")
    found = rows_of(write, text, score_column=column)
    assert found.counts.tolist() == [[0, 0, 0, value, 0]]
    assert "as asked for" in found.messages[0]


def test_a_name_in_its_own_case_goes_first(write):
    text = table("chr1 s1 e1 chr2 s2 e2 SCORE score", f"{A} 5 6")
    assert rows_of(write, text, score_column="score").counts[0, 3] == 6
    assert rows_of(write, text, score_column="SCORE").counts[0, 3] == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (table(A), "c.txt: BEDPE; each line counts 1"),
        (table(f"{A} x"), "c.txt: BEDPE; each line counts 1 (--score-column takes a column"),
        (f"{A} . 7\n", "c.txt: BEDPE; each line counts its column 8, the PETs of hichipper"),
        (table("c1 s1 e1 c2 s2 e2 n pets", f"{A} x 3"), "each line counts its column 8 (pets)"),
        (table(f"{A} 3"), "c.txt: a matrix of 100 bp bins (BG2); its sum is taken as the depth"),
        (
            table("chr1 450 650 chr1 700 800"),
            "anchors of the first lines are up to 200 bp wide and bins 100 bp",
        ),
    ],
)
def test_what_was_taken_is_said(write, text, message):
    assert any(message in said for said in rows_of(write, text).messages)


def test_several_columns_of_counts(write):
    text = table("c1 s1 e1 c2 s2 e2 count pets", f"{A} 3 4")
    with pytest.raises(FormatError, match=r"line 1: .*several columns of counts \('count', 'pets'"):
        rows_of(write, text)
    with pytest.raises(FormatError, match="line 2: the header names several columns of counts"):
        rows_of(write, f"# made by hand\n#{text}")
    assert rows_of(write, text, score_column="pets").counts[0, 3] == 4


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ((f"{A} 3", f"{B} x", f"{A} 4"), 2),
        ((f"{A} 3 0.1", f"{B} 3 0.1", f"{A} 4 ?"), 3),
        ((f"{A} loop", f"{B} 5"), 1),
    ],
)
def test_one_damaged_count_does_not_make_a_list_of_names(write, lines, line):
    with pytest.raises(FormatError, match=rf"line {line}: column [78] is .* a number in other"):
        rows_of(write, table(*lines))


def test_a_matrix_of_another_bin_size(write):
    text = table("chr1 400 600 chr1 600 800 3", "chr1 600 800 chr1 800 1000 3")
    with pytest.raises(InputError, match="has bins of 200 bp; expected 100 bp as asked for"):
        rows_of(write, text)
    with pytest.raises(FormatError, match="line 3: the regions lie on no grid"):
        rows_of(write, table(f"{A} 3", f"{B} 3", f"{OFF} 3"), format="bg2")


def test_the_format_that_was_said_must_fit(write):
    for format in ("bedpe", "mango", "fithichip", "maps", "origami", "bg2", "longrange"):
        with pytest.raises(
            FormatError, match=r"c\.txt, line 2: this is no .* file; got 'chr1"
        ) as e:
            rows_of(write, "# x\nchr1\t5\n", format=format)
        assert "--contacts-format auto" in str(e.value)
    with pytest.raises(FormatError, match="this is no HiC-Pro matrix file"):
        rows_of(write, "chr1\t5\t6\n", format="hicpro-matrix")


def test_stored_file(tmp_path):
    assert stored_file("-") is None
    assert stored_file("a/b.pairs.gz") == Path("a/b.pairs.gz")
    assert stored_file("a/b.mcool::/resolutions/5000") == Path("a/b.mcool")
    odd = tmp_path / "a::b"
    odd.write_text("x")
    assert stored_file(odd) == odd


@pytest.mark.parametrize(
    ("name", "content", "uri"),
    [
        ("cool", b"\x89HDF\r\n\x1a\n\0", ""),
        ("cool", b"\x89HDF\r\n\x1a\n\0", "::/resolutions/100"),
        ("hic", b"HIC\0\x08", ""),
    ],
)
def test_binary_formats_are_handed_over(write, monkeypatch, name, content, uri):
    module = ModuleType(f"dexkit.io.contacts.{name}")
    module.read = lambda *arguments: arguments
    monkeypatch.setitem(sys.modules, module.__name__, module)
    path = f"{write('c.txt', content)}{uri}"
    for format in ("auto", name):
        options = ContactOptions(format=format, balance="KR")
        progress = object()
        handed = read_contact_rows(path, BINS, GENOME, {"1": "chr1"}, options, progress)
        assert handed == (path, BINS, GENOME, {"1": "chr1"}, options, progress)
    with pytest.raises(ConfigError, match="--score-column 7 has no meaning"):
        read_contact_rows(path, BINS, GENOME, options=ContactOptions(score_column="7"))


def test_a_binary_file_is_no_text(write):
    path = write("c", b"\x89HDF\r\n\x1a\n\0")
    with pytest.raises(FormatError, match="the file is an HDF5 file"):
        read_contact_rows(path, BINS, GENOME, options=ContactOptions(format="pairs"))


def test_a_group_of_a_text_file(write):
    path = f"{write('c.txt', table(A))}::/resolutions/5000"
    with pytest.raises(InputError, match=r"names a group inside a \.cool or \.mcool file"):
        read_contact_rows(path, BINS, GENOME)


@pytest.mark.parametrize("name", ["cool", "hic"])
def test_binary_formats_are_not_read_from_a_pipe(name):
    with pytest.raises(InputError, match=rf"standard input: a \.{name} file cannot be read"):
        read_contact_rows("-", BINS, GENOME, options=ContactOptions(format=name))


def test_names_of_the_formats():
    assert FORMATS == (
        *("auto", "pairs", "hicpro", "hicpro-matrix", "bedpe", "mango", "fithichip", "maps"),
        *("origami", "bg2", "longrange", "cool", "hic"),
    )


def test_a_pipe_is_told_by_all_that_comes(tmp_path):
    """What the first read gives does not decide: lines may come one by one."""
    from dexkit.io.contacts.head import read_head

    text = table(f"{A} 3", f"{B} x").encode()
    (tmp_path / "c").write_bytes(text)
    head = read_head(read_chunks(tmp_path / "c", "contact file", chunk_bytes=3), "c")
    assert head.lines == tuple(text.decode().splitlines())
