"""Read the ``SAMPLE=FILE`` forms of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dexkit.errors import ConfigError

if TYPE_CHECKING:
    from dexkit.features.config import ContactsSource, ExpressionSource


def read_sources(
    contacts: Sequence[str] | None, expression: Sequence[str] | None, sheet: Path | None
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

    Returns
    -------
    tuple
        Contact sources and expression sources, the sheet's first.

    Raises
    ------
    ConfigError
        When a value is malformed.
    InputError
        When the sheet is missing or malformed.
    """
    from dexkit.features.config import ContactsSource, ExpressionSource
    from dexkit.io.samples import check_sample_name, read_samples

    contact_sources = []
    expression_sources = []
    for row in read_samples(sheet) if sheet is not None else ():
        if row.contacts:
            contact_sources.append(ContactsSource(sample=row.name, paths=row.contacts))
        if row.expression is not None:
            expression_sources.append(
                ExpressionSource(path=row.expression, sample=row.name, column=row.expression_column)
            )
    for value in contacts or ():
        sample, equals, files = value.partition("=")
        paths = tuple(Path(part) for part in files.split(",") if part)
        if not equals or not sample or not paths:
            raise ConfigError(
                f"--contacts {value!r} is malformed; expected SAMPLE=FILE or SAMPLE=FILE,FILE"
            )
        check_sample_name(sample)
        contact_sources.append(ContactsSource(sample=sample, paths=paths))
    for value in expression or ():
        sample, equals, file = value.partition("=")
        if equals and (not sample or not file):
            raise ConfigError(f"--expression {value!r} is malformed; expected FILE or SAMPLE=FILE")
        if equals:
            check_sample_name(sample)
        expression_sources.append(
            ExpressionSource(path=Path(file), sample=sample)
            if equals
            else ExpressionSource(path=Path(value))
        )
    return tuple(contact_sources), tuple(expression_sources)
