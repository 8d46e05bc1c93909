"""Contact text to rows: how near to merely decompressing the file, and beside the peers."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import bench
import numpy as np
from isal import igzip

from dexkit_ext import PairCounter, PairLayout, RegionCounter, RegionLayout

# GRCh38 chr1-22 and X, in Mb, rounded up: enough for the number of bins to be that of a human map.
LENGTHS_MB = (249, 243, 199, 191, 182, 171, 160, 146, 139, 134, 136, 134, 115, 108, 102, 91, 84, 81)
LENGTHS_MB += (59, 65, 47, 51, 157)
NAMES = [f"chr{i}" for i in range(1, 23)] + ["chrX"]
LENGTHS = np.array(LENGTHS_MB) * 1_000_000
BIN_BP, N_FLANK, N_ROWS = 5_000, 200, 20_000
# First bin of each chromosome, all bins numbered on; the last is the number of bins.
FIRST = np.concatenate(([0], np.cumsum(-(-LENGTHS // BIN_BP))))
CHUNK = 1 << 18
PAIRS_LAYOUT = PairLayout(1, 2, 3, 4)
HICPRO_LAYOUT = PairLayout(1, 2, 4, 5)
BEDPE_LAYOUT = RegionLayout(0, 1, 2, 3, 4, 5, value=7)
BG2_LAYOUT = RegionLayout(0, 1, 2, 3, 4, 5, value=6)
Layout = PairLayout | RegionLayout
#: Kinds of files by the end of their names. Lists of loops compress very differently: bins in order
#: (as callers of loops on a grid write them) to some 5 bytes a line, peaks with ends of their own
#: (ChIA-PET) to some 20; published lists have been seen from 5 to 19.
LAYOUTS = {
    "pairs": PAIRS_LAYOUT, "allValidPairs": HICPRO_LAYOUT, "peaks.bedpe": BEDPE_LAYOUT,
    "bins.bedpe": BEDPE_LAYOUT, "bg2": BG2_LAYOUT,
}  # fmt: skip


def draw(n: int) -> tuple[np.ndarray, ...]:
    """Pairs sorted as the 4DN format says: 70 % cis, distances log-uniform from 1 kb to 100 Mb."""
    rng = np.random.default_rng(1)
    chrom1 = np.sort(rng.choice(len(NAMES), n, p=LENGTHS / LENGTHS.sum()))
    pos1 = (rng.random(n) * LENGTHS[chrom1]).astype(np.int64)
    chrom2 = np.where(rng.random(n) < 0.7, chrom1, rng.integers(0, len(NAMES), n))
    distance = np.exp(rng.uniform(np.log(1e3), np.log(1e8), n)).astype(np.int64)
    near = np.minimum(pos1 + distance, LENGTHS[chrom1] - 1)
    far = (rng.random(n) * LENGTHS[chrom2]).astype(np.int64)
    pos2 = np.where(chrom1 == chrom2, near, far)
    order = np.lexsort((pos2, pos1, chrom2, chrom1))
    return chrom1[order], pos1[order] + 1, chrom2[order], pos2[order] + 1, rng.permutation(n)


def bin_pairs(n: int) -> tuple[np.ndarray, ...]:
    """The pairs that ``draw`` draws in bins, numbered over the genome: bin, bin, pairs in both."""
    chrom1, pos1, chrom2, pos2, _ = draw(n)
    end1, end2 = FIRST[chrom1] + (pos1 - 1) // BIN_BP, FIRST[chrom2] + (pos2 - 1) // BIN_BP
    key = np.minimum(end1, end2) * FIRST[-1] + np.maximum(end1, end2)
    cells, count = np.unique(key, return_counts=True)
    return cells // FIRST[-1], cells % FIRST[-1], count


def peaks(n: int) -> tuple[np.ndarray, ...]:
    """Peaks of 300 to 3,000 bp around the ends of cis pairs, cut where their bin ends."""
    chrom1, pos1, chrom2, pos2, _ = (column[::2] for column in draw(n))
    rng = np.random.default_rng(3)
    cis = chrom1 == chrom2
    starts = [position[cis] - 1 for position in (pos1, pos2)]
    ends = [
        np.minimum(start + rng.integers(300, 3_000, len(start)), (start // BIN_BP + 1) * BIN_BP)
        for start in starts
    ]
    count = np.minimum(rng.zipf(2.0, cis.sum()), 1_000)
    return chrom1[cis], starts[0], ends[0], chrom2[cis], starts[1], ends[1], count


def drawn(kind: str, n: int) -> tuple[np.ndarray, ...]:
    """Columns of a file: ends of pairs and their numbers, or of regions and their counts."""
    if isinstance(LAYOUTS[kind], PairLayout):
        return draw(n)
    if kind == "peaks.bedpe":
        return peaks(n)
    bin1, bin2, count = bin_pairs(n)
    chrom1, chrom2 = (np.searchsorted(FIRST, end, side="right") - 1 for end in (bin1, bin2))
    start1, start2 = (bin1 - FIRST[chrom1]) * BIN_BP, (bin2 - FIRST[chrom2]) * BIN_BP
    # A BG2 is a whole matrix; a BEDPE lists loops, which lie within chromosomes.
    kept = (chrom1 == chrom2) | (kind == "bg2")
    columns = (chrom1, start1, start1 + BIN_BP, chrom2, start2, start2 + BIN_BP, count)
    return tuple(column[kept] for column in columns)


def header(kind: str) -> str:
    if kind != "pairs":
        return ""
    sizes = "".join(f"#chromsize: {c} {n}\n" for c, n in zip(NAMES, LENGTHS, strict=True))
    columns = "#columns: readID chrom1 pos1 chrom2 pos2 strand1 strand2\n"
    return f"## pairs format v1.0\n#sorted: chr1-chr2-pos1-pos2\n{sizes}{columns}"


def line(kind: str, *values: int) -> str:
    """One line of a file; the last value is the number of the pair or the count of the loop."""
    if not isinstance(LAYOUTS[kind], PairLayout):
        a, start1, end1, b, start2, end2, count = values
        ends = f"{NAMES[a]}\t{start1}\t{end1}\t{NAMES[b]}\t{start2}\t{end2}"
        return f"{ends}\t{count}\n" if kind == "bg2" else f"{ends}\t.\t{count}\n"
    a, p, b, q, i = values
    if kind == "pairs":
        return f"SRR1658570.{i}\t{NAMES[a]}\t{p}\t{NAMES[b]}\t{q}\t+\t-\n"
    fragments = f"HIC_{p // 400}\tHIC_{q // 400}"
    end2 = f"{NAMES[b]}\t{q}\t-\t{200 + i % 300}"
    return f"SRR1658570.{i}\t{NAMES[a]}\t{p}\t+\t{end2}\t{fragments}\t42\t42\n"


def make_file(n: int, kind: str) -> Path:
    """Write (once) a gzip file of ``n`` pairs, or of the pairs of bins that they lie in."""
    path = bench.RESULTS / f"bench-contacts-{n}.{kind}.gz"
    if path.exists():
        return path
    bench.RESULTS.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    with gzip.open(partial, "wt", compresslevel=6) as handle:
        handle.write(header(kind))
        columns = drawn(kind, n)
        for start in range(0, len(columns[0]), 100_000):
            part = [column[start : start + 100_000].tolist() for column in columns]
            handle.write("".join(line(kind, *values) for values in zip(*part, strict=True)))
    partial.replace(path)
    return path


@cache
def rows() -> tuple[np.ndarray, np.ndarray]:
    """20,000 bins drawn over the genome without repeats."""
    n_bins = -(-LENGTHS // BIN_BP)
    first = np.concatenate(([0], np.cumsum(n_bins)[:-1]))
    slot = np.sort(np.random.default_rng(2).choice(n_bins.sum(), N_ROWS, replace=False))
    chrom = np.searchsorted(first, slot, side="right") - 1
    return chrom.astype(np.int32), (slot - first[chrom]).astype(np.int32)


def read_only(path: Path, opener: Callable[..., object]) -> None:
    with opener(path, "rb") as handle:
        while handle.read(CHUNK):
            pass


def measure(path: Path) -> tuple[int, int]:
    """Lines and bytes of the text in a file."""
    n_lines = n_bytes = 0
    with igzip.open(path, "rb") as handle:
        while chunk := handle.read(CHUNK):
            n_lines += chunk.count(b"\n")
            n_bytes += len(chunk)
    return n_lines, n_bytes


def with_dexkit(path: Path, layout: Layout, opener: Callable[..., object]) -> np.ndarray:
    chrom, bin_ = rows()
    counter: PairCounter | RegionCounter
    if isinstance(layout, PairLayout):
        counter = PairCounter(NAMES, LENGTHS, {}, chrom, bin_, BIN_BP, N_FLANK, layout)
    else:
        counter = RegionCounter(NAMES, LENGTHS, {}, chrom, bin_, BIN_BP, N_FLANK, layout)
    with opener(path, "rb") as handle:
        while chunk := handle.read(CHUNK):
            counter.feed(chunk)
    counter.finish()
    return counter.counts


@cache
def slots() -> tuple[np.ndarray, np.ndarray]:
    """First slot of every chromosome, and the row of every slot or -1."""
    chrom, bin_ = rows()
    n_bins = -(-LENGTHS // BIN_BP)
    first = np.concatenate(([0], np.cumsum(n_bins)[:-1]))
    row_of = np.full(n_bins.sum(), -1)
    row_of[first[chrom] + bin_] = np.arange(N_ROWS)
    return first, row_of


def add_near(
    counts: np.ndarray, chrom: np.ndarray, bin1: np.ndarray, bin2: np.ndarray, value: np.ndarray
) -> None:
    """Add pairs of bins of one chromosome to the flat counts, as NumPy does it."""
    first, row_of = slots()
    width = 2 * N_FLANK + 1
    near = np.abs(bin2 - bin1) <= N_FLANK
    start, bin1, offset, value = first[chrom[near]], bin1[near], (bin2 - bin1)[near], value[near]
    for row, column in (
        (row_of[start + bin1], offset),
        (np.where(offset == 0, -1, row_of[start + bin1 + offset]), -offset),
    ):
        hit = row >= 0
        flat = row[hit] * width + column[hit] + N_FLANK
        counts += np.bincount(flat, value[hit], minlength=counts.size)


def places(layout: Layout) -> tuple[int, int, int, int, int]:
    """Columns of chromosome and position of either end, and of the value (-1: none)."""
    if isinstance(layout, PairLayout):
        return layout.chrom1, layout.pos1, layout.chrom2, layout.pos2, -1
    return layout.chrom1, layout.start1, layout.chrom2, layout.start2, layout.value


def with_pandas(path: Path, layout: Layout) -> np.ndarray:
    import pandas as pd

    codes = {name: code for code, name in enumerate(NAMES)}
    counts = np.zeros(N_ROWS * (2 * N_FLANK + 1))
    chrom1, pos1, chrom2, pos2, value = places(layout)
    one = int(isinstance(layout, PairLayout))
    chunks = pd.read_csv(
        path, sep="\t", header=None, comment="#", chunksize=1_000_000,
        usecols=[c for c in places(layout) if c >= 0],
        dtype={chrom1: "category", chrom2: "category"},
    )  # fmt: skip
    for chunk in chunks:
        end1, end2 = (
            chunk[c].cat.rename_categories(codes).to_numpy().astype(np.int64)
            for c in (chrom1, chrom2)
        )
        cis = end1 == end2
        bin1, bin2 = ((chunk[c].to_numpy()[cis] - one) // BIN_BP for c in (pos1, pos2))
        values = chunk[value].to_numpy()[cis] if value >= 0 else np.ones(len(bin1))
        add_near(counts, end1[cis], bin1, bin2, values)
    return counts.reshape(N_ROWS, -1)


def with_polars(path: Path) -> np.ndarray:
    import polars as pl

    names = [f"column_{c + 1}" for c in places(PAIRS_LAYOUT)[:4]]
    frame = pl.read_csv(path, separator="\t", has_header=False, comment_prefix="#", columns=names)
    frame = frame.filter(pl.col(names[0]) == pl.col(names[2]))
    chrom = frame[names[0]].replace_strict(NAMES, range(len(NAMES)), return_dtype=pl.Int64)
    bins = [(frame[name].to_numpy() - 1) // BIN_BP for name in (names[1], names[3])]
    counts = np.zeros(N_ROWS * (2 * N_FLANK + 1))
    add_near(counts, chrom.to_numpy(), bins[0], bins[1], np.ones(len(chrom)))
    return counts.reshape(N_ROWS, -1)


def with_duckdb(path: Path) -> np.ndarray:
    import duckdb

    skip = header("pairs").count("\n")
    columns = "{'r': 'VARCHAR', 'c': 'VARCHAR', 'p': 'BIGINT', 'd': 'VARCHAR', 'q': 'BIGINT', "
    columns += "'s': 'VARCHAR', 't': 'VARCHAR'}"
    table = f"read_csv('{path}', delim='\t', header=false, skip={skip}, columns={columns})"
    query = (
        f"SELECT list_position({NAMES}, c) - 1 AS chrom, (p - 1) // {BIN_BP} AS bin1, "
        f"(q - 1) // {BIN_BP} AS bin2 FROM {table} WHERE c = d"
    )
    found = duckdb.sql(query).fetchnumpy()
    counts = np.zeros(N_ROWS * (2 * N_FLANK + 1))
    chrom, bin1, bin2 = (np.asarray(found[name], np.int64) for name in ("chrom", "bin1", "bin2"))
    add_near(counts, chrom, bin1, bin2, np.ones(len(chrom)))
    return counts.reshape(N_ROWS, -1)


def with_cooler(command: str, path: Path) -> None:
    """Make a .cool at 5 kb; rows of it would still have to be fetched."""
    sizes = path.with_suffix(".sizes")
    sizes.write_text("".join(f"{c}\t{n}\n" for c, n in zip(NAMES, LENGTHS, strict=True)))
    columns = ["-c1", "2", "-p1", "3", "-c2", "4", "-p2", "5"]
    target = path.with_suffix(".cool")
    subprocess.run(
        [command, "cload", "pairs", *columns, f"{sizes}:{BIN_BP}", path, target],
        check=True, capture_output=True,
    )  # fmt: skip
    target.unlink()


def with_pairtools(command: str, path: Path) -> None:
    """Keep the cis pairs, which is a filter only."""
    target = path.with_suffix(".cis")
    subprocess.run(
        [command, "select", "(chrom1 == chrom2)", "-o", target, path],
        check=True, capture_output=True,
    )  # fmt: skip
    target.unlink()


def peers(path: Path, layout: Layout) -> dict[str, Callable[[], object] | None]:
    """Peers by name, None where one is not installed."""
    found: dict[str, Callable[[], object] | None] = {"pandas chunks + bincount": None}
    if bench.available("pandas"):
        found["pandas chunks + bincount"] = lambda: with_pandas(path, layout)
    if layout != PAIRS_LAYOUT:
        return found
    cooler, pairtools = bench.tool("cooler"), bench.tool("pairtools")
    return found | {
        "polars + bincount": (lambda: with_polars(path)) if bench.available("polars") else None,
        "duckdb + bincount": (lambda: with_duckdb(path)) if bench.available("duckdb") else None,
        "cooler cload pairs, 5 kb": (lambda: with_cooler(cooler, path)) if cooler else None,
        "pairtools select, cis": (lambda: with_pairtools(pairtools, path)) if pairtools else None,
    }


def table(title: str, kind: str, n_pairs: int) -> bench.Table:
    layout = LAYOUTS[kind]
    path = make_file(n_pairs, kind)
    n, text_bytes = measure(path)

    def two_replicates() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda p: with_dexkit(p, layout, igzip.open), (path, path)))

    named: dict[str, Callable[[], object] | None] = {
        "igzip reads the file": lambda: read_only(path, igzip.open),
        "dexkit": lambda: with_dexkit(path, layout, igzip.open),
    }
    if layout == PAIRS_LAYOUT:
        named |= {
            "two replicates, one after the other": lambda: [
                with_dexkit(path, layout, igzip.open) for _ in range(2)
            ],
            "two replicates at once": two_replicates,
            "dexkit on Python's gzip": lambda: with_dexkit(path, layout, gzip.open),
        }
    named |= peers(path, layout)
    contestants, missing = bench.split_peers({f"{k} [{title}]": v for k, v in named.items()})
    equal = ("dexkit [", "pandas", "polars", "duckdb")
    slow = ("cooler", "pairtools")
    return bench.Table(
        # How well text compresses decides what its decompression costs a line.
        f"{title}: {n:,} lines of {text_bytes / n:.0f} bytes, compressed "
        f"{text_bytes / path.stat().st_size:.1f}-fold -> contact rows",
        contestants,
        floor=f"igzip reads the file [{title}]",
        work=n / 1e6,
        unit="M lines/s",
        equal=tuple(name for name in contestants if name.startswith(equal)),
        once=tuple(name for name in contestants if name.startswith(slow)),
        missing=missing,
    )


def tables(size: str) -> list[bench.Table]:
    n = 10_000_000 if size == "full" else 250_000
    return [
        table("pairs", "pairs", n),
        table("HiC-Pro", "allValidPairs", n),
        table("BEDPE, peaks", "peaks.bedpe", n),
        table("BEDPE, bins in order", "bins.bedpe", n),
        table("BG2", "bg2", n),
    ]


if __name__ == "__main__":
    bench.report(tables, __doc__)
