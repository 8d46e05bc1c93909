"""Which machines train together: from ``TF_CONFIG``, or from the variables of a SLURM job."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dexkit.errors import ConfigError

#: Ports of a SLURM job start here plus the job's number modulo the count: two jobs on one machine
#: get ports of their own. Below the range that Linux gives to outgoing connections (32768).
_FIRST_PORT, _N_PORTS = 20_000, 12_000
#: Tasks of one machine take consecutive ports.
_PORTS_A_JOB = 16

_GROUP = re.compile(r"[^,\[]+(?:\[[^\]]*\][^,\[]*)*")
_RANGE = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True)
class Cluster:
    """The processes that train together.

    Parameters
    ----------
    workers : tuple of str
        ``host:port`` of each worker; the first one is the chief.
    index : int
        This process among them.
    """

    workers: tuple[str, ...]
    index: int

    def to_tf_config(self) -> dict[str, Any]:
        """Return the content of ``TF_CONFIG``."""
        return {
            "cluster": {"worker": list(self.workers)},
            "task": {"type": "worker", "index": self.index},
        }


def find_cluster(
    environ: Mapping[str, str], port: int | None = None, required: bool = False
) -> Cluster | None:
    """Read the cluster off the environment.

    Parameters
    ----------
    environ : mapping of str to str
        ``TF_CONFIG`` wins; else the variables that ``srun`` sets for each task of a step.
    port : int, optional
        First port of the workers of a SLURM job; derived from the job's number by default.
    required : bool, optional
        Whether it is an error that there is none.

    Returns
    -------
    Cluster or None
        None for a process of its own: nothing is set, or a cluster of one worker.

    Raises
    ------
    ConfigError
        When ``TF_CONFIG`` is damaged or asks for roles that dexkit does not have, the SLURM
        variables contradict each other, or a cluster is required and nothing is set.
    """
    if environ.get("TF_CONFIG"):
        cluster = _from_tf_config(environ["TF_CONFIG"])
    elif _is_slurm_step(environ):
        cluster = _from_slurm(environ, port)
    elif required:
        raise ConfigError(
            "--strategy multi-worker: neither TF_CONFIG nor a SLURM step (srun) names the workers; "
            'set TF_CONFIG to {"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", '
            '"index": 0}}, or start with srun'
        )
    else:
        return None
    return cluster if required or len(cluster.workers) > 1 else None


def expand_hosts(nodelist: str) -> list[str]:
    """Expand a SLURM host list: ``n[01-03,7],gpu1`` is n01, n02, n03, n7, gpu1.

    Parameters
    ----------
    nodelist : str
        Value of ``SLURM_JOB_NODELIST``.

    Returns
    -------
    list of str
        Host names in order.

    Raises
    ------
    ConfigError
        When it is no host list.
    """
    hosts: list[str] = []
    groups = _GROUP.findall(nodelist)
    if ",".join(groups) != nodelist or not groups:
        raise ConfigError(f"cannot read the SLURM host list {nodelist!r}; set TF_CONFIG instead")
    for group in groups:
        fixed = _RANGE.split(group)
        choices = [_numbers(part, nodelist) if i % 2 else [part] for i, part in enumerate(fixed)]
        hosts += ["".join(parts) for parts in itertools.product(*choices)]
    return hosts


def _numbers(ranges: str, nodelist: str) -> list[str]:
    """Expand ``01-03,7``; leading zeros stay."""
    found = []
    for part in ranges.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not match:
            raise ConfigError(
                f"cannot read the SLURM host list {nodelist!r}; set TF_CONFIG instead"
            )
        first, last = match[1], match[2] or match[1]
        found += [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)]
    return found


def _is_slurm_step(environ: Mapping[str, str]) -> bool:
    """Whether srun started this process; in the batch script itself there is one process only."""
    return "SLURM_PROCID" in environ and "SLURM_STEP_NUM_TASKS" in environ


def _from_slurm(environ: Mapping[str, str], port: int | None) -> Cluster:
    n_tasks = _integer(environ, "SLURM_STEP_NUM_TASKS")
    index = _integer(environ, "SLURM_PROCID")
    nodelist = environ.get("SLURM_STEP_NODELIST") or environ.get("SLURM_JOB_NODELIST", "")
    hosts = expand_hosts(nodelist)
    by_host = _tasks_by_host(environ, len(hosts), n_tasks)
    if port is None:
        job = _integer(environ, "SLURM_JOB_ID") if "SLURM_JOB_ID" in environ else 0
        port = _FIRST_PORT + job * _PORTS_A_JOB % _N_PORTS
    workers = [
        f"{host}:{port + task}" for host, n in zip(hosts, by_host, strict=True) for task in range(n)
    ]
    if not 0 <= index < len(workers):
        raise ConfigError(f"SLURM_PROCID is {index}, but the step has {len(workers)} tasks")
    return Cluster(tuple(workers), index)


def _tasks_by_host(environ: Mapping[str, str], n_hosts: int, n_tasks: int) -> list[int]:
    """Return the tasks of each host: ``2(x3),1`` is 2, 2, 2, 1."""
    text = environ.get("SLURM_STEP_TASKS_PER_NODE") or environ.get("SLURM_TASKS_PER_NODE")
    counts: list[int] = []
    for part in (text or "").split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if match:
            counts += [int(match[1])] * int(match[2] or 1)
    if not text and n_tasks % n_hosts == 0:
        counts = [n_tasks // n_hosts] * n_hosts
    if len(counts) != n_hosts or sum(counts) != n_tasks:
        raise ConfigError(
            f"the SLURM step has {n_tasks} tasks on {n_hosts} hosts, but SLURM_STEP_TASKS_PER_NODE "
            f"is {text!r}; set TF_CONFIG instead"
        )
    return counts


def _integer(environ: Mapping[str, str], name: str) -> int:
    value = environ.get(name, "")
    if not value.isdigit():
        raise ConfigError(f"{name} is {value!r}; expected a number")
    return int(value)


def _from_tf_config(text: str) -> Cluster:
    try:
        values = json.loads(text)
        roles, task = dict(values["cluster"]), dict(values["task"])
        kind, index = str(task["type"]), int(task["index"])
        workers = [str(w) for role in ("chief", "worker") for w in roles.pop(role, [])]
        n_chiefs = len(values["cluster"].get("chief", []))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"TF_CONFIG cannot be read ({type(error).__name__}: {error}); expected "
            '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}'
        ) from error
    if roles or kind not in ("chief", "worker"):
        raise ConfigError(
            f"TF_CONFIG names the roles {', '.join([*roles, kind])}; dexkit trains with workers "
            "(and a chief) only"
        )
    place = index + (n_chiefs if kind == "worker" else 0)
    if not 0 <= place < len(workers) or any(":" not in w for w in workers):
        raise ConfigError(
            f"TF_CONFIG: this process is {kind} {index}, the workers are {workers}; expected "
            "host:port of each, and an index among them"
        )
    return Cluster(tuple(workers), place)
