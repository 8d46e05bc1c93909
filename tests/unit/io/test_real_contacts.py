"""The contact readers on real hg19 files, against a plain count of the same lines."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest

from dexkit.errors import FormatError
from dexkit.genome import GeneTable
from dexkit.io.annotation import read_gtf
from dexkit.io.contacts import ContactOptions, TssBins, read_contact_rows
from dexkit.io.fasta import open_fasta

pytestmark = pytest.mark.real

BIN_BP, N_FLANK = 5000, 200
HICHIPPER = "GM12878_SMC1_HiChIP.chr22.hichipper.loop_counts.bedpe.gz"
MAPS = "GM12878.MAPS.5kb.peaks.bedpe.gz"
CAPTURE = "gm12878.Cairns-filtered.pcHiC.bedpe.gz"


@pytest.fixture(scope="module")
def genome(hg19):
    with open_fasta(hg19 / "hg19_sparse.fa.gz") as fasta:
        return fasta.genome


@pytest.fixture(scope="module")
def bins(hg19, genome):
    genes = GeneTable.from_genes(read_gtf(hg19 / "genes.gtf.gz").genes)
    return TssBins.from_genes(genes, genome, BIN_BP, N_FLANK)


def plain_count(path, bins, genome, value, midpoint):
    """Add ``value(fields)`` of every line to each of its bin pairs."""
    chroms = list(genome.lengths)
    row_of = {
        (chroms[c], int(b)): i
        for i, (c, b) in enumerate(zip(bins.chrom_index, bins.bin, strict=True))
    }
    counts = np.zeros((len(bins), 2 * N_FLANK + 1))
    n_lines = 0
    with gzip.open(path, "rt") as handle:
        for line in handle:
            fields = line.split()
            if not fields[1].isdigit():
                continue
            n_lines += 1
            ends = []
            for start, end in ((int(fields[1]), int(fields[2])), (int(fields[4]), int(fields[5]))):
                middle = (start + end) // 2 // BIN_BP
                covered = range(start // BIN_BP, (end - 1) // BIN_BP + 1)
                ends.append([middle] if midpoint else covered)
            if fields[0] != fields[3]:
                continue
            for i, j in {tuple(sorted((i, j))) for i in ends[0] for j in ends[1]}:
                for here, there in {(i, j), (j, i)}:
                    row = row_of.get((fields[0], here))
                    if row is not None and abs(there - here) <= N_FLANK:
                        counts[row, there - here + N_FLANK] += value(fields)
    return counts, n_lines


@pytest.mark.parametrize("anchors", ["overlap", "midpoint"])
@pytest.mark.parametrize(
    ("name", "format", "options", "column", "n_lines"),
    [
        (HICHIPPER, "bedpe", {}, 7, 4_447),
        (MAPS, "maps", {}, 6, 8_145),
        (CAPTURE, "bedpe", {"format": "bedpe"}, None, 63_884),
        (CAPTURE, "bedpe", {"format": "bedpe", "score_column": "7"}, 6, 63_884),
        ("gm12878.mumbach.h3k27ac-hichip.bedpe.gz", "bedpe", {}, None, 6_396),
        ("gm12878.mumbach.smc1-hichip.bedpe.gz", "bedpe", {}, None, 10_255),
        ("k562.encode.ctcf-chiapet.bedpe.gz", "bedpe", {}, None, 24_887),
    ],
)
def test_loops(hg19, genome, bins, name, format, options, column, n_lines, anchors):
    path = hg19 / "contacts" / name
    found = read_contact_rows(
        path, bins, genome, options=ContactOptions(**options, anchors=anchors)
    )
    assert (found.format, found.kind, found.depth) == (format, "loops", None)
    assert found.n_cis + found.n_trans + found.n_unknown_chrom == n_lines
    expected, n_counted = plain_count(
        path,
        bins,
        genome,
        (lambda _fields: 1.0) if column is None else (lambda fields: float(fields[column])),
        anchors == "midpoint",
    )
    assert n_counted == n_lines
    assert expected.sum() > 1000
    np.testing.assert_allclose(found.counts, expected, rtol=1e-12, atol=0)
    record = found.inputs[0]
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_scores_on_a_grid_may_be_a_matrix(hg19, genome, bins):
    with pytest.raises(FormatError, match="may be bedpe or bg2"):
        read_contact_rows(hg19 / "contacts" / CAPTURE, bins, genome)


@pytest.mark.parametrize(("rep", "n_lines"), [("rep1", 56_517), ("rep2", 30_013)])
def test_read_pairs(hg19, genome, bins, rep, n_lines):
    """The rows themselves are checked in test_real.py."""
    path = hg19 / "contacts" / f"GM12878_SMC1_HiChIP.chr22.{rep}.allValidPairs.gz"
    found = read_contact_rows(path, bins, genome)
    assert (found.format, found.kind) == ("hicpro", "pairs")
    assert found.depth == found.n_cis + found.n_trans == n_lines - found.n_unknown_chrom
    assert found.unknown_chroms == ("chrM",)


def test_bin_pairs_of_the_read_pairs_give_the_same_rows(hg19, genome, bins, tmp_path):
    """The replicate binned by hand and written as BG2 equals the replicate read directly."""
    path = hg19 / "contacts" / "GM12878_SMC1_HiChIP.chr22.rep1.allValidPairs.gz"
    counts: dict[tuple[str, int, str, int], int] = {}
    with gzip.open(path, "rt") as handle:
        for line in handle:
            _read, c1, p1, _s1, c2, p2, *_rest = line.split("\t")
            key = (c1, (int(p1) - 1) // BIN_BP, c2, (int(p2) - 1) // BIN_BP)
            counts[key] = counts.get(key, 0) + 1
    matrix = tmp_path / "rep1.bg2"
    matrix.write_text(
        "".join(
            f"{c1}\t{i * BIN_BP}\t{(i + 1) * BIN_BP}\t{c2}\t{j * BIN_BP}\t{(j + 1) * BIN_BP}\t{n}\n"
            for (c1, i, c2, j), n in counts.items()
        )
    )
    pairs = read_contact_rows(path, bins, genome)
    binned = read_contact_rows(matrix, bins, genome)
    assert binned.format == "bg2"
    assert binned.depth == pairs.depth
    assert np.array_equal(binned.counts, pairs.counts.astype(np.float64))
