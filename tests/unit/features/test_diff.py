"""What differs between two feature files is named, and nothing else."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from toy import build

from dexkit.errors import InputError
from dexkit.features import diff as module
from dexkit.features.diff import diff_feature_files, diff_lines
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES

SIGNAL = "/contacts/alpha/signal"


@pytest.fixture
def file(built, tmp_path):
    return Path(shutil.copy(built, tmp_path / "f.h5"))


def test_a_copy_is_identical(built, file):
    found = diff_feature_files(built, file)
    assert found.pop("identical")
    assert {found.pop("first"), found.pop("second")} == {str(built), str(file)}
    assert not any(found.values())
    assert diff_lines(diff_feature_files(built, file)) == [
        f"{built} and {file}: identical in content"
    ]


def test_a_second_build_is_identical_in_content(built, simulated, tmp_path):
    out = build(
        simulated,
        tmp_path / "again.h5",
        blocks=("one-hot", "kmers"),
        n_threads=2,
        settings={"contacts": {"n_flank_bins": 10}, "kmers": {"k": 3, "both_strands": True}},
    )
    with h5py.File(out, "r+") as handle:
        handle.attrs["created_utc"] = "2001-01-01T00:00:00+00:00"
    found = diff_feature_files(built, out)
    assert found["identical"]
    assert found["config"] == {"n_threads": [1, 2]}
    assert set(found["made"]) == {"created_utc"}
    lines = diff_lines(found)
    assert "config n_threads: 1 and 2" in lines
    assert lines[-1].endswith("identical in content; made differently, as listed")


@pytest.mark.parametrize("piece", [100, 8 << 20])
def test_changed_elements_are_counted(built, file, features, monkeypatch, piece):
    monkeypatch.setattr(module, "_PIECE_BYTES", piece)
    with h5py.File(file, "r+") as handle:
        handle[SIGNAL][3, 4] += 0.5
        handle[SIGNAL][7, 1:3] -= 2.0
        handle[CODES][9, 0] = (handle[CODES][9, 0] + 1) % 4
    found = diff_feature_files(built, file)
    assert not found["identical"]
    assert set(found["arrays"]) == {SIGNAL, CODES}
    entry = found["arrays"][SIGNAL]
    assert entry["n_different"] == 3
    assert entry["n_compared"] == 60 * 21
    assert entry["largest_difference"] == pytest.approx(2.0)
    assert entry["first_gene"] == features.genes.gene_id[3]
    assert found["arrays"][CODES]["first_gene"] == features.genes.gene_id[9]
    [line] = [line for line in diff_lines(found) if line.startswith(f"{SIGNAL}:")]
    assert "3 of 1,260 elements differ, by 2 at most, first at gene" in line
    assert diff_lines(found)[-1].endswith(": the content differs")


def test_unsigned_numbers_do_not_wrap(built, file):
    with h5py.File(file, "r+") as handle:
        before = int(handle["/kmers/counts"][0, 0])
        handle["/kmers/counts"][0, 0] = before + 3
    for pair in ((built, file), (file, built)):
        assert diff_feature_files(*pair)["arrays"]["/kmers/counts"]["largest_difference"] == 3


def test_not_measured_equals_not_measured_only(built, file, tmp_path):
    with h5py.File(file, "r+") as handle:
        handle["/expression/alpha/value"][5] = np.nan
    found = diff_feature_files(built, file)["arrays"]["/expression/alpha/value"]
    assert found["n_different"] == 1
    assert found["largest_difference"] == 0  # no number lies between
    copy = shutil.copy(file, tmp_path / "copy.h5")
    assert diff_feature_files(file, Path(copy))["identical"]


def test_missing_arrays_shapes_and_dtypes(built, file):
    with h5py.File(file, "r+") as handle:
        del handle["/sequence/one_hot"]
        for name, values in (
            ("/kmers/counts", handle["/kmers/counts"][()].astype("i4")),
            (SIGNAL, handle[SIGNAL][:, 1:]),
        ):
            attrs = dict(handle[name].attrs)
            del handle[name]
            handle[name] = values
            handle[name].attrs.update(attrs)
    found = diff_feature_files(built, file)
    assert found["arrays"] == {
        "/sequence/one_hot": {"missing_in": "second"},
        "/kmers/counts": {"dtype": ["uint16", "int32"]},
        SIGNAL: {"shape": [[60, 21], [60, 20]]},
    }
    lines = diff_lines(found)
    assert f"/sequence/one_hot: only in {built}" in lines
    assert "/kmers/counts: dtype uint16 and int32" in lines
    assert f"{SIGNAL}: shape [60, 21] and [60, 20]" in lines
    assert diff_feature_files(file, built)["arrays"]["/sequence/one_hot"] == {"missing_in": "first"}


def test_attributes(built, file):
    with h5py.File(file, "r+") as handle:
        handle[SIGNAL].attrs["target_depth"] = 5
        handle[SIGNAL].attrs["sha256"] = "follows from the values"
        handle[CODES].attrs["more"] = np.nan
        handle.attrs["assembly"] = "hg19"
    found = diff_feature_files(built, file)
    assert not found["identical"]
    assert found["attributes"] == {
        f"{SIGNAL} target_depth": [2831, 5],
        f"{CODES} more": [None, "nan"],
        "/ assembly": ["simulated", "hg19"],
    }
    assert f"attribute {CODES} more: none and nan" in diff_lines(found)
    json.dumps(found, allow_nan=False)


def test_not_a_number_in_both_is_the_same_attribute(built, file, tmp_path):
    with h5py.File(file, "r+") as handle:
        handle[SIGNAL].attrs["depths"] = [np.nan, 1.0]
    copy = Path(shutil.copy(file, tmp_path / "copy.h5"))
    assert diff_feature_files(file, copy)["identical"]


def test_genes_of_one_file_only(simulated, built, tmp_path, features):
    """Arrays are then compared on the genes of both."""
    import gzip

    out = tmp_path / "fewer.h5"
    gone = {features.genes.gene_id[i] for i in (2, 30)}
    with gzip.open(simulated.gtf, "rt") as handle:
        kept = [line for line in handle if not any(f'"{gene}"' in line for gene in gone)]
    (tmp_path / "g.gtf").write_text("".join(kept))
    build(
        simulated,
        out,
        gtf=tmp_path / "g.gtf",
        blocks=("one-hot", "kmers"),
        settings={"contacts": {"n_flank_bins": 10}, "kmers": {"k": 3, "both_strands": True}},
    )
    found = diff_feature_files(built, out)
    assert found["genes"] == {"only_first": 2, "first_only_first": features.genes.gene_id[2]}
    assert found["arrays"] == {}
    assert found["tables"] == {}
    assert f"genes only in {built}: 2, the first is {features.genes.gene_id[2]}" in diff_lines(
        found
    )
    other = diff_feature_files(out, built)
    assert other["genes"] == {"only_second": 2, "first_only_second": features.genes.gene_id[2]}
    assert set(found["provenance"]) == {"genes.gtf.gz", "g.gtf"}


def test_tables(built, file, features):
    with h5py.File(file, "r+") as handle:
        handle["/genes/tss"][5] += 1
        handle["/genes/tss"][6] += 1
        handle["/chroms/length"][1] += 7
        handle["/genes/gene_name"][8] = "renamed"
    found = diff_feature_files(built, file)["tables"]
    tss, gene = features.genes.tss[5], features.genes.gene_id[5]
    assert found["/genes/tss"] == (
        f"2 of 60 genes differ, the first is {gene}: {tss} and {tss + 1}"
    )
    assert "4 and 4 chromosomes, the first that differs: " in found["/chroms"]
    assert found["/genes/gene_name"].endswith(" and renamed")


def test_genes_in_another_order(built, file, features):
    with h5py.File(file, "r+") as handle:
        ids = handle["/genes/gene_id"].asstr()[()]
        handle["/genes/gene_id"][3], handle["/genes/gene_id"][4] = ids[4], ids[3]
    found = diff_feature_files(built, file)
    assert found["genes"] == {"moved": 2, "first_moved": features.genes.gene_id[3]}
    assert diff_lines(found)[0].startswith("genes in another order: 2, the first is")


def test_left_out_genes(built, file):
    with h5py.File(file, "r+") as handle:
        for column in ("gene_id", "gene_name", "chrom", "strand", "reason"):
            del handle[f"/left_out/{column}"]
            handle.create_dataset(
                f"/left_out/{column}", data=["x"], dtype=h5py.string_dtype(), shape=(1,)
            )
        del handle["/left_out/tss"]
        handle["/left_out/tss"] = np.array([4])
    found = diff_feature_files(built, file)["tables"]
    assert found == {
        "/left_out": "0 and 1 genes, the first that differs: none and x, x, x, 4, x, x"
    }


def test_an_addition_shows(built, file):
    with h5py.File(file, "r+") as handle:
        handle.attrs["history"] = json.dumps([{"utc": "now", "added": ["/a/b"]}])
    found = diff_feature_files(built, file)
    assert found["made"] == {"history": [None, ["now /a/b"]]}
    assert FeatureFile(file).history


def test_a_missing_file(built, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        diff_feature_files(built, tmp_path / "no.h5")
