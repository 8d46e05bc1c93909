"""Small .cool, .mcool and .hic files with known content."""

from __future__ import annotations

import struct
from pathlib import Path

import cooler
import hictkpy
import numpy as np
import pandas as pd

from dexkit.genome import Genome
from dexkit.io.contacts import TssBins

GENOME = Genome({"chr1": 100_000, "chr2": 45_500, "chrM": 7_000, "chr3": 20_000})
# The file has its chromosomes in another order, one that the FASTA has not, and not chr3.
SIZES = {"chr2": 45_500, "chr1": 100_000, "chrUn": 12_000, "chrM": 7_000}
BIN, FLANK = 1_000, 6
ROWS = [(0, 0), (0, 3), (0, 50), (0, 99), (1, 45), (2, 6), (3, 1)]
TSS_BINS = TssBins(
    *np.array(ROWS, np.int32).T.copy(), np.arange(len(ROWS)), bin_size_bp=BIN, n_flank_bins=FLANK
)


def bin_names(bin_size: int = BIN) -> list[tuple[str, int]]:
    """The bins of the file: chromosome and number on it."""
    return [(name, i) for name, size in SIZES.items() for i in range(-(-size // bin_size))]


def pixels(seed: int = 1, n: int = 4_000) -> pd.DataFrame:
    """Random cells of the upper triangle, half of them near the diagonal; some are repeated."""
    rng = np.random.default_rng(seed)
    n_bins = len(bin_names())
    bin1 = rng.integers(0, n_bins, n)
    bin2 = np.where(rng.random(n) < 0.5, bin1 + rng.integers(0, 9, n), rng.integers(0, n_bins, n))
    ends = np.sort(np.stack([bin1, np.minimum(bin2, n_bins - 1)]), axis=0)
    table = pd.DataFrame({"bin1_id": ends[0], "bin2_id": ends[1]})
    table = table.groupby(["bin1_id", "bin2_id"]).size().rename("count").reset_index()
    return table.astype({"count": np.int32})


def expected(table: pd.DataFrame, values: np.ndarray | None = None) -> np.ndarray:
    """Profiles of the rows, cell by cell."""
    names = bin_names()
    fasta = list(GENOME.lengths)
    row_of = {(fasta[chrom], bin_): row for row, (chrom, bin_) in enumerate(ROWS)}
    counts = np.zeros((len(ROWS), 2 * FLANK + 1))
    values = table["count"].to_numpy() if values is None else values
    for a, b, x in zip(table["bin1_id"], table["bin2_id"], values, strict=True):
        (chrom1, i), (chrom2, j) = names[a], names[b]
        if chrom1 != chrom2 or abs(i - j) > FLANK or np.isnan(x):
            continue
        for here, offset in {(i, j - i), (j, i - j)}:
            if (chrom1, here) in row_of:
                counts[row_of[chrom1, here], offset + FLANK] += x
    return counts


def depths(table: pd.DataFrame) -> tuple[float, float, float]:
    """Sums of counts: cis, trans, with an end on chrUn."""
    names = np.array([name for name, _ in bin_names()])
    chrom1, chrom2 = names[table["bin1_id"]], names[table["bin2_id"]]
    unknown = (chrom1 == "chrUn") | (chrom2 == "chrUn")
    cis = (chrom1 == chrom2) & ~unknown
    count = table["count"]
    return count[cis].sum(), count[~cis & ~unknown].sum(), count[unknown].sum()


def write_cool(uri: Path | str, table: pd.DataFrame, bin_size: int = BIN, **options) -> Path:
    """Write a .cool with cooler."""
    grid = cooler.binnify(pd.Series(SIZES), bin_size)
    options = {"ordered": True, "symmetric_upper": True, **options}
    cooler.create_cooler(str(uri), options.pop("bins", grid), table, **options)
    return Path(uri)


def write_hic(path: Path, table: pd.DataFrame, resolutions=(BIN, 10_000, 50_000)) -> Path:
    """Write a .hic with hictkpy."""
    writer = hictkpy.hic.FileWriter(path, SIZES, list(resolutions), tmpdir=path.parent)
    writer.add_pixels(table)
    writer.finalize()
    return path


def add_norm(path: Path, name: str, weights: np.ndarray) -> None:
    """Append a normalisation vector, one weight a bin of the whole file, to a version 9 .hic.

    hictkpy writes none. The index of vectors is the end of the file (its last number says 0);
    the header holds its place and size behind the footer's (both 64-bit).
    """
    data = bytearray(path.read_bytes())
    assert data[-4:] == bytes(4)
    assert struct.unpack_from("<i", data, 4)[0] == 9
    per_chrom = [-(-size // BIN) for size in SIZES.values()]
    vectors = np.split(weights.astype("<f4"), np.cumsum(per_chrom)[:-1])
    start = len(data) - 4
    label = name.encode() + b"\0"
    entry = len(label) + 4 + len(b"BP\0") + 4 + 8 + 8
    at = start + 4 + entry * len(vectors)
    index, body = struct.pack("<i", len(vectors)), b""
    for chrom, vector in enumerate(vectors, start=1):  # chromosome 0 is "All"
        block = struct.pack("<q", len(vector)) + vector.tobytes()
        index += label + struct.pack("<i", chrom) + b"BP\0"
        index += struct.pack("<iqq", BIN, at + len(body), len(block))
        body += block
    data[start:] = index + body
    genome_end = data.index(b"\0", 16) + 1  # magic, version, footer position, name of the genome
    struct.pack_into("<qq", data, genome_end, start, len(index))
    path.write_bytes(data)
