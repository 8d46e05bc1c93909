"""Epoch plans, and what the device makes of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.training.batches import lay_out, plain_epoch, training_epoch
from dexkit.training.sources import DeviceSource, StreamSource, choose_source, crop

GENES = np.array([3, 4, 8, 15, 16, 23, 42, 50, 51, 60, 61])


@settings(max_examples=60)
@given(
    n_genes=st.integers(1, 70),
    batch_size=st.integers(1, 40),
    shift=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 99),
)
def test_every_gene_once(n_genes, batch_size, shift, seed, epoch):
    genes = np.arange(n_genes) * 3 + 1
    batch_size = min(batch_size, n_genes)
    plan = training_epoch(genes, batch_size, shift, True, seed, epoch)
    counted = plan.index[plan.weight > 0]
    assert sorted(counted) == genes.tolist()
    assert set(np.unique(plan.weight)) <= {0.0, 1.0}
    assert set(plan.index) <= set(genes)
    assert len(plan.index) == plan.n_steps * batch_size < n_genes + batch_size
    assert np.abs(plan.shift).max() <= shift
    for array in (plan.shift, plan.flip, plan.weight):
        assert len(array) == len(plan.index)
    seen = [plan.genes_of_step(step) for step in range(plan.n_steps)]
    assert np.concatenate(seen).tolist() == counted.tolist()
    assert all(len(step) for step in seen)


def plan(seed=1, epoch=2, **options):
    values = {"batch_size": 4, "shift_bp": 5, "reverse_complement": False} | options
    return training_epoch(GENES, **values, seed=seed, epoch=epoch)


def same(a, b):
    names = ("index", "shift", "flip", "weight")
    return all(np.array_equal(getattr(a, n), getattr(b, n)) for n in names)


def test_a_plan_is_a_function_of_seed_and_epoch():
    np.random.seed(1)
    first = plan()
    np.random.seed(2)
    assert same(first, plan())
    assert not same(first, plan(epoch=3))
    assert not same(first, plan(seed=2))
    # The order of the genes does not hang on whether windows are shifted.
    assert np.array_equal(first.index, plan(shift_bp=0).index)


def test_shifts_reach_both_ends_and_the_middle():
    shifts = np.concatenate([plan(epoch=e, shift_bp=2).shift for e in range(50)])
    assert sorted(set(shifts.tolist())) == [-2, -1, 0, 1, 2]
    assert not plan(shift_bp=0).shift.any()


def test_flips():
    assert not plan().flip.any()
    flips = np.concatenate([plan(epoch=e, reverse_complement=True).flip for e in range(50)])
    assert 0.35 < flips.mean() < 0.65


def test_plain_epoch_keeps_the_order_and_shifts_nothing():
    found = plain_epoch(GENES, 4)
    assert found.index[found.weight > 0].tolist() == GENES.tolist()
    assert not found.shift.any()
    assert not found.flip.any()
    assert found.weight.sum() == len(GENES)


# --- on the device -------------------------------------------------------------------------------


def gather(problem, index, shift, flip):
    import tensorflow as tf

    source = DeviceSource(problem.arrays, problem.target)
    index, shift, flip = (tf.constant(v) for v in (np.int32(index), np.int32(shift), flip))
    placed = source.place(tf.distribute.OneDeviceStrategy("/cpu:0"))
    inputs, target = crop(source.rows(placed, {}, index), shift, flip, 6, source.mirrors)
    return {k: np.asarray(v) for k, v in inputs.items()}, np.asarray(target)


def test_gather_crops_the_shifted_window(toy_problem):
    inputs, target = gather(toy_problem, [5, 5, 5, 7], [0, 6, -6, 1], [False] * 4)
    codes = toy_problem.arrays.codes
    expected = [codes[5, 6:38], codes[5, 12:44], codes[5, 0:32], codes[7, 7:39]]
    np.testing.assert_array_equal(inputs["sequence"], expected)
    assert inputs["sequence"].dtype == np.uint8
    np.testing.assert_array_equal(inputs["contacts"], toy_problem.arrays.contacts[[5, 5, 5, 7]])
    np.testing.assert_array_equal(target, toy_problem.target[[5, 5, 5, 7]])


def test_gather_flips_only_what_it_is_told_to(toy_problem):
    import dexkit_ext

    inputs, _ = gather(toy_problem, [5, 6], [2, 2], [True, False])
    window = np.ascontiguousarray(toy_problem.arrays.codes[[5, 6], 8:40])
    assert (window == 4).any()
    np.testing.assert_array_equal(inputs["sequence"][0], dexkit_ext.reverse_complement(window)[0])
    np.testing.assert_array_equal(inputs["sequence"][1], window[1])


@pytest.mark.parametrize("stranded", [False, True])
def test_a_reverse_complement_mirrors_contacts_that_run_with_the_gene(toy_problem, stranded):
    from types import SimpleNamespace

    arrays = SimpleNamespace(**(vars(toy_problem.arrays) | {"stranded": stranded}))
    inputs, _ = gather(
        SimpleNamespace(arrays=arrays, target=toy_problem.target), [5, 6], [2, 2], [True, False]
    )
    turned, kept = toy_problem.arrays.contacts[[5, 6]]
    np.testing.assert_array_equal(inputs["contacts"], [turned[::-1] if stranded else turned, kept])


@pytest.mark.parametrize(("missing", "left"), [("codes", "contacts"), ("contacts", "sequence")])
def test_gather_of_one_block(toy_problem, missing, left):
    from types import SimpleNamespace

    arrays = SimpleNamespace(**(vars(toy_problem.arrays) | {missing: None}))
    problem = SimpleNamespace(arrays=arrays, target=toy_problem.target)
    inputs, _ = gather(problem, [1], [0], [False])
    assert list(inputs) == [left]


# --- over replicas, from memory or streamed ------------------------------------------------------


@settings(max_examples=40)
@given(n_genes=st.integers(1, 40), batch=st.integers(1, 17), n_replicas=st.integers(1, 5))
def test_replicas_share_every_batch(n_genes, batch, n_replicas):
    made = training_epoch(np.arange(n_genes), min(batch, n_genes), 3, True, 1, 0)
    found = lay_out(made, n_replicas)
    for step in range(made.n_steps):
        counting = found.weight[step].ravel() > 0
        slots = slice(step * made.batch_size, (step + 1) * made.batch_size)
        for name in ("index", "shift", "flip"):
            expected = getattr(made, name)[slots][made.weight[slots] > 0]
            assert getattr(found, name)[step].ravel()[counting].tolist() == expected.tolist()
            in_batch = getattr(found, name)[step].ravel()[found.in_batch]
            assert in_batch.tolist() == getattr(made, name)[slots].tolist()
        assert found.n_counting[step] == found.weight_sum[step] == counting.sum() > 0


def batches(source, plan):
    import tensorflow as tf

    layout = lay_out(plan, 1)
    placed = source.place(strategy := tf.distribute.OneDeviceStrategy("/cpu:0"))
    for step, feed in enumerate(source.feeds(strategy, layout.index)):
        index, shift, flip = (
            tf.constant(getattr(layout, n)[step, 0]) for n in ("index", "shift", "flip")
        )
        yield crop(source.rows(placed, feed, index), shift, flip, source.margin_bp)


def test_streamed_batches_are_the_same_bit_for_bit(toy_problem, tmp_path):
    from types import SimpleNamespace

    np.save(tmp_path / "codes.npy", toy_problem.arrays.codes)
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    arrays = SimpleNamespace(**(vars(toy_problem.arrays) | {"codes": mapped}))
    made = training_epoch(toy_problem.train, 8, 6, True, 1, 0)
    streamed = list(batches(StreamSource(arrays, toy_problem.target), made))
    resident = list(batches(DeviceSource(toy_problem.arrays, toy_problem.target), made))
    assert len(streamed) == len(resident) == 4
    for (a, target_a), (b, target_b) in zip(streamed, resident, strict=True):
        assert a.keys() == b.keys() == {"sequence", "contacts"}
        for name in a:
            assert a[name].dtype == b[name].dtype
            np.testing.assert_array_equal(np.asarray(a[name]), np.asarray(b[name]))
        np.testing.assert_array_equal(np.asarray(target_a), np.asarray(target_b))


def test_size_chooses_the_source(toy_problem):
    from types import SimpleNamespace

    from dexkit.training.config import TrainConfig

    big = np.zeros((40, 2**15), dtype=np.uint8)
    arrays = SimpleNamespace(codes=big, margin_bp=0, contacts=None)
    chosen = {
        (data, limit): type(
            choose_source(arrays, toy_problem.target, TrainConfig(data=data, device_data_mb=limit))
        )
        for data in ("auto", "device", "stream")
        for limit in (1, 2)
    }
    assert chosen == {
        ("auto", 1): StreamSource,
        ("auto", 2): DeviceSource,
        ("device", 1): DeviceSource,
        ("device", 2): DeviceSource,
        ("stream", 1): StreamSource,
        ("stream", 2): StreamSource,
    }
