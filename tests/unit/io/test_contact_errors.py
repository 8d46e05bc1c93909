"""Malformed lines of every text format end in one sentence with the line number."""

from __future__ import annotations

import contact_files as toy
import numpy as np
import pytest

from dexkit.errors import FormatError, InputError
from dexkit.genome import Gene, GeneTable, Genome
from dexkit.io.contacts import ContactOptions, TssBins, read_contact_rows
from dexkit.io.contacts.bin_table import read_bins
from dexkit.io.contacts.hicpro_matrix import find_bins

GENOME = Genome(toy.LENGTHS)
GENES = GeneTable.from_genes(Gene(g, g, chrom, tss, s) for g, chrom, tss, s in toy.GENES)
BINS = TssBins.from_genes(GENES, GENOME, toy.BIN_BP, toy.N_FLANK)
PAIRS = toy.toy_pairs(300)

#: Separator, and the columns of start and end of the second region and of the value, from 0.
REGIONS = {
    "bedpe": ("\t", 4, 5, 8),
    "bedpe hichipper": (" ", 4, 5, 7),
    "mango": ("\t", 4, 5, 6),
    "fithichip": ("\t", 4, 5, 6),
    "fithichip merged": ("\t", 4, 5, 6),
    "maps": ("\t", 4, 5, 6),
    "origami": (",", 4, 5, 6),
    "bg2": ("\t", 4, 5, 6),
}


def read(write, kind, text, **options):
    write("toy_abs.bed", toy.write_bins())
    path = write("toy.txt", text)
    chosen = ContactOptions(format=kind.split()[0], **options)
    return read_contact_rows(path, BINS, GENOME, options=chosen)


def refuse(write, kind, text, match, line):
    with pytest.raises(FormatError, match=match) as caught:
        read(write, kind, text)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{caught.value.path}, line {line}: ")
    assert "\n" not in str(caught.value)


def edited(text, line, edit):
    """Return the text with the columns of a line (from the end, -1 is the last) changed."""
    lines = text.splitlines()
    lines[line] = edit(lines[line])
    return "\n".join(lines) + "\n", len(lines) + line + 1


@pytest.mark.parametrize(
    ("role", "value", "match"),
    [
        ("start", "x", "start of anchor 2 .* is 'x'; expected a whole number"),
        ("start", "-5", "start of anchor 2 .* is '-5'; expected a whole number"),
        ("start", "", "start of anchor 2 .*empty|whole number|got [0-9]+ columns"),
        (
            "start",
            "12345678901234567",
            "is '12345678901234567'; expected at most 16 digits|lie on no grid",
        ),
        ("start", "1e3", "is '1e3'; expected a whole number"),
        ("end", "0", r"end of anchor 2 .* is 0, but the start is \d+; expected more than"),
        ("end", "99999", "end of anchor 2 .* is 99999, outside chr|lie on no grid"),
        ("value", "NA", "is 'NA'; expected a finite number of 0 or more"),
        ("value", "inf", "is 'inf'; expected a finite number"),
        ("value", "nan", "is 'nan'; expected a finite number"),
        ("value", "-3", "is '-3'; expected a finite number of 0 or more"),
        ("value", "1,5", "expected a finite number|comma-separated|whole number"),
    ],
)
@pytest.mark.parametrize("kind", REGIONS)
def test_malformed_fields(write, kind, role, value, match):
    separator, start, end, score = REGIONS[kind]
    if (separator, value) in ((",", "1,5"), (" ", "")):
        pytest.skip("that is another number of columns")
    column = {"start": start, "end": end, "value": score}[role]

    def edit(text):
        fields = text.split(separator)
        fields[column] = value
        return separator.join(fields)

    text, line = edited(toy.WRITERS[kind](PAIRS), -3, edit)
    refuse(write, kind, text, match, line)


@pytest.mark.parametrize("kind", [*toy.WRITERS])
def test_malformed_lines(write, kind):
    text = toy.WRITERS[kind](PAIRS)
    n = text.count("\n")
    short, line = edited(text, -2, lambda line: line[:4])
    refuse(write, kind, short, "expected", line)
    blank, line = edited(text, -2, lambda line: "\n" + line)
    refuse(write, kind, blank, "an empty line; only the end of the file may have one", line)
    refuse(
        write, kind, text + "x" * (1 << 20) + "yz\n", "longer than 1048576 bytes|expected", n + 1
    )
    # Within the first 4 KiB the file as a whole is taken for binary data.
    nul, line = edited(text * 6, -1, lambda line: line[:3] + "\0" + line[4:])
    if not text.startswith(("#", "chr1", '"')):
        refuse(write, kind, nul, "NUL byte|expected", line)
    with pytest.raises(FormatError, match="holds binary data"):
        read(write, kind, text[:200] + "\0" + text[200:])
    assert read(write, kind, text + "\n\n").n_cis > 0


@pytest.mark.parametrize("kind", [k for k in toy.WRITERS if k != "hicpro-matrix"])
def test_a_last_line_that_was_cut(write, kind):
    text = toy.WRITERS[kind](PAIRS).rstrip("\n")
    separator = REGIONS.get(kind, "\t")[0]
    if kind in ("pairs", "bg2", "longrange", "bedpe", "bedpe hichipper"):
        match = "got [0-9]+ |the line is .*cut short"
        text = text.rpartition(":" if kind == "longrange" else separator)[0]
    else:
        match = r"the last line has \d+ of \d+ columns and no line end: the file is truncated"
        text = text.rpartition(separator)[0]
    refuse(write, kind, text, match, text.count("\n") + 1)


@pytest.mark.parametrize("kind", toy.WRITERS)
def test_a_truncated_gzip_stream(write, kind):
    write("toy_abs.bed", toy.write_bins())
    path = write("toy.gz", toy.WRITERS[kind](PAIRS), gz=True, cut=10)
    with pytest.raises(FormatError, match=r"toy\.gz, line \d+: the gzip stream is truncated"):
        read_contact_rows(path, BINS, GENOME, options=ContactOptions(bins_bed=None))


@pytest.mark.parametrize("kind", [k for k in toy.WRITERS if k not in ("hicpro-matrix", "pairs")])
def test_names_in_two_spellings(write, kind):
    first, _, rest = toy.WRITERS[kind](PAIRS).rpartition("chrB")
    with pytest.raises(InputError, match="both stand for 'chrB' of the FASTA; use one naming"):
        read(write, kind, f"{first}B{rest}")


@pytest.mark.parametrize("kind", [k for k in toy.WRITERS if k not in ("hicpro-matrix", "pairs")])
def test_a_spelling_met_late(write, monkeypatch, kind):
    """The beginning shows one naming, a line far behind it another."""
    import dexkit.io.contacts.names as module

    monkeypatch.setattr(module, "_SAMPLE_BYTES", 200)
    first, _, rest = toy.WRITERS[kind](PAIRS).rpartition("chrB")
    with pytest.raises(InputError, match="both stand for 'chrB'"):
        read(write, kind, f"{first}B{rest}")


@pytest.mark.parametrize("kind", toy.WRITERS)
def test_no_chromosome_in_common(write, kind):
    text = toy.WRITERS[kind](PAIRS).replace("chrA", "x").replace("chrB", "y").replace("chrC", "z")
    write("toy_abs.bed", toy.write_bins().replace("chr", "scaffold"))
    path = write("toy.txt", text.replace("chrM", "w"))
    with pytest.raises(InputError, match=r"not one chromosome of contact file toy\.txt is in"):
        read_contact_rows(path, BINS, GENOME)


@pytest.mark.parametrize("edit", [("100", "101"), ("150", "151")])
def test_every_line_of_a_matrix_lies_on_the_grid(write, edit):
    line = "chrA\t100\t150\tchrB\t0\t50\t3\n"
    assert read(write, "bg2", line * 300).n_trans == 300
    bad = line.replace(*edit)
    match = rf"of anchor 1 .* is {edit[1]}; expected .* \(is every region one bin of the matrix\?\)"
    refuse(write, "bg2", line * 250 + bad + line, match, 251)


def test_the_last_bins_of_a_grid_may_reach_past_the_chromosome(write):
    """chrC has 130 bp: [100, 150) is cut, [150, 200) is refused."""
    line = "chrC\t100\t150\tchrC\t50\t100\t3\n"
    found = read(write, "bg2", line)
    assert found.counts.sum() == 3
    refuse(write, "bg2", line + "chrC\t150\t200\tchrC\t50\t100\t3\n", "outside chrC", 2)


class TestHicProMatrix:
    def matrix(self, write, text=None, bins=None, name="x.matrix", bed="x_abs.bed", **options):
        write(bed, toy.write_bins() if bins is None else bins)
        path = write(name, toy.write_hicpro_matrix(PAIRS) if text is None else text)
        return read_contact_rows(path, BINS, GENOME, options=ContactOptions(**options))

    def test_iced_values_are_decimals(self, write):
        found = self.matrix(write, "9 10 0.25\n10 9 1.5e0\n9\t9\t2\n")
        assert found.counts.dtype == np.float64
        assert found.depth == 3.75
        assert found.counts.sum() == 3.75

    @pytest.mark.parametrize(
        ("name", "bed"),
        [
            ("s_50.matrix", "s_50_abs.bed"),
            ("s_50_iced.matrix", "s_50_abs.bed"),
            ("s_50.matrix.gz", "s_50_abs.bed"),
            ("anything", "s_50_abs.bed"),
            ("anything", "s_50_abs.bed.gz"),
        ],
    )
    def test_the_bed_is_found_beside_the_matrix(self, write, name, bed):
        gz = bed.endswith("gz")
        write(bed, toy.write_bins(), gz=gz)
        path = write(name, toy.write_hicpro_matrix(PAIRS))
        found = read_contact_rows(path, BINS, GENOME)
        assert [record.name for record in found.inputs] == [name, bed]

    def test_the_bed_of_an_iced_matrix_is_in_the_raw_folder(self, tmp_path):
        iced, raw = tmp_path / "iced" / "50", tmp_path / "raw" / "50"
        for folder in (iced, raw):
            folder.mkdir(parents=True)
        (raw / "s_50_abs.bed").write_text(toy.write_bins())
        assert find_bins(iced / "s_50_iced.matrix") == raw / "s_50_abs.bed"

    def test_no_bed_or_several(self, write):
        path = write("s.matrix", "1 1 1\n")
        with pytest.raises(InputError, match=r"got no \*_abs\.bed beside it; expected s_abs\.bed"):
            read_contact_rows(path, BINS, GENOME)
        for name in ("a_abs.bed", "b_abs.bed"):
            write(name, toy.write_bins())
        with pytest.raises(InputError, match=r"got a_abs\.bed, b_abs\.bed beside it; .*--bins-bed"):
            read_contact_rows(path, BINS, GENOME)
        options = ContactOptions(bins_bed=path.parent / "a_abs.bed")
        assert read_contact_rows(path, BINS, GENOME, options=options).depth == 1
        options = ContactOptions(bins_bed=path.parent / "nowhere")
        with pytest.raises(InputError, match=r"nowhere: no such file; expected a bed file of bins"):
            read_contact_rows(path, BINS, GENOME, options=options)
        with pytest.raises(InputError, match=r"standard input: .* name it with --bins-bed"):
            find_bins("-")

    @pytest.mark.parametrize("bad", ["0 5 1", "5 37 1", "x 5 1", "5 6", "5 6 -1", "5 6 NA"])
    def test_ids_and_values(self, write, bad):
        with pytest.raises(FormatError, match=r"x\.matrix, line 3: .*expected"):
            self.matrix(write, f"1 2 3\n2 3 4\n{bad}\n1 1 1\n")

    def test_ids_may_start_at_another_number(self, write):
        bins = "".join(
            "\t".join([*line.split("\t")[:3], str(int(line.split("\t")[3]) - 1)]) + "\n"
            for line in toy.write_bins().splitlines()
        )
        text = "".join(
            f"{int(a) - 1} {int(b) - 1} {n}\n"
            for a, b, n in (line.split() for line in toy.write_hicpro_matrix(PAIRS).splitlines())
        )
        counts = self.matrix(write).counts
        assert np.array_equal(self.matrix(write, text, bins).counts, counts)

    def test_another_bin_size(self, write):
        with pytest.raises(InputError, match=r"_abs\.bed: the matrix has bins of 100 bp; expected"):
            self.matrix(write, "1 1 1\n", toy.write_bins(100))

    def test_another_genome(self, write):
        bins = toy.write_bins().replace("\t970\t", "\t969\t")
        with pytest.raises(FormatError, match=r"'chrA' has 969 bp in \S+x_abs\.bed and 970 bp in"):
            self.matrix(write, "1 1 1\n", bins)

    @pytest.mark.parametrize(
        ("bins", "line", "match"),
        [
            ("a 0 5 1\na 5 9\n", 2, "the line is 'a 5 9'; expected chrom, start, end and bin id"),
            ("a 0 5 1\na 5 x 2\n", 2, "expected chrom, start, end and bin id"),
            ("a 0 5 1\na 5 10 3\n", 2, "bin id 3 follows 1; expected 2"),
            ("a 0 5 1\na 6 10 2\n", 2, "bin 2 is 6-10; expected one that starts at 5"),
            ("a 1 5 1\n", 1, "bin 1 is 1-5; expected one that starts at 0"),
            ("a 0 0 1\n", 1, "bin 1 is 0-0"),
            ("a 0 5 2\n", 1, r"the first bin id is 2; expected 1 \(or 0\)"),
            ("a 0 5 1\nb 0 5 2\na 5 10 3\n", 3, "chromosome 'a' comes twice"),
            ("a 0 5 1\na 5 8 2\na 8 13 3\n", 3, "the bin of line 2 is shorter than the others"),
            ("a 0 5 1\na 5 10 2\na 10 16 3\n", 3, "bin 3 has 6 bp; expected 5 bp"),
        ],
    )
    def test_malformed_bins(self, write, bins, line, match):
        with pytest.raises(FormatError, match=match) as caught:
            read_bins(write("x_abs.bed", bins))
        assert caught.value.line == line

    def test_bins_of_a_short_first_chromosome(self, write):
        table = read_bins(write("x_abs.bed", "# bins\na 0 3 1\nb 0 5 2\nb 5 7 3\n"))
        assert (table.bin_size_bp, dict(table.lengths)) == (5, {"a": 3, "b": 7})
        with pytest.raises(FormatError, match="the file holds no bins; expected chrom"):
            read_bins(write("x_abs.bed", "# bins\n"))


class TestLongrange:
    @pytest.mark.parametrize(
        "bad",
        [
            "chrA\t0\t50",
            "chrA\t0\t50\tchrA:50-100",
            "chrA\t0\t50\tchrA:50,3",
            "chrA\t0\t50\tchrA\t50\t100\t3",
            "chrA\tx\t50\tchrA:50-100,3",
            "chrA 0 50 chrA:50-100,3",
            "chrA\t0\t50\tchrA:50-100,3,4",
            "chrA\t0\t50\tchrA:50-100,NA",
            "chrA\t0\t50\tchrA:50-40,3",
            "chrA\t0\t50\tchrA:50-4000,3",
        ],
    )
    def test_malformed(self, write, bad):
        good = "chrA\t0\t50\tchrA:50-100,3\n"
        refuse(write, "longrange", f"{good}# note\n{good}{bad}\n{good}", "expected", 4)

    def test_the_first_of_two_faults_is_named(self, write):
        good = "chrA\t0\t50\tchrA:50-100,3\n"
        within = "chrA\t0\t50\tchrA:0-50,x\n"
        between = "chrA\t0\t50\tchrA:50-100,x\n"
        refuse(write, "longrange", good + within + between, "value", 2)
        refuse(write, "longrange", good + between + within, "value", 2)
        refuse(write, "longrange", good + between + "nonsense\n", "value", 2)

    def test_loops_within_one_region(self, write):
        """Listed twice where all are; once where the others are listed once."""
        between = "chrB\t0\t50\tchrB:50-100,3\nchrB\t50\t100\tchrB:0-50,3\n"
        within = "chrB\t0\t50\tchrB:0-50,5\n"
        row = int(np.flatnonzero((BINS.chrom_index == 1) & (BINS.bin == 0))[0])
        middle = toy.N_FLANK
        for text, expected in (
            (between + within, [5, 3]),
            (between + within * 2, [5, 3]),
            (between.splitlines()[0] + "\n" + within, [5, 3]),
            (between.splitlines()[0] + "\n" + within * 2, [10, 3]),
        ):
            found = read(write, "longrange", text)
            assert found.counts[row, middle : middle + 2].tolist() == expected
