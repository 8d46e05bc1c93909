"""Rows of a fit: a gene in a sample. With one sample, rows are the genes of the feature file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError, TrainingError, did_you_mean
from dexkit.evaluation.split import MIN_PART_GENES, Split
from dexkit.features.file import FeatureFile
from dexkit.io.samples import SAMPLE_SEPARATOR

Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Rows:
    """Numbers of rows: sample by sample, and in each sample the genes of the feature file.

    Parameters
    ----------
    samples : tuple of str
        Samples, in the order of their rows.
    n_genes : int
        Genes of the feature file.
    """

    samples: tuple[str, ...]
    n_genes: int

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.samples) * self.n_genes

    def genes(self, rows: Index) -> Index:
        """Return the gene of each row, as a row of the feature file."""
        return rows % self.n_genes

    def numbers(self, rows: Index) -> Index:
        """Return the number of each row's sample, from 0."""
        return rows // self.n_genes

    def sample_names(self, rows: Index) -> npt.NDArray[np.object_]:
        """Return the sample of each row."""
        return np.array(self.samples, dtype=object)[self.numbers(rows)]

    def in_every_sample(self, genes: Index) -> Index:
        """Return the rows of some genes in all samples, ascending."""
        starts = self.n_genes * np.arange(len(self.samples))
        return (starts[:, None] + np.sort(genes)).ravel()

    def of_sample(self, number: int, rows: Index) -> Index:
        """Return those of ``rows`` that lie in one sample."""
        return rows[self.numbers(rows) == number]

    def by_sample(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return values of all rows, shape (n_rows,), as (n_genes, n_samples)."""
        return values.reshape(len(self.samples), self.n_genes).T

    def names(self, gene_names: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
        """Return a name of every row for messages: the gene, of several samples with the sample."""
        if len(self.samples) == 1:
            return gene_names
        named = [f"{gene} of {sample}" for sample in self.samples for gene in gene_names]
        return np.array(named, dtype=object)

    def split(self, split: Split, usable: npt.NDArray[np.bool_]) -> Split:
        """Carry a division of the genes over to the rows.

        Parameters
        ----------
        split : Split
            Parts of genes.
        usable : ndarray of shape (n_rows,), dtype bool
            Rows that have what the run needs.

        Returns
        -------
        Split
            The same with rows: the usable ones of each part's genes. All rows of a gene are in
            one part.
        """

        def rows_of(genes: Index) -> Index:
            rows = self.in_every_sample(genes)
            return rows[usable[rows]]

        return replace(
            split,
            train=rows_of(split.train),
            validation=rows_of(split.validation),
            test=rows_of(split.test),
            left_out=rows_of(split.left_out),
        )

    def check(self, split: Split) -> None:
        """Raise TrainingError when a sample has next to no gene to learn from, or to test on."""
        if len(self.samples) == 1:
            return  # make_split has looked
        for part in ("train", "validation", "test"):
            counts = np.bincount(self.numbers(getattr(split, part)), minlength=len(self.samples))
            if counts.min() < MIN_PART_GENES:
                raise TrainingError(
                    f"sample {self.samples[int(counts.argmin())]}: {counts.min()} genes of the "
                    f"{part} part have all that the run needs, expected at least "
                    f"{MIN_PART_GENES}; leave the sample out, or choose another fold"
                )


def choose_rows(features: FeatureFile, wanted: str | None) -> Rows:
    """Return the rows of the samples that a run is about.

    Parameters
    ----------
    features : FeatureFile
        The data.
    wanted : str or None
        Samples joined by commas; None stands for the only one of the file.

    Returns
    -------
    Rows
        In the order given.

    Raises
    ------
    InputError
        When the file has no expression of a sample, or several and none is named.
    ConfigError
        When a sample is named twice.
    """
    known = features.expression_samples
    if wanted is None:
        if len(known) == 1:
            return Rows((known[0],), len(features))
        raise InputError(
            f"{features.path} has expression of {len(known)} samples ({', '.join(known)}); "
            "choose with --sample: one, or several joined by commas"
        )
    samples = tuple(name.strip() for name in wanted.split(SAMPLE_SEPARATOR))
    for name in samples:
        if name not in known:
            raise InputError(
                f"{features.path} has no expression of sample {name!r}; {did_you_mean(name, known)}"
            )
        if samples.count(name) > 1:
            raise ConfigError(f"--sample names {name!r} twice; name every sample once")
    return Rows(samples, len(features))
