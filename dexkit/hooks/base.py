"""What every plugin record builds on: configuration, and names of heavy code.

Heavy code is named, not imported: a reference is a string ``"package.module:function"``,
resolved on first use, so that discovery stays fast.
"""

from __future__ import annotations

import importlib
from typing import Any

from pydantic import BaseModel, ConfigDict

from dexkit.errors import PluginError


class PluginConfig(BaseModel):
    """Base of every plugin's configuration.

    Unknown keys are errors, instances are frozen, and NaN and infinity are refused: a
    configuration is stored as JSON, which has neither.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NoConfig(PluginConfig):
    """The configuration of a plugin that has nothing to configure."""


def resolve(reference: str) -> Any:
    """Import the object that ``"package.module:attribute"`` names.

    Parameters
    ----------
    reference : str
        Module path and attribute, joined by a colon.

    Returns
    -------
    object
        The attribute.

    Raises
    ------
    PluginError
        When the module cannot be imported or has no such attribute.
    """
    module_name, _, attribute = reference.partition(":")
    if not module_name or not attribute:
        raise PluginError(
            f"plugin reference {reference!r} is malformed; expected 'package.module:function'"
        )
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        raise PluginError(f"plugin code {reference!r} cannot be imported: {error}") from error
    except AttributeError:
        raise PluginError(f"plugin module {module_name!r} has no attribute {attribute!r}") from None
