"""The bins of a HiC-Pro matrix: ``*_abs.bed``, with chrom, start, end and id of every bin."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError
from dexkit.genome import Genome
from dexkit.io.contacts.tss_bins import TssBins
from dexkit.io.text import InputRecord, StoredDigest, parse_position, read_lines

_COLUMNS = 4
_LARGEST_FIRST_ID = 1  # HiC-Pro counts from 1; some tools that write its format from 0


@dataclass(frozen=True)
class BinTable:
    """Bins of one fixed size, chromosome after chromosome, with consecutive ids.

    Parameters
    ----------
    path : str
        The bed file.
    n_bins : mapping of str to int
        Bins of each chromosome, by the file's own names, in the order of the ids.
    lengths : mapping of str to int
        Ends of the last bins, in base pairs: the chromosome lengths.
    bin_size_bp : int
        Size of all bins but the last of each chromosome.
    first_id : int
        Id of the first bin (1 in HiC-Pro's files).
    record : InputRecord
        Size and SHA-256 of the file.
    """

    path: str
    n_bins: Mapping[str, int]
    lengths: Mapping[str, int]
    bin_size_bp: int
    first_id: int
    record: InputRecord

    def rows(
        self, genome: Genome, alias: Mapping[str, str], bins: TssBins
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Return what each bin stands for in a build.

        Parameters
        ----------
        genome : Genome
            Chromosome names and lengths of the FASTA.
        alias : mapping of str to str
            Names in the file to names in the FASTA, where they differ.
        bins : TssBins
            Rows to count.

        Returns
        -------
        row_of_bin : ndarray of shape (n_bins,), dtype int32
            Row whose TSS bin it is, -1 for none.
        chrom_of_bin : ndarray of shape (n_bins,), dtype int32
            Chromosome, as its position in ``genome.lengths``; -1 when the FASTA has it not.
        """
        index_of = {name: i for i, name in enumerate(genome.lengths)}
        n = sum(self.n_bins.values())
        row_of_bin = np.full(n, -1, np.int32)
        chrom_of_bin = np.full(n, -1, np.int32)
        start = 0
        for name, n_here in self.n_bins.items():
            chrom = index_of.get(alias.get(name, name), -1)
            if chrom >= 0:
                chrom_of_bin[start : start + n_here] = chrom
                rows = np.flatnonzero(bins.chrom_index == chrom)
                row_of_bin[start + bins.bin[rows]] = rows
            start += n_here
        return row_of_bin, chrom_of_bin


def read_bins(path: str | os.PathLike[str]) -> BinTable:
    """Read the bed file of a HiC-Pro matrix.

    Parameters
    ----------
    path : str or path-like
        Four columns separated by tabs or blanks: chrom, start (0-based), end (exclusive), id.
        Plain, gzip or bgzip.

    Returns
    -------
    BinTable
        Bins.

    Raises
    ------
    InputError
        When it cannot be read.
    FormatError
        When a line is malformed, ids are not consecutive, a chromosome does not start at 0, has
        gaps or comes twice, or bins differ in size.
    """
    digest = StoredDigest()
    shown = str(path)
    n_bins: dict[str, int] = {}
    lengths: dict[str, int] = {}
    first_id = last_id = size = short_line = 0
    last_chrom = ""

    def malformed(got: str, expected: str, line: int) -> FormatError:
        return FormatError(
            f"{got}; expected {expected}; give the *_abs.bed that HiC-Pro wrote with the matrix",
            shown,
            line,
        )

    for line, text in read_lines(path, "bed file of bins", observe=digest.update):
        fields = text.split()
        if not fields or text.startswith("#"):
            continue
        numbers = [parse_position(field) for field in fields[1:_COLUMNS]]
        if len(numbers) < _COLUMNS - 1 or None in numbers:
            raise malformed(f"the line is {text[:60]!r}", "chrom, start, end and bin id", line)
        chrom = fields[0]
        start, end, bin_id = (n for n in numbers if n is not None)
        if not n_bins:
            if bin_id > _LARGEST_FIRST_ID:
                raise malformed(f"the first bin id is {bin_id}", "1 (or 0)", line)
            first_id, size = bin_id, end
        elif bin_id != last_id + 1:
            raise malformed(f"bin id {bin_id} follows {last_id}", f"{last_id + 1}", line)
        if chrom != last_chrom:
            if chrom in n_bins:
                raise malformed(f"chromosome {chrom!r} comes twice", "its bins together", line)
            n_bins[chrom] = lengths[chrom] = short_line = 0
            last_chrom = chrom
        if start != lengths[chrom] or end <= start:
            raise malformed(
                f"bin {bin_id} is {start}-{end}", f"one that starts at {lengths[chrom]}", line
            )
        if short_line:
            raise malformed(
                f"the bin of line {short_line} is shorter than the others",
                "short bins at the ends of chromosomes only",
                line,
            )
        # A genome may start with a chromosome shorter than a bin.
        if end - start > size:
            if any(n > 1 for n in n_bins.values()):
                raise malformed(f"bin {bin_id} has {end - start:,} bp", f"{size:,} bp", line)
            size = end - start
        short_line = line if end - start < size else 0
        n_bins[chrom] += 1
        lengths[chrom] = end
        last_id = bin_id
    if not n_bins:
        raise FormatError("the file holds no bins; expected chrom, start, end and bin id", shown)
    return BinTable(shown, n_bins, lengths, size, first_id, digest.record(path))
