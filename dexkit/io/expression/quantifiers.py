"""Read the tables of RSEM, Salmon and kallisto; rows of transcripts are summed to genes."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError, InputError
from dexkit.io.expression.match import strip_version
from dexkit.io.expression.rows import Rows
from dexkit.io.expression.table import ExpressionTable, parse_value, some


@dataclass(frozen=True)
class Quantifier:
    """A table that a program writes for one sample.

    Parameters
    ----------
    name : str
        Program and file, in words.
    header : tuple of str
        Its first columns; more may follow. The first column identifies the row.
    measures : mapping of str to str
        Column by measure.
    rows_are : {"genes", "transcripts", "either"}
        What a row stands for; ``"either"`` is decided by the annotation.
    """

    name: str
    header: tuple[str, ...]
    measures: Mapping[str, str]
    rows_are: Literal["genes", "transcripts", "either"]


_RSEM = {"counts": "expected_count", "tpm": "TPM", "fpkm": "FPKM"}
_RSEM_HEADER = ("length", "effective_length", "expected_count", "TPM", "FPKM")
QUANTIFIERS = (
    Quantifier(
        "RSEM genes.results", ("gene_id", "transcript_id(s)", *_RSEM_HEADER), _RSEM, "genes"
    ),
    Quantifier(
        "RSEM isoforms.results", ("transcript_id", "gene_id", *_RSEM_HEADER), _RSEM, "transcripts"
    ),
    # quant.sf and quant.genes.sf have the same header.
    Quantifier(
        "Salmon quant",
        ("Name", "Length", "EffectiveLength", "TPM", "NumReads"),
        {"counts": "NumReads", "tpm": "TPM"},
        "either",
    ),
    Quantifier(
        "kallisto abundance",
        ("target_id", "length", "eff_length", "est_counts", "tpm"),
        {"counts": "est_counts", "tpm": "tpm"},
        "transcripts",
    ),
)
"""The tables that are told by their header."""


def quantifier_of(rows: Rows) -> Quantifier | None:
    """Return the program whose header the file has; None when it is no such file."""
    header = tuple(rows.first[1])
    return next((q for q in QUANTIFIERS if header[: len(q.header)] == q.header), None)


def read_quantifier(
    rows: Rows, quantifier: Quantifier, measure: str, gene_of_transcript: Mapping[str, str]
) -> ExpressionTable:
    """Read one measure of a quantifier's table, by gene.

    Parameters
    ----------
    rows : Rows
        The file.
    quantifier : Quantifier
        What it is.
    measure : str
        A key of ``quantifier.measures``.
    gene_of_transcript : mapping of str to str
        Gene id by transcript id, as in the annotation. Identifiers are compared as they are or
        without version, whichever finds more; of a name with ``|`` (FASTA headers of GENCODE) the
        part before the first one is used.

    Returns
    -------
    ExpressionTable
        Rows of transcripts are summed to the genes of the annotation; ``notes`` counts and names
        the transcripts that it lacks.

    Raises
    ------
    InputError
        When the rows are transcripts and the annotation has none, or none of these.
    FormatError
        When a row has the wrong number of columns or repeats, or a value is bad.
    """
    where = rows.path
    _line, header = rows.first
    column = quantifier.measures[measure]
    at = header.index(column)
    keys: dict[str, None] = {}
    values = array("d")
    for number, fields in rows.checked(len(header)):
        key = fields[0].split("|", 1)[0]
        if key in keys:
            raise FormatError(f"{key!r} occurs twice; expected one row of it", where, number)
        keys[key] = None
        values.append(parse_value(fields[at], column, key, where, number))
    ids, notes = list(keys), []
    column_values = np.array(values, dtype=np.float64)
    if quantifier.rows_are != "genes":
        genes, how = _owners(ids, gene_of_transcript)
        found = [gene is not None for gene in genes]
        if any(found):
            notes = [_summed(ids, genes, column_values, measure, how)]
            ids, column_values = _sum(genes, column_values)
        elif quantifier.rows_are == "transcripts":
            raise InputError(_no_transcript(where, ids, gene_of_transcript))
        elif not gene_of_transcript:
            notes = ["rows are taken for genes: no annotation of transcripts is given (--gtf)"]
    return ExpressionTable(
        ids,
        None,
        [column],
        column_values[:, None],
        where,
        format=quantifier.name,
        measure=measure,
        default=0,
        notes=tuple(notes),
    )


def _owners(
    transcripts: list[str], gene_of_transcript: Mapping[str, str]
) -> tuple[list[str | None], str]:
    """Return the gene of each transcript, None where there is none, and how ids were compared."""
    exact = [gene_of_transcript.get(t) for t in transcripts]
    bare: dict[str, str | None] = {}
    for transcript, gene in gene_of_transcript.items():
        # Versions of one transcript that stand in two genes tell nothing.
        key = strip_version(transcript)
        bare[key] = gene if bare.get(key, gene) == gene else None
    stripped = [bare.get(strip_version(t)) for t in transcripts]
    if sum(g is not None for g in stripped) > sum(g is not None for g in exact):
        return stripped, " (identifiers compared without version)"
    return exact, ""


def _sum(
    genes: list[str | None], values: npt.NDArray[np.float64]
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Sum the values by gene, in order of first appearance; a missing value makes the sum NaN."""
    index: dict[str, int] = {}
    rows = [-1 if gene is None else index.setdefault(gene, len(index)) for gene in genes]
    at = np.array(rows, dtype=np.intp)
    sums = np.bincount(at[at >= 0], weights=values[at >= 0], minlength=len(index))
    return list(index), sums.astype(np.float64)


def _summed(
    transcripts: list[str],
    genes: list[str | None],
    values: npt.NDArray[np.float64],
    measure: str,
    how: str,
) -> str:
    lacking = [t for t, gene in zip(transcripts, genes, strict=True) if gene is None]
    n_genes = len({gene for gene in genes if gene is not None})
    text = (
        f"{len(transcripts) - len(lacking):,} of {len(transcripts):,} transcripts summed to "
        f"{n_genes:,} genes{how}"
    )
    if lacking:
        total = float(np.nansum(values))
        lost = float(np.nansum(values[[gene is None for gene in genes]]))
        share = f" with {lost / total:.1%} of the {measure}" if total else ""
        text += f"; {len(lacking):,}{share} are not in the annotation: {some(lacking)}"
    return text


def _no_transcript(where: str, ids: list[str], gene_of_transcript: Mapping[str, str]) -> str:
    if not gene_of_transcript:
        return (
            f"{where}: its rows are transcripts, and there is no annotation of transcripts to tell "
            "their genes; give a GTF with transcript or exon lines (--gtf), or expression by gene"
        )
    return (
        f"{where}: not a single transcript of the table is in the annotation; got {some(ids)}; "
        f"expected transcript ids such as {some(list(gene_of_transcript))}; check that both come "
        "from the same source"
    )
