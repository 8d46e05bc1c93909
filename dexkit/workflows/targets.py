"""Expression as a run learns it: quantile-normalised if asked for, in the units of its head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError
from dexkit.features.file import FeatureFile
from dexkit.features.schema import expression_path
from dexkit.hooks import Head
from dexkit.hooks.entries import HeadEntry
from dexkit.models.columns import Columns
from dexkit.models.quantile import QuantileNormaliser, Quantiles, SampleQuantiles
from dexkit.workflows.rows import Rows


def quantiles_of(
    features: FeatureFile,
    rows: Rows,
    head: HeadEntry,
    development: npt.NDArray[np.intp],
    observed: npt.NDArray[np.float64],
) -> tuple[Quantiles, npt.NDArray[np.float64]]:
    """Learn the quantile normalisation from training and validation genes; apply it.

    Parameters
    ----------
    features : FeatureFile
        The data.
    rows : Rows
        Samples and genes.
    head : HeadEntry
        Head of the run.
    development : ndarray, dtype intp
        Training and validation rows.
    observed : ndarray of shape (n_rows,), dtype float64
        log10 expression.

    Returns
    -------
    tuple of (QuantileNormaliser or SampleQuantiles, ndarray of shape (n_rows,))
        The map of each sample, and normalised expression.

    Raises
    ------
    ConfigError
        When the head learns something that quantiles do not go with, or there is one sample only.
    """
    genes = np.unique(rows.genes(development))
    maps = {name: _map(features, name, head, genes) for name in rows.samples}
    parts = rows.by_sample(observed).T
    normalised = [one.apply(part) for one, part in zip(maps.values(), parts, strict=True)]
    quantiles = maps[rows.samples[0]] if len(maps) == 1 else SampleQuantiles(maps)
    return quantiles, np.concatenate(normalised)


def in_one_distribution(
    features: FeatureFile, columns: Columns, head: HeadEntry, genes: npt.NDArray[np.intp]
) -> Columns:
    """Let expression of other samples go through maps of their own, as that of the sample does.

    Parameters
    ----------
    features : FeatureFile
        The data.
    columns : Columns
        Names the other samples.
    head : HeadEntry
        Head of the run.
    genes : ndarray, dtype intp
        Training and validation genes.

    Returns
    -------
    Columns
        The same with the maps.
    """
    maps = {name: _map(features, name, head, genes) for name in columns.other_samples}
    return replace(columns, other_samples=maps)


def _map(
    features: FeatureFile, sample: str, head: HeadEntry, genes: npt.NDArray[np.intp]
) -> QuantileNormaliser:
    if head.task != "regression":
        raise ConfigError(
            f"--quantile-normalise does not go with the head {head.name!r}: the order of genes, "
            "and with it the class of each, stays as it is; leave the option out"
        )
    if head.target == "raw":
        raise ConfigError(
            f"--quantile-normalise does not go with the head {head.name!r}, which learns "
            "expression as measured; leave the option out"
        )
    samples = features.expression_samples
    expression = np.stack([features.expression(name)[genes] for name in samples], axis=1)
    return QuantileNormaliser.fit(expression, samples, sample)


def target_of(
    features: FeatureFile,
    rows: Rows,
    entry: HeadEntry,
    head: Head,
    observed: npt.NDArray[np.float64],
    development: npt.NDArray[np.intp],
) -> tuple[npt.NDArray[np.float64], Mapping[str, Any]]:
    """Return what the head learns, and its state fitted on training and validation rows.

    Parameters
    ----------
    features : FeatureFile
        The data.
    rows : Rows
        Samples and genes.
    entry : HeadEntry
        Says what the head learns, and whether it has an output for each sample.
    head : Head
        Fits its target transform.
    observed : ndarray of shape (n_rows,), dtype float64
        log10 expression, normalised if asked for.
    development : ndarray, dtype intp
        Training and validation rows.

    Returns
    -------
    tuple of (ndarray of shape (n_rows,), mapping)
        Values, which are ``observed`` itself for a head that learns log10 expression; the state.

    Raises
    ------
    InputError
        When samples differ in their pseudocount.
    TrainingError
        When the head cannot learn from these values.
    """
    paths = [expression_path(sample, "raw") for sample in rows.samples]
    pseudocounts = [features.array_attrs(path).get("pseudocount") for path in paths]
    if len(set(pseudocounts)) > 1:
        listed = ", ".join(f"{n}: {p}" for n, p in zip(rows.samples, pseudocounts, strict=True))
        raise InputError(
            f"{features.path}: expression has different pseudocounts ({listed}), so that one model "
            "cannot learn it in one unit; build all samples with one --pseudocount"
        )
    target = observed
    if entry.target == "raw":
        target = np.concatenate([features.array(path) for path in paths]).astype(np.float64)
    if entry.per_sample:
        masked = np.full(len(rows), np.nan)
        masked[development] = target[development]
        table = rows.by_sample(masked)
        state = head.fit_target(table[np.isfinite(table).any(axis=1)])
    else:
        state = head.fit_target(target[development])
    if entry.target == "raw":
        state = {**state, "pseudocount": float(pseudocounts[0] or 0)}
    return target, state
