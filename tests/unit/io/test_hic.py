from __future__ import annotations

import hashlib
import os
import struct

import hictkpy
import matrices as m
import numpy as np
import pandas as pd
import pytest

from dexkit.errors import ConfigError, FormatError, InputError
from dexkit.genome import Genome
from dexkit.io.contacts import TssBins, hic
from dexkit.io.contacts.hic_index import stored_pairs
from dexkit.io.contacts.options import ContactOptions

TABLE = m.pixels()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return m.write_hic(tmp_path_factory.mktemp("hic") / "toy.hic", TABLE)


def read(path, genome=m.GENOME, tss_bins=m.TSS_BINS, alias=None, **options):
    return hic.read(path, tss_bins, genome, alias, ContactOptions(**options))


def test_rows_depth_and_provenance(file):
    found = read(file)
    np.testing.assert_array_equal(found.counts, m.expected(TABLE))
    assert found.counts.dtype == np.float64
    cis, trans, unknown = m.depths(TABLE)
    assert (found.depth, found.n_cis, found.n_trans) == (cis + trans, cis, trans)
    assert isinstance(found.depth, int)
    assert (found.n_unknown_chrom, found.unknown_chroms) == (unknown, ("chrUn",))
    assert (found.n_dropped, found.messages) == (0, ())
    assert found.observed_chroms == {"chr1", "chr2", "chrM"}
    assert (found.format, found.kind, found.path) == ("hic", "matrix", str(file))
    (record,) = found.inputs
    assert record.name == "toy.hic"
    assert record.size_bytes == file.stat().st_size
    assert record.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_rows_are_those_of_hictkpy(file):
    found = read(file)
    names = list(m.GENOME.lengths)
    with hictkpy.File(file, m.BIN) as matrix:
        for row, (chrom, bin_) in zip(found.counts, m.ROWS, strict=True):
            if names[chrom] == "chr3":
                assert not row.any()
                continue
            dense = np.pad(matrix.fetch(names[chrom]).to_numpy(), m.FLANK)
            at = bin_ + m.FLANK
            np.testing.assert_array_equal(row, dense[at, at - m.FLANK : at + m.FLANK + 1])


@pytest.mark.parametrize("most", [1, 7, 50, 200])
def test_pieces_of_a_band_meet(file, monkeypatch, most):
    monkeypatch.setattr(hic, "_BAND_PIXELS", most * (m.FLANK + 1))
    np.testing.assert_array_equal(read(file).counts, m.expected(TABLE))


def test_pieces_that_no_row_reaches_are_left_out(monkeypatch):
    monkeypatch.setattr(hic, "_BAND_PIXELS", 30)
    pace = hic._Pace(2)
    rows = np.array([5, 70])
    assert list(hic._pieces(rows, 100, 2, pace)) == [(3, 13), (63, 71)]
    assert list(hic._pieces(np.array([0, 99]), 100, 2, pace)) == [(0, 10), (90, 100)]
    assert list(hic._pieces(np.array([], int), 100, 2, pace)) == []


def test_pieces_of_a_thin_band_are_longer(monkeypatch):
    monkeypatch.setattr(hic, "_BAND_PIXELS", 30)
    pace = hic._Pace(2)
    assert pace.step() == 10
    for n_cells, step in ((0, 40), (10, 30), (5, 30), (20, 15), (30, 10)):
        pace.note(n_cells, 10)
        assert pace.step() == step


@pytest.mark.parametrize("resolutions", [(m.BIN,), (500, m.BIN, 50_000)])
def test_depth_at_any_resolution(tmp_path, resolutions):
    table = TABLE
    if 500 in resolutions:  # finer than what is asked for
        path = tmp_path / "x.hic"
        writer = hictkpy.hic.FileWriter(path, m.SIZES, list(resolutions), tmpdir=tmp_path)
        grid = writer.bins(500)
        names = m.bin_names()
        ids = {side: [grid.get_id(names[b][0], names[b][1] * 1_000) for b in TABLE[side]]
               for side in ("bin1_id", "bin2_id")}  # fmt: skip
        writer.add_pixels(pd.DataFrame({**ids, "count": TABLE["count"]}).sort_values(
            ["bin1_id", "bin2_id"]))  # fmt: skip
        writer.finalize()
    else:
        path = m.write_hic(tmp_path / "x.hic", table, resolutions)
    found = read(path)
    np.testing.assert_array_equal(found.counts, m.expected(TABLE))
    assert found.depth == sum(m.depths(TABLE)[:2])


def test_coarse_cells_beyond_float32_are_not_trusted(tmp_path):
    """2**24 + 1 is the first whole number that a 32-bit cell cannot hold."""
    near = 1 << 23
    table = pd.DataFrame(
        {"bin1_id": [60, 61, 62], "bin2_id": [60, 61, 62], "count": [near, near, 1]}
    )
    path = m.write_hic(tmp_path / "deep.hic", table)
    assert read(path).depth == 2 * near + 1


def test_normalised(file, tmp_path):
    path = tmp_path / "kr.hic"
    path.write_bytes(file.read_bytes())
    weights = np.random.default_rng(3).uniform(0.5, 2, len(m.bin_names())).astype(np.float32)
    names = m.bin_names()
    weights[names.index(("chr1", 52))] = np.nan
    weights[names.index(("chr1", 3))] = 0
    weights[names.index(("chr2", 45))] = np.nan
    m.add_norm(path, "KR", weights)
    with np.errstate(divide="ignore"):
        factor = 1 / weights.astype(np.float64)
    factor[~np.isfinite(factor)] = np.nan
    value = TABLE["count"] * factor[TABLE["bin1_id"]] * factor[TABLE["bin2_id"]]
    found = read(path, balance="KR")
    np.testing.assert_allclose(found.counts, m.expected(TABLE, value.to_numpy()), rtol=1e-6)
    assert not np.array_equal(found.counts, m.expected(TABLE))
    raw = read(path)
    np.testing.assert_array_equal(raw.counts, m.expected(TABLE))
    assert (found.depth, found.n_cis, found.observed_chroms) == (
        raw.depth,
        raw.n_cis,
        raw.observed_chroms,
    )
    (message,) = found.messages
    assert "kr.hic are balanced (divided by the weights KR of both bins); " in message
    assert "which 2 TSS bins have not" in message
    with pytest.raises(InputError, match="no normalisation 'VC' at 1,000 bp; known: KR, NONE"):
        read(path, balance="VC")


def test_unknown_normalisation(file):
    assert read(file, balance="none").messages == ()
    with pytest.raises(InputError, match=r"toy.hic: there is no normalisation 'KR'.*--balance"):
        read(file, balance="KR")


def test_resolution_is_not_guessed(file):
    rows = TssBins(np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, np.intp), 5_000, 2)
    with pytest.raises(
        InputError, match="no matrix with bins of 5,000 bp; the file has 1,000, 10,000, 50,000;"
    ):
        read(file, tss_bins=rows)


def test_names_are_mapped_and_said(file):
    genome = Genome({name.removeprefix("chr"): n for name, n in m.GENOME.lengths.items()})
    found = read(file, genome)
    np.testing.assert_array_equal(found.counts, m.expected(TABLE))
    assert "3 chromosome names of contact file toy.hic mapped" in found.messages[0]
    alias = {"chr1": "one", "chr2": "two", "chrM": "mito"}
    genome = Genome(dict(zip(("one", "two", "mito", "three"), m.GENOME.lengths.values(),
                             strict=True)))  # fmt: skip
    np.testing.assert_array_equal(read(file, genome, alias=alias).counts, m.expected(TABLE))


def test_odd_chromosome_names(tmp_path):
    """A colon or a dash in a name is no range."""
    writer = hictkpy.hic.FileWriter(tmp_path / "x.hic", {"HLA:A*01-2": 9_000}, [1_000],
                                    tmpdir=tmp_path)  # fmt: skip
    writer.add_pixels(pd.DataFrame({"bin1_id": [1], "bin2_id": [3], "count": [4]}))
    writer.finalize()
    rows = TssBins(np.zeros(1, np.int32), np.ones(1, np.int32), np.zeros(1, np.intp), 1_000, 2)
    found = read(tmp_path / "x.hic", Genome({"HLA:A*01-2": 9_000}), rows)
    assert found.counts.tolist() == [[0, 0, 0, 0, 4]]


@pytest.mark.parametrize(
    ("genome", "error", "match"),
    [
        (Genome({"chr1": 99_000}), FormatError, "'chr1' has 100,000 bp in the matrix and 99,000"),
        (Genome({"chrA": 5}), InputError, "not one chromosome of contact file toy.hic is in the"),
    ],
)
def test_other_genome(file, genome, error, match):
    rows = TssBins(np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, np.intp), 1_000, 2)
    with pytest.raises(error, match=match):
        read(file, genome, rows)


def test_no_contact_on_known_chromosomes(tmp_path):
    at = m.bin_names().index(("chrUn", 2))
    table = pd.DataFrame({"bin1_id": [at], "bin2_id": [at], "count": [7]})
    path = m.write_hic(tmp_path / "x.hic", table)
    with pytest.raises(InputError, match=r"not a single contact .* got 7 elsewhere \('chrUn'\)"):
        read(path)


def test_not_a_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read from the standard input"):
        read("-")
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "absent.hic")
    with pytest.raises(InputError, match="is a directory"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="cannot be read from a pipe"):
        read(tmp_path / "pipe")


@pytest.mark.parametrize("content", [b"", b"HI", b"\x89HDF\r\n\x1a\n" + bytes(600), b"text\n" * 9])
def test_foreign(write, content):
    with pytest.raises(FormatError, match=r"expected a .hic file, which starts with b'HIC"):
        read(write("x.hic", content))


@pytest.mark.parametrize("keep", [4, 8, 16, 40, 0.2, 0.5, 0.9])
def test_truncated(file, write, keep):
    data = file.read_bytes()
    cut = data[: keep if keep >= 1 else int(keep * len(data))]
    with pytest.raises(FormatError, match=r"cannot be read as a .hic file \(.*copy or download"):
        read(write("x.hic", cut))


def test_damaged_block(file, write):
    """What is compressed in the middle of the file does not decompress."""
    data = bytearray(file.read_bytes())
    data[300:900] = bytes(600)
    with pytest.raises(FormatError, match=r"cannot be read as a .hic file"):
        read(write("x.hic", bytes(data)))


def test_version(file, write):
    data = bytearray(file.read_bytes())
    struct.pack_into("<i", data, 4, 5)
    with pytest.raises(FormatError, match=r"cannot be read as a .hic file"):
        read(write("x.hic", bytes(data)))


def test_empty_name_of_a_normalisation():
    with pytest.raises(ConfigError, match="normalisation is empty"):
        ContactOptions(balance="")


# --- the index of pairs --------------------------------------------------------------------------


def test_only_pairs_that_the_file_holds_are_asked_for(tmp_path, monkeypatch):
    names = np.array([name for name, _ in m.bin_names()])
    chrom1, chrom2 = names[TABLE["bin1_id"]], names[TABLE["bin2_id"]]
    kept = TABLE[(chrom1 == chrom2) | ((chrom1 == "chr2") & (chrom2 == "chrUn"))]
    path = m.write_hic(tmp_path / "x.hic", kept)
    pairs = {*zip(m.SIZES, m.SIZES, strict=True), ("chr2", "chrUn")}
    assert {pair for pair in stored_pairs(path) if "All" not in pair} == pairs
    found = read(path)
    cis, trans, unknown = m.depths(kept)
    assert (found.n_cis, found.n_trans, found.n_unknown_chrom) == (cis, trans, unknown)
    # What the index lacks is not looked at, and what it has is.
    monkeypatch.setattr(hic, "stored_pairs", lambda path: {("chr1", "chr1"), ("chrUn", "chr2")})
    found = read(path)
    assert found.n_cis == kept["count"][(chrom1 == "chr1")[kept.index]].sum()
    assert found.n_unknown_chrom == kept["count"][(chrom1 != chrom2)[kept.index]].sum()


def old_header(version, keys, n_entries=None):
    """The header and the index of a file of version 8 or older, with nothing between them."""
    header = b"hg19\0" + struct.pack("<i", 1) + b"software\0juicer\0" + struct.pack("<i", 3)
    for name, length in (("All", 9), ("chr1", 1000), ("chr2", 500)):
        header += name.encode() + b"\0" + struct.pack("<i", length)
    start = struct.pack("<4siq", b"HIC\0", version, 16 + len(header))
    entries = b"".join(key.encode() + b"\0" + struct.pack("<qi", 99, 7) for key in keys)
    n = len(keys) if n_entries is None else n_entries
    return start + header + struct.pack("<ii", 4 + len(entries), n) + entries


def test_the_index_of_an_older_version(tmp_path):
    (tmp_path / "x.hic").write_bytes(old_header(8, ["0_0", "1_1", "2_1"]))
    expected = {("All", "All"), ("chr1", "chr1"), ("chr1", "chr2")}
    assert stored_pairs(tmp_path / "x.hic") == expected


@pytest.mark.parametrize(
    ("keys", "n_entries", "match"),
    [
        (["1_9"], None, "names chromosome 9 of 3"),
        (["1_x"], None, "has an entry 1_x"),
        (["1_1"], 2, "a name has no end"),
        ([], -1, "a table has -1 entries"),
        ([], 10**9, "a table has 1,000,000,000 entries"),
        (["1" * 5000], None, "a name has no end"),
    ],
)
def test_a_damaged_index(tmp_path, keys, n_entries, match):
    (tmp_path / "x.hic").write_bytes(old_header(8, keys, n_entries))
    with pytest.raises(ValueError, match=match):
        stored_pairs(tmp_path / "x.hic")
    (tmp_path / "x.hic").write_bytes(old_header(8, ["1_1"])[:-3])
    with pytest.raises(ValueError, match="truncated"):
        stored_pairs(tmp_path / "x.hic")
