"""Samples and blocks added in place: the same as built at once, or nothing at all."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from limits import limited
from toy import build, listing

from dexkit.errors import ConfigError, FormatError, InputError, OutputError
from dexkit.features import add as module
from dexkit.features import extend, history
from dexkit.features.add import AddConfig, add_to_features
from dexkit.features.config import ContactsSource, ExpressionSource
from dexkit.features.diff import diff_feature_files, diff_lines
from dexkit.features.file import FeatureFile
from dexkit.features.journal import journal_path
from dexkit.features.schema import CODES
from dexkit.features.verify import verdict, verify_feature_file
from dexkit.hooks import ArrayPlan

KMERS = {"kmers": {"k": 3, "both_strands": True}}


def contacts_of(data, *samples):
    return tuple(ContactsSource(sample=name, paths=data.contacts[name]) for name in samples)


def expression_of(data, *samples):
    return tuple(ExpressionSource(path=data.expression, sample=name) for name in samples)


@pytest.fixture(scope="session")
def alpha(simulated, tmp_path_factory):
    """A feature file of the sample alpha alone; read-only."""
    return build(
        simulated,
        tmp_path_factory.mktemp("add") / "alpha.h5",
        contacts=contacts_of(simulated, "alpha"),
        expression=expression_of(simulated, "alpha"),
    )


@pytest.fixture(scope="session")
def beta(simulated):
    """What the sample beta and two blocks add."""
    return AddConfig(
        contacts=contacts_of(simulated, "beta"),
        expression=expression_of(simulated, "beta"),
        blocks=("one-hot", "kmers"),
        settings=KMERS,
    )


@pytest.fixture
def file(alpha, tmp_path):
    return Path(shutil.copy(alpha, tmp_path / "f.h5"))


def refused(file, error, match, **options):
    before = listing(file.parent)
    with pytest.raises(error, match=match):
        add_to_features(file, AddConfig(**options))
    assert listing(file.parent) == before


# --- what is added -------------------------------------------------------------------------------


def test_an_addition_equals_a_build_of_everything(simulated, file, beta, tmp_path):
    depth = FeatureFile(file).array_attrs("/contacts/alpha/signal")["target_depth"]
    assert depth == 2_831  # the smaller replicate of alpha, whatever beta has
    summary = add_to_features(file, beta)
    contact_options = {"n_flank_bins": 10, "target_depth": int(depth)}
    whole = build(
        simulated,
        tmp_path / "whole.h5",
        expression=expression_of(simulated, "alpha", "beta"),
        blocks=("one-hot", "kmers"),
        settings={"contacts": contact_options, **KMERS},
    )
    found = diff_feature_files(file, whole)
    assert found["identical"], diff_lines(found)
    assert found["config"] == {}
    assert found["provenance"] == {}
    assert summary.measured == {"beta": 60}
    assert summary.n_bytes == file.stat().st_size
    assert summary.arrays["/kmers/counts"] == (60, 64)
    assert not journal_path(file).exists()
    verdict(file, verify_feature_file(file, [simulated.folder]))


def test_what_is_there_is_not_moved_or_written(file, beta, monkeypatch):
    old = FeatureFile(file)
    before = file.read_bytes()
    journals = []

    def look(*args, original=extend.create_array, **kwargs):
        journals.append(journal_path(file).stat().st_size)
        return original(*args, **kwargs)

    monkeypatch.setattr(extend, "create_array", look)
    codes = old.array(CODES)
    add_to_features(file, beta)
    after = file.read_bytes()
    n_arrays = 0
    for start, end in old.array_ranges:
        assert after[start:end] == before[start:end]
        n_arrays += end - start
    # The journal holds what is not in the arrays, and little more.
    assert max(journals) < len(before) - n_arrays + 4_000
    assert FeatureFile(file).array_ranges[0] in old.array_ranges
    np.testing.assert_array_equal(codes, FeatureFile(file).array(CODES))  # an open reader goes on
    assert not old.is_current()


def test_blocks_of_the_sequence_need_no_fasta(file, features):
    """``features`` has them from a build."""
    add_to_features(file, AddConfig(blocks=("one-hot",)))
    add_to_features(file, AddConfig(blocks=("kmers",), settings=KMERS, n_threads=2))
    found = FeatureFile(file)
    for path in ("/sequence/one_hot", "/kmers/counts"):
        np.testing.assert_array_equal(found.array(path), features.array(path))
        keys = set(features.array_attrs(path)) - {"sha256"}
        assert {k: found.array_attrs(path)[k] for k in keys} == {
            k: features.array_attrs(path)[k] for k in keys
        }


def test_history_configuration_and_provenance_grow(simulated, file, beta):
    before = FeatureFile(file)
    assert before.history == []
    add_to_features(file, beta)
    found = FeatureFile(file)
    [entry] = found.history
    assert set(entry) == {"utc", "generated_by", "added", "settings"}
    assert "/contacts/beta/signal" in entry["added"]
    assert entry["settings"] == KMERS
    assert [c["sample"] for c in found.config["contacts"]] == ["alpha", "beta"]
    assert found.config["blocks"] == ["one-hot", "kmers"]
    names = [p["name"] for p in found.provenance]
    assert names[: len(before.provenance)] == [p["name"] for p in before.provenance]
    assert {p.name for p in simulated.contacts["beta"]} <= set(names)
    assert names.count(simulated.expression.name) == 1
    assert found.attrs["created_utc"] == before.attrs["created_utc"]


def test_the_depth_of_the_file_is_said(file, simulated, caplog):
    with caplog.at_level("INFO", logger="dexkit"):
        add_to_features(file, AddConfig(contacts=contacts_of(simulated, "beta")))
    assert "new contacts are scaled to a depth of 2,831, as those of alpha" in caplog.text
    attrs = FeatureFile(file).array_attrs("/contacts/beta/signal")
    assert attrs["target_depth"] == 2_831


def test_without_a_common_depth_it_is_said(simulated, tmp_path, caplog):
    settings = {"contacts": {"n_flank_bins": 10, "depth_scope": "sample"}}
    file = build(
        simulated,
        tmp_path / "f.h5",
        contacts=contacts_of(simulated, "alpha"),
        settings=settings,
    )
    with caplog.at_level("INFO", logger="dexkit"):
        add_to_features(file, AddConfig(contacts=contacts_of(simulated, "beta")))
    assert "no common target depth" in caplog.text
    whole = build(simulated, tmp_path / "whole.h5", settings=settings)
    assert diff_feature_files(file, whole)["identical"]


def test_first_contacts_of_a_file_choose_their_bins(simulated, tmp_path):
    file = build(simulated, tmp_path / "f.h5", contacts=(), settings={})
    settings = {"contacts": {"bin_size_bp": 10_000, "n_flank_bins": 3}}
    both = contacts_of(simulated, "alpha", "beta")
    add_to_features(file, AddConfig(contacts=both, settings=settings))
    whole = build(simulated, tmp_path / "whole.h5", settings=settings)
    found = diff_feature_files(file, whole)
    assert found["identical"], diff_lines(found)
    assert found["config"] == {}


def test_expression_takes_the_pseudocount_of_the_file(simulated, tmp_path):
    options = {"contacts": (), "settings": {}, "pseudocount": 0.25}
    file = build(
        simulated, tmp_path / "f.h5", expression=expression_of(simulated, "alpha"), **options
    )
    add_to_features(file, AddConfig(expression=expression_of(simulated, "beta")))
    whole = build(simulated, tmp_path / "whole.h5", **options)
    assert diff_feature_files(file, whole)["identical"]


def test_settings_that_repeat_the_file_or_say_how_to_read(simulated, file):
    settings = {"contacts": {"n_flank_bins": 10, "target_depth": 2831, "format": "hicpro"}}
    config = AddConfig(contacts=contacts_of(simulated, "beta"), settings=settings)
    add_to_features(file, config)
    assert FeatureFile(file).contact_samples == ["alpha", "beta"]


# --- what is refused -----------------------------------------------------------------------------


def test_nothing_to_add(file):
    refused(file, ConfigError, "nothing to add; give --contacts, --expression")


@pytest.mark.parametrize("what", ["contacts", "expression"])
def test_a_sample_that_is_there(simulated, file, what):
    sources = contacts_of if what == "contacts" else expression_of
    match = f"has {what} of sample 'alpha' already; nothing is replaced in place"
    refused(file, InputError, match, **{what: sources(simulated, "alpha")})


def test_a_table_with_a_sample_that_is_there(simulated, file):
    match = "has /expression/alpha/raw, expression of its sample, already"
    refused(file, InputError, match, expression=(ExpressionSource(path=simulated.expression),))


@pytest.mark.parametrize(("block", "path"), [("sequence", CODES), ("one-hot", "/sequence/one_hot")])
def test_a_block_that_is_there(built, tmp_path, block, path):
    file = Path(shutil.copy(built, tmp_path / "f.h5"))
    refused(file, InputError, f"has {path} of block '{block}' already", blocks=(block,))


def test_contacts_without_a_sample(file):
    refused(file, InputError, "block 'contacts' plans no array; it needs", blocks=("contacts",))


@pytest.mark.parametrize(
    ("key", "value", "has"),
    [
        ("bin_size_bp", 10_000, "5000"),
        ("n_flank_bins", 11, "10"),
        ("flip_minus", True, "False"),
        ("target_depth", 5, "2831"),
        ("right_inclusive", False, "True"),
    ],
)
def test_a_setting_that_contradicts_the_file(simulated, file, key, value, has):
    refused(
        file,
        ConfigError,
        rf"contacts\.{key} = {value}(\.0)? contradicts the feature file, which has {has}",
        contacts=contacts_of(simulated, "beta"),
        settings={"contacts": {key: value}},
    )


def test_a_changed_setting_of_a_block_that_is_there(built, tmp_path):
    file = Path(shutil.copy(built, tmp_path / "f.h5"))
    match = r"kmers\.k = 4 contradicts the feature file, which has 3"
    refused(file, ConfigError, match, blocks=("kmers",), settings={"kmers": {"k": 4}})


def test_settings_of_a_block_that_is_not_added(file):
    match = "settings for block 'kmers', which is not added; add --block kmers"
    refused(file, ConfigError, match, blocks=("one-hot",), settings=KMERS)


def test_contacts_of_another_form(simulated, file, monkeypatch):
    """Should the defaults of another version differ from those of the file."""
    stored = module.contact_settings

    def forget(features, settings):
        return {k: v for k, v in stored(features, settings).items() if k != "n_flank_bins"}

    monkeypatch.setattr(module, "contact_settings", forget)
    match = r"/contacts/beta/signal would have n_flank_bins 200, and /contacts/alpha/signal has 10"
    refused(file, InputError, match, contacts=contacts_of(simulated, "beta"))


def test_contacts_of_another_version_of_the_block(simulated, file, monkeypatch):
    entry = module.plugins().block("contacts")
    monkeypatch.setitem(vars(entry), "version", 2)
    match = r"beta/signal would have block_version 2, and /contacts/alpha/signal has 1"
    refused(file, InputError, match, contacts=contacts_of(simulated, "beta"))


def test_a_missing_input(file, tmp_path):
    source = ExpressionSource(path=tmp_path / "no.tsv", sample="x")
    refused(file, InputError, r"no\.tsv does not exist", expression=(source,))


def test_another_fasta(file, tmp_path):
    (tmp_path / "other.fa").write_text(">chr1\nACGT\n")
    (tmp_path / "other.fa.fai").write_text("chr1\t4\t6\t4\t5\n")
    match = "has other chromosomes than"
    refused(file, InputError, match, blocks=("one-hot",), fasta=tmp_path / "other.fa")


def test_a_file_that_may_not_be_written(file, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused(file, OutputError, "not permitted to write to it", blocks=("one-hot",))


def test_a_configuration_of_a_newer_version(file):
    with h5py.File(file, "r+") as handle:
        config = json.loads(handle.attrs["config"])
        handle.attrs["config"] = json.dumps({**config, "new_option": 1})
    refused(file, FormatError, r"new_option: .*; it was written by dexkit", blocks=("one-hot",))


def test_a_file_that_another_program_has_open(file):
    code = (
        "import h5py, sys; f = h5py.File(sys.argv[1]); print('open', flush=True); "
        "sys.stdin.read(); f.close()"
    )
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        before = file.read_bytes()
        with pytest.raises(InputError, match="is open in another program"):
            add_to_features(file, AddConfig(blocks=("one-hot",)))
        assert file.read_bytes() == before
        other.stdin.close()
    add_to_features(file, AddConfig(blocks=("one-hot",)))


# --- broken off ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError, InputError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("point", ["create_array", "fill_array", "attrs"])
def test_an_error_leaves_the_old_file(file, beta, monkeypatch, error, point):
    before = file.read_bytes()
    calls = []
    original = getattr(extend, point, None)

    def fail(*args, **kwargs):
        calls.append(point)
        if original is None or len(calls) == 2:
            raise error("stop")
        return original(*args, **kwargs)

    if point == "attrs":
        monkeypatch.setattr(history.GrownAttributes, "__call__", fail)
    else:
        monkeypatch.setattr(extend, point, fail)
    with pytest.raises(error, match="stop"):
        add_to_features(file, beta)
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["f.h5"]


def test_an_attribute_that_hdf5_cannot_store(file):
    def fill(out, start):
        out[...] = 1
        return {"bad": object()}

    before = file.read_bytes()
    with pytest.raises(TypeError):
        extend.extend_feature_file(
            FeatureFile(file), [ArrayPlan("/x/y", (60,), "uint8", fill)], dict
        )
    assert file.read_bytes() == before
    assert not journal_path(file).exists()


def test_a_file_that_changed_in_between(file):
    features = FeatureFile(file)
    add_to_features(file, AddConfig(blocks=("one-hot",)))
    before = file.read_bytes()
    plan = ArrayPlan("/x/y", (60,), "uint8", lambda out, start: None)
    with pytest.raises(InputError, match="was changed while it was being added to; run again"):
        extend.extend_feature_file(features, [plan], dict)
    assert file.read_bytes() == before


SCRIPT = """
import os, signal, sys, time
import h5py
from pathlib import Path
from dexkit.features import add, extend, history, journal
import dexkit_sequence.blocks as blocks

path, point, config = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
number = signal.SIGTERM if point == "terminated" else signal.SIGKILL

def die(*args, **kwargs):
    os.kill(os.getpid(), number)
    time.sleep(60)

def after(n, function):
    calls = []
    def wrapped(*args, **kwargs):
        result = function(*args, **kwargs)
        calls.append(1)
        if len(calls) == n:
            for arg in args:
                if isinstance(arg, h5py.File):
                    arg.flush()
            die()
        return result
    return wrapped

if point == "in the journal":
    os.pwrite = die
elif point == "after the journal":
    extend._reserve_more = die
elif point == "during layout":
    extend.create_array = after(2, extend.create_array)
elif point == "after layout":
    extend.reserve = after(2, extend.reserve)
elif point in ("half-way through an array", "terminated"):
    blocks._ROWS = 20
    def windows(*args, original=blocks._windows):
        for i, found in enumerate(original(*args)):
            if i == 1:
                die()
            yield found
    blocks._windows = windows
elif point == "between two arrays":
    extend.fill_array = after(3, extend.fill_array)
elif point == "before the attributes":
    history.GrownAttributes.__call__ = die
elif point == "before the last attribute":
    def last(attributes, key):
        h5py.h5f.flush(h5py.h5i.get_file_id(attributes._id))
        die()
    h5py.AttributeManager.__delitem__ = last
elif point == "before the unlink":
    journal._discard = die
elif point == "waiting":
    def wait(*args, original=extend.fill_array):
        print("filling", flush=True)
        sys.stdin.read()
        return original(*args)
    extend.fill_array = wait
add.add_to_features(path, add.AddConfig.model_validate_json(config))
"""

POINTS = [
    "in the journal",
    "after the journal",
    "during layout",
    "after layout",
    "half-way through an array",
    "between two arrays",
    "before the attributes",
    "before the last attribute",
    "before the unlink",
    "terminated",
]


def command(file, point, config):
    return [sys.executable, "-c", SCRIPT, str(file), point, config.model_dump_json()]


def run(file, point, config, most_bytes=None):
    arguments = command(file, point, config)
    if most_bytes is not None:
        arguments = limited(resource.RLIMIT_FSIZE, most_bytes, arguments)
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="session")
def whole(alpha, beta, tmp_path_factory):
    """The addition when nothing breaks it off."""
    path = Path(shutil.copy(alpha, tmp_path_factory.mktemp("whole") / "f.h5"))
    add_to_features(path, beta)
    return path


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_addition_leaves_the_old_file(alpha, file, beta, whole, point):
    done = run(file, point, beta)
    killed_by = signal.SIGTERM if point == "terminated" else signal.SIGKILL
    assert done.returncode == -killed_by, done.stderr
    assert journal_path(file).exists()
    # Whoever opens it next puts the old content back, bit for bit.
    assert len(FeatureFile(file)) == 60
    assert file.read_bytes() == alpha.read_bytes()
    assert [p.name for p in file.parent.iterdir()] == ["f.h5"]
    add_to_features(file, beta)
    found = diff_feature_files(file, whole)
    assert found["identical"], diff_lines(found)
    assert found["config"] == found["provenance"] == {}
    verdict(file, verify_feature_file(file))


def test_the_next_addition_puts_the_old_content_back_first(file, beta, whole):
    run(file, "between two arrays", beta)
    add_to_features(file, beta)
    found = diff_feature_files(file, whole)
    assert found["identical"], diff_lines(found)
    assert len(FeatureFile(file).history) == 1


def test_the_next_build_puts_the_old_content_back_first(simulated, alpha, file, beta):
    run(file, "between two arrays", beta)
    with pytest.raises(OutputError, match="exists; give another name or --force"):
        build(simulated, file)
    build_over(simulated, file)
    assert FeatureFile(file).contact_samples == []
    assert [p.name for p in file.parent.iterdir()] == ["f.h5"]


def test_an_interrupted_addition_without_its_journal_is_no_feature_file(file, beta):
    run(file, "before the last attribute", beta)
    journal = journal_path(file)
    journal.rename(journal.with_name("elsewhere"))
    with pytest.raises(FormatError, match=r"its journal \.f\.h5\.undo is not beside it; put the"):
        FeatureFile(file)
    journal.with_name("elsewhere").rename(journal)
    assert len(FeatureFile(file)) == 60


def test_while_an_addition_runs_everybody_else_is_told(simulated, file, beta, monkeypatch):
    from dexkit.features import journal

    monkeypatch.setattr(journal, "_PATIENCE_S", 0.0)
    reader = FeatureFile(file)
    with subprocess.Popen(
        command(file, "waiting", beta), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"filling\n"
        match = f"is being added to by process {other.pid} on .*; wait until that is done"
        with pytest.raises(InputError, match=match):
            FeatureFile(file)
        with pytest.raises(InputError, match=match):
            add_to_features(file, beta)
        with pytest.raises(InputError, match=match):
            build_over(simulated, file)
        assert reader.array(CODES).max() <= 4  # who had it open goes on reading
        other.stdin.close()
        assert other.wait(timeout=120) == 0
    assert FeatureFile(file).contact_samples == ["alpha", "beta"]


def build_over(simulated, file):
    from dexkit.features.build import build_features
    from dexkit.features.config import BuildConfig

    build_features(BuildConfig(fasta=simulated.fasta, gtf=simulated.gtf), file, force=True)


# --- a full disk ---------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [-1_000_000, 100, 20_000, 60_000, 90_000])
def test_a_file_size_limit(file, beta, more):
    """Below the size of the journal, below that of the tables, below that of the arrays."""
    before = file.read_bytes()
    n_bytes = max(100, len(before) + more)
    done = run(file, "nowhere", beta, n_bytes)
    assert done.returncode == 1
    assert "OutputError" in done.stderr
    assert "disk is full or a file-size limit was reached" in done.stderr
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["f.h5"]


def test_too_little_room_is_said_before_work_is_done(file, beta, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1000))
    with pytest.raises(OutputError, match=r"the disk is full: the new arrays need 0\.\d MB"):
        add_to_features(file, beta)
    assert file.read_bytes() == before
