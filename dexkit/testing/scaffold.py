"""Write a new plugin package from the template beside this module."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from dexkit.errors import ConfigError, OutputError
from dexkit.hooks import plugins

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write_plugin_package(name: str, out: Path) -> Path:
    """Write a package of its own with one encoder, a test and a pyproject.toml.

    Parameters
    ----------
    name : str
        Name of the encoder as in ``--plugin``: lower-case words joined by ``-``. The
        distribution becomes ``dexkit-<name>``, the import package ``dexkit_<name>``.
    out : Path
        Folder to make; it appears whole or not at all.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    ConfigError
        When the name has another form, or an installed plugin, encoder or baseline has it.
    OutputError
        When ``out`` exists and is not an empty folder, or cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a plugin; expected lower-case words joined by '-', such as "
            "'attn' or 'dilated-cnn'"
        )
    installed = plugins()
    if name in {*installed.sources, *installed.encoders, *installed.baselines}:
        raise ConfigError(f"a plugin called {name!r} is installed already; choose another name")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise OutputError(f"{out} exists and is not an empty folder; give another with -o")
    words = {
        "name": name,
        "distribution": f"dexkit-{name}",
        "module": f"dexkit_{name.replace('-', '_')}",
    }
    partial: Path | None = None
    try:
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.resolve().parent))
        partial.chmod(0o755)  # mkdtemp makes a private folder
        for parts, source in _template_files(files("dexkit.testing") / "template"):
            target = partial.joinpath(*(words["module"] if p == "package" else p for p in parts))
            target.parent.mkdir(parents=True, exist_ok=True)
            text = Template(source.read_text(encoding="utf-8")).substitute(words)
            target.with_suffix("").write_text(text, encoding="utf-8", newline="\n")
        os.replace(partial, out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}") from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
    return out


def _template_files(
    folder: Traversable, parts: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Traversable]]:
    """Yield the path below the template and the file, for every file named ``*.in``."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        path = (*parts, item.name)
        if item.is_dir():
            yield from _template_files(item, path)
        elif item.name.endswith(".in"):
            yield path, item
