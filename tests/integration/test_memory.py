"""Builds under a limit that the system enforces."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy import gtf_line, listing, pairs_text

from dexkit.errors import OutputError
from dexkit.features.build import build_features
from dexkit.features.config import BuildConfig, ContactsSource
from dexkit.features.file import FeatureFile

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="address space is limited on Linux only"
)

LENGTH, N_GENES, EVERY = 600_000_000, 2000, 250_000
MIB = 1 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A genome of 600 Mb with sequence at its genes only (a file with holes), 2,000 genes."""
    folder = tmp_path_factory.mktemp("big")
    rng = random.Random(1)
    tss = [i * EVERY + EVERY // 2 for i in range(N_GENES)]
    with (folder / "g.fa").open("wb") as handle:
        handle.write(b">chr1\n" + b"ACGT" * 2048)  # looks like text at its beginning
        for position in tss:
            handle.seek(6 + position - 2000)
            handle.write("".join(rng.choices("ACGT", k=4000)).encode())
        handle.seek(6 + LENGTH)
        handle.write(b"\n")
    (folder / "g.fa.fai").write_text(f"chr1\t{LENGTH}\t6\t{LENGTH}\t{LENGTH + 1}\n")
    written = (folder / "g.fa").stat().st_mtime_ns
    os.utime(folder / "g.fa.fai", ns=(written, written))
    (folder / "g.gtf").write_text(
        "".join(gtf_line("chr1", p + 1, p + 900, "+", f"G{i}") for i, p in enumerate(tss))
    )
    for name in "ab":
        ends = [rng.choice(tss) + rng.randint(-100_000, 100_000) for _ in range(20_000)]
        pairs = [("chr1", end + 1, "chr1", end + rng.randint(1, 80_000)) for end in ends]
        (folder / f"{name}.pairs").write_text(pairs_text({"chr1": LENGTH}, pairs))
    return folder


HELD = """
import resource, sys
limit = int(sys.argv.pop(1))
if limit:
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from dexkit.cli.app import main
main()
"""


def command(folder, out, limit, *options):
    values = ["build-features", "--fasta", folder / "g.fa", "--gtf", folder / "g.gtf"]
    values += ["--contacts", f"S={folder / 'a.pairs'},{folder / 'b.pairs'}", "--out", out]
    values += ["--block", "kmers", "--set", "kmers.k=8", "--block", "one-hot", *options]
    return [sys.executable, "-c", HELD, str(limit), *map(str, values)]


def run(folder, out, *options, limit=0):
    return subprocess.run(
        command(folder, out, limit, *options),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_a_build_keeps_to_its_memory_and_is_the_same(folder, tmp_path):
    """8-mers alone take 262 MB, the genome 600 MB: neither fits, and the limit is the system's."""
    limited, free = tmp_path / "limited.h5", tmp_path / "free.h5"
    options = ["--max-memory", "512M", "--threads", "2"]
    for out, limit, given in ((limited, 512 * MIB, options), (free, 0, [])):
        done = run(folder, out, *given, limit=limit)
        assert done.returncode == 0, done.stderr
    assert free.stat().st_size > 260_000_000
    one, other = FeatureFile(limited), FeatureFile(free)
    assert one.arrays == other.arrays
    assert one.array("/contacts/S/loop_number").any()
    for path in one.arrays:
        assert one.array_attrs(path).get("sha256") == other.array_attrs(path).get("sha256"), path
        assert np.array_equal(one.array(path), other.array(path)), path
    assert one.provenance == other.provenance
    assert one.config["max_memory_bytes"] == 512 * MIB


@pytest.mark.parametrize("asked", [True, False])
def test_what_cannot_fit_is_refused_at_once(folder, tmp_path, asked):
    """By --max-memory, and by the system's limit alone."""
    options = ["--n-flank-bins", "20000"]
    if asked:
        done = run(folder, tmp_path / "f.h5", *options, "--max-memory", "600M")
    else:
        done = run(folder, tmp_path / "f.h5", *options, limit=600 * MIB)
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "the contacts of 2,000 TSS bins with 40,001 bins each need" in errors[0]
    assert "allowed are 600 MiB in all; raise --max-memory (or ulimit -v) to" in errors[0]
    assert "Traceback" not in done.stderr
    assert listing(tmp_path) == {}


def test_memory_that_runs_out_leaves_nothing(folder, tmp_path, monkeypatch):
    import dexkit_contacts.sums

    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr(dexkit_contacts.sums.RowSums, "add", exhausted)
    config = BuildConfig(
        fasta=folder / "g.fa",
        gtf=folder / "g.gtf",
        contacts=(ContactsSource(sample="S", paths=(folder / "a.pairs", folder / "b.pairs")),),
        n_threads=2,
    )
    with pytest.raises(OutputError, match=r"f\.h5 was not built: the memory ran out; allow more"):
        build_features(config, Path(tmp_path / "f.h5"))
    assert listing(tmp_path) == {}
