"""Expression values as a file gives them, and how one value is read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError, InputError, did_you_mean

Measure = Literal["counts", "tpm", "fpkm"]
MEASURES: tuple[str, ...] = get_args(Measure)
UNSTATED = "unstated"
"""Measure of a plain table when nobody says what its values are."""

_MISSING = frozenset({"", ".", "na", "nan", "n/a", "null", "none"})
_INFINITE = ("inf", "infinity")
#: Names that a sentence gives before it breaks off.
_MOST_NAMED = 3
# float() also takes underscores, "infinity" and non-ASCII digits; a table must not.
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class ExpressionTable:
    """Expression values as they are in the file.

    Parameters
    ----------
    ids : list of str
        Gene identifier of each row; repeats are kept.
    names : list of str or None
        Gene name of each row, when the file has a column of them.
    samples : list of str
        Names of the value columns.
    values : ndarray of shape (n_rows, n_samples), dtype float64
        Non-negative, in the unit of ``measure``; NaN where the file has none (NA, NaN, ``.``,
        empty).
    path : str
        The file.
    format : str
        What the file is, in words: ``"table"``, ``"featureCounts"``, ``"STAR ReadsPerGene"`` …
    measure : str
        ``"counts"``, ``"tpm"``, ``"fpkm"`` or ``"unstated"``.
    default : int or None
        Column to take when none is named. Such a file holds a single sample and does not name it.
    other_names : mapping of str to int
        Further names of columns that :meth:`column` understands: the paths that ``samples`` were
        shortened from.
    notes : tuple of str
        Sentences that a user should see.
    """

    ids: list[str]
    names: list[str] | None
    samples: list[str]
    values: npt.NDArray[np.float64]
    path: str
    format: str = "table"
    measure: str = UNSTATED
    default: int | None = None
    other_names: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def column(self, sample: str, column: str | None = None) -> int:
        """Return which column holds the values of a sample.

        Parameters
        ----------
        sample : str
            Sample name; its column bears the same name, or is the default or the only one.
        column : str, optional
            Column name given by the user; it must exist then.

        Returns
        -------
        int
            Index into ``samples``.

        Raises
        ------
        InputError
            When there is no such column.
        """
        if column is None and self.default is not None:
            return self.default
        wanted = sample if column is None else column
        if wanted in self.samples:
            return self.samples.index(wanted)
        if wanted in self.other_names:
            return self.other_names[wanted]
        if column is None and len(self.samples) == 1:
            return 0
        raise InputError(
            f"{self.path}: no expression column {wanted!r}"
            f"{f' for sample {sample!r}' if column is not None else ''}; "
            f"{did_you_mean(wanted, self.samples)}"
        )

    def columns(self) -> dict[str, int]:
        """Return every sample that the file names, with its column.

        Returns
        -------
        dict of str to int
            Index into ``samples`` by name.

        Raises
        ------
        InputError
            When the file holds a single sample and does not name it.
        """
        if self.default is not None:
            raise InputError(
                f"{self.path}: the file ({self.format}) does not name its sample; say which it is "
                "with --expression SAMPLE=FILE"
            )
        return {sample: i for i, sample in enumerate(self.samples)}


def is_missing(text: str) -> bool:
    """Whether a field stands for a missing value."""
    return text.lower() in _MISSING


def looks_numeric(text: str) -> bool:
    """Whether a field is written as a number; infinity is one that is refused later."""
    return _NUMBER.fullmatch(text) is not None or text.lower().lstrip("+-") in _INFINITE


def parse_value(text: str, column: str, gene: str, path: str, line: int) -> float:
    """Return a count, TPM or FPKM; NaN where it is missing.

    Parameters
    ----------
    text : str
        The field.
    column, gene, path : str
        Where it stands, for the message.
    line : int
        1-based line number.

    Returns
    -------
    float
        Finite and not negative, or NaN.

    Raises
    ------
    FormatError
        When it is negative, infinite, or neither a number nor a missing value.
    """
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value) and value >= 0:
            return value
    elif text.lower() in _MISSING:
        return math.nan
    else:
        value = math.inf if text.lower().lstrip("+-") in _INFINITE else math.nan
    if math.isinf(value):
        problem = "is infinite"
    elif value < 0:
        problem = "is negative"
    else:
        problem = "is no number"
    raise FormatError(
        f"value {text!r} of gene {gene!r}, column {column!r}, {problem}; expected a count, TPM or "
        "RPKM >= 0, or NA (undo a logarithm first)",
        path,
        line,
    )


def some(names: Sequence[str]) -> str:
    """Return the first names of a list, quoted, for a sentence."""
    return first_of([repr(name) for name in names])


def first_of(texts: Sequence[str]) -> str:
    """Return the first texts of a list for a sentence, and ``…`` when there are more."""
    return ", ".join(texts[:_MOST_NAMED]) + (", …" if len(texts) > _MOST_NAMED else "")
