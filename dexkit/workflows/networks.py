"""Train the networks of a fit, in one stage or in two."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dexkit.evaluation.splits import Split
from dexkit.training.config import TrainConfig
from dexkit.training.fit import EpochRow, FitResult, Watcher, fit_network
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.learning import learning_of
from dexkit.workflows.prepare import Job
from dexkit.workflows.run_folder import JOINT_STAGE, SEQUENCE_STAGE, RunFolder

if TYPE_CHECKING:
    from dexkit.models.assembly import Network

logger = logging.getLogger("dexkit")

#: Shows one network's training; takes its name and the options.
Watch = Callable[[str, TrainConfig], AbstractContextManager[Watcher]]

#: Keep the members' streams, and those of their second stage, apart from those that the seed
#: drives directly.
_MEMBER_STREAM, _SECOND_STAGE_STREAM = 3, 4
#: Block of the part that the first of two stages trains.
_SEQUENCE = "sequence"


@dataclass(frozen=True)
class Trained:
    """The networks of a fit, with their best weights.

    Parameters
    ----------
    models : list of keras.Model
        The members of the ensemble.
    sequence_models : list of keras.Model
        What the first of two stages left behind: the sequence part of each member with a head of
        its own. Empty when there was one stage.
    """

    models: list[Any]
    sequence_models: list[Any]


class _History(Watcher):
    """Writes ``history.csv``."""

    def __init__(self, folder: RunFolder, member: int, stage: str) -> None:
        self._folder, self._member, self._stage = folder, member, stage

    def on_epoch(self, row: EpochRow) -> None:
        self._folder.add_epoch(self._member, self._stage, row)


def fit_networks(
    strategy: Any,
    folder: RunFolder | None,
    job: Job,
    config: FitConfig,
    gene_names: Any,
    watch: Watch,
) -> Trained:
    """Train every network of the ensemble.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        Where to train.
    folder : RunFolder or None
        Run folder of the chief; None on the other workers, which write nothing.
    job : Job
        Data, encoders and recipe.
    config : FitConfig
        Options.
    gene_names : ndarray of shape (n_genes,)
        For messages.
    watch : callable
        Shows the training.

    Returns
    -------
    Trained
        The networks.

    Notes
    -----
    Each stage starts from a seed of its own. A run that was killed in the second stage, or before
    it, so goes on as the one that was not: the first stage comes back from its last checkpoint.
    """
    trained = Trained([], [])
    for member, split in enumerate(job.splits):
        seed = member_seed(config.train.seed, member)
        train = partial(_train, strategy, folder, job, config, gene_names, watch, member)
        both = _Maker(partial(build, job, config, split))
        if job.recipe == "two-step":
            alone = _Maker(partial(build, job, config, split, (_SEQUENCE,)))
            trained.sequence_models.append(train(SEQUENCE_STAGE, seed, alone))
            both = _Maker(both.network, alone.encoder)
            seed = member_seed(config.train.seed, member, _SECOND_STAGE_STREAM)
        trained.models.append(train(JOINT_STAGE, seed, both))
    return trained


class _Maker:
    """Makes the model of a stage; knows the sequence encoder of the one it made last.

    Parameters
    ----------
    network : callable
        Returns a fresh network.
    weights_of : keras.Layer, optional
        Sequence encoder whose weights every new network starts with.
    """

    def __init__(self, network: Callable[[], Network], weights_of: Any = None) -> None:
        self.network = network
        self.weights_of = weights_of
        self.encoder: Any = None

    def __call__(self) -> Any:
        from dexkit.models.assembly import carry_over

        network = self.network()
        self.encoder = network.encoders.get(_SEQUENCE)
        if self.weights_of is not None:
            carry_over(self.weights_of, self.encoder)
        return network.model


def _train(
    strategy: Any,
    folder: RunFolder | None,
    job: Job,
    config: FitConfig,
    gene_names: Any,
    watch: Watch,
    member: int,
    stage: str,
    seed: int,
    make_model: _Maker,
) -> Any:
    """Train one network in one stage; return the model with its best weights."""
    from dexkit.training.display import TensorBoardWriter
    from dexkit.training.sources import choose_source
    from dexkit.training.strategy import seed_everything

    train, split = config.train, job.splits[member]
    learning = learning_of(job, split, gene_names, stage == SEQUENCE_STAGE)
    name = f"network {member + 1}/{len(job.splits)}"
    if stage == SEQUENCE_STAGE:
        name += ", sequence part"
    elif job.recipe == "two-step":
        name += ", all parts"
    second = make_model.weights_of is not None
    seed_everything(seed, deterministic=not train.xla)
    source = choose_source(learning.arrays, learning.target, train)
    with watch(name, train) as watcher:
        watchers: list[Watcher] = [watcher]
        if folder is not None:
            watchers.append(_History(folder, member, stage))
            if train.tensorboard:
                watchers.append(TensorBoardWriter(folder.tensorboard(member, stage)))
        result = fit_network(
            strategy,
            make_model,
            job.head,
            source,
            learning.target,
            learning.train,
            learning.validation,
            train,
            seed,
            learning.names,
            folder.checkpoints(member, stage) if folder is not None else None,
            watchers,
            (lambda: {make_model.encoder.name: train.sequence_rate}) if second else None,
            train.freeze_epochs if second else 0,
            learning.weights,
        )
    if folder is not None:
        _say_best(name, result)
    return result.model


def build(
    job: Job, config: FitConfig, split: Split, blocks: Sequence[str] | None = None
) -> Network:
    """Return a fresh network for one member of the ensemble.

    Parameters
    ----------
    job : Job
        Encoders, head and contract.
    config : FitConfig
        Options.
    split : Split
        The member's genes.
    blocks : sequence of str, optional
        Blocks to read; those of the job by default.

    Returns
    -------
    Network
        The model and its encoders.
    """
    from dexkit.models.assembly import build_network
    from dexkit.training.strategy import precision

    with precision(config.train):
        return build_network(
            [(e, c) for e, c in job.encoders if blocks is None or e.block in blocks],
            job.head,
            job.state,
            job.contract,
            config.train.joint_units,
            config.train.joint_dropout,
            len(split.train),
        )


def member_seed(seed: int, member: int, stream: int = _MEMBER_STREAM) -> int:
    """Return the seed of one network of the ensemble."""
    return int(np.random.SeedSequence([seed, member, stream]).generate_state(1)[0])


def _say_best(name: str, result: FitResult) -> None:
    best: Mapping[str, float] = result.history[result.best_epoch]
    logger.info(
        "%s: epoch %d of %d was best, validation loss %.4f, Pearson %.3f",
        name,
        int(best["epoch"]) + 1,
        len(result.history),
        best["val_loss"],
        best["val_pearson"],
    )
