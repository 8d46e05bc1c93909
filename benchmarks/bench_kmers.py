"""6-mer counts against NumPy, and against numba where it is installed."""

from __future__ import annotations

from collections.abc import Callable

import bench
import numpy as np

from dexkit_ext import count_kmers

K = 6


def shift_or_bincount(codes: np.ndarray) -> np.ndarray:
    """Numbers by shifting and adding; one bincount a block of rows."""
    n_windows = codes.shape[1] - K + 1
    counts = np.empty((len(codes), 4**K), np.uint16)
    for start in range(0, len(codes), 256):
        block = codes[start : start + 256].astype(np.int64)
        numbers = np.zeros((len(block), n_windows), np.int64)
        valid = np.ones((len(block), n_windows), bool)
        for i in range(K):
            numbers = numbers << 2 | block[:, i : i + n_windows]
            valid &= block[:, i : i + n_windows] < 4
        numbers += np.arange(len(block))[:, None] * 4**K
        flat = np.bincount(numbers[valid], minlength=len(block) * 4**K)
        counts[start : start + 256] = flat.reshape(len(block), -1)
    return counts


def numba_rolling() -> Callable[[np.ndarray, np.ndarray], None]:
    import numba

    @numba.njit
    def count(codes: np.ndarray, out: np.ndarray) -> None:
        mask = 4**K - 1
        for row in range(codes.shape[0]):
            out[row] = 0
            number, run = 0, 0
            for i in range(codes.shape[1]):
                code = codes[row, i]
                number = ((number << 2) | code) & mask
                run = run + 1 if code < 4 else 0
                if run >= K:
                    out[row, number] += 1

    return count


def tables(size: str) -> list[bench.Table]:
    codes = bench.random_codes(20_000 if size == "full" else 4_000, 2_000)
    out = np.zeros((len(codes), 4**K), np.uint16)
    contestants: dict[str, Callable[[], object]] = {
        "fill": lambda: out.fill(1),
        "dexkit 1 thread": lambda: count_kmers(codes, K, out=out),
        "dexkit 2 threads": lambda: count_kmers(codes, K, out=out, n_threads=2),
        "dexkit both strands": lambda: count_kmers(codes, K, True, out=out),
        "numpy shift-or + bincount": lambda: shift_or_bincount(codes),
    }
    if bench.available("numba"):
        rolling = numba_rolling()
        contestants["numba rolling"] = lambda: rolling(codes, out)
    title = f"{K}-mer counts, {len(codes):,} x 2,000 bp -> uint16"
    same = ("dexkit 1 thread", "dexkit 2 threads", "numpy shift-or + bincount")
    return [bench.Table(title, contestants, "fill", codes.size / 1e9, "Gbase/s", same)]


if __name__ == "__main__":
    bench.report(tables, __doc__)
