"""The contacts of one gene in several samples (Figure 2C of the paper)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError, did_you_mean
from dexkit.features.file import FeatureFile
from dexkit.features.schema import signal_path
from dexkit.genome import Gene, GeneTable

if TYPE_CHECKING:
    import pandas as pd

#: Version of an identifier: ENSG00000123456.7.
_VERSION = re.compile(r"\.\d+$")


@dataclass(frozen=True)
class SampleArcs:
    """The contact profile of a gene in one sample, in genome direction.

    Parameters
    ----------
    sample : str
        Sample.
    offset : ndarray of shape (n_bins,), dtype int64
        Bins from the TSS bin, ascending along the chromosome; 0 is the TSS bin.
    signal : ndarray of shape (n_bins,), dtype float64
        Contact signal of the feature file.
    observed : ndarray of shape (n_bins,), dtype bool
        Whether a zero is a measured zero.
    expression : float or None
        log10(raw + pseudocount); None: not measured.
    """

    sample: str
    offset: npt.NDArray[np.int64]
    signal: npt.NDArray[np.float64]
    observed: npt.NDArray[np.bool_]
    expression: float | None

    @property
    def loops(self) -> npt.NDArray[np.bool_]:
        """Mask of the bins, but for the TSS bin, with a contact."""
        return np.asarray((self.signal > 0) & (self.offset != 0))


@dataclass(frozen=True)
class GeneArcs:
    """The contacts of one gene.

    Parameters
    ----------
    gene : Gene
        The gene.
    bin_size_bp : int
        Size of the bins.
    chrom_length_bp : int
        Length of its chromosome.
    samples : tuple of SampleArcs
        Its profile in each sample.
    """

    gene: Gene
    bin_size_bp: int
    chrom_length_bp: int
    samples: tuple[SampleArcs, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a sample and bin with a contact.

        Returns
        -------
        DataFrame
            ``gene_id``, ``gene_name``, ``sample``, ``chrom``, ``start``, ``end`` (of the bin,
            0-based, half-open), ``offset_bins``, ``signal``.
        """
        import pandas as pd

        tss_bin = self.gene.tss // self.bin_size_bp
        frames = []
        for arcs in self.samples:
            offset = arcs.offset[arcs.loops]
            start = (tss_bin + offset) * self.bin_size_bp
            frames.append(
                pd.DataFrame(
                    {
                        "gene_id": self.gene.gene_id,
                        "gene_name": self.gene.gene_name,
                        "sample": arcs.sample,
                        "chrom": self.gene.chrom,
                        "start": start,
                        "end": np.minimum(start + self.bin_size_bp, self.chrom_length_bp),
                        "offset_bins": offset,
                        "signal": arcs.signal[arcs.loops],
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the gene, and its expression and loop number by sample, as plain values."""
        return {
            "gene_id": self.gene.gene_id,
            "gene_name": self.gene.gene_name,
            "chrom": self.gene.chrom,
            "tss": self.gene.tss,
            "strand": self.gene.strand,
            "bin_size_bp": self.bin_size_bp,
            "samples": [
                {
                    "sample": arcs.sample,
                    "expression": arcs.expression,
                    "loop_number": int(arcs.loops.sum()),
                    "observed_bins": int(arcs.observed.sum()),
                }
                for arcs in self.samples
            ],
        }


def gene_arcs(features: FeatureFile, name: str, samples: Sequence[str] = ()) -> GeneArcs:
    """Return the contacts of one gene.

    Parameters
    ----------
    features : FeatureFile
        A file with contacts.
    name : str
        Gene id, with or without its version, or gene name.
    samples : sequence of str
        Samples; all that have contacts by default.

    Returns
    -------
    GeneArcs
        Profiles in genome direction, also where the file mirrors those of minus-strand genes.

    Raises
    ------
    InputError
        If the gene is not in the file or the name stands for several, or a sample has no contacts,
        or the samples have bins of different sizes.
    """
    row = find_gene(features.genes, name, str(features.path))
    [gene] = features.genes.take(np.array([row], dtype=np.intp))
    found, sizes = [], {}
    for sample in samples or features.contact_samples:
        signal, observed = features.contacts(sample)
        attrs = features.array_attrs(signal_path(sample))
        sizes[int(attrs["bin_size_bp"])] = sample
        offset = int(attrs["first_offset"]) + np.arange(signal.shape[1], dtype=np.int64)
        values, seen = np.asarray(signal[row], dtype=np.float64), np.asarray(observed[row]) > 0
        if gene.strand == "-" and bool(attrs.get("flip_minus", False)):
            offset, values, seen = -offset[::-1], values[::-1], seen[::-1]
        expression = None
        if sample in features.expression_samples:
            value = float(features.expression(sample)[row])
            expression = value if np.isfinite(value) else None
        found.append(SampleArcs(sample, offset, values, seen, expression))
    if not found:
        raise InputError(
            f"{features.path} has no contacts; add them with dexkit features add --contacts"
        )
    if len(sizes) > 1:
        listed = ", ".join(f"{size:,} bp in {sample}" for size, sample in sizes.items())
        raise InputError(f"{features.path} has bins of different sizes ({listed}); choose samples")
    return GeneArcs(gene, next(iter(sizes)), features.genome.lengths[gene.chrom], tuple(found))


def find_gene(genes: GeneTable, name: str, where: str) -> int:
    """Return the row of a gene by its id or name.

    Parameters
    ----------
    genes : GeneTable
        The genes.
    name : str
        Gene id, the same without its version, or gene name; case matters only where names differ
        in nothing else.
    where : str
        The file, for messages.

    Raises
    ------
    InputError
        If there is no such gene, or several.
    """
    ids, names = genes.gene_id.astype(str), genes.gene_name.astype(str)
    bare = np.array([_VERSION.sub("", gene) for gene in ids.tolist()], dtype=str)
    lower = np.array([gene.casefold() for gene in names.tolist()], dtype=str)
    for keys, wanted in ((ids, name), (bare, name), (names, name), (lower, name.casefold())):
        rows = np.flatnonzero(keys == wanted)
        if len(rows) == 1:
            return int(rows[0])
        if len(rows):
            listed = ", ".join(ids[rows[:5]].tolist()) + (", …" if len(rows) > 5 else "")
            raise InputError(
                f"{len(rows)} genes of {where} are called {name!r}; give one of their ids: {listed}"
            )
    hint = did_you_mean(name, {*ids.tolist(), *names.tolist()})
    raise InputError(f"no gene {name!r} in {where}; {hint}")
