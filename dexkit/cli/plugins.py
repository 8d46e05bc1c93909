"""``dexkit plugins``: list, show, check and new."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from dexkit.hooks import PluginConfig
    from dexkit.hooks.registry import Kind, Registered

plugins_app = typer.Typer(
    name="plugins", help="See, check and write plugins.", no_args_is_help=True
)

#: Columns of a line that does not go to a terminal: more than any table here has.
_PIPE_WIDTH = 2000

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name as in `dexkit plugins list`.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@plugins_app.command("list")
def list_plugins(as_json: _Json = False) -> None:
    """List everything that plugins provide, and the plugins that are disabled."""
    from dexkit.hooks import plugins
    from dexkit.hooks.registry import KINDS

    installed = plugins()
    rows = [_row(kind, item) for kind in KINDS for item in installed.of_kind(kind).values()]
    failures = [
        {"plugin": f.plugin, "distribution": f.distribution, "version": f.version, "why": f.reason}
        for f in installed.failures
    ]
    if as_json:
        typer.echo(json.dumps({"entries": rows, "disabled": failures}, indent=2))
        return
    columns = ("kind", "name", "for", "plugin", "distribution", "summary")
    _print_table(_table(columns, [[_cell(row, c) for c in columns] for row in rows]))
    if failures:
        typer.echo("\nDisabled:")
        headings = ("plugin", "distribution", "why")
        _print_table(_table(headings, [[_cell(row, c) for c in headings] for row in failures]))


@plugins_app.command("show")
def show_plugin(name: _Name, as_json: _Json = False) -> None:
    """Show the options of one block, encoder, head or baseline, or what a preset sets."""
    from dexkit.hooks import plugins
    from dexkit.hooks.describe import describe_config

    found = plugins().find(name)
    if as_json:
        shown = [
            _row(kind, item)
            | {"options": _schema(item), "presets": _presets(item), "sets": _sets(item)}
            for kind, item in found
        ]
        typer.echo(json.dumps(shown, indent=2))
        return
    for kind, item in found:
        row = _row(kind, item)
        typer.echo(f"{kind.name} {name}: {row['summary']}")
        typer.echo(f"from {row['distribution']} {row['version']}, plugin {item.plugin}")
        if row["for"]:
            typer.echo(f"for {row['for']}")
        config = getattr(item.entry, "config", None)
        options = [list(astuple(option)) for option in describe_config(config)] if config else []
        rows = [[key, json.dumps(value)] for key, value in _flat(_sets(item))]
        if options:
            _print_table(_table(("option", "type", "default", "meaning"), options))
        elif rows:
            _print_table(_table(("option", "set to"), rows))
        else:
            typer.echo("no options")
        for preset, values in _presets(item).items():
            settings = ", ".join(f"{key} = {value}" for key, value in values.items())
            typer.echo(f"preset {name}:{preset}: {settings}")


@plugins_app.command("check")
def check_plugin(name: _Name) -> None:
    """Run dexkit's conformance check on one entry: what a plugin's own tests should run."""
    from dexkit import testing
    from dexkit.hooks import plugins

    for kind, item in plugins().find(name):
        check = getattr(testing, f"check_{kind.name.replace(' ', '_')}")
        for label in check(item.entry):
            typer.echo(f"ok  {kind.name} {name}: {label}")


@plugins_app.command("new")
def new_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new encoder.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to make.")],
) -> None:
    """Write a plugin package of its own: one encoder, its test, its pyproject.toml."""
    from dexkit.testing import write_plugin_package

    folder = write_plugin_package(name, out)
    typer.echo(f"{folder} holds the plugin {name}; next: pip install -e '{folder}[test]'")


def _row(kind: Kind, item: Registered[Any]) -> dict[str, str]:
    """Return one line of the list."""
    entry = item.entry
    use = getattr(entry, "block", None) or getattr(entry, "task", None)
    return {
        "kind": kind.name,
        "name": entry.name,
        "for": use or getattr(entry, "suffix", ""),
        "plugin": item.plugin,
        "distribution": item.distribution,
        "version": item.version,
        "summary": entry.summary,
    }


def _cell(row: dict[str, str], column: str) -> str:
    return f"{row[column]} {row['version']}" if column == "distribution" else row[column]


def _schema(item: Registered[Any]) -> dict[str, Any]:
    """Return the JSON schema of an entry's options; motif exporters have none."""
    config: type[PluginConfig] | None = getattr(item.entry, "config", None)
    return config.model_json_schema() if config is not None else {}


def _presets(item: Registered[Any]) -> dict[str, dict[str, Any]]:
    presets = getattr(item.entry, "presets", {})
    return {name: dict(values) for name, values in presets.items()}


def _sets(item: Registered[Any]) -> dict[str, Any]:
    """Return what a preset of ``fit`` sets; nothing for every other kind."""
    from dexkit.hooks import PresetEntry

    return item.entry.values() if isinstance(item.entry, PresetEntry) else {}


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of nested tables."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column in ("kind", "name", "option"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: brackets are no markup
    return table


def _print_table(table: Table) -> None:
    """Print on stdout; in a pipe each row is one line, however long."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=_PIPE_WIDTH)).print(table)
