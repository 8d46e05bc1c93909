"""Read the gene counts of featureCounts (Subread)."""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import chain, islice
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError
from dexkit.io.expression.plain import NAME_HEADERS, check_samples, is_name_column
from dexkit.io.expression.rows import Row, Rows, check_row
from dexkit.io.expression.table import ExpressionTable, parse_value

FEATURECOUNTS_COLUMNS = ("Geneid", "Chr", "Start", "End", "Strand", "Length")
"""First columns of every featureCounts table; one column a BAM follows."""

_LENGTH = FEATURECOUNTS_COLUMNS.index("Length")
_ALIGNMENT_SUFFIXES = (".bam", ".sam", ".cram")
#: Rows that decide which columns behind Length are attributes (``--extraAttributes``).
_N_HEAD_ROWS = 1000


def is_featurecounts(rows: Rows) -> bool:
    """Whether the header is that of featureCounts; its ``# Program:`` line may be gone."""
    return tuple(rows.first[1][: len(FEATURECOUNTS_COLUMNS)]) == FEATURECOUNTS_COLUMNS


def read_featurecounts(rows: Rows, measure: str) -> ExpressionTable:
    """Read counts, or TPM and FPKM computed from them and the column ``Length``.

    Parameters
    ----------
    rows : Rows
        The file.
    measure : {"counts", "tpm", "fpkm"}
        FPKM is ``count * 1e9 / (Length * sum of counts)``, TPM ``1e6 * (count / Length) / sum of
        (count / Length)``, over all rows of the file, whose ``Length`` is in base pairs (Wagner,
        Kin and Lynch 2012, *Theory in Biosciences* 131:281).

    Returns
    -------
    ExpressionTable
        One sample a BAM, named as the file without folder and suffix; where two names would be
        the same, both keep their whole path. Columns of ``--extraAttributes`` are told by holding
        no numbers; one of gene names is used, the others are not.

    Raises
    ------
    FormatError
        When a row has the wrong number of columns, a gene repeats (counts of single exons, option
        ``-f``), a length or a value is bad, or there is no sample.
    """
    where = rows.path
    first_line, header = rows.first
    head = list(islice(rows.rest, _N_HEAD_ROWS))
    start = _LENGTH + 1
    names_at = None
    while start < len(header) and is_name_column(
        header[start], [fields[start] for _n, fields in head if len(fields) > start]
    ):
        if header[start].lower() in NAME_HEADERS and names_at is None:
            names_at = start
        start += 1
    paths = header[start:]
    check_samples(paths, where, first_line)

    ids: dict[str, None] = {}
    names: list[str] = []
    lengths, values = array("d"), array("d")
    for number, fields in chain[Row](head, rows.rest):
        check_row(fields, len(header), where, number)
        gene = fields[0]
        if gene in ids:
            raise FormatError(
                f"gene {gene!r} occurs twice; expected counts by gene (featureCounts without -f)",
                where,
                number,
            )
        ids[gene] = None
        names += [] if names_at is None else [fields[names_at]]
        lengths.append(_length(fields[_LENGTH], gene, where, number))
        values.extend(
            parse_value(field, path, gene, where, number)
            for path, field in zip(paths, fields[start:], strict=True)
        )
    if not ids:
        raise FormatError("the table has a header and no genes; expected rows", where)
    counts = np.array(values, dtype=np.float64).reshape(len(ids), len(paths))
    return ExpressionTable(
        list(ids),
        None if names_at is None else names,
        _sample_names(paths),
        _in_measure(counts, np.array(lengths, dtype=np.float64), measure),
        where,
        format="featureCounts",
        measure=measure,
        other_names={path: i for i, path in enumerate(paths)},
    )


def _length(text: str, gene: str, where: str, number: int) -> float:
    length = parse_value(text, "Length", gene, where, number)
    if not length > 0:
        raise FormatError(
            f"Length of gene {gene!r} is {text!r}; expected base pairs above 0", where, number
        )
    return length


def _sample_names(paths: list[str]) -> list[str]:
    """Strip folder and suffix; names that would be the same keep their path."""
    short = []
    for path in paths:
        name = PurePosixPath(path).name
        suffix = next((s for s in _ALIGNMENT_SUFFIXES if name.lower().endswith(s)), "")
        short.append(name[: len(name) - len(suffix)] or path)
    n = Counter(short)
    return [name if n[name] == 1 else path for name, path in zip(short, paths, strict=True)]


def _in_measure(
    counts: npt.NDArray[np.float64], lengths_bp: npt.NDArray[np.float64], measure: str
) -> npt.NDArray[np.float64]:
    if measure == "counts":
        return counts
    rate = counts / lengths_bp[:, None]
    total, scale = (rate, 1e6) if measure == "tpm" else (counts, 1e9)
    sums = np.nansum(total, axis=0)
    # A sample without a single read has 0 everywhere, not 0 / 0.
    return rate * (scale / np.where(sums > 0, sums, 1.0))
