"""Numbers of each gene that baselines read beside the blocks of networks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError
from dexkit.features.file import FeatureFile
from dexkit.features.schema import expression_path, loop_paths
from dexkit.hooks import LOOPS, OTHER_SAMPLES
from dexkit.models.quantile import QuantileNormaliser


@dataclass(frozen=True)
class Columns:
    """Which of these numbers a run or a saved baseline reads.

    Parameters
    ----------
    loops : dict or None
        Unit of loop sum and loop number, which must agree; None where they are not read.
    other_samples : dict of str to QuantileNormaliser or None
        Samples whose expression is read, in the order of the columns, with the map that their
        expression goes through; None for a sample whose expression is taken as it is.
    """

    loops: dict[str, str] | None = None
    other_samples: Mapping[str, QuantileNormaliser | None] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        features: FeatureFile,
        sample: str,
        blocks: Collection[str],
        wanted: Collection[str],
    ) -> Columns:
        """Find out what a feature file has for a sample.

        Parameters
        ----------
        features : FeatureFile
            The file.
        sample : str
            Sample whose expression is predicted.
        blocks : collection of str
            Blocks that the run uses: without contacts there are no loops.
        wanted : collection of str
            ``"loops"``, ``"other-samples"``: what baselines ask for.

        Returns
        -------
        Columns
            Those that are wanted and there; expression of other samples as it is.
        """
        loops = None
        others: dict[str, QuantileNormaliser | None] = {}
        if LOOPS in wanted and "contacts" in blocks:
            if all(features.has(path) for path in loop_paths(sample)):
                loops = _units(features, sample)
        if OTHER_SAMPLES in wanted:
            others = {name: None for name in features.expression_samples if name != sample}
        return cls(loops, others)

    @property
    def names(self) -> tuple[str, ...]:
        """``"loops"`` and ``"other-samples"``, as far as they are read."""
        present = ((LOOPS, self.loops is not None), (OTHER_SAMPLES, bool(self.other_samples)))
        return tuple(name for name, there in present if there)

    def only(self, wanted: Collection[str]) -> Columns:
        """Leave out what is not wanted."""
        return Columns(
            self.loops if LOOPS in wanted else None,
            self.other_samples if OTHER_SAMPLES in wanted else {},
        )

    def paths(self, sample: str) -> list[str]:
        """Return the HDF5 paths of the arrays that are read for a sample."""
        found = list(loop_paths(sample)) if self.loops is not None else []
        return found + [expression_path(name) for name in self.other_samples]

    def check(self, features: FeatureFile, sample: str) -> None:
        """Compare with another feature file.

        Raises
        ------
        InputError
            When it lacks one of the arrays, or its loops have another unit.
        """
        missing = [path for path in self.paths(sample) if not features.has(path)]
        if missing:
            raise InputError(
                f"{features.path} has no array {missing[0]}, which the model reads; add it to the "
                "file, or use another model"
            )
        if self.loops is not None and self.loops != (units := _units(features, sample)):
            raise InputError(
                f"{features.path}: loops of {sample} are in {units}, but the model was trained "
                f"with {self.loops}; build the feature file with the options of the training file"
            )

    def read(self, features: FeatureFile, sample: str) -> dict[str, npt.NDArray[np.float64]]:
        """Take the numbers of all genes out of a feature file.

        Parameters
        ----------
        features : FeatureFile
            The file.
        sample : str
            Sample whose loops are read.

        Returns
        -------
        dict of str to ndarray of shape (n_genes, n_columns), dtype float64
            ``loops``: loop sum and loop number, NaN where no contact was measured.
            ``other-samples``: log10 expression of each of :attr:`other_samples`, NaN where not
            measured.
        """
        arrays = {}
        if self.loops is not None:
            loops = np.stack(
                [np.asarray(features.array(p), dtype=np.float64) for p in loop_paths(sample)],
                axis=1,
            )
            loops[~features.contacts(sample)[1].any(axis=1)] = np.nan
            arrays[LOOPS] = loops
        if self.other_samples:
            values = []
            for name, quantiles in self.other_samples.items():
                own = features.expression(name)
                values.append(quantiles.apply(own) if quantiles is not None else own)
            arrays[OTHER_SAMPLES] = np.stack(values, axis=1)
        return arrays

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        others = {
            name: quantiles.to_json() if quantiles else None
            for name, quantiles in self.other_samples.items()
        }
        return {"loops": self.loops, "other_samples": others}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Columns:
        """Rebuild from :meth:`to_json`."""
        others = {
            str(name): QuantileNormaliser.from_json(quantiles) if quantiles else None
            for name, quantiles in values["other_samples"].items()
        }
        return cls(values["loops"], others)


def _units(features: FeatureFile, sample: str) -> dict[str, str]:
    """Return the unit of each loop array by its name."""
    return {
        path.rpartition("/")[2]: str(features.array_attrs(path).get("unit", ""))
        for path in loop_paths(sample)
    }
