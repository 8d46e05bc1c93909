"""What a sensitivity analysis varies: the points of each axis, checked against the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from dexkit.errors import ConfigError
from dexkit.features import altered
from dexkit.features.file import FeatureFile
from dexkit.features.schema import signal_path
from dexkit.training.config import TrainConfig
from dexkit.workflows.entrants import Entrant
from dexkit.workflows.fit_config import recipe_of
from dexkit.workflows.variants import Variant

#: What ``train.recipe`` may be.
RECIPES: tuple[str, ...] = get_args(TrainConfig.model_fields["recipe"].annotation)

#: Shares of what the file holds that are tried where nothing is asked for.
_SHARES = (0.25, 0.5, 1.0)
_BP_PER_KB = 1000


@dataclass(frozen=True)
class Axis:
    """What is varied, and the values it takes.

    Parameters
    ----------
    kind : str
        ``"promoter-length"``, ``"contact-bins"`` or ``"recipe"``.
    variants : tuple of Variant
        One a value, in ascending order.
    positions : mapping of str to float
        By variant, its place on the axis; empty for recipes.
    label : str
        Name with its unit.
    reference : str
        The variant that the others are compared with.
    """

    kind: str
    variants: tuple[Variant, ...]
    positions: Mapping[str, float]
    label: str
    reference: str


def axes_of(
    features: FeatureFile,
    models: Sequence[Entrant],
    lengths: Sequence[int] | None = None,
    bins: Sequence[int] | None = None,
    recipes: Sequence[str] | None = None,
) -> list[Axis]:
    """Return the axes that are asked for.

    Parameters
    ----------
    features : FeatureFile
        The data.
    models : sequence of Entrant
        The models.
    lengths : sequence of int, optional
        Lengths of the whole promoter window in bp.
    bins : sequence of int, optional
        Contact bins on either side of the TSS bin.
    recipes : sequence of str, optional
        Training recipes.

    Returns
    -------
    list of Axis
        A quarter, a half and all of each block where no axis is asked for.

    Raises
    ------
    ConfigError
        When an axis has one value or the same twice, the file does not hold what is asked for, a
        model does not read the block that is cut, or a recipe is unknown or does not go with the
        models.
    """
    check_points(lengths, bins, recipes)
    samples = list(dict.fromkeys(model.subject.sample for model in models))
    blocks = models[0].job.contract.blocks
    if lengths is bins is recipes is None:
        if "sequence" in blocks:
            lengths = _shares(sum(altered.window(features)[:2]))
        if "contacts" in blocks:
            bins = _shares(min(altered.flank_bins(features, sample) for sample in samples))
    axes = []
    if lengths is not None:
        _require("sequence", "--promoter-lengths", models)
        axes.append(_promoter_axis(features, sorted(lengths)))
    if bins is not None:
        _require("contacts", "--contact-bins", models)
        axes.append(_contact_axis(features, samples, sorted(bins)))
    if recipes is not None:
        axes.append(_recipe_axis(recipes, models))
    return axes


def check_points(
    lengths: Sequence[int] | None, bins: Sequence[int] | None, recipes: Sequence[str] | None
) -> None:
    """Raise ConfigError unless every axis that is asked for has known points, two or more of them.

    No data are read for it.
    """
    wanted: dict[str, Sequence[int | str] | None] = {
        "--promoter-lengths": lengths,
        "--contact-bins": bins,
        "--training": recipes,
    }
    for option, values in wanted.items():
        if values is not None and (len(values) < 2 or len(set(values)) < len(values)):
            shown = ", ".join(map(str, values)) or "none"
            raise ConfigError(f"{option} must be two values or more, each once; got {shown}")
    for name in recipes or ():
        if name not in RECIPES:
            raise ConfigError(
                f"--training: unknown recipe {name!r}; expected {' or '.join(RECIPES)}"
            )


def _shares(whole: int) -> list[int]:
    return sorted({max(1, round(share * whole)) for share in _SHARES})


def _promoter_axis(features: FeatureFile, lengths: Sequence[int]) -> Axis:
    whole = sum(altered.window(features)[:2])
    variants = []
    for length in lengths:
        altered.cropped_sequence(features, length)  # says what the file does not hold
        cut = partial(_cut_sequence, length)
        variants.append(
            Variant(
                f"promoter-{length}",
                f"promoter of {length:,} bp",
                alter=None if length == whole else cut,
            )
        )
    positions = {v.name: float(n) for v, n in zip(variants, lengths, strict=True)}
    label = "length of the promoter window, bp"
    return Axis("promoter-length", tuple(variants), positions, label, variants[-1].name)


def _contact_axis(features: FeatureFile, samples: Sequence[str], bins: Sequence[int]) -> Axis:
    held = {altered.flank_bins(features, sample) for sample in samples}
    bin_kb = int(features.array_attrs(signal_path(samples[0]))["bin_size_bp"]) / _BP_PER_KB
    variants = []
    for n in bins:
        for sample in samples:
            altered.cropped_contacts(features, sample, n)  # says what the file does not hold
        variants.append(
            Variant(
                f"contacts-{n}",
                f"contacts within {n:,} bins (±{n * bin_kb:g} kb)",
                alter=None if held == {n} else partial(_cut_contacts, n),
            )
        )
    positions = {v.name: n * bin_kb for v, n in zip(variants, bins, strict=True)}
    label = "contacts up to this distance from the TSS bin, kb"
    return Axis("contact-bins", tuple(variants), positions, label, variants[-1].name)


def _recipe_axis(recipes: Sequence[str], models: Sequence[Entrant]) -> Axis:
    networks = [model for model in models if not model.is_baseline]
    if not networks:
        raise ConfigError(
            "--training compares ways to train a network, but all models are baselines; name a "
            "network with --plugin"
        )
    variants = tuple(Variant(f"recipe-{name}", f"{name} training", recipe=name) for name in recipes)
    for model in networks:
        for name in recipes:
            train = model.config.train.model_copy(update={"recipe": name})
            config = model.config.model_copy(update={"train": train, "preset": None})
            recipe_of(config, model.job.contract.blocks)  # says when there is one block only
    return Axis("recipe", variants, {}, "recipe", variants[0].name)


def _cut_sequence(
    length: int, features: FeatureFile, sample: str, seed: int
) -> altered.Alterations:
    return altered.cropped_sequence(features, length)


def _cut_contacts(n: int, features: FeatureFile, sample: str, seed: int) -> altered.Alterations:
    return altered.cropped_contacts(features, sample, n)


def _require(block: str, option: str, models: Sequence[Entrant]) -> None:
    for model in models:
        if block not in model.read:
            raise ConfigError(
                f"{option} cuts the block {block!r}, which {model.subject.model} does not read "
                f"for {model.subject.sample} (blocks: {', '.join(model.read)}); leave it out"
            )
