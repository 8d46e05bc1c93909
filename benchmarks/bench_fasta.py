"""Promoters out of a FASTA: dexkit beside pysam, pyfaidx and bedtools getfasta."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import bench
import numpy as np
import pysam

from dexkit.io.fasta import open_fasta

WINDOW_BP, LINE_BP, N_CHROMS = 2_000, 60, 5
bench.PACKAGES = (*bench.PACKAGES, "pysam", "pyfaidx")

Window = tuple[str, int, int]


def write_fasta(path: Path, chrom_length_bp: int) -> None:
    rng = np.random.default_rng(5)
    with path.open("wb") as handle:
        for i in range(N_CHROMS):
            bases = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, chrom_length_bp)]
            lines = bases.reshape(-1, LINE_BP)
            ends = np.full((len(lines), 1), ord("\n"), np.uint8)
            handle.write(f">chr{i + 1}\n".encode() + np.hstack([lines, ends]).tobytes())
    pysam.faidx(str(path))


def fetched(fetch: Callable[..., bytes | str], windows: list[Window]) -> list[int]:
    """Fetch every window; return what each ends with."""
    return [ord(fetch(*window)[-1:]) for window in windows]


def bedtools(command: str, fasta: Path, bed: Path) -> list[int]:
    arguments = [command, "getfasta", "-fi", str(fasta), "-bed", str(bed), "-tab"]
    done = subprocess.run(arguments, capture_output=True, check=True)
    return [line[-1] for line in done.stdout.splitlines()]


def tables(size: str) -> list[bench.Table]:
    n_windows, n_bases = (20_000, 250_000_000) if size == "full" else (5_000, 30_000_000)
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path, bed = Path(folder.name, "genome.fa"), Path(folder.name, "windows.bed")
    length = n_bases // N_CHROMS // LINE_BP * LINE_BP
    write_fasta(path, length)
    rng = np.random.default_rng(6)
    windows = [
        (f"chr{rng.integers(1, N_CHROMS + 1)}", int(start), int(start) + WINDOW_BP)
        for start in rng.integers(0, length - WINDOW_BP, n_windows)
    ]
    bed.write_text("".join(f"{c}\t{start}\t{end}\n" for c, start, end in windows))
    ours, theirs = open_fasta(path), pysam.FastaFile(str(path))
    atexit.register(ours.close)
    atexit.register(theirs.close)
    contestants: dict[str, Callable[[], list[int]]] = {
        "pysam fetch": lambda: fetched(theirs.fetch, windows),
        "dexkit.io.fasta fetch": lambda: fetched(ours.fetch, windows),
    }
    absent = []
    if bench.available("pyfaidx"):
        import pyfaidx

        faidx = pyfaidx.Faidx(str(path))
        atexit.register(faidx.close)
        contestants["pyfaidx fetch"] = lambda: fetched(
            lambda chrom, start, end: faidx.fetch(chrom, start + 1, end).seq, windows
        )
    else:
        absent.append("pyfaidx")
    command = shutil.which("bedtools")
    if command:
        contestants["bedtools getfasta"] = lambda: bedtools(command, path, bed)
    else:
        absent.append("bedtools")
    return [
        bench.Table(
            f"{n_windows:,} windows of {WINDOW_BP:,} bp out of {n_bases / 1e6:.0f} MB, page cache"
            + (f"; not installed: {', '.join(absent)}" if absent else ""),
            contestants,
            floor="pysam fetch",
            work=n_windows * WINDOW_BP / 1e6,
            unit="Mbase/s",
            equal=tuple(contestants),
        )
    ]


if __name__ == "__main__":
    bench.report(tables, __doc__)
