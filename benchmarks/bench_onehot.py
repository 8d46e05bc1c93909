"""One-hot: into a warm float32 array, and into the memory map of an HDF5 dataset."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path

import bench
import h5py
import numpy as np

from dexkit_ext import one_hot

ROWS_PER_BLOCK = 256


def in_memory(codes: np.ndarray) -> bench.Table:
    out = np.zeros((*codes.shape, 4), np.float32)
    table = np.eye(5, 4, dtype=np.float32)
    return bench.Table(
        f"one-hot float32, {codes.shape[0]:,} x {codes.shape[1]:,} bp, warm output",
        {
            "fill": lambda: out.fill(1),
            "dexkit 1 thread": lambda: one_hot(codes, "float32", out=out),
            "dexkit 2 threads": lambda: one_hot(codes, "float32", out=out, n_threads=2),
            "numpy take into out": lambda: np.take(table, codes, axis=0, out=out, mode="clip"),
            "numpy table[codes]": lambda: table[codes],
            "numpy codes == ACGT": lambda: (codes[..., None] == np.arange(4)).astype(np.float32),
        },
        floor="fill",
        work=codes.size / 1e9,
        unit="Gbase/s",
    )


def into_file(codes: np.ndarray, folder: Path) -> bench.Table:
    handle = h5py.File(folder / "onehot.h5", "w")
    atexit.register(handle.close)
    dataset = handle.create_dataset("one_hot", (*codes.shape, 4), "u1")
    dataset[-1, -1, -1] = 0  # storage is allocated by the first write
    handle.flush()
    out = np.memmap(handle.filename, np.uint8, "r+", dataset.id.get_offset(), shape=dataset.shape)
    table = np.eye(5, 4, dtype=np.uint8)

    def slices() -> None:
        for start in range(0, len(codes), ROWS_PER_BLOCK):
            dataset[start : start + ROWS_PER_BLOCK] = table[codes[start : start + ROWS_PER_BLOCK]]

    return bench.Table(
        "one-hot uint8 into a contiguous HDF5 dataset (page cache)",
        {
            "fill of the map": lambda: out.fill(1),
            "dexkit into the map": lambda: one_hot(codes, out=out),
            "numpy take into the map": lambda: np.take(table, codes, 0, out=out, mode="clip"),
            "h5py slices, numpy table[codes]": slices,
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
