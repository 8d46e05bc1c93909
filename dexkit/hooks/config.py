"""Turn what a user typed into the configuration of a plugin."""

from __future__ import annotations

import datetime
import reprlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from dexkit.errors import ConfigError, did_you_mean

C = TypeVar("C", bound=BaseModel)

#: Pydantic speaks of Python's types; users write TOML.
_LISTS = dict.fromkeys(("tuple_type", "list_type"), "expected a list in brackets, as in [1, 10]")


def parse_config(model: type[C], values: Mapping[str, Any], where: str) -> C:
    """Check ``values`` and return them as a configuration: a plugin's, or one of dexkit itself.

    Parameters
    ----------
    model : type of pydantic.BaseModel
        The configuration class; a plugin's derives from ``PluginConfig``.
    values : mapping
        Keys and values; a key that is left out takes its default.
    where : str
        What the error message names: ``"--set densenet"``, ``"run.toml, [densenet]"``.

    Returns
    -------
    pydantic.BaseModel
        An instance of ``model``.

    Raises
    ------
    ConfigError
        One sentence that names every bad key: an unknown one with the nearest known name, a bad
        value with what was expected.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = [_problem(model, detail) for detail in error.errors(include_url=False)]
        raise ConfigError(f"{where}: {'; '.join(problems)}") from None


def parse_settings(settings: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Read the values of ``--set PLUGIN.KEY=VALUE``.

    Parameters
    ----------
    settings : iterable of str
        Such as ``densenet.growth_rate=16``. A value is read as TOML (number, true or false,
        array, quoted string); anything that is no TOML is taken as a bare string. More dots
        reach into nested configurations.

    Returns
    -------
    dict of str to dict
        Keys and values by plugin name, ``{"densenet": {"growth_rate": 16}}``.

    Raises
    ------
    ConfigError
        When a setting has no ``=``, no plugin or key name, a broken array or quoted string, is
        not a number (NaN), or sets a key twice.
    """
    result: dict[str, dict[str, Any]] = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        parts = [part.strip() for part in path.split(".")]
        if not equals or len(parts) < 2 or not all(parts):
            raise ConfigError(
                f"setting {setting!r} is malformed; expected PLUGIN.KEY=VALUE, "
                "for example densenet.growth_rate=16"
            )
        *tables, key = parts
        table: dict[str, Any] = result
        for name in tables:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise ConfigError(f"setting {setting!r}: {name!r} was given a value before")
        if key in table:
            raise ConfigError(f"setting {setting!r}: {'.'.join(parts)} is set twice; give it once")
        table[key] = _parse_value(text.strip(), setting)
    return result


def _parse_value(text: str, setting: str) -> Any:
    """Return one value of ``--set``: TOML where it is TOML, a bare string otherwise."""
    structured = text[:1] in ("[", "{", '"', "'")
    if "\n" in text:
        raise ConfigError(f"setting {setting!r} is malformed; expected one line")
    # TOML would cut '16#3' to 16 as a comment.
    if "#" in text and not structured:
        return text
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        if structured:
            raise ConfigError(
                f"setting {setting!r} has a broken value: {error}; expected TOML, and quotes "
                "round the whole setting on the command line"
            ) from None
        return text
    if isinstance(value, float) and value != value:
        raise ConfigError(f"setting {setting!r} is not a number; expected a finite value")
    # Dates are no configuration values, and JSON cannot hold them.
    if isinstance(value, datetime.date | datetime.time):
        return text
    return value


def _problem(model: type[BaseModel], detail: Any) -> str:
    """Return what is wrong with one key, in the words of a sentence part."""
    location: Sequence[str | int] = detail["loc"]
    key = ".".join(str(part) for part in location)
    if detail["type"] == "extra_forbidden":
        known = _keys(model, location[:-1])
        return f"key {key!r} is unknown; {did_you_mean(str(location[-1]), known)}"
    if detail["type"] == "missing":
        return f"key {key!r} is required"
    message = _LISTS.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    message = message[:1].lower() + message[1:]
    if not location:
        return message
    return f"{key} = {reprlib.repr(detail['input'])} is not valid: {message}"


def _keys(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the known keys of the (nested) model at ``location``."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that occur in a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
