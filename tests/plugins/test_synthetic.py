"""The made-up inputs for plugin authors are what they say, and depend on the seed alone."""

import numpy as np
import pytest

from dexkit.genome import tss_window
from dexkit.io.fasta import open_fasta
from dexkit.testing import synthetic


def test_codes_and_one_hot():
    codes = synthetic.random_codes(50, 200, seed=1, unknown=0.1)
    assert codes.dtype == np.uint8
    assert set(np.unique(codes)) == {0, 1, 2, 3, 4}
    assert (codes == 4).mean() == pytest.approx(0.1, abs=0.02)
    one_hot = synthetic.one_hot(codes)
    assert one_hot.dtype == np.float32
    assert np.array_equal(one_hot.sum(axis=2), (codes < 4).astype(np.float32))
    known = codes < 4
    assert np.array_equal(one_hot.argmax(axis=2)[known], codes[known])


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: synthetic.random_codes(5, 40, seed),
        lambda seed: synthetic.random_contacts(5, 21, seed),
        lambda seed: synthetic.random_expression(20, seed),
        lambda seed: synthetic.random_genes(9, synthetic.small_genome(), seed).tss,
        lambda seed: synthetic.random_motifs(1, seed)[0].ppm,
    ],
)
def test_the_seed_decides(make):
    assert np.array_equal(make(1), make(1))
    assert not np.array_equal(make(1), make(2))


def test_contacts_are_standardised():
    profile = synthetic.random_contacts(300, 41)
    assert profile.shape == (300, 41)
    assert np.abs(profile.mean(axis=0)).max() < 1e-5
    sd = profile.std(axis=0)
    assert np.all((np.abs(sd - 1) < 1e-4) | (sd == 0))


def test_genes_are_sorted_and_reach_beyond_the_ends():
    genome = synthetic.small_genome()
    genes = synthetic.random_genes(30, genome)
    assert len(genes) == 30
    assert set(genes.strand) == {"+", "-"}
    order = [
        (list(genome.lengths).index(c), t) for c, t in zip(genes.chrom, genes.tss, strict=True)
    ]
    assert order == sorted(order)
    windows = [tss_window(g.tss, g.strand, 300, 200) for g in genes]
    assert min(start for start, _ in windows) < 0
    assert max(end for _, end in windows) > genome.lengths["chr1"]
    assert len(set(order)) == len(order) - 1


def test_the_context_lies_on_disk(tmp_path):
    context = synthetic.build_context(tmp_path, n_genes=6)
    with open_fasta(context.fasta) as fasta:
        assert fasta.genome == context.genome
    lines = [path.read_text().splitlines() for path in context.samples[0].contacts]
    bodies = [[line for line in text if not line.startswith("#")] for text in lines]
    assert [len(body) for body in bodies] == [3000, 1000]
    for line in bodies[0]:
        _, chrom1, pos1, chrom2, pos2, *_ = line.split("\t")
        assert 1 <= int(pos1) <= context.genome.lengths[chrom1]
        assert 1 <= int(pos2) <= context.genome.lengths[chrom2]
    assert context.samples[1].contacts == ()
