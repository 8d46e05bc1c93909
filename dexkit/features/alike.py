"""Samples that are added to a feature file must be alike to those that it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dexkit.errors import InputError
from dexkit.features.file import FeatureFile
from dexkit.features.schema import expression_path
from dexkit.features.stored_config import READING
from dexkit.hooks import BLOCK_VERSION, ArrayPlan
from dexkit.io.expression import UNSTATED


def check_contacts(features: FeatureFile, plans: Sequence[ArrayPlan]) -> None:
    """Refuse contacts that differ in form from those of the samples in the file.

    Parameters
    ----------
    features : FeatureFile
        The file.
    plans : sequence of ArrayPlan
        What is to be added.

    Raises
    ------
    InputError
        When shape, dtype or an attribute differs.
    """
    if not features.contact_samples:
        return
    old = features.contact_samples[0]
    for plan in plans:
        group, _, rest = plan.path.strip("/").partition("/")
        sibling = f"/{group}/{old}/{rest.partition('/')[2]}"
        if group != "contacts" or not features.has(sibling):
            continue
        stored = features.array_attrs(sibling)
        pairs = {key: (stored[key], plan.attrs[key]) for key in plan.attrs if key in stored}
        shape, dtype = features.arrays[sibling]
        pairs[BLOCK_VERSION] = (stored.get(BLOCK_VERSION, 1), plan.attrs.get(BLOCK_VERSION, 1))
        pairs |= {"shape": (shape, tuple(plan.shape)), "dtype": (dtype, np.dtype(plan.dtype).name)}
        for key, (before, after) in pairs.items():
            if key in READING or np.array_equal(before, after):
                continue
            raise InputError(
                f"{plan.path} would have {key} {after}, and {sibling} has {before}; samples of "
                "one file must be alike, build another file"
            )


def check_measures(features: FeatureFile, plans: Sequence[ArrayPlan]) -> None:
    """Refuse expression whose stated measure is another than a stated one in the file.

    Parameters
    ----------
    features : FeatureFile
        The file.
    plans : sequence of ArrayPlan
        Expression that is to be added.

    Raises
    ------
    InputError
        When counts would stand beside TPM, say.
    """
    measures: dict[str, str] = {}
    for sample in features.expression_samples:
        path = expression_path(sample, "raw")
        if features.has(path):
            measures.setdefault(str(features.array_attrs(path).get("measure", UNSTATED)), path)
    there = {name: path for name, path in measures.items() if name != UNSTATED}
    for plan in plans:
        new = str(plan.attrs.get("measure", UNSTATED))
        if there and new != UNSTATED and new not in there:
            old, path = next(iter(there.items()))
            raise InputError(
                f"{plan.path} would hold {new}, and {path} holds {old}; samples of one file must "
                f"be alike: take {old} with --measure {old}, or build another file"
            )
