"""Compute the sequence blocks straight into the feature file's memory maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

import dexkit_ext
from dexkit.genome import tss_window
from dexkit.hooks import ArrayPlan, BuildContext, NoConfig
from dexkit.io.fasta import open_fasta
from dexkit_sequence.config import KmersConfig

Codes = Callable[[int, int, int], npt.NDArray[np.uint8]]

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

    With each, its rows counted from ``first``. The codes are those that the feature file stores
    when it has them, and are read from the FASTA otherwise.
    """
    length = context.upstream_bp + context.downstream_bp + 2 * margin_bp
    step = max(1, min(_ROWS, _BASES // length))
    with (
        nullcontext(context.codes) if context.codes else _fasta_codes(context) as codes,
        context.progress(what, n_genes, unit="genes") as advance,
    ):
        for start in range(first, first + n_genes, step):
            stop = min(start + step, first + n_genes)
            yield slice(start - first, stop - first), codes(start, stop, margin_bp)
            advance(stop - start)


@contextmanager
def _fasta_codes(context: BuildContext) -> Iterator[Codes]:
    """Open the FASTA; the value returns the codes of the genes ``[start, stop)``."""
    genes = context.genes
    with open_fasta(context.fasta) as fasta:

        def codes(start: int, stop: int, margin_bp: int) -> npt.NDArray[np.uint8]:
            upstream_bp = context.upstream_bp + margin_bp
            downstream_bp = context.downstream_bp + margin_bp
            found = np.empty((stop - start, upstream_bp + downstream_bp), dtype=np.uint8)
            for row, i in enumerate(range(start, stop)):
                window = tss_window(int(genes.tss[i]), genes.strand[i], upstream_bp, downstream_bp)
                dexkit_ext.encode_bases(fasta.fetch(genes.chrom[i], *window), out=found[row])
            minus = genes.strand[start:stop] == "-"
            found[minus] = dexkit_ext.reverse_complement(np.ascontiguousarray(found[minus]))
            return found

        yield codes
