"""What a fit would be, without doing it: network, memory, time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dexkit.features.file import FeatureFile
from dexkit.hooks.manager import plugins
from dexkit.models.backend import load_tensorflow
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.learning import Learning, learning_of
from dexkit.workflows.prepare import Job, prepare

#: Steps that are timed.
_TIMED_STEPS = 5
#: Copies of the weights that a training holds: weights, gradients, two of Adam (one of RMSprop),
#: and those of the best epoch.
_COPIES = {"adam": 5, "rmsprop": 4}


@dataclass(frozen=True)
class DryRun:
    """What a fit would be.

    Parameters
    ----------
    model : str
        Layers of the network, as a table; name of the baseline where there is no network.
    n_parameters, n_trainable : int
        Parameters of one network.
    n_train, n_validation : int
        Genes.
    n_networks : int
        Members of the ensemble.
    where : str
        Strategy and devices.
    source : str
        Where batches come from.
    data_mb, weights_mb, peak_mb : float
        Arrays that are trained on; weights, gradients and optimiser state; peak memory of this
        process (CPU) or of the device (GPU) after the timed steps. MiB.
    steps : int
        Steps of an epoch.
    step_seconds : float
        Mean time of a step.
    first_stage_step_seconds : float
        The same in the first stage of a two-step training, which trains the sequence part alone;
        0 where there is one stage.
    seconds : float
        Longest time of the whole training: all epochs of all stages of all networks, without
        validation.
    """

    model: str
    n_parameters: int
    n_trainable: int
    n_train: int
    n_validation: int
    n_networks: int
    where: str
    source: str
    data_mb: float
    weights_mb: float
    peak_mb: float
    steps: int
    step_seconds: float
    first_stage_step_seconds: float
    seconds: float

    def text(self) -> str:
        """Return the facts as lines."""
        first = self.first_stage_step_seconds
        stages = f" ({first * 1e3:,.1f} ms for the sequence part alone)" if first else ""
        return "\n".join(
            [
                self.model,
                f"parameters: {self.n_parameters:,}, {self.n_trainable:,} of them trained",
                f"genes: {self.n_train:,} training, {self.n_validation:,} validation",
                f"networks: {self.n_networks}",
                f"devices: {self.where}; data: {self.source}",
                f"memory: data {self.data_mb:,.1f} MiB, weights with gradients and optimiser "
                f"{self.weights_mb:,.1f} MiB, peak after a few steps {self.peak_mb:,.0f} MiB",
                f"time: {self.step_seconds * 1e3:,.1f} ms a step{stages}, "
                f"{self.steps:,} steps an epoch, at most {_duration(self.seconds)} in all (without "
                "validation)",
                "nothing was written",
            ]
        )


def dry_run(features_path: Path, config: FitConfig) -> DryRun:
    """Build the network of a fit, time a few steps, and write nothing.

    Parameters
    ----------
    features_path : Path
        Feature file.
    config : FitConfig
        Options.

    Returns
    -------
    DryRun
        Network, memory, time.

    Raises
    ------
    InputError, ConfigError, PluginError, TrainingError
        As a fit would.
    """
    from dexkit.errors import ConfigError
    from dexkit.training.strategy import make_strategy

    registry = plugins()
    features = FeatureFile(features_path)
    load_tensorflow()
    strategy = make_strategy(config.train)
    if strategy.extended._in_multi_worker_mode():
        raise ConfigError("--dry-run times one machine; leave the other workers out")
    job = prepare(features, config, registry)
    if job.baseline is not None:
        raise ConfigError(
            f"--dry-run is about networks; the baseline {job.baseline.entry.name!r} has no steps"
        )
    return _measure(strategy, job, config, features.genes.gene_name)


def _measure(strategy: Any, job: Job, config: FitConfig, gene_names: Any) -> DryRun:
    import numpy as np

    from dexkit.training.strategy import describe

    train, split = config.train, job.splits[0]
    first = 0.0
    if job.recipe == "two-step":
        alone = learning_of(job, split, gene_names, sequence_alone=True)
        first = _time(strategy, job, config, ("sequence",), alone)[2]
    learning = learning_of(job, split, gene_names)
    model, source, step = _time(strategy, job, config, None, learning)
    n_parameters = int(model.count_params())
    n_steps = -(-len(learning.train) // min(train.batch_size, len(learning.train)))
    arrays = [job.arrays.codes, job.arrays.contacts, learning.target]
    return DryRun(
        model=_summary(model),
        n_parameters=n_parameters,
        n_trainable=sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        n_train=len(learning.train),
        n_validation=len(learning.validation),
        n_networks=len(job.splits),
        where=describe(strategy),
        source=source,
        data_mb=sum(a.nbytes for a in arrays if a is not None) / 2**20,
        weights_mb=n_parameters * 4 * _COPIES[train.optimizer] / 2**20,
        peak_mb=_peak_mb(strategy),
        steps=n_steps,
        step_seconds=step,
        first_stage_step_seconds=first,
        seconds=(step + first) * n_steps * train.epochs * len(job.splits),
    )


def _time(
    strategy: Any,
    job: Job,
    config: FitConfig,
    blocks: tuple[str, ...] | None,
    learning: Learning,
) -> tuple[Any, str, float]:
    """Return a network on these blocks, where its batches come from, and its time a step."""
    import numpy as np

    from dexkit.training.batches import training_epoch
    from dexkit.training.loop import Loop
    from dexkit.training.sources import choose_source
    from dexkit.training.strategy import seed_everything
    from dexkit.workflows.networks import build

    train, split = config.train, job.splits[0]
    seed_everything(train.seed, deterministic=not train.xla)
    source = choose_source(learning.arrays, learning.target, train)
    with strategy.scope():
        model = build(job, config, split, blocks).model
    loop = Loop(strategy, model, job.head, source, train)
    # Genes repeat when there are few: the shape of the steps is what counts. The first pass
    # compiles, the second is timed.
    n_rows = min(train.batch_size, len(learning.train))
    genes = np.resize(learning.train, n_rows * _TIMED_STEPS)
    batch = len(genes) // _TIMED_STEPS
    plan = training_epoch(
        genes, batch, train.shift_bp, train.reverse_complement, train.seed, epoch=0
    )
    step = 0.0
    for _ in range(2):
        begin = time.perf_counter()
        loop.train_epoch(plan, train.learning_rate)
        step = (time.perf_counter() - begin) / plan.n_steps
    streamed = type(source).__name__ == "StreamSource"
    return model, "streamed" if streamed else "on the device", step


def _summary(model: Any) -> str:
    # Keras draws on a console of 80 columns where there is no terminal, and cuts what is wider.
    lines: list[str] = []
    model.summary(print_fn=lines.append, expand_nested=True, line_length=80)
    return "\n".join(lines)


def _peak_mb(strategy: Any) -> float:
    """Return the peak memory of the first device; of this process when that is a CPU."""
    import resource

    import tensorflow as tf

    device = strategy.extended.worker_devices[0].rpartition("device:")[2] or "CPU:0"
    name = device.strip("/").upper()
    if name.startswith("GPU"):
        return float(tf.config.experimental.get_memory_info(name)["peak"] / 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
