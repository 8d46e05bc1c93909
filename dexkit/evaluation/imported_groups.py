"""Related genes as another program found them: groups or pairs, as hashFrag writes them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError
from dexkit.io.text import read_lines

#: hashFrag searches both strands by adding the reverse complement under this name.
_REVERSED = "_Reversed"
_GROUPS = "table of groups (gene id, tab, group)"
_PAIRS = "table of pairs (gene id, tab, gene id, and a score where there is one)"


@dataclass(frozen=True)
class ImportedLinks:
    """Links between genes out of a table.

    Parameters
    ----------
    first, second : ndarray of shape (n_links,), dtype intp
        Rows of linked genes.
    n_unknown : int
        Different names in the table that are no gene of the feature file.
    """

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    n_unknown: int


def read_groups(path: Path, gene_ids: Sequence[str]) -> ImportedLinks:
    """Read ``identify_homologous_groups`` output of hashFrag, or any table like it.

    Parameters
    ----------
    path : Path
        Tab-separated, plain or gzip: gene id, group. ``ENSG…_Reversed`` stands for ``ENSG…``.
        ``#`` lines are comments. Genes that it does not list are related to none.
    gene_ids : sequence of str
        Genes of the feature file.

    Returns
    -------
    ImportedLinks
        The genes of each group, linked in a chain.

    Raises
    ------
    InputError
        When the file cannot be read.
    FormatError
        When a line has not two columns, or no gene of the file is listed.
    """
    rows, unknown = _Rows(gene_ids), set()
    last: dict[str, int] = {}
    links: list[tuple[int, int]] = []
    n_known = 0
    for line, fields in _fields(path, _GROUPS, (2,)):
        row = rows.find(fields[0])
        if not fields[1]:
            raise FormatError(f"gene {fields[0]!r} has no group; expected a {_GROUPS}", *line)
        if row is None:
            unknown.add(fields[0])
            continue
        n_known += 1
        if fields[1] in last:
            links.append((last[fields[1]], row))
        last[fields[1]] = row
    return _links(path, links, n_known, unknown)


def read_pairs(
    path: Path, gene_ids: Sequence[str], min_score: float | None = None
) -> ImportedLinks:
    """Read pairs of homologous genes, as hashFrag's table of ``id_i``, ``id_j`` and ``score``.

    Parameters
    ----------
    path : Path
        Tab-separated, plain or gzip, without a header: two gene ids and, in a third column that
        may be missing, the score of their alignment. ``ENSG…_Reversed`` stands for ``ENSG…``.
    gene_ids : sequence of str
        Genes of the feature file.
    min_score : float, optional
        Pairs of a lower score are not homologous.

    Returns
    -------
    ImportedLinks
        One a pair.

    Raises
    ------
    InputError
        When the file cannot be read.
    FormatError
        When a line has neither two nor three columns, a score is no number or missing where one
        is asked for, or no gene of the file is listed.
    """
    rows, unknown = _Rows(gene_ids), set()
    links: list[tuple[int, int]] = []
    n_known = 0
    for line, fields in _fields(path, _PAIRS, (2, 3)):
        score = _score(fields, line, min_score)
        found = [rows.find(name) for name in fields[:2]]
        unknown |= {name for name, row in zip(fields, found, strict=False) if row is None}
        n_known += sum(row is not None for row in found)
        first, second = found
        if first is None or second is None or (min_score is not None and score < min_score):
            continue
        links.append((first, second))
    return _links(path, links, n_known, unknown)


class _Rows:
    """Rows of genes by name, the names of reversed sequences included."""

    def __init__(self, gene_ids: Sequence[str]) -> None:
        self._row = {str(gene): row for row, gene in enumerate(gene_ids)}

    def find(self, name: str) -> int | None:
        found = self._row.get(name)
        return self._row.get(name.removesuffix(_REVERSED)) if found is None else found


def _fields(
    path: Path, what: str, n_columns: tuple[int, ...]
) -> Iterator[tuple[tuple[str, int], list[str]]]:
    """Yield ``((path, line), fields)`` of every line that is no comment."""
    for number, line in read_lines(path, what):
        if not line or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) not in n_columns:
            raise FormatError(
                f"the line has {len(fields)} columns; expected a {what}", str(path), number
            )
        yield (str(path), number), fields


def _score(fields: list[str], line: tuple[str, int], min_score: float | None) -> float:
    if len(fields) < 3:
        if min_score is not None:
            raise FormatError("the pair has no score, which --min-score compares", *line)
        return math.nan
    try:
        score = float(fields[2])
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise FormatError(f"the score must be a number; got {fields[2]!r}", *line)
    return score


def _links(
    path: Path, links: list[tuple[int, int]], n_known: int, unknown: set[str]
) -> ImportedLinks:
    if not n_known:
        example = f", such as {min(unknown)!r}," if unknown else ""
        raise FormatError(
            f"none of its {len(unknown)} names{example} is a gene id of the feature file; expected "
            "the gene ids that build-features was given",
            str(path),
        )
    table = np.array(links, dtype=np.intp).reshape(-1, 2)
    return ImportedLinks(table[:, 0], table[:, 1], len(unknown))
