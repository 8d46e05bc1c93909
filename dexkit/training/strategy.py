"""Where a network is trained: devices, ``tf.distribute`` strategy, determinism."""

from __future__ import annotations

from typing import Any

from dexkit.errors import ConfigError


def make_strategy(device: str) -> Any:
    """Return the strategy that trains on one device.

    Parameters
    ----------
    device : str
        ``"auto"`` (a GPU when there is one), ``"cpu"`` or ``"gpu"``.

    Returns
    -------
    tf.distribute.Strategy
        A one-device strategy; the training loop is written for any.

    Raises
    ------
    ConfigError
        When a GPU is asked for and there is none: training on the CPU unnoticed would cost days.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise ConfigError(
            "--device gpu: TensorFlow finds no GPU; install dexkit[gpu] and check the driver, or "
            "use --device cpu"
        )
    use_gpu = bool(gpus) and device != "cpu"
    return tf.distribute.OneDeviceStrategy("/gpu:0" if use_gpu else "/cpu:0")


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and make every operation deterministic.

    Parameters
    ----------
    seed : int
        The seed.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
