"""What the sequence blocks hold, against the FASTA read in the plainest way."""

import itertools

import numpy as np
import pysam
import pytest

from dexkit.features.schema import CODES

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
