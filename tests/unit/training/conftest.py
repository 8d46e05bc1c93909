from types import SimpleNamespace

import numpy as np
import pytest

from dexkit.hooks import plugins
from dexkit.training.config import TrainConfig


@pytest.fixture(scope="session")
def toy_problem():
    """Forty genes whose target depends on their bases and bins; margin of 6 bp."""
    rng = np.random.default_rng(11)
    codes = rng.integers(0, 5, (40, 44), dtype=np.uint8)
    contacts = rng.standard_normal((40, 7)).astype(np.float32)
    target = ((codes[:, 6:-6] == 2).mean(axis=1) * 4 + contacts[:, 3]).astype(np.float32)
    target = (target - target.mean()) / target.std()
    arrays = SimpleNamespace(codes=codes, margin_bp=6, contacts=contacts)
    return SimpleNamespace(
        arrays=arrays,
        target=target,
        train=np.arange(0, 29),
        validation=np.arange(29, 40),
        names=np.array([f"G{i}" for i in range(40)], dtype=object),
    )


@pytest.fixture(scope="session")
def head():
    entry = plugins().head("regression")
    return entry.build(entry.config())


@pytest.fixture(scope="session")
def train_config():
    def make(**values):
        base = {"epochs": 4, "batch_size": 8, "shift_bp": 3, "learning_rate": 0.01}
        return TrainConfig(**(base | values))

    return make


@pytest.fixture(scope="session")
def make_model():
    """A small network with dropout; ``norm`` adds batch normalisation."""

    def make(norm=False, dropout=0.3, l2=0.0):
        import keras
        from keras import layers

        from dexkit.models.layers import OneHotBases

        codes = keras.Input((32,), dtype="uint8", name="sequence")
        bins = keras.Input((7,), name="contacts")
        x = layers.Flatten()(OneHotBases()(codes))
        x = layers.Dense(6, "relu")(layers.Concatenate()([x, bins]))
        if norm:
            x = layers.BatchNormalization()(x)
        if dropout:
            x = layers.Dropout(dropout)(x)
        penalty = keras.regularizers.L2(l2) if l2 else None
        out = layers.Dense(1, kernel_regularizer=penalty)(x)
        return keras.Model({"sequence": codes, "contacts": bins}, out)

    return make
