"""What every table of scores says of how it was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dexkit import __version__
from dexkit.evaluation.split import LEAKY_NOTE

#: Columns, in their order, behind those of the numbers.
STAMPS = ("split", "n_folds", "leaky", "seed", "dexkit")


def stamps(split: Mapping[str, Any], leaky: bool, seeds: Iterable[int | None]) -> dict[str, Any]:
    """Return the constant columns of a table of scores.

    Parameters
    ----------
    split : mapping
        ``kind`` and ``n_folds``, as :meth:`dexkit.evaluation.splits.Split.describe` has them.
    leaky : bool
        Whether related genes may sit on both sides of the split.
    seeds : iterable of int or None
        ``--seed`` of the fits; None where a run does not say it.

    Returns
    -------
    dict
        :data:`STAMPS`: kind of split, number of folds, ``"no"`` or the stamp of leaky splits,
        seed of the fits (joined by commas where they differ, None where no run says it), version
        of dexkit that made the table.
    """
    known = sorted({seed for seed in seeds if seed is not None})
    seed: int | str | None = None
    if known:
        seed = known[0] if len(known) == 1 else ",".join(map(str, known))
    return {
        "split": str(split["kind"]),
        "n_folds": int(split["n_folds"]),
        "leaky": LEAKY_NOTE if leaky else "no",
        "seed": seed,
        "dexkit": __version__,
    }
