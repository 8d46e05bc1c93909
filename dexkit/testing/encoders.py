"""The conformance check of encoders."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.hooks import BlockSpec, EncoderEntry, PluginConfig, parse_config
from dexkit.testing import synthetic
from dexkit.testing.checks import Checks, check_config

#: Inputs of one gene for the built-in blocks: long enough for a few pooling steps, yet quick.
DEFAULT_SHAPES: dict[str, tuple[int, ...]] = {"sequence": (512, 4), "contacts": (41,)}

_BATCH = 8
_TOLERANCE = 1e-4


def check_encoder(
    entry: EncoderEntry,
    spec: BlockSpec | None = None,
    config: PluginConfig | None = None,
    seed: int = 0,
) -> list[str]:
    """Check that an encoder keeps its contract.

    Parameters
    ----------
    entry : EncoderEntry
        The encoder.
    spec : BlockSpec, optional
        Its input; by default (512, 4) one-hot DNA for ``sequence`` and 41 bins for ``contacts``.
        Needed for any other block.
    config : PluginConfig, optional
        The only configuration to check; by default the defaults and every preset.
    seed : int, optional
        Seed of weights and inputs. The check sets the global seeds of Keras, NumPy and random.

    Returns
    -------
    list of str
        What was checked, one line each.

    Raises
    ------
    CheckFailure
        When the configuration does not survive JSON or takes unknown keys; when the network has
        another input or output shape than promised, a dtype other than float32, NaN in its
        output (also for all-zero input), or outputs that depend on the other genes of the batch;
        when a weight gets no gradient; when one seed gives two networks or two seeds give one;
        or when the network does not come back from a ``.keras`` file.
    """
    checks = Checks(f"encoder {entry.name!r}")
    if spec is None:
        checks.require(
            entry.block in DEFAULT_SHAPES,
            f"reads the block {entry.block!r}, whose shape is not known here; give spec=",
        )
        spec = BlockSpec(entry.block, DEFAULT_SHAPES[entry.block], n_train=100)
    configs = {"": check_config(checks, entry.config, config)}
    if config is None:
        for preset, values in entry.presets.items():
            with checks.step(f"preset {preset!r}"):
                configs[f" (preset {preset!r})"] = parse_config(entry.config, values, preset)
    for suffix, each in configs.items():
        _check_network(checks, entry, each, spec, seed, suffix)
    return checks.passed


def _check_network(
    checks: Checks,
    entry: EncoderEntry,
    config: PluginConfig,
    spec: BlockSpec,
    seed: int,
    suffix: str,
) -> None:
    """Check the network of one configuration."""
    import keras

    def build(with_seed: int) -> Any:
        keras.utils.set_random_seed(with_seed)
        return entry.build(config, spec)

    with checks.step(f"input and output shape{suffix}"):
        model = build(seed)
        checks.require(
            isinstance(model, keras.Model),
            f"the factory returned {type(model).__name__}; expected a keras.Model",
        )
        checks.require(
            len(model.inputs) == 1 and len(model.outputs) == 1,
            f"has {len(model.inputs)} inputs and {len(model.outputs)} outputs; expected one each",
        )
        checks.require(
            tuple(model.input_shape) == (None, *spec.shape),
            f"has the input shape {model.input_shape}; expected {(None, *spec.shape)}",
        )
        shape = tuple(model.output_shape)
        checks.require(
            len(shape) == 2 and shape[0] is None and isinstance(shape[1], int) and shape[1] > 0,
            f"has the output shape {shape}; expected (None, n_units) with a fixed n_units",
        )
    batch = example_batch(spec, _BATCH, seed)
    with checks.step(f"dtype and finite output{suffix}"):
        output = _predict(model, batch)
        checks.require(
            output.dtype == np.float32, f"gives {output.dtype}; expected float32 for float32 input"
        )
        checks.require(
            output.shape == (_BATCH, shape[1]),
            f"gives the shape {output.shape}; expected {(_BATCH, shape[1])}",
        )
        checks.finite("the output", output)
        checks.finite("the output for all-zero input", _predict(model, np.zeros_like(batch)))
    with checks.step(f"each gene on its own{suffix}"):
        alone = np.concatenate([_predict(model, batch[i : i + 1]) for i in range(3)])
        checks.require(
            np.allclose(alone, output[:3], rtol=_TOLERANCE, atol=_TOLERANCE),
            "gives a gene another vector when the batch changes; expected inference to treat each "
            "gene on its own",
        )
    with checks.step(f"gradient reaches every weight{suffix}"):
        _check_gradient(checks, model, spec, seed)
    with checks.step(f"one seed, one network{suffix}"):
        _check_seed(checks, build, seed)
    with checks.step(f"save and load{suffix}"):
        # Moving statistics have left their initial values in the gradient check: they must be
        # saved, too.
        checks.require(
            np.allclose(_predict(reload(model), batch), _predict(model, batch), 1e-6, 1e-6),
            "gives other vectors after saving and loading; do custom layers have get_config and "
            "keras.saving.register_keras_serializable?",
        )


def reload(model: Any) -> Any:
    """Save a network as a ``.keras`` file and return what comes back from it.

    Parameters
    ----------
    model : keras.Model
        The network.

    Returns
    -------
    keras.Model
        Another network.
    """
    import keras

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Keras hands its variables to NumPy in a way that NumPy 2 deprecates; the network cannot
        # help it.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        path = Path(folder, "part.keras")
        model.save(path)
        return keras.models.load_model(path)


def example_batch(spec: BlockSpec, n_genes: int, seed: int) -> npt.NDArray[np.float32]:
    """Return made-up input for an encoder.

    Parameters
    ----------
    spec : BlockSpec
        Block and shape of one gene's input.
    n_genes : int
        Number of genes.
    seed : int
        Seed of the generator.

    Returns
    -------
    ndarray of shape (n_genes, *spec.shape), dtype float32
        One-hot DNA for ``sequence``, standard normal numbers for every other block.
    """
    if spec.block == "sequence":
        return synthetic.one_hot(synthetic.random_codes(n_genes, spec.shape[0], seed))
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_genes, *spec.shape)).astype(np.float32)


def _predict(model: Any, batch: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """Return the output of a network in inference mode."""
    return np.asarray(model(batch, training=False))


#: Longest step of a weight between batches of the gradient check: enough to leave a zero.
_STEP = 1e-2


def _check_gradient(checks: Checks, model: Any, spec: BlockSpec, seed: int) -> None:
    """Require a finite gradient for every trainable weight, not zero in each of four batches.

    Dropout and ReLU may silence a weight in one batch; in four it is not connected. A small step
    is taken after each batch, so that a branch behind a scale that starts at zero comes alive.
    """
    import tensorflow as tf

    weights = model.trainable_variables
    reached = [False] * len(weights)
    for trial in range(4):
        batch = example_batch(spec, _BATCH, seed + trial)
        rng = np.random.default_rng(seed + trial)
        direction = rng.standard_normal((_BATCH, model.output_shape[1])).astype(np.float32)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(model(batch, training=True) * direction)
        for i, gradient in enumerate(tape.gradient(total, weights)):
            name = weights[i].path
            checks.require(gradient is not None, f"no gradient reaches the weight {name!r}")
            values = np.asarray(tf.convert_to_tensor(gradient))
            checks.finite(f"the gradient of the weight {name!r}", values)
            reached[i] |= bool(np.any(values))
            weights[i].assign_sub(_STEP * values / max(float(np.linalg.norm(values)), 1.0))
    silent = [w.path for w, hit in zip(weights, reached, strict=True) if not hit]
    checks.require(not silent, f"the gradient is always zero for the weights {silent}")


def _check_seed(checks: Checks, build: Any, seed: int) -> None:
    """Require equal weights from equal seeds, and other weights from another seed."""
    first, again, other = (
        [np.asarray(w) for w in build(s).trainable_variables] for s in (seed, seed, seed + 1)
    )
    checks.require(
        len(first) == len(again) and all(map(np.array_equal, first, again)),
        "has other initial weights when built again with the same seed; draw them from Keras "
        "initializers without a generator of your own",
    )
    is_random = any(np.ptp(w) > 0 for w in first)
    checks.require(
        not is_random or not all(map(np.array_equal, first, other)),
        "has the same initial weights for every seed, so an ensemble over seeds would be one "
        "network; leave seeds out of the initializers",
    )
