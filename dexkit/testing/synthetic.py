"""Small made-up inputs for the tests of plugin authors. Every function takes an explicit seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.genome import Gene, GeneTable, Genome
from dexkit.hooks import BuildContext, Motif, SampleInput
from dexkit.progress import progress_bar

_LINE_BP = 60


def random_codes(
    n_genes: int, length_bp: int, seed: int = 0, unknown: float = 0.01
) -> npt.NDArray[np.uint8]:
    """Return random promoter base codes.

    Parameters
    ----------
    n_genes, length_bp : int
        Shape.
    seed : int, optional
        Seed of the generator.
    unknown : float, optional
        Share of unknown bases (code 4).

    Returns
    -------
    ndarray of shape (n_genes, length_bp), dtype uint8
        A C G T = 0 1 2 3, unknown = 4.
    """
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, size=(n_genes, length_bp), dtype=np.uint8)
    codes[rng.random(codes.shape) < unknown] = 4
    return codes


def one_hot(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return base codes as one-hot DNA, columns A, C, G, T; unknown bases are all zero.

    Parameters
    ----------
    codes : ndarray of shape (n_genes, length_bp), dtype uint8
        As of :func:`random_codes`.

    Returns
    -------
    ndarray of shape (n_genes, length_bp, 4), dtype float32
    """
    return (codes[..., None] == np.arange(4, dtype=np.uint8)).astype(np.float32)


def random_contacts(n_genes: int, n_bins: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return contact profiles as encoders and baselines see them: standardised in each bin.

    Parameters
    ----------
    n_genes, n_bins : int
        Shape; the TSS bin lies in the middle.
    seed : int, optional
        Seed of the generator.

    Returns
    -------
    ndarray of shape (n_genes, n_bins), dtype float32
        Mean 0 and, where the bin varies, standard deviation 1 over the genes.
    """
    rng = np.random.default_rng(seed)
    distance = np.abs(np.arange(n_bins) - n_bins // 2)
    activity = rng.lognormal(0.0, 0.5, size=(n_genes, 1))
    signal = np.log2(1 + rng.poisson(activity * 30 / (1 + distance)))
    sd = signal.std(axis=0)
    return ((signal - signal.mean(axis=0)) / np.where(sd > 0, sd, 1)).astype(np.float32)


def random_loops(n_genes: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """Return loop sum and loop number of genes; those of every tenth were not measured.

    Parameters
    ----------
    n_genes : int
        Number of genes.
    seed : int, optional
        Seed of the generator.

    Returns
    -------
    ndarray of shape (n_genes, 2), dtype float64
        Sum (counts) and number (bins); NaN where not measured.
    """
    rng = np.random.default_rng(seed)
    number = rng.poisson(8, n_genes)
    loops = np.stack([number * rng.lognormal(1.0, 0.5, n_genes), number], axis=1)
    loops[9::10] = np.nan
    return loops


def random_other_samples(n_genes: int, n_samples: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """Return log10 expression of other samples, NaN where one of them was not measured.

    Parameters
    ----------
    n_genes, n_samples : int
        Shape.
    seed : int, optional
        Seed of the generator.

    Returns
    -------
    ndarray of shape (n_genes, n_samples), dtype float64
        Expression; one gene in ten is measured in no sample, others lack some.
    """
    rng = np.random.default_rng(seed)
    values = random_expression(n_genes, seed)[:, None] + rng.normal(0, 0.3, (n_genes, n_samples))
    values[rng.random(values.shape) < 0.1] = np.nan
    values[9::10] = np.nan
    return values


def random_expression(n_genes: int, seed: int = 0) -> npt.NDArray[np.float64]:
    """Return expression values that look like log10(count + 1): many zeros, a hump near 2.5.

    Parameters
    ----------
    n_genes : int
        Number of genes.
    seed : int, optional
        Seed of the generator.

    Returns
    -------
    ndarray of shape (n_genes,), dtype float64
        All values differ, as long as they are not zero.
    """
    rng = np.random.default_rng(seed)
    values = np.maximum(rng.normal(2.5, 0.8, size=n_genes), 0.0)
    values[rng.random(n_genes) < 0.1] = 0.0
    return values


def small_genome() -> Genome:
    """Return a genome of two chromosomes, 120 kb and 60 kb."""
    return Genome({"chr1": 120_000, "chr2": 60_000})


def random_genes(n_genes: int, genome: Genome, seed: int = 0) -> GeneTable:
    """Return genes on both strands, sorted by chromosome and TSS.

    Parameters
    ----------
    n_genes : int
        At least 4: one gene lies at either end of the first chromosome, so that its window
        reaches beyond, and two share one TSS.
    genome : Genome
        Chromosomes and their lengths in base pairs.
    seed : int, optional
        Seed of the generator.

    Returns
    -------
    GeneTable
        0-based TSS.
    """
    rng = np.random.default_rng(seed)
    first, length = next(iter(genome.lengths.items()))
    places = [(first, 5), (first, length - 6), (first, length // 2), (first, length // 2)]
    chroms = list(genome.lengths)
    for _ in range(n_genes - len(places)):
        chrom = chroms[int(rng.integers(len(chroms)))]
        places.append((chrom, int(rng.integers(genome.lengths[chrom]))))
    places.sort(key=lambda place: (chroms.index(place[0]), place[1]))
    return GeneTable.from_genes(
        Gene(f"G{i + 1:04d}", f"Gene{i + 1}", chrom, tss, "+-"[i % 2])
        for i, (chrom, tss) in enumerate(places)
    )


def random_motifs(n_motifs: int, seed: int = 0) -> list[Motif]:
    """Return motifs 6 to 15 positions wide, rows drawn from a Dirichlet distribution.

    Parameters
    ----------
    n_motifs : int
        How many.
    seed : int, optional
        Seed of the generator.

    Returns
    -------
    list of Motif
        Named ``motif1``, ``motif2``, …
    """
    rng = np.random.default_rng(seed)
    return [
        Motif(
            name=f"motif{i + 1}",
            ppm=rng.dirichlet((0.3, 0.3, 0.3, 0.3), size=int(rng.integers(6, 16))),
            n_sites=int(rng.integers(10, 500)),
            alt_name=f"TF{i + 1}",
        )
        for i in range(n_motifs)
    ]


def build_context(folder: Path, n_genes: int = 12, seed: int = 0) -> BuildContext:
    """Write a small genome and two replicates of contacts; return what a block is built from.

    Parameters
    ----------
    folder : Path
        Where ``genome.fa``, ``rep1.pairs`` and ``rep2.pairs`` are written.
    n_genes : int, optional
        Number of genes, at least 4.
    seed : int, optional
        Seed of the generators.

    Returns
    -------
    BuildContext
        Sample ``with-contacts`` has two replicates of unequal depth, sample
        ``without-contacts`` has none. Windows of 300 bp up and 200 bp down, margin 10 bp.
    """
    genome = small_genome()
    rng = np.random.default_rng(seed)
    fasta = folder / "genome.fa"
    with fasta.open("w", encoding="ascii", newline="\n") as handle:
        for chrom, length in genome.lengths.items():
            bases = np.frombuffer(b"ACGTN", dtype=np.uint8)[random_codes(1, length, seed)[0]]
            text = bases.tobytes().decode("ascii")
            lines = [text[i : i + _LINE_BP] for i in range(0, length, _LINE_BP)]
            handle.write(f">{chrom}\n" + "\n".join(lines) + "\n")
    replicates = folder / "rep1.pairs", folder / "rep2.pairs"
    for path, n_pairs in zip(replicates, (3000, 1000), strict=True):
        _write_pairs(path, genome, n_pairs, rng)
    return BuildContext(
        genes=random_genes(n_genes, genome, seed),
        genome=genome,
        fasta_path=fasta,
        samples=(SampleInput("with-contacts", replicates), SampleInput("without-contacts")),
        upstream_bp=300,
        downstream_bp=200,
        margin_bp=10,
        n_threads=1,
        chrom_alias={},
        progress=progress_bar,
    )


def _write_pairs(path: Path, genome: Genome, n_pairs: int, rng: np.random.Generator) -> None:
    """Write 4DN pairs (1-based positions), nine in ten cis with log-uniform distances."""
    chroms = list(genome.lengths)
    with path.open("w", encoding="ascii", newline="\n") as handle:
        handle.write("## pairs format v1.0\n#shape: whole matrix\n")
        handle.writelines(f"#chromsize: {c} {n}\n" for c, n in genome.lengths.items())
        handle.write("#columns: readID chr1 pos1 chr2 pos2 strand1 strand2\n")
        for i in range(n_pairs):
            one, other = (chroms[int(k)] for k in rng.integers(len(chroms), size=2))
            position = int(rng.integers(genome.lengths[one]))
            partner = int(rng.integers(genome.lengths[other]))
            if rng.random() < 0.9:
                other = one
                step = int(10 ** rng.uniform(2, 5)) * (1 if rng.random() < 0.5 else -1)
                partner = int(np.clip(position + step, 0, genome.lengths[one] - 1))
            handle.write(f"r{i}\t{one}\t{position + 1}\t{other}\t{partner + 1}\t+\t-\n")
