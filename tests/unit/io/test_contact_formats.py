"""One experiment in every text format of contacts gives the same rows."""

from __future__ import annotations

import gzip
import hashlib
import os
from contextlib import contextmanager

import contact_files as toy
import matrices
import numpy as np
import pysam
import pytest

from dexkit.genome import Gene, GeneTable, Genome
from dexkit.io.contacts import FORMATS, ContactOptions, TssBins, read_contact_rows

GENOME = Genome(toy.LENGTHS)
GENES = GeneTable.from_genes(Gene(g, g, chrom, tss, s) for g, chrom, tss, s in toy.GENES)
BINS = TssBins.from_genes(GENES, GENOME, toy.BIN_BP, toy.N_FLANK)
PAIRS = toy.toy_pairs()
ROW_OF_BIN = {
    (list(toy.LENGTHS)[c], int(b)): row
    for row, (c, b) in enumerate(zip(BINS.chrom_index, BINS.bin, strict=True))
}
EXPECTED = np.array(toy.expected_rows(PAIRS, ROW_OF_BIN), np.float64)
N_CIS = sum(a == b for a, _p, b, _q in PAIRS)
N_CIS_BINS = sum(one[0] == two[0] for one, two in toy.bin_pairs(PAIRS))
#: Formats with a value, and the column that is taken (longrange: what holds it).
COLUMN_OF_VALUE = {
    "hicpro-matrix": 2,
    "bedpe": 8,
    "bedpe hichipper": 7,
    "mango": 6,
    "fithichip": 6,
    "fithichip merged": 6,
    "maps": 6,
    "origami": 6,
    "bg2": 6,
    "longrange": 3,
}
KINDS = {"pairs": "pairs", "hicpro": "pairs", "hicpro-matrix": "matrix", "bg2": "matrix"}


def save(tmp_path, kind, data, container="plain"):
    """Write a contact file (and what lies beside it) whose name says nothing."""
    (tmp_path / "toy_abs.bed").write_text(toy.write_bins())
    path = tmp_path / "toy.txt"
    data = data.encode() if isinstance(data, str) else data
    if container == "gzip":
        data = gzip.compress(data)
    elif container == "crlf":
        data = data.replace(b"\n", b"\r\n")
    elif container == "no last newline":
        data = data.rstrip(b"\n")
    elif container == "bom":
        data = b"\xef\xbb\xbf" + data
    if container == "bgzip":
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(data)
    else:
        path.write_bytes(data)
    return path


@contextmanager
def standard_input(path):
    """Make a file the standard input of this process."""
    kept = os.dup(0)
    with path.open("rb") as handle:
        os.dup2(handle.fileno(), 0)
        try:
            yield "-"
        finally:
            os.dup2(kept, 0)
            os.close(kept)


def check(found, kind):
    name = kind.split()[0]
    assert found.format == name
    assert np.array_equal(found.counts.astype(np.float64), EXPECTED)
    assert found.counts.dtype == (np.uint32 if name in ("pairs", "hicpro") else np.float64)
    assert found.kind == KINDS.get(name, "loops")
    assert found.depth == (len(PAIRS) if found.kind != "loops" else None)
    assert found.observed_chroms == {"chrA", "chrB", "chrC"}
    assert (found.n_unknown_chrom, found.n_dropped, found.unknown_chroms) == (0, 0, ())
    n_cis, n_all = (N_CIS, len(PAIRS))
    if found.kind != "pairs":
        twice = 2 if name == "longrange" else 1
        n_cis, n_all = N_CIS_BINS * twice, len(toy.bin_pairs(PAIRS)) * twice
    assert (found.n_cis, found.n_trans) == (n_cis, n_all - n_cis)


def test_the_experiment_meets_the_awkward_cases():
    assert len(BINS) == 6 < len(GENES)
    assert 0 < N_CIS < len(PAIRS)
    assert (EXPECTED.sum(axis=1) > 0).all()
    assert (EXPECTED[:, toy.N_FLANK] > 0).sum() == 5
    assert {*toy.WRITERS} >= {name for name in FORMATS if name not in ("auto", "cool", "hic")}


@pytest.mark.parametrize(
    "container", ["plain", "gzip", "bgzip", "crlf", "bom", "no last newline", "stdin", "gzip stdin"]
)
@pytest.mark.parametrize("kind", toy.WRITERS)
def test_all_formats_and_containers_agree(tmp_path, kind, container):
    path = save(tmp_path, kind, toy.WRITERS[kind](PAIRS), container.removesuffix(" stdin"))
    stored = path.read_bytes()
    options = ContactOptions()
    if container.endswith("stdin"):
        if kind == "hicpro-matrix":
            options = ContactOptions(bins_bed=tmp_path / "toy_abs.bed")
        with standard_input(path) as dash:
            found = read_contact_rows(dash, BINS, GENOME, options=options)
        assert found.path == found.inputs[0].name == "-"
    else:
        found = read_contact_rows(path, BINS, GENOME)
        assert (found.path, found.inputs[0].name) == (str(path), "toy.txt")
    check(found, kind)
    record = found.inputs[0]
    assert record.size_bytes == len(stored)
    assert record.sha256 == hashlib.sha256(stored).hexdigest()
    assert len(found.inputs) == 1 + (kind == "hicpro-matrix")


@pytest.mark.parametrize("kind", toy.WRITERS)
def test_the_format_may_be_said(tmp_path, kind):
    path = save(tmp_path, kind, toy.WRITERS[kind](PAIRS))
    options = ContactOptions(format=kind.split()[0])
    check(read_contact_rows(path, BINS, GENOME, options=options), kind)


@pytest.mark.parametrize("chunk_bytes", [1, 7, 4096])
@pytest.mark.parametrize("kind", toy.WRITERS)
def test_chunks_end_anywhere(tmp_path, monkeypatch, kind, chunk_bytes):
    import dexkit.io.contacts.rows as module

    real = module.read_chunks
    monkeypatch.setattr(
        module, "read_chunks", lambda *a, **k: real(*a, **k, chunk_bytes=chunk_bytes)
    )
    check(read_contact_rows(save(tmp_path, kind, toy.WRITERS[kind](PAIRS)), BINS, GENOME), kind)


@pytest.mark.parametrize("kind", toy.WRITERS)
def test_the_order_of_lines_does_not_matter(tmp_path, kind):
    backwards = toy.WRITERS[kind](PAIRS[::-1])
    check(read_contact_rows(save(tmp_path, kind, backwards), BINS, GENOME), kind)


@pytest.mark.parametrize("kind", toy.WRITERS)
def test_chromosome_names_are_mapped_and_said(tmp_path, kind):
    text = toy.WRITERS[kind](PAIRS)
    for name in toy.LENGTHS:
        text = text.replace(name, name[3:])
    path = save(tmp_path, kind, text)
    bed = tmp_path / "toy_abs.bed"
    bed.write_text(bed.read_text().replace("chr", ""))
    found = read_contact_rows(path, BINS, GENOME)
    check(found, kind)
    assert "mapped to the FASTA's (A -> chrA, …)" in found.messages[0]


@pytest.mark.parametrize("kind", toy.WRITERS)
def test_unknown_chromosomes_are_counted_and_listed(tmp_path, kind):
    """chrB is not in the FASTA: its lines are left out, also from the depth."""
    small = Genome({name: n for name, n in toy.LENGTHS.items() if name != "chrB"})
    genes = GENES.take(GENES.chrom != "chrB")
    bins = TssBins.from_genes(genes, small, toy.BIN_BP, toy.N_FLANK)
    path = save(tmp_path, kind, toy.WRITERS[kind](PAIRS))
    found = read_contact_rows(path, bins, small)
    known = [pair for pair in PAIRS if "chrB" not in (pair[0], pair[2])]
    rows = {
        (list(small.lengths)[c], int(b)): i
        for i, (c, b) in enumerate(zip(bins.chrom_index, bins.bin, strict=True))
    }
    assert np.array_equal(found.counts, toy.expected_rows(known, rows))
    if found.depth is not None:
        assert found.depth == len(known)
    assert found.n_unknown_chrom > 0
    assert found.unknown_chroms == (() if kind == "hicpro-matrix" else ("chrB",))
    assert found.observed_chroms == {"chrA", "chrC"}


@pytest.mark.parametrize("kind", ["bg2", "hicpro-matrix", "bedpe", "longrange"])
def test_a_full_symmetric_file_counts_every_pair_once(tmp_path, kind):
    lines = toy.WRITERS[kind](PAIRS).splitlines()
    if kind == "longrange":  # once, in place of twice
        path = save(tmp_path, kind, "\n".join(lines[::2]) + "\n")
        found = read_contact_rows(path, BINS, GENOME)
        assert np.array_equal(found.counts, EXPECTED)
        assert found.messages == ()
        return
    width = 1 if kind == "hicpro-matrix" else 3
    swapped = []
    for line in lines:
        fields = line.split("\t")
        one, two, rest = fields[:width], fields[width : 2 * width], fields[2 * width :]
        if one != two and not line.startswith("#"):
            swapped.append("\t".join([*two, *one, *rest]))
    path = save(tmp_path, kind, "\n".join([*lines, *swapped]) + "\n")
    found = read_contact_rows(path, BINS, GENOME)
    assert np.array_equal(found.counts, EXPECTED)
    assert any("listed from both ends; each was counted once" in m for m in found.messages)
    if found.depth is not None:
        assert found.depth == len(PAIRS)


def zeros(kind, text):
    """Put 0 for the value of every line that lies on chrB or chrC alone."""
    done = []
    for line in text.splitlines():
        separator = next((s for s in "\t, " if s in line), " ")
        fields = line.split(separator)
        inside = [
            name in fields[0] and name in fields[3 % len(fields)] for name in ("chrB", "chrC")
        ]
        if kind == "hicpro-matrix":
            inside = [all(int(field) > 20 for field in fields[:2])]
        if any(inside):
            at = COLUMN_OF_VALUE[kind]
            fields[at] = "0" if kind != "longrange" else fields[at].partition(",")[0] + ",0"
        done.append(separator.join(fields))
    return "\n".join(done) + "\n"


@pytest.mark.parametrize("kind", COLUMN_OF_VALUE)
def test_a_value_of_zero_is_no_observation(tmp_path, kind):
    path = save(tmp_path, kind, zeros(kind, toy.WRITERS[kind](PAIRS)))
    found = read_contact_rows(path, BINS, GENOME)
    assert found.observed_chroms == {"chrA"}
    assert found.n_cis == N_CIS_BINS * (2 if kind == "longrange" else 1)


def test_a_stored_zero_is_no_observation(tmp_path):
    """In a .cool; hictk, which writes .hic files, refuses zeros there."""
    table = matrices.pixels()
    chroms = np.array([name for name, _ in matrices.bin_names()])[table["bin1_id"]]
    table.loc[chroms != "chr1", "count"] = 0
    path = matrices.write_cool(tmp_path / "toy.cool", table)
    found = read_contact_rows(path, matrices.TSS_BINS, matrices.GENOME)
    assert found.observed_chroms == {"chr1"}


def test_progress_counts_stored_megabytes(tmp_path):
    path = save(tmp_path, "bg2", toy.write_bg2(PAIRS), "gzip")
    seen = []

    @contextmanager
    def progress(description, total):
        seen.append((description, total))
        yield seen.append

    read_contact_rows(path, BINS, GENOME, progress=progress)
    assert seen[0] == ("contacts toy.txt", path.stat().st_size / 1e6)
    assert sum(seen[1:]) == pytest.approx(path.stat().st_size / 1e6)
