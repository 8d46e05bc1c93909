"""The conformance check of heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.hooks import Head, HeadEntry, PluginConfig
from dexkit.testing import synthetic
from dexkit.testing.checks import Checks, check_config
from dexkit.testing.encoders import reload

_N_GENES = 48
_N_UNITS = 6
_FIT_STEPS = 400
_FIT_RATE = 0.05
#: Added to made-up expression before the logarithm where a head learns it as measured.
_PSEUDOCOUNT = 1.0


def check_head(entry: HeadEntry, config: PluginConfig | None = None, seed: int = 0) -> list[str]:
    """Check that a head keeps its contract.

    Parameters
    ----------
    entry : HeadEntry
        The head.
    config : PluginConfig, optional
        The configuration to check with; by default the defaults.
    seed : int, optional
        Seed of weights and targets. The check sets the global seeds of Keras, NumPy and random.

    Returns
    -------
    list of str
        What was checked, one line each.

    Raises
    ------
    CheckFailure
        When the configuration does not survive JSON or takes unknown keys; when the head lacks a
        method or has another task than its entry; when the target state is no JSON, the encoded
        target is not float32, or the values given are changed; when the loss is not one finite
        number a gene, depends on the other genes, or gives a weight no gradient; when the output
        does not come back from a ``.keras`` file; or when a network fitted with this loss does
        not decode to the values it was fitted on. A head with ``target="raw"`` gets counts, zeros
        and fractions among them, and must decode to log10(raw + pseudocount). A head with
        ``per_sample=True`` gets two samples with gaps: they must stay NaN in the target, and have
        no part in loss and gradient.
    """
    checks = Checks(f"head {entry.name!r}")
    settings = check_config(checks, entry.config, config)
    with checks.step("methods and task"):
        head = entry.build(settings)
        checks.require(
            isinstance(head, Head),
            f"the factory returned {type(head).__name__}; expected the attributes task, "
            "fit_target, encode_target, build, loss and decode",
        )
        checks.require(
            head.task == entry.task, f"has the task {head.task!r}; its entry says {entry.task!r}"
        )
    y = synthetic.random_expression(_N_GENES, seed)
    if entry.per_sample:
        y = np.stack([y, 2 + synthetic.random_expression(_N_GENES, seed + 1)], axis=1)
        # Some genes are measured in one sample only, the first one in none.
        y[1::5, 0] = y[2::7, 1] = y[0] = np.nan
    learnt = y
    if entry.target == "raw":
        learnt = 10**y - _PSEUDOCOUNT
        # Counts are whole, TPM and RPKM are not.
        learnt[::2] = np.rint(learnt[::2])
        y = np.log10(learnt + _PSEUDOCOUNT)
    state, target = _check_target(checks, head, learnt)
    if entry.target == "raw":
        state = {**state, "pseudocount": _PSEUDOCOUNT}
    _check_output(checks, head, state, target, np.isnan(y), seed)
    with checks.step("target encode and decode round trip"):
        _check_round_trip(checks, head, state, target, y, seed)
    return checks.passed


def _check_target(
    checks: Checks, head: Head, y: npt.NDArray[np.float64]
) -> tuple[Mapping[str, Any], npt.NDArray[np.float32]]:
    """Check the target transform; return its state and the encoded target."""
    with checks.step("target transform"):
        given = y.copy()
        y.flags.writeable = False
        state = head.fit_target(y)
        checks.json_able("the state of fit_target", state)
        checks.require(
            dict(head.fit_target(y)) == dict(state), "fit_target differs between two calls"
        )
        target = np.asarray(head.encode_target(y, state))
        checks.require(
            target.dtype == np.float32, f"encode_target gives {target.dtype}; expected float32"
        )
        checks.require(
            target.shape[: y.ndim] == y.shape,
            f"encode_target gives the shape {target.shape} for {len(y)} genes",
        )
        gaps = np.isnan(y)
        checks.finite("the encoded target", target[~gaps])
        checks.require(
            bool(np.isnan(target[gaps]).all()),
            "the encoded target has values where the expression was not measured",
        )
        same = np.array_equal(y, given, equal_nan=True)
        checks.require(same, "the values given to the head were changed")
        some = np.asarray(head.encode_target(y[3:7], state))
        checks.require(
            np.array_equal(some, target[3:7], equal_nan=True),
            "encode_target gives a gene another target when other genes are left out",
        )
    return state, target


def _check_output(
    checks: Checks,
    head: Head,
    state: Mapping[str, Any],
    target: npt.NDArray[np.float32],
    gaps: npt.NDArray[np.bool_],
    seed: int,
) -> None:
    """Check output, loss, gradient, prediction and the way through a file."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((_N_GENES, _N_UNITS)).astype(np.float32)
    with checks.step("output layer"):
        vector = keras.Input((_N_UNITS,))
        model = keras.Model(vector, head.build(vector, state))
        output = np.asarray(model(x, training=False))
        checks.require(
            output.ndim == 2 and len(output) == _N_GENES and output.dtype == np.float32,
            f"the output is {output.dtype} of shape {output.shape}; expected float32 of shape "
            f"({_N_GENES}, n)",
        )
        checks.finite("the output", output)
    with checks.step("loss of each gene, gradient"):
        with tf.GradientTape() as tape:
            losses = head.loss(tf.constant(target), model(x, training=True))
            total = tf.reduce_sum(losses)
        checks.require(
            tuple(losses.shape) == (_N_GENES,),
            f"the loss has the shape {tuple(losses.shape)}; expected one value a gene, "
            f"({_N_GENES},)",
        )
        checks.finite("the loss", np.asarray(losses))
        weights = model.trainable_variables
        for weight, gradient in zip(weights, tape.gradient(total, weights), strict=True):
            checks.require(
                gradient is not None and bool(np.any(np.asarray(gradient))),
                f"no gradient reaches the weight {weight.path!r}",
            )
            checks.finite(f"the gradient of {weight.path!r}", np.asarray(gradient))
        whole = np.asarray(head.loss(tf.constant(target), tf.constant(output)))
        part = np.asarray(head.loss(tf.constant(target[:5]), tf.constant(output[:5])))
        checks.require(
            np.allclose(part, whole[:5], rtol=1e-5, atol=1e-6),
            "the loss of a gene depends on the other genes of the batch",
        )
        if gaps.any():
            other = np.where(gaps, output + 9, output)
            moved = np.asarray(head.loss(tf.constant(target), tf.constant(other)))
            checks.require(
                np.array_equal(moved, whole),
                "the loss depends on outputs whose expression was not measured",
            )
    with checks.step("prediction"):
        _predictions(checks, head, output, state, gaps.shape)
    with checks.step("save and load"):
        checks.require(
            np.allclose(np.asarray(reload(model)(x, training=False)), output, 1e-6, 1e-6),
            "gives another output after saving and loading",
        )


def _predictions(
    checks: Checks,
    head: Head,
    output: npt.NDArray[np.float32],
    state: Mapping[str, Any],
    shape: tuple[int, ...],
) -> npt.NDArray[np.float64]:
    """Decode an output and check what comes back."""
    predicted = np.asarray(head.decode(output, state))
    checks.require(
        predicted.shape == shape and predicted.dtype == np.float64,
        f"decode gives {predicted.dtype} of shape {predicted.shape}; expected float64 of shape "
        f"{shape}",
    )
    checks.finite("the prediction", predicted)
    if head.task == "classification":
        checks.require(
            bool(np.all((predicted >= 0) & (predicted <= 1))),
            "decode gives values outside 0 to 1; expected the probability of the upper class",
        )
    return predicted


def _check_round_trip(
    checks: Checks,
    head: Head,
    state: Mapping[str, Any],
    target: npt.NDArray[np.float32],
    y: npt.NDArray[np.float64],
    seed: int,
) -> None:
    """Fit the output layer to each gene apart (one-hot genes as input), then decode.

    A perfect fit must decode to the original values, whatever the loss, the link and the number
    of outputs are: this ties encode_target, loss and decode together.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    vector = keras.Input((len(y),))
    model = keras.Model(vector, head.build(vector, state))
    x, wanted = tf.eye(len(y)), tf.constant(target)
    optimizer = keras.optimizers.Adam(_FIT_RATE)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(head.loss(wanted, model(x, training=False)))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    for _ in range(_FIT_STEPS):
        step()
    output = np.asarray(model(x, training=False))
    predicted = _predictions(checks, head, output, state, y.shape)
    if head.task == "regression":
        error, sd = float(np.nanmean(np.abs(predicted - y))), float(np.nanstd(y))
        checks.require(
            error < 0.25 * sd,
            f"fitted to {len(y)} genes it decodes to values that are off by {error:.3g} on "
            f"average (their standard deviation is {sd:.3g}); expected decode to undo "
            "encode_target",
        )
        return
    order = np.argsort(y)
    third = len(y) // 3
    low, high = predicted[order[:third]].mean(), predicted[order[-third:]].mean()
    checks.require(
        bool(high - low > 0.5),
        f"fitted to {len(y)} genes it gives lowly expressed genes the probability {low:.2f} and "
        f"highly expressed ones {high:.2f}; expected decode to give that of the upper class",
    )
