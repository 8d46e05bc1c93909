"""Count one contact file into rows of TSS bins."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path

import numpy as np

from dexkit.errors import FormatError, InputError
from dexkit.genome import Genome
from dexkit.io.chroms import ChromMap, first_names
from dexkit.io.contacts.detect import check_options, read_layout
from dexkit.io.contacts.head import Head, read_head, split_line
from dexkit.io.contacts.names import check_lengths, chrom_map, refuse_mixed_names
from dexkit.io.contacts.options import DEFAULT_OPTIONS, ContactOptions
from dexkit.io.contacts.reading import Counter, Reading, Target
from dexkit.io.contacts.result import ContactRows, Progress
from dexkit.io.contacts.source import binary_format, stored_file
from dexkit.io.contacts.tss_bins import TssBins
from dexkit.io.text import StoredDigest, input_file, read_chunks
from dexkit.progress import progress_bar
from dexkit_ext import LineError

_BYTES_PER_MB = 1_000_000

_megabyte_bar: Progress = partial(progress_bar, unit="MB")


def read_contact_rows(
    path: str | os.PathLike[str],
    tss_bins: TssBins,
    genome: Genome,
    alias: Mapping[str, str] | None = None,
    options: ContactOptions = DEFAULT_OPTIONS,
    progress: Progress = _megabyte_bar,
) -> ContactRows:
    """Count the contacts of one file in one pass.

    Parameters
    ----------
    path : str or path-like
        Any format of :data:`~dexkit.io.contacts.FORMATS`; text may be plain, gzip or bgzip, and
        ``"-"`` reads text from the standard input. Every position becomes 0-based.
    tss_bins : TssBins
        Rows to count.
    genome : Genome
        Chromosome names and lengths of the FASTA.
    alias : mapping of str to str, optional
        Known other names of FASTA chromosomes. Further ones (``chr`` prefix, M/MT) are found from
        the header or the first lines.
    options : ContactOptions, optional
        Format, score column, anchors, normalisation.
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
        When the file cannot be opened, shares no chromosome with the FASTA, spells names in two
        ways, or holds a matrix of another bin size.
    FormatError
        When the file is empty, truncated or malformed (the line is named), its format cannot be
        told, or a stated chromosome length differs from the FASTA.
    ConfigError
        When the format or an option is unknown, or an option does not apply to the format.

    Notes
    -----
    One thread, memory independent of the number of lines; the counter releases the GIL.
    """
    check_options(options, "auto")
    binary = binary_format(path, options.format)
    if binary is not None:
        check_options(options, binary)
        module = import_module(f"dexkit.io.contacts.{binary}")
        rows: ContactRows = module.read(path, tss_bins, genome, alias, options, progress)
        return rows
    return _read_text(path, tss_bins, genome, alias or {}, options, progress)


def _read_text(
    path: str | os.PathLike[str],
    tss_bins: TssBins,
    genome: Genome,
    alias: Mapping[str, str],
    options: ContactOptions,
    progress: Progress,
) -> ContactRows:
    stored = stored_file(path)
    found = None if stored is None else input_file(stored, "contact file")
    shown = "standard input" if found is None else str(found)
    counter: Counter | None = None

    def line_count() -> int:
        return 0 if counter is None else counter.n_lines

    digest = StoredDigest()
    # Neither a pipe nor the standard input has a size.
    total = None if found is None else found.stat().st_size / _BYTES_PER_MB or None
    with progress(f"contacts {Path(shown).name}", total) as advance:
        chunks = read_chunks(
            path,
            "contact file",
            advance=lambda n: advance(n / _BYTES_PER_MB),
            line_count=line_count,
            observe=digest.update,
        )
        head = read_head(chunks, shown)
        reading = read_layout(head, path if found is None else found, options)
        names = chrom_map(head, reading, genome, alias, shown)
        check_lengths(
            reading.lengths, reading.stated_in, names, genome, shown, reading.length_lines
        )
        skipped = 0 if reading.whole_file else len(head.header) + reading.n_header_rows
        counter = reading.counter(
            Target(genome, names.alias, tss_bins, options.anchors, skipped + 1)
        )
        try:
            _feed(counter, chain((_first_block(head, reading),), chunks), reading, shown)
        except LineError as error:
            raise FormatError(error.reason, shown, error.line) from None
    return _rows(counter, reading, names, genome, tss_bins, options, digest, path)


def _first_block(head: Head, reading: Reading) -> bytes:
    """Return what was read already, without the lines that the counter is not to see."""
    if reading.whole_file:
        return head.data
    start = head.data_start
    for _ in range(reading.n_header_rows):
        start = head.data.find(b"\n", start) + 1 or len(head.data)
    return head.data[start:]


def _feed(counter: Counter, chunks: Iterator[bytes], reading: Reading, path: str) -> None:
    """Count all chunks; refuse a last line that was cut off behind the columns that are used."""
    before = last = b""
    for chunk in chunks:
        counter.feed(chunk)
        before, last = last, chunk
    counter.finish()
    if last.endswith(b"\n"):
        return
    line = (before + last).rpartition(b"\n")[2].decode("utf-8", "backslashreplace")
    got = len(split_line(line, reading.separator))
    if line and not line.startswith("#") and got < reading.n_columns:
        raise FormatError(
            f"the last line has {got} of {reading.n_columns} columns and no line end: the file is "
            "truncated; copy or download it again",
            path,
            counter.n_lines,
        )


def _rows(
    counter: Counter,
    reading: Reading,
    names: ChromMap,
    genome: Genome,
    tss_bins: TssBins,
    options: ContactOptions,
    digest: StoredDigest,
    path: str | os.PathLike[str],
) -> ContactRows:
    """Put together what was counted and what is to be said."""
    refuse_mixed_names(counter.unknown_chroms, names, genome, path)
    n_dropped = int(getattr(counter, "n_dropped", 0))
    n_valid = counter.n_cis + counter.n_trans
    if n_valid == 0:
        noun = "pair" if reading.kind == "pairs" else "line"
        raise InputError(
            f"{path}: not a single {noun} has both ends on chromosomes of the FASTA; got "
            f"{counter.n_unknown_chrom:,} {noun}s elsewhere "
            f"({first_names(counter.unknown_chroms)}) and {n_dropped:,} "
            "marked as duplicate or unmapped; check that both files belong to the same genome "
            "assembly"
        )
    total = getattr(counter, "total", None)
    depth = {"pairs": n_valid, "matrix": total}.get(reading.kind)
    chroms = list(genome.lengths)
    return ContactRows(
        counts=counter.counts,
        depth=depth,
        kind=reading.kind,
        n_cis=counter.n_cis,
        n_trans=counter.n_trans,
        n_unknown_chrom=counter.n_unknown_chrom,
        n_dropped=n_dropped,
        observed_chroms=frozenset(chroms[i] for i in np.flatnonzero(counter.cis_by_chrom)),
        format=reading.format,
        path=str(path),
        unknown_chroms=tuple(counter.unknown_chroms),
        messages=tuple(_messages(counter, reading, names, tss_bins, options, path)),
        inputs=(digest.record(path), *reading.inputs),
    )


def _messages(
    counter: Counter,
    reading: Reading,
    names: ChromMap,
    tss_bins: TssBins,
    options: ContactOptions,
    path: str | os.PathLike[str],
) -> Iterator[str]:
    """Yield the sentences to say."""
    if names.message:
        yield names.message
    yield from reading.messages
    name = os.path.basename(path)
    if getattr(counter, "mirrored", False):
        yield f"{name}: every contact is listed from both ends; each was counted once"
    if reading.widest_bp > tss_bins.bin_size_bp and options.anchors == "overlap":
        yield (
            f"{name}: anchors of the first lines are up to {reading.widest_bp:,} bp wide and bins "
            f"{tss_bins.bin_size_bp:,} bp; a loop counts for every pair of bins that its anchors "
            "overlap (--anchors midpoint: for one)"
        )
