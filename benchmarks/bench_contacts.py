"""Pairs files to contact rows: how near to merely decompressing the file, and against pandas."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import bench
import numpy as np
from isal import igzip

from dexkit_ext import PairCounter, PairLayout

# GRCh38 chr1-22 and X, in Mb, rounded up: enough for the number of bins to be that of a human map.
LENGTHS_MB = (249, 243, 199, 191, 182, 171, 160, 146, 139, 134, 136, 134, 115, 108, 102, 91, 84, 81)
LENGTHS_MB += (59, 65, 47, 51, 157)
NAMES = [f"chr{i}" for i in range(1, 23)] + ["chrX"]
LENGTHS = np.array(LENGTHS_MB) * 1_000_000
BIN_BP, N_FLANK, N_ROWS = 5_000, 200, 20_000
CHUNK = 1 << 18
PAIRS_LAYOUT = PairLayout(1, 2, 3, 4)
HICPRO_LAYOUT = PairLayout(1, 2, 4, 5)


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


def make_file(n: int, hicpro: bool) -> Path:
    """Write (once) a gzip file of ``n`` pairs, in 4DN or HiC-Pro columns."""
    path = bench.RESULTS / f"bench-{n}.{'allValidPairs' if hicpro else 'pairs'}.gz"
    if path.exists():
        return path
    bench.RESULTS.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    with gzip.open(partial, "wt", compresslevel=6) as handle:
        if not hicpro:
            handle.write("## pairs format v1.0\n#sorted: chr1-chr2-pos1-pos2\n")
            handle.write("#columns: readID chr1 pos1 chr2 pos2 strand1 strand2\n")
        columns = draw(n)
        for start in range(0, n, 100_000):
            part = [column[start : start + 100_000].tolist() for column in columns]
            for a, p, b, q, i in zip(*part, strict=True):
                read = f"SRR1658570.{i}\t{NAMES[a]}\t{p}"
                if hicpro:
                    fragments = f"HIC_{p // 400}\tHIC_{q // 400}"
                    end2 = f"{NAMES[b]}\t{q}\t-\t{200 + i % 300}"
                    handle.write(f"{read}\t+\t{end2}\t{fragments}\t42\t42\n")
                else:
                    handle.write(f"{read}\t{NAMES[b]}\t{q}\t+\t-\n")
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


def with_dexkit(path: Path, layout: PairLayout, opener: Callable[..., object]) -> np.ndarray:
    chrom, bin_ = rows()
    counter = PairCounter(NAMES, LENGTHS, {}, chrom, bin_, BIN_BP, N_FLANK, layout)
    with opener(path, "rb") as handle:
        while chunk := handle.read(CHUNK):
            counter.feed(chunk)
    counter.finish()
    return counter.counts


def with_pandas(path: Path, layout: PairLayout) -> np.ndarray:
    import pandas as pd

    chrom, bin_ = rows()
    n_bins = -(-LENGTHS // BIN_BP)
    first = np.concatenate(([0], np.cumsum(n_bins)[:-1]))
    slots = np.full(n_bins.sum(), -1)
    slots[first[chrom] + bin_] = np.arange(N_ROWS)
    codes = {name: code for code, name in enumerate(NAMES)}
    width = 2 * N_FLANK + 1
    counts = np.zeros(N_ROWS * width, np.int64)
    columns = [layout.chrom1, layout.pos1, layout.chrom2, layout.pos2]
    chunks = pd.read_csv(
        path, sep="\t", header=None, comment="#", usecols=columns, chunksize=1_000_000,
        dtype={layout.chrom1: "category", layout.chrom2: "category"},
    )  # fmt: skip
    for chunk in chunks:
        end1, end2 = (
            chunk[c].cat.rename_categories(codes).to_numpy().astype(np.int64)
            for c in (layout.chrom1, layout.chrom2)
        )
        bin1, bin2 = ((chunk[c].to_numpy() - 1) // BIN_BP for c in (layout.pos1, layout.pos2))
        near = (end1 == end2) & (np.abs(bin2 - bin1) <= N_FLANK)
        start, bin1, offset = first[end1[near]], bin1[near], (bin2 - bin1)[near]
        for row, column in (
            (slots[start + bin1], offset),
            (np.where(offset == 0, -1, slots[start + bin1 + offset]), -offset),
        ):
            hit = row >= 0
            flat = row[hit] * width + column[hit] + N_FLANK
            counts += np.bincount(flat, minlength=counts.size)
    return counts.reshape(N_ROWS, width)


def with_cooler(path: Path) -> None:
    sizes = path.with_suffix(".sizes")
    sizes.write_text("".join(f"{c}\t{n}\n" for c, n in zip(NAMES, LENGTHS, strict=True)))
    target = path.with_suffix(".cool")
    command = ["cooler", "cload", "pairs", "-c1", "2", "-p1", "3", "-c2", "4", "-p2", "5"]
    subprocess.run([*command, f"{sizes}:{BIN_BP}", path, target], check=True, capture_output=True)


def table(path: Path, title: str, layout: PairLayout, n: int) -> bench.Table:
    def two_replicates() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda p: with_dexkit(p, layout, igzip.open), (path, path)))

    contestants: dict[str, Callable[[], object]] = {
        "igzip reads the file": lambda: read_only(path, igzip.open),
        "dexkit": lambda: with_dexkit(path, layout, igzip.open),
        "two replicates, one after the other": lambda: [
            with_dexkit(path, layout, igzip.open) for _ in range(2)
        ],
        "two replicates at once": two_replicates,
        "dexkit on Python's gzip": lambda: with_dexkit(path, layout, gzip.open),
    }
    if bench.available("pandas"):
        contestants["pandas chunks + bincount"] = lambda: with_pandas(path, layout)
    if shutil.which("cooler") and layout == PAIRS_LAYOUT:
        contestants["cooler cload pairs"] = lambda: with_cooler(path)
    contestants = {f"{name} [{title}]": run for name, run in contestants.items()}
    return bench.Table(
        f"{title}: {n:,} pairs -> contact rows",
        contestants,
        floor=f"igzip reads the file [{title}]",
        work=n / 1e6,
        unit="M pairs/s",
        equal=(f"dexkit [{title}]", f"pandas chunks + bincount [{title}]"),
    )


def tables(size: str) -> list[bench.Table]:
    n = 10_000_000 if size == "full" else 500_000
    return [
        table(make_file(n, False), "pairs", PAIRS_LAYOUT, n),
        table(make_file(n, True), "HiC-Pro", HICPRO_LAYOUT, n),
    ]


if __name__ == "__main__":
    bench.report(tables, __doc__)
