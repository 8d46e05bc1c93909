"""The readers that broken files are fed to, each with a well-formed file to start from."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import contact_files
import numpy as np

from dexkit.genome import Gene, GeneTable, Genome
from dexkit.io.annotation import read_gtf
from dexkit.io.bed import read_tss_bed
from dexkit.io.contacts import ContactOptions, TssBins, read_contact_rows
from dexkit.io.deepexpression import StoredRows, codes_of_one_hot
from dexkit.io.expression import match_expression, read_expression
from dexkit.io.fasta import open_fasta
from dexkit.io.samples import read_samples

GENES = GeneTable.from_genes(
    Gene(f"G{i}", f"NAME{i}", chrom, tss, strand)
    for i, (chrom, tss, strand) in enumerate(
        [("chr1", 12_000, "+"), ("chr1", 61_000, "-"), ("chr2", 0, "+"), ("chr2", 39_999, "-")]
    )
)
CONTACT_GENOME = Genome(contact_files.LENGTHS)
BINS = TssBins.from_genes(
    GeneTable.from_genes(
        Gene(name, name, chrom, tss, strand) for name, chrom, tss, strand in contact_files.GENES
    ),
    CONTACT_GENOME,
    contact_files.BIN_BP,
    contact_files.N_FLANK,
)


def _flip_or_cut(data: bytes, rng: Random) -> bytes:
    """Break a binary file: where it says how it goes on, or by its end."""
    if rng.random() < 0.3:
        return data[: rng.randrange(len(data))]
    broken = bytearray(data)
    for _ in range(rng.choice((1, 3, 30))):
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
    return bytes(broken)


@dataclass(frozen=True)
class Target:
    """A reader and a file that it reads.

    Parameters
    ----------
    name : str
        For test names.
    data : bytes
        A well-formed file.
    read : callable
        ``read(path)`` reads a file; it checks what it got.
    suffix : str
        Of the file's name; readers go by content.
    text : bool
        Whether it is made of lines.
    """

    name: str
    data: bytes
    read: Callable[[Path], Any]
    suffix: str = ".txt"
    text: bool = True

    @staticmethod
    def mutate(data: bytes, rng: Random) -> bytes:
        """Break a binary file."""
        return _flip_or_cut(data, rng)


def _contacts(format: str) -> Callable[[Path], None]:
    """Return a reader that knows the format, or is to find it out."""

    def read(path: Path) -> None:
        options = ContactOptions(format=format)
        if format == "hicpro-matrix":
            bins = path.with_name("bins_abs.bed")
            bins.write_text(contact_files.write_bins())
            options = ContactOptions(format=format, bins_bed=bins)
        rows = read_contact_rows(path, BINS, CONTACT_GENOME, options=options)
        counts = np.asarray(rows.counts, dtype=np.float64)
        if not np.isfinite(counts).all() or (counts < 0).any():
            raise AssertionError("counts that are no counts")

    return read


def _hicpro_bins(path: Path) -> None:
    matrix = path.with_name("counts.matrix")
    matrix.write_text(contact_files.write_hicpro_matrix(_PAIRS))
    options = ContactOptions(format="hicpro-matrix", bins_bed=path)
    read_contact_rows(matrix, BINS, CONTACT_GENOME, options=options)


def _gtf(path: Path) -> None:
    for rule in ("gene", "canonical", "longest"):
        annotation = read_gtf(path, rule)
        if any(gene.tss < 0 for gene in annotation.genes):
            raise AssertionError("a TSS before the chromosome")


def _bed(path: Path) -> None:
    if any(gene.tss < 0 for gene in read_tss_bed(path).genes):
        raise AssertionError("a TSS before the chromosome")


def _expression(path: Path) -> None:
    owners = {f"T{i}": f"G{i // 2}" for i in range(8)}
    matched = match_expression(GENES, read_expression(path, "s", None, owners))
    if (matched.values[np.isfinite(matched.values)] < 0).any():
        raise AssertionError("negative expression")


def _array(path: Path) -> None:
    stored = StoredRows.open(path)
    if stored.shape[1:] != (20, 4):
        return
    rows = np.arange(len(stored))
    codes = codes_of_one_hot(stored.take(rows), rows, [f"G{i}" for i in rows], str(path))
    if (codes > 4).any():
        raise AssertionError("codes beyond 4")


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.eye(4)[np.arange(60).reshape(3, 20) % 4])
    return file.getvalue()


def _fasta(path: Path) -> None:
    path.with_name(f"{path.name}.fai").unlink(missing_ok=True)
    with open_fasta(path) as fasta:
        for chrom, length in fasta.genome.lengths.items():
            if len(fasta.fetch(chrom, -3, min(length, 1000) + 5)) != min(length, 1000) + 8:
                raise AssertionError("a window of another length")


_PAIRS = contact_files.toy_pairs(40)
_GTF = "#!genome\n" + "".join(
    f'{chrom}\tx\t{kind}\t{start}\t{start + 999}\t.\t{strand}\t.\tgene_id "{gene}"; '
    f'transcript_id "{gene}.t"; gene_name "{gene}n"; tag "Ensembl_canonical";\n'
    for gene, chrom, start, strand in (("G0", "chr1", 500, "+"), ("G1", "chr2", 7000, "-"))
    for kind in ("gene", "transcript", "exon")
)
_TABLE = "gene_id\tgene_name\tK562\tmESC\n" + "".join(
    f"G{i}\tNAME{i}\t{3.5 * i}\t{i}e1\n" for i in range(4)
)
_BED = "track name=tss\nchrom\tstart\tend\tname\tscore\tstrand\tsymbol\n" + "".join(
    f"chr{i % 2 + 1}\t{100 * i}\t{100 * i + 9}\tG{i}\t.\t{'+-'[i % 2]}\tNAME{i}\n" for i in range(4)
)
_FEATURECOUNTS = (
    "# Program:featureCounts v2.0.3\nGeneid\tChr\tStart\tEnd\tStrand\tLength\ta/K562.bam\n"
)
_FEATURECOUNTS += "".join(f"G{i}\tchr1;chr1\t1;5\t3;9\t+;+\t{i + 8}\t{i}\n" for i in range(4))
_STAR = "".join(f"N_{n}\t1\t1\t1\n" for n in ("unmapped", "multimapping", "noFeature", "ambiguous"))
_STAR += "".join(f"G{i}\t{9 * i}\t{i}\t{8 * i}\n" for i in range(4))
_SALMON = "Name\tLength\tEffectiveLength\tTPM\tNumReads\n" + "".join(
    f"T{i}|G{i // 2}|x|\t90\t80.5\t{i}.25\t{2 * i}\n" for i in range(8)
)
_SHEET = "sample\tcontacts\texpression\texpression_column\nK562\t.\t/dev/null\tx\n"
_FASTA = ">chr1 first\n" + "ACGTNacgtn\n" * 12 + "ACG\n>chr2\n" + "TTGCA\n" * 9

TARGETS = (
    *(
        Target(name, write(_PAIRS).encode(), _contacts(name.split()[0]))
        for name, write in contact_files.WRITERS.items()
    ),
    *(
        Target(
            f"{name}, to be told", contact_files.WRITERS[name](_PAIRS).encode(), _contacts("auto")
        )
        for name in ("pairs", "hicpro", "bedpe", "bg2", "longrange")
    ),
    Target("hicpro-matrix bins", contact_files.write_bins().encode(), _hicpro_bins, ".bed"),
    Target("gtf", _GTF.encode(), _gtf),
    Target("expression", _TABLE.encode(), _expression),
    Target("headerless expression", b"G0\t1\nG1\t2.5\nG2\t0\nG3\t7\n", _expression),
    Target("bed", _BED.encode(), _bed),
    Target("featureCounts", _FEATURECOUNTS.encode(), _expression),
    Target("STAR", _STAR.encode(), _expression),
    Target("Salmon", _SALMON.encode(), _expression),
    Target("published array", _npy(), _array, ".npy", text=False),
    Target("samples", _SHEET.encode(), read_samples),
    Target("fasta", _FASTA.encode(), _fasta, ".fa"),
)
