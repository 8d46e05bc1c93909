"""The digest of the small tables of a feature file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from dexkit.genome import GeneTable, Genome


def tables_sha256(
    genome: Genome, genes: GeneTable, left_out: GeneTable, reasons: Iterable[str]
) -> str:
    """Return the digest of the tables of a feature file.

    The tables go in the order of ``docs/format.md``: ``/chroms``, ``/genes``, ``/left_out``.
    Each adds its HDF5 path and its number of rows, then its values: a string as UTF-8, behind
    its number of bytes; a number as it is. Numbers and lengths are signed 64-bit little-endian.

    Parameters
    ----------
    genome : Genome
        Chromosomes.
    genes, left_out : GeneTable
        Genes of the file, and those that are not in it.
    reasons : iterable of str
        Why each of ``left_out`` is not.

    Returns
    -------
    str
        SHA-256, hexadecimal.
    """
    digest = hashlib.sha256()

    def number(value: int) -> bytes:
        return value.to_bytes(8, "little", signed=True)

    def text(value: str) -> bytes:
        data = str(value).encode()
        return number(len(data)) + data

    def strings(path: str, values: Iterable[str]) -> None:
        encoded = [text(value) for value in values]
        digest.update(text(path) + number(len(encoded)) + b"".join(encoded))

    def numbers(path: str, values: Iterable[int]) -> None:
        array = np.array(list(values), dtype="<i8")
        digest.update(text(path) + number(len(array)) + array.tobytes())

    strings("/chroms/name", genome.lengths)
    numbers("/chroms/length", genome.lengths.values())
    for group, table in (("/genes", genes), ("/left_out", left_out)):
        for column in ("gene_id", "gene_name", "chrom"):
            strings(f"{group}/{column}", getattr(table, column))
        numbers(f"{group}/tss", table.tss)
        strings(f"{group}/strand", table.strand)
    strings("/left_out/reason", reasons)
    return digest.hexdigest()
