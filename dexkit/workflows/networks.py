"""Train the networks of a fit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from dexkit.evaluation.splits import Split
from dexkit.training.config import TrainConfig
from dexkit.training.fit import EpochRow, Watcher, fit_network
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.prepare import Job
from dexkit.workflows.run_folder import RunFolder

logger = logging.getLogger("dexkit")

#: Shows one network's training; takes its name and the options.
Watch = Callable[[str, TrainConfig], AbstractContextManager[Watcher]]

#: Keeps the members' streams apart from those that the seed drives directly.
_MEMBER_STREAM = 3


class _History(Watcher):
    """Writes ``history.csv``."""

    def __init__(self, folder: RunFolder, member: int) -> None:
        self._folder, self._member = folder, member

    def on_epoch(self, row: EpochRow) -> None:
        self._folder.add_epoch(self._member, row)


def fit_networks(
    strategy: Any,
    folder: RunFolder | None,
    job: Job,
    config: FitConfig,
    gene_names: Any,
    watch: Watch,
) -> list[Any]:
    """Train every network of the ensemble.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        Where to train.
    folder : RunFolder or None
        Run folder of the chief; None on the other workers, which write nothing.
    job : Job
        Data and encoders.
    config : FitConfig
        Options.
    gene_names : ndarray of shape (n_genes,)
        For messages.
    watch : callable
        Shows the training.

    Returns
    -------
    list of keras.Model
        The members with their best weights.
    """
    from dexkit.training.display import TensorBoardWriter
    from dexkit.training.sources import choose_source
    from dexkit.training.strategy import seed_everything

    target = job.head.encode_target(job.target, job.state)
    models = []
    for member, split in enumerate(job.splits):
        seed = member_seed(config.train.seed, member)
        seed_everything(seed, deterministic=not config.train.xla)
        source = choose_source(job.arrays, target, config.train)
        name = f"network {member + 1}/{len(job.splits)}"
        with watch(name, config.train) as watcher:
            watchers: list[Watcher] = [watcher]
            if folder is not None:
                watchers.append(_History(folder, member))
                if config.train.tensorboard:
                    watchers.append(TensorBoardWriter(folder.tensorboard(member)))
            result = fit_network(
                strategy,
                lambda split=split: build(job, config, split),  # type: ignore[misc]
                job.head,
                source,
                target,
                split.train,
                split.validation,
                config.train,
                seed,
                gene_names,
                folder.checkpoints(member) if folder is not None else None,
                watchers,
            )
        if folder is not None:
            _say_best(name, result.history, result.history[result.best_epoch])
        models.append(result.model)
    return models


def build(job: Job, config: FitConfig, split: Split) -> Any:
    """Return a fresh network for one member of the ensemble."""
    from dexkit.models.assembly import build_network
    from dexkit.training.strategy import precision

    with precision(config.train):
        return build_network(
            job.encoders,
            job.head,
            job.state,
            job.contract,
            config.train.joint_units,
            config.train.joint_dropout,
            len(split.train),
        )


def member_seed(seed: int, member: int) -> int:
    """Return the seed of one network of the ensemble."""
    return int(np.random.SeedSequence([seed, member, _MEMBER_STREAM]).generate_state(1)[0])


def _say_best(name: str, history: list[EpochRow], best: Mapping[str, float]) -> None:
    logger.info(
        "%s: epoch %d of %d was best, validation loss %.4f, Pearson %.3f",
        name,
        int(best["epoch"]) + 1,
        len(history),
        best["val_loss"],
        best["val_pearson"],
    )
