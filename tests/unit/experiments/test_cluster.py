"""Fits through dask.distributed: a real scheduler and two workers on loopback."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from dexkit.errors import ConfigError, InputError
from dexkit.workflows import cluster
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.runner import Runner
from dexkit.workflows.task import FitTask, execute

pytest.importorskip("distributed")


def start(*arguments, cwd):
    with (cwd / "log.txt").open("ab") as log:
        command = [sys.executable, "-m", *arguments, "--no-dashboard"]
        return subprocess.Popen(command, cwd=cwd, stdout=log, stderr=log)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """Address of a scheduler, two workers of one thread each."""
    folder = tmp_path_factory.mktemp("cluster")
    place = folder / "scheduler.json"
    options = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(place))
    processes = [start("distributed.cli.dask_scheduler", *options, cwd=folder)]
    workers = [
        start(
            *("distributed.cli.dask_worker", "--scheduler-file", str(place), "--nthreads", "1"),
            *("--no-nanny", "--host", "127.0.0.1", "--local-directory", str(folder / str(i))),
            cwd=folder,
        )
        for i in range(2)
    ]
    processes += workers
    try:
        while not place.is_file() or not place.read_text():
            assert processes[0].poll() is None, (folder / "log.txt").read_text()
            time.sleep(0.05)
        yield json.loads(place.read_text())["address"], workers
    finally:
        for process in processes:
            process.kill()
            process.wait()


def plain(features, folder, fold=0, plugin="mean"):
    values = {"sample": "alpha", "plugin": plugin, "split": {"folds": 4, "fold": fold}}
    config = FitConfig.read(None, values | {"companions": False})
    name = f"{plugin}/fold-{fold}"
    return FitTask(name, features, config).to_plain(folder / "runs" / name)


def outcomes(address, tasks, folder):
    folder.mkdir(exist_ok=True)
    return Runner(scheduler=address).outcomes(tasks, folder)


def test_workers_that_cannot_do_it_are_refused(tmp_path, built, scheduler, monkeypatch):
    address, _ = scheduler
    with pytest.raises(InputError, match=r"worker tcp://.* does not see .*no\.h5; feature file"):
        list(outcomes(address, [plain(tmp_path / "no.h5", tmp_path)], tmp_path))
    monkeypatch.setattr(cluster, "__version__", "9.9")
    with pytest.raises(ConfigError, match=r"has dexkit .*, here is dexkit 9\.9; install this"):
        list(outcomes(address, [plain(built, tmp_path)], tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == []


def test_a_scheduler_that_is_not_there(tmp_path, built, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_S", 1)
    with pytest.raises(ConfigError, match=r"no scheduler answers at 'tcp://127.0.0.1:1'"):
        list(outcomes("tcp://127.0.0.1:1", [plain(built, tmp_path)], tmp_path))
    with pytest.raises(ConfigError, match="give one of the two"):
        Runner(2, "tcp://127.0.0.1:1")


def test_a_worker_stops_when_its_client_has_gone(tmp_path, built, scheduler):
    """The lease of the folder is another's: the fit stops and nothing more is written."""
    import distributed

    lease = tmp_path / ".cluster"
    lease.write_text("mine")
    with distributed.Client(scheduler[0], set_as_default=False) as client:
        task = plain(built, tmp_path, plugin="random-forest")
        sent = [
            client.submit(cluster.run_on_worker, task, str(lease), token)
            for token in ("mine", "of a client before")
        ]
        late = sent[1].result(60)
        lease.write_text("another")
        done = sent[0].result(60)
    assert done["stopped"]
    assert late["error"] == "stopped before it was started"
    assert not (tmp_path / "runs/random-forest/fold-0/bundle.json").exists()


@pytest.mark.slow  # every fit loads TensorFlow in a process of its own
def test_a_worker_that_dies_half_way_costs_nothing(tmp_path, built, scheduler):
    address, workers = scheduler
    tasks = [plain(built, tmp_path / "e", fold, "ridge") for fold in (0, 1, 2)]
    found = {}
    for outcome in outcomes(address, tasks, tmp_path / "e"):
        if not found:
            os.kill(workers[0].pid, signal.SIGKILL)
        found[outcome.name] = outcome.error
    assert found == {f"ridge/fold-{fold}": "" for fold in (0, 1, 2)}
    assert [p.name for p in (tmp_path / "e").iterdir()] == ["runs"]
    for fold in (0, 1, 2):
        here = plain(built, tmp_path / "here", fold, "ridge")
        assert execute(here).error == ""
        name = f"runs/ridge/fold-{fold}/predictions.tsv"
        assert (tmp_path / "e" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
