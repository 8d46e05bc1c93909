"""Where a network is trained: devices, ``tf.distribute`` strategy, determinism, precision."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dexkit.errors import ConfigError
from dexkit.training.cluster import Cluster, find_cluster
from dexkit.training.config import TrainConfig


def make_strategy(config: TrainConfig) -> Any:
    """Return the strategy that a configuration asks for.

    Parameters
    ----------
    config : TrainConfig
        ``strategy``, ``device``, ``devices``, ``port``, ``xla``.

    Returns
    -------
    tf.distribute.Strategy
        One device, several of this machine, or several machines. ``auto``: several machines in a
        job that names them (``TF_CONFIG``, or a SLURM step of several tasks), all chosen
        devices of this machine when there are several GPUs or ``devices`` names several, else
        one.

    Raises
    ------
    ConfigError
        When a GPU is asked for and there is none (training on the CPU unnoticed would cost days),
        when there are fewer devices than asked for, or options contradict each other.
    """
    cluster = None
    if config.strategy in ("auto", "multi-worker"):
        cluster = find_cluster(os.environ, config.port, config.strategy == "multi-worker")
    if cluster is not None:
        strategy = _multi_worker(config, cluster)
    else:
        strategy = _on_this_machine(config)
    if config.xla and strategy.num_replicas_in_sync > 1:
        raise ConfigError(
            f"--xla compiles the step of one replica, this run has "
            f"{strategy.num_replicas_in_sync}; leave --xla out, or use --strategy one"
        )
    return strategy


def is_chief(strategy: Any) -> bool:
    """Whether this process writes the run folder: the first worker, or the only process."""
    resolver = getattr(strategy, "cluster_resolver", None)
    return resolver is None or not resolver.cluster_spec().as_dict() or resolver.task_id == 0


def describe(strategy: Any) -> str:
    """Return the strategy in words: kind, replicas, devices of this process."""
    n = strategy.num_replicas_in_sync
    kinds = [d.split("device:")[-1].strip("/").lower() for d in strategy.extended.worker_devices]
    name = type(strategy).__name__.removesuffix("Strategy")
    return f"{name}, {n} replica{'s' if n > 1 else ''}, here {', '.join(kinds)}"


def seed_everything(seed: int, deterministic: bool = True) -> None:
    """Seed Python, NumPy and TensorFlow, and make every operation deterministic.

    Parameters
    ----------
    seed : int
        The seed.
    deterministic : bool, optional
        Whether TensorFlow may use deterministic operations only; with these XLA refuses to
        compile the gradient of max-pooling, on any device.
    """
    import keras
    import tensorflow as tf
    from tensorflow.python.framework import config as switches

    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    else:
        switches.disable_op_determinism()


@contextmanager
def precision(config: TrainConfig) -> Iterator[None]:
    """Build networks with the precision of a configuration inside the block.

    Parameters
    ----------
    config : TrainConfig
        ``precision``: ``bf16`` computes in bfloat16 and keeps weights in float32; heads give
        their last layer float32.
    """
    import keras

    before = keras.config.dtype_policy()
    if config.precision == "bf16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _on_this_machine(config: TrainConfig) -> Any:
    import tensorflow as tf

    kind = _device_kind(config)
    n_known = len(tf.config.list_physical_devices(kind.upper()))
    chosen = _chosen(config, kind, n_known)
    if config.strategy == "one" and len(chosen) > 1:
        raise ConfigError(
            f"--strategy one: --devices {config.devices} names {len(chosen)} devices; give one, "
            "or use --strategy mirrored"
        )
    if kind == "cpu":
        _divide_cpu(len(chosen))
    names = [f"/{kind}:{i}" for i in chosen]
    if len(names) > 1 or config.strategy == "mirrored":
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.OneDeviceStrategy(names[0])


def _device_kind(config: TrainConfig) -> str:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if config.device == "gpu" and not gpus:
        raise ConfigError(
            "--device gpu: TensorFlow finds no GPU; install dexkit[gpu] and check the driver, or "
            "use --device cpu"
        )
    return "gpu" if gpus and config.device != "cpu" else "cpu"


def _chosen(config: TrainConfig, kind: str, n_known: int) -> list[int]:
    """Return the numbers of the devices to use."""
    wanted = config.devices
    if wanted is None:
        every = config.strategy in ("auto", "mirrored", "multi-worker") and kind == "gpu"
        return list(range(n_known if every else 1))
    if "," not in wanted:
        numbers = list(range(int(wanted)))
    else:
        numbers = [int(part) for part in wanted.split(",") if part]
    if len(set(numbers)) != len(numbers):
        raise ConfigError(f"--devices {wanted} names a device twice")
    if kind == "cpu":
        if numbers != list(range(len(numbers))):
            raise ConfigError(
                f"--devices {wanted}: the CPU is divided into a number of devices; give that number"
            )
        return numbers
    if max(numbers) >= n_known:
        raise ConfigError(
            f"--devices {wanted}: TensorFlow finds {n_known} GPU{'s' if n_known > 1 else ''} "
            f"(numbers 0 to {n_known - 1})"
        )
    return numbers


def _divide_cpu(n_devices: int) -> None:
    """Make several devices of the CPU; possible only before TensorFlow has started."""
    import tensorflow as tf

    if n_devices == 1:
        return
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(n_devices)]
        )
    except RuntimeError as error:
        if len(tf.config.list_logical_devices("CPU")) < n_devices:
            raise ConfigError(
                f"--devices {n_devices}: TensorFlow runs already, with fewer CPU devices; start "
                "a new process"
            ) from error


def _multi_worker(config: TrainConfig, cluster: Cluster) -> Any:
    import tensorflow as tf

    os.environ["TF_CONFIG"] = json.dumps(cluster.to_tf_config())
    kind = _device_kind(config)
    n_known = len(tf.config.list_physical_devices(kind.upper()))
    if kind == "cpu":
        if config.devices not in (None, "1"):
            raise ConfigError("--devices: a worker on the CPU is one device; start more workers")
        tf.config.set_visible_devices([], "GPU")
    else:
        gpus = tf.config.list_physical_devices("GPU")
        tf.config.set_visible_devices([gpus[i] for i in _chosen(config, kind, n_known)], "GPU")
    return tf.distribute.MultiWorkerMirroredStrategy()
