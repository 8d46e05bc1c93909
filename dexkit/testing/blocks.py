"""The conformance check of blocks."""

from __future__ import annotations

import dataclasses
import reprlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.hooks import ArrayPlan, BlockEntry, BuildContext, PluginConfig
from dexkit.testing import synthetic
from dexkit.testing.checks import Checks, check_config


def check_block(
    entry: BlockEntry,
    context: BuildContext | None = None,
    config: PluginConfig | None = None,
    seed: int = 0,
) -> list[str]:
    """Check that a block keeps its contract.

    Parameters
    ----------
    entry : BlockEntry
        The block.
    context : BuildContext, optional
        What it is built from; by default :func:`dexkit.testing.synthetic.build_context` in a
        temporary folder.
    config : PluginConfig, optional
        The configuration to check with; by default the defaults.
    seed : int, optional
        Seed of the made-up inputs.

    Returns
    -------
    list of str
        What was checked, one line each.

    Raises
    ------
    CheckFailure
        When the configuration does not survive JSON or takes unknown keys; when nothing is
        planned, a path is relative, used twice or names a group of another array, a shape does
        not begin with the number of genes, or a dtype is none of numbers; when ``fill`` leaves
        an element unwritten, writes NaN, or gives other values on the second call, in pieces or
        with two threads; or when an attribute cannot be stored in HDF5.
    """
    checks = Checks(f"block {entry.name!r}")
    settings = check_config(checks, entry.config, config)
    with tempfile.TemporaryDirectory() as folder:
        if context is None:
            context = synthetic.build_context(Path(folder), seed=seed)
        with checks.step("planned arrays"):
            plans = list(entry.plan(settings, context))
            _check_plans(checks, plans, len(context.genes))
        # A second plan, as in a second build: nothing of the first may linger.
        threaded = dataclasses.replace(context, n_threads=2)
        second = list(entry.plan(settings, threaded))
        with checks.step("the same plan twice"):
            outline = [(plan.path, plan.shape, plan.dtype) for plan in plans]
            checks.require(
                outline == [(plan.path, plan.shape, plan.dtype) for plan in second],
                "plans other arrays when asked again with two threads",
            )
        for plan, again in zip(plans, second, strict=True):
            with checks.step(f"{plan.path}: every element filled, repeatable"):
                _check_fill(checks, plan, again, Path(folder))
    return checks.passed


def _check_plans(checks: Checks, plans: list[ArrayPlan], n_genes: int) -> None:
    """Check paths, shapes and dtypes of what is planned."""
    checks.require(bool(plans), "plans no array; expected at least one")
    paths = [plan.path for plan in plans]
    for plan in plans:
        checks.require(
            isinstance(plan, ArrayPlan), f"plans a {type(plan).__name__}; expected an ArrayPlan"
        )
        parts = plan.path.split("/")
        checks.require(
            len(parts) > 2 and parts[0] == "" and all(parts[1:]),
            f"plans the path {plan.path!r}; expected /group/name",
        )
        checks.require(paths.count(plan.path) == 1, f"plans the path {plan.path!r} twice")
        checks.require(
            not any(other.startswith(f"{plan.path}/") for other in paths),
            f"plans {plan.path!r} as an array and as a group",
        )
        checks.require(
            plan.shape[:1] == (n_genes,),
            f"plans {plan.path} with the shape {plan.shape}; expected {n_genes} genes first",
        )
        checks.require(
            np.dtype(plan.dtype).kind in "buif",
            f"plans {plan.path} with the dtype {plan.dtype!r}; expected integers or floats",
        )
        _check_attributes(checks, plan.path, plan.attrs)


def _check_fill(checks: Checks, plan: ArrayPlan, again: ArrayPlan, folder: Path) -> None:
    """Fill a map of zero bits whole, one of one bits in two pieces; both must end up equal."""
    filled: list[npt.NDArray[Any]] = []
    for number, (source, background) in enumerate(((plan, 0x00), (again, 0xFF))):
        path = folder / f"array{number}"
        # A memory map of the declared shape and dtype is what a build hands over.
        out = np.memmap(path, dtype=plan.dtype, mode="w+", shape=plan.shape)
        out.view(np.uint8)[...] = background
        middle = 0 if source is plan else len(out) // 2
        if middle:
            source.fill(out[:middle], 0)
        _check_attributes(checks, plan.path, source.fill(out[middle:], middle) or {})
        filled.append(np.array(out))
        del out
        path.unlink()
    same = filled[0] == filled[1]
    if filled[0].dtype.kind == "f":
        checks.finite(f"{plan.path} (unwritten elements count as NaN)", filled[0])
        checks.finite(f"{plan.path} (unwritten elements count as NaN)", filled[1])
    n_bad = int(same.size - np.count_nonzero(same))
    checks.require(
        n_bad == 0,
        f"{plan.path}: {n_bad} of {same.size} elements differ between two fills, the second in "
        "two pieces with two threads; expected fill to write every element, each time the same",
    )


def _check_attributes(checks: Checks, path: str, attributes: Any) -> None:
    """Check that HDF5 can store the attributes of an array."""
    checks.require(
        isinstance(attributes, Mapping),
        f"{path}: attributes are a {type(attributes).__name__}; expected a mapping",
    )
    for name, value in attributes.items():
        array = np.asarray(value)
        checks.require(
            isinstance(name, str) and array.dtype.kind in "buifU",
            f"{path}: the attribute {name!r} = {reprlib.repr(value)} cannot be stored; expected "
            "numbers or text",
        )
