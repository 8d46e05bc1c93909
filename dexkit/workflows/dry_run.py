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
    seconds : float
        Longest time of the whole training: all epochs of all networks, without validation.
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
    seconds: float

    def text(self) -> str:
        """Return the facts as lines."""
        return "\n".join(
            [
                self.model,
                f"parameters: {self.n_parameters:,}, {self.n_trainable:,} of them trained",
                f"genes: {self.n_train:,} training, {self.n_validation:,} validation",
                f"networks: {self.n_networks}",
                f"devices: {self.where}; data: {self.source}",
                f"memory: data {self.data_mb:,.1f} MiB, weights with gradients and optimiser "
                f"{self.weights_mb:,.1f} MiB, peak after a few steps {self.peak_mb:,.0f} MiB",
                f"time: {self.step_seconds * 1e3:,.1f} ms a step, {self.steps:,} steps an epoch, "
                f"at most {_duration(self.seconds)} in all (without validation)",
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
    return _measure(strategy, job, config)


def _measure(strategy: Any, job: Job, config: FitConfig) -> DryRun:
    import numpy as np

    from dexkit.training.batches import training_epoch
    from dexkit.training.loop import Loop
    from dexkit.training.sources import choose_source
    from dexkit.training.strategy import describe, seed_everything
    from dexkit.workflows.networks import build

    train, split = config.train, job.splits[0]
    seed_everything(train.seed, deterministic=not train.xla)
    target = job.head.encode_target(job.target, job.state)
    source = choose_source(job.arrays, target, train)
    with strategy.scope():
        model = build(job, config, split)
    loop = Loop(strategy, model, job.head, source, train)
    batch = min(train.batch_size, len(split.train))
    n_steps = -(-len(split.train) // batch)
    # Genes repeat when there are few: the shape of the steps is what counts. The first pass
    # compiles, the second is timed.
    genes = np.resize(split.train, batch * _TIMED_STEPS)
    plan = training_epoch(
        genes, batch, train.shift_bp, train.reverse_complement, train.seed, epoch=0
    )
    for _ in range(2):
        begin = time.perf_counter()
        loop.train_epoch(plan, train.learning_rate)
        step = (time.perf_counter() - begin) / plan.n_steps
    n_parameters = int(model.count_params())
    arrays = [job.arrays.codes, job.arrays.contacts, target]
    return DryRun(
        model=_summary(model),
        n_parameters=n_parameters,
        n_trainable=sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        n_train=len(split.train),
        n_validation=len(split.validation),
        n_networks=len(job.splits),
        where=describe(strategy),
        source="streamed" if type(source).__name__ == "StreamSource" else "on the device",
        data_mb=sum(a.nbytes for a in arrays if a is not None) / 2**20,
        weights_mb=n_parameters * 4 * _COPIES[train.optimizer] / 2**20,
        peak_mb=_peak_mb(strategy),
        steps=n_steps,
        step_seconds=step,
        seconds=step * n_steps * train.epochs * len(job.splits),
    )


def _summary(model: Any) -> str:
    lines: list[str] = []
    model.summary(print_fn=lines.append, expand_nested=True, line_length=100)
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
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
