"""The feature file: what goes in comes out, and what is none is refused."""

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from toy import build, fasta_text, gtf_line, listing

from dexkit.errors import ConfigError, FormatError, InputError, OutputError
from dexkit.features.build import build_features
from dexkit.features.config import BuildConfig, ExpressionSource
from dexkit.features.file import FeatureFile
from dexkit.features.info import describe
from dexkit.features.schema import CODES, FORMAT_VERSION, expression_path
from dexkit.features.writer import LeftOut, write_feature_file
from dexkit.genome import Gene, GeneTable, Genome
from dexkit.hooks import ArrayPlan


def table(*names, chrom="chr1"):
    return GeneTable.from_genes(
        Gene(name, f"symbol {name}", chrom, 10 * i, "+-"[i % 2]) for i, name in enumerate(names)
    )


def plan(path, values, attrs=None, late=None):
    values = np.asarray(values)

    def fill(out, start):
        out[...] = values[start : start + len(out)]
        return late

    return ArrayPlan(path, values.shape, values.dtype.name, fill, attrs or {})


def write(path, plans, genes=None, force=False, **options):
    genes = genes if genes is not None else table("a", "b", "ü")
    out = LeftOut(table("x", chrom="chrUn"), np.array(["far away"], dtype=object))
    attrs = {"generated_by": "test", "config": "{}", "provenance": "[]", "assembly": ""}
    return write_feature_file(
        path, Genome({"chr1": 500}), genes, out, plans, attrs, force, **options
    )


# --- round trip ----------------------------------------------------------------------------------


def test_round_trip_is_exact(tmp_path):
    rng = np.random.default_rng(1)
    values = {
        "/block/a": rng.integers(0, 255, (3, 11), dtype=np.uint8),
        "/block/b": rng.standard_normal((3, 2, 5)).astype(np.float32),
        "/deep/er/c": rng.integers(0, 2**16 - 1, (3,), dtype=np.uint16),
        "/top": np.array([np.nan, np.inf, -0.0], dtype=np.float32),
    }
    plans = [plan(p, v, {"unit": "none", "n": 3}, {"depths": [1, 2]}) for p, v in values.items()]
    write(tmp_path / "f.h5", plans)
    features = FeatureFile(tmp_path / "f.h5")
    for path, expected in values.items():
        got = features.array(path)
        assert got.dtype == expected.dtype
        assert got.tobytes() == expected.tobytes()
        attrs = features.array_attrs(path)
        assert (attrs["unit"], attrs["n"], attrs["depths"].tolist()) == ("none", 3, [1, 2])
        assert attrs["sha256"] == hashlib.sha256(expected.tobytes()).hexdigest()
    genes = table("a", "b", "ü")
    for column in ("gene_id", "gene_name", "chrom", "tss", "strand"):
        assert getattr(features.genes, column).tolist() == getattr(genes, column).tolist()
    assert features.genome.lengths == {"chr1": 500}
    assert features.left_out.gene_id.tolist() == ["x"]
    assert features.left_out_reason == ["far away"]


def test_arrays_are_contiguous_read_only_maps(features):
    planned = [path for path in features.arrays if "sha256" in features.array_attrs(path)]
    assert len(planned) == 3 + 2 * 4 + 2 * 2
    for path in planned:
        array = features.array(path)
        assert isinstance(array, np.memmap)
        assert array.flags.c_contiguous
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_arrays_are_the_same_through_h5py(built, features):
    with h5py.File(built) as file:
        for path in features.arrays:
            assert file[path].chunks is None
            np.testing.assert_array_equal(file[path][()], features.array(path))


def test_no_lock_is_held(built, features):
    features.array(CODES)
    with h5py.File(built, "r+"):
        pass


def test_same_inputs_give_the_same_arrays(simulated, features, tmp_path):
    again = FeatureFile(build(simulated, tmp_path / "again.h5"))
    for path in (CODES, *(p for p in again.arrays if p.startswith(("/contacts", "/expression")))):
        assert again.array_attrs(path)["sha256"] == features.array_attrs(path)["sha256"]


# --- content -------------------------------------------------------------------------------------


def test_provenance_holds_every_input(simulated, features):
    paths = [simulated.fasta, simulated.gtf, simulated.expression]
    paths += [path for replicates in simulated.contacts.values() for path in replicates]
    expected = {
        path.name: (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in paths
    }
    found = {p["name"]: (p["size_bytes"], p["sha256"]) for p in features.provenance}
    assert found == expected
    assert features.config["upstream_bp"] == 100
    assert features.attrs["format_version"] == FORMAT_VERSION
    assert features.attrs["assembly"] == "simulated"


def test_expression_is_log10_with_pseudocount(simulated, features):
    import pandas as pd

    raw = pd.read_csv(simulated.expression, sep="\t", index_col=0)
    for sample in ("alpha", "beta"):
        column = raw.loc[list(features.genes.gene_id), sample].to_numpy(float)
        np.testing.assert_array_equal(
            features.array(expression_path(sample, "raw")), column.astype(np.float32)
        )
        np.testing.assert_allclose(features.expression(sample), np.log10(column + 1), rtol=1e-6)
        assert features.array_attrs(expression_path(sample))["pseudocount"] == 1.0


def test_genes_follow_the_fasta_then_the_tss(features):
    order = list(features.genome.lengths)
    keys = [(order.index(g.chrom), g.tss) for g in features.genes]
    assert keys == sorted(keys)


def test_describe_names_everything(built):
    facts = describe(built)
    assert facts["genes"] == 60
    assert set(facts["expression"]) == set(facts["contacts"]) == {"alpha", "beta"}
    assert "/kmers/counts" in facts["arrays"]
    json.dumps(facts)


def test_unknown_array_and_samples_are_named(features):
    with pytest.raises(InputError, match="did you mean '/sequence/codes'"):
        features.array("/sequence/code")
    with pytest.raises(InputError, match="no expression of sample 'alfa'; did you mean 'alpha'"):
        features.expression("alfa")
    with pytest.raises(InputError, match="no contacts of sample 'gamma'"):
        features.contacts("gamma")


def test_left_out_genes_are_listed_with_their_reason(tmp_path):
    (tmp_path / "g.fa").write_text(
        fasta_text({"chr1": "ACGT" * 25 + "N" * 100 + "ACGT" * 25, "chr2": "ACGT" * 10})
    )
    (tmp_path / "g.gtf").write_text(
        gtf_line("chr1", 51, 60, "+", "fine")
        + gtf_line("chr1", 151, 160, "+", "unknown_bases")
        + gtf_line("chr1", 3, 9, "+", "at_the_edge")
        + gtf_line("chr9", 5, 9, "+", "elsewhere")
    )
    config = BuildConfig(
        fasta=tmp_path / "g.fa",
        gtf=tmp_path / "g.gtf",
        upstream_bp=20,
        downstream_bp=20,
        margin_bp=60,
    )
    summary = build_features(config, tmp_path / "f.h5")
    features = FeatureFile(tmp_path / "f.h5")
    assert features.genes.gene_id.tolist() == ["fine"]
    reasons = dict(zip(features.left_out.gene_id, features.left_out_reason, strict=True))
    assert set(reasons) == {"unknown_bases", "at_the_edge", "elsewhere"}
    assert "unknown bases" in reasons["unknown_bases"]
    assert "unknown bases" in reasons["at_the_edge"]
    assert "FASTA lacks" in reasons["elsewhere"]
    assert summary.selection.startswith("kept 1 of 4 genes; left out 3: ")
    # The margin reaches beyond the chromosome's start and into the gap: code 4 there.
    # TSS 50, so the columns are the positions -30 .. 129: 30 before the start, 30 in the gap.
    unknown = features.array(CODES)[0] == 4
    assert unknown.tolist() == [True] * 30 + [False] * 100 + [True] * 30


def genes_and_one_beyond(tmp_path, n):
    (tmp_path / "g.fa").write_text(fasta_text({"chr1": "ACGT" * 100}))
    lines = [gtf_line("chr1", 60 + i, 300, "+", f"g{i}") for i in range(n)]
    (tmp_path / "g.gtf").write_text("".join(lines) + gtf_line("chr1", 900, 950, "+", "beyond"))
    return BuildConfig(
        fasta=tmp_path / "g.fa", gtf=tmp_path / "g.gtf", upstream_bp=20, downstream_bp=20
    )


def test_a_gene_beyond_its_chromosome_is_left_out(tmp_path):
    build_features(genes_and_one_beyond(tmp_path, 120), tmp_path / "f.h5")
    features = FeatureFile(tmp_path / "f.h5")
    assert len(features) == 120
    assert features.left_out_reason == ["with a TSS beyond the end of the chromosome"]


def test_an_annotation_of_another_assembly_is_refused(tmp_path):
    match = r"1 of 51 genes have their TSS beyond .*'beyond': base 900 of 'chr1', which has 400"
    with pytest.raises(InputError, match=match):
        build_features(genes_and_one_beyond(tmp_path, 50), tmp_path / "f.h5")
    assert not (tmp_path / "f.h5").exists()


def test_a_column_name_that_cannot_name_a_sample(simulated, tmp_path):
    gene = simulated.truth["genes"][0]["gene_id"]
    (tmp_path / "e.tsv").write_text(f"gene_id\tT cells/CD4\n{gene}\t3\n")
    with pytest.raises(InputError, match="sample name 'T cells/CD4' cannot be used"):
        build(
            simulated,
            tmp_path / "f.h5",
            expression=(ExpressionSource(path=tmp_path / "e.tsv"),),
        )
    assert not (tmp_path / "f.h5").exists()


def test_no_gene_with_sequence(tmp_path):
    (tmp_path / "g.fa").write_text(fasta_text({"chr1": "N" * 100}))
    (tmp_path / "g.gtf").write_text(gtf_line("chr1", 51, 60, "+", "g"))
    config = BuildConfig(
        fasta=tmp_path / "g.fa", gtf=tmp_path / "g.gtf", upstream_bp=5, downstream_bp=5
    )
    with pytest.raises(InputError, match="no gene has a promoter sequence: kept 0 of 1 genes"):
        build_features(config, tmp_path / "f.h5")


def test_settings_of_a_block_that_is_not_built(simulated, tmp_path):
    with pytest.raises(ConfigError, match="settings for block 'kmers', which is not built"):
        build(simulated, tmp_path / "f.h5", settings={"kmers": {"k": 3}})


def test_an_array_is_filled_in_bounded_pieces(tmp_path):
    """Pieces of the mapped size, in order; the digest is that of the whole array."""
    values = np.arange(70, dtype=np.int32).reshape(10, 7)  # 28 bytes a row: three rows a piece
    pieces = []

    def fill(out, start):
        pieces.append((start, len(out)))
        out[...] = values[start : start + len(out)]
        return {"seen": len(pieces)}

    write(tmp_path / "f.h5", [ArrayPlan("/a", values.shape, "int32", fill)], piece_bytes=100)
    assert pieces == [(0, 3), (3, 3), (6, 3), (9, 1)]
    features = FeatureFile(tmp_path / "f.h5")
    assert np.array_equal(features.array("/a"), values)
    attrs = features.array_attrs("/a")
    assert attrs["seen"] == 4
    assert attrs["sha256"] == hashlib.sha256(values.tobytes()).hexdigest()


# --- whole or not at all -------------------------------------------------------------------------


def test_a_failing_fill_leaves_nothing(tmp_path):
    def fail(out, start):
        out[0] = 1
        raise InputError("the third replicate is broken")

    bad = ArrayPlan("/b", (3,), "uint8", fail)
    with pytest.raises(InputError, match="third replicate"):
        write(tmp_path / "f.h5", [plan("/a", np.ones(3)), bad])
    assert list(tmp_path.iterdir()) == []


def test_a_failing_fill_keeps_the_old_file(tmp_path):
    write(tmp_path / "f.h5", [plan("/a", np.ones(3))])
    before = listing(tmp_path)

    def fail(out, start):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        write(tmp_path / "f.h5", [ArrayPlan("/b", (3,), "uint8", fail)], force=True)
    assert listing(tmp_path) == before
    assert FeatureFile(tmp_path / "f.h5").has("/a")


def test_an_existing_file_is_kept_without_force(tmp_path):
    write(tmp_path / "f.h5", [plan("/a", np.ones(3))])
    before = listing(tmp_path)
    with pytest.raises(OutputError, match=r"exists; give another name or --force"):
        write(tmp_path / "f.h5", [plan("/b", np.ones(3))])
    assert listing(tmp_path) == before
    write(tmp_path / "f.h5", [plan("/b", np.ones(3))], force=True)
    assert FeatureFile(tmp_path / "f.h5").arrays.keys() >= {"/b"}


def test_a_folder_is_no_output_file(tmp_path):
    (tmp_path / "f.h5").mkdir()
    with pytest.raises(OutputError, match="is a folder; give the name of a file"):
        write(tmp_path / "f.h5", [plan("/a", np.ones(3))], force=True)
    assert list((tmp_path / "f.h5").iterdir()) == []


def test_force_keeps_what_is_no_feature_file(tmp_path):
    (tmp_path / "f.h5").write_text("mine")
    with pytest.raises(OutputError, match="exists and is no feature file; --force replaces only"):
        write(tmp_path / "f.h5", [plan("/a", np.ones(3))], force=True)
    assert (tmp_path / "f.h5").read_text() == "mine"


def test_an_open_reader_keeps_the_old_file(tmp_path):
    write(tmp_path / "f.h5", [plan("/a", np.ones(3))])
    old = FeatureFile(tmp_path / "f.h5").array("/a")
    write(tmp_path / "f.h5", [plan("/a", np.full(3, 7.0))], force=True)
    assert old.tolist() == [1, 1, 1]
    assert FeatureFile(tmp_path / "f.h5").array("/a").tolist() == [7, 7, 7]


KILLED_BUILD = """
import os, signal, sys
import numpy as np
from pathlib import Path
import dexkit.features.writer as writer
import dexkit_sequence.blocks as blocks
import dexkit_contacts.reading as contacts
sys.path.insert(0, sys.argv[3])
import toy

point = sys.argv[4]

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

if point == "while reading contacts":
    contacts.read_contact_rows = die
elif point == "half-way through an array":
    def windows(*args, original=blocks._windows, **kwargs):
        for i, found in enumerate(original(*args, **kwargs)):
            if i:
                die()
            yield found
    blocks._ROWS = 20
    blocks._windows = windows
elif point == "after laying out":
    writer.reserve = die
elif point == "before the checksums":
    np.memmap.flush = die
elif point == "just before the rename":
    os.replace = die

class Data:
    folder = Path(sys.argv[1])
    fasta = folder / "genome.fa.gz"
    gtf = folder / "genes.gtf.gz"
    expression = folder / "expression.tsv"
    contacts = {"alpha": tuple(sorted(folder.glob("alpha*airs*")))}

build = toy.build_features
toy.build_features = lambda config, out: build(config, out, force=True)
toy.build(Data, sys.argv[2])
"""


@pytest.mark.parametrize(
    "point",
    [
        "after laying out",
        "half-way through an array",
        "while reading contacts",
        "before the checksums",
        "just before the rename",
    ],
)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_build_leaves_the_old_file(simulated, tmp_path, point):
    out = tmp_path / "f.h5"
    write(out, [plan("/old", np.ones(3))])
    before = out.read_bytes()
    done = run_killed(simulated, out, point)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert out.read_bytes() == before
    assert FeatureFile(out).has("/old")
    # What is left over does not stand in the way of the next build.
    out.unlink()
    build(simulated, out)
    assert len(FeatureFile(out)) == 60


def run_killed(simulated, out, point):
    support = Path(__file__).parents[2] / "support"
    command = [sys.executable, "-c", KILLED_BUILD]
    command += [str(simulated.folder), str(out), str(support), point]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


# --- what is no feature file ---------------------------------------------------------------------


def refused(path, match):
    before = path.read_bytes()
    with pytest.raises(FormatError, match=match) as caught:
        FeatureFile(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_missing(tmp_path):
    with pytest.raises(InputError, match=r"no\.h5 does not exist; make it with build-features"):
        FeatureFile(tmp_path / "no.h5")


@pytest.mark.parametrize("content", [b"", b"gene\t1\n", b"\x89HDF\r\n\x1a\n" + bytes(40)])
def test_not_hdf5(tmp_path, content):
    path = tmp_path / "f.h5"
    path.write_bytes(content)
    refused(path, "not a feature file: HDF5 cannot open it")


def test_another_hdf5(tmp_path):
    path = tmp_path / "f.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2]
    refused(path, "not a feature file: the attribute 'format' is None")


def test_newer_version(tmp_path):
    path = tmp_path / "f.h5"
    write(path, [plan("/a", np.ones(3))])
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = FORMAT_VERSION + 1
        file.attrs["generated_by"] = "dexkit 9.9"
    refused(path, rf"format version {FORMAT_VERSION + 1} is newer .*written by dexkit 9\.9")


def test_a_cut_off_file(built, tmp_path):
    path = tmp_path / "f.h5"
    path.write_bytes(built.read_bytes()[:-1000])
    refused(path, "not a feature file: HDF5 cannot open it")


@pytest.mark.parametrize("part", ["/genes", "/genes/tss", "/left_out/reason", "/chroms/length"])
def test_a_part_is_missing(tmp_path, part):
    path = tmp_path / "f.h5"
    write(path, [plan("/a", np.ones(3))])
    with h5py.File(path, "r+") as file:
        del file[part]
    refused(path, "damaged feature file")


def test_tables_of_unequal_length(tmp_path):
    path = tmp_path / "f.h5"
    write(path, [plan("/a", np.ones(3))])
    with h5py.File(path, "r+") as file:
        del file["/chroms/length"]
        file["/chroms/length"] = np.array([1, 2])
    refused(path, "damaged feature file")


def test_a_strange_version(tmp_path):
    path = tmp_path / "f.h5"
    write(path, [plan("/a", np.ones(3))])
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = "one"
    refused(path, "damaged feature file")


# --- sizes ---------------------------------------------------------------------------------------


def test_attributes_beyond_64_kib(tmp_path):
    """Thousands of scaffolds: their names are an attribute of the contact mask."""
    names = [f"scaffold_{i}" for i in range(9000)]
    write(tmp_path / "f.h5", [plan("/a", np.ones(3), {"given": names}, {"found": names})])
    attrs = FeatureFile(tmp_path / "f.h5").array_attrs("/a")
    assert list(attrs["given"]) == names
    assert list(attrs["found"]) == names
    assert FeatureFile(tmp_path / "f.h5").array("/a").tolist() == [1, 1, 1]


def test_no_room_is_wasted(built, features):
    """What is set aside while writing is given back: the file ends where HDF5 says."""
    n_arrays = sum(features.array(path).nbytes for path in features.arrays)
    assert built.stat().st_size < n_arrays + 200_000


def test_too_little_room_is_said_before_work_is_done(tmp_path, monkeypatch):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1000))

    def fill(out, start):
        raise AssertionError("not reached")

    with pytest.raises(OutputError, match=r"the disk is full: the file needs 8\.\d MB, 0\.0 MB"):
        write(tmp_path / "f.h5", [ArrayPlan("/a", (1000, 1000), "float64", fill)])
    assert list(tmp_path.iterdir()) == []
