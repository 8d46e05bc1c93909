"""The typed records that plugins yield. This module imports neither keras nor h5py.

Heavy code is named, not imported; see :func:`dexkit.hooks.base.resolve`. The records around
blocks are in :mod:`dexkit.hooks.blocks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from dexkit.hooks.base import PluginConfig, resolve
from dexkit.hooks.blocks import BlockEntry

Task = Literal["regression", "classification"]
#: What a head learns: log10(raw + pseudocount), or expression as measured, such as counts.
Target = Literal["log10", "raw"]
#: Blocks of a baseline that no network reads: numbers of each gene.
LOOPS = "loops"
OTHER_SAMPLES = "other-samples"


# --- networks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class BlockSpec:
    """What an encoder is told about its block.

    Parameters
    ----------
    block : str
        Block name.
    shape : tuple of int
        Shape of one gene's input as the encoder sees it: ``(length_bp, 4)`` one-hot float for
        ``sequence``, ``(n_bins,)`` standardised signal for ``contacts``.
    n_train : int
        Number of training genes; 0 when it is not known.
    tss_index : int
        Position of the TSS on the first axis: the base for ``sequence``, the bin for
        ``contacts``.
    """

    block: str
    shape: tuple[int, ...]
    n_train: int = 0
    tss_index: int = 0


@dataclass(frozen=True)
class EncoderEntry:
    """A network part that turns one block into a vector.

    Parameters
    ----------
    name : str
        Name in ``--plugin``.
    block : str
        The block it reads.
    config : type of PluginConfig
        Options.
    factory : str
        ``"module:function"``; ``function(config, spec)`` returns a ``keras.Model`` whose input
        is one batch of the block, shape ``(batch, *spec.shape)``, and whose output is
        ``(batch, n_units)``.
    summary : str
        One line for ``plugins list``.
    default : bool
        Whether it is the encoder of its block when ``--plugin`` names none for that block.
    presets : mapping
        Named configurations, chosen as ``--plugin NAME:PRESET``.
    """

    name: str
    block: str
    config: type[PluginConfig]
    factory: str
    summary: str = ""
    default: bool = False
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def build(self, config: PluginConfig, spec: BlockSpec) -> Any:
        """Return the Keras model of this encoder."""
        return resolve(self.factory)(config, spec)


@runtime_checkable
class Head(Protocol):
    """What a head's factory returns: output layers, loss and target transform.

    A head may have one method more, ``decode_tensor(output, state)``: ``decode`` on tensors of
    TensorFlow. ``dexkit model export`` needs it.

    Where the entry has ``target="raw"``, ``y`` is expression as measured (counts, TPM), and dexkit
    adds ``pseudocount`` to the state that the methods behind ``fit_target`` get.
    """

    task: Task

    def fit_target(self, y_train: npt.NDArray[np.float64]) -> Mapping[str, Any]:
        """Learn the target transform from training values; return JSON-able state."""
        ...

    def encode_target(
        self, y: npt.NDArray[np.float64], state: Mapping[str, Any]
    ) -> npt.NDArray[np.float32]:
        """Turn values in original units into what the loss compares with."""
        ...

    def build(self, vector: Any, state: Mapping[str, Any]) -> Any:
        """Add the output layer(s) on the joint vector; return the output tensor (batch, n)."""
        ...

    def loss(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each gene, shape (batch,)."""
        ...

    def decode(
        self, output: npt.NDArray[np.float32], state: Mapping[str, Any]
    ) -> npt.NDArray[np.float64]:
        """Turn the network's output into one prediction a gene.

        Regression: log10(raw + pseudocount), whatever the target, so that scores of all heads
        and baselines compare. Classification: probability of the upper class.
        """
        ...


@dataclass(frozen=True)
class HeadEntry:
    """An output layer with its loss, metrics and target transform.

    Parameters
    ----------
    name : str
        Name in ``--head``.
    task : str
        ``"regression"`` or ``"classification"``.
    config : type of PluginConfig
        Options.
    factory : str
        ``"module:function"``; ``function(config)`` returns a :class:`Head`.
    summary : str
        One line for ``plugins list``.
    target : str
        What it learns: ``"log10"``, the logarithm of expression, or ``"raw"``, expression as
        measured (likelihoods of counts).
    per_sample : bool
        Whether it has an output for each sample of the run. ``y``, the encoded target and what
        ``decode`` returns then have the shape (n_genes, n_samples), NaN in ``y`` and in the
        target where there is nothing to learn: the loss of a gene is the mean over its other
        outputs.
    """

    name: str
    task: Task
    config: type[PluginConfig]
    factory: str
    summary: str = ""
    target: Target = "log10"
    per_sample: bool = False

    def build(self, config: PluginConfig) -> Head:
        """Return the head."""
        head: Head = resolve(self.factory)(config)
        return head


# --- baselines ----------------------------------------------------------------------------------


class Baseline(Protocol):
    """What a baseline's factory returns: a classical estimator on plain arrays."""

    def fit(self, blocks: Mapping[str, npt.NDArray[Any]], y: npt.NDArray[np.float64]) -> Any:
        """Fit on training genes; hyper-parameters are chosen inside these genes only."""
        ...

    def predict(self, blocks: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        """Return one prediction a gene, in the units of ``y``."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return what was fitted (chosen penalty, number of features) as JSON-able values."""
        ...


@dataclass(frozen=True)
class BaselineEntry:
    """A classical estimator.

    Parameters
    ----------
    name : str
        Name in ``--plugin``.
    task : str
        ``"regression"`` or ``"classification"``.
    blocks : tuple of str
        Blocks it can use; those that the run has are given to it. Besides the blocks of
        networks there are two of float64: :data:`LOOPS`, the loop sum and the loop number of
        each gene, shape (n_genes, 2), in runs that use contacts; and :data:`OTHER_SAMPLES`, log10
        expression of every other sample of the feature file, shape (n_genes, n_others), where it
        has any. NaN stands for what was not measured.
    config : type of PluginConfig
        Options.
    factory : str
        ``"module:function"``; ``function(config, seed)`` returns a :class:`Baseline`.
    summary : str
        One line for ``plugins list``.
    companion : bool
        Whether it is fitted beside every network on the same genes.
    """

    name: str
    task: Task
    blocks: tuple[str, ...]
    config: type[PluginConfig]
    factory: str
    summary: str = ""
    companion: bool = False

    def build(self, config: PluginConfig, seed: int) -> Baseline:
        """Return the unfitted estimator."""
        baseline: Baseline = resolve(self.factory)(config, seed)
        return baseline


# --- presets ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PresetEntry:
    """A named layer of defaults of ``fit``: below ``--config`` and the options.

    Parameters
    ----------
    name : str
        Name in ``--preset``.
    encoders : mapping of str to str
        Encoder of each block as ``NAME`` or ``NAME:PRESET``, ``{"sequence": "densenet:paper"}``;
        that of a block which the run does not use is passed over.
    train : mapping
        Keys of ``[train]``.
    settings : mapping of str to mapping
        Options by name of a head, an encoder or a baseline; those of one that takes no part in
        the run are passed over. Values of an encoder belong in its own presets.
    head : str, optional
        Head; None leaves the choice to ``fit``.
    summary : str
        One line for ``plugins list``.
    """

    name: str
    encoders: Mapping[str, str] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    head: str | None = None
    summary: str = ""

    def values(self) -> dict[str, Any]:
        """Return what it sets, as ``--config`` would: keys of ``fit`` with plain values."""
        values: dict[str, Any] = {"head": self.head} if self.head is not None else {}
        values |= {"encoders": dict(self.encoders), "train": dict(self.train)}
        values["settings"] = {name: dict(options) for name, options in self.settings.items()}
        return {key: value for key, value in values.items() if value}


# --- motifs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Motif:
    """A motif as a position probability matrix.

    Parameters
    ----------
    name : str
        Identifier without blanks.
    ppm : ndarray of shape (width, 4), dtype float64
        Rows sum to 1; columns A, C, G, T.
    n_sites : int
        Number of sites behind it.
    alt_name : str
        Second name, may be empty.
    e_value : float
        E-value of the motif, 0 when it has none.
    """

    name: str
    ppm: npt.NDArray[np.float64]
    n_sites: int
    alt_name: str = ""
    e_value: float = 0.0


@dataclass(frozen=True)
class MotifExporterEntry:
    """A motif file format.

    Parameters
    ----------
    name : str
        Name in ``--format``.
    suffix : str
        File suffix with the dot.
    write : str
        ``"module:function"``; ``function(motifs, path, background)`` writes the file, where
        ``background`` holds the four base frequencies A, C, G, T.
    summary : str
        One line for ``plugins list``.
    """

    name: str
    suffix: str
    write: str
    summary: str = ""

    def export(
        self,
        motifs: Iterable[Motif],
        path: Path,
        background: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25),
    ) -> None:
        """Write ``motifs`` to ``path``."""
        resolve(self.write)(list(motifs), path, background)


Entry = BlockEntry | EncoderEntry | HeadEntry | BaselineEntry | PresetEntry | MotifExporterEntry
