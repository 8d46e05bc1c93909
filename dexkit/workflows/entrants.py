"""The models that take part in an experiment on variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dexkit.errors import ConfigError
from dexkit.evaluation.ablation import Subject
from dexkit.io.samples import SAMPLE_SEPARATOR
from dexkit.workflows.experiment import FitTask, check_tasks
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.model_configs import companion_configs
from dexkit.workflows.prepare import Job


@dataclass(frozen=True)
class Entrant:
    """A model that takes part.

    Parameters
    ----------
    subject : Subject
        Its sample and name.
    config : FitConfig
        Options of fold 0.
    job : Job
        What a fit of it reads.
    """

    subject: Subject
    config: FitConfig
    job: Job

    @property
    def is_baseline(self) -> bool:
        """Whether it is a classical estimator."""
        return self.job.baseline is not None

    @property
    def read(self) -> tuple[str, ...]:
        """The blocks that the model itself reads."""
        return _read(self.job)


def entrants(features: Path, configs: Sequence[FitConfig], *blocks: str) -> list[Entrant]:
    """Check the models, and add the small baselines that read all blocks of the data.

    Parameters
    ----------
    features : Path
        Feature file.
    configs : sequence of FitConfig
        Models, of one sample or of several.
    *blocks : str
        Blocks that every model must read.

    Returns
    -------
    list of Entrant
        By sample, models first.

    Raises
    ------
    ConfigError
        When a model does not read the blocks, one is of several samples, or the models are of
        several tasks.
    InputError, PluginError, TrainingError
        What a fit would say.
    """
    for config in configs:
        if SAMPLE_SEPARATOR in (config.sample or ""):
            raise ConfigError(
                f"--sample {config.sample} is one model of several samples, and inputs are altered "
                "sample by sample here; repeat --sample for one model of each"
            )
    jobs = check_tasks([FitTask("", features, config) for config in configs])
    found: list[Entrant] = []
    for sample in dict.fromkeys(job.sample for job in jobs):
        own = [(c, j) for c, j in zip(configs, jobs, strict=True) if j.sample == sample]
        for config, job in own:
            _check_blocks(job, features, blocks)
            if job.head.task != jobs[0].head.task:
                raise ConfigError(
                    f"{job.model_name} is for {job.head.task} and {jobs[0].model_name} for "
                    f"{jobs[0].head.task}; give models of one task"
                )
            name = config.plugin or job.model_name
            found.append(Entrant(Subject(sample, name), config, job))
        beside = companion_configs([config for config, _ in own], own[0][1])
        tasks = [FitTask("", features, config) for config in beside]
        for config, job in zip(beside, check_tasks(tasks), strict=True):
            if _read(job) == job.contract.blocks:
                subject = Subject(sample, str(config.plugin), "companion")
                found.append(Entrant(subject, config, job))
    return found


def _check_blocks(job: Job, features: Path, wanted: Sequence[str]) -> None:
    """Refuse a model that does not read what is to be altered."""
    for block in wanted:
        if block not in job.contract.blocks:
            raise ConfigError(
                f"this experiment alters the block {block!r}, but a fit of {job.sample} on "
                f"{features} reads {', '.join(job.contract.blocks)} alone; give a file and a "
                "sample that have it"
            )
        if block not in _read(job):
            raise ConfigError(
                f"this experiment alters the block {block!r}, which the baseline "
                f"{job.model_name!r} does not read; choose another --plugin"
            )


def _read(job: Job) -> tuple[str, ...]:
    """Return the blocks that the model reads."""
    blocks = job.contract.blocks
    if job.baseline is None:
        return blocks
    return tuple(block for block in blocks if block in job.baseline.entry.blocks)
