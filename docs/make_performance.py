"""Fill the tables of ``docs/performance.md`` with what the benchmarks measured.

    make bench SIZE=full && python docs/make_performance.py

Between ``<!-- NAME -->`` and ``<!-- end -->`` stands what ``benchmarks/NAME.py`` measured last,
from ``benchmarks/results/NAME-full.json``; a table whose file is missing stays as it is, and is
named.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "performance.md"
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
_BLOCK = re.compile(r"(<!-- (bench_\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def block(result: dict[str, Any]) -> str:
    """Return the Markdown of one benchmark: where it ran, and its tables."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    text = (
        f"`{result['command']}` on {result['date']}: {result['cpu']}, {result['cores']} cores, "
        f"Python {result['python']}, {versions}.\n\n"
    )
    if "facts" in result:
        return text + _facts(result["facts"])
    return text + "\n".join(_table(table) for table in result["tables"])


def _facts(facts: dict[str, Any]) -> str:
    lines = ["| | |", "|---|---:|"]
    for name, value in facts.items():
        shown = f"{value:,}" if isinstance(value, int | float) else str(value)
        if name.endswith("_bytes"):
            name, shown = name.removesuffix("_bytes"), f"{value / 1e6:,.0f} MB"
        lines.append(f"| {name.replace('_', ' ')} | {shown} |")
    return "\n".join(lines) + "\n\n"


def _ms(seconds: float) -> str:
    """Return milliseconds with four figures or, from a second on, whole."""
    return f"{seconds * 1e3:,.0f}" if seconds >= 1 else f"{seconds * 1e3:.4g}"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _table(table: dict[str, Any]) -> str:
    median = {row["name"]: statistics.median(row["seconds"]) for row in table["rows"]}
    ours = next(name for name in median if name.startswith("dexkit"))
    lines = [
        f"{table['title'][:1].upper()}{table['title'][1:]} (medians):",
        "",
        f"| contestant | ms | min-max | x floor | x dexkit | {table['unit']} | peak MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in table["rows"]:
        name, seconds = row["name"], row["seconds"]
        span = f"{_ms(min(seconds))}-{_ms(max(seconds))}" if seconds[1:] else "one run"
        mark = "**" if name.startswith("dexkit") else ""
        lines.append(
            f"| {mark}{name}{mark} | {_ms(median[name])} | {span} "
            f"| {median[name] / median[table['floor']]:.2f} | {median[name] / median[ours]:.2f} "
            f"| {_rate(table['work'] / median[name])} | {row['peak_mb']:,.0f} |"
        )
    lines += [f"| {name} | not installed | | | | | |" for name in table["missing"]]
    return "\n".join(lines) + "\n\n"


def main() -> int:
    """Rewrite the page; return the number of tables that could not be filled."""
    missing = []

    def fill(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        path = RESULTS / f"{name}-full.json"
        if not path.is_file():
            missing.append(name)
            return match.group(0)
        return f"{begin}\n{block(json.loads(path.read_text()))}{end}"

    TARGET.write_text(_BLOCK.sub(fill, TARGET.read_text()))
    for name in missing:
        sys.stderr.write(f"{name}: not measured; its table stays as it is\n")
    return len(missing)


if __name__ == "__main__":
    raise SystemExit(main())
