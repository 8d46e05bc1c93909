from __future__ import annotations

import hashlib
import json
import logging
import pickle

import numpy as np
import pytest
from published import one_hot, write_published
from toy import gtf_line

from dexkit.errors import FormatError, InputError, OutputError
from dexkit.features.file import FeatureFile
from dexkit.features.import_deepexpression import ImportConfig, import_deepexpression
from dexkit.features.info import describe

SYMBOLS = ["Abc", "Def", "Ghi", "Jkl", "Mno", "Pqr", "Abc", "Stu"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "arrays").mkdir()
    return tmp_path / "arrays"


@pytest.fixture
def imported(folder, tmp_path):
    def run(**options):
        out = tmp_path / "f.h5"
        summary = import_deepexpression(ImportConfig(folder=folder, **options), out, force=True)
        return FeatureFile(out), summary

    return run


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, bool])
@pytest.mark.parametrize(("n_bins", "last_axis"), [(400, False), (401, False), (401, True)])
def test_arrays_are_taken_as_they_are(folder, imported, dtype, n_bins, last_axis):
    codes, contacts, counts = write_published(
        folder, SYMBOLS, ("K562", "Jurkat"), n_bins, dtype, last_axis
    )
    features, summary = imported(assembly="hg19")
    np.testing.assert_array_equal(features.array("/sequence/codes"), codes)
    assert features.window_bp == (1000, 1001, 0)
    assert features.array_attrs("/sequence/codes")["orientation"] == "as given"
    for sample in ("K562", "Jurkat"):
        signal, observed = features.contacts(sample)
        np.testing.assert_array_equal(signal, contacts[sample].astype(np.float32))
        assert observed.all()
        np.testing.assert_allclose(
            features.expression(sample), np.log10(counts[sample] + 1), rtol=1e-6
        )
        np.testing.assert_allclose(features.array(f"/expression/{sample}/raw"), counts[sample])
    attrs = features.array_attrs("/contacts/K562/signal")
    assert (attrs["first_offset"], attrs["n_flank_bins"], attrs["bin_size_bp"]) == (-200, 200, 5000)
    assert attrs["normalisation"] == "as given by the arrays of DeepExpression"
    assert list(attrs["replicates"]) == ["exp_K562.npy"]
    assert summary.measured == {"Jurkat": 8, "K562": 8}
    assert summary.selection == "imported 8 genes, 0 of them with coordinates; 0 unknown bases"


def test_rows_stay_in_order_on_one_chromosome(folder, imported, caplog):
    write_published(folder, SYMBOLS)
    with caplog.at_level(logging.WARNING, "dexkit"):
        features, _ = imported(pseudocount=0.1)
    assert features.genes.gene_id.tolist() == [*SYMBOLS[:6], "Abc#2", "Stu"]
    assert features.genes.gene_name.tolist() == SYMBOLS
    assert set(features.genes.chrom) == {"unplaced"}
    assert features.genes.tss.tolist() == list(range(8))
    assert set(features.genes.strand) == {"+"}
    assert dict(features.genome.lengths) == {"unplaced": 8}
    assert len(features.left_out) == 0
    assert "1 symbols stand in 2 rows, with equal expression for 0 of them" in caplog.text
    assert features.config["pseudocount"] == 0.1
    assert features.config["importer"] == "deepexpression"


def test_repeats_with_equal_expression_are_counted(folder, imported, caplog):
    write_published(folder, SYMBOLS)
    text = "".join(f"{s}\t{len(s) + SYMBOLS.index(s)}\n" for s in SYMBOLS)
    (folder / "rna_K562.txt").write_text(text)
    with caplog.at_level(logging.WARNING, "dexkit"):
        imported()
    assert "with equal expression for 1 of them" in caplog.text


def test_a_number_never_makes_another_symbol(folder, imported):
    write_published(folder, ["A", "A#2", "A", "A", "A#2"])
    assert imported()[0].genes.gene_id.tolist() == ["A", "A#2", "A#3", "A#4", "A#2#2"]


@pytest.mark.parametrize("form", ["gtf", "bed"])
def test_genes_are_placed_by_symbol(folder, imported, tmp_path, caplog, form):
    codes, contacts, counts = write_published(folder, SYMBOLS)
    places = [  # chromosome, 1-based start and end, strand, id, symbol
        ("chr2", 500, 600, "+", "E1", "Ghi"),
        ("chr1", 900, 999, "-", "E2", "Abc"),
        ("chr1", 100, 200, "+", "E3", "Stu"),
        ("chr1", 700, 800, "+", "E4", "Def"),
        ("chr1", 750, 800, "+", "E5", "Def"),
        ("chr3", 5, 9, "+", "E6", "other"),
    ]
    path = tmp_path / "places"
    if form == "gtf":
        path.write_text("".join(gtf_line(*place) for place in places))
    else:
        rows = ((c, s - 1, e, i, 0, strand, n) for c, s, e, strand, i, n in places)
        path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    with caplog.at_level(logging.INFO, "dexkit"):
        features, summary = imported(**{"gtf" if form == "gtf" else "tss_bed": path})
    assert [(g.gene_id, g.chrom, g.tss, g.strand) for g in features.genes] == [
        ("Ghi", "chr2", 499, "+"),
        ("Stu", "chr1", 99, "+"),
        ("Abc", "chr1", 998, "-"),
        ("Abc#2", "chr1", 998, "-"),
        ("Def", "unplaced", 1, "+"),
        ("Jkl", "unplaced", 3, "+"),
        ("Mno", "unplaced", 4, "+"),
        ("Pqr", "unplaced", 5, "+"),
    ]
    order = [2, 7, 0, 6, 1, 3, 4, 5]
    np.testing.assert_array_equal(features.array("/sequence/codes"), codes[order])
    signal, _ = features.contacts("K562")
    np.testing.assert_array_equal(signal, contacts["K562"][order].astype(np.float32))
    np.testing.assert_allclose(features.array("/expression/K562/raw"), counts["K562"][order])
    assert dict(features.genome.lengths) == {"chr2": 500, "chr1": 999, "unplaced": 8}
    assert summary.selection.startswith("imported 8 genes, 4 of them with coordinates")
    assert "not in the annotation, put on the chromosome 'unplaced': 3 ('Jkl'" in caplog.text
    assert "of several genes in it, put on the chromosome 'unplaced': 1 ('Def')" in caplog.text


def test_no_symbol_in_the_annotation(folder, imported, tmp_path):
    write_published(folder, SYMBOLS)
    (tmp_path / "g.gtf").write_text(gtf_line("chr1", 1, 2, "+", "E1", "ABC"))
    match = "not a single symbol of the arrays is the name of one gene; got 'Abc', .* as 'ABC'"
    with pytest.raises(InputError, match=match):
        imported(gtf=tmp_path / "g.gtf")


def test_rows_stored_by_column(folder, imported):
    codes, *_ = write_published(folder, SYMBOLS)
    np.save(folder / "X_seq.npy", np.asfortranarray(one_hot(codes)))
    np.testing.assert_array_equal(imported()[0].array("/sequence/codes"), codes)


@pytest.mark.parametrize("value", [0, 0.25])
def test_unknown_bases(folder, imported, value):
    codes, *_ = write_published(folder, SYMBOLS)
    array = one_hot(codes)
    array[3, 7:10] = value
    np.save(folder / "X_seq.npy", array)
    features, summary = imported()
    assert (np.argwhere(features.array("/sequence/codes") == 4) == [(3, 7), (3, 8), (3, 9)]).all()
    assert "3 unknown bases" in summary.selection


def test_provenance_and_description(folder, imported, tmp_path):
    write_published(folder, SYMBOLS)
    features, _ = imported()
    assert {item["name"]: item["sha256"] for item in features.provenance} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()
    }
    facts = json.loads(json.dumps(describe(tmp_path / "f.h5")))
    assert facts["expression"] == {"K562": "8 genes measured"}
    assert "as given by the arrays of DeepExpression" in facts["contacts"]["K562"]


def test_a_sample_may_lack_its_contacts_or_its_expression(folder, imported):
    write_published(folder, SYMBOLS, ("A", "B", "C"))
    (folder / "exp_A.npy").unlink()
    (folder / "rna_B.txt").unlink()
    features, _ = imported()
    assert features.expression_samples == ["A", "C"]
    assert features.contact_samples == ["B", "C"]


def change_sequence(at, value):
    def change(folder):
        array = np.load(folder / "X_seq.npy")
        array[at] = value
        np.save(folder / "X_seq.npy", array)

    return change


def save(name, array, **options):
    return lambda folder: np.save(folder / name, array, **options)


def save_archive(folder):
    with (folder / "X_seq.npy").open("wb") as file:
        np.savez(file, np.ones(3))


def table(text, name="rna_K562.txt"):
    return lambda folder: (folder / name).write_text(text)


ROWS = "".join(f"{s}\t{i}\n" for i, s in enumerate(SYMBOLS))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            change_sequence((6, 1999), [1, 1, 0, 0]),
            r"arrays/X_seq.npy: row 6 \(counted from 0, gene 'Abc'\), base 1999 holds 1, 1, 0, 0; "
            "expected a single 1",
        ),
        (change_sequence((0, 0), [0, 2, 0, 0]), "base 0 holds 0, 2, 0, 0"),
        (change_sequence((0, 0), [0.5, 0.5, 0, 0]), r"base 0 holds 0\.5, 0\.5, 0, 0"),
        (change_sequence((0, 0), np.nan), "base 0 holds nan, nan, nan, nan"),
        (change_sequence((0, 0), [-1, 1, 0, 0]), "base 0 holds -1, 1, 0, 0"),
        (
            save("X_seq.npy", np.zeros((8, 2000, 4))),
            r"shape \(8, 2000, 4\); expected \(genes, 2001",
        ),
        (save("X_seq.npy", np.zeros((8, 4, 2001))), r"shape \(8, 4, 2001\); expected"),
        (save("X_seq.npy", np.zeros((7, 2001, 4), np.uint8)), "X_seq.npy: has 7 rows .* has 8"),
        (save("X_seq.npy", np.array(["a"])), "X_seq.npy: holds <U1; expected one array of numbers"),
        (save("X_seq.npy", np.array([None]), allow_pickle=True), "cannot be read as a NumPy array"),
        (save("exp_K562.npy", np.ones((8, 399))), r"shape \(8, 399\); expected \(genes, 400\) or"),
        (save("exp_K562.npy", np.ones((8, 401, 2))), r"shape \(8, 401, 2\)"),
        (save("exp_K562.npy", np.ones((9, 401))), "exp_K562.npy: has 9 rows and .* has 8"),
        (
            save("exp_K562.npy", np.full((8, 401), np.nan)),
            r"row 0 .* column 0 is nan; expected a fi",
        ),
        (save("exp_K562.npy", np.full((8, 401), np.inf)), "column 0 is inf"),
        (save("exp_K562.npy", np.full((8, 401), 1e39)), r"column 0 is 1e\+39"),
        (save_archive, "X_seq.npy: holds an archive of arrays; expected one array"),
        (table("x" * 100, "X_seq.npy"), "X_seq.npy: cannot be read as a NumPy array"),
        (table(pickle.dumps([]).decode("latin1"), "exp_K562.npy"), "exp_K562.npy: cannot be read"),
        (table(ROWS.replace("Jkl\t3", "Jkl\tNA")), r"row 3 .*gene 'Jkl'\) has no value"),
        (table(ROWS.replace("Jkl\t3", "Jkl\t-3")), "line 4: value '-3' of gene 'Jkl'"),
        (table(ROWS.replace("Jkl\t3", "Jkl")), "line 4: the row has 1 columns"),
        (table("gene\tcount\n" + ROWS), "the first row reads like a header"),
        (table("x\tK\n"), "the table has a header and no genes"),
        (table(ROWS + "more\t1\n"), "X_seq.npy: has 8 rows and .*rna_K562.txt has 9"),
        (table(ROWS.replace("Jkl", "Xyz"), "rna_L.txt"), r"row 3 .*'Xyz'\) is 'Jkl' in .*rna_K562"),
        (
            table("Abc\t0\nDef\t1\n", "rna_L.txt"),
            r"rna_L\.txt: has 2 rows and .*rna_K562\.txt has 8",
        ),
        (table(ROWS, "rna_.txt"), "sample name"),
        (lambda folder: (folder / "X_seq.npy").unlink(), "no such file; expected a.* one-hot"),
        (lambda folder: (folder / "rna_K562.txt").unlink(), r"no rna_<sample>\.txt is there"),
    ],
)
def test_refused(folder, imported, tmp_path, change, match):
    write_published(folder, SYMBOLS)
    change(folder)
    with pytest.raises(InputError, match=match):
        imported()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arrays"]


def test_a_truncated_array(folder, imported):
    write_published(folder, SYMBOLS)
    path = folder / "X_seq.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match=r"X_seq\.npy: cannot be read as a NumPy array"):
        imported()


def test_an_existing_file_is_kept(folder, tmp_path):
    write_published(folder, SYMBOLS)
    out = tmp_path / "f.h5"
    out.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        import_deepexpression(ImportConfig(folder=folder), out)
    assert out.read_text() == "mine"
