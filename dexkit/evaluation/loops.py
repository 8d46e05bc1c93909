"""Loops of a gene against its expression, without any model (Figure 2 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dexkit import __version__
from dexkit.errors import InputError, did_you_mean
from dexkit.evaluation.bootstrap import LEVEL, bootstrap_replicates, percentile_interval
from dexkit.evaluation.metrics import compute
from dexkit.features.file import FeatureFile
from dexkit.features.schema import loop_paths, signal_path

if TYPE_CHECKING:
    import pandas as pd

LOOP_SUM, LOG_LOOP_SUM, LOOP_NUMBER = "loop_sum", "log10(1 + loop_sum)", "loop_number"
METRICS = ("pearson", "spearman")

#: What the attribute ``normalisation`` of a logged signal begins with (``docs/format.md``).
_LOGGED = "log2(1 +"


@dataclass(frozen=True)
class SampleLoops:
    """Loops and expression of the genes of one sample that have both.

    Parameters
    ----------
    sample : str
        Sample.
    row : ndarray of shape (n_genes,), dtype intp
        Rows of the genes in the feature file.
    gene_id, gene_name, chrom : ndarray of shape (n_genes,), dtype object (str)
        The genes.
    expression : ndarray of shape (n_genes,), dtype float64
        log10(raw + pseudocount).
    loop_sum : ndarray of shape (n_genes,), dtype float64
        Sum of the scaled counts of the bins, but for the TSS bin.
    loop_number : ndarray of shape (n_genes,), dtype float64
        Bins, but for the TSS bin, with a contact.
    """

    sample: str
    row: npt.NDArray[np.intp]
    gene_id: npt.NDArray[np.object_]
    gene_name: npt.NDArray[np.object_]
    chrom: npt.NDArray[np.object_]
    expression: npt.NDArray[np.float64]
    loop_sum: npt.NDArray[np.float64]
    loop_number: npt.NDArray[np.float64]

    @property
    def features(self) -> dict[str, npt.NDArray[np.float64]]:
        """Loop features by name, the loop sum also logged."""
        return {
            LOOP_SUM: self.loop_sum,
            LOG_LOOP_SUM: np.log10(1 + self.loop_sum),
            LOOP_NUMBER: self.loop_number,
        }


@dataclass(frozen=True)
class LoopScore:
    """Correlation of one loop feature with expression over the genes of one sample.

    Parameters
    ----------
    sample, feature, metric : str
        What was correlated: :data:`LOOP_SUM`, :data:`LOG_LOOP_SUM` or :data:`LOOP_NUMBER`;
        ``"pearson"`` or ``"spearman"``.
    by : str
        What the bootstrap drew: ``"gene"`` or ``"chromosome"``.
    n_genes, n_drawn : int
        Genes; genes or chromosomes that were drawn from.
    value, low, high : float or None
        Correlation and bounds; None: undefined.
    """

    sample: str
    feature: str
    metric: str
    by: str
    n_genes: int
    n_drawn: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class LoopCorrelations:
    """Loop features against expression, sample by sample.

    Parameters
    ----------
    samples : tuple of SampleLoops
        Genes of each sample.
    scores : tuple of LoopScore
        Correlations.
    n_bootstrap, seed, level
        Resamples, their seed, level of the intervals.
    notes : tuple of str
        What was left out, and where the numbers come from.
    """

    samples: tuple[SampleLoops, ...]
    scores: tuple[LoopScore, ...]
    n_bootstrap: int
    seed: int
    level: float
    notes: tuple[str, ...]

    def find(self, sample: str, feature: str, metric: str, by: str = "gene") -> LoopScore:
        """Return one correlation.

        Raises
        ------
        InputError
            If there is none.
        """
        for score in self.scores:
            if (score.sample, score.feature, score.metric, score.by) == (
                sample,
                feature,
                metric,
                by,
            ):
                return score
        raise InputError(f"no correlation for {(sample, feature, metric, by)}")

    def scores_frame(self) -> pd.DataFrame:
        """Return one row a correlation: fields of :class:`LoopScore`, ``seed``, ``dexkit``."""
        import pandas as pd

        made = {"seed": self.seed, "dexkit": __version__}
        return pd.DataFrame([asdict(score) | made for score in self.scores])

    def genes_frame(self) -> pd.DataFrame:
        """Return one row a gene and sample: what the scatter plots show."""
        import pandas as pd

        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "sample": found.sample,
                        "gene_id": found.gene_id,
                        "gene_name": found.gene_name,
                        "chrom": found.chrom,
                        "loop_sum": found.loop_sum,
                        "loop_number": found.loop_number.astype(np.int64),
                        "expression": found.expression,
                    }
                )
                for found in self.samples
            ],
            ignore_index=True,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the single genes as plain values for JSON."""
        return {
            "samples": [found.sample for found in self.samples],
            "n_bootstrap": self.n_bootstrap,
            "seed": self.seed,
            "level": self.level,
            "scores": [asdict(score) for score in self.scores],
            "notes": list(self.notes),
        }


def correlate_loops(
    features: FeatureFile,
    samples: Sequence[str] = (),
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> LoopCorrelations:
    """Correlate loop sum and loop number with expression.

    Parameters
    ----------
    features : FeatureFile
        A file with contacts and expression.
    samples : sequence of str
        Samples; all that have both by default.
    n_bootstrap : int
        Resamples for the intervals, over genes and over chromosomes; 0 gives none.
    seed : int
        Seed of the bootstrap, not negative.

    Returns
    -------
    LoopCorrelations
        Pearson and Spearman correlation of the loop sum, its logarithm and the loop number.

    Raises
    ------
    InputError
        If a sample lacks contacts or expression, or no sample has both.

    Notes
    -----
    Zeng, Wang and Jiang (2019), section 3.1 and Figure 2A, B. Whether their loop counts were
    logged is not said, so both are given.
    """
    chosen, notes = _samples(features, samples)
    found, scores = [], []
    for sample in chosen:
        loops = sample_loops(features, sample, notes)
        found.append(loops)
        scores += _scores(loops, n_bootstrap, seed)
    return LoopCorrelations(tuple(found), tuple(scores), n_bootstrap, seed, LEVEL, tuple(notes))


def _samples(features: FeatureFile, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    with_contacts, with_expression = features.contact_samples, features.expression_samples
    both = [sample for sample in with_contacts if sample in with_expression]
    for sample in wanted:
        if sample not in both:
            lacks = "expression" if sample in with_contacts else "contacts"
            raise InputError(
                f"{features.path} has no {lacks} of sample {sample!r}; {did_you_mean(sample, both)}"
            )
    if not both:
        raise InputError(
            f"{features.path} has no sample with contacts and expression (contacts: "
            f"{', '.join(with_contacts) or 'none'}; expression: "
            f"{', '.join(with_expression) or 'none'}); add them with dexkit features add"
        )
    if wanted:
        return list(dict.fromkeys(wanted)), []
    lacking = {
        "contacts without expression": sorted(set(with_contacts) - set(both)),
        "expression without contacts": sorted(set(with_expression) - set(both)),
    }
    return both, [
        f"left out, {what}: {', '.join(names)}" for what, names in lacking.items() if names
    ]


def sample_loops(features: FeatureFile, sample: str, notes: list[str]) -> SampleLoops:
    """Return loops and expression of the genes of a sample that have both.

    Parameters
    ----------
    features : FeatureFile
        The file.
    sample : str
        A sample with contacts and expression.
    notes : list of str
        What was left out is added.

    Returns
    -------
    SampleLoops
        In file order.

    Raises
    ------
    InputError
        If fewer than three genes have both.
    """
    expression = features.expression(sample)
    signal, observed = features.contacts(sample)
    measured, seen = np.isfinite(expression), np.asarray(observed).any(axis=1)
    rows = np.flatnonzero(measured & seen)
    for n, why in (
        (int((~measured).sum()), "no expression"),
        (int((measured & ~seen).sum()), "no contacts measured on their chromosome"),
    ):
        if n:
            notes.append(f"{sample}: {n:,} of {len(features):,} genes left out, {why}")
    if len(rows) < 3:
        raise InputError(
            f"{len(rows)} genes of {features.path} have contacts and expression of {sample}; "
            "expected at least 3 to correlate"
        )
    if all(features.has(path) for path in loop_paths(sample)):
        loop_sum, number = (
            np.asarray(features.array(path)[rows], dtype=np.float64) for path in loop_paths(sample)
        )
    else:
        attrs = features.array_attrs(signal_path(sample))
        logged = str(attrs["normalisation"]).startswith(_LOGGED)
        others = np.array(signal[rows], dtype=np.float64)
        others[:, -int(attrs["first_offset"])] = 0.0
        number = np.count_nonzero(others, axis=1).astype(np.float64)
        loop_sum = (np.exp2(others) - 1 if logged else others).sum(axis=1)
        notes.append(
            f"{sample}: the file holds no loop sums; they are made from the signal "
            f"({attrs['normalisation']})"
        )
    genes = features.genes.take(rows)
    return SampleLoops(
        sample,
        rows,
        genes.gene_id,
        genes.gene_name,
        genes.chrom,
        expression[rows],
        loop_sum,
        number,
    )


def _scores(loops: SampleLoops, n_bootstrap: int, seed: int) -> list[LoopScore]:
    chroms = loops.chrom.astype(str)
    drawn = {"gene": len(chroms), "chromosome": len(np.unique(chroms))}
    found = []
    for by, n in drawn.items():
        if n < 2:
            continue
        groups = chroms if by == "chromosome" else None
        draws = bootstrap_replicates(
            loops.expression, loops.features, METRICS, n_bootstrap, seed, groups
        )
        for name, values in loops.features.items():
            for metric in METRICS:
                value = compute(metric, loops.expression, values)
                bounds = percentile_interval(value, draws[name, metric]).to_dict()
                key = (loops.sample, name, metric, by, len(chroms), n)
                found.append(LoopScore(*key, bounds["value"], bounds["low"], bounds["high"]))
    order = [(name, metric) for name in loops.features for metric in METRICS]
    return sorted(found, key=lambda score: order.index((score.feature, score.metric)))
