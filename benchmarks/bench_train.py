"""A step of training: dexkit's loop, Keras ``fit`` on one-hot arrays, and the computation alone.

All train the same network on the same genes with Adam; an epoch each is timed. "Computation alone"
repeats one batch whose one-hot tensors lie on the device: forward and backward pass and update
without any input. The ratio of dexkit to it is what input, masking and checks cost; "input
pipeline" is the first of them on its own, the one-hot encoding on the device included.
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import bench
import numpy as np

from dexkit.models.backend import load_tensorflow

BATCHES = (4, 32, 256)
MARGIN_BP = 20
#: Genes, window, and options of densenet: the default network takes seconds a step on a CPU.
SIZES = {
    "small": (256, 400, {"stem_filters": 32, "n_blocks": 2, "layers_per_block": 2}),
    "full": (512, 2_000, {}),
}


class SquaredError:
    """The part of a head that a loop needs."""

    def loss(self, y_true, y_pred):
        from keras import ops

        return ops.square(y_pred[:, 0] - y_true)


def network(length_bp: int, options: dict, one_hot: bool):
    """The promoter network, fed with base codes or with one-hot DNA."""
    import keras
    from keras import layers

    from dexkit.hooks import BlockSpec, plugins
    from dexkit.models.layers import OneHotBases

    keras.utils.set_random_seed(1)
    entry = plugins().encoder("densenet")
    encoder = entry.build(entry.config(**options), BlockSpec("sequence", (length_bp, 4), 500, 200))
    if one_hot:
        inputs = keras.Input((length_bp, 4), name="sequence")
        return keras.Model(inputs, layers.Dense(1)(encoder(inputs)))
    codes = keras.Input((length_bp,), dtype="uint8", name="sequence")
    return keras.Model({"sequence": codes}, layers.Dense(1)(encoder(OneHotBases()(codes))))


def make_loop(arrays, target, length_bp, options, batch, data):
    """Return dexkit's loop and the batches of an epoch."""
    from dexkit.training.batches import training_epoch
    from dexkit.training.config import TrainConfig
    from dexkit.training.loop import Loop
    from dexkit.training.sources import choose_source
    from dexkit.training.strategy import make_strategy

    config = TrainConfig(batch_size=batch, data=data, strategy="one")
    strategy = make_strategy(config)
    with strategy.scope():
        model = network(length_bp, options, one_hot=False)
    loop = Loop(strategy, model, SquaredError(), choose_source(arrays, target, config), config)
    return loop, training_epoch(np.arange(len(target)), batch, MARGIN_BP, False, 1, 0)


def dexkit_epoch(arrays, target, length_bp, options, batch, data) -> Callable[[], object]:
    loop, plan = make_loop(arrays, target, length_bp, options, batch, data)
    return lambda: loop.train_epoch(plan, 1e-3)


def pipeline_alone(arrays, target, length_bp, options, batch, data) -> Callable[[], object]:
    """What reaches the network in an epoch, one-hot, and nothing else."""
    import tensorflow as tf

    from dexkit.models.layers import OneHotBases
    from dexkit.training.loop import lay_out

    loop, plan = make_loop(arrays, target, length_bp, options, batch, data)
    one_hot, layout = OneHotBases(), lay_out(plan, 1)

    @tf.function
    def inputs(*given):
        _, blocks, y = loop._inputs(*given)
        return tf.reduce_sum(one_hot(blocks["sequence"])) + tf.reduce_sum(y)

    return lambda: [float(inputs(*given)) for _, given in loop._batches(layout)]


def keras_epoch(one_hot, target, length_bp, options, batch) -> Callable[[], object]:
    import keras

    model = network(length_bp, options, one_hot=True)
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=5.0), "mse")
    return lambda: model.fit(one_hot, target, batch, verbose=0)


def compute_alone(one_hot, target, length_bp, options, batch) -> Callable[[], object]:
    import keras
    import tensorflow as tf

    model = network(length_bp, options, one_hot=True)
    optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=5.0)
    optimizer.build(model.trainable_variables)
    x, y = tf.constant(one_hot[:batch]), tf.constant(target[:batch])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True)[:, 0] - y))
            loss += tf.add_n(model.losses) if model.losses else 0.0
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return lambda: [float(step()) for _ in range(-(-len(target) // batch))]


def table(n_genes: int, length_bp: int, options: dict, batch: int, folder: Path) -> bench.Table:
    codes = bench.random_codes(n_genes, length_bp + 2 * MARGIN_BP)
    np.save(folder / "codes.npy", codes)
    mapped = np.load(folder / "codes.npy", mmap_mode="r")
    arrays = SimpleNamespace(codes=mapped, margin_bp=MARGIN_BP, contacts=None)
    target = np.random.default_rng(2).standard_normal(n_genes).astype(np.float32)
    window = codes[:, MARGIN_BP:-MARGIN_BP]
    one_hot = np.eye(5, 4, dtype=np.float32)[window]
    given = (length_bp, options, batch)
    makers = {
        "computation alone": lambda: compute_alone(one_hot, target, *given),
        "dexkit, data on the device": lambda: dexkit_epoch(arrays, target, *given, "device"),
        "dexkit, streamed": lambda: dexkit_epoch(arrays, target, *given, "stream"),
        "input pipeline, on the device": lambda: pipeline_alone(arrays, target, *given, "device"),
        "input pipeline, streamed": lambda: pipeline_alone(arrays, target, *given, "stream"),
        "Keras fit on one-hot arrays": lambda: keras_epoch(one_hot, target, *given),
    }
    return bench.Table(
        f"one epoch of {n_genes:,} genes, {length_bp:,} bp, batches of {batch}",
        {f"{name} ({batch})": made_once(make) for name, make in makers.items()},
        floor=f"computation alone ({batch})",
        work=n_genes,
        unit="genes/s",
    )


def made_once(make: Callable[[], Callable[[], object]]) -> Callable[[], object]:
    """Build and compile at the first call, which the harness does not time."""
    made: list[Callable[[], object]] = []

    def run() -> object:
        if not made:
            made.append(make())
        return made[0]()

    return run


def tables(size: str) -> list[bench.Table]:
    load_tensorflow()
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    n_genes, length_bp, options = SIZES[size]
    return [table(n_genes, length_bp, options, b, Path(folder.name)) for b in BATCHES]


if __name__ == "__main__":
    bench.report(tables, __doc__)
