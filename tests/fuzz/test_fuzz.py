"""Broken inputs by the thousand: every one is read, or refused in one clear sentence.

``make kernels`` runs this on kernels with an address sanitiser or, where the compiler has none,
with bounds checks. ``DEXKIT_FUZZ_CASES`` sets the number of cases over all formats.
"""

import gzip
import os
import re
import signal
from contextlib import contextmanager
from random import Random

import pytest
from fuzz_targets import TARGETS
from mutate import endless_line, mutate

from dexkit.errors import DexkitError, FormatError

N_CASES = int(os.environ.get("DEXKIT_FUZZ_CASES", "1000"))
#: The longest that a file of a few lines may take; a case that hangs is killed there.
SECONDS_PER_CASE = 20
#: Sentences about a file as a whole; every other sentence of a format names a line.
WHOLE_FILE = re.compile(
    "|".join(
        (
            r"the file is empty",
            r"the gzip stream is (truncated|damaged)",
            r"the file holds binary data",
            r"the file is (compressed|a zip|an HDF5|UTF-16|a BAM|a \.hic)",
            r"holds no ",
            r"\S+:\d+-\d+ (cannot be read|gave)",  # an interval says where, too
            r"no gene, transcript or exon line was found",
            r"has a header and no genes",
            r"names no sample",
            r"the line N_\w+ occurs \d+ times",
            r"has its summary and no genes",
            r"cannot be read as a NumPy array",
            r"expected one array of numbers",
            r"row \d+ \(counted from 0",
            r"bp in .+ and [\d,]+ bp in the FASTA",
        )
    )
)


@contextmanager
def time_limit(what):
    def ring(number, frame):
        raise TimeoutError(f"{what}: still running after {SECONDS_PER_CASE} s")

    old = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS_PER_CASE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def check(target, path, what):
    """Read one file; anything but success or one good sentence fails the test."""
    try:
        with time_limit(what):
            target.read(path)
    except DexkitError as error:
        sentence = str(error)
        assert len(sentence.splitlines()) == 1, f"{what}: more than one line: {sentence!r}"
        assert sentence.isprintable(), f"{what}: control characters in {sentence!r}"
        assert len(sentence) < 1200, f"{what}: {len(sentence)} characters: {sentence[:300]!r}"
        assert path.name in sentence, f"{what}: the file is not named: {sentence!r}"
        if isinstance(error, FormatError) and error.line is None:
            assert WHOLE_FILE.search(sentence), f"{what}: no line is named: {sentence!r}"
        return False
    return True


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_broken_files(target, tmp_path):
    plain = target.data
    path = tmp_path / f"input{target.suffix}"
    path.write_bytes(plain)
    assert check(target, path, "the file as it was"), "the seed must be well-formed"
    n_read = 0
    n_cases = max(20, -(-N_CASES // len(TARGETS)))
    for number in range(n_cases):
        rng = Random(f"{target.name} {number}")
        data = gzip.compress(plain, 1) if target.text and rng.random() < 0.2 else plain
        path.write_bytes(mutate(data, rng) if target.text else target.mutate(data, rng))
        n_read += check(target, path, f"{target.name}, case {number}")
    assert n_read < n_cases, "not one broken file was refused"


@pytest.mark.parametrize(
    "target", [target for target in TARGETS if target.text], ids=lambda target: target.name
)
def test_endless_lines(target, tmp_path):
    path = tmp_path / f"input{target.suffix}"
    for number in range(3):
        path.write_bytes(endless_line(target.data, Random(f"{target.name} {number}")))
        check(target, path, f"{target.name}, endless line {number}")
