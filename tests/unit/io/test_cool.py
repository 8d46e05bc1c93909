from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import cooler
import h5py
import hictkpy
import matrices as m
import numpy as np
import pandas as pd
import pytest

from dexkit.errors import FormatError, InputError
from dexkit.genome import GeneTable, Genome
from dexkit.io.annotation import read_gtf
from dexkit.io.contacts import TssBins, cool, read_contact_rows
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.fasta import open_fasta

TABLE = m.pixels()
N_BINS = len(m.bin_names())


@pytest.fixture
def file(tmp_path):
    return m.write_cool(tmp_path / "toy.cool", TABLE)


@pytest.fixture
def mcool(tmp_path):
    path = tmp_path / "toy.mcool"
    m.write_cool(f"{path}::/resolutions/{m.BIN}", TABLE)
    coarse = pd.DataFrame({"bin1_id": [0], "bin2_id": [1], "count": [5]})
    m.write_cool(f"{path}::/resolutions/5000", coarse, 5_000, mode="a")
    with h5py.File(path, "a") as handle:
        handle.attrs.update({"format": "HDF5::MCOOL", "format-version": 2})
    return path


def read(path, genome=m.GENOME, tss_bins=m.TSS_BINS, alias=None, **options):
    return cool.read(path, tss_bins, genome, alias, ContactOptions(**options))


def rows_of(bin_size):
    one = np.zeros(1, np.int32)
    return TssBins(one, one, np.zeros(1, np.intp), bin_size, 2)


def test_rows_depth_and_provenance(file):
    found = read(file)
    np.testing.assert_array_equal(found.counts, m.expected(TABLE))
    assert found.counts.dtype == np.float64
    cis, trans, unknown = m.depths(TABLE)
    assert found.depth == cis + trans
    assert isinstance(found.depth, int)
    assert found.n_cis + found.n_trans + found.n_unknown_chrom == len(TABLE)
    assert unknown > 0
    assert (found.unknown_chroms, found.n_dropped, found.messages) == (("chrUn",), 0, ())
    assert found.observed_chroms == {"chr1", "chr2", "chrM"}
    assert (found.format, found.kind, found.path) == ("cool", "matrix", str(file))
    (record,) = found.inputs
    assert record.name == "toy.cool"
    assert record.size_bytes == file.stat().st_size
    assert record.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("balance", [False, "weight", "KR"])
def test_rows_are_those_of_cooler(file, balance):
    """Also the balanced ones: cooler divides by KR and multiplies with weight."""
    add_weights(file, "weight")
    add_weights(file, "KR")
    found = read(file, balance=balance or "NONE")
    matrix = cooler.Cooler(str(file)).matrix(balance=balance)
    names = list(m.GENOME.lengths)
    for row, (chrom, bin_) in zip(found.counts, m.ROWS, strict=True):
        if names[chrom] != "chr3":
            dense = np.pad(np.nan_to_num(matrix.fetch(names[chrom])), m.FLANK)
            at = bin_ + m.FLANK
            expected = dense[at, at - m.FLANK : at + m.FLANK + 1]
            np.testing.assert_allclose(row, expected, rtol=1e-14)
    assert found.counts.any()


def test_raw_is_raw_in_any_case(file):
    np.testing.assert_array_equal(read(file, balance="none").counts, m.expected(TABLE))


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_blocks(file, monkeypatch, block):
    monkeypatch.setattr(cool, "_BLOCK_PIXELS", block)
    np.testing.assert_array_equal(read(file).counts, m.expected(TABLE))


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint16, np.int64, np.uint64, np.float32, np.float64, ">i4"]
)
def test_types_of_counts(file, dtype):
    """Other writers store other types; half reads stay half."""
    values = TABLE["count"].to_numpy().astype(np.dtype(dtype))
    if values.dtype.kind == "f":
        values[::2] += 0.5
    with h5py.File(file, "a") as handle:
        del handle["pixels/count"]
        handle["pixels/count"] = values
        for name in ("bin1_id", "bin2_id"):
            ids = handle[f"pixels/{name}"][:]
            del handle[f"pixels/{name}"]
            handle[f"pixels/{name}"] = ids.astype(np.uint32)
    found = read(file)
    np.testing.assert_array_equal(found.counts, m.expected(TABLE, values.astype(float)))
    assert isinstance(found.depth, float if values.dtype.kind == "f" else int)


def test_written_by_hictkpy(tmp_path):
    writer = hictkpy.cooler.FileWriter(tmp_path / "x.cool", m.SIZES, m.BIN, tmpdir=tmp_path)
    writer.add_pixels(TABLE)
    writer.finalize()
    np.testing.assert_array_equal(read(tmp_path / "x.cool").counts, m.expected(TABLE))


def test_mcool(mcool):
    for path in (mcool, f"{mcool}::/resolutions/1000", f"{mcool}::resolutions/1000"):
        found = read(path)
        np.testing.assert_array_equal(found.counts, m.expected(TABLE))
        assert found.path == str(path)
        assert found.inputs[0].name == "toy.mcool"
    assert read(mcool, tss_bins=rows_of(5_000)).depth == 5


def test_relative_paths(mcool, monkeypatch):
    monkeypatch.chdir(mcool.parent)
    for path in (f"./{mcool.name}", f"../{mcool.parent.name}/{mcool.name}::/resolutions/1000"):
        np.testing.assert_array_equal(read(path).counts, m.expected(TABLE))


def test_zoom_levels_of_old_mcool_files(mcool):
    with h5py.File(mcool, "a") as handle:
        handle["0"] = handle["resolutions/5000"]
        handle["1"] = handle["resolutions/1000"]
        del handle["resolutions"]
    np.testing.assert_array_equal(read(mcool).counts, m.expected(TABLE))


@pytest.mark.parametrize(
    ("group", "bin_size", "match"),
    [
        (
            "",
            2_000,
            r"no matrix with bins of 2,000 bp; the file has /resolutions/1000 \(bins of 1,000 bp\)"
            r", /resolutions/5000 \(bins of 5,000 bp\); .* dexkit does not rebin",
        ),
        ("::/resolutions/5000", 1_000, r"bins of 1,000 bp; the file has /resolutions/5000 \("),
        ("::/resolutions/7", 1_000, "no matrix '/resolutions/7'; the file has /resolutions/1000"),
        ("::/resolutions", 1_000, "there is no matrix '/resolutions'; the file has"),
    ],
)
def test_resolution_is_not_guessed(mcool, group, bin_size, match):
    with pytest.raises(InputError, match=match):
        read(f"{mcool}{group}", tss_bins=rows_of(bin_size))


def test_two_matrices_of_one_resolution(mcool):
    with h5py.File(mcool, "a") as handle:
        handle.copy("resolutions/1000", "again")
    with pytest.raises(InputError, match=r"2 matrices with bins of 1,000 bp; .*toy.mcool::/"):
        read(mcool)
    assert read(f"{mcool}::/again").depth > 0


def test_name_that_looks_like_a_uri(tmp_path):
    path = m.write_cool(tmp_path / "x.cool", TABLE).rename(tmp_path / "a::b")
    np.testing.assert_array_equal(read(path).counts, m.expected(TABLE))


def add_weights(path, name, values=None, **attributes):
    if values is None:
        values = np.random.default_rng(5).uniform(0.5, 2, N_BINS)
        names = m.bin_names()
        values[names.index(("chr1", 52))] = np.nan
        values[names.index(("chr1", 3))] = np.nan
    with h5py.File(path, "a") as handle:
        handle[f"bins/{name}"] = values
        handle[f"bins/{name}"].attrs.update(attributes)
    return np.asarray(values, float)


@pytest.mark.parametrize(
    ("name", "attributes", "divisive"),
    [
        ("weight", {}, False),
        ("weight", {"divisive_weights": True}, True),
        ("KR", {}, True),
        ("KR", {"divisive_weights": False}, False),
        ("GW_SCALE", {}, True),
        ("VC_SQRT", {}, True),
        ("ICE", {}, False),
        ("mine", {}, False),
    ],
)
def test_balanced(file, name, attributes, divisive):
    weights = add_weights(file, name, **attributes)
    factor = 1 / weights if divisive else weights
    value = TABLE["count"] * factor[TABLE["bin1_id"]] * factor[TABLE["bin2_id"]]
    found, raw = read(file, balance=name), read(file)
    np.testing.assert_allclose(found.counts, m.expected(TABLE, value.to_numpy()), rtol=1e-14)
    for what in ("n_cis", "n_trans", "n_unknown_chrom", "observed_chroms"):
        assert getattr(found, what) == getattr(raw, what)
    assert found.depth == pytest.approx(sum(m.depths(TABLE.assign(count=value.fillna(0)))[:2]))
    use = "divided" if divisive else "multiplied"
    assert found.messages == (
        f"contacts of toy.cool are balanced ({use} by the weights {name} of both bins); "
        f"{np.isnan(value).sum():,} of {len(TABLE):,} pixels read were left out since one of "
        "their bins has no weight, which 1 TSS bins have not",
    )


def test_bins_without_a_weight_are_not_measured(file):
    names = m.bin_names()
    missing = {names[i] for i in np.flatnonzero(np.isnan(add_weights(file, "weight")))}
    found = read(file, balance="weight")
    chroms = list(m.GENOME.lengths)
    expected = [
        [
            (chroms[chrom], here + offset) not in names
            or not {(chroms[chrom], here), (chroms[chrom], here + offset)} & missing
            for offset in range(-m.FLANK, m.FLANK + 1)
        ]
        for chrom, here in m.ROWS
    ]
    assert not np.all(expected)
    np.testing.assert_array_equal(found.measured, expected)
    assert read(file).measured is None
    add_weights(file, "full", np.ones(N_BINS))
    assert read(file, balance="full").measured is None


def test_balanced_replicates_do_not_depend_on_their_sequencing_depth(tmp_path):
    """Three times the reads: the same balanced values, and the same share of the depth."""
    deeper = TABLE.assign(count=3 * TABLE["count"])
    one, two = m.write_cool(tmp_path / "1.cool", TABLE), m.write_cool(tmp_path / "2.cool", deeper)
    weights = add_weights(one, "weight")
    add_weights(two, "weight", weights / np.sqrt(3))
    found, other = read(one, balance="weight"), read(two, balance="weight")
    np.testing.assert_allclose(found.counts, other.counts, rtol=1e-12)
    assert found.depth == pytest.approx(other.depth, rel=1e-12)


def test_weights_of_zero_and_infinity_are_none(file):
    weights = np.ones(N_BINS)
    at = m.bin_names().index(("chr1", 50))
    weights[[at, at + 1]] = 0, np.inf
    add_weights(file, "KR", weights)
    found = read(file, balance="KR")
    kept = ~TABLE["bin1_id"].isin([at, at + 1]) & ~TABLE["bin2_id"].isin([at, at + 1])
    np.testing.assert_array_equal(found.counts, m.expected(TABLE[kept]))


@pytest.mark.parametrize("name", ["KRR", "start", "end", "chrom"])
def test_unknown_weights(file, name):
    add_weights(file, "KR")
    with pytest.raises(InputError, match=rf"there are no weights {name!r}; .*KR, NONE.*--balance"):
        read(file, balance=name)


def test_negative_weights(file):
    add_weights(file, "weight", np.linspace(-1, 1, N_BINS))
    with pytest.raises(FormatError, match=r"pixel [\d,]+: the value is -\d.*finite number"):
        read(file, balance="weight")


def test_weights_of_another_length(file):
    with h5py.File(file, "a") as handle:
        handle["bins/weight"] = np.ones(3)
    with pytest.raises(FormatError, match=r"weights 'weight' have the shape \(3,\); expected one"):
        read(file, balance="weight")


def mirrored(table):
    off = table[table["bin1_id"] != table["bin2_id"]]
    other = off.rename(columns={"bin1_id": "bin2_id", "bin2_id": "bin1_id"})
    return pd.concat([table, other]).sort_values(["bin1_id", "bin2_id"], ignore_index=True)


@pytest.mark.parametrize("balance", ["NONE", "weight"])
@pytest.mark.parametrize("block", [50, 1 << 20])
def test_square_storage_of_a_symmetric_matrix(tmp_path, file, monkeypatch, block, balance):
    monkeypatch.setattr(cool, "_BLOCK_PIXELS", block)
    path = m.write_cool(
        tmp_path / "square.cool", mirrored(TABLE), symmetric_upper=False, triucheck=False
    )
    for each in (path, file):
        add_weights(each, "weight")
    found, plain = read(path, balance=balance), read(file, balance=balance)
    np.testing.assert_array_equal(found.counts, plain.counts)
    for what in ("depth", "n_cis", "n_trans", "n_unknown_chrom"):
        assert getattr(found, what) == getattr(plain, what)
    assert "lists every pair of bins twice; its upper triangle was counted" in found.messages[0]


def test_square_storage_of_other_matrices(tmp_path):
    """Ends are told apart: (i, j) and (j, i) are different contacts, and both are counted."""
    table = mirrored(TABLE)
    off = np.flatnonzero(table["bin1_id"] > table["bin2_id"])
    table.loc[off[3], "count"] += 1
    path = m.write_cool(tmp_path / "square.cool", table, symmetric_upper=False, triucheck=False)
    found = read(path)
    np.testing.assert_array_equal(found.counts, m.expected(table))
    assert found.depth == sum(m.depths(table)[:2])
    assert "(i, j) and (j, i) were added up" in found.messages[0]


def test_storage_mode(file):
    with h5py.File(file, "a") as handle:
        handle.attrs["storage-mode"] = "lower"
    with pytest.raises(FormatError, match="storage mode is 'lower'; expected 'symmetric-upper' or"):
        read(file)


def test_files_of_the_first_schema_have_no_storage_mode(file):
    with h5py.File(file, "a") as handle:
        del handle.attrs["storage-mode"], handle.attrs["bin-type"]
    np.testing.assert_array_equal(read(file).counts, m.expected(TABLE))


def test_names_are_mapped_and_said(file):
    genome = Genome({name.removeprefix("chr"): n for name, n in m.GENOME.lengths.items()})
    found = read(file, genome)
    np.testing.assert_array_equal(found.counts, m.expected(TABLE))
    assert "3 chromosome names of contact file toy.cool mapped" in found.messages[0]
    names = dict(zip(m.GENOME.lengths, ("one", "two", "mito", "three"), strict=True))
    genome = Genome({names[name]: n for name, n in m.GENOME.lengths.items()})
    np.testing.assert_array_equal(read(file, genome, alias=names).counts, m.expected(TABLE))


@pytest.mark.parametrize(
    ("genome", "error", "match"),
    [
        (Genome({"chr1": 99_000}), FormatError, "'chr1' has 100,000 bp in the matrix and 99,000"),
        (Genome({"chrA": 5}), InputError, "not one chromosome of contact file toy.cool is in the"),
        (Genome({"chr3": 20_000, "chrM": 7_000}), InputError, "not a single contact has both ends"),
    ],
)
def test_other_genome(tmp_path, genome, error, match):
    names = np.array([name for name, _ in m.bin_names()])
    table = TABLE[(names[TABLE["bin1_id"]] != "chrM") & (names[TABLE["bin2_id"]] != "chrM")]
    with pytest.raises(error, match=match):
        read(m.write_cool(tmp_path / "toy.cool", table), genome, rows_of(m.BIN))


def test_single_cells(tmp_path):
    path = tmp_path / "cells.scool"
    grid = cooler.binnify(pd.Series(m.SIZES), m.BIN)
    cooler.create_scool(str(path), grid, {"a": TABLE, "b": TABLE}, ordered=True)
    with pytest.raises(FormatError, match=r"holds 2 single cells \(.scool\).*scool::/cells/a"):
        read(path)
    np.testing.assert_array_equal(read(f"{path}::/cells/a").counts, m.expected(TABLE))


def test_bins_of_unequal_size(tmp_path):
    bins = cooler.binnify(pd.Series(m.SIZES), m.BIN).drop(index=4).reset_index(drop=True)
    bins.loc[3, "end"] += m.BIN
    table = pd.DataFrame({"bin1_id": [0], "bin2_id": [1], "count": [2]})
    path = m.write_cool(tmp_path / "f.cool", table, bins=bins)
    with pytest.raises(InputError, match=r"no matrix with bins of 1,000 bp; .*of unequal size"):
        read(path)
    with h5py.File(path, "a") as handle:  # a file that claims to be what it is not
        handle.attrs.update({"bin-type": "fixed", "bin-size": m.BIN})
    with pytest.raises(
        FormatError, match=r"the 164 bins are no grid of 1,000 bp.* 165; bins of un"
    ):
        read(path)


def test_not_a_file(tmp_path):
    for path in ("-", "-::/resolutions/5000"):
        with pytest.raises(InputError, match="cannot be read from the standard input"):
            read(path)
    with pytest.raises(InputError, match=r"absent.mcool: no such file"):
        read(tmp_path / "absent.mcool::/resolutions/5000")
    with pytest.raises(InputError, match="is a directory"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="cannot be read from a pipe"):
        read(tmp_path / "pipe")


@pytest.mark.parametrize("content", [b"", b"text\n" * 9, b"HIC\0" + bytes(99)])
def test_foreign(write, content):
    with pytest.raises(FormatError, match=r"cannot be read as a cooler file \(.*copy or download"):
        read(write("x.cool", content))


def test_hdf5_of_another_kind(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as handle:
        handle["sequence/codes"] = np.zeros(3)
    with pytest.raises(FormatError, match="is HDF5, but holds no cooler matrix"):
        read(tmp_path / "x.h5")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_truncated(file, write, keep):
    data = file.read_bytes()
    with pytest.raises(FormatError, match=r"cannot be read as a cooler file \(.*truncated"):
        read(write("x.cool", data[: int(keep * len(data))]))


def change(name, edit):
    def apply(handle):
        values = handle[name][:]
        del handle[name]
        handle[name] = edit(values)

    return apply


def set_at(index, value):
    def edit(values):
        values = values.astype(float) if isinstance(value, float) else values
        values[index] = value
        return values

    return edit


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (change("pixels/bin2_id", set_at(7, N_BINS)), f"pixel 7: bin2 is {N_BINS}; expected a bin"),
        (change("pixels/bin1_id", set_at(9, -5)), "pixel 9: bin1 is -5; expected a bin from 0"),
        (change("pixels/bin1_id", set_at(3, N_BINS - 1)), "pixel 3: .* below the diagonal"),
        (change("pixels/count", set_at(5, -1)), "pixel 5: the value is -1; expected a finite"),
        (change("pixels/count", set_at(5, float("inf"))), "pixel 5: the value is inf"),
        (change("pixels/count", set_at(5, float("nan"))), r"1 pixels have no count \(NaN\)"),
        (change("pixels/count", lambda v: v[:-1]), "columns of numbers, equally long"),
        (change("pixels/count", lambda v: v.astype("S3")), "columns of numbers, equally long"),
        (change("pixels/bin1_id", lambda v: v + 0.5), "columns of numbers, equally long"),
        (change("pixels/bin1_id", lambda v: v[:, None]), "columns of numbers, equally long"),
        (lambda h: h.pop("pixels"), "cannot be read as a cooler file"),
        (lambda h: h.pop("bins/start"), "cannot be read as a cooler file"),
        (lambda h: h.pop("chroms"), "cannot be read as a cooler file"),
        (change("bins/start", set_at(20, 5)), "bins are no grid of 1,000 bp"),
        (change("bins/start", lambda v: v[:-1]), "the 164 bins are no grid"),
        (change("chroms/length", set_at(2, -3)), "bins are no grid"),
        (change("chroms/name", lambda v: v[[0, 0, 1, 2]]), "4 chromosomes under 3 names"),
        (lambda h: h.attrs.update({"bin-size": "five"}), "no matrix with bins of 1,000 bp"),
    ],
)
def test_damaged(file, damage, match):
    with h5py.File(file, "a") as handle:
        damage(handle)
    with pytest.raises(InputError, match=match) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}: ")


@pytest.mark.real
@pytest.mark.parametrize("replicate", ["rep1", "rep2"])
def test_pairs_equal_the_way_through_cooler(hg19, tmp_path, replicate):
    """Pairs -> `cooler cload pairs` -> rows fetched with cooler equal the rows of the pairs."""
    with open_fasta(hg19 / "hg19_sparse.fa.gz") as fasta:
        genome = fasta.genome
    annotation = read_gtf(hg19 / "genes.gtf.gz")
    genes = GeneTable.from_genes(gene for gene in annotation.genes if gene.chrom == "chr22")
    bins = TssBins.from_genes(genes, genome, 5_000, 200)
    pairs = hg19 / "contacts" / f"GM12878_SMC1_HiChIP.chr22.{replicate}.allValidPairs.gz"
    sizes, path = tmp_path / "sizes", tmp_path / "x.cool"
    sizes.write_text("".join(f"{name}\t{size}\n" for name, size in genome.lengths.items()))
    columns = ["-c1", "2", "-p1", "3", "-c2", "5", "-p2", "6"]
    command = [sys.executable, "-m", "cooler", "cload", "pairs", *columns]
    done = subprocess.run(
        [*command, f"{sizes}:5000", pairs, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    matrix = cooler.Cooler(str(path)).matrix(balance=False, sparse=True).fetch("chr22").tocsr()
    expected = np.stack(
        [np.pad(matrix[[i]].toarray()[0], 200)[i : i + 401] for i in bins.bin.tolist()]
    )
    assert len(expected) > 300
    assert expected.sum() > 1_000
    direct, through = (read_contact_rows(file, bins, genome) for file in (pairs, path))
    np.testing.assert_array_equal(direct.counts, expected)
    np.testing.assert_array_equal(through.counts, expected)
    for what in ("depth", "observed_chroms"):
        assert getattr(direct, what) == getattr(through, what)
