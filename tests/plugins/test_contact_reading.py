"""Replicates read side by side: their order, their depths, what is said, how an error ends them."""

import dataclasses
import logging
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from dexkit_contacts import block, reading
from dexkit_contacts.block import plan
from dexkit_contacts.config import ContactFormat, ContactsConfig

from dexkit.errors import ConfigError, InputError
from dexkit.hooks import SampleInput
from dexkit.io.contacts import FORMATS
from dexkit.memory import MIB
from dexkit.testing import synthetic

F = 3
OPTIONS = {"bin_size_bp": 10_000, "n_flank_bins": F}


def test_the_choices_of_format_are_the_readers():
    assert set(get_args(ContactFormat)) == set(FORMATS)


@pytest.fixture
def context(tmp_path):
    return synthetic.build_context(tmp_path, n_genes=12, seed=3)


class Files:
    """Stands in for the readers: a count, a depth and a kind for each file name.

    The first ``together`` readers wait for each other.
    """

    def __init__(self, together=1, **files):
        self.files = files
        self.together = together
        self.running = self.most = 0
        self.lock = threading.Condition()

    def read(self, path, bins, genome, alias, options, progress):
        value, depth, kind, seconds = self.files[path.name]
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.most >= self.together, timeout=60)
        try:
            with progress(f"contacts {path.name}", None) as advance:
                for _ in range(max(1, round(seconds / 0.02))):
                    time.sleep(min(seconds, 0.02))
                    advance(1.0)
            if isinstance(value, Exception):
                raise value
        finally:
            with self.lock:
                self.running -= 1
        counts = np.full((len(bins), 2 * F + 1), value, dtype=np.float64)
        return SimpleNamespace(
            measured=None,
            counts=counts,
            depth=depth,
            kind=kind,
            n_cis=1,
            n_trans=0,
            n_unknown_chrom=0,
            unknown_chroms=(),
            n_dropped=0,
            observed_chroms=set(genome.lengths),
            format="bedpe" if kind == "loops" else "pairs",
            path=str(path),
            messages=(f"{path.name} was read",),
            inputs=(path.name,),
        )


@pytest.fixture
def build(context, monkeypatch, caplog):
    """Fill every array from made-up files; return arrays and attributes."""

    def run(files, samples, n_threads=1, max_memory_bytes=None, **options):
        monkeypatch.setattr(reading, "read_contact_rows", files.read)
        noted = {}
        own = dataclasses.replace(
            context,
            samples=tuple(
                SampleInput(name, tuple(map(Path, paths)), depths)
                for name, (paths, depths) in samples.items()
            ),
            n_threads=n_threads,
            max_memory_bytes=max_memory_bytes,
            note_inputs=lambda path, records: noted.__setitem__(str(path), records),
        )
        arrays, attrs = {}, {}
        with caplog.at_level(logging.INFO, logger="dexkit"):
            logging.getLogger("dexkit").propagate = True
            for one in plan(ContactsConfig(**OPTIONS | options), own):
                arrays[one.path] = np.empty(one.shape, one.dtype)
                attrs[one.path] = dict(one.attrs) | dict(one.fill(arrays[one.path], 0) or {})
        return SimpleNamespace(arrays=arrays, attrs=attrs, noted=noted)

    return run


def pairs(value, depth, seconds=0.0):
    return value, depth, "pairs", seconds


def loops(value):
    return value, None, "loops", 0.0


TWO = {"S": (["a", "b"], ())}


def test_replicates_are_added_in_their_order_whatever_the_threads(build):
    # The first file takes longest; 0.1, 0.2 and 0.3 add up to other bits in another order.
    values = {
        "a": pairs(0.1, 1, 0.3),
        "b": pairs(0.2, 1, 0.05),
        "c": pairs(0.3, 1),
        "d": pairs(7, 3),
    }
    samples = {"S": (["a", "b", "c"], ()), "T": (["d"], ())}
    alone = build(Files(**values), samples, n_threads=1, normalisation="raw")
    for n_threads in (2, 4):
        files = Files(n_threads, **values)
        side_by_side = build(files, samples, n_threads=n_threads, normalisation="raw")
        assert files.most == n_threads
        for path, array in alone.arrays.items():
            assert array.tobytes() == side_by_side.arrays[path].tobytes(), path
        assert side_by_side.attrs["/contacts/S/signal"]["replicates"] == ["a", "b", "c"]
        assert side_by_side.noted == {name: (name,) for name in "abcd"}


def test_messages_come_in_order(build, caplog):
    build(Files(a=pairs(1, 5, 0.2), b=pairs(1, 5)), TWO, n_threads=2)
    said = [record.message for record in caplog.records if record.message.endswith("was read")]
    assert said == ["a was read", "b was read"]


def test_one_error_stops_the_others(build):
    # Hours: this test ends only because the others are stopped.
    hours = pairs(1, 1, 10_000)
    files = Files(a=pairs(InputError("a is broken"), 1, 0.1), b=hours, c=hours)
    with pytest.raises(InputError, match="a is broken"):
        build(files, {"S": (["b", "a", "c"], ())}, n_threads=2)
    assert files.running == 0
    assert [t.name for t in threading.enumerate() if t.name.startswith("contacts")] == []


def test_readers_at_a_time_are_bounded_by_memory(build, monkeypatch):
    values = {name: pairs(1, 1, 0.05) for name in "abcdef"}
    one = 200 * MIB
    monkeypatch.setattr(reading, "reader_bytes", lambda bins: one)
    monkeypatch.setattr(reading, "room_bytes", lambda limit: 2 * one + 5)
    files = Files(2, **values)
    build(files, {"S": (list(values), ())}, n_threads=6, max_memory_bytes=1 << 40)
    assert files.most == 2


def test_more_than_the_memory_allows_is_refused_before_a_file_is_read(build):
    with pytest.raises(
        ConfigError,
        match=r"the contacts of \d+ TSS bins with 7 bins each need .* MiB of memory beside .*; "
        r"raise --max-memory .*, or lower contacts\.n_flank_bins",
    ):
        build(Files(), {"S": (["a"], ())}, max_memory_bytes=100 * MIB)


def test_sums_in_a_file_give_the_same(build, monkeypatch):
    values = {"a": pairs(3, 7), "b": pairs(11, 13)}
    in_memory = build(Files(**values), TWO)
    monkeypatch.setattr(block, "_MOST_IN_MEMORY", 0)
    in_file = build(Files(**values), TWO)
    for path, array in in_memory.arrays.items():
        assert array.tobytes() == in_file.arrays[path].tobytes()


# --- depths --------------------------------------------------------------------------------------


def column(built, sample="S"):
    """The signal of the first gene at offset +1."""
    return built.arrays[f"/contacts/{sample}/signal"][0, F + 1]


def test_given_depths_win_over_the_file_and_are_said(build, caplog):
    found = build(Files(a=pairs(8, 100), b=pairs(2, 100)), {"S": (["a", "b"], (400.0, 100.0))})
    # 8 / 400 * 100 = 2 and 2 / 100 * 100 = 2: log2(1 + 2)
    assert column(found) == np.float32(np.log2(3))
    attrs = found.attrs["/contacts/S/signal"]
    assert attrs["depths"].tolist() == [400, 100]
    assert attrs["depth_from"] == ["given", "given"]
    assert attrs["target_depth"] == 100
    said = [r.message for r in caplog.records if "was given" in r.message]
    assert said == ["S: a: the depth 400 that was given is used, not the file's 100"]


def test_loops_with_given_depths(build):
    found = build(Files(a=loops(8), b=loops(2)), {"S": (["a", "b"], (400.0, 100.5))})
    mean = (8 / 400 * 100.5 + 2) / 2
    assert column(found) == np.float32(np.log2(1 + mean))
    attrs = found.attrs["/contacts/S/signal"]
    assert attrs["depths"].tolist() == [400, 100.5]
    assert attrs["kind"] == ["loops", "loops"]
    assert attrs["format"] == ["bedpe", "bedpe"]
    # Six bins beside the TSS bin, each with the mean.
    np.testing.assert_allclose(found.arrays["/contacts/S/loop_sum"], 6 * mean, rtol=1e-6)
    assert set(found.arrays["/contacts/S/loop_number"].tolist()) == {6}


def test_loops_without_depth_are_refused(build):
    with pytest.raises(
        InputError,
        match=r"^a: the file is a list of loops.*'depth' of sample 'S' needs the depth; give it "
        r"with --depth S=N,N, or choose --normalisation raw$",
    ):
        build(Files(a=loops(8), b=loops(2)), TWO)


def test_one_loop_file_a_sample_is_told_of_its_own_scope(build):
    samples = {"S": (["a"], ()), "T": (["b"], ())}
    files = Files(a=loops(8), b=loops(2))
    with pytest.raises(
        InputError,
        match=r"--depth S=N, or choose --normalisation raw, or let each sample .*"
        r"contacts\.depth_scope=sample",
    ):
        build(files, samples)
    found = build(files, samples, depth_scope="sample")
    # Depth and target cancel: log2(1 + 8), log2(1 + 2).
    assert column(found) == np.float32(np.log2(9))
    assert column(found, "T") == np.float32(np.log2(3))
    attrs = found.attrs["/contacts/S/signal"]
    assert np.isnan(attrs["depths"]).tolist() == [True]
    assert attrs["depth_from"] == ["unknown"]
    assert "target_depth" not in attrs


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({}, False),
        ({"normalisation": "raw"}, False),
        ({"normalisation": "cpm"}, True),
        ({"target_depth": 5}, True),
    ],
)
def test_a_single_loop_file(build, options, refused):
    files, samples = Files(a=loops(3)), {"S": (["a"], ())}
    if refused:
        with pytest.raises(InputError, match=r"--depth S=N, or choose --normalisation raw$"):
            build(files, samples, **options)
    else:
        found = build(files, samples, **options)
        assert column(found) == np.float32(3 if options else 2)


def test_a_single_replicate_of_known_depth_is_its_own_target(build):
    found = build(Files(a=pairs(3, 12_345)), {"S": (["a"], ())})
    assert column(found) == 2
    assert found.attrs["/contacts/S/signal"]["target_depth"] == 12_345


def test_raw_loops_of_two_replicates(build):
    assert column(build(Files(a=loops(8), b=loops(3)), TWO, normalisation="raw")) == 5.5


def test_cpm_does_not_look_at_other_samples(build):
    files = Files(a=pairs(4, 2_000_000), b=pairs(1, 10))
    found = build(files, {"S": (["a"], ()), "T": (["b"], ())}, normalisation="cpm")
    assert column(found) == np.float32(np.log2(3))
    assert "target_depth" not in found.attrs["/contacts/S/signal"]
    assert found.attrs["/contacts/S/signal"]["depths"].tolist() == [2_000_000]


def test_a_matrix_that_adds_up_to_nothing(build):
    with pytest.raises(InputError, match=r"^a: the file adds up to a depth of zero; "):
        build(Files(a=(0, 0, "matrix", 0.0), b=pairs(1, 1)), TWO)


def test_depths_and_files_of_unequal_number(build):
    with pytest.raises(
        ConfigError, match="'S' is given 1 depths and 2 contact files; expected one"
    ):
        build(Files(), {"S": (["a", "b"], (5.0,))})


@pytest.mark.parametrize(("kind", "warned"), [("loops", True), ("matrix", False), ("pairs", False)])
def test_loops_beside_other_kinds_are_warned_of(build, caplog, kind, warned):
    files = Files(a=(1, 10, kind, 0.0), b=pairs(1, 10))
    build(files, {"S": (["a"], ()), "T": (["b"], ())}, normalisation="raw")
    said = [r.message for r in caplog.records if "several kinds" in r.message]
    assert bool(said) == warned
    if warned:
        assert "(S: loops; T: pairs)" in said[0]


def test_the_400_bins_of_the_paper_leave_the_last_bin_out_of_the_loops(build):
    files, samples = Files(a=pairs(1, 10)), {"S": (["a"], ())}
    found = build(files, samples, right_inclusive=False)
    assert found.arrays["/contacts/S/signal"].shape[1] == 2 * F
    assert set(found.arrays["/contacts/S/loop_number"].tolist()) == {2 * F - 1}
    assert set(found.arrays["/contacts/S/loop_sum"].tolist()) == {2 * F - 1}


@pytest.mark.parametrize("flip_minus", [False, True])
def test_loops_are_those_of_the_bins_that_the_signal_has(build, context, flip_minus):
    assert {"+", "-"} <= set(context.genes.strand)
    files, samples = Files(a=pairs(np.arange(2 * F + 1), 10)), {"S": (["a"], ())}
    options = {"right_inclusive": False, "flip_minus": flip_minus, "normalisation": "raw"}
    found = build(files, samples, **options)
    signal = found.arrays["/contacts/S/signal"].copy()
    signal[:, F] = 0
    loop_sum, loop_number = (found.arrays[f"/contacts/S/loop_{n}"] for n in ("sum", "number"))
    np.testing.assert_array_equal(loop_sum, signal.sum(axis=1))
    np.testing.assert_array_equal(loop_number, (signal > 0).sum(axis=1))


@pytest.mark.parametrize("option", ["flip_minus", "keep_self"])
def test_loops_do_not_depend_on_flip_and_self(build, option):
    files, samples = Files(a=pairs(np.arange(2 * F + 1), 10)), {"S": (["a"], ())}
    plain = build(files, samples)
    other = build(files, samples, **{option: option == "flip_minus"})
    for name in ("loop_sum", "loop_number"):
        path = f"/contacts/S/{name}"
        np.testing.assert_array_equal(plain.arrays[path], other.arrays[path])
