"""One toy experiment in every format of contacts gives one and the same feature file."""

import numpy as np
import pytest
from contact_files import (
    BIN_BP,
    GENES,
    LENGTHS,
    N_FLANK,
    WRITERS,
    bin_pairs,
    expected_rows,
    toy_pairs,
    write_bins,
)
from toy import fasta_text, gtf_line

from dexkit.errors import InputError
from dexkit.features.build import build_features
from dexkit.features.config import BuildConfig, ContactsSource
from dexkit.features.file import FeatureFile
from dexkit.io.contacts import FORMATS

BINARY = ("cool", "mcool", "hic")
REPLICATES = {"one": toy_pairs(), "two": toy_pairs(350, seed=8)}
DEPTHS = tuple(float(len(pairs)) for pairs in REPLICATES.values())
ARRAYS = ("signal", "observed", "loop_sum", "loop_number")


def write_binary(kind, path, pairs):
    """Write a .cool, .mcool or .hic; return the contacts argument for it."""
    pandas = pytest.importorskip("pandas")
    offsets = np.cumsum([0, *(-(-length // BIN_BP) for length in LENGTHS.values())])
    rows = [
        (offsets[a] + i, offsets[b] + j, count)
        for ((a, i), (b, j)), count in bin_pairs(pairs).items()
    ]
    pixels = pandas.DataFrame(rows, columns=["bin1_id", "bin2_id", "count"])
    pixels = pixels.astype({"count": np.int32}).sort_values(["bin1_id", "bin2_id"])
    if kind == "hic":
        hictkpy = pytest.importorskip("hictkpy")
        writer = hictkpy.hic.FileWriter(path, LENGTHS, [BIN_BP], tmpdir=path.parent)
        writer.add_pixels(pixels)
        writer.finalize()
        return path
    cooler = pytest.importorskip("cooler")
    argument = f"{path}::/resolutions/{BIN_BP}" if kind == "mcool" else str(path)
    bins = cooler.binnify(pandas.Series(LENGTHS), BIN_BP)
    cooler.create_cooler(argument, bins, pixels, ordered=True, symmetric_upper=True)
    return argument


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    (folder / "g.fa").write_text(
        fasta_text({name: ("ACGTTGCA" * length)[:length] for name, length in LENGTHS.items()})
    )
    (folder / "g.gtf").write_text(
        "".join(
            gtf_line(chrom, tss + 1, tss + 1, strand, gene) for gene, chrom, tss, strand in GENES
        )
    )
    return folder


@pytest.fixture(scope="module")
def files(folder):
    """Return the contacts arguments of both replicates in a format."""

    def written(what):
        found = []
        for name, pairs in REPLICATES.items():
            path = folder / f"{name}.{what.replace(' ', '-')}"
            if what in BINARY:
                found.append(write_binary(what, path, pairs) if not path.exists() else path)
                continue
            path.write_text(WRITERS[what](pairs))
            if what == "hicpro-matrix":
                path = path.rename(folder / f"{name}_{BIN_BP}.matrix")
                (folder / f"{name}_{BIN_BP}_abs.bed").write_text(write_bins())
            found.append(path)
        return tuple(found)

    return written


def build(folder, paths, depths=(), n_threads=1, **contacts):
    config = BuildConfig(
        fasta=folder / "g.fa",
        gtf=folder / "g.gtf",
        contacts=(ContactsSource(sample="S", paths=paths, depths=depths),),
        upstream_bp=10,
        downstream_bp=10,
        margin_bp=0,
        max_n_fraction=1,
        n_threads=n_threads,
        settings={"contacts": {"bin_size_bp": BIN_BP, "n_flank_bins": N_FLANK} | contacts},
    )
    build_features(config, folder / "f.h5", force=True)
    return FeatureFile(folder / "f.h5")


def contents(features):
    return {name: features.array(f"/contacts/S/{name}").tobytes() for name in ARRAYS}


@pytest.fixture(scope="module")
def reference(folder, files):
    """The arrays of the .pairs files."""
    return contents(build(folder, files("pairs")))


def test_every_format_is_among_them():
    kinds = {name.split()[0] for name in WRITERS} | {"cool", "hic"}
    assert kinds | {"auto"} == set(FORMATS)


def test_the_reference_is_what_plain_counting_gives(folder, files, reference):
    features = build(folder, files("pairs"))
    rows = list(dict.fromkeys((g.chrom, g.tss // BIN_BP) for g in features.genes))
    row_of = {key: i for i, key in enumerate(rows)}
    counts = [np.array(expected_rows(pairs, row_of)) for pairs in REPLICATES.values()]
    mean = sum(n / depth for n, depth in zip(counts, DEPTHS, strict=True)) / 2 * min(DEPTHS)
    of_gene = mean[[row_of[g.chrom, g.tss // BIN_BP] for g in features.genes]]
    signal = features.array("/contacts/S/signal")
    np.testing.assert_allclose(signal, np.log2(1 + of_gene), rtol=1e-6)
    of_gene[:, N_FLANK] = 0
    loop_sum, loop_number = (features.array(f"/contacts/S/{name}") for name in ARRAYS[2:])
    np.testing.assert_allclose(loop_sum, of_gene.sum(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(loop_number, (of_gene > 0).sum(axis=1))
    assert loop_number.max() > N_FLANK
    assert contents(features) == reference


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("what", [*WRITERS, *BINARY])
def test_every_format_gives_the_same_arrays(folder, files, reference, what, n_threads):
    features = build(folder, files(what), DEPTHS, n_threads)
    assert contents(features) == reference
    kinds = set(features.array_attrs("/contacts/S/signal")["kind"])
    assert len(kinds) == 1
    # What says its depth says the right one; lists of loops say none.
    if kinds != {"loops"}:
        assert contents(build(folder, files(what), (), n_threads)) == reference
    else:
        with pytest.raises(InputError, match="needs the depth; give it with --depth S=N,N"):
            build(folder, files(what), (), n_threads)


@pytest.mark.parametrize("what", ["pairs", "bedpe", "mcool"])
def test_provenance_has_every_stored_file(folder, files, what):
    paths = files(what)
    features = build(folder, paths, DEPTHS, n_threads=2)
    named = [str(p).partition("::")[0].rpartition("/")[2] for p in paths]
    entries = features.provenance
    assert [entry["name"] for entry in entries] == ["g.fa", "g.gtf", *named]
    import hashlib

    for entry in entries:
        data = (folder / entry["name"]).read_bytes()
        assert entry["size_bytes"] == len(data)
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
    replicates = list(features.array_attrs("/contacts/S/signal")["replicates"])
    assert replicates == [str(p).removeprefix(f"{folder}/") for p in paths]
