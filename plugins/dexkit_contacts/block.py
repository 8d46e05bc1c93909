"""Compute the contacts block: one signal and one mask array a sample."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError
from dexkit.hooks import ArrayPlan, BuildContext, SampleInput
from dexkit.io.contacts import ContactOptions, ContactRows, TssBins, read_contact_rows
from dexkit_contacts.config import ContactsConfig
from dexkit_contacts.signal import contact_signal, observed_mask

logger = logging.getLogger("dexkit")


def plan(config: ContactsConfig, context: BuildContext) -> list[ArrayPlan]:
    """Plan ``/contacts/<sample>/signal`` and ``/contacts/<sample>/observed``.

    Parameters
    ----------
    config : ContactsConfig
        Options of the block.
    context : BuildContext
        Genes, genome and samples of the build.

    Returns
    -------
    list of ArrayPlan
        Two arrays for every sample that has contact files; none when no sample has any.
    """
    samples = [sample for sample in context.samples if sample.contacts]
    if not samples:
        return []
    job = _Job(config, context, samples)
    shape = (len(context.genes), 2 * config.n_flank_bins + config.right_inclusive)
    attrs = {
        "bin_size_bp": config.bin_size_bp,
        "n_flank_bins": config.n_flank_bins,
        "first_offset": -config.n_flank_bins,
        "flip_minus": config.flip_minus,
        "keep_self": config.keep_self,
        "normalisation": "log2(1 + mean over replicates of count / depth * target_depth)",
    }
    plans = []
    for sample in samples:
        base = f"/contacts/{sample.name}"
        plans.append(ArrayPlan(f"{base}/signal", shape, "float32", job.signal(sample.name), attrs))
        plans.append(ArrayPlan(f"{base}/observed", shape, "uint8", job.observed(sample.name)))
    return plans


@dataclass
class _Job:
    """Reads every replicate once: the smallest depth has to be known before the first signal."""

    config: ContactsConfig
    context: BuildContext
    samples: list[SampleInput]
    rows: dict[str, list[ContactRows]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bins = TssBins.from_genes(
            self.context.genes,
            self.context.genome,
            self.config.bin_size_bp,
            self.config.n_flank_bins,
        )

    def signal(self, sample: str) -> Any:
        def fill(out: npt.NDArray[Any]) -> dict[str, Any]:
            self._read()
            rows = self.rows[sample]
            depths = [_depth(r) for r in rows]
            target = self._target_depth(sample)
            h = contact_signal([r.counts for r in rows], depths, target)
            out[...] = self._arrange(h.astype(np.float32)[self.bins.row_of_gene])
            return {
                "depths": np.array(depths, dtype=np.int64),
                "target_depth": target,
                "replicates": [Path(r.path).name for r in rows],
            }

        return fill

    def observed(self, sample: str) -> Any:
        def fill(out: npt.NDArray[Any]) -> dict[str, Any]:
            self._read()
            seen = set().union(*(r.observed_chroms for r in self.rows[sample]))
            genes = self.context.genes
            n_bins = {
                c: self.context.genome.n_bins(c, self.config.bin_size_bp)
                for c in self.context.genome.lengths
            }
            mask = observed_mask(
                genes.tss // self.config.bin_size_bp,
                np.array([n_bins[c] for c in genes.chrom], dtype=np.int64),
                np.array([c in seen for c in genes.chrom], dtype=bool),
                self.config.n_flank_bins,
            )
            if not self.config.keep_self:
                mask[:, self.config.n_flank_bins] = 0
            out[...] = self._arrange(mask)
            return {"chroms": [c for c in self.context.genome.lengths if c in seen]}

        return fill

    def _read(self) -> None:
        if self.rows:
            return
        for sample in self.samples:
            self.rows[sample.name] = [
                read_contact_rows(
                    path,
                    self.bins,
                    self.context.genome,
                    alias=self.context.chrom_alias,
                    options=ContactOptions(format=self.config.format),
                    progress=self.context.progress,
                )
                for path in sample.contacts
            ]
            for rows in self.rows[sample.name]:
                _report(sample.name, rows)

    def _target_depth(self, sample: str) -> int:
        if self.config.target_depth is not None:
            return self.config.target_depth
        names = self.rows if self.config.depth_scope == "all" else (sample,)
        return min(_depth(r) for name in names for r in self.rows[name])

    def _arrange(self, profile: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Apply strand flip, self bin and the 400-bin form to (n_genes, 2F + 1) profiles."""
        if self.config.flip_minus:
            minus = self.context.genes.strand == "-"
            profile[minus] = profile[minus, ::-1]
        if not self.config.keep_self:
            profile[:, self.config.n_flank_bins] = 0
        return profile if self.config.right_inclusive else profile[:, :-1]


def _depth(rows: ContactRows) -> int:
    if rows.depth is None:
        raise InputError(
            f"{rows.path}: a list of loops ({rows.format}) cannot tell how deep the sample was "
            "sequenced; give read pairs or a contact matrix"
        )
    return round(rows.depth)


def _report(sample: str, rows: ContactRows) -> None:
    """Say what was read and what was left out."""
    for message in rows.messages:
        logger.warning("%s", message)
    counts = (
        rows.n_cis + rows.n_trans,
        rows.n_cis,
        rows.n_trans,
        rows.n_dropped,
        rows.n_unknown_chrom,
    )
    logger.info(
        "%s: %s (%s): %s valid pairs, %s cis, %s trans; left out: %s dropped by flag, "
        "%s on chromosomes that the FASTA lacks",
        sample,
        Path(rows.path).name,
        rows.format,
        *(f"{n:,}" for n in counts),
    )
