"""The configuration that a feature file was built with, and what it means for an addition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError

from dexkit.errors import ConfigError, FormatError, InputError
from dexkit.features.config import BuildConfig
from dexkit.features.file import FeatureFile
from dexkit.features.schema import signal_path
from dexkit.hooks import PluginConfig, parse_config
from dexkit.io.expression import Measure

#: The block whose arrays are those of :meth:`FeatureFile.contacts`.
CONTACTS = "contacts"
#: Options of that block that say how a file is read: each addition may choose them anew.
READING = ("format", "score_column", "anchors", "balance", "bins_bed")
#: Options that every signal carries as an attribute.
_GEOMETRY = ("bin_size_bp", "n_flank_bins", "flip_minus", "keep_self")


def stored_config(features: FeatureFile) -> BuildConfig:
    """Return the configuration of the build, as this version understands it.

    Parameters
    ----------
    features : FeatureFile
        The file.

    Returns
    -------
    BuildConfig
        Options that the file's version did not have take their defaults.

    Raises
    ------
    InputError
        When the file was imported, so that it has no such configuration, or derived from another
        one, so that its arrays are not those of its configuration.
    FormatError
        When the attribute is missing, damaged, or has options that this version does not know.
    """
    if features.derived:
        origin = features.derived[-1]
        raise InputError(
            f"{features.path} was derived from {origin['source']} ({origin['note']}), so nothing "
            "can be added; add to that file and derive again"
        )
    try:
        return BuildConfig.model_validate(features.config)
    except ValidationError as error:
        if "folder" in features.config and "fasta" not in features.config:
            raise InputError(
                f"{features.path} holds published arrays (import-deepexpression), to which nothing "
                "can be added; put all arrays into one folder and import it again"
            ) from None
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "config"
        raise FormatError(
            f"the stored configuration cannot be used: {key}: {first['msg']}; it was written by "
            f"{features.attrs.get('generated_by')}, add with that version",
            str(features.path),
        ) from None
    except (KeyError, ValueError, TypeError) as error:
        raise FormatError(
            f"the attribute 'config' is missing or damaged ({error}); nothing can be added",
            str(features.path),
        ) from error


def agreed_measure(stored: Measure | None, given: Measure | None) -> Measure | None:
    """Return the measure of expression to take.

    Parameters
    ----------
    stored : str or None
        That of the build; None when it named none.
    given : str or None
        That of the addition.

    Returns
    -------
    str or None
        The one that is named.

    Raises
    ------
    ConfigError
        When two are named and differ.
    """
    if stored is not None and given is not None and stored != given:
        raise ConfigError(
            f"--measure {given} contradicts the feature file, which was built with {stored}; "
            "leave it out, or build another file"
        )
    return given if stored is None else stored


def contact_settings(features: FeatureFile, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that make new contacts alike to those in the file.

    Parameters
    ----------
    features : FeatureFile
        The file.
    settings : mapping
        Settings of the block when the file was built.

    Returns
    -------
    dict
        ``settings`` without those of reading, with the geometry and the target depth of the
        file's samples. The depth is left open when the samples have several: each then has its
        own scope.
    """
    result = {key: value for key, value in settings.items() if key not in READING}
    attrs = [features.array_attrs(signal_path(sample)) for sample in features.contact_samples]
    for key in _GEOMETRY:
        if key in attrs[0]:
            result[key] = np.asarray(attrs[0][key]).item()
    depths = {float(a["target_depth"]) for a in attrs if "target_depth" in a}
    if len(depths) == 1 and settings.get("depth_scope", "all") == "all":
        depth = depths.pop()
        if np.isfinite(depth):
            result["target_depth"] = int(depth) if depth.is_integer() else depth
    return result


def agreed_settings(
    name: str,
    model: type[PluginConfig],
    stored: Mapping[str, Any],
    given: Mapping[str, Any],
) -> PluginConfig:
    """Return the configuration of a block that the file has: the stored one.

    Parameters
    ----------
    name : str
        The block.
    model : type of PluginConfig
        Its configuration class.
    stored : mapping
        Settings of the file.
    given : mapping
        Settings of ``--set``; may repeat what is stored, and say how files are read.

    Returns
    -------
    PluginConfig
        The configuration.

    Raises
    ------
    ConfigError
        When a setting is unknown, or is another than the file's.
    """
    known = {key: value for key, value in stored.items() if key in model.model_fields}
    old = parse_config(model, known, f"block {name}, stored settings")
    new = parse_config(model, {**known, **given}, f"block {name}")
    for key in given:
        before, after = getattr(old, key), getattr(new, key)
        if before != after and not (name == CONTACTS and key in READING):
            raise ConfigError(
                f"{name}.{key} = {after!r} contradicts the feature file, which has {before!r}; "
                "leave it out, or build another file"
            )
    return new
