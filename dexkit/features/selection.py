"""Choose the genes of a feature file: those whose promoter window has sequence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dexkit.errors import InputError
from dexkit.features.writer import LeftOut
from dexkit.genome import Gene, GeneTable, tss_window
from dexkit.io.fasta import Fasta

#: One gene in a hundred may lie beyond the end of its chromosome (another chrM, a patch); more of
#: them mean that annotation and FASTA are of different assemblies.
_MOST_BEYOND = 0.01
#: Genes between two reports to the progress bar.
_STEP = 256


@dataclass(frozen=True)
class Selection:
    """The kept genes (FASTA order, then TSS) and the ones left out with their reason."""

    genes: GeneTable
    left_out: LeftOut

    def summary(self) -> str:
        """Return one sentence: how many genes were kept, and why the others were not."""
        n_out = len(self.left_out.genes)
        text = f"kept {len(self.genes):,} of {len(self.genes) + n_out:,} genes"
        if n_out:
            reasons = Counter(self.left_out.reason)
            listed = "; ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
            text += f"; left out {n_out:,}: {listed}"
        return text


def select_genes(
    genes: Sequence[Gene],
    excluded: Sequence[tuple[Gene, str]],
    fasta: Fasta,
    alias: dict[str, str],
    upstream_bp: int,
    downstream_bp: int,
    max_n_fraction: float,
    progress: Callable[..., Any],
) -> Selection:
    """Keep the genes whose promoter window can be read.

    Parameters
    ----------
    genes : sequence of Gene
        Genes of the annotation, with its chromosome names; 0-based TSS.
    excluded : sequence of tuple of (Gene, str)
        Genes that the annotation reader left out, with the reason.
    fasta : Fasta
        Open FASTA.
    alias : dict of str to str
        Annotation's chromosome names to the FASTA's.
    upstream_bp, downstream_bp : int
        Promoter window, without margin.
    max_n_fraction : float
        Largest share of bases other than A, C, G, T that a kept window may have; a window that
        leaves its chromosome counts the missing bases.
    progress : callable
        See :class:`dexkit.hooks.BuildContext`.

    Returns
    -------
    Selection
        Kept and left-out genes.

    Raises
    ------
    InputError
        When more than one gene in a hundred has its TSS beyond the end of its chromosome.
    """
    kept: list[Gene] = []
    out = list(excluded)
    order = {name: i for i, name in enumerate(fasta.genome.lengths)}
    length = upstream_bp + downstream_bp
    named = []
    for gene in genes:
        chrom = alias.get(gene.chrom, gene.chrom)
        if chrom in order:
            named.append(Gene(gene.gene_id, gene.gene_name, chrom, gene.tss, gene.strand))
        else:
            out.append((gene, "on a chromosome that the FASTA lacks"))
    _check_assembly(named, fasta)
    named.sort(key=lambda g: (order[g.chrom], g.tss, g.gene_id))
    with progress("promoters", len(named), unit="genes") as advance:
        for i, gene in enumerate(named):
            if gene.tss >= fasta.genome.lengths[gene.chrom]:
                out.append((gene, "with a TSS beyond the end of the chromosome"))
            else:
                window = tss_window(gene.tss, gene.strand, upstream_bp, downstream_bp)
                sequence = fasta.fetch(gene.chrom, *window).upper()
                n_known = sum(sequence.count(base) for base in (b"A", b"C", b"G", b"T"))
                if length - n_known > max_n_fraction * length:
                    share = f"{max_n_fraction:.0%}" if max_n_fraction else "0"
                    out.append((gene, f"with more than {share} unknown bases in the promoter"))
                else:
                    kept.append(gene)
            if i % _STEP == _STEP - 1:
                advance(_STEP)
    reasons = np.array([reason for _, reason in out], dtype=object)
    left_out = LeftOut(GeneTable.from_genes(g for g, _ in out), reasons)
    return Selection(GeneTable.from_genes(kept), left_out)


def _check_assembly(genes: Sequence[Gene], fasta: Fasta) -> None:
    """Refuse an annotation whose genes do not fit the chromosomes."""
    beyond = [gene for gene in genes if gene.tss >= fasta.genome.lengths[gene.chrom]]
    if len(beyond) > _MOST_BEYOND * len(genes):
        first = beyond[0]
        raise InputError(
            f"{len(beyond):,} of {len(genes):,} genes have their TSS beyond the end of the "
            f"chromosome (gene {first.gene_id!r}: base {first.tss + 1:,} of {first.chrom!r}, which "
            f"has {fasta.genome.lengths[first.chrom]:,} in {fasta.path}); annotation and FASTA "
            "are of different assemblies; give those of one"
        )
