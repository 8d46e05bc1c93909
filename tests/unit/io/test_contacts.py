from __future__ import annotations

import gzip
from contextlib import contextmanager

import numpy as np
import pysam
import pytest

from dexkit.errors import ConfigError, FormatError, InputError
from dexkit.genome import Gene, GeneTable, Genome
from dexkit.io.contacts import ContactOptions, TssBins, read_contact_rows

GENOME = Genome({"chr1": 1000, "chr2": 450, "chrM": 100})
BIN, FLANK = 100, 3


def gene_table(*places):
    return GeneTable.from_genes(
        Gene(f"G{i}", f"G{i}", chrom, tss, "+") for i, (chrom, tss) in enumerate(places)
    )


GENES = gene_table(("chr1", 510), ("chr2", 0), ("chr1", 599), ("chr1", 0), ("chr2", 449))
BINS = TssBins.from_genes(GENES, GENOME, BIN, FLANK)

# chrom1, 1-based position 1, chrom2, 1-based position 2
PAIRS = [
    ("chr1", 501, "chr1", 600),  # both in bin 5: once, offset 0
    ("chr1", 550, "chr1", 700),  # bins 5 and 6
    ("chr1", 100, "chr1", 101),  # bins 0 and 1: positions are 1-based
    ("chr1", 1000, "chr1", 600),  # last base; bins 9 and 5: beyond the flank
    ("chr1", 1, "chr1", 350),  # bins 0 and 3
    ("chr1", 5, "chr2", 5),  # trans
    ("chr2", 1, "chr2", 450),  # bins 0 and 4: beyond the flank
    ("chr2", 401, "chr2", 302),  # bins 4 and 3
]
EXPECTED = {
    ("chr1", 0): [0, 0, 0, 0, 1, 0, 1],
    ("chr1", 5): [0, 0, 0, 1, 1, 0, 0],
    ("chr2", 0): [0, 0, 0, 0, 0, 0, 0],
    ("chr2", 4): [0, 0, 1, 0, 0, 0, 0],
}
SIZES = "".join(f"#chromsize: {name} {length}\n" for name, length in GENOME.lengths.items())


def pairs_text(pairs=PAIRS, header=SIZES, version="## pairs format v1.0\n", columns=None):
    columns = "readID chrom1 pos1 chrom2 pos2 strand1 strand2" if columns is None else columns
    head = version + header + (f"#columns: {columns}\n" if columns else "")
    return head + "".join(
        f"r{i}\t{a}\t{p}\t{b}\t{q}\t+\t-\n" for i, (a, p, b, q) in enumerate(pairs)
    )


def hicpro_text(pairs=PAIRS, extra="\t100\tf1\tf2\t35\t40"):
    return "".join(f"r\t{a}\t{p}\t+\t{b}\t{q}\t-{extra}\n" for a, p, b, q in pairs)


TEXTS = {
    "pairs": pairs_text(),
    "hicpro": hicpro_text(),
    "pairs without sizes": pairs_text(header=""),
    "pairs with other columns": "## pairs format v1.0\n"
    "#columns: pos2 readID chr2 pos1 chr1 pair_type\n"
    + "".join(f"{q}\tr\t{b}\t{p}\t{a}\tUU\n" for a, p, b, q in PAIRS),
    "pairs by columns alone": pairs_text(version="", header=""),
    "hicpro, 7 columns": hicpro_text(extra=""),
}


def check_counts(found):
    names = list(GENOME.lengths)
    got = {
        (names[c], int(b)): row.tolist()
        for c, b, row in zip(BINS.chrom_index, BINS.bin, found.counts, strict=True)
    }
    assert got == EXPECTED
    assert (found.depth, found.n_cis, found.n_trans) == (8, 7, 1)
    assert found.observed_chroms == {"chr1", "chr2"}
    assert found.n_unknown_chrom == found.n_dropped == 0
    assert found.counts.dtype == np.uint32


def test_tss_bins():
    assert BINS.chrom_index.tolist() == [0, 0, 1, 1]
    assert BINS.bin.tolist() == [0, 5, 0, 4]
    assert BINS.row_of_gene.tolist() == [1, 2, 1, 0, 3]
    assert (BINS.chrom_index.dtype, BINS.bin.dtype) == (np.int32, np.int32)
    assert BINS.row_of_gene.dtype == np.intp
    assert len(BINS) == 4


def test_tss_bins_of_no_genes():
    bins = TssBins.from_genes(gene_table(), GENOME, BIN, FLANK)
    assert len(bins) == len(bins.row_of_gene) == 0


@pytest.mark.parametrize(
    ("place", "match"),
    [
        (("chr3", 1), "gene 'G0' lies on chromosome 'chr3', which the FASTA has not; did you mean"),
        (("chr1", 1000), "TSS of gene 'G0' is base 1,001 of 'chr1', which has 1,000"),
        (("chr1", -1), "TSS of gene 'G0' is base 0 of 'chr1'"),
    ],
)
def test_tss_off_the_genome(place, match):
    with pytest.raises(InputError, match=match):
        TssBins.from_genes(gene_table(place), GENOME, BIN, FLANK)


@pytest.mark.parametrize(("size", "flank"), [(0, 3), (-1, 3), (100, -1)])
def test_bad_sizes(size, flank):
    with pytest.raises(ConfigError, match="expected at least"):
        TssBins.from_genes(GENES, GENOME, size, flank)


@pytest.mark.parametrize("container", ["plain", "gzip", "bgzip", "crlf", "bom", "no last newline"])
@pytest.mark.parametrize("kind", TEXTS)
def test_counts_by_hand(tmp_path, kind, container):
    data = TEXTS[kind].encode()
    path = tmp_path / "contacts.txt"  # the name says nothing
    if container == "gzip":
        path.write_bytes(gzip.compress(data))
    elif container == "bgzip":
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(data)
    elif container == "crlf":
        path.write_bytes(data.replace(b"\n", b"\r\n"))
    elif container == "bom":
        path.write_bytes(b"\xef\xbb\xbf" + data)
    else:
        path.write_bytes(data.rstrip(b"\n") if container == "no last newline" else data)
    found = read_contact_rows(path, BINS, GENOME)
    check_counts(found)
    assert found.format == kind.split()[0].rstrip(",")
    assert found.path == str(path)
    assert found.messages == ()


@pytest.mark.parametrize("chunk_bytes", [1, 17, 100])
@pytest.mark.parametrize("kind", ["pairs", "hicpro"])
def test_chunks_end_anywhere(write, monkeypatch, kind, chunk_bytes):
    import dexkit.io.contacts.rows as module

    real = module.read_chunks
    monkeypatch.setattr(
        module, "read_chunks", lambda *a, **k: real(*a, **k, chunk_bytes=chunk_bytes)
    )
    check_counts(read_contact_rows(write("c", TEXTS[kind], gz=True), BINS, GENOME))


def test_many_pairs_against_a_plain_count(write):
    rng = np.random.default_rng(1)
    chroms = rng.choice(["chr1", "chr2"], (40_000, 2), p=[0.7, 0.3])
    pos = rng.integers(1, 451, (40_000, 2))
    pairs = [(a, p, b, q) for (a, b), (p, q) in zip(chroms.tolist(), pos.tolist(), strict=True)]
    found = read_contact_rows(write("c", pairs_text(pairs), gz=True), BINS, GENOME)
    row_of = {
        (list(GENOME.lengths)[c], int(b)): i
        for i, (c, b) in enumerate(zip(BINS.chrom_index, BINS.bin, strict=True))
    }
    expected = np.zeros_like(found.counts)
    for a, p, b, q in pairs:
        if a != b:
            continue
        i, j = (p - 1) // BIN, (q - 1) // BIN
        for here, there in ((i, j), (j, i)) if i != j else ((i, j),):
            if (a, here) in row_of and abs(there - here) <= FLANK:
                expected[row_of[a, here], there - here + FLANK] += 1
    np.testing.assert_array_equal(found.counts, expected)
    assert found.depth == 40_000


@pytest.mark.parametrize("kind", ["pairs", "hicpro"])
def test_chromosome_names_are_mapped_and_said(write, kind):
    text = TEXTS[kind].replace("chr1", "1").replace("chr2", "2").replace("chrM", "MT")
    path = write("c.txt", text.replace("readID 1 pos1 2", "readID chr1 pos1 chr2"))
    found = read_contact_rows(path, BINS, GENOME)
    check_counts(found)
    assert (
        "chromosome names of contact file c.txt mapped to the FASTA's (1 -> chr1, …)"
        in (found.messages[0])
    )


def test_a_name_met_late_is_mapped_as_the_first_ones(write, monkeypatch):
    import dexkit.io.contacts.names as module

    monkeypatch.setattr(module, "_SAMPLE_BYTES", 10)
    text = hicpro_text([("1", 5, "1", 5), ("2", 7, "2", 7), ("MT", 1, "MT", 1), ("7", 1, "1", 1)])
    found = read_contact_rows(write("c", text), BINS, GENOME)
    assert found.observed_chroms == {"chr1", "chr2", "chrM"}
    assert (found.depth, found.n_unknown_chrom, found.unknown_chroms) == (3, 1, ("7",))


def test_given_alias(write):
    text = hicpro_text([("NC_1", 5, "NC_1", 5), ("NC_2", 1, "NC_2", 1)])
    alias = {"NC_1": "chr1", "NC_2": "chr2", "1": "chr1"}
    found = read_contact_rows(write("c", text), BINS, GENOME, alias)
    assert found.depth == 2
    found = read_contact_rows(write("c", TEXTS["pairs"]), BINS, GENOME, alias)
    check_counts(found)


def test_mixed_names_are_refused(write):
    text = hicpro_text([("1", 5, "1", 5), ("chr1", 5, "chr1", 5)])
    for alias in (None, {"1": "chr1"}):
        with pytest.raises(InputError, match="both stand for 'chr1'"):
            read_contact_rows(write("c", text), BINS, GENOME, alias)


def test_unknown_chromosomes_and_marked_pairs_are_counted_apart(write):
    columns = "readID chrom1 pos1 chrom2 pos2 strand1 strand2 pair_type"
    body = (
        "a\tchr1\t1\tchr1\t2\t+\t-\tUU\nb\tchrUn\t1\tchr1\t2\t+\t-\tUU\n"
        "c\tchr1\t1\tchr1\t2\t+\t-\tDD\nd\t!\t0\tchr1\t2\t-\t-\tNU\n"
    )
    text = f"## pairs format v1.0\n#columns: {columns}\n{body}"
    found = read_contact_rows(write("c", text), BINS, GENOME)
    assert (found.depth, found.n_unknown_chrom, found.n_dropped) == (1, 1, 2)
    assert found.unknown_chroms == ("chrUn",)


def test_progress_counts_stored_megabytes(write):
    path = write("c.txt", TEXTS["pairs"], gz=True)
    seen = []

    @contextmanager
    def progress(description, total):
        seen.append((description, total))
        yield seen.append

    read_contact_rows(path, BINS, GENOME, progress=progress)
    assert seen[0] == ("contacts c.txt", path.stat().st_size / 1e6)
    assert sum(seen[1:]) == pytest.approx(path.stat().st_size / 1e6)


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", r"c\.txt: the file is empty; expected a contact file"),
        (SIZES, r"c\.txt: the file holds no contacts"),
        (pairs_text([]), "the file holds no contacts"),
        (pairs_text([]).rstrip("\n"), "the file holds no contacts"),
        (bytes(range(256)), "binary data"),
        (TEXTS["pairs"] + "r\tchr1\t5\n", r"c\.txt, line 14: got 3 tab-separated columns"),
        (TEXTS["pairs"] + "r\tchr1\tx\tchr1\t5\t+\t-\n", r"line 14: .*is 'x'; expected a whole"),
        (TEXTS["pairs"] + "r\tchr1\t5\tchr1\t-5\t+\t-\n", "line 14: .*'-5'; expected a whole"),
        (TEXTS["pairs"] + "r\tchr1\t5\tchr1\t1001\t+\t-\n", "line 14: .*outside chr1"),
        (TEXTS["pairs"] + "r\tchr1\t0\tchr1\t5\t+\t-\n", "line 14: .*outside chr1"),
        (TEXTS["pairs"] + "\nr\tchr1\t1\tchr1\t5\t+\t-\n", "line 14: an empty line"),
        (TEXTS["hicpro"] + "r\tchr1\t5\t+\tchr1\n", "line 9: got 5 tab-separated columns"),
        (TEXTS["hicpro"] + "r\tchr1\t5\t+\tchr1\t7", r"line 9: the last line has 6 of 12 columns"),
        (
            TEXTS["pairs"].replace("450\n", "451\n", 1),
            "line 3: .*'chr2' has 451 bp in the header and 450",
        ),
        (pairs_text(header="#chromsize: chr1\n"), "line 2: '#chromsize: chr1' is malformed"),
        (pairs_text(header="#chromsize: chr1 x\n"), "line 2: .* is malformed"),
        (pairs_text(header=SIZES + "#chromsize: chr1 5\n"), "line 5: .*two lengths in the header"),
        (pairs_text(columns="readID chrom1 pos1 chrom2"), "line 5: #columns has 0 columns 'pos2'"),
        (pairs_text(columns="readID chr1 pos1 chrom1 pos1"), "#columns has 2 columns 'chrom1'"),
        (pairs_text(columns="", version=""), "say which it is with --contacts-format"),
        (
            pairs_text(columns="", version="", header=""),
            r"line 1: .* expected one of pairs, hicpro, .*, hic; say which it is with --contacts",
        ),
    ],
)
def test_bad_files_name_file_and_line(write, text, match, gz):
    path = write("c.txt", text, gz=gz)
    with pytest.raises(FormatError, match=match) as caught:
        read_contact_rows(path, BINS, GENOME)
    assert caught.value.path == str(path)


def test_conflicting_length_under_another_name(write):
    text = (
        pairs_text(header="#chromsize: 1 999\n").replace("chr1\t", "1\t").replace("chr2\t", "2\t")
    )
    with pytest.raises(FormatError, match="'1' has 999 bp in the header and 1,000 bp in the FASTA"):
        read_contact_rows(write("c", text), BINS, GENOME)


@pytest.mark.parametrize("kind", ["pairs", "hicpro"])
def test_truncated_gzip(write, kind):
    path = write("c.gz", TEXTS[kind] * 1, gz=True, cut=12)
    with pytest.raises(FormatError, match=r"c\.gz, line \d+: the gzip stream is truncated"):
        read_contact_rows(path, BINS, GENOME)


def test_line_of_a_truncated_gzip(write):
    rng = np.random.default_rng(2)
    pairs = [("chr1", p, "chr1", q) for p, q in rng.integers(1, 1001, (100_000, 2)).tolist()]
    path = write("c.gz", hicpro_text(pairs, extra=""), gz=True, cut=5000)
    with pytest.raises(FormatError) as caught:
        read_contact_rows(path, BINS, GENOME)
    assert 80_000 < caught.value.line < 100_000


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(InputError, match="no such file; expected a contact file"):
        read_contact_rows(tmp_path / "c", BINS, GENOME)
    with pytest.raises(InputError, match="is a directory; expected a contact file"):
        read_contact_rows(tmp_path, BINS, GENOME)


@pytest.mark.parametrize("kind", ["pairs", "hicpro"])
def test_no_chromosome_in_common(write, kind):
    path = write("c.txt", TEXTS[kind].replace("chr", "scaf").replace("scafom", "chrom"))
    with pytest.raises(
        InputError, match=r"not one chromosome of contact file c\.txt is in the FASTA"
    ):
        read_contact_rows(path, BINS, GENOME)


def test_not_one_valid_pair(write):
    text = pairs_text([("chr1", 1, "chrUn", 1)])
    with pytest.raises(InputError, match=r"not a single pair .* got 1 pairs elsewhere \('chrUn'\)"):
        read_contact_rows(write("c", text), BINS, GENOME)


def test_stated_format(write):
    headerless = pairs_text(columns="", version="", header="")
    check_counts(
        read_contact_rows(
            write("c", headerless), BINS, GENOME, options=ContactOptions(format="pairs")
        )
    )
    check_counts(
        read_contact_rows(
            write("c", TEXTS["hicpro"]), BINS, GENOME, options=ContactOptions(format="hicpro")
        )
    )
    with pytest.raises(ConfigError, match=r"unknown contact format 'pair'; did you mean 'pairs'"):
        read_contact_rows(
            write("c", headerless), BINS, GENOME, options=ContactOptions(format="pair")
        )
    with pytest.raises(FormatError, match=r"line 1: the position of end 1 .*is '\+'|whole number"):
        read_contact_rows(
            write("c", headerless), BINS, GENOME, options=ContactOptions(format="hicpro")
        )


def test_header_longer_than_a_chunk(write):
    header = "".join(f"#samheader: @SQ\tSN:scaffold_{i}\tLN:1000\n" for i in range(60_000))
    check_counts(read_contact_rows(write("c", pairs_text(header=header)), BINS, GENOME))


def test_endless_header_is_refused(write, monkeypatch):
    import dexkit.io.contacts.head as module

    monkeypatch.setattr(module, "MAX_HEADER_BYTES", 1000)
    with pytest.raises(FormatError, match="the header does not end within"):
        read_contact_rows(write("c", "#" * 3_000_000), BINS, GENOME)
