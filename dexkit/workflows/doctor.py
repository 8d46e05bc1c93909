"""Show whether an installation is sound, and whether replicas compute what one device does."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit import __version__
from dexkit.errors import ConfigError
from dexkit.hooks.manager import Plugins, plugins
from dexkit.models.backend import load_tensorflow
from dexkit.training.cluster import find_cluster
from dexkit.training.config import TrainConfig

#: Libraries whose versions results can depend on.
_LIBRARIES = ("tensorflow", "keras", "numpy", "scikit-learn", "h5py", "pysam")
_STEPS, _GENES, _BATCH, _LENGTH_BP, _MARGIN_BP, _BINS = 20, 74, 15, 64, 4, 9
#: Largest difference, relative to the largest number of its kind, that is rounding: sums in another
#: order were measured at 3e-7 on CPUs; TensorFloat-32, on by default on GPUs, has 5e-4. Statistics
#: of a replica's own part of the batch differ by 1e-1.
_TOLERANCE = 2e-3


@dataclass(frozen=True)
class Difference:
    """How far two trainings are apart: largest difference over the largest value."""

    what: str
    size: float

    @property
    def agrees(self) -> bool:
        """Whether it is rounding."""
        return self.size <= _TOLERANCE


@dataclass(frozen=True)
class Comparison:
    """The same seeded steps on one replica and on several.

    Parameters
    ----------
    where : str
        The replicas, in words.
    n_replicas, n_steps : int
        How many.
    differences : tuple of Difference
        Of losses, gradients, weights, and predictions.
    """

    where: str
    n_replicas: int
    n_steps: int
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        """Whether all differences are rounding."""
        return all(difference.agrees for difference in self.differences)


def installation() -> dict[str, str]:
    """Return what this installation consists of: what, and in which version or state.

    Returns
    -------
    dict of str to str
        Versions, devices, build of the kernels, one entry for each plugin that could not be
        loaded.
    """
    import dexkit_ext

    facts = {"dexkit": __version__, "Python": platform.python_version()}
    facts |= {name: metadata.version(name) for name in _LIBRARIES}
    build = dexkit_ext.build_info()
    facts["kernels"] = ", ".join(f"{key} {value}" for key, value in build.items())
    load_tensorflow()
    import tensorflow as tf

    for kind in ("CPU", "GPU"):
        found = tf.config.list_physical_devices(kind)
        facts[f"{kind} devices"] = str(len(found)) if found else "none"
    registry: Plugins = plugins()
    facts["plugins"] = f"{len(registry.lock())} loaded, {len(registry.failures)} failed"
    facts |= {f"plugin {f.plugin}": f"failed: {f.reason}" for f in registry.failures}
    return facts


def compare_replicas(config: TrainConfig) -> Comparison:
    """Train a small seeded network on one replica and on those that ``config`` asks for.

    Convolution, batch normalisation, a penalty, global clipping, an uneven last batch, and a batch
    that no number of replicas above 1 but 3, 5 and 15 divides; without dropout, which draws other
    numbers on other replicas.

    Parameters
    ----------
    config : TrainConfig
        ``strategy``, ``device``, ``devices``, ``port``. On a machine without several GPUs, and
        unless several workers are given, the CPU is divided in two.

    Returns
    -------
    Comparison
        Differences; with several workers each compares its own.

    Raises
    ------
    ConfigError
        When the devices are not there.
    """
    load_tensorflow()
    from dexkit.training.strategy import describe, make_strategy

    several = make_strategy(_with_several_devices(config))
    if several.num_replicas_in_sync == 1:
        raise ConfigError(
            "doctor --distributed compares several replicas with one, but got one; give more "
            "--devices or another --strategy"
        )
    kind = "gpu" if "GPU" in several.extended.worker_devices[0] else "cpu"
    alone = make_strategy(TrainConfig(strategy="one", device=kind))
    found, expected = _train(several), _train(alone)
    differences = tuple(
        Difference(what, _difference(found[what], expected[what])) for what in expected
    )
    n = int(several.num_replicas_in_sync)
    return Comparison(describe(several), n, _STEPS, differences)


def _with_several_devices(config: TrainConfig) -> TrainConfig:
    """Divide the CPU in two where nothing else gives several replicas."""
    import tensorflow as tf

    required = config.strategy == "multi-worker"
    cluster = find_cluster(os.environ, config.port, required) if config.strategy != "one" else None
    n_gpus = len(tf.config.list_physical_devices("GPU"))
    if cluster or config.devices or (n_gpus > 1 and config.device != "cpu"):
        return config
    if config.device == "gpu":
        return config
    return config.model_copy(update={"device": "cpu", "devices": "2"})


def _difference(a: list[npt.NDArray[Any]], b: list[npt.NDArray[Any]]) -> float:
    largest = max(float(np.abs(x).max()) for x in b)
    return max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True)) / largest


def _train(strategy: Any) -> Mapping[str, list[npt.NDArray[Any]]]:
    from dexkit.training.batches import plain_epoch, training_epoch
    from dexkit.training.loop import Loop
    from dexkit.training.sources import DeviceSource
    from dexkit.training.strategy import seed_everything

    rng = np.random.default_rng(1)
    length = _LENGTH_BP + 2 * _MARGIN_BP
    arrays = SimpleNamespace(
        codes=rng.integers(0, 5, (_GENES, length), dtype=np.uint8),
        margin_bp=_MARGIN_BP,
        contacts=rng.standard_normal((_GENES, _BINS)).astype(np.float32),
    )
    target = rng.standard_normal(_GENES).astype(np.float32)
    seed_everything(1)
    with strategy.scope():
        model = _network()
    config = TrainConfig(batch_size=_BATCH, clip_norm=1.0)
    head: Any = _SquaredError()
    loop = Loop(strategy, model, head, DeviceSource(arrays, target), config)
    plans = [
        training_epoch(np.arange(_GENES), _BATCH, _MARGIN_BP, True, 1, epoch) for epoch in range(4)
    ]
    gradients = loop.gradients(plans[0], plans[0].n_steps - 1)
    losses = [loop.train_epoch(plan, 1e-3).steps for plan in plans]
    if sum(len(steps) for steps in losses) != _STEPS:
        raise RuntimeError(f"expected {_STEPS} steps")
    return {
        "losses": losses,
        "gradients": gradients,
        "weights": [np.asarray(v) for v in model.variables],
        "predictions": [loop.predict(plain_epoch(np.arange(_GENES), _BATCH))],
    }


class _SquaredError:
    """The part of a head that a loop needs."""

    def loss(self, y_true: Any, y_pred: Any) -> Any:
        from keras import ops

        return ops.square(y_pred[:, 0] - y_true)


def _network() -> Any:
    import keras
    from keras import layers

    from dexkit.models.layers import OneHotBases

    codes = keras.Input((_LENGTH_BP,), dtype="uint8", name="sequence")
    bins = keras.Input((_BINS,), name="contacts")
    # No bias in front of a normalisation: its gradient is pure rounding, which Adam scales up.
    x = layers.Conv1D(8, 5, use_bias=False)(OneHotBases()(codes))
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), bins])
    x = layers.Dense(8, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.01))(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model({"sequence": codes, "contacts": bins}, layers.Dense(1)(x))
