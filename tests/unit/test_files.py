"""Files appear whole or not at all; what a killed writer left is cleared away."""

import os
import socket
import subprocess
import sys

import pytest

from dexkit.errors import OutputError
from dexkit.files import atomic_path, write_whole


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failed_block_keeps_the_old_file_and_leaves_nothing(tmp_path):
    target = tmp_path / "table.tsv"
    target.write_text("old")

    def fail_half_way():
        with atomic_path(target) as partial:
            partial.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail_half_way()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["table.tsv"]


def test_write_whole_replaces_only_with_force(tmp_path):
    target = tmp_path / "table.tsv"
    write_whole(target, "one")
    with pytest.raises(OutputError, match="exists; give another name or --force"):
        write_whole(target, "two", force=False)
    write_whole(target, b"three")
    assert target.read_text() == "three"


def test_orphans_of_dead_writers_go_and_those_of_living_ones_stay(tmp_path):
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys, pathlib; from dexkit.files import atomic_path\n"
            "with atomic_path(pathlib.Path(sys.argv[1])) as p:\n"
            "    p.write_text('half'); os.kill(os.getpid(), 9)",
            str(tmp_path / "table.tsv"),
        ],
        check=False,
    )
    assert killed.returncode == -9
    (orphan,) = names(tmp_path)
    assert orphan.startswith(f".table.tsv.partial-{socket.gethostname()}-")
    living = tmp_path / f".table.tsv.partial-{socket.gethostname()}-{os.getppid()}"
    elsewhere = tmp_path / ".table.tsv.partial-another-host-1"
    other_file = tmp_path / orphan.replace("table", "other")
    for path in (living, elsewhere, other_file):
        path.touch()
    write_whole(tmp_path / "table.tsv", "whole")
    assert names(tmp_path) == sorted([living.name, elsewhere.name, other_file.name, "table.tsv"])
