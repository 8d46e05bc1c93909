"""Find, load and check the plugins of the entry-point group ``dexkit``.

The built-in plugins come through the same entry points as everybody else's. Each entry point is
loaded on its own: whatever goes wrong in one disables that one, is kept in
:attr:`Plugins.failures <dexkit.hooks.registry.Plugins>` and gives one warning line.

Environment
-----------
DEXKIT_PLUGINS
    Comma-separated entry points to load, and no others; set but empty: none.
DEXKIT_STRICT_PLUGINS
    ``1``: the first plugin that fails raises its own error instead of being disabled.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_args

import pluggy

from dexkit.errors import PluginError, did_you_mean
from dexkit.hooks import specs
from dexkit.hooks.base import PluginConfig
from dexkit.hooks.config import parse_config, parse_settings
from dexkit.hooks.entries import Entry, MotifExporterEntry, PresetEntry, Target, Task
from dexkit.hooks.registry import KINDS, Kind, PluginFailure, Plugins, Registered
from dexkit.hooks.selection import PluginChoice, parse_plugin_argument

__all__ = [
    "PluginChoice",
    "Plugins",
    "load_plugins",
    "parse_config",
    "parse_plugin_argument",
    "parse_settings",
    "plugins",
]

GROUP = "dexkit"
ONLY_VARIABLE = "DEXKIT_PLUGINS"
STRICT_VARIABLE = "DEXKIT_STRICT_PLUGINS"
# '+', ':', '.' and '=' separate names in `--plugin a:preset+b` and `--set a.key=value`.
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]*")

logger = logging.getLogger("dexkit")


def load_plugins(only: Sequence[str] | None = None) -> Plugins:
    """Load the installed plugins.

    Parameters
    ----------
    only : sequence of str, optional
        Entry points to load, and no others; an empty sequence loads none. By default
        ``DEXKIT_PLUGINS`` decides, and where it is not set all are loaded.

    Returns
    -------
    Plugins
        The entries by kind and name. Plugins that failed are in ``failures``.

    Raises
    ------
    PluginError
        When ``only`` names an entry point that is not installed, when two distributions use
        one name, or when no plugin at all is installed.
    """
    if only is None and ONLY_VARIABLE in os.environ:
        only = [name.strip() for name in os.environ[ONLY_VARIABLE].split(",") if name.strip()]
    result = Plugins(sources={})
    sources: dict[str, tuple[str, str]] = {}
    for point in _select(sorted(entry_points(group=GROUP), key=lambda point: point.name), only):
        distribution, version = _source(point)
        try:
            found = _collect(point)
        except (Exception, SystemExit) as error:  # whatever a plugin does at import or in a hook
            if os.environ.get(STRICT_VARIABLE) == "1":
                raise
            failure = PluginFailure(point.name, distribution, version, _reason(error), error)
            result.failures.append(failure)
            logger.warning(
                "plugin %r (%s %s) is disabled: %s",
                point.name,
                distribution,
                version,
                failure.reason,
            )
            continue
        sources[point.name] = (distribution, version)
        for kind, entry in found:
            _add(result, kind, Registered(entry, distribution, version, point.name))
    return Plugins(
        **{kind.attribute: dict(sorted(result.of_kind(kind).items())) for kind in KINDS},
        failures=result.failures,
        sources=sources,
    )


def plugins() -> Plugins:
    """Return the installed plugins, loaded once for each environment.

    Returns
    -------
    Plugins
        As of :func:`load_plugins`. They are loaded again when ``DEXKIT_PLUGINS``,
        ``DEXKIT_STRICT_PLUGINS`` or ``sys.path`` have changed since.

    Raises
    ------
    PluginError
        As :func:`load_plugins`.
    """
    switches = os.environ.get(ONLY_VARIABLE), os.environ.get(STRICT_VARIABLE)
    return _load_once(*switches, tuple(sys.path))


@functools.lru_cache(maxsize=4)
def _load_once(_only: str | None, _strict: str | None, _path: tuple[str, ...]) -> Plugins:
    return load_plugins()


def _select(points: Sequence[EntryPoint], only: Sequence[str] | None) -> list[EntryPoint]:
    """Return the entry points to load; raise when one is unknown, doubled, or none is there."""
    if only is not None and not only:
        return []
    if not points:
        raise PluginError(
            "no dexkit plugin is installed, not even the built-in ones: dexkit seems to run from "
            "a source tree; install it with `pip install .` or `pip install -e .`"
        )
    by_name: dict[str, EntryPoint] = {}
    for point in points:
        other = by_name.setdefault(point.name, point)
        if other is not point:
            raise PluginError(
                f"two plugins are called {point.name!r}: one of {' '.join(_source(other))} and one "
                f"of {' '.join(_source(point))}; uninstall one of the two"
            )
    if only is None:
        return list(by_name.values())
    for name in only:
        if name not in by_name:
            raise PluginError(
                f"no installed plugin is called {name!r}; {did_you_mean(name, by_name)}; "
                f"see {ONLY_VARIABLE}"
            )
    return [by_name[name] for name in dict.fromkeys(only)]


def _source(point: EntryPoint) -> tuple[str, str]:
    """Return the name and version of the distribution of an entry point."""
    if point.dist is None:
        return "unknown distribution", "unknown version"
    return point.dist.name, point.dist.version


def _collect(point: EntryPoint) -> list[tuple[Kind, Entry]]:
    """Import one plugin, check its hooks, and return what they yield."""
    plugin = point.load()
    # A manager for each plugin: what pluggy complains about is then this plugin's.
    manager = pluggy.PluginManager(specs.PROJECT)
    manager.add_hookspecs(specs)
    manager.register(plugin, name=point.name)
    hooks = {kind.hook for kind in KINDS}
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        if caller.name not in hooks:
            raise PluginError(f"unknown hook {caller.name!r}; {did_you_mean(caller.name, hooks)}")
    manager.check_pending()
    if not callers:
        raise PluginError(
            f"{point.value!r} implements no hook; mark its hooks with dexkit.hooks.hookimpl"
        )
    found: list[tuple[Kind, Entry]] = []
    for kind in KINDS:
        for implementation in getattr(manager.hook, kind.hook).get_hookimpls():
            found += [(kind, entry) for entry in _entries(kind, implementation.function())]
    names = [(_namespace(kind), entry.name) for kind, entry in found]
    for namespace, name in names:
        if names.count((namespace, name)) > 1:
            raise PluginError(f"the {' or '.join(namespace)} {name!r} is there twice")
    return found


def _entries(kind: Kind, result: Any) -> list[Entry]:
    """Check what a hook returned and return its entries."""
    if not isinstance(result, Iterable) or isinstance(result, str):
        raise PluginError(
            f"{kind.hook} returned {type(result).__name__}; expected an iterable of "
            f"{kind.entry_type.__name__}"
        )
    entries = list(result)
    for entry in entries:
        _check_entry(kind, entry)
    return entries


def _namespace(kind: Kind) -> tuple[str, ...]:
    """Return the kinds that share one set of names: encoders and baselines share --plugin."""
    return ("encoder", "baseline") if kind.name in ("encoder", "baseline") else (kind.name,)


def _check_entry(kind: Kind, entry: Any) -> None:
    """Raise when a record does not keep its own contract."""
    if not isinstance(entry, kind.entry_type):
        raise PluginError(
            f"{kind.hook} yielded {type(entry).__name__}; expected {kind.entry_type.__name__}"
        )
    if not isinstance(entry.name, str) or not NAME_PATTERN.fullmatch(entry.name):
        raise PluginError(
            f"{kind.hook} yielded the name {entry.name!r}; expected lower-case letters, digits, "
            "'-' and '_'"
        )
    if isinstance(entry, PresetEntry):
        return
    code = entry.write if isinstance(entry, MotifExporterEntry) else entry.factory
    if not isinstance(code, str) or not all(code.partition(":")):
        raise PluginError(
            f"{kind.name} {entry.name!r} names its code as {code!r}; expected a string "
            "'package.module:function'"
        )
    if not isinstance(entry, MotifExporterEntry):
        config = entry.config
        if not (isinstance(config, type) and issubclass(config, PluginConfig)):
            raise PluginError(
                f"{kind.name} {entry.name!r} has the config {config!r}; expected a subclass of "
                "dexkit.hooks.PluginConfig"
            )
    for field, allowed in (("task", get_args(Task)), ("target", get_args(Target))):
        value = getattr(entry, field, None)
        if value is not None and value not in allowed:
            raise PluginError(
                f"{kind.name} {entry.name!r} has the {field} {value!r}; expected one of {allowed}"
            )


def _add(result: Plugins, kind: Kind, new: Registered[Any]) -> None:
    """Put an entry in its place; raise when another plugin has taken its name."""
    name = new.entry.name
    for rival in KINDS:
        old = result.of_kind(rival).get(name) if rival.name in _namespace(kind) else None
        if old is not None:
            raise PluginError(
                f"two plugins provide the {' or '.join(_namespace(kind))} {name!r}: {old.plugin!r} "
                f"of {old.distribution} {old.version} and {new.plugin!r} of {new.distribution} "
                f"{new.version}; uninstall one, or list the plugins to load in {ONLY_VARIABLE}"
            )
    getattr(result, kind.attribute)[name] = new


def _reason(error: BaseException) -> str:
    """Return one line that says what was raised."""
    text = " ".join(str(error).split())
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
