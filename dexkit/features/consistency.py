"""What the arrays of a feature file may hold, alone and beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import dexkit_ext
from dexkit.errors import InputError
from dexkit.features.file import FeatureFile
from dexkit.features.schema import (
    CODES,
    KMERS,
    ONE_HOT,
    expression_path,
    observed_path,
    signal_path,
)

#: Code of a base other than A, C, G, T.
_UNKNOWN = 4
#: Genes, evenly spread, whose derived sequence blocks are computed again.
_SAMPLE = 64
#: Rows of contacts that are looked at together.
_ROWS = 1024
#: float32 has 24 bits; the stored logarithm is rounded to it from float64.
_FLOAT32_RTOL = 1e-6

#: Path, problem (empty: none), what was looked at.
Finding = tuple[str, str, str]


def value_problem(path: str, rows: npt.NDArray[Any]) -> tuple[int, str] | None:
    """Return the first value that an array may not hold.

    Parameters
    ----------
    path : str
        HDF5 path of the array.
    rows : ndarray
        Some of its rows.

    Returns
    -------
    tuple of (int, str) or None
        The row, counted from the first of ``rows``, and what it has; None when all is well.
    """
    if path == CODES:
        bad, what = rows > _UNKNOWN, "a base code above 4"
    elif path == ONE_HOT or (path.startswith("/contacts/") and path.endswith("/observed")):
        bad, what = rows > 1, "a value other than 0 and 1"
    elif rows.dtype.kind != "f":
        return None
    elif path.startswith("/expression/"):
        bad, what = np.isinf(rows), "an infinite expression"
    else:
        bad, what = ~np.isfinite(rows), "a value that is not finite (NaN or infinity)"
    if not bad.any():
        return None
    return int(np.argwhere(bad)[0][0]), what


def check_relations(features: FeatureFile) -> Iterator[Finding]:
    """Check the arrays against their attributes and against each other.

    Parameters
    ----------
    features : FeatureFile
        The file.

    Yields
    ------
    tuple of (str, str, str)
        HDF5 path; what is wrong, or nothing; what was looked at.
    """
    for path, check in ((CODES, _codes), (ONE_HOT, _one_hot), (KMERS, _kmers)):
        if path == CODES or features.has(path):
            yield _safely(path, check, features)
    for sample in features.contact_samples:
        yield _safely(signal_path(sample), _contacts, features, sample)
    for sample in features.expression_samples:
        yield _safely(expression_path(sample), _expression, features, sample)


def _safely(path: str, check: Callable[..., Finding], *args: Any) -> Finding:
    """Run a check; an array or attribute that it needs and does not find is its finding."""
    try:
        return check(*args)
    except InputError:
        return path, "the array is missing, or the one that belongs to it", ""
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return path, f"an attribute is missing or makes no sense: {error}", ""


def _codes(features: FeatureFile) -> Finding:
    codes = features.array(CODES)
    upstream_bp, downstream_bp, margin_bp = features.window_bp
    expected = upstream_bp + downstream_bp + 2 * margin_bp
    columns = codes.shape[1]
    problem = "" if columns == expected else f"{columns:,} columns; its attributes say {expected:,}"
    return CODES, problem, f"window {upstream_bp} + {downstream_bp} bp, margin {margin_bp} bp"


def _sampled(features: FeatureFile) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
    """Return some rows and their codes without margins."""
    n_genes = len(features)
    rows = np.unique(np.linspace(0, max(n_genes - 1, 0), min(_SAMPLE, n_genes)).astype(np.intp))
    _, _, margin_bp = features.window_bp
    codes = features.array(CODES)[rows]
    window = codes[:, margin_bp : codes.shape[1] - margin_bp]
    return rows, np.minimum(window, _UNKNOWN).astype(np.uint8, order="C")


def _compared(
    features: FeatureFile,
    path: str,
    rows: npt.NDArray[np.intp],
    expected: npt.NDArray[Any],
) -> Finding:
    stored = features.array(path)
    note = f"{len(rows)} genes computed again from {CODES}"
    if stored.shape[1:] != expected.shape[1:]:
        wanted = (len(features), *expected.shape[1:])
        return path, f"the shape is {stored.shape}; expected {wanted}", note
    unlike = (stored[rows] != expected).reshape(len(rows), -1).any(axis=1)
    if unlike.any():
        gene = features.genes.gene_id[rows[int(np.argmax(unlike))]]
        return path, f"gene {gene!r} does not agree with {CODES}", note
    return path, "", note


def _one_hot(features: FeatureFile) -> Finding:
    rows, codes = _sampled(features)
    expected = (codes[:, :, None] == np.arange(_UNKNOWN)).astype(np.uint8)
    return _compared(features, ONE_HOT, rows, expected)


def _kmers(features: FeatureFile) -> Finding:
    attrs = features.array_attrs(KMERS)
    rows, codes = _sampled(features)
    k, both_strands = int(attrs["k"]), bool(attrs["both_strands"])
    expected = dexkit_ext.count_kmers(codes, k, both_strands=both_strands)
    return _compared(features, KMERS, rows, expected)


def _contacts(features: FeatureFile, sample: str) -> Finding:
    where = signal_path(sample)
    signal, observed = features.contacts(sample)
    attrs = features.array_attrs(where)
    n_bins = 2 * int(attrs["n_flank_bins"]) + 1
    if signal.shape != observed.shape:
        return observed_path(sample), f"{observed.shape} beside a signal of {signal.shape}", ""
    if signal.shape[1] not in (n_bins - 1, n_bins):
        return where, f"{signal.shape[1]:,} bins; its attributes say {n_bins:,} or one less", ""
    for start in range(0, len(signal), _ROWS):
        rows = slice(start, start + _ROWS)
        bad = ((observed[rows] == 0) & (signal[rows] != 0)).any(axis=1)
        if bad.any():
            gene = features.genes.gene_id[start + int(np.argmax(bad))]
            return where, f"gene {gene!r} has a signal in a bin that was not observed", ""
    note = f"{signal.shape[1]:,} bins of {int(attrs['bin_size_bp']):,} bp, 0 where not observed"
    return where, "", note


def _expression(features: FeatureFile, sample: str) -> Finding:
    where, raw_path = expression_path(sample), expression_path(sample, "raw")
    value = np.asarray(features.array(where), dtype=np.float64)
    raw = np.asarray(features.array(raw_path), dtype=np.float64)
    if not value.shape == raw.shape == (len(features),):
        return where, f"the shape is {value.shape}, that of raw {raw.shape}", ""
    if (raw < 0).any():
        gene = features.genes.gene_id[int(np.argmax(raw < 0))]
        return raw_path, f"gene {gene!r} has a negative expression", ""
    attrs = features.array_attrs(where)
    unlike = np.isnan(raw) != np.isnan(value)
    if attrs.get("unit") == "log10(raw+pseudocount)":
        expected = np.log10(raw + float(attrs["pseudocount"]))
        unlike = ~np.isclose(value, expected, _FLOAT32_RTOL, _FLOAT32_RTOL, equal_nan=True)
    if unlike.any():
        gene = features.genes.gene_id[int(np.argmax(unlike))]
        return where, f"gene {gene!r} does not agree with {raw_path}", ""
    return where, "", f"{int(np.isfinite(raw).sum()):,} genes measured, as in {raw_path}"
