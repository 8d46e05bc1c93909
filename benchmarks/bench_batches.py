"""Random batches of 64 rows of the promoter codes: dexkit's feature file beside other layouts."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import bench
import h5py
import numpy as np

from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES
from dexkit.features.writer import LeftOut, write_feature_file
from dexkit.genome import Gene, GeneTable, Genome
from dexkit.hooks import ArrayPlan

BATCH_ROWS, LENGTH_BP = 64, 2_000


def feature_file(path: Path, codes: np.ndarray) -> FeatureFile:
    """Write codes as build-features does, and open them."""

    def fill(out: np.ndarray, start: int) -> None:
        out[...] = codes[start : start + len(out)]

    genes = GeneTable.from_genes(Gene(f"G{i}", f"G{i}", "chr1", i, "+") for i in range(len(codes)))
    left_out = LeftOut(GeneTable.from_genes(()), np.array([], dtype=object))
    attrs = {"config": "{}", "provenance": "[]", "generated_by": "benchmark", "assembly": ""}
    plan = ArrayPlan(CODES, codes.shape, "uint8", fill)
    write_feature_file(path, Genome({"chr1": len(codes)}), genes, left_out, [plan], attrs)
    return FeatureFile(path)


def taken(rows: Callable[[np.ndarray], np.ndarray], batches: Sequence[np.ndarray]) -> np.ndarray:
    """Take every batch; return the last."""
    for batch in batches:
        found = rows(batch)
    return found


def tables(size: str) -> list[bench.Table]:
    n_rows, n_batches = (20_000, 200) if size == "full" else (5_000, 40)
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    codes = bench.random_codes(n_rows, LENGTH_BP)
    features = feature_file(Path(folder.name, "features.h5"), codes)
    codes.tofile(Path(folder.name, "codes.bin"))
    bare = np.memmap(Path(folder.name, "codes.bin"), np.uint8, "r", shape=codes.shape)
    other = h5py.File(Path(folder.name, "other.h5"), "w")
    atexit.register(other.close)
    contiguous = other.create_dataset("contiguous", data=codes)
    chunked = other.create_dataset("chunked", data=codes, chunks=(1, LENGTH_BP))
    gzip = other.create_dataset("gzip", data=codes, chunks=(64, LENGTH_BP), compression="gzip")
    rng = np.random.default_rng(3)
    # h5py takes rows in ascending order only, each once.
    batches = [np.sort(rng.choice(n_rows, BATCH_ROWS, replace=False)) for _ in range(n_batches)]
    mapped = features.array(CODES)
    contestants = {
        "bare numpy.memmap": bare.__getitem__,
        "dexkit FeatureFile.array": mapped.__getitem__,
        "dexkit FeatureFile.array, mapped for each batch": lambda rows: features.array(CODES)[rows],
        "h5py contiguous": contiguous.__getitem__,
        f"h5py chunks (1, {LENGTH_BP})": chunked.__getitem__,
        f"h5py gzip chunks (64, {LENGTH_BP})": gzip.__getitem__,
    }
    return [
        bench.Table(
            f"{n_batches} random batches of {BATCH_ROWS} out of {n_rows:,} x {LENGTH_BP:,} uint8, "
            "page cache",
            {name: lambda rows=rows: taken(rows, batches) for name, rows in contestants.items()},
            floor="bare numpy.memmap",
            work=n_batches * BATCH_ROWS,
            unit="rows/s",
            equal=tuple(contestants),
        )
    ]


if __name__ == "__main__":
    bench.report(tables, __doc__)
