"""The parts of the example that need no keras."""

import os

import numpy as np

from dexkit.errors import InputError
from dexkit.genome import tss_window
from dexkit.hooks import ArrayPlan
from dexkit.io.fasta import open_fasta


def plan_gc(config, context):
    genes = list(context.genes)

    def fill(out, start):
        with open_fasta(context.fasta) as fasta:
            for i, gene in enumerate(genes[start : start + len(out)]):
                window = tss_window(
                    gene.tss, gene.strand, context.upstream_bp, context.downstream_bp
                )
                bases = fasta.fetch(gene.chrom, *window).upper()
                out[i] = (bases.count(b"G") + bases.count(b"C")) / len(bases)
        return {"source": context.fasta.name}

    return [ArrayPlan("/gc/share", (len(context.genes), 1), "float32", fill, {"unit": "share"})]


class GcLinear:
    def __init__(self, config, seed):
        self._line = np.zeros(2)

    def fit(self, blocks, y):
        self._line = np.polyfit(self._gc(blocks), y, 1)
        return self

    def predict(self, blocks):
        return np.polyval(self._line, self._gc(blocks))

    def describe(self):
        return {"slope": float(self._line[0]), "intercept": float(self._line[1])}

    def _gc(self, blocks):
        codes = blocks["sequence"]
        return ((codes == 1) | (codes == 2)).mean(axis=1)


def write_tab(motifs, path, background):
    lines = []
    for motif in motifs:
        if not np.isfinite(motif.ppm).all():
            raise InputError(f"motif {motif.name!r} holds NaN")
        rows = enumerate(motif.ppm, start=1)
        lines += ["\t".join([motif.name, str(i), *(f"{p:.4f}" for p in row)]) for i, row in rows]
    partial = path.with_suffix(".partial")
    partial.write_text("name\tposition\tA\tC\tG\tT\n" + "".join(f"{line}\n" for line in lines))
    os.replace(partial, path)
