"""What the sequence blocks hold, against the FASTA read in the plainest way."""

import itertools

import numpy as np
import pysam
import pytest
from toy import build

from dexkit.features.config import ContactsSource
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES
from dexkit.features.verify import verify_feature_file

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


@pytest.fixture(scope="module")
def chromosomes(simulated):
    with pysam.FastaFile(str(simulated.fasta)) as fasta:
        return {name: fasta.fetch(name).upper() for name in fasta.references}


def promoter(chromosomes, gene, upstream, downstream):
    """Return the window base by base; ``upstream`` and ``downstream`` count from the TSS base."""
    sequence = chromosomes[gene.chrom]
    step = 1 if gene.strand == "+" else -1
    bases = []
    for offset in range(-upstream, downstream):
        position = gene.tss + step * offset
        base = sequence[position] if 0 <= position < len(sequence) else "N"
        bases.append(base if step == 1 else base.translate(COMPLEMENT))
    return "".join(bases)


def test_window(features):
    assert features.window_bp == (100, 100, 20)
    assert features.array(CODES).shape == (len(features), 240)


def test_codes_equal_the_fasta_on_both_strands(features, chromosomes):
    codes = features.array(CODES)
    assert set(features.genes.strand) == {"+", "-"}
    for row, gene in zip(codes, features.genes, strict=True):
        expected = promoter(chromosomes, gene, 120, 120)
        assert "".join("ACGTN"[c] for c in row) == expected, gene
        # The TSS base lies at column margin + upstream on both strands.
        tss_base = chromosomes[gene.chrom][gene.tss]
        assert expected[120] == (tss_base if gene.strand == "+" else tss_base.translate(COMPLEMENT))


def test_one_hot_equals_the_codes_without_margin(features):
    codes = features.array(CODES)[:, 20:-20]
    expected = (codes[:, :, None] == np.arange(4)).astype(np.uint8)
    np.testing.assert_array_equal(features.array("/sequence/one_hot"), expected)


def test_kmers_equal_a_plain_count(features, chromosomes):
    counts = features.array("/kmers/counts")
    words = ["".join(word) for word in itertools.product("ACGT", repeat=3)]
    assert counts.shape == (len(features), 64)
    assert counts.dtype == np.uint16
    for row, gene in zip(counts, features.genes, strict=True):
        window = promoter(chromosomes, gene, 100, 100)
        other = window.translate(COMPLEMENT)[::-1]
        found = [s[i : i + 3] for s in (window, other) for i in range(len(s) - 2)]
        assert row.tolist() == [found.count(word) for word in words]
    attrs = features.array_attrs("/kmers/counts")
    assert (attrs["k"], bool(attrs["both_strands"])) == (3, True)


def test_genes_beyond_a_block_of_rows(simulated, tmp_path, monkeypatch, features):
    """Rows are worked on in blocks; the seams must not show."""
    import dexkit_sequence.blocks
    from toy import build

    from dexkit.features.file import FeatureFile

    monkeypatch.setattr(dexkit_sequence.blocks, "_ROWS", 7)
    again = FeatureFile(build(simulated, tmp_path / "f.h5"))
    np.testing.assert_array_equal(again.array(CODES), features.array(CODES))


def test_bins_without_a_balancing_weight_are_not_observed(simulated, tmp_path):
    """Not in one replicate, not in the mean; the signal is 0 there, and the file verifies."""
    import cooler
    import pandas as pd

    lengths = FeatureFile(build(simulated, tmp_path / "plain.h5")).genome.lengths
    bins = cooler.binnify(pd.Series(dict(lengths)), 5000)
    n = len(bins)
    first, second = (i.ravel() for i in np.triu_indices(n))
    near = second - first < 12
    pixels = pd.DataFrame({"bin1_id": first[near], "bin2_id": second[near], "count": 3})
    contacts = []
    for name, without in (("r1", n // 3), ("r2", None)):
        weights = np.ones(n)
        if without is not None:
            weights[without] = np.nan
        cooler.create_cooler(str(tmp_path / f"{name}.cool"), bins.assign(weight=weights), pixels)
        contacts.append(tmp_path / f"{name}.cool")
    settings = {"contacts": {"n_flank_bins": 10, "balance": "weight"}}
    source = ContactsSource(sample="alpha", paths=tuple(contacts))
    features = FeatureFile(
        build(simulated, tmp_path / "f.h5", contacts=(source,), settings=settings)
    )
    signal, observed = features.contacts("alpha")
    dark = bins.iloc[n // 3]
    for i, gene in enumerate(features.genes):
        offset = dark.start // 5000 - gene.tss // 5000
        if gene.chrom != dark.chrom or abs(offset) > 10:
            continue
        assert observed[i, 10 + offset] == 0
        assert observed[i].any() == (offset != 0)
    assert (observed == 0).any()
    assert not signal[observed == 0].any()
    assert not [check for check in verify_feature_file(features.path) if check.problem]
