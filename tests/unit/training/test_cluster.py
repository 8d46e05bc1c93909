"""Which machines train together, and on which devices."""

import json

import pytest

from dexkit.errors import ConfigError
from dexkit.training.cluster import Cluster, expand_hosts, find_cluster
from dexkit.training.config import TrainConfig
from dexkit.training.strategy import make_strategy


@pytest.mark.parametrize(
    ("nodelist", "hosts"),
    [
        ("n1", ["n1"]),
        ("n[1-3]", ["n1", "n2", "n3"]),
        ("n[01-03,7],gpu1", ["n01", "n02", "n03", "n7", "gpu1"]),
        ("a-b[08-10].x,c", ["a-b08.x", "a-b09.x", "a-b10.x", "c"]),
        ("r[1-2]n[1,3]", ["r1n1", "r1n3", "r2n1", "r2n3"]),
    ],
)
def test_host_lists(nodelist, hosts):
    assert expand_hosts(nodelist) == hosts


@pytest.mark.parametrize("nodelist", ["", "n[1-", "n[a-b]", "n[1-2", ",n1", "n[]"])
def test_host_lists_that_cannot_be_read(nodelist):
    with pytest.raises(ConfigError, match="cannot read the SLURM host list"):
        expand_hosts(nodelist)


def slurm(**values):
    base = {
        "SLURM_PROCID": "2",
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_STEP_NODELIST": "n[1-2]",
        "SLURM_STEP_TASKS_PER_NODE": "2,1",
        "SLURM_JOB_ID": "7",
    }
    return {k: v for k, v in (base | values).items() if v is not None}


def test_slurm():
    found = find_cluster(slurm())
    assert found == Cluster(("n1:20112", "n1:20113", "n2:20112"), 2)
    assert find_cluster(slurm(), port=3000).workers[1] == "n1:3001"
    four = slurm(
        SLURM_STEP_NUM_TASKS="4",
        SLURM_STEP_TASKS_PER_NODE="1(x4)",
        SLURM_STEP_NODELIST=None,
        SLURM_JOB_NODELIST="n[1-4]",
    )
    assert [w.split(":")[0] for w in find_cluster(four).workers] == ["n1", "n2", "n3", "n4"]


def test_a_batch_script_is_no_step():
    """SLURM_NTASKS alone says what srun would start, not that it did."""
    assert find_cluster({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}) is None
    one = slurm(SLURM_STEP_NUM_TASKS="1", SLURM_PROCID="0", SLURM_STEP_NODELIST="n1")
    assert find_cluster(one | {"SLURM_STEP_TASKS_PER_NODE": "1"}) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"SLURM_STEP_TASKS_PER_NODE": "2"}, "3 tasks on 2 hosts"),
        ({"SLURM_STEP_TASKS_PER_NODE": "2,2"}, "3 tasks on 2 hosts"),
        ({"SLURM_STEP_TASKS_PER_NODE": None}, "3 tasks on 2 hosts"),
        ({"SLURM_PROCID": "3"}, "SLURM_PROCID is 3, but the step has 3 tasks"),
        ({"SLURM_PROCID": "x"}, "SLURM_PROCID is 'x'; expected a number"),
    ],
)
def test_slurm_variables_that_contradict_each_other(values, message):
    with pytest.raises(ConfigError, match=message):
        find_cluster(slurm(**values))


def tf_config(cluster, kind="worker", index=0):
    task = {"type": kind, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


def test_tf_config():
    workers = ["a:1", "b:2"]
    assert find_cluster(tf_config({"worker": workers}, index=1)) == Cluster(("a:1", "b:2"), 1)
    # It wins over SLURM, and its chief is the first worker.
    both = slurm() | tf_config({"chief": ["c:3"], "worker": workers}, index=1)
    assert find_cluster(both) == Cluster(("c:3", "a:1", "b:2"), 2)
    found = find_cluster(tf_config({"chief": ["c:3"], "worker": workers}, "chief"))
    assert json.loads(json.dumps(found.to_tf_config())) == {
        "cluster": {"worker": ["c:3", "a:1", "b:2"]},
        "task": {"type": "worker", "index": 0},
    }
    assert find_cluster(tf_config({"worker": ["a:1"]})) is None
    assert find_cluster(tf_config({"worker": ["a:1"]}), required=True).workers == ("a:1",)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"TF_CONFIG": "{"}, "TF_CONFIG cannot be read"),
        ({"TF_CONFIG": "[]"}, "TF_CONFIG cannot be read"),
        (tf_config({"ps": ["a:1"], "worker": ["b:1"]}), "roles ps, worker"),
        (tf_config({"worker": ["b:1"]}, "evaluator"), "roles evaluator"),
        (tf_config({"worker": ["b:1"]}, index=1), "this process is worker 1"),
        (tf_config({"worker": ["b"]}), "expected host:port"),
    ],
)
def test_tf_config_that_cannot_be_used(environ, message):
    with pytest.raises(ConfigError, match=message):
        find_cluster(environ)


def test_multi_worker_needs_workers():
    with pytest.raises(ConfigError, match=r"neither TF_CONFIG nor a SLURM step"):
        find_cluster({}, required=True)


# --- devices of this machine ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strategy": "one", "devices": "2"}, "names 2 devices; give one"),
        ({"devices": "0,0"}, "names a device twice"),
        ({"devices": "1,"}, "the CPU is divided into a number of devices"),
        ({"device": "gpu"}, "TensorFlow finds no GPU"),
    ],
)
def test_devices_that_are_not_there(monkeypatch, values, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ConfigError, match=message):
        make_strategy(TrainConfig(**({"device": "cpu"} | values)))


def test_devices_of_several_gpus(monkeypatch):
    """Which GPUs are taken, without having any."""
    import tensorflow as tf

    from dexkit.training import strategy

    made = []
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: [kind] * (4 if kind == "GPU" else 1)
    )
    one = lambda name: made.append([name])  # noqa: E731
    monkeypatch.setattr(tf.distribute, "OneDeviceStrategy", one)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", made.append)
    for values in (
        {},
        {"devices": "2"},
        {"devices": "3,"},
        {"devices": "0,3"},
        {"strategy": "one"},
        {"device": "cpu"},
        {"strategy": "one", "devices": "2,"},
    ):
        strategy._on_this_machine(TrainConfig(**values))
    every = [f"/gpu:{i}" for i in range(4)]
    assert made[:4] == [every, every[:2], ["/gpu:3"], ["/gpu:0", "/gpu:3"]]
    assert made[4:] == [["/gpu:0"], ["/cpu:0"], ["/gpu:2"]]
    with pytest.raises(ConfigError, match=r"finds 4 GPUs \(numbers 0 to 3\)"):
        strategy._on_this_machine(TrainConfig(devices="0,4"))


def test_xla_is_for_one_replica(monkeypatch):
    from types import SimpleNamespace

    from dexkit.training import strategy

    two = SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(strategy, "_on_this_machine", lambda config: two)
    assert make_strategy(TrainConfig(strategy="mirrored")) is two
    with pytest.raises(ConfigError, match="--xla compiles the step of one replica, this run has 2"):
        make_strategy(TrainConfig(strategy="mirrored", xla=True))


@pytest.mark.parametrize("devices", ["0", "a", "1,,2", "-1", ""])
def test_devices_have_a_form(devices):
    with pytest.raises(ValueError, match="devices"):
        TrainConfig(devices=devices)
