"""The minimal MEME format: golden text, exact row sums, names, and what is refused."""

import os
import re

import numpy as np
import pytest

from dexkit.errors import InputError, OutputError
from dexkit.hooks import Motif, load_plugins
from dexkit.testing.synthetic import random_motifs

MEME = load_plugins(only=["motif-formats"]).motif_exporter("meme")
UNIFORM = np.full((2, 4), 0.25)

GOLDEN = """\
MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.300000 C 0.200000 G 0.200000 T 0.300000

MOTIF first_filter GATA 1
letter-probability matrix: alength= 4 w= 2 nsites= 12 E= 0
 1.000000 0.000000 0.000000 0.000000
 0.333334 0.333333 0.333333 0.000000

MOTIF second
letter-probability matrix: alength= 4 w= 1 nsites= 7 E= 1.2e-09
 0.250000 0.250000 0.250000 0.250000
""".replace("GATA 1", "GATA_1")


def test_golden_text(tmp_path):
    third = 1 / 3
    motifs = [
        Motif("first filter", np.array([[1, 0, 0, 0], [third, third, third, 0]]), 12, "GATA 1"),
        Motif("second", UNIFORM[:1], 7, e_value=1.2e-9),
    ]
    MEME.export(motifs, tmp_path / "m.meme", (0.3, 0.2, 0.2, 0.3))
    assert (tmp_path / "m.meme").read_bytes().decode() == GOLDEN


def test_printed_rows_sum_to_exactly_one_and_stay_close(tmp_path):
    motifs = random_motifs(40, seed=3)
    MEME.export(motifs, tmp_path / "m.meme")
    text = (tmp_path / "m.meme").read_text()
    rows = [line.split() for line in text.splitlines() if re.fullmatch(r"( \d\.\d{6}){4}", line)]
    values = np.array(rows, dtype=float)
    assert sum(motif.ppm.shape[0] for motif in motifs) == len(values)
    assert {sum(int(p.replace(".", "")) for p in row) for row in rows} == {10**6}
    assert np.abs(values - np.concatenate([motif.ppm for motif in motifs])).max() < 3e-6


def test_rounding_noise_in_a_row_is_scaled_away(tmp_path):
    MEME.export([Motif("m", UNIFORM * 1.004, 5)], tmp_path / "m.meme")
    assert " 0.250000 0.250000 0.250000 0.250000\n" in (tmp_path / "m.meme").read_text()


@pytest.mark.parametrize(
    ("motif", "message"),
    [
        (Motif("m", UNIFORM * np.nan, 5), "negative or non-finite"),
        (Motif("m", UNIFORM - 0.3, 5), "negative or non-finite"),
        (Motif("m", UNIFORM * 40, 40), r"position 1: the row sums to 40; expected probabilities"),
        (Motif("m", np.zeros((2, 4)), 5), "the row sums to 0"),
        (Motif("m", UNIFORM[:, :3], 5), r"has shape \(2, 3\); expected \(width, 4\)"),
        (Motif("m", UNIFORM[:0], 5), r"has shape \(0, 4\)"),
        (Motif("m", UNIFORM, 0), "has 0 sites"),
        (Motif("m", UNIFORM, 5, e_value=float("nan")), "E-value nan"),
        (Motif(" ", UNIFORM, 5), "empty name"),
    ],
)
def test_bad_motifs_are_refused_and_nothing_is_written(tmp_path, motif, message):
    with pytest.raises(InputError, match=message):
        MEME.export([motif], tmp_path / "m.meme")
    assert list(tmp_path.iterdir()) == []


def test_names_that_become_one_are_refused(tmp_path):
    with pytest.raises(InputError, match="two motifs are called 'a_b'"):
        MEME.export([Motif("a b", UNIFORM, 5), Motif("a_b", UNIFORM, 5)], tmp_path / "m.meme")


@pytest.mark.parametrize("background", [(0.5, 0.5, 0, 0), (1, 1, 1, float("nan"))])
def test_bad_background_is_refused(tmp_path, background):
    with pytest.raises(InputError, match="expected four positive frequencies"):
        MEME.export([Motif("m", UNIFORM, 5)], tmp_path / "m.meme", background)


def test_no_motif_is_refused(tmp_path):
    with pytest.raises(InputError, match="no motif to write"):
        MEME.export([], tmp_path / "m.meme")


def test_a_missing_folder_and_a_full_disk_are_one_sentence(tmp_path, monkeypatch):
    motifs = [Motif("m", UNIFORM, 5)]
    with pytest.raises(OutputError, match="does not exist; make it first"):
        MEME.export(motifs, tmp_path / "none" / "m.meme")
    (tmp_path / "m.meme").write_text("old\n")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"):
        MEME.export(motifs, tmp_path / "m.meme")
    assert [path.name for path in tmp_path.iterdir()] == ["m.meme"]
    assert (tmp_path / "m.meme").read_text() == "old\n"
