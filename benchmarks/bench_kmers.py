"""6-mer counts: into a warm array, and into the memory map of an HDF5 dataset."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path

import bench
import h5py
import numpy as np

from dexkit_ext import count_kmers

K = 6
ROWS_PER_BLOCK = 256
LETTERS = np.frombuffer(b"ACGTN", "S1")


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


def numba_rolling(
    codes: np.ndarray, out: np.ndarray, n_threads: int
) -> Callable[[], object] | None:
    """The rolling loop that one would write by hand, in parallel over rows."""
    name = "1 thread" if n_threads == 1 else f"{n_threads} threads"
    if not bench.available("numba", f"numba rolling {name}"):
        return None
    import numba

    @numba.njit(parallel=n_threads > 1)
    def count(codes: np.ndarray, out: np.ndarray) -> None:
        mask = 4**K - 1
        for row in numba.prange(codes.shape[0]):
            out[row] = 0
            number, run = 0, 0
            for i in range(codes.shape[1]):
                code = codes[row, i]
                number = ((number << 2) | code) & mask
                run = run + 1 if code < 4 else 0
                if run >= K:
                    out[row, number] += 1

    def run() -> np.ndarray:
        if n_threads > 1:
            numba.set_num_threads(min(n_threads, numba.config.NUMBA_NUM_THREADS))
        count(codes, out)
        return out

    return run


def with_bionumpy(codes: np.ndarray) -> Callable[[], object] | None:
    if not bench.available("bionumpy", "bionumpy"):
        return None
    import bionumpy

    # It has no code for N: count A in its place.
    texts = [LETTERS[row].tobytes().decode() for row in codes % 4]
    encoded = bionumpy.as_encoded_array(texts, bionumpy.DNAEncoding)
    return lambda: bionumpy.count_encoded(bionumpy.sequence.get_kmers(encoded, K), axis=-1).counts


def with_sklearn(codes: np.ndarray) -> Callable[[], object] | None:
    if not bench.available("scikit-learn", "scikit-learn CountVectorizer"):
        return None
    from sklearn.feature_extraction.text import CountVectorizer

    texts = [LETTERS[row].tobytes().decode() for row in codes]
    words = ["".join(word) for word in product("ACGT", repeat=K)]
    counter = CountVectorizer(
        analyzer="char", ngram_range=(K, K), lowercase=False, vocabulary=words, dtype=np.uint16
    )
    return lambda: counter.transform(texts).toarray()


def in_memory(codes: np.ndarray) -> bench.Table:
    out = np.zeros((len(codes), 4**K), np.uint16)
    contestants, missing = bench.split_peers(
        {
            "fill": lambda: out.fill(1),
            "dexkit 1 thread": lambda: count_kmers(codes, K, out=out),
            "dexkit 2 threads": lambda: count_kmers(codes, K, out=out, n_threads=2),
            "dexkit both strands": lambda: count_kmers(codes, K, True, out=out),
            "numba rolling 1 thread": numba_rolling(codes, out, 1),
            "numba rolling 2 threads": numba_rolling(codes, out, 2),
            "numpy shift-or + bincount": lambda: shift_or_bincount(codes),
            "bionumpy": with_bionumpy(codes),
            "scikit-learn CountVectorizer": with_sklearn(codes),
        }
    )
    other = ("fill", "dexkit both strands", "bionumpy")
    slow = ("bionumpy", "scikit-learn CountVectorizer")
    return bench.Table(
        f"{K}-mer counts, {len(codes):,} x {codes.shape[1]:,} bp -> uint16, warm output",
        contestants,
        floor="fill",
        work=codes.size / 1e9,
        unit="Gbase/s",
        equal=tuple(name for name in contestants if name not in other),
        once=tuple(name for name in slow if name in contestants),
        missing=missing,
    )


def into_file(codes: np.ndarray, folder: Path) -> bench.Table:
    handle = h5py.File(folder / "kmers.h5", "w")
    atexit.register(handle.close)
    dataset = handle.create_dataset("kmers", (len(codes), 4**K), "u2")
    dataset[-1, -1] = 0  # storage is allocated by the first write
    handle.flush()
    out = np.memmap(handle.filename, np.uint16, "r+", dataset.id.get_offset(), shape=dataset.shape)

    def slices(count: Callable[[np.ndarray], np.ndarray]) -> None:
        for start in range(0, len(codes), ROWS_PER_BLOCK):
            stop = start + ROWS_PER_BLOCK
            dataset[start:stop] = count(codes[start:stop])

    return bench.Table(
        f"{K}-mer counts into a contiguous HDF5 dataset (page cache)",
        {
            "fill of the map": lambda: out.fill(1),
            "dexkit into the map": lambda: count_kmers(codes, K, out=out),
            "h5py slices, dexkit": lambda: slices(lambda block: count_kmers(block, K)),
            "h5py slices, numpy": lambda: slices(shift_or_bincount),
        },
        floor="fill of the map",
        work=codes.size / 1e9,
        unit="Gbase/s",
    )


def tables(size: str) -> list[bench.Table]:
    codes = bench.random_codes(20_000 if size == "full" else 2_000, 2_000)
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return [in_memory(codes), into_file(codes, Path(folder.name))]


if __name__ == "__main__":
    bench.report(tables, __doc__)
