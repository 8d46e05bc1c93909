"""Read an expression file; which program wrote it is told by its content."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.io.expression.featurecounts import is_featurecounts, read_featurecounts
from dexkit.io.expression.plain import read_plain
from dexkit.io.expression.quantifiers import quantifier_of, read_quantifier
from dexkit.io.expression.rows import open_rows
from dexkit.io.expression.star import is_star, read_star
from dexkit.io.expression.table import MEASURES, ExpressionTable


def read_expression(
    path: str | os.PathLike[str],
    sample: str | None = None,
    measure: str | None = None,
    gene_of_transcript: Mapping[str, str] | None = None,
) -> ExpressionTable:
    """Read an expression file, plain or gzip.

    The tables of featureCounts, STAR (ReadsPerGene.out.tab), RSEM (genes.results,
    isoforms.results), Salmon (quant.sf, quant.genes.sf) and kallisto (abundance.tsv) are told by
    their header or first line. Anything else is a plain table: columns separated by tabs, else
    commas, else blanks, whichever the first line has; leading lines that start with ``#`` are
    comments. It has a header, a first column of gene identifiers, optionally a second column of
    gene names (known by its header, or by holding no number), and one column a sample. A header
    that lacks the name of the first column, as R writes it, is understood. A file of two columns
    may do without a header.

    Parameters
    ----------
    path : str or path-like
        The file.
    sample : str, optional
        Name for the values of a plain table without a header; not used otherwise.
    measure : {"counts", "tpm", "fpkm"}, optional
        Which measure to take of a program's table (counts when not given); what the values of a
        plain table are (unstated when not given).
    gene_of_transcript : mapping of str to str, optional
        Gene id by transcript id, to sum rows of transcripts to genes.

    Returns
    -------
    ExpressionTable
        Values by gene.

    Raises
    ------
    ConfigError
        When the measure is unknown.
    InputError
        When the file cannot be opened, has not the measure, has no header and ``sample`` is not
        given, or its transcripts are not known.
    FormatError
        When a row has the wrong number of columns, a value is negative, infinite or no number,
        a column name repeats, or there is no gene or no sample in it.
    """
    if measure is not None and measure not in MEASURES:
        raise ConfigError(f"unknown measure {measure!r}; {did_you_mean(measure, MEASURES)}")
    rows = open_rows(path)
    wanted = measure or "counts"
    quantifier = quantifier_of(rows)
    if quantifier is not None:
        _check_measure(wanted, tuple(quantifier.measures), quantifier.name, rows.path)
        return read_quantifier(rows, quantifier, wanted, gene_of_transcript or {})
    if is_featurecounts(rows):
        return read_featurecounts(rows, wanted)
    if is_star(rows):
        _check_measure(wanted, ("counts",), "STAR ReadsPerGene", rows.path)
        return read_star(rows)
    return read_plain(rows, sample, measure)


def _check_measure(wanted: str, there: tuple[str, ...], name: str, where: str) -> None:
    if wanted not in there:
        raise InputError(
            f"{where}: the file ({name}) has no {wanted}; expected --measure {' or '.join(there)}"
        )
