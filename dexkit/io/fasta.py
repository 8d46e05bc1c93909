"""Random access to a genome FASTA: plain or bgzip, the index made when missing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType

import pysam

from dexkit.errors import FormatError, InputError, did_you_mean
from dexkit.genome import Genome
from dexkit.io.fasta_index import check_container, make_index, quiet_htslib
from dexkit.io.text import input_file


class Fasta:
    """An open FASTA. Make one with :func:`open_fasta`; use it as a context manager.

    Parameters
    ----------
    path : Path
        The FASTA.
    handle : pysam.FastaFile
        The open file.
    index_folder : tempfile.TemporaryDirectory, optional
        Where the index lies when the folder of the FASTA cannot be written; removed on close.

    Attributes
    ----------
    path : Path
        The FASTA.
    genome : Genome
        Chromosome names and lengths in base pairs, in FASTA order.
    """

    def __init__(
        self,
        path: Path,
        handle: pysam.FastaFile,
        index_folder: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.path = path
        self._handle = handle
        self._index_folder = index_folder
        self.genome = Genome(dict(zip(handle.references, handle.lengths, strict=True)))

    def __enter__(self) -> Fasta:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._handle.close()
        if self._index_folder is not None:
            self._index_folder.cleanup()

    def fetch(self, chrom: str, start: int, end: int) -> bytes:
        """Return the bases of ``[start, end)``, as they are written in the file.

        Parameters
        ----------
        chrom : str
            Chromosome name as in the FASTA.
        start, end : int
            0-based, half-open; may reach beyond either end of the chromosome.

        Returns
        -------
        bytes
            Exactly ``end - start`` letters, case kept; ``N`` where the interval lies off the
            chromosome.

        Raises
        ------
        InputError
            When the chromosome is unknown or ``end < start``.
        FormatError
            When the file holds fewer bases than its index says.
        """
        length = self.genome.lengths.get(chrom)
        if length is None:
            raise InputError(
                f"{self.path}: no chromosome {chrom!r}; {did_you_mean(chrom, self.genome.lengths)}"
            )
        if end < start:
            raise InputError(f"interval {chrom}:{start}-{end} ends before it starts")
        inside_start, inside_end = max(start, 0), min(end, length)
        if inside_end <= inside_start:
            return b"N" * (end - start)
        try:
            with quiet_htslib():
                text = self._handle.fetch(chrom, inside_start, inside_end)
            bases = text.encode("ascii")
        except (OSError, ValueError) as error:
            raise FormatError(
                f"{chrom}:{inside_start}-{inside_end} cannot be read ({error}); the file or its "
                "index is damaged; delete the .fai and .gzi beside it and run again",
                str(self.path),
            ) from None
        if len(bases) != inside_end - inside_start:
            raise FormatError(
                f"{chrom}:{inside_start}-{inside_end} gave {len(bases)} bases; expected "
                f"{inside_end - inside_start}; the index does not belong to this file or the file "
                "is truncated; delete the .fai and .gzi beside it and run again",
                str(self.path),
            )
        return b"N" * (inside_start - start) + bases + b"N" * (end - inside_end)


def open_fasta(path: str | os.PathLike[str]) -> Fasta:
    """Open a genome FASTA for random access.

    Parameters
    ----------
    path : str or path-like
        Uncompressed or bgzip-compressed FASTA. A missing ``.fai`` (and ``.gzi``), or one older
        than the FASTA, is made anew: beside the FASTA, or in a temporary folder for the time the
        file is open when that place cannot be written.

    Returns
    -------
    Fasta
        Context manager with ``genome`` and ``fetch``.

    Raises
    ------
    InputError
        When the file is missing, a directory, or unreadable.
    FormatError
        When it is no FASTA, is compressed with plain gzip, is truncated, or has a chromosome
        name twice.
    OutputError
        When an index is needed and can be written nowhere.
    """
    found = input_file(path, "FASTA")
    bgzip = check_container(found)
    index, block_index = Path(f"{found}.fai"), Path(f"{found}.gzi")
    needed = [index, block_index] if bgzip else [index]
    written = found.stat().st_mtime_ns
    folder = None
    if not all(p.exists() and p.stat().st_mtime_ns >= written for p in needed):
        folder = make_index(found, index, block_index, bgzip)
        if folder is not None:
            index, block_index = Path(folder.name, "x.fai"), Path(folder.name, "x.gzi")
    try:
        with quiet_htslib():
            handle = pysam.FastaFile(
                str(found),
                filepath_index=str(index),
                filepath_index_compressed=str(block_index) if bgzip else None,
            )
    except (OSError, ValueError):
        if folder is not None:
            folder.cleanup()
        raise FormatError(
            f"the index {index.name} cannot be read; delete it and run again", str(found)
        ) from None
    return Fasta(found, handle, folder)
