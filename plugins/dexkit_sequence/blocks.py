"""Compute the sequence blocks straight into the feature file's memory maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import dexkit_ext
from dexkit.genome import tss_window
from dexkit.hooks import ArrayPlan, BuildContext, NoConfig
from dexkit.io.fasta import open_fasta
from dexkit_sequence.config import KmersConfig

#: Genes worked on at a time: gives the progress bar its step.
_ROWS = 512
#: Bases worked on at a time: bounds the memory where windows are wide.
_BASES = 8 << 20


def plan_codes(config: NoConfig, context: BuildContext) -> list[ArrayPlan]:
    """Plan ``/sequence/codes``: window plus margins, transcription running left to right."""

    def fill(out: npt.NDArray[Any], start: int) -> None:
        for rows, codes in _windows(context, context.margin_bp, "sequence", start, len(out)):
            out[rows] = codes

    length = context.upstream_bp + context.downstream_bp + 2 * context.margin_bp
    return [
        ArrayPlan(
            "/sequence/codes", (len(context.genes), length), "uint8", fill, _attrs(context, True)
        )
    ]


def plan_one_hot(config: NoConfig, context: BuildContext) -> list[ArrayPlan]:
    """Plan ``/sequence/one_hot``: the window without margins; unknown bases are all zero."""

    def fill(out: npt.NDArray[Any], start: int) -> None:
        for rows, codes in _windows(context, 0, "one-hot", start, len(out)):
            dexkit_ext.one_hot(codes, out=out[rows], n_threads=context.n_threads)

    shape = (len(context.genes), context.upstream_bp + context.downstream_bp, 4)
    return [ArrayPlan("/sequence/one_hot", shape, "uint8", fill, _attrs(context, False))]


def plan_kmers(config: KmersConfig, context: BuildContext) -> list[ArrayPlan]:
    """Plan ``/kmers/counts``: words of the window without margins, columns in ACGT order."""

    def fill(out: npt.NDArray[Any], start: int) -> None:
        for rows, codes in _windows(context, 0, f"{config.k}-mers", start, len(out)):
            dexkit_ext.count_kmers(
                codes,
                config.k,
                both_strands=config.both_strands,
                out=out[rows],
                n_threads=context.n_threads,
            )

    attrs = {**_attrs(context, False), "k": config.k, "both_strands": config.both_strands}
    shape = (len(context.genes), 4**config.k)
    return [ArrayPlan("/kmers/counts", shape, "uint16", fill, attrs)]


def _attrs(context: BuildContext, with_margin: bool) -> dict[str, Any]:
    return {
        "upstream_bp": context.upstream_bp,
        "downstream_bp": context.downstream_bp,
        "margin_bp": context.margin_bp if with_margin else 0,
        "orientation": "strand",
        "alphabet": "ACGT",
    }


def _windows(
    context: BuildContext, margin_bp: int, what: str, first: int, n_genes: int
) -> Iterator[tuple[slice, npt.NDArray[np.uint8]]]:
    """Yield blocks of strand-oriented base codes of the genes ``[first, first + n_genes)``.

    With each, its rows counted from ``first``.
    """
    genes = context.genes
    length = context.upstream_bp + context.downstream_bp + 2 * margin_bp
    step = max(1, min(_ROWS, _BASES // length))
    with (
        open_fasta(context.fasta) as fasta,
        context.progress(what, n_genes, unit="genes") as advance,
    ):
        for start in range(first, first + n_genes, step):
            stop = min(start + step, first + n_genes)
            codes = np.empty((stop - start, length), dtype=np.uint8)
            for row, i in enumerate(range(start, stop)):
                window = tss_window(
                    int(genes.tss[i]),
                    genes.strand[i],
                    context.upstream_bp + margin_bp,
                    context.downstream_bp + margin_bp,
                )
                dexkit_ext.encode_bases(fasta.fetch(genes.chrom[i], *window), out=codes[row])
            minus = genes.strand[start:stop] == "-"
            codes[minus] = dexkit_ext.reverse_complement(np.ascontiguousarray(codes[minus]))
            yield slice(start - first, stop - first), codes
            advance(stop - start)
