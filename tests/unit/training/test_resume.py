"""Exact resume: interrupted at any step, a training ends as if it had not been."""

import io
import logging
import math
import os
import pickle
import signal

import numpy as np
import pytest

from dexkit.errors import StoppedError
from dexkit.training.checkpoint import Checkpoints, Progress, restore
from dexkit.training.config import TrainConfig
from dexkit.training.fit import Watcher, fit_network
from dexkit.training.sources import DeviceSource
from dexkit.training.strategy import make_strategy, seed_everything

N_STEPS = 4  # 29 genes in batches of 8


class Killed(BaseException):
    """Like SIGKILL: nothing of the program gets to handle it."""


class KilledAt(Watcher):
    """Dies behind a step, or behind an epoch and before the next one."""

    def __init__(self, epoch, step=None, how=Killed):
        self.at, self.how = (epoch, step), how

    def on_steps(self, epoch, n_steps, n_genes, losses):
        if (epoch, len(losses)) == self.at:
            self.die()

    def on_epoch(self, row):
        if (row["epoch"], None) == self.at:
            self.die()

    def die(self):
        if self.how is Killed:
            raise Killed
        self.how()


def fit(problem, make_model, head, config, folder=None, watchers=(), seed=9, **model):
    seed_everything(seed)
    return fit_network(
        make_strategy(TrainConfig(device="cpu")),
        lambda: make_model(**({"norm": True} | model)),
        head,
        DeviceSource(problem.arrays, problem.target),
        problem.target,
        problem.train,
        problem.validation,
        config,
        seed,
        problem.names,
        Checkpoints(folder, "c") if folder else None,
        watchers,
    )


def rows(result):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in result.history]


def assert_same(a, b):
    assert rows(a) == rows(b)
    assert a.best_epoch == b.best_epoch
    for x, y in zip(a.model.variables, b.model.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


@pytest.fixture(scope="module")
def config():
    return TrainConfig(
        epochs=5,
        batch_size=8,
        shift_bp=3,
        learning_rate=0.01,
        weight_decay=0.01,
        patience=2,
        reverse_complement=True,
        schedule="plateau",
        checkpoint_steps=1,
    )


@pytest.fixture(scope="module")
def whole(toy_problem, make_model, head, config):
    return fit(toy_problem, make_model, head, config)


@pytest.mark.parametrize(
    ("epoch", "step", "every"),
    [(0, 1, 1), (1, 3, 2), (2, N_STEPS, 3), (3, None, None)],
)
def test_a_killed_training_resumes_exactly(
    toy_problem, make_model, head, config, whole, tmp_path, epoch, step, every
):
    """In an epoch, behind its last step, behind its end; with checkpoints everywhere or seldom."""
    run = (toy_problem, make_model, head, config.model_copy(update={"checkpoint_steps": every}))
    with pytest.raises(Killed):
        fit(*run, tmp_path, [KilledAt(epoch, step)])
    seen = []
    watcher = Watcher()
    watcher.on_epoch = lambda row: seen.append(row["epoch"])
    assert_same(fit(*run, tmp_path, [watcher]), whole)
    assert seen == list(range(5))
    assert len(list(tmp_path.iterdir())) == 2


def test_killed_again_and_again(toy_problem, make_model, head, config, whole, tmp_path):
    run = (toy_problem, make_model, head, config)
    for epoch, step in ((0, 3), (1, 4), (4, 2)):
        with pytest.raises(Killed):
            fit(*run, tmp_path, [KilledAt(epoch, step)])
    assert_same(fit(*run, tmp_path), whole)


@pytest.mark.parametrize("call", [1, 6])
def test_killed_while_a_checkpoint_is_written(
    toy_problem, make_model, head, config, whole, tmp_path, monkeypatch, call
):
    """Half a file under its temporary name: the one before is taken, and no word is said."""
    original, calls = np.savez, []

    def savez(handle, **arrays):
        calls.append(1)
        if len(calls) == call:
            stream = io.BytesIO()
            original(stream, **arrays)
            handle.write(stream.getvalue()[: len(stream.getvalue()) // 2])
            raise Killed
        original(handle, **arrays)

    run = (toy_problem, make_model, head, config)
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", savez)
        with pytest.raises(Killed):
            fit(*run, tmp_path)
    assert_same(fit(*run, tmp_path), whole)


@pytest.mark.parametrize(
    ("epoch", "step", "where"),
    [(1, 2, "epoch 2, step 2"), (2, None, "epoch 4, step 1"), (4, None, "epoch 5")],
)
def test_sigterm_finishes_the_step_saves_and_says_how_to_go_on(
    toy_problem, make_model, head, config, whole, tmp_path, epoch, step, where
):
    """Also when it comes while an epoch is scored and saved, the last one among them."""
    run = (toy_problem, make_model, head, config.model_copy(update={"checkpoint_steps": None}))
    stop = KilledAt(epoch, step, lambda: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StoppedError, match=rf"SIGTERM.*{where} is saved.*--resume") as caught:
        fit(*run, tmp_path, [stop])
    assert caught.value.sigterm
    assert signal.getsignal(signal.SIGTERM) is before
    assert_same(fit(*run, tmp_path), whole)


def test_a_run_that_had_stopped_early_is_not_trained_on(
    toy_problem, make_model, head, config, tmp_path
):
    config = config.model_copy(update={"epochs": 12, "learning_rate": 0.08, "schedule": "constant"})
    first = fit(toy_problem, make_model, head, config, tmp_path)
    assert len(first.history) < 12
    again = fit(toy_problem, make_model, head, config, tmp_path)
    assert again.history == first.history
    assert_same(again, first)


def test_time_decides_when_no_steps_are_given(
    toy_problem, make_model, head, config, tmp_path, monkeypatch
):
    saved = []
    original = Checkpoints.save

    def save(self, variables, progress):
        saved.append((progress.epoch, len(progress.losses)))
        return original(self, variables, progress)

    monkeypatch.setattr(Checkpoints, "save", save)
    clock = [0.0]
    monkeypatch.setattr("dexkit.training.checkpoint.time.monotonic", lambda: clock[0])
    tick = Watcher()

    def on_steps(*_):
        clock[0] += 4.0

    tick.on_steps = on_steps
    values = {"checkpoint_steps": None, "checkpoint_seconds": 10.0, "epochs": 2}
    fit(toy_problem, make_model, head, config.model_copy(update=values), tmp_path, [tick])
    # Each step "takes" 4 s: one checkpoint behind the third step, one at each epoch's end.
    assert saved == [(0, 3), (1, 0), (1, 3), (2, 0)]


# --- the files -----------------------------------------------------------------------------------


@pytest.fixture
def warnings_said():
    """Messages of dexkit's logger, whatever the command line did to it before."""
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("dexkit")
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


def flipped(data):
    """One bit of an array in the middle of the file."""
    at = len(data) // 3
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


DAMAGE = {
    "cut": lambda data: data[: len(data) // 2],
    "changed": lambda data: data.replace(*(t.encode("utf-32-le") for t in ("best_l", "best_L"))),
    "bit": flipped,
    "text": lambda data: b"not a checkpoint",
    "empty": lambda data: b"",
    "pickle": lambda data: pickle.dumps({"now_0": 1}),
    "array": lambda data: npy(np.ones(3)),
    "other archive": lambda data: npz(x=np.ones(3)),
}


def values_of(variables):
    return [np.asarray(v) for v in variables]


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path, make_model, warnings_said, damage
):
    seed_everything(1)
    variables = make_model().variables
    checkpoints = Checkpoints(tmp_path, "c")
    for epoch in (1, 2):
        checkpoints.save([v * 0 + epoch for v in values_of_tensors(variables)], Progress(epoch))
    newest, older = checkpoints.files()
    newest.write_bytes(DAMAGE[damage](newest.read_bytes()))
    assert restore(checkpoints.read(variables), variables).epoch == 1
    assert len(warnings_said) == 1
    assert f"going back to {older.name}" in warnings_said[0]
    older.write_bytes(DAMAGE[damage](older.read_bytes()))
    before = values_of(variables)
    assert checkpoints.read(variables) is None
    assert "starting over" in warnings_said[-1]
    assert equal(values_of(variables), before)


class Named(np.ndarray):
    path = "v"


def values_of_tensors(variables):
    """Arrays that look like variables to a checkpoint."""
    return [np.asarray(v).view(Named) for v in variables]


def test_a_damaged_newest_checkpoint_changes_no_result(
    toy_problem, make_model, head, config, whole, tmp_path, warnings_said
):
    run = (toy_problem, make_model, head, config)
    with pytest.raises(Killed):
        fit(*run, tmp_path, [KilledAt(2, 2)])
    newest = Checkpoints(tmp_path, "c").files()[0]
    newest.write_bytes(flipped(newest.read_bytes()))
    assert_same(fit(*run, tmp_path), whole)
    assert len(warnings_said) == 1


def test_training_starts_over_from_the_checkpoint_of_another_network(
    toy_problem, make_model, head, config, tmp_path, warnings_said
):
    config = config.model_copy(update={"epochs": 2, "checkpoint_steps": None})
    run = (toy_problem, make_model, head, config, tmp_path)
    fit(*run)
    again = fit(*run, norm=False)
    assert [w for w in warnings_said if "shapes of the variables differ" in w]
    assert [row["epoch"] for row in again.history] == [0, 1]


def test_checkpoint_round_trip(tmp_path, make_model):
    seed_everything(1)
    network = make_model(norm=True)
    progress = Progress(
        epoch=1,
        losses=[0.1, float(np.float32(1) / 3)],
        history=[{"epoch": 0, "val_pearson": math.nan}],
        best_epoch=0,
        best_loss=-1.5,
        best=[v + 1 for v in values_of(network.variables)],
    )
    checkpoints = Checkpoints(tmp_path, "c")
    for _ in range(4):
        path = checkpoints.save(network.variables, progress)
    assert [p.name for p in checkpoints.files()] == ["c-000003.npz", "c-000002.npz"]
    assert path == checkpoints.files()[0]
    (tmp_path / "cc-000009.npz").touch()
    assert len(checkpoints.files()) == 2
    before = values_of(network.variables)
    for variable in network.variables:
        variable.assign(np.zeros_like(np.asarray(variable)))
    found = restore(checkpoints.read(network.variables), network.variables)
    assert equal(values_of(network.variables), before)
    assert equal(found.best, progress.best)
    assert math.isnan(found.history[0]["val_pearson"])
    assert (found.epoch, found.losses, found.best_loss) == (1, progress.losses, -1.5)
    assert Checkpoints(tmp_path, "none").read(network.variables) is None
