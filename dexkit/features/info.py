"""Say what a feature file holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from dexkit.features.file import FeatureFile
from dexkit.features.schema import TABLES, TABLES_SHA256, signal_path


def describe(path: Path) -> dict[str, Any]:
    """Return the facts of a feature file as JSON-able values.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Genes, samples, arrays, inputs and what was left out.

    Raises
    ------
    InputError
        When the file does not exist.
    FormatError
        When it is no feature file.
    """
    features = FeatureFile(path)
    return {
        "format_version": int(features.attrs["format_version"]),
        "generated_by": str(features.attrs["generated_by"]),
        "created_utc": str(features.attrs["created_utc"]),
        "assembly": str(features.attrs["assembly"]) or "not given",
        "genes": len(features),
        "genes_left_out": {
            reason: count for reason, count in Counter(features.left_out_reason).most_common()
        },
        "expression": {
            sample: f"{int(np.isfinite(features.expression(sample)).sum())} genes measured"
            for sample in features.expression_samples
        },
        "contacts": {
            sample: _contact_line(features, sample) for sample in features.contact_samples
        },
        "arrays": {
            name: f"{' x '.join(map(str, shape))} {dtype}"
            for name, (shape, dtype) in features.arrays.items()
            if not name.startswith(TABLES)
        },
        "inputs": {
            str(item["name"]): f"{item['size_bytes']} bytes, sha256 {item['sha256']}"
            for item in features.provenance
        },
        "tables_sha256": str(features.attrs.get(TABLES_SHA256, "none stored")),
        "history": {
            f"{number}. {entry['utc']}": ", ".join(entry["added"])
            for number, entry in enumerate(features.history, 1)
        },
        "derived": {
            f"{number}. from {entry['source']}": entry["note"]
            for number, entry in enumerate(features.derived, 1)
        },
    }


def _contact_line(features: FeatureFile, sample: str) -> str:
    """Say how many genes are observed, from what, and what the counts were scaled to."""
    attrs = features.array_attrs(signal_path(sample))
    n_seen = int(features.contacts(sample)[1].any(axis=1).sum())
    formats = "/".join(dict.fromkeys(map(str, attrs.get("format", ()))))
    line = f"{n_seen} genes observed{f' in {formats}' if formats else ''}; replicate depths "
    line += ", ".join(
        "unknown" if np.isnan(depth) else f"{depth:,.15g}"
        for depth in np.atleast_1d(attrs["depths"])
    )
    if "target_depth" in attrs:
        return f"{line}, scaled to {attrs['target_depth']:,.15g}"
    return f"{line}; {attrs['normalisation']}"
