"""Genes with one TSS each: read from a GTF by a stated rule, and filtered by gene type."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from dexkit.errors import ConfigError, FormatError, InputError, did_you_mean
from dexkit.genome import Gene
from dexkit.io.gtf import read_gtf_records
from dexkit.io.loci import GeneRecord, TranscriptRecord, choose_locus

TssRule = Literal["gene", "canonical", "longest"]
TSS_RULES: tuple[str, ...] = get_args(TssRule)

CANONICAL_TAGS = ("MANE_Select", "Ensembl_canonical", "RefSeq_Select")
"""GTF ``tag`` values that mark the one transcript standing for a gene, the strongest first.

GENCODE and Ensembl write ``MANE_Select`` and ``Ensembl_canonical``; NCBI writes ``MANE Select`` and
``RefSeq Select``, so a blank is taken for an underscore. ``MANE_Plus_Clinical`` marks a further
transcript of a gene and does not stand for it.
"""

#: Gene types that a message lists before it breaks off.
_MOST_TYPES = 12


@dataclass(frozen=True)
class Annotation:
    """Genes of an annotation, each with the TSS that stands for it.

    Parameters
    ----------
    genes : list of Gene
        In file order, with the annotation's own chromosome names; TSS 0-based.
    excluded : list of (Gene, str)
        Genes left out and why, in file order. The TSS of such a gene is that of the line that
        was met and may be meaningless; the reason says so.
    tss_rule : str
        ``"gene"``, ``"canonical"`` or ``"longest"``.
    gene_type : mapping of str to str
        ``gene_type`` or ``gene_biotype`` by gene id, for the kept genes that have one.
    notes : list of str
        Sentences that a user should see: tags used, fall-backs and derived genes, with their
        number.
    path : str
        The file.
    gene_of_transcript : mapping of str to str
        Gene id by transcript id; transcripts that stand at several genes are not in it.
    """

    genes: list[Gene]
    excluded: list[tuple[Gene, str]]
    tss_rule: str
    gene_type: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    path: str = ""
    gene_of_transcript: Mapping[str, str] = field(default_factory=dict)


def read_gtf(path: str | os.PathLike[str], tss_rule: str = "gene") -> Annotation:
    """Read genes and their TSS from a GTF file, plain or gzip.

    GTF positions are 1-based and closed; they become 0-based here. The TSS of a plus-strand
    feature is its first base (``start - 1``), that of a minus-strand feature its last
    (``end - 1``).

    Parameters
    ----------
    path : str or path-like
        The GTF. Lines of features other than gene, transcript and exon are checked for their
        columns and not used. Gene lines may be missing (then the gene spans its transcripts),
        and so may transcript lines (then the transcript spans its exons).
    tss_rule : {"gene", "canonical", "longest"}, optional
        Which TSS stands for a gene: the 5' end of the gene line, that is, its most upstream TSS;
        the 5' end of the transcript tagged as in :data:`CANONICAL_TAGS`; or the 5' end of the
        transcript with the largest summed exon length (on a tie the most upstream). A gene
        without such a transcript gets the 5' end of the gene; ``notes`` says how many did.

    Returns
    -------
    Annotation
        Kept genes, excluded genes with the reason, and notes.

    Raises
    ------
    ConfigError
        When the rule is unknown.
    InputError
        When the file cannot be opened.
    FormatError
        When a line breaks the format, the file is GFF3, or it holds no gene.
    """
    if tss_rule not in TSS_RULES:
        raise ConfigError(f"unknown TSS rule {tss_rule!r}; {did_you_mean(tss_rule, TSS_RULES)}")
    lines, transcripts = read_gtf_records(path)
    of_gene: dict[str, list[TranscriptRecord]] = {}
    for transcript in transcripts:
        of_gene.setdefault(transcript.gene_id, []).append(transcript)

    loci: dict[str, list[GeneRecord]] = {}
    for record in lines:
        loci.setdefault(record.gene_id, []).append(record)
    derived = [gene_id for gene_id in of_gene if gene_id not in loci]
    for gene_id in derived:
        loci[gene_id] = _derive(of_gene[gene_id])
    if not loci:
        raise FormatError(
            "no gene, transcript or exon line was found; expected a GTF annotation", str(path)
        )

    genes: list[Gene] = []
    excluded: list[tuple[Gene, str]] = []
    gene_type: dict[str, str] = {}
    placed_by: Counter[str] = Counter()
    n_fallback = 0
    for gene_id, records in loci.items():
        kept, reasons = choose_locus(records)
        excluded += [(_gene(r, r.five_prime), reason) for r, reason in reasons]
        if kept is None:
            continue
        tss = kept.five_prime
        if tss_rule != "gene":
            here = [
                t
                for t in of_gene.get(gene_id, [])
                if (t.chrom, t.strand) == (kept.chrom, kept.strand)
            ]
            if tss_rule == "canonical":
                chosen, tag = _canonical(here)
                placed_by.update([tag] if tag else [])
            else:
                chosen = _longest(here)
            n_fallback += chosen is None
            tss = tss if chosen is None else chosen.five_prime
        genes.append(_gene(kept, tss))
        if kept.gene_type:
            gene_type[gene_id] = kept.gene_type

    notes = []
    if derived:
        notes.append(
            f"{len(derived):,} of {len(loci):,} genes have no gene line; "
            "they span their transcripts"
        )
    if placed_by:
        counted_tags = ", ".join(f"{placed_by[t]:,} by {t}" for t in CANONICAL_TAGS if placed_by[t])
        notes.append(
            f"TSS rule 'canonical': genes placed by the tag of a transcript: {counted_tags}"
        )
    if n_fallback:
        lacking = "tagged transcript" if tss_rule == "canonical" else "transcript"
        notes.append(
            f"TSS rule {tss_rule!r}: {n_fallback:,} of {len(genes):,} genes have no {lacking}; "
            "the 5' end of the gene is used for them"
        )
    notes += left_out_notes(excluded)
    owners = _genes_of_transcripts(transcripts)
    return Annotation(genes, excluded, tss_rule, gene_type, notes, str(path), owners)


def left_out_notes(excluded: Sequence[tuple[Gene, str]]) -> list[str]:
    """Return one sentence that counts the genes left out by reason; none when there are none."""
    if not excluded:
        return []
    counted = Counter(reason for _gene_left_out, reason in excluded)
    listed = "; ".join(f"{n:,} x {reason}" for reason, n in counted.most_common())
    return [f"{len(excluded):,} annotated genes left out: {listed}"]


def keep_gene_types(annotation: Annotation, wanted: Sequence[str]) -> Annotation:
    """Keep the genes of some types; the others join the excluded ones.

    Parameters
    ----------
    annotation : Annotation
        As read.
    wanted : sequence of str
        Values of ``gene_type`` or ``gene_biotype``, such as ``protein_coding``; empty keeps all.

    Returns
    -------
    Annotation
        With the genes of other types, and those without a type, under ``excluded``.

    Raises
    ------
    InputError
        When the annotation has no gene types, or no gene of one that is wanted; the message
        counts the types that are there.
    """
    if not wanted:
        return annotation
    counted = Counter(annotation.gene_type.values())
    if not counted:
        raise InputError(
            f"{annotation.path}: no gene has a gene_type or gene_biotype; leave out --gene-type or "
            "give an annotation that has them"
        )
    missing = next((name for name in wanted if name not in counted), None)
    if missing is not None:
        there = [f"{name} ({n:,})" for name, n in counted.most_common(_MOST_TYPES)]
        more = len(counted) - len(there)
        raise InputError(
            f"{annotation.path}: no gene is of type {missing!r}; the types there are "
            f"{', '.join(there)}{f' and {more:,} more' if more else ''}"
        )
    other = f"of a gene type other than {' or '.join(dict.fromkeys(wanted))}"
    kept: list[Gene] = []
    out: list[tuple[Gene, str]] = []
    for gene in annotation.genes:
        found = annotation.gene_type.get(gene.gene_id)
        if found in wanted:
            kept.append(gene)
        else:
            out.append((gene, other if found else "without a gene type"))
    return replace(annotation, genes=kept, excluded=[*annotation.excluded, *out])


def _genes_of_transcripts(transcripts: Sequence[TranscriptRecord]) -> dict[str, str]:
    owners: dict[str, str] = {}
    shared: set[str] = set()
    for transcript in transcripts:
        if owners.setdefault(transcript.transcript_id, transcript.gene_id) != transcript.gene_id:
            shared.add(transcript.transcript_id)
    for transcript_id in shared:
        del owners[transcript_id]
    return owners


def _gene(record: GeneRecord, tss: int) -> Gene:
    return Gene(record.gene_id, record.gene_name, record.chrom, tss, record.strand)


def _derive(transcripts: list[TranscriptRecord]) -> list[GeneRecord]:
    """Make one gene record a chromosome and strand out of the transcripts of one gene."""
    places: dict[tuple[str, str], list[TranscriptRecord]] = {}
    for transcript in transcripts:
        places.setdefault((transcript.chrom, transcript.strand), []).append(transcript)
    return [
        GeneRecord(
            gene_id=group[0].gene_id,
            gene_name=group[0].gene_name,
            gene_type=group[0].gene_type,
            chrom=chrom,
            strand=strand,
            start=min(t.start for t in group),
            end=max(t.end for t in group),
        )
        for (chrom, strand), group in places.items()
    ]


def _canonical(transcripts: list[TranscriptRecord]) -> tuple[TranscriptRecord | None, str]:
    """Return the transcript with the strongest tag, and the tag."""
    for tag in CANONICAL_TAGS:
        tagged = [t for t in transcripts if tag in (name.replace(" ", "_") for name in t.tags)]
        if tagged:
            return min(tagged, key=_upstream), tag
    return None, ""


def _longest(transcripts: list[TranscriptRecord]) -> TranscriptRecord | None:
    return min(transcripts, key=lambda t: (-t.length_bp, _upstream(t)), default=None)


def _upstream(transcript: TranscriptRecord) -> int:
    """Sort key: smaller is further upstream on the transcript's strand."""
    return -transcript.five_prime if transcript.strand == "-" else transcript.five_prime
