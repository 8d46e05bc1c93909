"""Compute the contacts block: signal, mask, loop sum and loop number of each sample."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.hooks import ArrayPlan, BuildContext, SampleInput
from dexkit.io.contacts import TssBins
from dexkit.memory import MIB, piece_bytes, require_room, room_bytes
from dexkit_contacts.config import ContactsConfig
from dexkit_contacts.depths import DepthRule
from dexkit_contacts.reading import SampleSums, read_samples, reader_bytes
from dexkit_contacts.signal import (
    FORMULAS,
    loop_features,
    observed_mask,
    scale_factor,
    to_signal,
)
from dexkit_contacts.sums import BLOCK_BYTES, RowSums, rows_in_block

#: Sums of all samples that are kept in memory; beyond, they go to a file beside the output.
_MOST_IN_MEMORY = 256 * MIB
#: With a limit, the sums take no more than this part of the room.
_SUMS_SHARE = 4
#: Blocks of float64 that are alive at a time while sums become a signal.
_BLOCKS = 4


def plan(config: ContactsConfig, context: BuildContext) -> list[ArrayPlan]:
    """Plan ``signal``, ``observed``, ``loop_sum`` and ``loop_number`` below ``/contacts/<sample>``.

    Parameters
    ----------
    config : ContactsConfig
        Options of the block.
    context : BuildContext
        Genes, genome and samples of the build.

    Returns
    -------
    list of ArrayPlan
        Four arrays for every sample that has contact files; none when no sample has any.

    Raises
    ------
    ConfigError
        When depths and replicates differ in number, or the memory that is allowed cannot hold
        the counts of one file.
    """
    samples = [sample for sample in context.samples if sample.contacts]
    if not samples:
        return []
    job = _Job(config, context, samples)
    n_genes = len(context.genes)
    shape = (n_genes, job.n_bins)
    attrs = {
        "bin_size_bp": config.bin_size_bp,
        "n_flank_bins": config.n_flank_bins,
        "first_offset": -config.n_flank_bins,
        "flip_minus": config.flip_minus,
        "keep_self": config.keep_self,
        "normalisation": FORMULAS[config.normalisation],
        "score_column": "" if config.score_column is None else str(config.score_column),
        "anchors": config.anchors,
        "balance": config.balance,
    }
    loop_sum = {"unit": "counts" if config.normalisation == "raw" else "scaled counts"}
    loop_number = {"unit": "bins"}
    plans = []
    for sample in samples:
        base, fill = f"/contacts/{sample.name}", _Fill(job, sample)
        plans += [
            ArrayPlan(f"{base}/signal", shape, "float32", fill.signal, attrs),
            ArrayPlan(f"{base}/observed", shape, "uint8", fill.observed),
            ArrayPlan(f"{base}/loop_sum", (n_genes,), "float32", fill.loop_sum, loop_sum),
            ArrayPlan(f"{base}/loop_number", (n_genes,), "int32", fill.loop_number, loop_number),
        ]
    return plans


class _Job:
    """Reads all files when the first array is filled: the smallest depth is known only then."""

    def __init__(
        self, config: ContactsConfig, context: BuildContext, samples: list[SampleInput]
    ) -> None:
        self.config = config
        self.context = context
        self.samples = samples
        self.rule = DepthRule(config, samples)
        self.bins = TssBins.from_genes(
            context.genes, context.genome, config.bin_size_bp, config.n_flank_bins
        )
        self.n_bins = 2 * config.n_flank_bins + config.right_inclusive
        self._read: dict[str, SampleSums] = {}
        self._sums_shape = len(self.bins), 2 * config.n_flank_bins + 1
        self._sums_bytes = 8 * len(samples) * self._sums_shape[0] * self._sums_shape[1]
        self._check_room()

    def read(self) -> dict[str, SampleSums]:
        """Return the sums of every sample; the files are read on the first call."""
        if not self._read:
            self._read = read_samples(
                self.config, self.context, self.samples, self.bins, self.rule, self._make_sums
            )
        return self._read

    def _in_memory(self) -> bool:
        room = room_bytes(self.context.max_memory_bytes)
        most = _MOST_IN_MEMORY if room is None else min(_MOST_IN_MEMORY, room // _SUMS_SHARE)
        return self._sums_bytes <= most

    def _make_sums(self) -> RowSums:
        if self._in_memory():
            return RowSums(*self._sums_shape, folder=None)
        scratch = self.context.scratch or Path(tempfile.gettempdir())
        return RowSums(*self._sums_shape, folder=scratch)

    def _check_room(self) -> None:
        limit = self.context.max_memory_bytes
        block = max(BLOCK_BYTES, 8 * self._sums_shape[1])
        need = reader_bytes(self.bins) + _BLOCKS * block + piece_bytes(limit)
        need += self._sums_bytes if self._in_memory() else 0
        rows, n_bins = self._sums_shape
        require_room(
            need,
            limit,
            f"the contacts of {rows:,} TSS bins with {n_bins:,} bins each",
            "lower contacts.n_flank_bins",
        )


class _Fill:
    """Fills the arrays of one sample, a block of genes at a time."""

    def __init__(self, job: _Job, sample: SampleInput) -> None:
        self._job = job
        self._sample = sample
        self._config = job.config
        self._genes = job.context.genes

    def signal(self, out: npt.NDArray[Any], start: int) -> dict[str, Any]:
        """Fill rows of the signal."""
        for part, mean in self._means(start, len(out)):
            profile = to_signal(mean, self._config.normalisation).astype(np.float32)
            out[_shift(part, -start)] = self._arrange(profile, part)
        replicates = self._job.read()[self._sample.name].replicates
        depths = [r.depth.value for r in replicates]
        attrs = {
            "replicates": [r.name for r in replicates],
            "kind": [r.kind for r in replicates],
            "format": [r.format for r in replicates],
            "depths": _numbers(depths),
            "depth_from": [r.depth.source for r in replicates],
        }
        target = self._target()
        return attrs if target is None else attrs | {"target_depth": _numbers([target])[0]}

    def observed(self, out: npt.NDArray[Any], start: int) -> dict[str, Any]:
        """Fill rows of the mask."""
        genome, config = self._job.context.genome, self._config
        replicates = self._job.read()[self._sample.name].replicates
        seen = frozenset().union(*(r.observed_chroms for r in replicates))
        n_bins = {c: genome.n_bins(c, config.bin_size_bp) for c in genome.lengths}
        for part in self._parts(start, len(out)):
            chrom = self._genes.chrom[part]
            mask = observed_mask(
                self._genes.tss[part] // config.bin_size_bp,
                np.array([n_bins[c] for c in chrom], dtype=np.int64),
                np.array([c in seen for c in chrom], dtype=bool),
                config.n_flank_bins,
            )
            if (measured := self._measured(part)) is not None:
                mask &= measured
            out[_shift(part, -start)] = self._arrange(mask, part)
        return {"chroms": [c for c in genome.lengths if c in seen]}

    def loop_sum(self, out: npt.NDArray[Any], start: int) -> None:
        """Fill rows of the loop sum."""
        for part, mean in self._means(start, len(out)):
            out[_shift(part, -start)] = self._loops(mean, part)[0]

    def loop_number(self, out: npt.NDArray[Any], start: int) -> None:
        """Fill rows of the loop number."""
        for part, mean in self._means(start, len(out)):
            out[_shift(part, -start)] = self._loops(mean, part)[1]

    def _loops(
        self, mean: npt.NDArray[np.float64], genes: slice
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return loop sum and number over the bins that the signal of these genes has."""
        if self._config.flip_minus and not self._config.right_inclusive:
            # Profiles are mirrored before the last bin is left out.
            minus = self._genes.strand[genes] == "-"
            mean[minus] = mean[minus, ::-1]
        return loop_features(mean[:, : self._job.n_bins], self._config.n_flank_bins)

    def _target(self) -> float | None:
        depths = {
            name: [replicate.depth for replicate in found.replicates]
            for name, found in self._job.read().items()
        }
        return self._job.rule.target(self._sample, depths)

    def _parts(self, start: int, n_genes: int) -> Iterator[slice]:
        """Yield the genes ``[start, start + n_genes)`` in blocks of bounded memory."""
        step = rows_in_block(2 * self._config.n_flank_bins + 1)
        for first in range(start, start + n_genes, step):
            yield slice(first, min(first + step, start + n_genes))

    def _means(self, start: int, n_genes: int) -> Iterator[tuple[slice, npt.NDArray[np.float64]]]:
        """Yield blocks of genes and the scaled mean of their bins, in genome direction."""
        found = self._job.read()[self._sample.name]
        cancels = self._job.rule.cancels(self._sample)
        target = None if cancels else self._target()
        n_replicates = len(found.replicates)
        factor = scale_factor(self._config.normalisation, n_replicates, target)
        for part in self._parts(start, n_genes):
            rows = self._job.bins.row_of_gene[part]
            # Genes stand in genome order, so the rows of a block lie together.
            first, last = int(rows.min()), int(rows.max())
            mean = found.sums.rows(first, last + 1)[rows - first] * factor
            if (measured := self._measured(part)) is not None:
                mean[~measured] = 0.0
            yield part, mean

    def _measured(self, genes: slice) -> npt.NDArray[np.bool_] | None:
        """Return where a balanced matrix has weights, in genome direction; None for everywhere.

        Without a weight in one replicate the mean over replicates is too low: not measured either.
        """
        rows = self._job.bins.row_of_gene[genes]
        replicates = self._job.read()[self._sample.name].replicates
        known = [r.measured[rows] for r in replicates if r.measured is not None]
        return np.logical_and.reduce(known) if known else None

    def _arrange(self, profile: npt.NDArray[Any], genes: slice) -> npt.NDArray[Any]:
        """Apply strand flip, self bin and the 400-bin form to the (n, 2F + 1) profiles of genes."""
        if self._config.flip_minus:
            minus = self._genes.strand[genes] == "-"
            profile[minus] = profile[minus, ::-1]
        if not self._config.keep_self:
            profile[:, self._config.n_flank_bins] = 0
        return profile if self._config.right_inclusive else profile[:, :-1]


def _shift(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _numbers(depths: list[float | None]) -> npt.NDArray[Any]:
    """Return depths as int64 when all are whole, else as float64, NaN where nobody knows one."""
    if all(depth is not None and float(depth).is_integer() for depth in depths):
        return np.array(depths, dtype=np.int64)
    return np.array([np.nan if d is None else d for d in depths], dtype=np.float64)
