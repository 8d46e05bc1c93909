"""A small seeded training that processes of their own run on one or several replicas.

``python replicas.py FOLDER OPTIONS``: OPTIONS is JSON, see :func:`main`. Devices and workers have
to be set before TensorFlow starts, hence the processes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

#: The longest that a process may take, and what makes it show where it is shortly before.
TIMEOUT_S = 200
GUARD = f"import faulthandler; faulthandler.dump_traceback_later({TIMEOUT_S - 20})"

N_TRAIN, BATCH = 29, 7  # the last batch has one gene, and no number of replicas divides 7


def problem():
    """Twenty genes in two samples: forty rows, whose second half has the bases of the first."""
    rng = np.random.default_rng(11)
    codes = rng.integers(0, 5, (20, 44), dtype=np.uint8)
    contacts = rng.standard_normal((40, 7)).astype(np.float32)
    bases = np.tile((codes[:, 6:-6] == 2).mean(axis=1), 2)
    target = (bases * 4 + contacts[:, 3]).astype(np.float32)
    arrays = SimpleNamespace(codes=codes, margin_bp=6, contacts=contacts)
    return arrays, (target - target.mean()) / target.std()


def network(dropout):
    import keras
    from keras import layers

    from dexkit.models.layers import OneHotBases

    codes = keras.Input((32,), dtype="uint8", name="sequence")
    bins = keras.Input((7,), name="contacts")
    # No bias in front of a normalisation: its gradient is rounding alone, which Adam scales up.
    x = layers.Conv1D(5, 3, use_bias=False)(OneHotBases()(codes))
    x = layers.BatchNormalization()(x)
    x = layers.Concatenate()([layers.Flatten()(x), bins])
    x = layers.Dense(6, "relu", kernel_regularizer=keras.regularizers.L2(0.01))(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model({"sequence": codes, "contacts": bins}, layers.Dense(1)(x))


class Head:
    def loss(self, y_true, y_pred):
        from keras import ops

        return ops.square(y_pred[:, 0] - y_true)


def config(**values):
    from dexkit.training.config import TrainConfig

    base = {"epochs": 4, "batch_size": BATCH, "shift_bp": 3, "learning_rate": 0.01}
    return TrainConfig(
        **(base | {"clip_norm": 0.5, "weight_decay": 0.01, "device": "cpu"} | values)
    )


def train(strategy, dropout=0.0, n_epochs=3, **values):
    """Run the loop itself; return losses, gradients, variables, predictions as named arrays."""
    from dexkit.training.batches import plain_epoch, training_epoch
    from dexkit.training.loop import Loop
    from dexkit.training.sources import choose_source
    from dexkit.training.strategy import seed_everything

    arrays, target = problem()
    options = config(**values)
    seed_everything(3)
    with strategy.scope():
        model = network(dropout)
    loop = Loop(strategy, model, Head(), choose_source(arrays, target, options), options)
    plans = [training_epoch(np.arange(N_TRAIN), BATCH, 3, True, 1, e) for e in range(n_epochs)]
    found = {f"gradient_{i}": g for i, g in enumerate(loop.gradients(plans[0], 4))}
    found["losses"] = np.concatenate([loop.train_epoch(plan, 0.01).steps for plan in plans])
    found["predictions"] = loop.predict(plain_epoch(np.arange(N_TRAIN, 40), 4))
    return found | {f"variable_{i}": np.asarray(v) for i, v in enumerate(loop.variables)}


def fit(strategy, folder, die_at=None, stop_at=None):
    """Run fit_network with dropout and checkpoints; die or ask to stop behind some step."""
    from dexkit.training.checkpoint import Checkpoints
    from dexkit.training.fit import fit_network
    from dexkit.training.loop import Loop
    from dexkit.training.sources import DeviceSource
    from dexkit.training.strategy import seed_everything

    original = getattr(Loop.steps, "original", Loop.steps)

    def steps(self, plan, rate, done=()):
        for losses in original(self, plan, rate, done):
            steps.n += 1
            if steps.n == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if steps.n == stop_at:
                os.kill(os.getpid(), signal.SIGTERM)
            yield losses

    steps.n, steps.original = 0, original
    Loop.steps = steps
    arrays, target = problem()
    seed_everything(3)
    result = fit_network(
        strategy,
        lambda: network(0.3),
        Head(),
        DeviceSource(arrays, target),
        target,
        np.arange(N_TRAIN),
        np.arange(N_TRAIN, 40),
        config(checkpoint_steps=2),
        1,
        np.array([f"G{i}" for i in range(40)], dtype=object),
        Checkpoints(folder, "c"),
    )
    variables = {f"variable_{i}": np.asarray(v) for i, v in enumerate(result.model.variables)}
    columns = ("loss", "val_loss", "val_pearson")
    return variables | {c: np.array([row[c] for row in result.history]) for c in columns}


def main(folder, options):
    """``devices``: their number, in one process; else this is one worker of two (TF_CONFIG).

    ``train``: the loop too; ``"0"``, ``"1"``: arguments of :func:`fit` for that worker; ``stop``:
    one more fit, during which the second worker is asked to stop, and which both then continue;
    and a block in which the chief fails.
    """
    from dexkit.errors import DexkitError, InputError, StoppedError
    from dexkit.models.backend import load_tensorflow

    load_tensorflow()
    from dexkit.training.strategy import is_chief, make_strategy
    from dexkit.training.workers import told_by_chief

    if "devices" in options:
        strategy = make_strategy(config(devices=options["devices"], strategy="mirrored"))
        np.savez(folder / "mirrored.npz", **train(strategy))
        for name in ("first", "again"):
            np.savez(folder / f"{name}.npz", **train(strategy, 0.3, 1, data="stream"))
        return 0
    strategy = make_strategy(config())
    index = 0 if is_chief(strategy) else 1
    try:
        if options.get("train"):
            np.savez(folder / f"worker-{index}.npz", **train(strategy))
        found = fit(strategy, folder / f"checkpoints-{index}", **options.get(str(index), {}))
    except DexkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    np.savez(folder / f"fit-{index}.npz", **found)
    if options.get("stop"):
        stopped = folder / f"stopped-{index}"
        stopped.mkdir()
        try:
            fit(strategy, stopped, stop_at=7 if index else None)
        except StoppedError as error:
            print(f"stopped: {error.sigterm} {error}", file=sys.stderr)
        np.savez(folder / f"continued-{index}.npz", **fit(strategy, stopped))
        try:
            with told_by_chief(strategy):
                if index == 0:
                    raise InputError("there is no such run")
        except DexkitError as error:
            print(f"told: {error}", file=sys.stderr)
    return 0


# --- from the tests ------------------------------------------------------------------------------


def start(folder, options, **environment):
    """Start a process; its output goes to files, so that no pipe can fill up.

    ``options`` is what :func:`main` takes, or a list: arguments of the command ``dexkit``.
    """
    if isinstance(options, list):
        code = f"{GUARD}; from dexkit.cli.app import main; main()"
        command = [sys.executable, "-c", code, *map(str, options)]
    else:
        command = [sys.executable, __file__, str(folder), json.dumps(options)]
    log = (Path(folder) / f"{len(list(Path(folder).glob('*.log')))}.log").open("w")
    with log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | environment)


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def run_workers(folder, options, timeout=TIMEOUT_S):
    """Run two workers on this machine; return their exit codes and what they said."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    for index in (0, 1):
        (Path(folder) / f"checkpoints-{index}").mkdir(exist_ok=True)
    processes = []
    for index in (0, 1):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        processes.append(start(folder, options, TF_CONFIG=json.dumps(task)))
    codes: list[int | str] = []
    for process in processes:
        try:
            codes.append(process.wait(timeout))
        except subprocess.TimeoutExpired:
            codes.append("still running")  # its log says where
    for process in processes:
        process.kill()
        process.wait()
    logs = sorted(Path(folder).glob("*.log"), key=lambda p: int(p.stem))[-2:]
    return codes, [log.read_text() for log in logs]


if __name__ == "__main__":
    exec(GUARD)
    raise SystemExit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
