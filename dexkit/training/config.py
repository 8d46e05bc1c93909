"""Options of a training run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


class TrainConfig(BaseModel):
    """How a network is trained.

    The paper (section 2.3) trains with RMSprop, batches of 4, at most 60 epochs and a patience
    of 5; the defaults here are dexkit's and suit batches on a GPU as well as small data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: PositiveInt = Field(20, description="most epochs (paper: 60)")
    patience: PositiveInt = Field(
        8, description="epochs without a better validation loss before stopping (paper: 5)"
    )
    batch_size: PositiveInt = Field(32, description="genes a step (paper: 4)")
    optimizer: Literal["adam", "rmsprop"] = Field("adam", description="optimiser (paper: rmsprop)")
    learning_rate: PositiveFloat = Field(1e-3, description="highest learning rate")
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="learning rate over the epochs"
    )
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay")
    clip_norm: PositiveFloat = Field(
        1.0, description="largest norm of the gradient of one variable"
    )
    shift_bp: int = Field(
        20,
        ge=0,
        description="random shift of the window, drawn a gene and step; at most the "
        "margin of the feature file",
    )
    reverse_complement: bool = Field(
        False, description="random reverse complement (a TSS has a direction: off)"
    )
    joint_units: tuple[PositiveInt, ...] = Field(
        (40,), description="dense layers over the joined vectors when there are several encoders"
    )
    joint_dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout behind each of the joint layers (published code: 0.5)"
    )
    ensemble: PositiveInt = Field(
        1, description="networks with different seeds and validation parts; their mean predicts"
    )
    seed: int = Field(0, ge=0, description="drives everything that is random")
    device: Literal["auto", "cpu", "gpu"] = Field("auto", description="where to train")
