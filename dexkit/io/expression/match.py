"""Match the rows of an expression table to genes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError
from dexkit.genome import GeneTable
from dexkit.io.expression.table import ExpressionTable, first_of, some

# Ensembl stable identifiers only: in other names (MSTRG.12, RP11-34P13.7) the number behind the
# dot tells genes apart. GENCODE puts _PAR_Y behind the version; it is part of the identity.
_VERSION = re.compile(r"(ENS[A-Z]*\d{6,})\.\d+(_PAR_Y)?")
_VERSIONLESS = "gene_id without version"


@dataclass(frozen=True)
class MatchedExpression:
    """Expression values in the order of the genes.

    Parameters
    ----------
    values : ndarray of shape (n_genes, n_samples), dtype float64
        NaN where the table has no row for the gene, an ambiguous one, or a missing value.
    matched_by : str
        ``"gene_id"``, ``"gene_id without version"`` or ``"gene_name"``.
    n_matched : int
        Genes that a row was found for (its values may be missing).
    unmatched_rows : list of str
        First column of the rows that belong to no gene, in file order.
    ambiguous : list of str
        Keys that were left out: rows that repeat with different values, and names that stand for
        several genes; in order of first appearance in the table.
    repeated : list of str
        Keys of rows that repeat with equal values; they were taken once.
    shared : list of str
        Those of ``ambiguous`` that stand for several genes.
    other_versions : list of (str, str)
        Identifier in the table and in the annotation, where a gene was matched and they differ in
        their version.
    """

    values: npt.NDArray[np.float64]
    matched_by: str
    n_matched: int
    unmatched_rows: list[str]
    ambiguous: list[str]
    repeated: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    other_versions: list[tuple[str, str]] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Return one sentence each on repeats, on what is ambiguous, and on versions."""
        shared = set(self.shared)
        clashing = [key for key in self.ambiguous if key not in shared]
        told = (
            ("names that repeat with equal values, taken once", map(repr, self.repeated)),
            ("names that repeat with different values, left without a value", map(repr, clashing)),
            ("names that stand for several genes, left without a value", map(repr, self.shared)),
            (
                "identifiers whose version differs from the annotation's",
                (f"{there!r} for {here!r}" for there, here in self.other_versions),
            ),
        )
        listed = ((what, list(keys)) for what, keys in told)
        return [f"{what}: {len(keys):,} ({first_of(keys)})" for what, keys in listed if keys]


def strip_version(gene_id: str) -> str:
    """Return an Ensembl identifier without its version; any other name as it is.

    Examples
    --------
    >>> strip_version("ENSG00000182378.15_PAR_Y"), strip_version("RP11-34P13.7")
    ('ENSG00000182378_PAR_Y', 'RP11-34P13.7')
    """
    match = _VERSION.fullmatch(gene_id)
    return gene_id if match is None else match[1] + (match[2] or "")


def match_expression(genes: GeneTable, table: ExpressionTable) -> MatchedExpression:
    """Match table rows to genes by identifier, version-less identifier or name.

    The way that matches most genes is taken for the whole table (on a tie the first of the three).
    A key that is not unique is never guessed at: see ``MatchedExpression.ambiguous``.

    Parameters
    ----------
    genes : GeneTable
        Genes, n_genes of them.
    table : ExpressionTable
        As read.

    Returns
    -------
    MatchedExpression
        Values a gene, and what could not be matched.

    Raises
    ------
    InputError
        When not a single gene is matched.
    """
    ids, names = list(genes.gene_id), list(genes.gene_name)
    ways: list[tuple[str, list[str], Sequence[str]]] = [
        ("gene_id", ids, table.ids),
        (
            _VERSIONLESS,
            [strip_version(i) for i in ids],
            [strip_version(i) for i in table.ids],
        ),
        ("gene_name", names, table.ids),
    ]
    if table.names is not None:
        ways.append(("gene_name", names, table.names))
    found = [_match(how, gene_keys, row_keys, ids, table) for how, gene_keys, row_keys in ways]
    best = max(found, key=lambda m: m.n_matched)  # max keeps the first of equals
    if best.n_matched == 0:
        clashes = max((m.ambiguous for m in found), key=len)
        why = f" ({len(clashes)} names are ambiguous: {some(clashes)})" if clashes else ""
        raise InputError(
            f"{table.path}: not a single gene of the annotation is in the table{why}; got "
            f"{some(table.ids)}; expected gene ids such as {some(ids)} or gene names such as "
            f"{some(names)}; check that the table and the annotation use the same identifiers"
            f"{_with_notes(table)}"
        )
    return best


def _with_notes(table: ExpressionTable) -> str:
    return "".join(f"; {note}" for note in table.notes)


def _match(
    how: str,
    gene_keys: Sequence[str],
    row_keys: Sequence[str],
    gene_ids: Sequence[str],
    table: ExpressionTable,
) -> MatchedExpression:
    genes_of: dict[str, list[int]] = {}
    for i, key in enumerate(gene_keys):
        genes_of.setdefault(key, []).append(i)
    rows_of: dict[str, list[int]] = {}
    for i, key in enumerate(row_keys):
        rows_of.setdefault(key, []).append(i)

    values = np.full((len(gene_keys), len(table.samples)), np.nan)
    ambiguous: list[str] = []
    repeated: list[str] = []
    shared: list[str] = []
    other_versions: list[tuple[str, str]] = []
    n_matched = 0
    for key, rows in rows_of.items():
        targets = genes_of.get(key)
        if targets is None:
            continue
        same = all(
            np.array_equal(table.values[rows[0]], table.values[i], equal_nan=True) for i in rows[1:]
        )
        if len(targets) > 1 or not same:
            ambiguous.append(key)
            shared += [key] if len(targets) > 1 else []
            continue
        if len(rows) > 1:
            repeated.append(key)
        values[targets[0]] = table.values[rows[0]]
        n_matched += 1
        if how == _VERSIONLESS and table.ids[rows[0]] != gene_ids[targets[0]]:
            other_versions.append((table.ids[rows[0]], gene_ids[targets[0]]))
    unmatched = [name for name, key in zip(table.ids, row_keys, strict=True) if key not in genes_of]
    return MatchedExpression(
        values, how, n_matched, unmatched, ambiguous, repeated, shared, other_versions
    )
