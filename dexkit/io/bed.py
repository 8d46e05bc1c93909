"""Read the TSS of genes from a BED file."""

from __future__ import annotations

import os

from dexkit.errors import FormatError
from dexkit.genome import Gene
from dexkit.io.annotation import Annotation, left_out_notes
from dexkit.io.loci import GeneRecord, choose_locus
from dexkit.io.text import parse_position, read_lines

#: BED6, BED6 with a gene name behind it, BED12 (whose last six columns draw exons).
_WIDTHS = (6, 7, 12)
#: How tables head the first column of a BED; such a line must come first.
_HEADERS = frozenset({"chrom", "chr", "chromosome", "seqname", "seqnames"})


def read_tss_bed(path: str | os.PathLike[str]) -> Annotation:
    """Read genes and their TSS from a BED file, plain or gzip.

    BED positions are 0-based and half-open, as everywhere inside. The TSS is the first base of an
    interval on the plus strand (``start``) and its last on the minus strand (``end - 1``): an
    interval of one base is the TSS itself.

    Parameters
    ----------
    path : str or path-like
        Columns chrom, start, end, name, score, strand, and optionally a seventh with the gene
        name; separated by tabs, or by blanks in a file without tabs. The name (column 4) is the
        gene id, and the gene name where there is no seventh column; the score is not used. Of
        BED12 the first six columns are used. Lines that start with ``#``, ``track`` or
        ``browser``, blank lines, and a first line of column names are passed over.

    Returns
    -------
    Annotation
        Kept genes; intervals without a strand and names that repeat are excluded, with the
        reason, as in a GTF. There are no gene types and no transcripts.

    Raises
    ------
    InputError
        When the file cannot be opened.
    FormatError
        When a line has a wrong number of columns, another number than the first, bad positions
        or strand, or no name; when there is no interval.
    """
    where = str(path)
    loci: dict[str, list[GeneRecord]] = {}
    width: int | None = None
    may_be_header = True
    for number, line in read_lines(path, "BED of TSS"):
        text = line.strip()
        if not text or text[0] == "#" or text.split(None, 1)[0] in ("track", "browser"):
            continue
        columns = line.split("\t") if "\t" in line else text.split()
        if may_be_header and columns[0].lower() in _HEADERS and _is_no_number(columns[1:3]):
            may_be_header = False
            continue
        may_be_header = False
        if width is None and len(columns) in _WIDTHS:
            width = len(columns)
        if len(columns) != width:
            expected = width or "the 6 of BED6 (chrom, start, end, name, score, strand)"
            raise FormatError(
                f"the line has {len(columns)} columns; expected {expected}", where, number
            )
        record = _record(columns, where, number)
        loci.setdefault(record.gene_id, []).append(record)
    if not loci:
        raise FormatError("the file holds no interval; expected one line a TSS", where)

    genes: list[Gene] = []
    excluded: list[tuple[Gene, str]] = []
    for records in loci.values():
        kept, reasons = choose_locus(records)
        excluded += [(_gene(record), reason) for record, reason in reasons]
        if kept is not None:
            genes.append(_gene(kept))
    return Annotation(genes, excluded, "gene", {}, left_out_notes(excluded), where)


def _is_no_number(fields: list[str]) -> bool:
    return bool(fields) and all(parse_position(field) is None for field in fields)


def _record(columns: list[str], where: str, number: int) -> GeneRecord:
    chrom, first, last, name, _score, strand = (column.strip() for column in columns[:6])
    start, end = parse_position(first), parse_position(last)
    if start is None or end is None or start >= end:
        raise FormatError(
            f"start {first!r} and end {last!r} in columns 2 and 3; "
            "expected whole numbers with 0 <= start < end (0-based, half-open)",
            where,
            number,
        )
    if strand not in ("+", "-", "."):
        raise FormatError(f"strand {strand!r} in column 6; expected '+', '-' or '.'", where, number)
    if not chrom:
        raise FormatError("the chromosome in column 1 is empty; expected a name", where, number)
    if name in ("", "."):
        raise FormatError(
            f"the name in column 4 is {name!r}; expected a gene identifier", where, number
        )
    symbol = columns[6].strip() if len(columns) == 7 else ""
    gene_name = symbol if symbol not in ("", ".") else name
    return GeneRecord(name, gene_name, "", chrom, strand, start, end)


def _gene(record: GeneRecord) -> Gene:
    return Gene(record.gene_id, record.gene_name, record.chrom, record.five_prime, record.strand)
