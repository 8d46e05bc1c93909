"""Options of a training run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

#: Options that say where and how a run is executed, not what it computes: they may differ when a
#: run is resumed. Another number of replicas changes the last digits.
RUNTIME_OPTIONS = (
    *("device", "strategy", "devices", "port", "data", "device_data_mb"),
    *("checkpoint_seconds", "checkpoint_steps", "tensorboard"),
)


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
    batch_size: PositiveInt = Field(32, description="genes a step, on all replicas (paper: 4)")
    optimizer: Literal["adam", "rmsprop"] = Field("adam", description="optimiser (paper: rmsprop)")
    learning_rate: PositiveFloat = Field(1e-3, description="highest learning rate")
    schedule: Literal["cosine", "constant", "exponential", "plateau"] = Field(
        "cosine", description="learning rate over the epochs"
    )
    warmup_epochs: int = Field(
        0, ge=0, description="epochs over which the learning rate rises to its highest"
    )
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay")
    clip_norm: PositiveFloat = Field(
        5.0, description="largest norm of the gradient of all variables together"
    )
    shift_bp: int = Field(
        20,
        ge=0,
        description="random shift of the window, drawn a gene and step; at most the "
        "margin of the feature file",
    )
    reverse_complement: bool = Field(
        False,
        description="random reverse complement (a TSS has a direction: off); mirrors contacts that "
        "run with the gene (contacts.flip_minus)",
    )
    joint_units: tuple[PositiveInt, ...] = Field(
        (40,), description="dense layers over the joined vectors when there are several encoders"
    )
    joint_dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout behind each of the joint layers (published code: 0.5)"
    )
    recipe: Literal["joint", "two-step"] = Field(
        "joint",
        description="all parts at once, or the sequence part with a head of its own first and then "
        "everything (paper)",
    )
    sequence_rate: float = Field(
        0.1,
        ge=0,
        description="two-step: learning rate of the sequence part in the second stage, as a "
        "multiple of that of the rest; 0 freezes it",
    )
    freeze_epochs: int = Field(
        0, ge=0, description="two-step: epochs of the second stage before the sequence part moves"
    )
    weights: str | None = Field(
        None, description="table of gene id and weight in the loss; all genes count alike without"
    )
    weights_sha256: str | None = Field(
        None, description="SHA-256 of that table; another one is refused"
    )
    class_weight: Literal["balanced"] | tuple[PositiveFloat, PositiveFloat] | None = Field(
        None,
        description="weight of the low and the high class in the loss; balanced: so that both "
        "have the same sum over training and validation genes",
    )
    ensemble: PositiveInt = Field(
        1, description="networks with different seeds and validation parts; their mean predicts"
    )
    seed: int = Field(0, ge=0, description="drives everything that is random")
    precision: Literal["float32", "bf16"] = Field(
        "float32", description="bf16: bfloat16 arithmetic on float32 weights, output in float32"
    )
    xla: bool = Field(False, description="compile forward and backward pass with XLA")
    device: Literal["auto", "cpu", "gpu"] = Field("auto", description="where to train")
    strategy: Literal["auto", "one", "mirrored", "multi-worker"] = Field(
        "auto", description="one device, several of this machine, or several machines"
    )
    devices: str | None = Field(
        None,
        pattern=r"^[1-9][0-9]*$|^[0-9]+(,[0-9]+)+$|^[0-9]+,$",
        description="how many devices (2), or which (0,3; one alone: 3,)",
    )
    port: int | None = Field(
        None, ge=1024, le=65435, description="first port of the workers of a SLURM job"
    )
    data: Literal["auto", "device", "stream"] = Field(
        "auto", description="keep the data on the device, or stream them from the feature file"
    )
    device_data_mb: PositiveInt = Field(
        2048, description="largest size of data that 'auto' keeps on the device, in MiB"
    )
    checkpoint_seconds: PositiveFloat = Field(
        300.0, description="time between checkpoints inside an epoch"
    )
    checkpoint_steps: PositiveInt | None = Field(
        None, description="steps between checkpoints inside an epoch, instead of the time"
    )
    tensorboard: bool = Field(False, description="write TensorBoard event files")
