"""Read and check the options of ``build-features``: ``SAMPLE=FILE`` forms, numbers, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dexkit.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from pydantic import BaseModel

    from dexkit.features.config import ContactsSource, ExpressionSource

    M = TypeVar("M", bound=BaseModel)

#: Keys whose option is not the key with dashes.
_OPTIONS = {
    "tss_rule": "--tss",
    "n_threads": "--threads",
    "format": "--contacts-format",
    "max_memory_bytes": "--max-memory",
    "gene_types": "--gene-type",
}


def read_sources(
    contacts: Sequence[str] | None,
    expression: Sequence[str] | None,
    sheet: Path | None,
    depth: Sequence[str] | None = None,
    expression_column: str | None = None,
) -> tuple[tuple[ContactsSource, ...], tuple[ExpressionSource, ...]]:
    """Return contact and expression sources of ``--contacts``, ``--expression``, ``--samples``.

    Parameters
    ----------
    contacts : sequence of str or None
        ``SAMPLE=FILE[,FILE…]``.
    expression : sequence of str or None
        ``FILE`` or ``SAMPLE=FILE``.
    sheet : Path or None
        Sample sheet.
    depth : sequence of str or None
        ``SAMPLE=N[,N…]``: valid pairs of each replicate.
    expression_column : str or None
        Column to take of every ``SAMPLE=FILE`` of ``expression``.

    Returns
    -------
    tuple
        Contact sources and expression sources, the sheet's first.

    Raises
    ------
    ConfigError
        When a value is malformed, lists a file twice, or gives a sample contacts that the sheet
        gives it too; when depths are given twice, or for a sample without contacts; when a column
        is given and no ``SAMPLE=FILE``.
    InputError
        When the sheet is missing or malformed, or a depth is no number.
    """
    from dexkit.features.config import ContactsSource, ExpressionSource
    from dexkit.hooks.config import parse_config
    from dexkit.io.samples import check_sample_name, read_samples

    rows = read_samples(sheet) if sheet is not None else []
    with_contacts = [row for row in rows if row.contacts]
    depths = _read_depths(depth or ())
    for row in with_contacts:
        if row.depths and row.name in depths:
            raise ConfigError(
                f"sample {row.name!r} is given depths twice, in the sheet {sheet} and by "
                "--depth; give them in one place"
            )
    in_sheet = {row.name for row in with_contacts}
    by_option = [_read_contacts(value) for value in contacts or ()]
    for sample, _ in by_option:
        if sample in in_sheet:
            raise ConfigError(
                f"sample {sample!r} is given contacts twice, in the sheet {sheet} and by "
                "--contacts; give them in one place"
            )
    for sample in depths:
        if sample not in (known := [*in_sheet, *(name for name, _ in by_option)]):
            raise ConfigError(
                f"--depth names sample {sample!r}, which has no contacts; "
                f"{did_you_mean(sample, known)}"
            )
    given = [(row.name, row.contacts, row.depths, f"sheet {sheet}") for row in with_contacts]
    given += [(sample, paths, (), "--contacts") for sample, paths in by_option]
    contact_sources = [
        parse_config(
            ContactsSource,
            {"sample": sample, "paths": paths, "depths": own or depths.get(sample, ())},
            where,
        )
        for sample, paths, own, where in given
    ]
    expression_sources = [
        ExpressionSource(path=row.expression, sample=row.name, column=row.expression_column)
        for row in rows
        if row.expression is not None
    ]
    for value in expression or ():
        sample, equals, file = value.partition("=")
        if equals and (not sample or not file):
            raise ConfigError(f"--expression {value!r} is malformed; expected FILE or SAMPLE=FILE")
        if equals:
            check_sample_name(sample)
        expression_sources.append(
            ExpressionSource(path=Path(file), sample=sample, column=expression_column)
            if equals
            else ExpressionSource(path=Path(value))
        )
    if expression_column is not None and not any("=" in value for value in expression or ()):
        raise ConfigError(
            f"--expression-column {expression_column!r} has no effect; expected an --expression of "
            "the form SAMPLE=FILE (the sample sheet has a column expression_column)"
        )
    return tuple(contact_sources), tuple(expression_sources)


def _read_contacts(value: str) -> tuple[str, tuple[Path, ...]]:
    """Return sample and files of one ``--contacts SAMPLE=FILE[,FILE…]``."""
    from dexkit.io.samples import check_sample_name

    sample, equals, files = value.partition("=")
    names = [part.strip() for part in files.split(",")]
    if not equals or not sample or not all(names):
        raise ConfigError(
            f"--contacts {value!r} is malformed; expected SAMPLE=FILE or SAMPLE=FILE,FILE "
            "without an empty entry"
        )
    return check_sample_name(sample), tuple(map(Path, names))


def _read_depths(values: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Return the depths of ``--depth SAMPLE=N[,N…]`` by sample."""
    from dexkit.io.samples import parse_depths

    found: dict[str, tuple[float, ...]] = {}
    for value in values:
        sample, equals, numbers = value.partition("=")
        if not equals or not sample or not numbers:
            raise ConfigError(f"--depth {value!r} is malformed; expected SAMPLE=N or SAMPLE=N,N")
        if sample in found:
            raise ConfigError(
                f"--depth is given twice for sample {sample!r}; join the numbers with commas"
            )
        found[sample] = parse_depths(numbers, sample)
    return found


def contact_settings(
    given: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]], wanted: bool
) -> dict[str, dict[str, Any]]:
    """Return ``settings`` with the contact options put under ``contacts``.

    Parameters
    ----------
    given : mapping
        Value by key of the block ``contacts``; None stands for an option that was not given.
    settings : mapping
        The values of ``--set``, by block.
    wanted : bool
        Whether contact files are given. The block is then named even without a setting, so that
        a build without it is refused and the files are not passed over in silence.

    Returns
    -------
    dict of str to dict
        Settings by block.

    Raises
    ------
    ConfigError
        When an option has a bad value, or ``--set`` gives the same key.
    PluginError
        When a contact option is given and there is no block ``contacts``.
    """
    from dexkit.hooks.manager import plugins

    chosen = {key: value for key, value in given.items() if value is not None}
    result = {name: dict(values) for name, values in settings.items()}
    for key in chosen:
        if key in result.get("contacts", {}):
            raise ConfigError(
                f"{_option(key)} and --set contacts.{key} are both given; give one of the two"
            )
    if chosen:
        parse_options(plugins().block("contacts").config, chosen)
    if chosen or wanted:
        result["contacts"] = chosen | result.get("contacts", {})
    return result


def parse_options(model: type[M], values: Mapping[str, Any]) -> M:
    """Check the values of options and return them as a configuration.

    Parameters
    ----------
    model : type of pydantic.BaseModel
        The configuration class.
    values : mapping
        Value by key; the option of a key is the key with dashes, or stands in ``_OPTIONS``.

    Returns
    -------
    pydantic.BaseModel
        An instance of ``model``.

    Raises
    ------
    ConfigError
        One sentence that names every bad option, its value and what was expected.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors(include_url=False)]
        raise ConfigError("; ".join(problems)) from None


def _option(key: str) -> str:
    return _OPTIONS.get(key, f"--{key.replace('_', '-')}")


def _problem(detail: Any) -> str:
    """Return what is wrong with the value of one option."""
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not detail["loc"]:
        return message
    limits = detail.get("ctx", {})
    words = {
        "greater_than_equal": "at least {ge:,}",
        "greater_than": "more than {gt:,}",
        "less_than_equal": "at most {le:,}",
        "finite_number": "a finite number",
        "literal_error": "{expected}",
    }.get(detail["type"])
    expected = message if words is None else f"expected {words.format(**limits)}"
    value = detail["input"]
    shown = repr(value) if isinstance(value, str) else str(value)
    return f"{_option(str(detail['loc'][0]))} is {shown}; {expected}"
