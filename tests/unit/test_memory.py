"""Sizes as people write them, and what is left of a limit."""

import mmap
import subprocess
import sys

import pytest

from dexkit import memory
from dexkit.errors import ConfigError, OutputError

resource = pytest.importorskip("resource")

HELD = """
import resource
from dexkit import memory
soft = memory.used_bytes() + 300 * memory.MIB
resource.setrlimit(resource.RLIMIT_AS, (soft, soft))
"""


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("1", 1),
        ("2000000000", 2_000_000_000),
        ("2G", 2 << 30),
        ("2g", 2 << 30),
        (" 500M ", 500 << 20),
        ("1.5G", 3 << 29),
        ("64K", 64 << 10),
        ("1T", 1 << 40),
        ("2 GiB", 2 << 30),
        ("2GB", 2_000_000_000),
        ("500mb", 500_000_000),
        ("12B", 12),
    ],
)
def test_sizes(text, n_bytes):
    assert memory.parse_size(text) == n_bytes


@pytest.mark.parametrize("text", ["", "G", "2X", "-1G", "1e9", "2 G B", "1,5G", "nan", "\u0662G"])
def test_what_is_no_size(text):
    with pytest.raises(ConfigError, match="is no size; expected a number of bytes such as 500M"):
        memory.parse_size(text)


@pytest.mark.parametrize("text", ["0", "0G", "0.1"])
def test_less_than_a_byte(text):
    with pytest.raises(ConfigError, match="is no size; expected at least one byte"):
        memory.parse_size(text)


def test_sizes_are_shown_as_they_are_read():
    assert memory.show_size(3 << 29) == "1.50 GiB"
    assert memory.show_size(500 << 20) == "500 MiB"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells the address space")
def test_used_memory_is_address_space():
    before = memory.used_bytes()
    with mmap.mmap(-1, 256 * memory.MIB):  # never touched: no resident memory
        assert memory.used_bytes() - before >= 250 * memory.MIB


def test_used_memory_where_proc_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    assert memory.used_bytes() > memory.MIB


def test_nothing_limits(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)
    assert memory.limit_bytes(None) is None
    assert memory.room_bytes(None) is None
    assert memory.piece_bytes(None) == memory.PIECE_BYTES
    memory.require_room(1 << 60, None, "many genes")


@pytest.mark.parametrize(("asked", "limit"), [(None, 700), (500, 500), (900, 700)])
def test_the_lower_of_two_limits_counts(monkeypatch, asked, limit):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (700, 700))
    assert memory.limit_bytes(asked) == limit


def test_room_is_what_is_left(monkeypatch):
    monkeypatch.setattr(memory, "used_bytes", lambda: 300 * memory.MIB)
    assert memory.room_bytes(500 * memory.MIB) == 200 * memory.MIB
    assert memory.room_bytes(200 * memory.MIB) == 0
    assert memory.piece_bytes(500 * memory.MIB) == 25 * memory.MIB
    assert memory.piece_bytes(200 * memory.MIB) == memory.MIB
    assert memory.piece_bytes(9000 * memory.MIB) == memory.PIECE_BYTES


def test_what_cannot_fit_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "used_bytes", lambda: 300 * memory.MIB)
    memory.require_room(200 * memory.MIB, 500 * memory.MIB, "many genes")
    with pytest.raises(
        ConfigError,
        match=r"many genes need 201 MiB of memory beside the 300 MiB that the process has; allowed "
        r"are 500 MiB in all; raise --max-memory \(or ulimit -v\) to 526 MiB, or take fewer",
    ):
        memory.require_room(201 * memory.MIB, 500 * memory.MIB, "many genes", "take fewer")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_memory_that_ran_out_is_one_sentence(error):
    with (
        pytest.raises(
            OutputError, match=r"f\.h5 was not built: the memory ran out \(1\.00 GiB are"
        ),
        memory.memory_errors("f.h5 was not built", 1 << 30),
    ):
        raise error


def test_other_errors_stay():
    with pytest.raises(RuntimeError, match="a bug"), memory.memory_errors("x", None):
        raise RuntimeError("a bug")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_AS")
def test_ulimit_counts():
    code = HELD + "print(memory.room_bytes(None) // memory.MIB, memory.room_bytes(1))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    room, none = map(int, done.stdout.split())
    assert 280 <= room <= 300
    assert none == 0
