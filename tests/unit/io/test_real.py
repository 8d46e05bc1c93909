"""The readers on real hg19 data (skipped where they are not beside the checkout)."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from dexkit.errors import InputError
from dexkit.genome import GeneTable
from dexkit.io.annotation import read_gtf
from dexkit.io.chroms import reconcile
from dexkit.io.contacts import TssBins, read_contact_rows
from dexkit.io.expression import match_expression, read_expression
from dexkit.io.fasta import open_fasta

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def genome(hg19):
    with open_fasta(hg19 / "hg19_sparse.fa.gz") as fasta:
        return fasta.genome


@pytest.fixture(scope="module")
def annotation(hg19):
    return read_gtf(hg19 / "genes.gtf.gz")


@pytest.fixture(scope="module")
def genes(annotation):
    return GeneTable.from_genes(annotation.genes)


def test_fasta(hg19, genome):
    assert len(genome.lengths) == 24
    assert genome.lengths["chr22"] == 51_304_566
    with open_fasta(hg19 / "hg19_sparse.fa.gz") as fasta:
        assert len(fasta.fetch("chr22", 51_304_560, 51_304_570)) == 10
        assert fasta.fetch("chr1", -5, 5) == b"N" * 10


def test_annotation(annotation, genome):
    assert len(annotation.genes) + len(annotation.excluded) == 20_629
    assert len(annotation.excluded) == 88
    by_name = {gene.gene_name: gene for gene in annotation.genes}
    assert (by_name["FAM138A"].tss, by_name["FAM138A"].strand) == (36_080, "-")
    assert by_name["FAM138A"].gene_id == "ENSG00000237613"
    assert reconcile(genome.lengths, [g.chrom for g in annotation.genes], "the GTF").message is None


@pytest.mark.parametrize("rule", ["canonical", "longest"])
def test_other_rules_agree_where_a_gene_has_one_transcript(hg19, annotation, rule):
    assert read_gtf(hg19 / "genes.gtf.gz", rule).genes == annotation.genes


def test_names_without_prefix_are_mapped(hg19, annotation, genome, tmp_path):
    with gzip.open(hg19 / "genes.gtf.gz", "rt") as handle:
        text = handle.read(200_000).rpartition("\n")[0]
    path = tmp_path / "ensembl.gtf"
    path.write_text(text.replace("\nchr", "\n"))
    found = read_gtf(path)
    chrom_map = reconcile(genome.lengths, [g.chrom for g in found.genes], "the GTF")
    assert "(1 -> chr1" in str(chrom_map.message)
    assert {chrom_map.to_fasta(g.chrom) for g in found.genes} == {"chr1"}


@pytest.mark.parametrize(
    ("file", "sample", "n_rows"), [("K562", "K562", 17_899), ("Jurkat", "Jurkat", 17_899)]
)
def test_counts_by_symbol(hg19, genes, file, sample, n_rows):
    table = read_expression(hg19 / "expression" / f"{file}.counts.tsv", sample)
    assert table.values.shape == (n_rows, 1)
    found = match_expression(genes, table)
    assert found.matched_by == "gene_name"
    assert found.n_matched == np.isfinite(found.values).sum() > 15_000
    assert found.n_matched + len(found.unmatched_rows) + len(found.ambiguous) == n_rows


def test_two_column_table_needs_a_sample(hg19):
    with pytest.raises(InputError, match="say which sample"):
        read_expression(hg19 / "expression" / "K562.counts.tsv")


def test_rpkm_by_gene_id(hg19, genes):
    table = read_expression(hg19 / "expression" / "roadmap_rpkm.tsv")
    assert table.samples == ["GM12878", "HUVEC", "K562"]
    assert table.names is not None
    found = match_expression(genes, table)
    assert found.matched_by == "gene_id"
    i = list(genes.gene_name).index("SCYL3")
    np.testing.assert_array_equal(found.values[i], [11.082, 2.549, 7.651])


@pytest.mark.parametrize(("rep", "n_lines"), [("rep1", 56_517), ("rep2", 30_013)])
def test_contacts_against_a_plain_count(hg19, genome, genes, rep, n_lines):
    path = hg19 / "contacts" / f"GM12878_SMC1_HiChIP.chr22.{rep}.allValidPairs.gz"
    bins = TssBins.from_genes(genes, genome, 5000, 200)
    found = read_contact_rows(path, bins, genome)
    assert found.format == "hicpro"
    assert found.depth + found.n_unknown_chrom == n_lines
    assert found.observed_chroms == {"chr22"}

    chrom = list(genome.lengths).index("chr22")
    row_of = {int(bins.bin[r]): r for r in np.flatnonzero(bins.chrom_index == chrom)}
    expected = np.zeros_like(found.counts)
    n_cis = 0
    with gzip.open(path, "rt") as handle:
        for line in handle:
            _read, c1, p1, _s1, c2, p2, *_rest = line.split("\t")
            if c1 == c2 == "chr22":
                n_cis += 1
                i, j = (int(p1) - 1) // 5000, (int(p2) - 1) // 5000
                for here, there in {(i, j), (j, i)}:
                    if here in row_of and abs(there - here) <= 200:
                        expected[row_of[here], there - here + 200] += 1
    assert found.n_cis == n_cis
    np.testing.assert_array_equal(found.counts, expected)
