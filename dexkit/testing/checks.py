"""How a conformance check runs, fails and reports, and the checks common to all entries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from dexkit.errors import ConfigError, PluginError
from dexkit.hooks import PluginConfig, parse_config


class CheckFailure(PluginError, AssertionError):
    """A plugin does not keep the contract of its hook.

    It is an AssertionError, too, so that test runners count it as a failure and not as an error.
    """


class Checks:
    """The course of one conformance check.

    Parameters
    ----------
    subject : str
        What is checked, for messages: ``"encoder 'attn'"``.

    Attributes
    ----------
    passed : list of str
        What has been found in order so far.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.passed: list[str] = []

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Run one part of the check; anything it raises becomes a :class:`CheckFailure`.

        Parameters
        ----------
        label : str
            What is checked; joins ``passed`` when the block ends well.

        Raises
        ------
        CheckFailure
            Naming the subject, the label and the cause.
        """
        try:
            yield
        except CheckFailure:
            raise
        except Exception as error:
            cause = " ".join(f"{type(error).__name__}: {error}".split())
            raise CheckFailure(f"{self.subject}, {label}: raised {cause}") from error
        self.passed.append(label)

    def require(self, condition: bool, message: str) -> None:
        """Raise :class:`CheckFailure` with ``message`` unless ``condition`` holds."""
        if not condition:
            raise CheckFailure(f"{self.subject}: {message}")

    def finite(self, what: str, values: npt.NDArray[Any]) -> None:
        """Raise :class:`CheckFailure` when an array of numbers holds NaN or infinity."""
        bad = int(np.size(values) - np.count_nonzero(np.isfinite(values)))
        self.require(bad == 0, f"{what} holds {bad} NaN or infinite values; expected none")

    def json_able(self, what: str, value: Mapping[str, Any]) -> None:
        """Raise :class:`CheckFailure` unless a mapping can be stored as strict JSON."""
        try:
            keys = set(json.loads(json.dumps(dict(value), allow_nan=False)))
        except (TypeError, ValueError) as error:
            raise CheckFailure(
                f"{self.subject}: {what} cannot be stored as JSON: {error}"
            ) from error
        self.require(keys == set(value), f"{what} has keys that are no strings")


def check_config(checks: Checks, model: type[PluginConfig], config: PluginConfig | None) -> Any:
    """Check the configuration class of an entry.

    Parameters
    ----------
    checks : Checks
        The running check.
    model : type of PluginConfig
        The entry's ``config``.
    config : PluginConfig, optional
        The configuration to check with; by default the one made of all defaults.

    Returns
    -------
    PluginConfig
        ``config``, or the defaults.

    Raises
    ------
    CheckFailure
        When a key has no default and ``config`` is not given, the defaults break their own rules,
        the values change on their way through JSON, or an unknown key is accepted.
    """
    with checks.step("configuration"):
        if config is None:
            required = [name for name, field in model.model_fields.items() if field.is_required()]
            checks.require(
                not required, f"keys without default: {', '.join(required)}; give config= to check"
            )
            config = model()
        checks.require(
            isinstance(config, model),
            f"config= is a {type(config).__name__}; expected {model.__name__}",
        )
        try:
            back = model.model_validate(json.loads(config.model_dump_json(warnings=False)))
        except ValidationError as error:
            raise CheckFailure(
                f"{checks.subject}: the configuration breaks its own rules: "
                f"{error.errors(include_url=False)[0]['msg']} "
                f"({'.'.join(map(str, error.errors()[0]['loc']))})"
            ) from error
        checks.require(
            back == config, f"the configuration {config!r} comes back from JSON as {back!r}"
        )
        unknown = "no_such_key_of_any_plugin"
        try:
            parse_config(model, config.model_dump() | {unknown: 1}, checks.subject)
        except ConfigError as error:
            checks.require(
                unknown in str(error), f"an unknown key gives the error {error}; expected its name"
            )
        else:
            checks.require(False, "an unknown key is accepted; keep extra='forbid' in the config")
    return config
