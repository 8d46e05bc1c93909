"""Many networks in one process: each has a graph of its own, and nobody is warned of it."""

import logging

import numpy as np
import pytest

from dexkit.models.backend import compiled
from dexkit.models.bundle import predict_members
from dexkit.models.contract import BlockArrays
from dexkit.training.batches import plain_epoch, training_epoch
from dexkit.training.loop import Loop
from dexkit.training.sources import DeviceSource
from dexkit.training.strategy import make_strategy


@pytest.fixture
def warned(caplog):
    """Messages of TensorFlow, whose logger does not hand them on."""
    logger = logging.getLogger("tensorflow")
    logger.addHandler(caplog.handler)
    yield lambda: [r.getMessage() for r in caplog.records if "retracing" in r.getMessage()]
    logger.removeHandler(caplog.handler)


def test_several_networks_are_no_retracing(toy_problem, make_model, head, train_config, warned):
    """Seven of them; each trains one step, and predicts in a full batch and a short one."""
    problem, config = toy_problem, train_config(device="cpu")
    strategy = make_strategy(config)
    genes = problem.train[:8]
    arrays = BlockArrays(problem.arrays.codes, 6, problem.arrays.contacts)
    state = {"mean": 0.0, "sd": 1.0}
    for seed in range(7):
        with strategy.scope():
            model = make_model(dropout=0)
        loop = Loop(strategy, model, head, DeviceSource(problem.arrays, problem.target), config)
        loop.train_epoch(training_epoch(genes, 8, 0, False, seed, 0), 0.01)
        output = loop.predict(plain_epoch(genes, 8))
        found = predict_members([model], head, state, arrays, genes, batch_size=5)
        np.testing.assert_allclose(found.mean, output[:, 0], atol=1e-5)
    assert warned() == []


def test_true_retracing_is_still_warned_of(warned):
    function = compiled(lambda x: x + 1)
    for i in range(7):
        function(i)  # a Python number is part of the graph
    assert "triggered tf.function retracing" in warned()[0]
