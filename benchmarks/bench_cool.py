"""Binned matrices (.cool, .hic) to contact rows: how near to merely reading them, and peers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import bench
import h5py
import hictkpy
import numpy as np
from bench_contacts import BIN_BP, FIRST, LENGTHS, N_FLANK, NAMES, bin_pairs, rows

from dexkit.genome import Genome
from dexkit.io.contacts import TssBins, read_contact_rows

SIZES = dict(zip(NAMES, LENGTHS.tolist(), strict=True))
N_BINS = np.diff(FIRST)
COLUMNS = ("bin1_id", "bin2_id", "count")
WIDTH = 2 * N_FLANK + 1
CHUNK = 1_000_000
# Of the resolutions that Juicer makes by default: the one that is read, and some coarser ones.
RESOLUTIONS = [BIN_BP, 25_000, 100_000, 500_000, 2_500_000]


def make_pixels(n: int) -> dict[str, np.ndarray]:
    """The pairs of bench_contacts in bins."""
    bin1, bin2, count = bin_pairs(n)
    return dict(zip(COLUMNS, (bin1, bin2, count.astype(np.int32)), strict=True))


def make_cool(n: int) -> Path:
    """Write (once) a .cool with cooler."""
    path = bench.RESULTS / f"bench-{n}.cool"
    if not path.exists():
        import cooler
        import pandas as pd

        bench.RESULTS.mkdir(exist_ok=True)
        partial = path.with_name(f"partial-{path.name}")
        grid = cooler.binnify(pd.Series(SIZES), BIN_BP)
        cooler.create_cooler(str(partial), grid, pd.DataFrame(make_pixels(n)), ordered=True)
        partial.replace(path)
    return path


def make_hic(n: int) -> Path:
    """Write (once) a .hic, packed as Juicer does; this takes minutes for 10 M pairs."""
    path = bench.RESULTS / f"bench-{n}.hic"
    if not path.exists():
        import pandas as pd

        bench.RESULTS.mkdir(exist_ok=True)
        partial = path.with_name(f"partial-{path.name}")
        writer = hictkpy.hic.FileWriter(
            partial, SIZES, RESOLUTIONS, compression_lvl=6, tmpdir=bench.RESULTS
        )
        writer.add_pixels(pd.DataFrame(make_pixels(n)))
        writer.finalize()
        partial.replace(path)
    return path


@cache
def tss_bins() -> TssBins:
    chrom, bin_ = rows()
    return TssBins(chrom, bin_, np.arange(len(chrom)), BIN_BP, N_FLANK)


def with_dexkit(path: Path) -> np.ndarray:
    return read_contact_rows(path, tss_bins(), Genome(SIZES)).counts


def with_h5py(path: Path) -> None:
    with h5py.File(path) as handle:
        for name in COLUMNS:
            handle["pixels"][name][:]


class Bincount:
    """Rows by NumPy alone, from arrays of bin numbers."""

    def __init__(self) -> None:
        bins = tss_bins()
        self.row = np.full(FIRST[-1], -1)
        self.row[FIRST[bins.chrom_index] + bins.bin] = np.arange(len(bins))
        self.chrom = np.repeat(np.arange(len(NAMES)), N_BINS)
        self.counts = np.zeros(len(bins) * WIDTH)

    def add(self, bin1: np.ndarray, bin2: np.ndarray, count: np.ndarray) -> None:
        offset = bin2 - bin1
        near = (offset <= N_FLANK) & (self.chrom[bin1] == self.chrom[bin2])
        bin1, bin2, offset, count = bin1[near], bin2[near], offset[near], count[near]
        ends = (self.row[bin1], offset), (np.where(offset == 0, -1, self.row[bin2]), -offset)
        for row, column in ends:
            hit = row >= 0
            flat = row[hit] * WIDTH + column[hit] + N_FLANK
            self.counts += np.bincount(flat, count[hit], self.counts.size)

    def rows(self) -> np.ndarray:
        return self.counts.reshape(-1, WIDTH)


def with_cooler(path: Path) -> np.ndarray:
    import cooler

    done, pixels = Bincount(), cooler.Cooler(str(path)).pixels()
    for start in range(0, len(pixels), CHUNK):
        part = pixels[start : start + CHUNK]
        done.add(*(part[name].to_numpy() for name in COLUMNS))
    return done.rows()


def hictk_reads(path: Path, form: str) -> None:
    """Read chromosome after chromosome, whole, and count nothing."""
    with hictkpy.File(path, BIN_BP) as handle:
        for name in NAMES:
            getattr(handle.fetch(name), form)()


def hictk_rows(path: Path) -> np.ndarray:
    done = Bincount()
    with hictkpy.File(path, BIN_BP) as handle:
        for first, name in zip(FIRST[:-1], NAMES, strict=True):
            cells = handle.fetch(name).to_coo()
            done.add(cells.row + first, cells.col + first, cells.data)
    return done.rows()


def table(path: Path, n: int, floor: tuple[str, Callable[[], object]]) -> bench.Table:
    kind = path.suffix
    contestants: dict[str, Callable[[], object]] = {
        floor[0]: floor[1],
        "dexkit": lambda: with_dexkit(path),
        "hictkpy to_coo a chromosome + bincount": lambda: hictk_rows(path),
    }
    if kind == ".cool":
        contestants["hictkpy to_coo, reading alone"] = lambda: hictk_reads(path, "to_coo")
        contestants["cooler pixels() chunks + bincount"] = lambda: with_cooler(path)
    if bench.available("pyarrow"):
        contestants["hictkpy to_df, reading alone"] = lambda: hictk_reads(path, "to_df")
    contestants = {f"{name} [{kind}]": run for name, run in contestants.items()}
    same = [name for name in contestants if name.startswith("dexkit") or "bincount" in name]
    return bench.Table(
        f"{kind}: {n:,} pairs in bins of {BIN_BP:,} bp -> contact rows",
        contestants,
        floor=f"{floor[0]} [{kind}]",
        work=n / 1e6,
        unit="M pairs/s",
        equal=tuple(same),
    )


def tables(size: str) -> list[bench.Table]:
    n = 10_000_000 if size == "full" else 500_000
    cool, hic = make_cool(n), make_hic(n)
    return [
        table(cool, n, ("h5py reads the columns", lambda: with_h5py(cool))),
        table(hic, n, ("hictkpy to_coo, reading alone", lambda: hictk_reads(hic, "to_coo"))),
    ]


if __name__ == "__main__":
    bench.report(tables, __doc__)
