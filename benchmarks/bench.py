"""Shared harness: contestants run in turn, medians and ratios are printed side by side.

Absolute times drift on shared machines; only the ratios within one run count. Peak memory comes
from a fresh process per contestant, since contestants of one process share its peak.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import dexkit_ext

PACKAGES = (
    "numpy", "isal", "h5py", "pandas", "numba", "cooler", "pairtools", "polars", "duckdb", "seqpro",
    "kipoiseq", "bionumpy", "scikit-learn", "hictkpy", "pysam", "pyfaidx", "tensorflow", "keras",
)  # fmt: skip
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Table:
    """One comparison: what is run, what the ratios are taken against, how much work a run is."""

    title: str
    contestants: Mapping[str, Callable[[], object]]
    floor: str
    work: float
    unit: str
    # Contestants whose results must be equal arrays.
    equal: tuple[str, ...] = ()
    # Contestants so slow that their first run is the one that counts.
    once: tuple[str, ...] = ()
    # Peers that would take part if they were installed.
    missing: tuple[str, ...] = ()


def arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--size", choices=("small", "full"), default="small")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", help="run this contestant once and print its peak memory")
    parser.add_argument("--no-memory", action="store_true", help="skip the fresh processes")
    return parser.parse_args()


def available(name: str, contestant: str | None = None) -> bool:
    """Whether an optional peer is installed, and ``contestant`` is one to run.

    A process that measures the memory of one contestant makes no inputs for the others.
    """
    if "--only" in sys.argv and contestant not in (None, sys.argv[sys.argv.index("--only") + 1]):
        return False
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def tool(name: str) -> str | None:
    """Path of a command-line peer, beside this Python or on the PATH."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def split_peers(
    contestants: Mapping[str, Callable[[], object] | None],
) -> tuple[dict[str, Callable[[], object]], tuple[str, ...]]:
    """Separate contestants that can run from those, given as None, that are not installed."""
    runs = {name: run for name, run in contestants.items() if run is not None}
    return runs, tuple(name for name in contestants if name not in runs)


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "unknown")


def peak_mb() -> float:
    """Peak resident memory of this process or of a command that it ran, whichever is larger.

    VmHWM starts anew at exec, ru_maxrss does not.
    """
    commands = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return max(commands, int(line.split()[1]) / 1024)
    return float("nan")


def peak_in_fresh_process(name: str, size: str) -> float:
    command = [sys.executable, sys.argv[0], "--size", size, "--only", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(done.stdout.split()[-1]) if done.returncode == 0 else float("nan")


def measure(table: Table, repeats: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in table.contestants}
    # The first round warms caches, pages and just-in-time compilers, and compares the results.
    first = []
    for name, run in table.contestants.items():
        begin = time.perf_counter()
        result = run()
        if name in table.once:
            times[name].append(time.perf_counter() - begin)
        if name in table.equal:
            first.append(np.array(result))
    if any(not np.array_equal(first[0], other) for other in first[1:]):
        raise SystemExit(f"{table.title}: {', '.join(table.equal)} differ")
    for _ in range(repeats):
        for name, run in table.contestants.items():
            if name in table.once:
                continue
            begin = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - begin)
    return times


def report(make_tables: Callable[[str], list[Table]], description: str) -> None:
    """Parse the command line, run every table, print it and keep it as JSON."""
    options = arguments(description)
    tables = make_tables(options.size)
    if options.only:
        for table in tables:
            if options.only in table.contestants:
                table.contestants[options.only]()
        print(peak_mb())
        return
    facts = environment(options.size)
    print(f"{facts['cpu']}; Python {facts['python']}; {facts['versions']}; {facts['build']}")
    record = []
    for table in tables:
        times = measure(table, options.repeats)
        median = {name: statistics.median(values) for name, values in times.items()}
        ours = next(name for name in median if name.startswith("dexkit"))
        print(f"\n{table.title} (median of {options.repeats}, contestants in turn; * one run)")
        print(
            f"{'contestant':<46}{'ms':>9}{'min-max':>17}{'x floor':>9}"
            f"{'x dexkit':>10}{table.unit:>11}{'peak MB':>9}"
        )
        rows = []
        for name, value in median.items():
            low, high = min(times[name]) * 1e3, max(times[name]) * 1e3
            memory = (
                float("nan") if options.no_memory else peak_in_fresh_process(name, options.size)
            )
            label = name + " *" * (name in table.once)
            print(
                f"{label:<46}{value * 1e3:>9.1f}{f'{low:.1f}-{high:.1f}':>17}"
                f"{value / median[table.floor]:>9.2f}{value / median[ours]:>10.2f}"
                f"{table.work / value:>11.3g}{memory:>9.0f}"
            )
            rows.append({"name": name, "seconds": times[name], "peak_mb": memory})
        for name in table.missing:
            print(f"{name:<46}{'not installed':>17}")
        record.append(
            {
                "title": table.title,
                "floor": table.floor,
                "work": table.work,
                "unit": table.unit,
                "rows": rows,
                "missing": table.missing,
            }
        )
    save({**facts, "repeats": options.repeats, "tables": record})


def environment(size: str) -> dict[str, Any]:
    """Where the figures of this run come from."""
    return {
        "command": " ".join([f"python benchmarks/{Path(sys.argv[0]).name}", "--size", size]),
        "date": time.strftime("%Y-%m-%d"),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {p: metadata.version(p) for p in PACKAGES if available(p)},
        "build": dexkit_ext.build_info(),
        "size": size,
    }


def save(result: Mapping[str, Any]) -> None:
    """Keep a result for ``docs/make_performance.py``."""
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{Path(sys.argv[0]).stem}-{result['size']}.json"
    target.write_text(json.dumps(result, indent=1))


def random_codes(n: int, length_bp: int, seed: int = 1) -> np.ndarray:
    """Codes of random sequence, one row in fifty with a stretch of N."""
    codes = np.random.default_rng(seed).integers(0, 4, (n, length_bp), dtype=np.uint8)
    codes[::50, : length_bp // 10] = 4
    return codes
