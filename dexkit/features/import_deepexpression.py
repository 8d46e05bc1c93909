"""Import the arrays that the authors of DeepExpression published into a feature file."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from dexkit.features.build import BuildSummary, read_annotation
from dexkit.features.config import TssRule
from dexkit.features.expression import expression_arrays
from dexkit.features.place_by_symbol import UNPLACED, place_genes
from dexkit.features.provenance import Provenance, origin_attributes
from dexkit.features.schema import CODES, observed_path, signal_path
from dexkit.features.writer import LeftOut, check_feature_output, write_feature_file
from dexkit.genome import GeneTable
from dexkit.hooks import ArrayPlan
from dexkit.io.deepexpression import (
    BIN_SIZE_BP,
    DOWNSTREAM_BP,
    N_FLANK_BINS,
    UPSTREAM_BP,
    PublishedArrays,
    codes_of_one_hot,
    finite_profiles,
    open_published_arrays,
)
from dexkit.io.expression.table import some
from dexkit.progress import progress_bar

logger = logging.getLogger("dexkit")

#: Genes converted at a time: 64 rows of float64 one-hot are 4 MB.
_BLOCK_ROWS = 64


class ImportConfig(BaseModel):
    """What is imported, and where the genes lie.

    Parameters
    ----------
    folder : Path
        Folder of the arrays.
    gtf, tss_bed : Path or None
        Annotation that places the genes by their symbol; at most one of the two.
    tss_rule : str
        Which TSS stands for a gene of the GTF.
    pseudocount : float
        Added to the expression before log10.
    assembly : str
        Name of the assembly, for the record.
    importer : str
        Tells such a file from one of ``build-features``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    folder: Path
    gtf: Path | None = None
    tss_bed: Path | None = None
    tss_rule: TssRule = "gene"
    pseudocount: float = Field(1.0, gt=0)
    assembly: str = ""
    importer: Literal["deepexpression"] = "deepexpression"

    @model_validator(mode="after")
    def _one_annotation(self) -> ImportConfig:
        if self.gtf is not None and self.tss_bed is not None:
            raise ValueError("--gtf and --tss-bed are both given; give one of the two, or none")
        if self.gtf is None and self.tss_rule != "gene":
            raise ValueError(f"--tss {self.tss_rule} needs the transcripts of a GTF; give --gtf")
        return self


def import_deepexpression(
    config: ImportConfig,
    out: Path,
    force: bool = False,
    progress: Callable[..., Any] = progress_bar,
) -> BuildSummary:
    """Write a feature file from the published arrays.

    The arrays are mapped, never loaded: rows are converted in small blocks. Sequences and contacts
    are taken as they are: neither the strand of the sequences nor the unit of the contacts is
    known. Genes are named by their symbol; the second and later rows of a symbol are named
    ``SYMBOL#2``, ``SYMBOL#3`` and keep their own rows. A gene whose symbol the annotation does not
    have, or has several times, lies on the chromosome ``unplaced``, at the position of its row.

    Parameters
    ----------
    config : ImportConfig
        Folder, annotation and options.
    out : Path
        The file to write; it appears whole or not at all.
    force : bool, optional
        Whether an existing feature file may be replaced.
    progress : callable, optional
        Progress reporting; see :class:`dexkit.hooks.BuildContext`.

    Returns
    -------
    BuildSummary
        Counts for the summary lines.

    Raises
    ------
    InputError
        When a file is missing or malformed, the files do not fit each other, or no gene is placed.
    OutputError
        When the file exists and may not be replaced, cannot be written, or the disk is full.
    """
    check_feature_output(out, force)
    arrays = open_published_arrays(config.folder)
    annotation = None
    if config.gtf is not None or config.tss_bed is not None:
        annotation = read_annotation(config.gtf, config.tss_bed, config.tss_rule)
    _say_what_repeats(arrays)
    genes, order, genome = place_genes(arrays.symbols, annotation)
    job = _Job(arrays, order, progress)
    plans = job.plans(list(genome.lengths), config.pseudocount)
    paths = [*arrays.paths, *(p for p in (config.gtf, config.tss_bed) if p is not None)]
    nothing = LeftOut(GeneTable.from_genes([]), np.array([], dtype=object))
    attrs = {
        **origin_attributes(config.assembly, config),
        "provenance": json.dumps(Provenance(paths, progress).entries()),
    }
    write_feature_file(out, genome, genes, nothing, plans, attrs, force)
    n_placed = int((genes.chrom != UNPLACED).sum())
    return BuildSummary(
        path=out,
        selection=f"imported {len(genes):,} genes, {n_placed:,} of them with coordinates; "
        f"{job.n_unknown:,} unknown bases",
        measured=dict.fromkeys(arrays.expression, len(genes)),
        arrays={plan.path: plan.shape for plan in plans},
        n_bytes=out.stat().st_size,
    )


@dataclass
class _Job:
    """Converts rows of the published arrays, in the order of the genes of the file."""

    arrays: PublishedArrays
    order: npt.NDArray[np.intp]
    progress: Callable[..., Any]
    n_unknown: int = 0

    def plans(self, chroms: list[str], pseudocount: float) -> list[ArrayPlan]:
        """Plan the arrays of all samples."""
        n = len(self.order)
        window = {
            "upstream_bp": UPSTREAM_BP,
            "downstream_bp": DOWNSTREAM_BP,
            "margin_bp": 0,
            "orientation": "as given",
            "alphabet": "ACGT",
        }
        length_bp = UPSTREAM_BP + DOWNSTREAM_BP
        plans = [ArrayPlan(CODES, (n, length_bp), "uint8", self.fill_codes, window)]
        for sample, given in self.arrays.contacts.items():
            attrs = {
                "bin_size_bp": BIN_SIZE_BP,
                "n_flank_bins": N_FLANK_BINS,
                "first_offset": -N_FLANK_BINS,
                "flip_minus": False,
                "keep_self": True,
                "normalisation": "as given by the arrays of DeepExpression",
                "replicates": [f"exp_{sample}.npy"],
                "depths": np.array([np.nan]),
            }
            fill = self.fill_contacts(sample)
            plans.append(ArrayPlan(signal_path(sample), given.shape, "float32", fill, attrs))
            plans.append(
                ArrayPlan(observed_path(sample), given.shape, "uint8", _ones, {"chroms": chroms})
            )
        for sample, values in self.arrays.expression.items():
            origin = {
                "source": f"rna_{sample}.txt",
                "source_format": "DeepExpression",
                "measure": "unstated",
                "matched_by": "row",
            }
            plans += expression_arrays(sample, values[self.order], pseudocount, origin)
        return plans

    def fill_codes(self, out: npt.NDArray[Any], start: int) -> None:
        """Write the base codes of consecutive genes."""
        path = str(self.arrays.sequence.path)
        with self.progress("sequences", len(out), unit="genes") as advance:
            for i in range(0, len(out), _BLOCK_ROWS):
                rows = self.order[start + i : start + i + len(out[i : i + _BLOCK_ROWS])]
                one_hot = self.arrays.sequence.take(rows)
                codes = codes_of_one_hot(one_hot, rows, self.arrays.symbols, path)
                out[i : i + _BLOCK_ROWS] = codes
                self.n_unknown += int((codes > 3).sum())
                advance(len(rows))

    def fill_contacts(self, sample: str) -> Any:
        """Return what writes the profiles of consecutive genes of one sample."""
        path = str(self.arrays.contacts[sample].path)

        def fill(out: npt.NDArray[Any], start: int) -> None:
            for i in range(0, len(out), _BLOCK_ROWS):
                rows = self.order[start + i : start + i + len(out[i : i + _BLOCK_ROWS])]
                values = self.arrays.contacts[sample].take(rows)
                out[i : i + _BLOCK_ROWS] = finite_profiles(values, rows, self.arrays.symbols, path)

        return fill


def _ones(out: npt.NDArray[Any], start: int) -> None:
    # The arrays do not tell a bin without contacts from one that lies off its chromosome.
    out[...] = 1


def _say_what_repeats(arrays: PublishedArrays) -> None:
    """Count the symbols of several rows, and those whose rows have one expression throughout."""
    rows_of: dict[str, list[int]] = {}
    for row, symbol in enumerate(arrays.symbols):
        rows_of.setdefault(symbol, []).append(row)
    repeated = {symbol: rows for symbol, rows in rows_of.items() if len(rows) > 1}
    if not repeated:
        return
    values = np.stack(list(arrays.expression.values()), axis=1)
    alike = sum(bool((values[rows] == values[rows[0]]).all()) for rows in repeated.values())
    logger.warning(
        "%s symbols stand in %s rows, with equal expression for %s of them; each row is a gene of "
        "its own (%s), so that a random split may put two of a kind on both sides: %s",
        f"{len(repeated):,}",
        f"{sum(map(len, repeated.values())):,}",
        f"{alike:,}",
        "SYMBOL#2, …",
        some(list(repeated)),
    )
