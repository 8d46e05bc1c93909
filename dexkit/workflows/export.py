"""Export the networks of a run as TensorFlow SavedModels, which need nothing of dexkit."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dexkit import __version__
from dexkit.errors import InputError, OutputError, PluginError
from dexkit.files import check_output, disk_errors
from dexkit.models.bundle import Bundle, Predictor

EXPORT_FORMAT = "dexkit-export"
EXPORT_VERSION = 1
_FILE = "export.json"
#: Name of the output of the signature.
_OUTPUT = "predicted"
_MEANING = {
    "sequence": "base codes of the promoter window, 5' to 3' on the strand of the gene: "
    "A C G T = 0 1 2 3, anything else 4; /sequence/codes of a feature file without its margin",
    "contacts": "contact signal of the bins around the TSS, not standardised, NaN where nothing "
    "was measured; /contacts/<sample>/signal of a feature file",
}
_UNITS = {
    "regression": "log10(raw + pseudocount), as in predictions.tsv",
    "classification": "probability of the upper class",
}


@dataclass(frozen=True)
class ExportSummary:
    """What an export wrote: the folder, and the names of its SavedModels in it."""

    path: Path
    members: tuple[str, ...]


def export(run: Path, out: Path, force: bool = False) -> ExportSummary:
    """Write every network of a run as a SavedModel.

    Parameters
    ----------
    run : Path
        Run folder of a finished fit.
    out : Path
        Folder to make. It holds ``export.json`` (inputs, units, contract) and ``member-<i>``, one
        SavedModel a network of the ensemble; the mean of their outputs is what ``predict``
        reports. The signature ``serving_default`` takes, as far as the model reads them,
        ``sequence`` (batch, length_bp) uint8 base codes and ``contacts`` (batch, n_bins) float32
        contact signal with NaN where nothing was measured, and gives ``predicted`` (batch,), or
        (batch, n_samples) where the head has an output for each sample, float32 in original
        units. Standardising contacts and output happens inside.
    force : bool, optional
        Whether an earlier export may be replaced.

    Returns
    -------
    ExportSummary
        What was written.

    Raises
    ------
    InputError
        When the run is not finished, or is a baseline.
    PluginError
        When the head cannot decode its output in TensorFlow.
    OutputError
        When the folder exists, is no export, or cannot be written.
    """
    check_output(out, force)
    if out.exists() and not _is_export(out):
        raise OutputError(f"{out} exists and is no export of dexkit; --force replaces only these")
    predictor = Predictor(run)
    bundle = predictor.bundle
    if bundle.kind != "network":
        raise InputError(
            f"{run} is a run of the baseline {bundle.model!r}; only networks can be exported, use "
            "predict"
        )
    decode = getattr(predictor.head, "decode_tensor", None)
    if decode is None:
        raise PluginError(
            f"the head {bundle.head['name']!r} has no method decode_tensor, which an export needs "
            "to turn its output into expression inside TensorFlow"
        )
    names = tuple(f"member-{i}" for i in range(len(predictor.members)))
    with _whole_folder(out) as folder:
        for name, model in zip(names, predictor.members, strict=True):
            _write(model, bundle, decode, folder / name)
        described = _description(bundle, names, len(predictor.output_samples))
        (folder / _FILE).write_text(json.dumps(described, indent=1) + "\n")
    return ExportSummary(out, names)


def _write(model: Any, bundle: Bundle, decode: Callable[..., Any], path: Path) -> None:
    """Write one network with its signature."""
    import keras
    import tensorflow as tf

    normaliser = bundle.normaliser

    def serve(inputs: dict[str, Any]) -> dict[str, Any]:
        fed = dict(inputs)
        if normaliser is not None:
            # In float64, as ProfileNormaliser does, so that both give the same digits.
            signal = tf.cast(inputs["contacts"], tf.float64)
            z = (signal - normaliser.mean) / normaliser.scale
            fed["contacts"] = tf.cast(
                tf.where(tf.math.is_nan(signal), tf.zeros_like(z), z), tf.float32
            )
        output = tf.cast(model(fed, training=False), tf.float32)
        decoded = decode(output, bundle.head["state"])
        return {_OUTPUT: tf.cast(decoded, tf.float32)}

    specs = {
        name: tf.TensorSpec((None, *value["shape"]), value["dtype"], name=name)
        for name, value in _inputs(bundle).items()
    }
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve, input_signature=[specs])
    archive.write_out(str(path), verbose=False)


def _inputs(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """Return shape (without the batch), dtype and meaning of every input."""
    contract = bundle.contract
    shapes = {
        "sequence": ([contract.upstream_bp + contract.downstream_bp], "uint8"),
        "contacts": ([contract.n_bins], "float32"),
    }
    return {
        block: {"shape": shapes[block][0], "dtype": shapes[block][1], "meaning": _MEANING[block]}
        for block in contract.blocks
    }


def _description(bundle: Bundle, names: tuple[str, ...], n_outputs: int) -> dict[str, Any]:
    unit, shape = _UNITS[bundle.task], []
    if n_outputs:
        unit, shape = f"{unit}, for each sample in this order: {bundle.sample}", [n_outputs]
    if bundle.quantiles is not None:
        unit = f"{unit}, {bundle.quantiles.describe()}"
    return {
        "format": EXPORT_FORMAT,
        "export_version": EXPORT_VERSION,
        "generated_by": f"dexkit {__version__}",
        "model": bundle.model,
        "task": bundle.task,
        "sample": bundle.sample,
        "members": list(names),
        "signature": "serving_default",
        "inputs": _inputs(bundle),
        "outputs": {_OUTPUT: {"shape": shape, "dtype": "float32", "unit": unit}},
        "contract": bundle.contract.to_json(),
        "head": bundle.head,
        "features": bundle.features,
    }


def _is_export(path: Path) -> bool:
    try:
        return bool(json.loads((path / _FILE).read_text())["format"] == EXPORT_FORMAT)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """Yield a folder beside ``path`` that becomes ``path`` when the block succeeds."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    aside = path.with_name(f".{path.name}.replaced-{os.getpid()}")
    try:
        with disk_errors(path):
            partial.mkdir()
            yield partial
            if path.exists():
                path.replace(aside)
            partial.replace(path)
    except BaseException:
        if aside.exists():
            aside.replace(path)
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
