"""Say what differs between two feature files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.features.file import FeatureFile
from dexkit.features.schema import TABLES
from dexkit.progress import progress_bar

#: Bytes of each array that are compared together.
_PIECE_BYTES = 8 << 20
_BYTES_PER_MB = 1_000_000
#: Attributes that follow from the values.
_DERIVED = ("sha256",)
#: Root attributes that are compared key by key, or that no two builds share.
_OTHER_ROOT = (
    *("config", "provenance", "history", "derived"),
    *("created_utc", "generated_by", "tables_sha256"),
)


def diff_feature_files(
    first: Path, second: Path, progress: Callable[..., Any] = progress_bar
) -> dict[str, Any]:
    """Compare two feature files; memory stays bounded whatever their size.

    Parameters
    ----------
    first, second : Path
        The files. Arrays are compared on the genes that both have, told by gene id.
    progress : callable, optional
        Progress reporting; see :class:`dexkit.hooks.BuildContext`.

    Returns
    -------
    dict
        JSON-able. ``identical``: whether tables, arrays and what describes them are the same
        (two builds of the same content differ in how and when they were made). ``genes``:
        ``only_first``, ``only_second`` and ``moved`` as counts with the ``first_…`` gene id;
        ``tables``, ``arrays``, ``attributes``, ``config``, ``provenance``, ``made``: what
        differs, by name.

    Raises
    ------
    InputError
        When a file does not exist.
    FormatError
        When one is no feature file.
    """
    a, b = FeatureFile(first), FeatureFile(second)
    genes = _genes(a, b)
    found: dict[str, Any] = {
        "first": str(first),
        "second": str(second),
        "genes": genes,
        "tables": _tables(a, b),
        "arrays": _arrays(a, b, progress),
        "attributes": _attributes(a, b),
    }
    identical = not any(found[key] for key in ("genes", "tables", "arrays", "attributes"))
    return {
        "identical": identical,
        **found,
        "config": _mapping(_flat(a.config), _flat(b.config)),
        "provenance": _mapping(_inputs(a), _inputs(b)),
        "made": _mapping(_made(a), _made(b)),
    }


def _genes(a: FeatureFile, b: FeatureFile) -> dict[str, Any]:
    ids_a, ids_b = list(a.genes.gene_id), list(b.genes.gene_id)
    in_a, in_b = set(ids_a), set(ids_b)
    result: dict[str, Any] = {}
    for name, only in (
        ("only_first", [g for g in ids_a if g not in in_b]),
        ("only_second", [g for g in ids_b if g not in in_a]),
        ("moved", _moved(ids_a, ids_b)),
    ):
        if only:
            result[name] = len(only)
            result[f"first_{name}"] = only[0]
    return result


def _moved(ids_a: Sequence[str], ids_b: Sequence[str]) -> list[str]:
    """Return the shared genes whose order among the shared ones differs."""
    in_a, in_b = set(ids_a), set(ids_b)
    shared_a = [g for g in ids_a if g in in_b]
    shared_b = [g for g in ids_b if g in in_a]
    return [x for x, y in zip(shared_a, shared_b, strict=False) if x != y]


def _shared_rows(
    a: FeatureFile, b: FeatureFile
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the rows of the shared genes in either file, in the order of the first."""
    place = {gene: i for i, gene in enumerate(b.genes.gene_id)}
    pairs = [(i, place[g]) for i, g in enumerate(a.genes.gene_id) if g in place]
    rows = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def _tables(a: FeatureFile, b: FeatureFile) -> dict[str, str]:
    """Compare the columns of the tables: genes on those that both have, the others whole."""
    rows_a, rows_b = _shared_rows(a, b)
    result = {}
    for column in ("gene_name", "chrom", "tss", "strand"):
        x, y = getattr(a.genes, column)[rows_a], getattr(b.genes, column)[rows_b]
        unlike = np.flatnonzero(x != y)
        if len(unlike):
            i = int(unlike[0])
            result[f"/genes/{column}"] = (
                f"{len(unlike):,} of {len(x):,} genes differ, the first is "
                f"{a.genes.gene_id[rows_a[i]]}: {x[i]} and {y[i]}"
            )
    chroms_a, chroms_b = list(a.genome.lengths.items()), list(b.genome.lengths.items())
    if chroms_a != chroms_b:
        result["/chroms"] = _first_unlike(chroms_a, chroms_b, "chromosomes")
    out_a, out_b = (
        [(*gene, reason) for *gene, reason in _left_out(features)] for features in (a, b)
    )
    if out_a != out_b:
        result["/left_out"] = _first_unlike(out_a, out_b, "genes")
    return result


def _left_out(features: FeatureFile) -> list[tuple[Any, ...]]:
    table = features.left_out
    columns = (table.gene_id, table.gene_name, table.chrom, table.tss, table.strand)
    return list(zip(*columns, features.left_out_reason, strict=False))


def _first_unlike(x: Sequence[Any], y: Sequence[Any], what: str) -> str:
    n = next((i for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), min(len(x), len(y)))
    shown = [", ".join(map(str, rows[n])) if n < len(rows) else "none" for rows in (x, y)]
    return f"{len(x):,} and {len(y):,} {what}, the first that differs: {shown[0]} and {shown[1]}"


def _array_names(features: FeatureFile) -> list[str]:
    return [name for name in features.arrays if not name.startswith(TABLES)]


def _arrays(
    a: FeatureFile, b: FeatureFile, progress: Callable[..., Any]
) -> dict[str, dict[str, Any]]:
    names = list(dict.fromkeys([*_array_names(a), *_array_names(b)]))
    rows = _shared_rows(a, b)
    n_bytes = sum(a.array(name).nbytes for name in names if a.has(name) and b.has(name))
    result: dict[str, dict[str, Any]] = {}
    with progress("arrays", n_bytes / _BYTES_PER_MB, unit="MB") as advance:
        for name in names:
            if not (a.has(name) and b.has(name)):
                result[name] = {"missing_in": "second" if a.has(name) else "first"}
            elif found := _one_array(a, b, name, rows, advance):
                result[name] = found
    return result


def _one_array(
    a: FeatureFile,
    b: FeatureFile,
    name: str,
    rows: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    advance: Callable[[float], None],
) -> dict[str, Any]:
    x, y = a.array(name), b.array(name)
    result: dict[str, Any] = {}
    if x.dtype != y.dtype:
        result["dtype"] = [x.dtype.name, y.dtype.name]
    if x.shape[1:] != y.shape[1:] or (len(a), len(b)) != (len(x), len(y)):
        return result | {"shape": [list(x.shape), list(y.shape)]}
    n_unlike, largest, gene = 0, 0.0, None
    row_bytes = max(1, x.nbytes // max(len(x), 1))
    step = max(1, _PIECE_BYTES // row_bytes)
    for start in range(0, len(rows[0]), step):
        part = slice(start, start + step)
        p, q = x[rows[0][part]], y[rows[1][part]]
        unlike = (p != q) & ~((p != p) & (q != q))  # NaN equals NaN here
        if unlike.any():
            if gene is None:
                row = int(np.argmax(unlike.reshape(len(unlike), -1).any(axis=1)))
                gene = str(a.genes.gene_id[rows[0][start + row]])
            n_unlike += int(np.count_nonzero(unlike))
            away = np.abs(p[unlike].astype(np.float64) - q[unlike].astype(np.float64))
            largest = max(largest, float(np.max(away, initial=0.0, where=np.isfinite(away))))
        advance(p.nbytes / _BYTES_PER_MB)
    if n_unlike:
        n_all = len(rows[0]) * math.prod(x.shape[1:])
        result |= {"n_different": n_unlike, "n_compared": n_all}
        result |= {"largest_difference": largest, "first_gene": gene}
    return result


def _attributes(a: FeatureFile, b: FeatureFile) -> dict[str, list[Any]]:
    """Compare the attributes of the root and of the arrays that both have."""
    result = {}
    shared = [name for name in _array_names(a) if b.has(name)]
    for name, x, y in (
        ("/", _without(a.attrs, _OTHER_ROOT), _without(b.attrs, _OTHER_ROOT)),
        *(
            (n, _without(a.array_attrs(n), _DERIVED), _without(b.array_attrs(n), _DERIVED))
            for n in shared
        ),
    ):
        for key, pair in _mapping(x, y).items():
            result[f"{name} {key}"] = pair
    return result


def _without(attrs: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {k: _plain(np.asarray(v).tolist()) for k, v in attrs.items() if k not in keys}


def _plain(value: Any) -> Any:
    """Return a value that equals itself and that JSON can hold: NaN and infinity as text."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _mapping(x: Mapping[str, Any], y: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return both values of every key that differs; None stands for a missing one."""
    keys = dict.fromkeys([*x, *y])
    return {k: [x.get(k), y.get(k)] for k in keys if x.get(k) != y.get(k)}


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested keys with dots between."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            result |= _flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def _inputs(features: FeatureFile) -> dict[str, Any]:
    """Return the checksums of the inputs by name; replicates may share a name."""
    result: dict[str, Any] = {}
    for entry in features.provenance:
        result.setdefault(str(entry["name"]), []).append(entry["sha256"])
    return {name: ", ".join(sorted(digests)) for name, digests in result.items()}


def _made(features: FeatureFile) -> dict[str, Any]:
    made: dict[str, Any] = {k: str(features.attrs.get(k)) for k in ("generated_by", "created_utc")}
    added = [f"{entry['utc']} {', '.join(entry['added'])}" for entry in features.history]
    steps = [f"from {entry['source']}: {entry['note']}" for entry in features.derived]
    return made | {k: v for k, v in (("history", added), ("derived", steps)) if v}


def diff_lines(found: Mapping[str, Any]) -> list[str]:
    """Return a difference as lines for people.

    Parameters
    ----------
    found : mapping
        What :func:`diff_feature_files` returned.

    Returns
    -------
    list of str
        One line a difference, and one that sums up.
    """
    first, second = found["first"], found["second"]
    genes = found["genes"]
    lines = []
    for name, where in (("only_first", f"only in {first}"), ("only_second", f"only in {second}")):
        if name in genes:
            lines.append(f"genes {where}: {genes[name]:,}, the first is {genes[f'first_{name}']}")
    if "moved" in genes:
        lines.append(
            f"genes in another order: {genes['moved']:,}, the first is {genes['first_moved']}"
        )
    lines += [f"{name}: {text}" for name, text in found["tables"].items()]
    lines += [
        f"{name}: {_array_line(entry, first, second)}" for name, entry in found["arrays"].items()
    ]
    for key, what in (
        ("attributes", "attribute"),
        ("config", "config"),
        ("provenance", "input"),
        ("made", "made"),
    ):
        lines += [
            f"{what} {name}: {_shown(x)} and {_shown(y)}" for name, (x, y) in found[key].items()
        ]
    made_alike = not (found["config"] or found["provenance"] or found["made"])
    how = "" if made_alike else "; made differently, as listed"
    verdict = f"identical in content{how}" if found["identical"] else "the content differs"
    return [*lines, f"{first} and {second}: {verdict}"]


def _shown(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def _array_line(entry: Mapping[str, Any], first: str, second: str) -> str:
    if "missing_in" in entry:
        return f"only in {first if entry['missing_in'] == 'second' else second}"
    parts = [
        f"{key} {entry[key][0]} and {entry[key][1]}" for key in ("dtype", "shape") if key in entry
    ]
    if "n_different" in entry:
        parts.append(
            f"{entry['n_different']:,} of {entry['n_compared']:,} elements differ, by "
            f"{entry['largest_difference']:.6g} at most, first at gene {entry['first_gene']}"
        )
    return "; ".join(parts)
