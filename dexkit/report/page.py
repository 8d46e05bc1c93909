"""HTML pages that need nothing but themselves."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).parent / "templates"


def fill(template: str, context: Mapping[str, Any]) -> str:
    """Fill one of dexkit's templates.

    Parameters
    ----------
    template : str
        File name in ``dexkit/report/templates``.
    context : mapping
        Its variables; text is escaped.

    Returns
    -------
    str
        The page.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(context)


def png_uri(png: bytes) -> str:
    """Return an image as the address that an ``img`` element carries within itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
