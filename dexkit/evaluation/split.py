"""One division of genes into training, validation and test parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import TrainingError

LEAKY_NOTE = "leaky: paper protocol"

# A correlation over two genes is always +1 or -1, so a part below three genes measures nothing.
MIN_PART_GENES = 3


@dataclass(frozen=True)
class Split:
    """One division of the usable genes of a feature file.

    Parameters
    ----------
    train, validation, test : ndarray of shape (n_part,), dtype intp
        Gene indices into the feature file, ascending, pairwise disjoint.
    kind : str
        One of :data:`dexkit.evaluation.splits.SPLIT_KINDS`.
    n_folds : int
        Number of folds of the cross-validation this split is part of.
    fold : int
        0-based fold that is the test part.
    seed : int
        Seed; it has no effect on kinds of whole chromosomes.
    leaky : bool
        Whether related genes may sit on both sides (random genes).
    test_chroms, validation_chroms : tuple of str
        Whole chromosomes of these parts; empty where chromosomes are not kept together.
    left_out : ndarray of shape (n_left_out,), dtype intp
        Usable genes in no part, because they are related to genes of another part.
    file, sha256 : str
        Name and SHA-256 of the split file that this was read from; empty when there is none.
    """

    train: npt.NDArray[np.intp]
    validation: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]
    kind: str
    n_folds: int
    fold: int
    seed: int
    leaky: bool
    test_chroms: tuple[str, ...] = ()
    validation_chroms: tuple[str, ...] = ()
    left_out: npt.NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    file: str = ""
    sha256: str = ""

    @property
    def left_out_reason(self) -> str:
        """Why genes are in no part, in words; a file holds no reasons."""
        related = "related to genes of another part"
        if self.file:
            return f"in no part of the split file {self.file} ({related}, or without data)"
        return f"{related} ({self.kind} split)"

    def describe(self) -> dict[str, Any]:
        """Return everything but the gene indices as JSON-able values."""
        facts: dict[str, Any] = {
            "kind": self.kind,
            "n_folds": self.n_folds,
            "fold": self.fold,
            "seed": self.seed,
            "leaky": self.leaky,
            "note": LEAKY_NOTE if self.leaky else "",
            "test_chroms": list(self.test_chroms),
            "validation_chroms": list(self.validation_chroms),
            "n": {
                "train": len(self.train),
                "validation": len(self.validation),
                "test": len(self.test),
            },
        }
        if len(self.left_out):
            facts["n"]["left_out"] = len(self.left_out)
        if self.file:
            facts |= {"file": self.file, "sha256": self.sha256}
        return facts


def checked(split: Split) -> Split:
    """Return the split; raise TrainingError when a part has too few genes."""
    for part in ("train", "validation", "test"):
        n = len(getattr(split, part))
        if n < MIN_PART_GENES:
            raise TrainingError(
                f"fold {split.fold} of {split.n_folds} ({split.kind} split) has too few genes: "
                f"the {part} part got {n}, expected at least {MIN_PART_GENES}; use more genes, "
                "another number of folds or a larger validation fraction"
            )
    return split
