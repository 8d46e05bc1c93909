"""Count one contact file into rows of TSS bins."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError, InputError
from dexkit.genome import Genome
from dexkit.io.chroms import ChromMap, complete_alias, reconcile
from dexkit.io.contacts.detect import read_layout
from dexkit.io.contacts.head import Head, Reading, read_head
from dexkit.io.contacts.tss_bins import TssBins
from dexkit.io.text import input_file, read_chunks
from dexkit.progress import Advance, progress_bar
from dexkit_ext import PairCounter, PairParseError

_BYTES_PER_MB = 1_000_000
_NAME_SAMPLE_BYTES = 1 << 18  # some 4,000 pairs: enough to see how chromosomes are named

Progress = Callable[[str, float | None], AbstractContextManager[Advance]]

_megabyte_bar: Progress = partial(progress_bar, unit="MB")


@dataclass(frozen=True)
class ContactRows:
    """Contact counts of one file (one replicate) around the TSS bins.

    Parameters
    ----------
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype uint32
        Column ``n_flank_bins + d`` holds the pairs between the TSS bin and the bin ``d`` further
        (towards higher coordinates, whatever the strand). Pairs inside the TSS bin count once.
    depth : int
        Valid pairs: both ends on chromosomes of the FASTA, cis and trans.
    n_cis, n_trans : int
        Parts of ``depth``.
    n_unknown_chrom : int
        Pairs with an end on a chromosome that the FASTA has not; not in ``depth``.
    n_dropped : int
        Pairs that the file marks as duplicates (DD) or unmapped (``!``); not in ``depth``.
    observed_chroms : set of str
        FASTA names of the chromosomes with at least one cis pair.
    format : str
        ``"pairs"`` or ``"hicpro"``.
    path : str
        The file.
    unknown_chroms : list of str
        The first 20 names that the FASTA has not.
    message : str or None
        Sentence to say when chromosome names were mapped.
    """

    counts: npt.NDArray[np.uint32]
    depth: int
    n_cis: int
    n_trans: int
    n_unknown_chrom: int
    n_dropped: int
    observed_chroms: set[str]
    format: str
    path: str
    unknown_chroms: list[str] = field(default_factory=list)
    message: str | None = None


def read_contact_rows(
    path: str | os.PathLike[str],
    tss_bins: TssBins,
    genome: Genome,
    alias: Mapping[str, str] | None = None,
    format: str = "auto",
    progress: Progress = _megabyte_bar,
) -> ContactRows:
    """Count the pairs of one contact file in one pass.

    Parameters
    ----------
    path : str or path-like
        4DN ``.pairs`` or HiC-Pro ``allValidPairs``; plain, gzip or bgzip. Positions are 1-based
        in both and become 0-based.
    tss_bins : TssBins
        Rows to count.
    genome : Genome
        Chromosome names and lengths of the FASTA.
    alias : mapping of str to str, optional
        Known other names of FASTA chromosomes. Further ones (``chr`` prefix, M/MT) are found from
        the header or the first pairs.
    format : {"auto", "pairs", "hicpro"}, optional
        ``"auto"`` decides by content.
    progress : callable, optional
        ``progress(description, total)`` as :func:`dexkit.progress.progress_bar`; units are
        megabytes of the stored (compressed) file.

    Returns
    -------
    ContactRows
        Counts, depth, and what was not counted.

    Raises
    ------
    InputError
        When the file cannot be opened, or shares no chromosome with the FASTA.
    FormatError
        When the file is empty, truncated or malformed (the line is named), its format cannot be
        told, or a ``#chromsize`` differs from the FASTA.
    ConfigError
        When ``format`` is unknown.

    Notes
    -----
    One thread, memory independent of the number of pairs; the counter releases the GIL.
    """
    found = input_file(path, "contact file")
    counter: PairCounter | None = None

    def line_count() -> int:
        return 0 if counter is None else counter.n_lines

    total = found.stat().st_size / _BYTES_PER_MB or None  # a pipe has no size
    with progress(f"contacts {found.name}", total) as advance:
        chunks = read_chunks(
            found,
            "contact file",
            advance=lambda n: advance(n / _BYTES_PER_MB),
            line_count=line_count,
        )
        head = read_head(chunks, str(found))
        reading = read_layout(head, found, format)
        chrom_map = _chrom_map(head, reading, genome, alias or {}, found)
        _check_lengths(reading, chrom_map, genome, found)
        counter = PairCounter(
            list(genome.lengths),
            list(genome.lengths.values()),
            chrom_map.alias,
            tss_bins.chrom_index,
            tss_bins.bin,
            tss_bins.bin_size_bp,
            tss_bins.n_flank_bins,
            reading.layout,
        )
        n_columns = len(head.fields)
        try:
            _feed(counter, chain((head.data,), chunks), n_columns, found)
        except PairParseError as error:
            raise FormatError(error.reason, str(found), error.line) from None
    if counter.n_pairs == 0:
        raise InputError(
            f"{found}: not a single pair has both ends on chromosomes of the FASTA; got "
            f"{counter.n_unknown_chrom:,} pairs elsewhere "
            f"({', '.join(counter.unknown_chroms[:5]) or 'none'}) and {counter.n_dropped:,} marked "
            "as duplicate or unmapped; check that both files belong to the same genome assembly"
        )
    names = list(genome.lengths)
    return ContactRows(
        counts=counter.counts,
        depth=counter.n_pairs,
        n_cis=counter.n_cis,
        n_trans=counter.n_trans,
        n_unknown_chrom=counter.n_unknown_chrom,
        n_dropped=counter.n_dropped,
        observed_chroms={names[i] for i in np.flatnonzero(counter.cis_by_chrom)},
        format=reading.format,
        path=str(found),
        unknown_chroms=list(counter.unknown_chroms),
        message=chrom_map.message,
    )


def _feed(counter: PairCounter, chunks: Iterator[bytes], n_columns: int, path: Path) -> None:
    """Count all chunks; refuse a last line that was cut off behind the columns that are used."""
    before = last = b""
    for chunk in chunks:
        counter.feed(chunk)
        before, last = last, chunk
    counter.finish()
    if not last.endswith(b"\n"):
        line = (before + last).rpartition(b"\n")[2]
        if (got := line.count(b"\t") + 1) < n_columns:
            raise FormatError(
                f"the last line has {got} of {n_columns} columns and no line end: the file is "
                "truncated; copy or download it again",
                str(path),
                counter.n_lines,
            )


def _chrom_map(
    head: Head, reading: Reading, genome: Genome, alias: Mapping[str, str], path: Path
) -> ChromMap:
    """Reconcile the names in the header, else in the first pairs, with the FASTA's."""
    names = list(reading.lengths)
    if not names:
        names = _names_of(head, reading, _NAME_SAMPLE_BYTES)
        if not any(name in genome.lengths or name in alias for name in names):
            names = _names_of(head, reading, len(head.data))
    learned = reconcile(genome.lengths, names, f"contact file {path.name}", alias)
    seen = dict(learned.alias)
    if any(name in alias for name in seen):
        # The file uses the given names: those of chromosomes not met yet are taken too.
        met = {learned.to_fasta(name) for name in learned.matched}
        for name, fasta_name in alias.items():
            if name not in genome.lengths and fasta_name in genome.lengths.keys() - met:
                seen[name] = fasta_name
    completed = complete_alias(genome.lengths, seen)
    return ChromMap(completed, learned.matched, learned.unmatched, learned.message)


def _names_of(head: Head, reading: Reading, n_bytes: int) -> list[str]:
    """List the chromosome names of the whole lines within the first ``n_bytes`` of pairs."""
    block = head.data[head.data_start : head.data_start + n_bytes]
    layout = reading.layout
    names: dict[str, None] = {}
    lines = block.split(b"\n")
    for line in lines[:-1] if len(lines) > 1 else lines:
        if line.startswith(b"#"):
            continue
        fields = line.split(b"\t")
        for column in (layout.chrom1, layout.chrom2):
            if column < len(fields) and fields[column] not in (b"", b"!"):
                names[fields[column].decode("utf-8", "backslashreplace").strip()] = None
    return list(names)


def _check_lengths(reading: Reading, chrom_map: ChromMap, genome: Genome, path: Path) -> None:
    """Compare the lengths in the header with the FASTA's."""
    for name, length in reading.lengths.items():
        fasta_name = chrom_map.to_fasta(name)
        if fasta_name is None or genome.lengths[fasta_name] == length:
            continue
        raise FormatError(
            f"chromosome {name!r} has {length:,} bp in the header and "
            f"{genome.lengths[fasta_name]:,} bp in the FASTA; expected one genome assembly; use "
            "the FASTA that the contacts were mapped to",
            str(path),
        )
