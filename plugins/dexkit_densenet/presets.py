"""What ``fit --preset`` sets, for the default network, the paper's text and the published code.

Options of the encoders are not here: ``NAME:PRESET`` takes them from the encoder's own presets.
What a feature file decides is not here either (window, bins, pseudocount): see docs/models.md.
"""

from __future__ import annotations

from dexkit.hooks import PresetEntry

#: Zeng et al. 2019: section 2.2 for the network, 2.3 for the training; no learning rate is given,
#: so that of Keras' RMSprop is taken. They train in two steps, first the promoter network alone;
#: of the second the text says no more than that it fine-tunes, so dexkit's own rate stays.
_PAPER_TRAIN = {
    "recipe": "two-step",
    "optimizer": "rmsprop",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "batch_size": 4,
    "epochs": 60,
    "patience": 5,
    "shift_bp": 0,
    # Both vectors go straight to the output layer.
    "joint_units": [],
}

#: deepexpression.py of wanwenzeng/DeepExpression, revision cde238a. It does not clip gradients: the
#: norm here is out of reach.
_CODE_TRAIN = {
    "optimizer": "rmsprop",
    "learning_rate": 1e-5,
    "schedule": "constant",
    "clip_norm": 1e9,
    "batch_size": 8,
    "epochs": 5000,
    "patience": 15,
    "shift_bp": 0,
    "joint_units": [80, 40],
    "joint_dropout": 0.5,
}

PRESETS = (
    PresetEntry(
        name="densenet",
        encoders={"sequence": "densenet", "contacts": "dense-contacts"},
        summary="what fit does by default",
    ),
    PresetEntry(
        name="densenet-paper",
        encoders={"sequence": "densenet:paper", "contacts": "dense-contacts:paper"},
        train=_PAPER_TRAIN,
        summary="what the text of Zeng et al. 2019 says",
    ),
    PresetEntry(
        name="densenet-2019",
        encoders={"sequence": "densenet-2019", "contacts": "contacts-2019"},
        train=_CODE_TRAIN,
        settings={"regression": {"output": "relu"}},
        summary="what the published code of Zeng et al. 2019 does",
    ),
)
