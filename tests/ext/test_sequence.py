import numpy as np
import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st

from dexkit_ext import encode_bases, one_hot, reverse_complement, sequence

WIDE = np.zeros((1, 3, 8), np.uint8)


@given(strategies.dna())
def test_encode_bases_equals_reference(sequence):
    expected = reference.encode_bases(sequence)
    for given_as in (
        sequence,
        bytearray(sequence),
        memoryview(sequence),
        np.frombuffer(sequence, np.uint8),
        np.repeat(np.frombuffer(sequence, np.uint8), 2)[::2],
    ):
        codes = encode_bases(given_as)
        assert codes.dtype == np.uint8
        np.testing.assert_array_equal(codes, expected)
    out = np.full(len(sequence), 9, np.uint8)
    assert encode_bases(sequence, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_encode_bases_of_every_byte():
    every = bytes(range(256))
    np.testing.assert_array_equal(encode_bases(every), reference.encode_bases(every))


@given(strategies.code_rows(), st.sampled_from([1, 2, 4]))
def test_reverse_complement_equals_reference(codes, n_threads):
    once = reverse_complement(codes, n_threads=n_threads)
    np.testing.assert_array_equal(once, reference.reverse_complement(codes))
    np.testing.assert_array_equal(reverse_complement(once), codes)
    for row, expected in zip(codes, once, strict=True):
        np.testing.assert_array_equal(reverse_complement(row), expected)
    out = np.full(codes.shape, 9, np.uint8)
    assert reverse_complement(codes, out=out, n_threads=n_threads) is out
    np.testing.assert_array_equal(out, once)


@given(
    strategies.code_rows(),
    st.sampled_from([("uint8", 0.0), ("float32", 0.0), ("float32", 0.25)]),
    st.sampled_from([1, 2, 4]),
)
def test_one_hot_equals_reference(codes, form, n_threads):
    dtype, n_value = form
    expected = reference.one_hot(codes, dtype, n_value)
    got = one_hot(codes, dtype, n_value, n_threads=n_threads)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    out = np.full(expected.shape, 9, dtype)
    assert one_hot(codes, dtype, n_value, out=out, n_threads=n_threads) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("offset", [0, 1, 4, 8, 16])
@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 31, 33, 2_001])
@pytest.mark.parametrize(("dtype", "n_value"), [("uint8", 0.0), ("float32", 0.25)])
def test_one_hot_past_the_caches(monkeypatch, dtype, n_value, length, offset):
    # Large outputs are written another way; where they start decides how.
    monkeypatch.setattr(sequence, "_STREAM_BYTES", 0)
    codes = np.random.default_rng(length).integers(0, 5, (3, length), dtype=np.uint8)
    size = codes.size * 4 * np.dtype(dtype).itemsize
    room = np.full(size + 96, 7, np.uint8)
    start = -room.ctypes.data % 32 + offset
    out = room[start : start + size].view(dtype).reshape(3, length, 4)
    one_hot(codes, dtype, n_value, out=out, n_threads=2)
    np.testing.assert_array_equal(out, reference.one_hot(codes, dtype, n_value))
    assert (room[:start] == 7).all()
    assert (room[start + size :] == 7).all()


@given(strategies.code_rows())
def test_one_hot_decodes_to_the_sequence(codes):
    hot = one_hot(codes)
    decoded = np.where(hot.any(-1), hot.argmax(-1) if hot.size else 0, 4)
    np.testing.assert_array_equal(decoded, codes)


@pytest.mark.parametrize("offset", [0, 4, 1])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_one_hot_between_memory_maps(tmp_path, dtype, offset):
    codes = np.random.default_rng(3).integers(0, 5, (7, 33), dtype=np.uint8)
    codes.tofile(tmp_path / "codes")
    source = np.memmap(tmp_path / "codes", np.uint8, "r", shape=codes.shape)
    out = np.memmap(tmp_path / "out", dtype, "w+", offset, shape=(7, 33, 4))
    assert one_hot(source, dtype, out=out, n_threads=2) is out
    out.flush()
    again = np.memmap(tmp_path / "out", dtype, "r", offset, shape=(7, 33, 4))
    np.testing.assert_array_equal(again, reference.one_hot(codes, dtype))


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_reverse_complement_between_memory_maps(tmp_path, n_threads):
    codes = np.random.default_rng(3).integers(0, 5, (7, 33), dtype=np.uint8)
    codes.tofile(tmp_path / "codes")
    source = np.memmap(tmp_path / "codes", np.uint8, "r", shape=codes.shape)
    out = np.memmap(tmp_path / "out", np.uint8, "w+", 1, shape=codes.shape)
    assert reverse_complement(source, out=out, n_threads=n_threads) is out
    np.testing.assert_array_equal(out, reference.reverse_complement(codes))
    with pytest.raises(ValueError, match="writable"):
        reverse_complement(np.array(out), out=source)


def test_read_only_inputs():
    codes = encode_bases(b"ACGTN")
    codes.flags.writeable = False
    np.testing.assert_array_equal(reverse_complement(codes), [4, 0, 1, 2, 3])
    np.testing.assert_array_equal(one_hot(codes[None])[0, :4], np.eye(4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: encode_bases("ACGT"), TypeError, "got str, use sequence.encode"),
        (lambda: encode_bases([65]), TypeError, "bytes or a uint8 ndarray; got list"),
        (lambda: encode_bases(np.zeros(3)), TypeError, "dtype uint8; got float64"),
        (lambda: encode_bases(np.zeros((2, 2), np.uint8)), ValueError, r"one axis; got .*\(2, 2\)"),
        (lambda: encode_bases(memoryview(b"ACGT")[::2]), ValueError, "contiguous buffer"),
        (lambda: encode_bases(b"AC", out=np.zeros(3, np.uint8)), ValueError, r"shape \(2,\)"),
        (lambda: encode_bases(b"AC", out=[0, 0]), TypeError, "out must be an ndarray"),
        (lambda: reverse_complement(b"AC"), TypeError, "uint8 ndarray; got bytes"),
        (lambda: reverse_complement(np.zeros((1, 1, 1), np.uint8)), ValueError, "1 or 2 axes"),
        (lambda: reverse_complement(np.array([0, 5], np.uint8)), ValueError, "5 at column 1"),
        (lambda: reverse_complement(np.zeros(2, np.uint8), n_threads=0), ValueError, "n_threads"),
        (lambda: one_hot(np.zeros(3, np.uint8)), ValueError, "must have 2 axes"),
        (lambda: one_hot(np.zeros((1, 3), int)), TypeError, "dtype uint8; got int64"),
        (
            lambda: one_hot(np.array([[0, 1], [2, 65]], np.uint8)),
            ValueError,
            "got 65 at row 1, column 1; encode text",
        ),
        (lambda: one_hot(np.zeros((1, 3), np.uint8), "int16"), ValueError, "got int16"),
        (lambda: one_hot(np.zeros((1, 3), np.uint8), "float32", 0.5), ValueError, "n_value"),
        (lambda: one_hot(np.zeros((1, 3), np.uint8), "uint8", 0.25), ValueError, "needs dtype"),
        (lambda: one_hot(np.zeros((1, 3), np.uint8), n_threads=0), ValueError, "n_threads"),
        (lambda: one_hot(np.zeros((1, 3), np.uint8), n_threads=1.5), TypeError, "n_threads"),
        (lambda: one_hot(np.zeros((1, 3), np.uint8), n_threads=True), TypeError, "n_threads"),
        (
            lambda: one_hot(np.zeros((1, 3), np.uint8), out=np.zeros((1, 3, 4), ">f4")),
            TypeError,
            "out must have dtype uint8",
        ),
        (
            lambda: one_hot(np.zeros((1, 3), np.uint8), out=WIDE[..., ::2]),
            ValueError,
            "C-contiguous",
        ),
    ],
)
def test_refused_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_out_read_only_or_overlapping():
    codes = np.zeros((2, 8), np.uint8)
    locked = np.zeros((2, 8), np.uint8)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        reverse_complement(codes, out=locked)
    with pytest.raises(ValueError, match="share memory"):
        reverse_complement(codes, out=codes)
