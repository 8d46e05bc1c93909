"""Each conformance check finds each breach it promises to find, and names it."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops

from dexkit.hooks import (
    ArrayPlan,
    BaselineEntry,
    BlockEntry,
    BlockSpec,
    EncoderEntry,
    HeadEntry,
    MotifExporterEntry,
    NoConfig,
    PluginConfig,
    PresetEntry,
)
from dexkit.testing import (
    CheckFailure,
    check_baseline,
    check_block,
    check_encoder,
    check_head,
    check_motif_exporter,
    check_preset,
)

SPEC = BlockSpec("signal", (6,))


@pytest.fixture
def code(monkeypatch):
    """Return a function that makes an object reachable as ``"module:attribute"``."""

    def publish(target):
        monkeypatch.setitem(globals(), "published", target)
        return f"{__name__}:published"

    return publish


# --- configuration ------------------------------------------------------------------------------


class Lenient(PluginConfig, extra="ignore"):
    pass


class Required(PluginConfig):
    path: str


class Inconsistent(PluginConfig):
    n: int = "three"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Lenient, "an unknown key is accepted"),
        (Required, "keys without default: path; give config="),
        (Inconsistent, "breaks its own rules: .*valid integer.* \\(n\\)"),
    ],
)
def test_configuration_breaches(code, config, message):
    entry = EncoderEntry("bad", "signal", config, code(lambda config, spec: None))
    with pytest.raises(CheckFailure, match=message):
        check_encoder(entry, SPEC)


def test_a_given_configuration_must_be_of_the_entrys_class(code):
    entry = EncoderEntry("bad", "signal", Required, code(None))
    with pytest.raises(CheckFailure, match="config= is a NoConfig; expected Required"):
        check_encoder(entry, SPEC, config=NoConfig())


def test_a_bad_preset_is_found(code):
    entry = EncoderEntry("bad", "signal", NoConfig, code(None), presets={"paper": {"x": 1}})
    with pytest.raises(CheckFailure, match=r"preset 'paper': raised ConfigError: .*'x' is unknown"):
        check_encoder(entry, SPEC)


# --- encoders -----------------------------------------------------------------------------------


def network(*stack, shape=(6,)):
    def build(config, spec):
        x = inputs = keras.Input(shape)
        for make in stack:
            x = make()(x)
        return keras.Model(inputs, x)

    return build


class CentredInBatch(layers.Layer):
    def call(self, x):
        return x - ops.mean(x, axis=0)


class Divided(layers.Layer):
    def call(self, x):
        return x / ops.sum(ops.abs(x), axis=1, keepdims=True)


class Unregistered(layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return x * self.factor


class Idle(layers.Layer):
    def build(self, shape):
        self.idle = self.add_weight(shape=(3,), name="idle")

    def call(self, x):
        return x


def dense():
    return layers.Dense(4)


def two_outputs(config, spec):
    inputs = keras.Input((6,))
    return keras.Model(inputs, [dense()(inputs), dense()(inputs)])


ENCODERS = {
    "no model": (lambda config, spec: dense(), "returned Dense; expected a keras.Model"),
    "two outputs": (two_outputs, "1 inputs and 2 outputs; expected one each"),
    "other input": (network(dense, shape=(5,)), r"input shape \(None, 5\); expected \(None, 6\)"),
    "no vector": (
        network(dense, lambda: layers.Reshape((2, 2))),
        r"output shape \(None, 2, 2\); expected \(None, n_units\)",
    ),
    "half precision": (network(lambda: layers.Dense(4, dtype="float16")), "gives float16"),
    "NaN for zeros": (network(dense, Divided), "output for all-zero input holds 32 NaN"),
    "batch matters": (network(dense, CentredInBatch), "another vector when the batch changes"),
    "no gradient": (network(dense, Idle), "no gradient reaches the weight '.*idle'"),
    "dead weight": (
        network(dense, lambda: layers.Rescaling(0.0)),
        "the gradient is always zero for the weights",
    ),
    "fixed seed": (
        network(lambda: layers.Dense(4, kernel_initializer=keras.initializers.HeNormal(seed=1))),
        "same initial weights for every seed",
    ),
    "no seed": (
        network(
            lambda: layers.Dense(
                4,
                kernel_initializer=lambda shape, dtype=None: np.random.default_rng().normal(
                    size=shape
                ),
            )
        ),
        "other initial weights when built again with the same seed",
    ),
    "cannot be loaded": (
        network(dense, lambda: Unregistered(2.0)),
        "save and load: raised",
    ),
    "raises": (lambda config, spec: 1 / 0, "input and output shape: raised ZeroDivisionError"),
}


@pytest.mark.parametrize(("build", "message"), ENCODERS.values(), ids=ENCODERS.keys())
def test_encoder_breaches(code, build, message):
    entry = EncoderEntry("bad", "signal", NoConfig, code(build))
    with pytest.raises(CheckFailure, match=message) as caught:
        check_encoder(entry, SPEC)
    assert str(caught.value).startswith("encoder 'bad'")


def test_an_encoder_of_an_unknown_block_needs_a_spec(code):
    entry = EncoderEntry("good", "signal", NoConfig, code(network(dense)))
    with pytest.raises(CheckFailure, match="block 'signal', whose shape is not known here"):
        check_encoder(entry)
    assert len(check_encoder(entry, SPEC)) == 7


# --- heads --------------------------------------------------------------------------------------


class GoodHead:
    task = "regression"

    def __init__(self, config):
        pass

    def fit_target(self, y_train):
        return {"mean": float(y_train.mean())}

    def encode_target(self, y, state):
        return (y - state["mean"]).astype(np.float32)

    def build(self, vector, state):
        return layers.Dense(1)(vector)

    def loss(self, y_true, y_pred):
        return ops.square(y_true - y_pred[:, 0])

    def decode(self, output, state):
        return output[:, 0].astype(np.float64) + state["mean"]


def shifted_in_place(self, y, state):
    y -= state["mean"]
    return y.astype(np.float32)


HEADS = {
    "missing method": ({"decode": None}, "expected the attributes task, fit_target"),
    "other task": ({"task": "classification"}, "task 'classification'; its entry says 'regression"),
    "state is no JSON": ({"fit_target": lambda self, y: {"mean": y}}, "cannot be stored as JSON"),
    "state is NaN": (
        {"fit_target": lambda self, y: {"mean": float("nan")}},
        "cannot be stored as JSON",
    ),
    "target is double": (
        {"encode_target": lambda self, y, state: y - state["mean"]},
        "encode_target gives float64",
    ),
    "target changes its input": ({"encode_target": shifted_in_place}, "read-only"),
    "target depends on others": (
        {"encode_target": lambda self, y, state: (y - y.mean()).astype(np.float32)},
        "another target when other genes are left out",
    ),
    "one loss for all": (
        {"loss": lambda self, y_true, y_pred: ops.mean(ops.square(y_true - y_pred[:, 0]))},
        r"the loss has the shape \(\); expected one value a gene",
    ),
    "loss broadcasts": (
        {"loss": lambda self, y_true, y_pred: ops.square(y_true - y_pred)[:, 0]},
        r"depends on the other genes|no gradient|off by",
    ),
    "loss depends on others": (
        {"loss": lambda self, y_true, y_pred: ops.square(y_true - y_pred[:, 0] + ops.mean(y_pred))},
        "depends on the other genes of the batch",
    ),
    "decode keeps two axes": (
        {"decode": lambda self, output, state: output.astype(np.float64)},
        r"decode gives float64 of shape \(48, 1\); expected float64 of shape \(48,\)",
    ),
    "decode forgets the mean": (
        {"decode": lambda self, output, state: output[:, 0].astype(np.float64)},
        "expected decode to undo encode_target",
    ),
}


@pytest.mark.parametrize(("changes", "message"), HEADS.values(), ids=HEADS.keys())
def test_head_breaches(code, changes, message):
    head = type("BadHead", (GoodHead,), changes)
    if changes.get("decode", 1) is None:
        head = type("BadHead", (), {"__init__": GoodHead.__init__, "task": "regression"})
    with pytest.raises(CheckFailure, match=message):
        check_head(HeadEntry("bad", "regression", NoConfig, code(head)))


def test_a_good_head_passes(code):
    assert len(check_head(HeadEntry("good", "regression", NoConfig, code(GoodHead)))) == 8


def test_a_classification_head_that_swaps_its_classes_is_found(code):
    class Swapped(GoodHead):
        task = "classification"

        def encode_target(self, y, state):
            return (y > state["mean"]).astype(np.float32)

        def build(self, vector, state):
            return layers.Dense(1, activation="sigmoid")(vector)

        def loss(self, y_true, y_pred):
            return keras.losses.binary_crossentropy(y_true[:, None], y_pred)

        def decode(self, output, state):
            return 1 - output[:, 0].astype(np.float64)

    with pytest.raises(CheckFailure, match="expected decode to give that of the upper class"):
        check_head(HeadEntry("bad", "classification", NoConfig, code(Swapped)))
    Swapped.decode = lambda self, output, state: output[:, 0].astype(np.float64)
    check_head(HeadEntry("good", "classification", NoConfig, code(Swapped)))
    Swapped.decode = lambda self, output, state: 2 * output[:, 0].astype(np.float64)
    with pytest.raises(CheckFailure, match="outside 0 to 1"):
        check_head(HeadEntry("bad", "classification", NoConfig, code(Swapped)))


class CountHead(GoodHead):
    """Least squares on the square root of counts."""

    def fit_target(self, y_train):
        return {"mean": 0.0, "sd": float(np.sqrt(y_train).std())}

    def encode_target(self, y, state):
        return (np.sqrt(y) / state["sd"]).astype(np.float32)

    def decode(self, output, state):
        root = super().decode(output, state) * state["sd"]
        return np.log10(root**2 + state["pseudocount"])


def test_a_head_on_counts_has_to_report_log10(code):
    class InCounts(CountHead):
        def decode(self, output, state):
            return 10 ** super().decode(output, state) - state["pseudocount"]

    entry = HeadEntry("counts", "regression", NoConfig, code(CountHead), target="raw")
    assert len(check_head(entry)) == 8
    entry = HeadEntry("counts", "regression", NoConfig, code(InCounts), target="raw")
    with pytest.raises(CheckFailure, match="expected decode to undo encode_target"):
        check_head(entry)
    # Without target="raw" it is not told the pseudocount.
    with pytest.raises(CheckFailure, match="raised KeyError: 'pseudocount'"):
        check_head(HeadEntry("counts", "regression", NoConfig, code(CountHead)))


# --- presets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"encoders": {"sequence": "densnet"}}, "encoders: raised PluginError.*did you mean"),
        ({"encoders": {"sequence": "densenet:papr"}}, "no preset 'papr'"),
        ({"encoders": {"sequence": "ridge"}}, "'ridge' for the block 'sequence'; expected one"),
        ({"encoders": {"contacts": "densenet"}}, "'densenet' for the block 'contacts'; expected"),
        ({"head": "regresion"}, "head: raised PluginError.*did you mean 'regression'"),
        ({"settings": {"rige": {"k": 3}}}, "no head, encoder or baseline is called so"),
        ({"settings": {"ridge": {"kk": 3}}}, "settings of 'ridge': key 'kk' is unknown"),
        ({"train": {"epochs": np.int64(3)}}, "what it sets cannot be stored as JSON"),
        ({"train": {"learning_rate": float("nan")}}, "what it sets cannot be stored as JSON"),
    ],
)
def test_preset_breaches(values, message):
    with pytest.raises(CheckFailure, match=message):
        check_preset(PresetEntry("bad", **values))


# --- baselines ----------------------------------------------------------------------------------


class Line:
    """A good baseline; the breaches override one method."""

    def __init__(self, config, seed):
        self.line = np.zeros(2)

    def fit(self, blocks, y):
        self.line = np.polyfit(self.gc(blocks), y, 1)

    def predict(self, blocks):
        return np.polyval(self.line, self.gc(blocks))

    def describe(self):
        return {"slope": float(self.line[0])}

    @staticmethod
    def gc(blocks):
        return np.isin(blocks["sequence"], (1, 2)).mean(axis=1)


class Counting(Line):
    calls = 0

    def predict(self, blocks):
        self.calls += 1
        return super().predict(blocks)

    def describe(self):
        return {"calls": self.calls}


class Transductive(Line):
    def predict(self, blocks):
        return super().predict(blocks) - self.gc(blocks).mean()


class Peeking(Line):
    def fit(self, blocks, y):
        everything = y.base if y.base is not None else y
        self.line = np.array([0.0, everything.mean()])


class Drifting(Line):
    def predict(self, blocks):
        self.line = self.line + 1
        return super().predict(blocks)


class Remembering(Line):
    def fit(self, blocks, y):
        super().__init__(None, 0) if not self.line.any() else None
        self.line = self.line + np.polyfit(self.gc(blocks), y, 1)


class Scaling(Line):
    def fit(self, blocks, y):
        blocks["sequence"] *= 1
        super().fit(blocks, y)


class Seedless(Line):
    def fit(self, blocks, y):
        self.line = np.random.default_rng().normal(size=2)


class Unpicklable(Line):
    def __init__(self, config, seed):
        super().__init__(config, seed)
        self.link = lambda x: x


BASELINES = {
    "describe counts": (Counting, r"describe\(\) changes when it predicts"),
    "other test genes": (Transductive, "another value for a gene when other test genes"),
    "test labels": (Peeking, "other test labels"),
    "predict changes it": (Drifting, "other values when asked for a second time"),
    "adds up fits": (Remembering, "after two fits than after one"),
    "changes inputs": (Scaling, "inputs read-only: raised ValueError.*read-only"),
    "no seed": (Seedless, "fitted again with the same seed"),
    "no pickle": (Unpicklable, "pickle round trip: raised"),
    "column": (
        type("Column", (Line,), {"predict": lambda self, blocks: np.zeros((20, 1))}),
        r"predict gives float64 of shape \(20, 1\); expected float64 of shape \(20,\)",
    ),
    "NaN": (
        type("Nan", (Line,), {"predict": lambda self, blocks: np.full(20, np.nan)}),
        "the prediction holds 20 NaN",
    ),
    "describe is no JSON": (
        type("NoJson", (Line,), {"describe": lambda self: {"line": self.line.dtype}}),
        "cannot be stored as JSON",
    ),
}


@pytest.mark.parametrize(("build", "message"), BASELINES.values(), ids=BASELINES.keys())
def test_baseline_breaches(code, build, message):
    entry = BaselineEntry("bad", "regression", ("sequence",), NoConfig, code(build))
    with pytest.raises(CheckFailure, match=message):
        check_baseline(entry)


def test_a_classifier_gives_probabilities(code):
    build = type("Labels", (Line,), {"predict": lambda self, blocks: self.gc(blocks) * 9})
    entry = BaselineEntry("bad", "classification", ("sequence",), NoConfig, code(build))
    with pytest.raises(CheckFailure, match="outside 0 to 1"):
        check_baseline(entry)


def test_a_baseline_must_work_with_one_of_its_blocks(code):
    entry = BaselineEntry("bad", "regression", ("sequence", "contacts"), NoConfig, code(Line))
    with pytest.raises(CheckFailure, match="block 'contacts' alone: raised KeyError"):
        check_baseline(entry)
    strange = BaselineEntry("bad", "regression", ("tracks",), NoConfig, code(Line))
    with pytest.raises(CheckFailure, match=r"uses the blocks \['tracks'\], not known here"):
        check_baseline(strange)


# --- blocks -------------------------------------------------------------------------------------


def planning(fill, path="/gc/share", shape=None, dtype="float32", attrs=None):
    def plan(config, context):
        size = (len(context.genes), 3) if shape is None else shape
        return [ArrayPlan(path, size, dtype, lambda out, start: fill(out, context), attrs or {})]

    return plan


def fill_all(out, context):
    out[...] = 1


def fill_most(out, context):
    out[:-1] = 1


def fill_nan(out, context):
    out[...] = 1
    out[0, 0] = np.nan


def fill_by_threads(out, context):
    out[...] = context.n_threads


def fill_and_report(out, context):
    out[...] = 1
    return {"genes": context.genes}


BLOCKS = {
    "nothing": (lambda config, context: [], "plans no array"),
    "no plan": (lambda config, context: [SimpleNamespace(path="/a/b")], "expected an ArrayPlan"),
    "relative path": (planning(fill_all, path="gc/share"), "path 'gc/share'; expected /group/name"),
    "no group": (planning(fill_all, path="/gc"), "path '/gc'; expected /group/name"),
    "other genes": (planning(fill_all, shape=(3, 3)), r"shape \(3, 3\); expected 12 genes first"),
    "text": (planning(fill_all, dtype="U5"), "dtype 'U5'; expected integers or floats"),
    "bad attribute": (planning(fill_all, attrs={"a": {}}), "attribute 'a' = {} cannot be stored"),
    "bad report": (planning(fill_and_report), "attribute 'genes' = .* cannot be stored"),
    "report is no mapping": (planning(lambda out, context: 3), "attributes are a int"),
    "unwritten floats": (planning(fill_most), "unwritten elements count as NaN"),
    "unwritten integers": (planning(fill_most, dtype="uint8"), "6 of 36 elements differ"),
    "NaN": (planning(fill_nan), "holds 1 NaN"),
    "threads matter": (planning(fill_by_threads), "36 of 36 elements differ between two fills"),
    "fill raises": (planning(lambda out, context: 1 / 0), "/gc/share.*raised ZeroDivisionError"),
}


@pytest.mark.parametrize(("plan", "message"), BLOCKS.values(), ids=BLOCKS.keys())
def test_block_breaches(code, plan, message):
    with pytest.raises(CheckFailure, match=message):
        check_block(BlockEntry("bad", NoConfig, code(plan)))


def test_colliding_paths_are_found(code):
    def plan(config, context):
        both = planning(fill_all), planning(fill_all, path="/gc/share/deep")
        return [array for each in both for array in each(config, context)]

    with pytest.raises(CheckFailure, match="'/gc/share' as an array and as a group"):
        check_block(BlockEntry("bad", NoConfig, code(plan)))
    twice = code(lambda config, context: planning(fill_all)(config, context) * 2)
    with pytest.raises(CheckFailure, match="plans the path '/gc/share' twice"):
        check_block(BlockEntry("bad", NoConfig, twice))


# --- motif exporters ----------------------------------------------------------------------------


def names_of(motifs):
    return "".join(f"{motif.name}\n" for motif in motifs)


def write_in_place(motifs, path, background):
    with path.open("w") as handle:
        for motif in motifs:
            handle.write(f"{motif.name}\n")
            if np.isnan(motif.ppm).any():
                raise ValueError("NaN")


def write_json(motifs, path, background):
    path.write_text(json.dumps([motif.name for motif in motifs]))


def leave_log(motifs, path, background):
    path.write_text(names_of(motifs))
    path.with_name("export.log").write_text("done\n")


def append(motifs, path, background):
    with path.open("a") as handle:
        handle.write(names_of(motifs))


EXPORTERS = {
    "nothing": (lambda motifs, path, background: None, "wrote no file"),
    "empty": (lambda motifs, path, background: path.write_text(""), "wrote an empty file"),
    "cut": (write_json, "does not end with a newline"),
    "last is lost": (
        lambda motifs, path, background: path.write_text(names_of(motifs[:-1])),
        "the file lacks the motifs motif5",
    ),
    "litter": (leave_log, "leaves export.log beside its file"),
    "appends": (append, "other bytes over an older file"),
    "writes NaN": (
        lambda motifs, path, background: path.write_text(names_of(motifs)),
        "writes a motif that holds NaN",
    ),
    "half a file": (write_in_place, "refuses NaN.*raised ValueError"),
}


@pytest.mark.parametrize(("write", "message"), EXPORTERS.values(), ids=EXPORTERS.keys())
def test_exporter_breaches(code, write, message):
    with pytest.raises(CheckFailure, match=message):
        check_motif_exporter(MotifExporterEntry("bad", ".txt", code(write)))


def test_a_suffix_has_a_dot(code):
    with pytest.raises(CheckFailure, match="suffix 'txt'; expected one with a dot"):
        check_motif_exporter(MotifExporterEntry("bad", "txt", code(write_in_place)))
