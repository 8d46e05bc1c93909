"""One and two replicas, one and two processes: the same losses, gradients and weights."""

import signal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import replicas
from toy import SMALL_SET, SMALL_SET_SEQUENCE, build

pytestmark = pytest.mark.slow

#: Sums in another order; 15 steps of Adam.
CLOSE = {"rtol": 2e-4, "atol": 2e-5}


@pytest.fixture(scope="module")
def alone():
    """One replica, in this process."""
    from dexkit.training.strategy import make_strategy

    return replicas.train(make_strategy(replicas.config(strategy="one")))


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """Two CPU devices of a process of its own."""
    folder = tmp_path_factory.mktemp("mirrored")
    process = replicas.start(folder, {"devices": "2"})
    assert process.wait(replicas.TIMEOUT_S) == 0, (folder / "0.log").read_text()[-2000:]
    return folder


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """Two processes that run all that workers have to agree on."""
    folder = tmp_path_factory.mktemp("workers")
    codes, logs = replicas.run_workers(folder, {"train": True, "stop": True})
    assert codes == [0, 0], logs
    assert all("stopped: True stopped by SIGTERM" in log for log in logs)
    # Where the chief alone finds something wrong, the other does not wait for it.
    assert "told: there is no such run" in logs[0]
    assert "told: the first worker stopped: there is no such run" in logs[1]
    return folder


def load(path):
    with np.load(path) as file:
        return dict(file)


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], **CLOSE, err_msg=name)


def test_there_is_something_to_compare(alone):
    assert len(alone["losses"]) == 15
    assert alone["losses"][0] > 2 * alone["losses"][-1]
    assert min(np.abs(alone[f"gradient_{i}"]).max() for i in range(6)) > 1e-3


def test_replicas_of_one_process(alone, mirrored):
    assert_close(load(mirrored / "mirrored.npz"), alone)


def test_dropout_is_reproducible(mirrored):
    first, again = (load(mirrored / f"{name}.npz") for name in ("first", "again"))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])


def test_two_workers(alone, workers):
    first, second = (load(workers / f"worker-{i}.npz") for i in (0, 1))
    assert_close(first, alone)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_only_the_chief_writes_checkpoints(workers):
    assert len(list((workers / "checkpoints-0").iterdir())) == 2
    assert not list((workers / "checkpoints-1").iterdir())
    a, b = (load(workers / f"fit-{i}.npz") for i in (0, 1))
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def test_sigterm_to_one_worker_stops_both_behind_one_step(workers):
    for index in (0, 1):
        found, expected = (load(workers / f"{n}-{index}.npz") for n in ("continued", "fit"))
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name])


def test_a_killed_worker_stops_the_other_and_both_resume_exactly(workers, tmp_path):
    """Killed in the third epoch."""
    codes, logs = replicas.run_workers(tmp_path, {"1": {"die_at": 13}})
    assert codes == [2, -signal.SIGKILL], logs
    assert "another worker stopped answering" in logs[0]
    assert "--resume" in logs[0]
    codes, logs = replicas.run_workers(tmp_path, {})
    assert codes == [0, 0], logs
    for index in (0, 1):
        found, expected = (load(f / f"fit-{index}.npz") for f in (tmp_path, workers))
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name])


def test_two_workers_fit_one_model(simulated, tmp_path):
    """The command itself: the chief writes the run, the other worker says so."""
    features = build(simulated, tmp_path / "f.h5")
    run = tmp_path / "run"
    options = ["--sample", "alpha", "--blocks", "sequence", "--folds", 4, "--epochs", 1]
    command = ["fit", features, "-o", run, *options, *SMALL_SET_SEQUENCE, "--device", "cpu"]
    codes, logs = replicas.run_workers(tmp_path, command)
    assert codes == [0, 0], logs
    assert "report: " in logs[0]
    assert "worker done" in logs[1]
    assert "report: " not in logs[1]
    assert {"bundle.json", "model.keras", "report.html"} <= {p.name for p in run.iterdir()}


def test_two_workers_train_in_two_steps(simulated, tmp_path, dexkit):
    """As one process does, but for the order of sums; that one is this process."""
    features = build(simulated, tmp_path / "f.h5")
    still = ("densenet.block_dropout", "densenet.dense_dropout", "dense-contacts.dropout")
    options = ["--sample", "alpha", "--folds", 4, "--epochs", 2, "--training", "two-step"]
    options += ["--device", "cpu", *SMALL_SET, *(f"--set={key}=0" for key in still)]
    codes, logs = replicas.run_workers(
        tmp_path, ["fit", features, "-o", tmp_path / "two", *options]
    )
    assert codes == [0, 0], logs
    assert "worker done" in logs[1]
    dexkit("fit", features, "-o", tmp_path / "one", *options)
    two, one = (pd.read_csv(tmp_path / run / "predictions.tsv", sep="\t") for run in ("two", "one"))
    for column in ("predicted", "baseline:sequence-only"):
        np.testing.assert_allclose(two[column], one[column], atol=2e-3, err_msg=column)
    # The baselines are the chief's alone.
    assert (two["baseline:ridge"] == one["baseline:ridge"]).all()
    stages = pd.read_csv(tmp_path / "two" / "history.csv").stage
    assert stages.tolist() == ["sequence"] * 2 + ["joint"] * 2


# --- without processes ---------------------------------------------------------------------------


def test_a_model_of_several_replicas_says_so():
    from dexkit.training.strategy import describe

    extended = SimpleNamespace(worker_devices=("/job:localhost/device:GPU:0", "/device:GPU:3"))
    several = SimpleNamespace(num_replicas_in_sync=2, extended=extended)
    assert describe(several).endswith("2 replicas, here gpu:0, gpu:3")
