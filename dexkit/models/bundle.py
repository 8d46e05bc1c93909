"""Save a fitted model with everything that its use needs, and load it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit import __version__
from dexkit.errors import FormatError, InputError, did_you_mean
from dexkit.features.file import FeatureFile
from dexkit.files import atomic_path, write_whole
from dexkit.hooks.base import resolve
from dexkit.hooks.manager import parse_config, plugins
from dexkit.io.samples import SAMPLE_SEPARATOR
from dexkit.models.backend import compiled, load_tensorflow
from dexkit.models.contract import BlockArrays, Contract
from dexkit.models.normaliser import ProfileNormaliser
from dexkit.models.quantile import Quantiles, quantiles_from_json
from dexkit.models.saving import save_network

BUNDLE_VERSION = 1
_FILE = "bundle.json"


@dataclass(frozen=True)
class Prediction:
    """Predictions of some genes.

    Parameters
    ----------
    mean : ndarray of shape (n_genes,), dtype float64
        Regression: original units. Classification: probability of the high class.
    sd : ndarray of shape (n_genes,), dtype float64, or None
        Spread over the networks of an ensemble; None for a single one.
    """

    mean: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64] | None

    @classmethod
    def of_members(cls, members: Sequence[npt.NDArray[np.float64]]) -> Prediction:
        """Average the members of an ensemble."""
        stacked = np.stack(members)
        return cls(stacked.mean(axis=0), stacked.std(axis=0) if len(members) > 1 else None)


@dataclass(frozen=True)
class Bundle:
    """A fitted model's description; ``bundle.json`` holds it.

    Parameters
    ----------
    kind : str
        ``"network"`` or ``"baseline"``.
    model : str
        Name for tables: the plugin argument.
    task : str
        ``"regression"`` or ``"classification"``.
    sample : str
        Sample that it was trained on; several are joined by commas.
    contract : Contract
        Inputs.
    normaliser : ProfileNormaliser or None
        Of the contacts, fitted on the training genes.
    quantiles : QuantileNormaliser, SampleQuantiles or None
        Of the expression, fitted on the training genes: predictions are in its units. None when
        expression was taken as it is.
    head : dict
        ``name``, ``config``, ``state`` of the head.
    parts : list of dict
        ``name`` and ``config`` of each encoder, or of the baseline.
    train_genes : list of str
        Gene ids that the model has seen, validation genes included.
    features : dict
        Name of the training feature file and SHA-256 of the arrays that were used.
    """

    kind: str
    model: str
    task: str
    sample: str
    contract: Contract
    normaliser: ProfileNormaliser | None
    quantiles: Quantiles | None
    head: dict[str, Any]
    parts: list[dict[str, Any]]
    train_genes: list[str]
    features: dict[str, Any]

    @property
    def samples(self) -> tuple[str, ...]:
        """The samples that it was trained on."""
        return tuple(self.sample.split(SAMPLE_SEPARATOR))

    def save(self, run: Path, members: Sequence[Any]) -> None:
        """Write the model files and, last, ``bundle.json`` with their checksums.

        Parameters
        ----------
        run : Path
            The run folder.
        members : sequence of keras.Model or Baseline
            The networks of the ensemble, or the one baseline.

        Raises
        ------
        OutputError
            When the disk is full.
        """
        files = {}
        for name, member in zip(self.member_files(len(members)), members, strict=True):
            if self.kind == "network":
                save_network(member, run / name)
            else:
                import joblib

                with atomic_path(run / name) as partial:
                    joblib.dump(member, partial)
            files[name] = hashlib.sha256((run / name).read_bytes()).hexdigest()
        values = {
            "bundle_version": BUNDLE_VERSION,
            "kind": self.kind,
            "model": self.model,
            "task": self.task,
            "sample": self.sample,
            "contract": self.contract.to_json(),
            "normaliser": self.normaliser.to_json() if self.normaliser else None,
            "quantiles": self.quantiles.to_json() if self.quantiles else None,
            "head": self.head,
            "parts": self.parts,
            "train_genes": self.train_genes,
            "features": self.features,
            "files": files,
            "versions": library_versions(),
        }
        write_whole(run / _FILE, json.dumps(values, indent=1))

    def member_files(self, n_members: int) -> list[str]:
        """Return the file names of the members."""
        if self.kind == "baseline":
            return ["model.joblib"]
        if n_members == 1:
            return ["model.keras"]
        return [f"model-{i}.keras" for i in range(n_members)]


class Predictor:
    """A saved model, ready to predict.

    Parameters
    ----------
    run : Path
        Run folder of a finished fit.

    Raises
    ------
    InputError
        When the folder holds no finished fit.
    FormatError
        When the bundle is of a newer version, or a model file is not the one that was saved.
    PluginError
        When a plugin that the model was made with is not installed.
    """

    def __init__(self, run: Path) -> None:
        path = run / _FILE
        if not path.is_file():
            raise InputError(
                f"{run} holds no finished fit ({_FILE} is missing); give the folder that fit wrote "
                "with -o, or finish it with fit --resume"
            )
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            found = int(values["bundle_version"])
            if found > BUNDLE_VERSION:
                raise FormatError(
                    f"bundle version {found} is newer than this dexkit reads ({BUNDLE_VERSION}); "
                    f"it was written by dexkit {values['versions']['dexkit']}; install that "
                    "version or later",
                    str(path),
                )
            files = {str(name): str(digest) for name, digest in values["files"].items()}
            self.bundle = _bundle_of(values)
        except FormatError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FormatError(
                f"damaged bundle ({type(error).__name__}: {error}); fit the model again", str(path)
            ) from error
        for name, digest in files.items():
            if not (run / name).is_file():
                raise FormatError(f"the model file {name} is missing; fit again", str(path))
            if hashlib.sha256((run / name).read_bytes()).hexdigest() != digest:
                raise FormatError(
                    f"the model file {name} is not the one that was saved; fit again", str(path)
                )
        self._members = self._load(run, list(files))

    def _load(self, run: Path, files: Sequence[str]) -> list[Any]:
        registry = plugins()
        self._head: Any = None
        if self.bundle.kind == "baseline":
            import joblib

            self._columns: tuple[str, ...] = ()
            self._wanted = registry.baseline(self.bundle.parts[0]["name"]).blocks
            return [joblib.load(run / name) for name in files]
        load_tensorflow()
        import keras

        import dexkit.models.layers  # noqa: F401  (registers the layer for loading)

        head = registry.head(self.bundle.head["name"])
        self._columns = self.bundle.samples if head.per_sample else ()
        self._head = head.build(parse_config(head.config, self.bundle.head["config"], "head"))
        for part in self.bundle.parts:
            resolve(registry.encoder(part["name"]).factory)  # registers the plugin's own layers
        return [keras.models.load_model(run / name, compile=False) for name in files]

    @property
    def members(self) -> tuple[Any, ...]:
        """The networks of the ensemble, or the one baseline."""
        return tuple(self._members)

    @property
    def head(self) -> Any:
        """The head of a network; None for a baseline."""
        return self._head

    @property
    def output_samples(self) -> tuple[str, ...]:
        """Samples that the head has an output of its own for; empty where one serves all."""
        return self._columns

    def predict(
        self,
        features: FeatureFile,
        sample: str,
        index: npt.NDArray[np.intp] | None = None,
        batch_size: int = 256,
    ) -> Prediction:
        """Predict genes of a feature file whose contract the model accepts.

        Parameters
        ----------
        features : FeatureFile
            Any feature file with the same windows and bins.
        sample : str
            Sample whose contacts are read, and whose output is taken where the head has one for
            each; any other model without contacts ignores it.
        index : ndarray of shape (n_genes,), dtype intp, optional
            Rows to predict; all by default.
        batch_size : int, optional
            Genes a step.

        Returns
        -------
        Prediction
            Mean over the ensemble and its spread.

        Raises
        ------
        InputError
            When the file does not fit the model, or the head has no output of the sample.
        """
        if self._columns and sample not in self._columns:
            raise InputError(
                f"the model has an output for each of the samples {', '.join(self._columns)}, none "
                f"for {sample!r}; {did_you_mean(sample, self._columns)}"
            )
        self.bundle.contract.check(features, sample)
        arrays = BlockArrays.read(features, sample, self.bundle.contract, self.bundle.normaliser)
        rows = np.arange(len(features)) if index is None else index
        if self.bundle.kind == "baseline":
            blocks = arrays.for_baseline(rows, self._wanted)
            return Prediction(self._members[0].predict(blocks), None)
        columns = None
        if self._columns:
            columns = np.full(len(rows), self._columns.index(sample))
        return predict_members(
            self._members, self._head, self.bundle.head["state"], arrays, rows, batch_size, columns
        )


def predict_members(
    models: Sequence[Any],
    head: Any,
    state: Mapping[str, Any],
    arrays: BlockArrays,
    rows: npt.NDArray[np.intp],
    batch_size: int = 256,
    columns: npt.NDArray[np.intp] | None = None,
) -> Prediction:
    """Predict with the networks of an ensemble, batch by batch.

    Parameters
    ----------
    models : sequence of keras.Model
        The members.
    head : Head
        Decodes their output.
    state : mapping
        Target state of the head.
    arrays : BlockArrays
        Inputs of all rows.
    rows : ndarray of shape (n,), dtype intp
        Rows to predict.
    batch_size : int, optional
        Rows a step.
    columns : ndarray of shape (n,), dtype intp, optional
        Which output of the head is the prediction of each row, where it has one a sample.

    Returns
    -------
    Prediction
        Mean and spread.
    """
    members = []
    for model in models:
        forward = _forward(model)
        outputs = [
            np.asarray(forward(arrays.plain(rows[i : i + batch_size])))
            for i in range(0, len(rows), batch_size)
        ]
        decoded = head.decode(np.concatenate(outputs), state)
        members.append(decoded if columns is None else decoded[np.arange(len(rows)), columns])
    return Prediction.of_members(members)


def _forward(model: Any) -> Any:
    """Return a network's output as a compiled function: one graph for batches of any size."""
    import tensorflow as tf

    specs = {v.name: tf.TensorSpec(v.shape, v.dtype, name=v.name) for v in model.inputs}
    return compiled(partial(model, training=False), input_signature=[specs], autograph=False)


def _bundle_of(values: dict[str, Any]) -> Bundle:
    """Rebuild the description from the content of ``bundle.json``."""
    contract = Contract.from_json(values["contract"])
    normaliser = _normaliser_of(values["normaliser"], contract)
    quantiles = values.get("quantiles")  # older bundles do not have it
    return Bundle(
        **{k: values[k] for k in ("kind", "model", "task", "sample", "head", "parts")},
        contract=contract,
        normaliser=normaliser,
        quantiles=quantiles_from_json(quantiles) if quantiles else None,
        train_genes=values["train_genes"],
        features=values["features"],
    )


def _normaliser_of(values: dict[str, Any] | None, contract: Contract) -> ProfileNormaliser | None:
    """Rebuild the normaliser; it has to be one of the contract's bins, or of none."""
    normaliser = ProfileNormaliser.from_json(values) if values else None
    sizes = {len(normaliser.mean), len(normaliser.scale)} if normaliser else {0}
    if sizes != {contract.n_bins}:
        raise ValueError(f"the normaliser has {max(sizes)} bins, the contract {contract.n_bins}")
    return normaliser


def library_versions() -> dict[str, str]:
    """Return the versions of dexkit and of the libraries that results can depend on."""
    libraries = ("numpy", "keras", "tensorflow", "scikit-learn")
    return {"dexkit": __version__} | {name: version(name) for name in libraries}
