"""Parse GTF lines into gene and transcript records, with 0-based half-open coordinates."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from sys import intern

from dexkit.errors import FormatError
from dexkit.io.loci import GeneRecord, TranscriptRecord
from dexkit.io.text import parse_position, read_lines

# A quoted value ends at the quote that a semicolon (or the line's end) follows: values may hold
# semicolons, and in some releases quotes.
_ATTRIBUTE = re.compile(r'[\s;]*([^\s";=]+)\s+(?:"(.*?)"|([^";]+?))\s*(?:;|$)')
_ID_KEYS = frozenset({"gene_id", "transcript_id"})
_NAME_KEYS = ("gene_name", "gene", "gene_symbol", "ref_gene_name")
_TYPE_KEYS = ("gene_type", "gene_biotype")
_USED = frozenset({"gene", "transcript", "exon"})


@dataclass(frozen=True, slots=True)
class _Attributes:
    """What is used of the ninth column."""

    gene_id: str
    transcript_id: str
    gene_name: str
    gene_type: str
    tags: tuple[str, ...]


_Key = tuple[str, str, str, str]  # gene id, transcript id, chromosome, strand


def parse_attributes(text: str) -> Iterator[tuple[str, str]]:
    r"""Yield the key-value pairs of a GTF attribute column, in order, repeats included.

    Parameters
    ----------
    text : str
        Ninth column; values quoted (a ``;`` inside quotes belongs to the value) or bare.

    Yields
    ------
    key, value : str
        Quotes removed.

    Raises
    ------
    ValueError
        At the first piece that is no ``key "value";``.

    Examples
    --------
    >>> dict(parse_attributes('gene_id "G1"; note "a; b"; level 2;'))
    {'gene_id': 'G1', 'note': 'a; b', 'level': '2'}
    """
    position, end = 0, len(text.rstrip("; \t"))
    while position < end:
        match = _ATTRIBUTE.match(text, position)
        if match is None:
            raise ValueError(text[position : position + 40].strip())
        yield match[1], match[3] if match[2] is None else match[2]
        position = match.end()


def read_gtf_records(
    path: str | os.PathLike[str],
) -> tuple[list[GeneRecord], list[TranscriptRecord]]:
    """Read the gene, transcript and exon lines of a GTF.

    Parameters
    ----------
    path : str or path-like
        GTF, plain or gzip.

    Returns
    -------
    genes : list of GeneRecord
        One a gene line, in file order.
    transcripts : list of TranscriptRecord
        One a (gene id, transcript id, chromosome, strand), in file order.

    Raises
    ------
    InputError
        When the file cannot be opened.
    FormatError
        When a line has not nine columns, bad positions or strand, or no ``gene_id``; when the
        file is GFF3.
    """
    where = str(path)
    genes: list[GeneRecord] = []
    transcripts: dict[_Key, TranscriptRecord] = {}
    seen: set[tuple[str, str]] = set()
    for number, line in read_lines(path, "GTF"):
        if not line or line[0] == "#":
            if line.startswith("##gff-version") and line.split()[-1].startswith("3"):
                raise FormatError(_GFF3, where, number)
            continue
        columns = line.split("\t")
        if len(columns) != 9:
            raise FormatError(
                f"the line has {len(columns)} tab-separated columns; expected the 9 of a GTF",
                where,
                number,
            )
        chrom, _source, feature, _start, _end, _score, strand, _frame, attributes = columns
        if feature not in _USED:
            continue
        start, end = _span(columns, where, number)
        if strand not in ("+", "-", "."):
            raise FormatError(
                f"strand {strand!r} in column 7; expected '+', '-' or '.'", where, number
            )

        is_exon = feature == "exon"
        try:
            found = _attributes(attributes, seen if is_exon else frozenset())
        except ValueError as error:
            if re.match(r"\s*\w+=", attributes):
                raise FormatError(_GFF3, where, number) from None
            raise FormatError(
                f"the attributes cannot be read at {str(error)!r}; expected 'key \"value\";' pairs",
                where,
                number,
            ) from None
        for key in _ID_KEYS if feature != "gene" else ("gene_id",):
            if not getattr(found, key):
                raise FormatError(f"the {feature} line has no {key}; expected one", where, number)
        record = GeneRecord(
            found.gene_id, found.gene_name, found.gene_type, intern(chrom), strand, start, end
        )
        if feature == "gene":
            genes.append(record)
        else:
            _add_to_transcript(transcripts, record, found, is_exon)
            seen.add((found.gene_id, found.transcript_id))
    return genes, list(transcripts.values())


_GFF3 = "the file is GFF3; expected GTF; convert it (gffread -T) or use the GTF of that release"


def _span(columns: list[str], where: str, number: int) -> tuple[int, int]:
    """Turn the 1-based closed columns 4 and 5 into a 0-based half-open span."""
    start, end = parse_position(columns[3]), parse_position(columns[4])
    if start is None or end is None or not 1 <= start <= end:
        raise FormatError(
            f"start {columns[3]!r} and end {columns[4]!r} in columns 4 and 5; "
            "expected whole numbers with 1 <= start <= end",
            where,
            number,
        )
    return start - 1, end


def _attributes(text: str, seen: Set[tuple[str, str]]) -> _Attributes:
    """Read the attributes of one line; stop once they name a transcript that was ``seen``.

    Exon lines are nine tenths of a GTF; their further attributes repeat the first exon's.
    """
    found: dict[str, str] = {}
    tags: list[str] = []
    for key, value in parse_attributes(text):
        if key == "tag":
            # Converters from GFF3 leave the tags of a transcript in one value.
            tags += value.split(",")
            continue
        found.setdefault(key, value)
        if key in _ID_KEYS and (found.get("gene_id"), found.get("transcript_id")) in seen:
            break
    # Thousands of lines share these texts; each is kept once.
    gene_id = intern(found.get("gene_id", ""))
    return _Attributes(
        gene_id=gene_id,
        transcript_id=found.get("transcript_id", ""),
        gene_name=intern(next((found[k] for k in _NAME_KEYS if found.get(k)), gene_id)),
        gene_type=intern(next((found[k] for k in _TYPE_KEYS if found.get(k)), "")),
        tags=tuple(map(intern, tags)),
    )


def _add_to_transcript(
    transcripts: dict[_Key, TranscriptRecord], record: GeneRecord, found: _Attributes, is_exon: bool
) -> None:
    """Take a transcript or exon line into the transcript that it belongs to."""
    key = (found.gene_id, found.transcript_id, record.chrom, record.strand)
    transcript = transcripts.get(key)
    if transcript is None:
        transcript = transcripts[key] = TranscriptRecord(
            record.gene_id,
            record.gene_name,
            record.gene_type,
            record.chrom,
            record.strand,
            record.start,
            record.end,
            transcript_id=found.transcript_id,
        )
    if is_exon:
        transcript.exons_bp += record.end - record.start
        if transcript.has_line:
            return
    elif not transcript.has_line:
        transcript.has_line = True
        transcript.gene_name, transcript.gene_type = record.gene_name, record.gene_type
        transcript.tags = found.tags
        transcript.start, transcript.end = record.start, record.end
    transcript.start = min(transcript.start, record.start)
    transcript.end = max(transcript.end, record.end)
