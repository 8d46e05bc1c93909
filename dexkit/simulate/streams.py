"""One random stream for each purpose, so that changing one option leaves the other draws alone."""

from __future__ import annotations

from typing import Literal

import numpy as np

Purpose = Literal[
    "layout", "families", "background", "promoters", "sites", "mutations",
    "enhancers", "activity", "depth", "pairs", "noise", "counts", "annotation",
]  # fmt: skip
# Numbers are part of what a seed means: never reuse or reorder them, append only.
_KEYS: dict[Purpose, int] = {
    "layout": 0,
    "families": 1,
    "background": 2,
    "promoters": 3,
    "sites": 4,
    "mutations": 5,
    "enhancers": 6,
    "activity": 7,
    "depth": 8,
    "pairs": 9,
    "noise": 10,
    "counts": 11,
    "annotation": 12,
}


def stream(seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """Return the generator of one purpose.

    Parameters
    ----------
    seed : int
        Seed of the data set.
    purpose : str
        What is drawn.
    *index : int
        Sample and replicate number, where each has a stream of its own.

    Returns
    -------
    numpy.random.Generator
        The same for the same arguments, independent of all others.
    """
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(_KEYS[purpose], *index))
    return np.random.default_rng(sequence)
