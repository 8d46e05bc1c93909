"""Give genes that are known by their symbol a place in the genome, and a unique identifier."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError
from dexkit.genome import Gene, GeneTable, Genome
from dexkit.io.annotation import Annotation
from dexkit.io.expression.table import some

logger = logging.getLogger("dexkit")

UNPLACED = "unplaced"
"""Chromosome of the genes whose coordinates are not known."""


def place_genes(
    symbols: Sequence[str], annotation: Annotation | None
) -> tuple[GeneTable, npt.NDArray[np.intp], Genome]:
    """Place genes by their symbol and sort them as a feature file wants it.

    Parameters
    ----------
    symbols : sequence of str
        Symbol of each row; the second and later rows of a symbol are named ``SYMBOL#2`` ….
    annotation : Annotation or None
        Genes by name. A symbol that is no gene name, or that of several genes, is not placed; all
        are not without an annotation.

    Returns
    -------
    genes : GeneTable
        Sorted by chromosome in the annotation's order, TSS and gene id. Genes that are not placed
        come last, on :data:`UNPLACED`, at the number of their row (0-based), on the plus strand.
    order : ndarray of shape (n_genes,), dtype intp
        Row of each of ``genes``.
    genome : Genome
        Chromosomes with a gene. Their lengths are not known: the end of the annotation's last TSS
        is given, a lower bound; for ``unplaced`` the number of rows.

    Raises
    ------
    InputError
        When there is an annotation and not a single symbol is placed.
    """
    places = {} if annotation is None else _places(symbols, annotation)
    used = {gene.chrom for gene in places.values()}
    lengths: dict[str, int] = {}
    for gene in () if annotation is None else annotation.genes:
        if gene.chrom in used:
            lengths[gene.chrom] = max(lengths.get(gene.chrom, 0), gene.tss + 1)
    if len(places) < len(set(symbols)):
        lengths[UNPLACED] = len(symbols)
    genes = []
    for row, (gene_id, symbol) in enumerate(zip(_unique(symbols), symbols, strict=True)):
        place = places.get(symbol)
        if place is None:
            genes.append(Gene(gene_id, symbol, UNPLACED, row, "+"))
        else:
            genes.append(Gene(gene_id, symbol, place.chrom, place.tss, place.strand))
    at = {chrom: i for i, chrom in enumerate(lengths)}
    order = sorted(
        range(len(genes)), key=lambda i: (at[genes[i].chrom], genes[i].tss, genes[i].gene_id)
    )
    table = GeneTable.from_genes(genes[i] for i in order)
    return table, np.array(order, dtype=np.intp), Genome(lengths)


def _places(symbols: Sequence[str], annotation: Annotation) -> dict[str, Gene]:
    """Return the gene of each symbol that stands for a single one, and say what is not placed."""
    named: dict[str, list[Gene]] = {}
    for gene in annotation.genes:
        named.setdefault(gene.gene_name, []).append(gene)
    wanted = list(dict.fromkeys(symbols))
    places = {s: named[s][0] for s in wanted if len(named.get(s, ())) == 1}
    if not places:
        raise InputError(
            f"{annotation.path}: not a single symbol of the arrays is the name of one gene; got "
            f"{some(wanted)}; expected gene names such as {some(list(named))}; give the annotation "
            "of the same species"
        )
    lacking = [s for s in wanted if s not in named]
    shared = [s for s in wanted if len(named.get(s, ())) > 1]
    for left, problem in ((lacking, "not in the annotation"), (shared, "of several genes in it")):
        if left:
            logger.info(
                "symbols %s, put on the chromosome %r: %s (%s)",
                problem,
                UNPLACED,
                f"{len(left):,}",
                some(left),
            )
    return places


def _unique(symbols: Sequence[str]) -> list[str]:
    """Return an identifier a row, numbered where a symbol repeats; no number makes a symbol."""
    taken = set(symbols)
    seen: Counter[str] = Counter()
    ids = []
    for symbol in symbols:
        seen[symbol] += 1
        name = symbol
        if seen[symbol] > 1:
            while (name := f"{symbol}#{seen[symbol]}") in taken:
                seen[symbol] += 1
        ids.append(name)
    return ids
