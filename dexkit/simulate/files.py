"""The files of a simulated data set, written so that the same data give the same bytes."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.genome import Gene
from dexkit.simulate.config import TELOMERE_BP, SimulationConfig
from dexkit.simulate.contacts import Pairs
from dexkit.simulate.layout import Layout
from dexkit.simulate.promoters import LETTERS, Codes
from dexkit.simulate.streams import stream

FASTA_LINE_BP = 60
GZIP_LEVEL = 3  # the texts are thrown away sooner than they are worth a better compression
BLOCK_LINES = 100_000  # lines formatted at once: bounds the memory of large simulations
RESTRICTION_FRAGMENT_BP = 400  # about the mean MboI fragment; names the fragments of HiC-Pro files


def write_fasta(path: Path, chroms: Mapping[str, Codes]) -> None:
    """Write a bgzip FASTA with its ``.fai`` and ``.gzi`` index.

    Parameters
    ----------
    path : Path
        ``….fa.gz``.
    chroms : mapping of str to ndarray of uint8
        Codes A C G T N = 0 1 2 3 4.

    Raises
    ------
    OSError
        When the disk is full or the index cannot be written.
    """
    import pysam

    plain = path.with_suffix("")
    with plain.open("wb") as handle:
        for name, codes in chroms.items():
            handle.write(b">%b\n" % name.encode())
            whole = len(codes) // FASTA_LINE_BP * FASTA_LINE_BP
            lines = np.full((whole // FASTA_LINE_BP, FASTA_LINE_BP + 1), ord("\n"), dtype=np.uint8)
            lines[:, :-1] = LETTERS[codes[:whole]].reshape(-1, FASTA_LINE_BP)
            handle.write(lines.tobytes())
            if whole < len(codes):
                handle.write(LETTERS[codes[whole:]].tobytes() + b"\n")
    pysam.tabix_compress(str(plain), str(path), force=True)
    plain.unlink()
    try:
        pysam.faidx(str(path))
    except pysam.SamtoolsError as error:
        raise OSError(f"the FASTA index could not be written: {error}") from error
    for written in (path, Path(f"{path}.fai"), Path(f"{path}.gzi")):
        with written.open("rb") as handle:
            os.fsync(handle.fileno())


def write_gtf(path: Path, config: SimulationConfig, layout: Layout) -> None:
    """Write genes, transcripts and exons as gzip GTF (1-based, inclusive).

    Parameters
    ----------
    path : Path
        ``….gtf.gz``.
    config : SimulationConfig
        The options.
    layout : Layout
        The genes. The 5' end of the gene line is the simulated TSS; about a third of the genes
        have a second, shorter transcript that starts further downstream.
    """
    rng = stream(config.seed, "annotation")
    lines = [
        "#!genome-build dexkit-simulated",
        "#!annotation-source dexkit simulate",
    ]
    for number, gene in enumerate(layout.genes, start=1):
        length = int(rng.integers(1_500, 20_001))
        if gene.strand == "+":
            length = min(length, layout.genome.lengths[gene.chrom] - TELOMERE_BP - gene.tss)
        else:
            length = min(length, gene.tss + 1 - TELOMERE_BP)
        spans = [(0, length)]
        if rng.random() < 1 / 3:
            spans.append((int(rng.integers(200, length // 2)), length))
        lines.extend(_gene_lines(gene, number, spans, rng))
    _write_gzip(path, ["\n".join(lines) + "\n"])


def write_pairs(path: Path, pairs: Pairs, names: Sequence[str], lengths: Sequence[int]) -> None:
    """Write one replicate in the 4DN ``.pairs`` format (1-based positions, upper triangle).

    Parameters
    ----------
    path : Path
        ``….pairs.gz``.
    pairs : Pairs
        The valid pairs.
    names, lengths : sequence
        Chromosome names and lengths in base pairs.
    """
    header = [
        "## pairs format v1.0",
        "#sorted: chr1-chr2-pos1-pos2",
        "#shape: upper triangle",
        "#genome_assembly: dexkit-simulated",
        *(f"#chromsize: {n} {length}" for n, length in zip(names, lengths, strict=True)),
        "#columns: readID chrom1 pos1 chrom2 pos2 strand1 strand2 pair_type",
    ]
    rows = (
        f"sim.{i}\t{names[c1]}\t{p1}\t{names[c2]}\t{p2}\t{s1}\t{s2}\tUU\n"
        for i, c1, p1, s1, c2, p2, s2 in _rows(pairs)
    )
    _write_gzip(path, _blocks(rows, first="\n".join(header) + "\n"))


def write_hicpro(path: Path, pairs: Pairs, names: Sequence[str]) -> None:
    """Write one replicate as HiC-Pro ``allValidPairs`` (no header, 1-based positions).

    Parameters
    ----------
    path : Path
        ``….allValidPairs.gz``.
    pairs : Pairs
        The valid pairs.
    names : sequence of str
        Chromosome names.
    """
    width = RESTRICTION_FRAGMENT_BP
    rows = (
        f"sim.{i}\t{names[c1]}\t{p1}\t{s1}\t{names[c2]}\t{p2}\t{s2}\t{100 + (p1 + p2) % 400}"
        f"\tHIC_{names[c1]}_{p1 // width + 1}\tHIC_{names[c2]}_{p2 // width + 1}\t42\t42\n"
        for i, c1, p1, s1, c2, p2, s2 in _rows(pairs)
    )
    _write_gzip(path, _blocks(rows))


def write_expression(
    path: Path, layout: Layout, samples: Sequence[str], counts: npt.NDArray[np.int64]
) -> None:
    """Write the gene x sample table of read counts as TSV.

    Parameters
    ----------
    path : Path
        The table.
    layout : Layout
        The genes.
    samples : sequence of str
        Column names.
    counts : ndarray of shape (n_genes, n_samples), dtype int64
        Read counts.
    """
    lines = ["\t".join(["gene_id", "gene_name", *samples])]
    for gene, row in zip(layout.genes, counts.tolist(), strict=True):
        lines.append("\t".join([gene.gene_id, gene.gene_name, *map(str, row)]))
    write_text(path, "\n".join(lines) + "\n")


def write_samples(path: Path, contacts: Mapping[str, Sequence[str]], expression: str) -> None:
    """Write the sample sheet; file names are relative to it.

    Parameters
    ----------
    path : Path
        The sheet.
    contacts : mapping of str to sequence of str
        Replicate files of each sample.
    expression : str
        The expression table.
    """
    lines = ["sample\tcontacts\texpression\texpression_column"]
    lines += [
        f"{name}\t{','.join(files)}\t{expression}\t{name}" for name, files in contacts.items()
    ]
    write_text(path, "\n".join(lines) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file and flush it to the disk."""
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())


def _gene_lines(
    gene: Gene, number: int, spans: list[tuple[int, int]], rng: np.random.Generator
) -> Iterator[str]:
    """Yield the GTF lines of one gene; ``spans`` count from the TSS in the gene's direction."""

    def line(kind: str, start: int, end: int, extra: str) -> str:
        if gene.strand == "+":
            first, last = gene.tss + start + 1, gene.tss + end
        else:
            first, last = gene.tss - end + 2, gene.tss - start + 1
        return (
            f"{gene.chrom}\tdexkit\t{kind}\t{first}\t{last}\t.\t{gene.strand}\t.\t"
            f'gene_id "{gene.gene_id}"; gene_name "{gene.gene_name}"; '
            f'gene_type "protein_coding";{extra}'
        )

    yield line("gene", 0, spans[0][1], "")
    for i, (start, end) in enumerate(spans, start=1):
        extra = f' transcript_id "DXT{number:08d}.{i}";'
        tags = ' tag "basic"; tag "Ensembl_canonical";' if i == 1 else ' tag "basic";'
        yield line("transcript", start, end, extra + tags)
        n_exons = int(rng.integers(1, 5))
        # exons and introns of equal length, an exon at either end
        edges = np.linspace(start, end, 2 * n_exons).astype(int).tolist()
        for j in range(n_exons):
            yield line("exon", edges[2 * j], edges[2 * j + 1], f'{extra} exon_number "{j + 1}";')


def _rows(pairs: Pairs) -> Iterator[tuple[int, int, int, str, int, int, str]]:
    """Yield number, chromosome, 1-based position and strand of both ends, pair by pair."""
    for start in range(0, len(pairs), BLOCK_LINES):
        part = slice(start, start + BLOCK_LINES)
        yield from zip(
            range(start + 1, start + 1 + BLOCK_LINES),
            pairs.chrom1[part].tolist(),
            (pairs.pos1[part] + 1).tolist(),
            np.where(pairs.plus1[part], "+", "-").tolist(),
            pairs.chrom2[part].tolist(),
            (pairs.pos2[part] + 1).tolist(),
            np.where(pairs.plus2[part], "+", "-").tolist(),
            strict=False,  # the last block is short
        )


def _blocks(rows: Iterator[str], first: str = "") -> Iterator[str]:
    """Join lines into blocks of text."""
    if first:
        yield first
    block: list[str] = []
    for row in rows:
        block.append(row)
        if len(block) == BLOCK_LINES:
            yield "".join(block)
            block.clear()
    yield "".join(block)


def _write_gzip(path: Path, blocks: Iterable[str]) -> None:
    """Write a gzip file without name and time in its header: the same text, the same bytes."""
    with path.open("wb") as raw:
        with gzip.GzipFile(
            filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=raw, mtime=0
        ) as handle:
            for block in blocks:
                handle.write(block.encode("ascii"))
        raw.flush()
        os.fsync(raw.fileno())
