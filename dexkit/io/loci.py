"""Genes and transcripts as an annotation places them, and which place stands for a gene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class GeneRecord:
    """A gene line, or the span of the transcripts of a gene that has none.

    Parameters
    ----------
    gene_id, gene_name, gene_type, chrom, strand : str
        ``gene_name`` is the id where the file gives none; ``gene_type`` may be empty.
    start, end : int
        0-based, half-open.
    """

    gene_id: str
    gene_name: str
    gene_type: str
    chrom: str
    strand: str
    start: int
    end: int

    @property
    def five_prime(self) -> int:
        """0-based position of the first transcribed base."""
        return self.end - 1 if self.strand == "-" else self.start


@dataclass(slots=True)
class TranscriptRecord(GeneRecord):
    """A transcript; its span is that of its exons when it has no line of its own.

    Parameters
    ----------
    transcript_id : str
        As in the annotation.
    tags : tuple of str
        Values of its ``tag`` attributes.
    exons_bp : int
        Summed exon length in base pairs; 0 when it has no exon lines.
    has_line : bool
        Whether a transcript line was met.
    """

    transcript_id: str = ""
    tags: tuple[str, ...] = ()
    exons_bp: int = 0
    has_line: bool = False

    @property
    def length_bp(self) -> int:
        """Summed exon length; the span where no exon lines are given."""
        return self.exons_bp or self.end - self.start


def choose_locus(
    records: Sequence[GeneRecord],
) -> tuple[GeneRecord | None, list[tuple[GeneRecord, str]]]:
    """Choose the record that stands for a gene id.

    Parameters
    ----------
    records : sequence of GeneRecord
        All records of one gene id, in file order.

    Returns
    -------
    chosen : GeneRecord or None
        The first record with a strand; None when there is none, or when the records stand at
        several TSS: no expression value could be told apart then.
    left_out : list of (GeneRecord, str)
        The other records, with the reason.
    """
    unstranded = "no strand, hence no TSS"
    reasons = [(r, unstranded) for r in records if r.strand not in "+-"]
    stranded = [r for r in records if r.strand in "+-"]
    if not stranded:
        return None, reasons
    places = {(r.chrom, r.strand, r.five_prime) for r in stranded}
    if len(places) > 1:
        reason = "the gene_id stands at several TSS"
        return None, reasons + [(r, reason) for r in stranded]
    reason = "repeats the gene_id and TSS of an earlier line"
    return stranded[0], reasons + [(r, reason) for r in stranded[1:]]
