"""Bad input to fit, predict and features: one clear sentence, exit code 2, nothing written."""

import json
import shutil

import h5py
import pytest
from toy import SMALL_SET_SEQUENCE, build


@pytest.fixture
def options(features, tmp_path):
    """A fit that would work, and be quick."""

    def make(*extra, path=features, **changed):
        values = {"--out": tmp_path / "run", "--sample": "alpha", "--folds": 4, "--epochs": 1}
        values |= {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
        return ["fit", path, *(x for pair in values.items() for x in pair), *extra]

    return make


def test_missing_feature_file(refused, options, tmp_path):
    refused(*options(path=tmp_path / "no.h5"), match=r"no\.h5 does not exist")


def test_not_a_feature_file(refused, options, tmp_path):
    (tmp_path / "f.h5").write_text("gene\t1\n")
    refused(*options(path=tmp_path / "f.h5"), match="not a feature file: HDF5 cannot open it")
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file["x"] = 1
    refused(*options(path=tmp_path / "g.h5"), match="not a feature file: the attribute 'format'")
    refused("features", "info", tmp_path / "g.h5", match="not a feature file")


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"sample": "alfa"}, "no expression of sample 'alfa'; did you mean 'alpha'"),
        ({"plugin": "densnet"}, "'densnet'.*did you mean 'densenet'"),
        ({"plugin": "rigde"}, "'rigde'.*did you mean 'ridge'"),
        ({"plugin": "densenet:papier"}, "no preset 'papier'; did you mean 'paper'"),
        ({"preset": "densenet-2018"}, "no preset is called 'densenet-2018'; did you mean 'dens"),
        ({"plugin": ""}, "plugin '' is malformed"),
        ({"plugin": "densenet+"}, "plugin 'densenet\\+' is malformed"),
        ({"plugin": "ridge+densenet"}, "a baseline stands alone"),
        ({"plugin": "ridge+densenet", "head": "no"}, "a baseline stands alone"),
        ({"head": "regresion"}, "'regresion'.*did you mean 'regression'"),
        ({"blocks": "sequences"}, "no block 'sequences'.*did you mean 'sequence'"),
        ({"blocks": "sequence", "plugin": "dense-contacts"}, "which this run does not use"),
        ({"fold": 4}, "fold out of range: got 4, expected 0 to 3"),
        ({"fold": -1}, "split.fold = -1 is not valid"),
        ({"folds": 1}, "split.folds = 1 is not valid"),
        ({"split": "chromosomes"}, "split.kind = 'chromosomes' is not valid"),
        ({"epochs": 0}, "train.epochs = 0 is not valid"),
        ({"learning_rate": "nan"}, "train.learning_rate = nan is not valid"),
        ({"device": "tpu"}, "train.device = 'tpu' is not valid"),
        ({"unobserved": "maybe"}, "unobserved = 'maybe' is not valid"),
        ({"set": "train.shift_bp=21"}, "shift_bp is 21, but .* margin of 20 bp"),
        ({"set": "train.joint_dropout=1"}, "train.joint_dropout = 1 is not valid"),
        ({"set": "train.shift=3"}, "key 'train.shift' is unknown; did you mean 'shift_bp'"),
        ({"set": "densenet.growth=3"}, "key 'growth' is unknown; did you mean 'growth_rate'"),
        ({"set": "ridge.kk=3"}, "baseline 'ridge': key 'kk' is unknown; did you mean 'k'"),
        ({"set": "logistic.k=3"}, "'logistic' takes no part in this run"),
        ({"set": "rige.k=3"}, "'rige' takes no part in this run; did you mean 'ridge'"),
        ({"set": "regression.delta=3"}, "head 'regression': key 'delta' is unknown"),
        ({"set": "densenet.pool=9"}, "window of 200 bp is shorter than its total pooling"),
        ({"plugin": "ridge", "set": "ridge.k=9"}, "k = 9 is not valid"),
        ({"config": "no.toml"}, r"configuration no\.toml does not exist"),
    ],
)
def test_bad_options(refused, options, changed, match):
    refused(*options(**changed), match=match)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("plugin = [", "is not TOML"),
        ("train = 5", "train = 5 is not valid"),
        ("[train]\nepoch = 5", "key 'train.epoch' is unknown; did you mean 'epochs'"),
        ("settings = 3", "settings = 3 is not valid"),
    ],
)
def test_bad_config_file(refused, options, tmp_path, text, match):
    (tmp_path / "c.toml").write_text(text)
    refused(*options(config=tmp_path / "c.toml"), match=match)


def test_gpu_where_there_is_none(refused, options):
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    refused(*options(device="gpu"), match="--device gpu: TensorFlow finds no GPU")


def test_a_sample_has_to_be_chosen(refused, features, tmp_path):
    refused("fit", features, "-o", tmp_path / "r", match="expression of 2 samples.*--sample")


def test_contacts_that_the_file_lacks(refused, options, simulated, tmp_path):
    bare = build(simulated, tmp_path / "bare.h5", contacts=(), settings={})
    refused(
        *options(path=bare, plugin="densenet+dense-contacts"),
        match="'dense-contacts' reads the block 'contacts', which this run does not use",
    )
    refused(*options(path=bare, blocks="contacts"), match="has no block 'contacts'")


def test_output_exists(refused, options, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text("title = 'my own project'\n")
    (run / "thesis.txt").write_text("three years")
    small = SMALL_SET_SEQUENCE
    refused(*options(), match="run exists; give another name or --force")
    refused(
        *options("--force", *small, blocks="sequence"),
        match="exists and is no run folder; --force replaces only runs",
    )
    assert (run / "thesis.txt").exists()


def test_output_parent_is_missing(refused, options, tmp_path):
    refused(*options(out=tmp_path / "a" / "b"), match="the folder .*a does not exist")


def test_nothing_to_resume(refused, dexkit, features, run, tmp_path):
    refused("fit", "--resume", tmp_path / "no", match="is no run folder")
    done = shutil.copytree(run, tmp_path / "run")
    refused("fit", "--resume", done, match="is a finished run; nothing to resume")
    refused("fit", features, "--resume", done, match="is a finished run; nothing to resume")
    for option, value in (("-o", tmp_path / "x"), ("--config", done / "config.toml")):
        refused("fit", "--resume", done, option, value, match="takes all of it from the run")
    stored = json.loads((done / "features.json").read_text())
    assert stored["path"] == str(features)
    (done / "features.json").write_text(json.dumps(stored | {"path": "/no/such/f.h5"}))
    refused("fit", "--resume", done, match="/no/such/f.h5, which is not there; give its new place")


def test_what_a_fit_needs(refused, features, tmp_path):
    refused("fit", match="fit needs the feature file")
    refused("fit", features, match="fit needs --out")


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"device": "gpu"}, "TensorFlow finds no GPU"),
        ({"strategy": "multi-worker"}, "neither TF_CONFIG nor a SLURM step"),
        ({"strategy": "one", "devices": "2"}, "names 2 devices; give one"),
        ({"devices": "two"}, "train.devices = 'two' is not valid"),
        ({"precision": "bf8"}, "train.precision = 'bf8' is not valid"),
        ({"checkpoint_steps": 0}, "train.checkpoint_steps = 0 is not valid"),
        ({"schedule": "linear"}, "train.schedule = 'linear' is not valid"),
        ({"data": "disk"}, "train.data = 'disk' is not valid"),
        ({"set": "train.port=80"}, "train.port = 80 is not valid"),
        ({"set": "train.warmup_epochs=-1"}, "train.warmup_epochs = -1 is not valid"),
    ],
)
def test_engine_options(refused, options, monkeypatch, changed, match):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    refused(*options(*SMALL_SET_SEQUENCE, blocks="sequence", **changed), match=match)


def test_a_baseline_is_not_for_several_workers(refused, options, monkeypatch):
    workers = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}
    task = {"cluster": workers, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(task))
    refused(*options(plugin="ridge"), match="fitted by one process, this is a job of 2 workers")


def test_dry_run_of_a_baseline(refused, options):
    refused(*options("--dry-run", plugin="ridge"), match="the baseline 'ridge' has no steps")


# --- predict -------------------------------------------------------------------------------------


def test_predict_without_a_run(refused, features, tmp_path):
    refused("predict", tmp_path, features, "-o", tmp_path / "p.tsv", match="holds no finished fit")


def test_predict_table_exists(refused, run, features, tmp_path):
    (tmp_path / "p.tsv").write_text("mine")
    refused("predict", run, features, "-o", tmp_path / "p.tsv", match=r"p\.tsv exists")


def test_predict_with_another_window(refused, run, simulated, tmp_path):
    other = build(simulated, tmp_path / "o.h5", upstream_bp=90, downstream_bp=110)
    refused(
        *("predict", run, other, "-o", tmp_path / "p.tsv"),
        match="upstream_bp is 90, but the model was trained with 100",
    )


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


def test_predict_with_a_tampered_model(refused, copy, features, tmp_path):
    model = copy / "model.keras"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    args = ("predict", copy, features, "-o", tmp_path / "p.tsv")
    refused(*args, match=r"bundle\.json: the model file model\.keras is not the one that was saved")
    model.unlink()
    refused(*args, match=r"the model file model\.keras is missing")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda v: "{", "damaged bundle"),
        (lambda v: "[]", "damaged bundle"),
        (lambda v: {k: v[k] for k in v if k != "contract"}, "damaged bundle.*contract"),
        (lambda v: v | {"bundle_version": 2}, r"bundle version 2 is newer .*dexkit 0\.1\.0"),
        (lambda v: v | {"parts": [{"name": "densenett", "config": {}}]}, "did you mean 'densenet'"),
    ],
)
def test_predict_with_a_bad_bundle(refused, copy, features, tmp_path, change, match):
    path = copy / "bundle.json"
    changed = change(json.loads(path.read_text()))
    path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    refused("predict", copy, features, "-o", tmp_path / "p.tsv", match=match)


def test_debug_shows_the_error_itself(dexkit, tmp_path):
    from dexkit.errors import InputError

    result = dexkit("--debug", "features", "info", tmp_path / "no.h5")
    assert isinstance(result.exception, InputError)


def test_a_run_that_works(run):
    names = {path.name for path in run.iterdir()}
    assert names >= {
        "config.toml",
        "plugins.lock",
        "history.csv",
        "predictions.tsv",
        "metrics.json",
        "bundle.json",
        "model.keras",
        "report.html",
        "log.jsonl",
    }
    assert not [name for name in names if "partial" in name]
    for line in (run / "log.jsonl").read_text().splitlines():
        assert json.loads(line)["message"]
