"""Quantile normalisation of expression across samples, learnt from training genes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError


@dataclass(frozen=True)
class QuantileNormaliser:
    """The map from a sample's expression to the mean distribution of several samples.

    Parameters
    ----------
    samples : tuple of str
        Samples whose distributions were averaged, the normalised one among them.
    n_genes : int
        Genes that it was learnt from: measured in every one of the samples.
    source : ndarray of shape (n_values,), dtype float64
        Distinct values of the sample among those genes, ascending.
    target : ndarray of shape (n_values,), dtype float64
        What each becomes, in the same units.

    Notes
    -----
    Zeng, Wang, Jiang 2019, section 2.1, normalise log expression across samples by quantiles:
    the value at each rank becomes the mean over samples of the values at that rank (Bolstad et
    al. 2003, *Bioinformatics* 19:185). Genes of equal value become equal: the mean over their
    ranks. The paper does so over all genes; here the ranks are those of training and validation
    genes alone, so that no test gene has a say in its own target. Values between two of
    ``source`` are interpolated, values beyond them get the outermost target.
    """

    samples: tuple[str, ...]
    n_genes: int
    source: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]

    @classmethod
    def fit(
        cls, expression: npt.NDArray[np.float64], samples: Sequence[str], sample: str
    ) -> QuantileNormaliser:
        """Learn the map of one sample.

        Parameters
        ----------
        expression : ndarray of shape (n_genes, n_samples), dtype float64
            log10 expression of the training and validation genes; NaN where not measured.
        samples : sequence of str
            Names of the columns.
        sample : str
            The one to be normalised.

        Returns
        -------
        QuantileNormaliser
            The map.

        Raises
        ------
        ConfigError
            When there is one sample only, or fewer than two genes are measured in all of them.
        """
        if len(samples) < 2:
            raise ConfigError(
                f"quantile normalisation is across samples, and {sample} is the only one with "
                "expression; add samples to the feature file or leave the option out"
            )
        measured = expression[np.isfinite(expression).all(axis=1)]
        if len(measured) < 2:
            raise ConfigError(
                f"quantile normalisation needs genes that are measured in all of the samples "
                f"{', '.join(samples)}; {len(measured)} of the training genes are; leave the "
                "option out"
            )
        reference = np.sort(measured, axis=0).mean(axis=1)
        own = np.sort(measured[:, list(samples).index(sample)])
        source, first, n_equal = np.unique(own, return_index=True, return_counts=True)
        target = np.add.reduceat(reference, first) / n_equal
        return cls(tuple(samples), len(measured), source, target)

    def apply(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return normalised values of the sample, NaN where they are NaN."""
        # np.interp leaves a NaN a NaN.
        return np.interp(values, self.source, self.target)

    def describe(self) -> str:
        """Return one phrase for logs, metrics and reports."""
        return (
            f"quantile-normalised across {', '.join(self.samples)} (learnt from {self.n_genes} "
            "training and validation genes)"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the map as plain lists."""
        return {
            "samples": list(self.samples),
            "n_genes": self.n_genes,
            "source": self.source.tolist(),
            "target": self.target.tolist(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> QuantileNormaliser:
        """Rebuild from :meth:`to_json`."""
        return cls(
            tuple(values["samples"]),
            int(values["n_genes"]),
            np.asarray(values["source"], dtype=np.float64),
            np.asarray(values["target"], dtype=np.float64),
        )


@dataclass(frozen=True)
class SampleQuantiles:
    """The maps of several samples, to the mean distribution of the same samples.

    Parameters
    ----------
    maps : dict of str to QuantileNormaliser
        By sample.
    """

    maps: dict[str, QuantileNormaliser]

    @property
    def samples(self) -> tuple[str, ...]:
        """Samples whose distributions were averaged."""
        return next(iter(self.maps.values())).samples

    @property
    def n_genes(self) -> int:
        """Genes that the maps were learnt from."""
        return next(iter(self.maps.values())).n_genes

    def describe(self) -> str:
        """Return one phrase for logs, metrics and reports."""
        return next(iter(self.maps.values())).describe()

    def to_json(self) -> dict[str, Any]:
        """Return the maps as plain lists."""
        maps = {
            sample: {"source": one.source.tolist(), "target": one.target.tolist()}
            for sample, one in self.maps.items()
        }
        return {"samples": list(self.samples), "n_genes": self.n_genes, "maps": maps}


Quantiles = QuantileNormaliser | SampleQuantiles


def quantiles_from_json(values: dict[str, Any]) -> Quantiles:
    """Rebuild the map of one sample, or those of several, from ``to_json``."""
    if "maps" not in values:
        return QuantileNormaliser.from_json(values)
    shared = {key: values[key] for key in ("samples", "n_genes")}
    maps = values["maps"].items()
    return SampleQuantiles({name: QuantileNormaliser.from_json(shared | one) for name, one in maps})
