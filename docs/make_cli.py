"""Write ``docs/cli.md`` from the commands themselves: ``make docs``.

``tests/test_docs.py`` fails when the file and the commands differ.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer
from typer.models import ArgumentInfo, OptionInfo

from dexkit.cli.app import app

TARGET = Path(__file__).parent / "cli.md"

_HEAD = """\
<!-- Written by `make docs` from the commands; edit their help texts in dexkit/cli instead. -->

# Commands

`dexkit COMMAND --help` shows the same. Results go to stdout, messages and progress bars to stderr
(no bars where stderr is no terminal). No command replaces what exists without `--force`, but for
`report`, whose output is derived from the run.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a bug: the traceback follows, please report it; of `features diff --exit-code`: they differ |
| 2 | wrong input or command: one line on stderr (a mistyped option shows usage too) |
| 130 | interrupted |
| 143 | stopped by SIGTERM: `fit` has saved its state, `fit --resume RUN` goes on |
"""

_TYPES = {Path: "PATH", int: "INTEGER", float: "NUMBER", str: "TEXT"}


def commands(group: typer.Typer, prefix: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield full name and function of every command, groups in the order of their commands."""
    for command in group.registered_commands:
        if command.callback is not None:
            yield f"{prefix} {command.name}", command.callback
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            yield from commands(inner.typer_instance, f"{prefix} {inner.name}")


def parameters(
    function: Callable[..., Any],
) -> Iterator[tuple[str, ArgumentInfo | OptionInfo, Any, Any]]:
    """Yield name, typer's record, type and default of every parameter of a command."""
    hints = typing.get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        if hints[name] is typer.Context:
            continue  # of no concern to a user
        kind, info = typing.get_args(hints[name])[:2]
        yield name, info, kind, parameter.default


def render() -> str:
    """Return the content of ``docs/cli.md``."""
    parts = [_HEAD, "## dexkit", *_table("dexkit", app.registered_callback.callback)]
    for name, function in commands(app, "dexkit"):
        text = inspect.cleandoc(function.__doc__ or "")
        parts += [f"## {name}", text, *_table(name, function)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _table(name: str, function: Callable[..., Any]) -> Iterator[str]:
    """Yield the usage line and the table of arguments and options."""
    usage, required, rows = [name], [], []
    for parameter, info, kind, default in parameters(function):
        values, several = _values(kind)
        if isinstance(info, ArgumentInfo):
            shown = info.metavar or parameter.upper()
            shown += " …" if several else ""
            usage.append(shown)
            rows.append((f"`{shown}`", _help(info), _default(default, False)))
            continue
        flag = values == "FLAG"
        names = _spellings(parameter, info)
        value = "" if flag else f" {info.metavar or values}"
        if default is inspect.Parameter.empty:
            required.append(f"{names[0]}{value}")
        spelt = ", ".join(f"`{name}`" for name in names)
        rows.append((f"{spelt}{value}", _help(info), _default(default, flag)))
    usage += required
    if len(rows) > len(usage) - 1:
        usage.append("[OPTIONS]")
    if name == "dexkit":
        usage.append("COMMAND")
    yield f"    {' '.join(usage)}"
    if rows:
        lines = ["| | | default |", "|---|---|---|"]
        yield "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _spellings(parameter: str, info: OptionInfo) -> list[str]:
    """Return the ways to write an option, the long one first."""
    # In Annotated, typer keeps the first declared name where a default would stand.
    declared = [info.default] if isinstance(info.default, str) else []
    declared += info.param_decls or ()
    names = declared or [f"--{parameter.replace('_', '-')}"]
    return sorted(names, key=lambda name: not name.startswith("--"))


def _values(kind: Any) -> tuple[str, bool]:
    """Return the word for a type, and whether there may be several."""
    inner = [arg for arg in typing.get_args(kind) if arg is not type(None)]
    if typing.get_origin(kind) is list:
        return _values(inner[0])[0], True
    if inner:
        return _values(inner[0])
    return ("FLAG" if kind is bool else _TYPES[kind]), False


def _default(value: Any, flag: bool) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    return "" if flag or value is None or value == "" else f"`{value}`"


def _help(info: ArgumentInfo | OptionInfo) -> str:
    # Help texts escape brackets, which rich would take for markup; tables end cells at bars.
    text = re.sub(r"\\+\[", "[", info.help or "")
    return text.replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
