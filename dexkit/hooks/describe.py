"""Say in words what a plugin's configuration takes: for ``plugins show`` and the documentation."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic_core import to_jsonable_python

from dexkit.hooks.base import PluginConfig

#: Longer defaults are shortened; ``plugins show --json`` has them whole.
_MAX_DEFAULT = 48
_LIMITS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "min_length": "length >="}


@dataclass(frozen=True)
class Option:
    """One key of a configuration.

    Parameters
    ----------
    name : str
        The key.
    type : str
        What values it takes: ``"int > 0"``, ``"flatten | mean"``, ``"list of int > 0"``.
    default : str
        As TOML writes it, shortened where it is long; ``"none"`` or ``"required"`` where there is
        none.
    meaning : str
        The field's description.
    """

    name: str
    type: str
    default: str
    meaning: str


def describe_config(config: type[PluginConfig]) -> list[Option]:
    """Describe every key of a configuration class.

    Parameters
    ----------
    config : type of PluginConfig
        The class.

    Returns
    -------
    list of Option
        In the order of definition.
    """
    options = []
    for name, field in config.model_fields.items():
        text = _with_limits(_type_text(field.annotation), field.metadata)
        default = "required"
        if not field.is_required():
            value = field.get_default(call_default_factory=True, validated_data={})
            plain = to_jsonable_python(value)
            default = "none" if plain is None else _shortened(json.dumps(plain), plain)
        options.append(Option(name, text, default, field.description or ""))
    return options


def _shortened(text: str, value: Any) -> str:
    """Cut a default that is too long for a table; of numbers, a grid, say from where to where."""
    if len(text) <= _MAX_DEFAULT:
        return text
    if isinstance(value, list) and all(isinstance(item, int | float) for item in value):
        return f"{len(value)} values, {value[0]:g} to {value[-1]:g}"
    return f"{text[:_MAX_DEFAULT]}…"


def _type_text(annotation: Any) -> str:
    """Return a type annotation in a user's words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _with_limits(_type_text(arguments[0]), arguments[1:])
    if origin is Literal:
        return " | ".join(str(value) for value in arguments)
    if origin in (Union, types.UnionType):
        return " | ".join(_type_text(argument) for argument in arguments)
    if origin in (tuple, list, set, frozenset):
        kinds = dict.fromkeys(_type_text(a) for a in arguments if a is not Ellipsis)
        return f"list of {' | '.join(kinds)}"
    if annotation is type(None):
        return "none"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _with_limits(text: str, metadata: Iterable[Any]) -> str:
    """Add the bounds among the metadata of a field: ``"float >= 0, < 1"``."""
    items = [i for item in metadata for i in getattr(item, "metadata", None) or [item]]
    limits = [
        f"{sign} {getattr(item, key)}"
        for item in items
        for key, sign in _LIMITS.items()
        if getattr(item, key, None) is not None
    ]
    return f"{text} {', '.join(limits)}" if limits else text
