"""One-hot: into a warm float32 array, and into the memory map of an HDF5 dataset."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from pathlib import Path

import bench
import h5py
import numpy as np

from dexkit_ext import one_hot

ROWS_PER_BLOCK = 256
LETTERS = np.frombuffer(b"ACGTN", "S1")


def with_seqpro(codes: np.ndarray) -> Callable[[], object] | None:
    if not bench.available("seqpro", "seqpro"):
        return None
    import seqpro

    text = LETTERS[codes]
    return lambda: seqpro.DNA.ohe(text).astype(np.float32)


def with_kipoiseq(codes: np.ndarray) -> Callable[[], object] | None:
    if not bench.available("kipoiseq", "kipoiseq"):
        return None
    from kipoiseq.transforms.functional import one_hot_dna

    texts = [LETTERS[row].tobytes().decode() for row in codes]
    return lambda: np.stack([one_hot_dna(text, neutral_value=0) for text in texts])


def in_memory(codes: np.ndarray) -> bench.Table:
    out = np.zeros((*codes.shape, 4), np.float32)
    table = np.eye(5, 4, dtype=np.float32)

    def by_dexkit(n_threads: int) -> Callable[[], object]:
        return lambda: one_hot(codes, "float32", out=out, n_threads=n_threads)

    contestants, missing = bench.split_peers(
        {
            "fill": lambda: out.fill(1),
            "dexkit 1 thread": by_dexkit(1),
            "dexkit 2 threads": by_dexkit(2),
            "numpy take into out": lambda: np.take(table, codes, axis=0, out=out, mode="clip"),
            "numpy table[codes]": lambda: table[codes],
            "numpy codes == ACGT": lambda: (codes[..., None] == np.arange(4)).astype(np.float32),
            "seqpro": with_seqpro(codes),
            "kipoiseq": with_kipoiseq(codes),
        }
    )
    return bench.Table(
        f"one-hot float32, {codes.shape[0]:,} x {codes.shape[1]:,} bp, warm output",
        contestants,
        floor="fill",
        work=codes.size / 1e9,
        unit="Gbase/s",
        equal=tuple(name for name in contestants if name != "fill"),
        once=("kipoiseq",) if "kipoiseq" in contestants else (),
        missing=missing,
    )


def into_file(codes: np.ndarray, folder: Path) -> bench.Table:
    handle = h5py.File(folder / "onehot.h5", "w")
    atexit.register(handle.close)
    dataset = handle.create_dataset("one_hot", (*codes.shape, 4), "u1")
    dataset[-1, -1, -1] = 0  # storage is allocated by the first write
    handle.flush()
    out = np.memmap(handle.filename, np.uint8, "r+", dataset.id.get_offset(), shape=dataset.shape)
    table = np.eye(5, 4, dtype=np.uint8)

    def slices(expand: Callable[[np.ndarray], np.ndarray]) -> None:
        for start in range(0, len(codes), ROWS_PER_BLOCK):
            stop = start + ROWS_PER_BLOCK
            dataset[start:stop] = expand(codes[start:stop])

    def seqpro_slices() -> Callable[[], object] | None:
        if not bench.available("seqpro", "h5py slices, seqpro"):
            return None
        import seqpro

        return lambda: slices(lambda block: seqpro.DNA.ohe(LETTERS[block]))

    contestants, missing = bench.split_peers(
        {
            "fill of the map": lambda: out.fill(1),
            "dexkit into the map": lambda: one_hot(codes, out=out),
            "numpy take into the map": lambda: np.take(table, codes, 0, out=out, mode="clip"),
            "h5py slices, numpy table[codes]": lambda: slices(lambda block: table[block]),
            "h5py slices, seqpro": seqpro_slices(),
        }
    )
    return bench.Table(
        "one-hot uint8 into a contiguous HDF5 dataset (page cache)",
        contestants,
        floor="fill of the map",
        work=codes.size / 1e9,
        unit="Gbase/s",
        missing=missing,
    )


def tables(size: str) -> list[bench.Table]:
    codes = bench.random_codes(20_000 if size == "full" else 2_000, 2_000)
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return [in_memory(codes), into_file(codes, Path(folder.name))]


if __name__ == "__main__":
    bench.report(tables, __doc__)
