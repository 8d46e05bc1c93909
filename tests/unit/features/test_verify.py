"""Every kind of damage to a feature file is found and named by its HDF5 path."""

import hashlib
import json
import random
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from dexkit.errors import DexkitError, FormatError, InputError
from dexkit.features import consistency
from dexkit.features import verify as module
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES, TABLES
from dexkit.features.verify import verdict, verify_feature_file

SIGNAL = "/contacts/alpha/signal"
OBSERVED = "/contacts/alpha/observed"
VALUE = "/expression/alpha/value"


@pytest.fixture
def file(built, tmp_path):
    return Path(shutil.copy(built, tmp_path / "f.h5"))


def problems(path, inputs=()):
    """Return the first problem by place."""
    bad = [check for check in verify_feature_file(path, inputs) if check.problem]
    return {check.where: check.problem for check in reversed(bad)}


def edit(path, name, change):
    """Change an array and store the digest of what it is then."""
    with h5py.File(path, "r+") as file:
        values = file[name][()]
        change(values)
        file[name][...] = values
        file[name].attrs["sha256"] = hashlib.sha256(values.tobytes()).hexdigest()


def put(values, place, value):
    values[place] = value


def test_a_sound_file_passes(built, features, simulated):
    checks = list(verify_feature_file(built, [simulated.folder]))
    arrays = {name for name in features.arrays if not name.startswith(TABLES)}
    names = {path.name for path in (simulated.fasta, simulated.gtf, simulated.expression)}
    assert arrays | names | {"/", "/genes"} <= {check.where for check in checks}
    assert all(check.line.startswith("ok ") and check.note for check in checks)
    assert verdict(built, checks) == f"{built}: {len(checks)} checks passed"


def test_every_array_is_read_against_its_digest(file, features, monkeypatch):
    monkeypatch.setattr(module, "_PIECE_BYTES", 100)  # many pieces an array
    places = {}
    with h5py.File(file) as handle:
        for name in features.arrays:
            if not name.startswith(TABLES):
                places[name] = handle[name].id.get_offset() + handle[name].nbytes - 1
    whole = file.read_bytes()
    for name, place in places.items():
        data = bytearray(whole)
        data[place] ^= 1
        file.write_bytes(data)
        found = problems(file)
        assert "the SHA-256 is" in found[name], (name, found)
        with pytest.raises(FormatError, match=rf"f\.h5: {name}: .*SHA-256.*; build the file again"):
            verdict(file, [c for c in verify_feature_file(file) if c.where == name])


@pytest.mark.parametrize(
    ("name", "place", "value", "where", "match"),
    [
        (CODES, (3, 7), 5, CODES, "has a base code above 4"),
        (CODES, (0, 30), 3, "/sequence/one_hot", f"does not agree with {CODES}"),
        ("/sequence/one_hot", (0, 0, 0), 2, "/sequence/one_hot", "other than 0 and 1"),
        ("/kmers/counts", (0, 5), 999, "/kmers/counts", f"does not agree with {CODES}"),
        (OBSERVED, (1, 1), 2, OBSERVED, "other than 0 and 1"),
        (OBSERVED, slice(None), 0, SIGNAL, "a signal in a bin that was not observed"),
        (SIGNAL, (2, 2), np.nan, SIGNAL, r"not finite \(NaN or infinity\)"),
        (SIGNAL, (2, 2), -np.inf, SIGNAL, "not finite"),
        (VALUE, 4, np.inf, VALUE, "an infinite expression"),
        (VALUE, 4, np.nan, VALUE, "does not agree with /expression/alpha/raw"),
        (VALUE, 4, 9.0, VALUE, "does not agree with /expression/alpha/raw"),
        ("/expression/alpha/raw", 4, -1.0, "/expression/alpha/raw", "a negative expression"),
    ],
)
def test_values_that_may_not_be(file, name, place, value, where, match):
    edit(file, name, lambda values: put(values, place, value))
    found = problems(file)
    assert where in found, found

    assert re.search(match, found[where]), found


def test_a_bad_value_names_its_gene(file, features):
    edit(file, CODES, lambda values: put(values, (3, 7), 5))
    assert repr(features.genes.gene_id[3]) in problems(file)[CODES]


def test_nan_means_not_measured_in_expression_only(file):
    for name in ("/expression/alpha/value", "/expression/alpha/raw"):
        edit(file, name, lambda values: put(values, 4, np.nan))
    assert problems(file) == {}


@pytest.mark.parametrize(
    ("table", "row", "value", "where", "match"),
    [
        ("/genes/tss", 5, 10**9, "/genes/tss", r"the TSS 1,000,000,000 outside of chr\w+"),
        ("/genes/tss", 5, -1, "/genes/tss", "the TSS -1 outside"),
        ("/genes/strand", 5, ".", "/genes/strand", r"the strand '\.'; expected \+ or -"),
        ("/genes/chrom", 5, "chrQ", "/genes/chrom", "lies on 'chrQ', which /chroms/name lacks"),
        ("/genes/gene_id", 5, "same", "/genes", ""),
        ("/chroms/length", 0, 0, "/chroms/length", "has the length 0"),
        ("/genes/gene_name", 5, "other", None, ""),
    ],
)
def test_tables(file, table, row, value, where, match):
    """Every change shows in the digest; most show in what the tables say, too."""

    with h5py.File(file, "r+") as handle:
        handle[table][row] = value
    found = problems(file)
    assert "the tables' SHA-256 is" in found["/genes, /chroms, /left_out"]
    if where is not None and match:
        assert re.search(match, found[where]), found


def test_a_gene_twice(file):
    with h5py.File(file, "r+") as handle:
        handle["/genes/gene_id"][7] = handle["/genes/gene_id"][6]
    assert "occurs twice" in problems(file)["/genes/gene_id"]


def test_genes_out_of_order(file):
    with h5py.File(file, "r+") as handle:
        values = handle["/genes/tss"][()]
        handle["/genes/tss"][...] = values[::-1]
    assert "is out of order" in problems(file)["/genes"]


def test_a_table_that_is_too_short(file):
    with h5py.File(file, "r+") as handle:
        values = handle["/genes/strand"].asstr()[()][:-1]
        del handle["/genes/strand"]
        handle.create_dataset("/genes/strand", data=list(values), dtype=h5py.string_dtype())
    assert problems(file)["/genes/strand"] == "59 rows; expected 60 genes"


@pytest.mark.parametrize("name", [SIGNAL, OBSERVED, "/expression/alpha/raw", CODES])
def test_a_missing_array(file, name):
    with h5py.File(file, "r+") as handle:
        del handle[name]
    found = problems(file)
    assert any("missing" in problem for problem in found.values()), found


@pytest.mark.parametrize("name", [CODES, SIGNAL, "/kmers/counts", "/expression/alpha/value"])
def test_an_array_of_another_number_of_genes(file, name):
    with h5py.File(file, "r+") as handle:
        values, attrs = handle[name][()][:-1], dict(handle[name].attrs)
        del handle[name]
        handle[name] = values
        handle[name].attrs.update(attrs)
    assert "expected 60 genes first" in problems(file)[name]


@pytest.mark.parametrize(
    ("name", "key", "value", "match"),
    [
        (CODES, "upstream_bp", 99, "240 columns; its attributes say 239"),
        (SIGNAL, "n_flank_bins", 20, "21 bins; its attributes say 41"),
        (SIGNAL, "n_flank_bins", None, "an attribute is missing or makes no sense"),
        ("/kmers/counts", "k", 4, r"the shape is \(60, 64\); expected \(60, 256\)"),
        ("/kmers/counts", "k", 99, "an attribute is missing or makes no sense"),
        ("/kmers/counts", "both_strands", False, "does not agree with"),
        (VALUE, "pseudocount", 2.0, "does not agree with /expression/alpha/raw"),
    ],
)
def test_attributes_that_do_not_fit(file, name, key, value, match):

    with h5py.File(file, "r+") as handle:
        del handle[name].attrs[key]
        if value is not None:
            handle[name].attrs[key] = value
    assert re.search(match, problems(file)[name])


def test_a_file_without_digests_says_so(file):
    with h5py.File(file, "r+") as handle:
        del handle.attrs["tables_sha256"]
        del handle[CODES].attrs["sha256"]
    notes = {c.where: c.note for c in verify_feature_file(file) if not c.problem}
    assert "no digest is stored" in notes["/genes, /chroms, /left_out"]
    assert any(c.where == CODES and "no digest" in c.note for c in verify_feature_file(file))


def test_more_than_one_problem_is_counted(file):
    edit(file, CODES, lambda values: put(values, (3, 7), 5))
    edit(file, OBSERVED, lambda values: put(values, (3, 7), 5))
    with pytest.raises(FormatError, match=r"base code above 4|other than 0 and 1.*\(and \d more\)"):
        verdict(file, verify_feature_file(file))


def test_memory_is_bounded(built, monkeypatch):
    """No piece is larger than what is asked for, but for a single row."""
    seen = []

    def look(name, rows, original=consistency.value_problem):
        seen.append(rows.nbytes)
        return original(name, rows)

    monkeypatch.setattr(module, "value_problem", look)
    monkeypatch.setattr(module, "_PIECE_BYTES", 1_000)
    assert problems(built) == {}
    assert max(seen) <= 1_000
    assert len(seen) > 60


def test_flipped_bits_never_end_in_a_traceback(file):
    """Outside of the arrays, where HDF5 keeps its books: found or without effect."""
    whole = file.read_bytes()
    kept = FeatureFile(file).array_ranges
    places = [i for i in range(len(whole)) if not any(a <= i < b for a, b in kept)]
    rng = random.Random(5)
    n_found = 0
    for _ in range(150):
        data = bytearray(whole)
        data[rng.choice(places)] ^= 1 << rng.randrange(8)
        file.write_bytes(data)
        try:
            verdict(file, verify_feature_file(file))
        except DexkitError:
            n_found += 1
    assert n_found > 30


# --- inputs --------------------------------------------------------------------------------------


@pytest.fixture
def inputs(simulated, tmp_path):
    return Path(shutil.copytree(simulated.folder, tmp_path / "inputs"))


def test_changed_missing_and_foreign_inputs(built, inputs):
    assert problems(built, [inputs]) == {}
    (inputs / "genes.gtf.gz").write_bytes(b"other")
    (inputs / "alpha.rep1.pairs.gz").unlink()
    found = problems(built, [inputs])
    assert set(found) == {"genes.gtf.gz", "alpha.rep1.pairs.gz"}
    assert "the build read" in found["genes.gtf.gz"]
    assert f"not found below {inputs}" in found["alpha.rep1.pairs.gz"]
    foreign = inputs / "truth.json"
    assert problems(built, [foreign]) == {
        str(foreign): "is no input of this file; its provenance lacks the name"
    }


def test_single_inputs(built, inputs):
    checks = list(verify_feature_file(built, [inputs / "genes.gtf.gz"]))
    notes = {c.where: c.note for c in checks}
    lines = {c.where: c.line for c in checks}
    assert notes["genes.gtf.gz"].startswith("sha256 ")
    assert lines["genome.fa.gz"] == "skipped genome.fa.gz: not given, not checked"
    n_skipped = sum("not checked" in note for note in notes.values())
    n_passed = len(checks) - n_skipped
    assert verdict(built, checks) == f"{built}: {n_passed} checks passed, {n_skipped} skipped"
    # A file that moved, beside the folder of the others.
    moved = Path(shutil.move(inputs / "genome.fa.gz", inputs.parent / "genome.fa.gz"))
    assert "genome.fa.gz" in problems(built, [inputs])
    assert problems(built, [inputs, moved]) == {}


def test_the_standard_input_is_no_missing_file(file, inputs):
    with h5py.File(file, "r+") as handle:
        entries = json.loads(handle.attrs["provenance"])
        next(e for e in entries if e["name"] == "alpha.rep1.pairs.gz")["name"] = "-"
        handle.attrs["provenance"] = json.dumps(entries)
    assert problems(file, [inputs]) == {}
    lines = [c.line for c in verify_feature_file(file, [inputs])]
    assert "skipped -: the standard input of the build, not checked" in lines


def test_replicates_of_one_name_in_two_folders(file, tmp_path):
    entries = []
    for folder in ("one", "two"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        data = folder.encode()
        (tmp_path / "in" / folder / "r.pairs").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        entries.append({"name": "r.pairs", "size_bytes": 3, "sha256": digest})
    with h5py.File(file, "r+") as handle:
        handle.attrs["provenance"] = json.dumps(entries)
    assert problems(file, [tmp_path / "in"]) == {}
    assert "r.pairs" in problems(file, [tmp_path / "in" / "one"])


def test_inputs_that_are_not_there(built, tmp_path):
    with pytest.raises(InputError, match=r"nowhere does not exist; check the path of --inputs"):
        list(verify_feature_file(built, [tmp_path / "nowhere"]))
