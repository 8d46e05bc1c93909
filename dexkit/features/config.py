"""What a feature file is built from: the configuration of ``build-features``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from dexkit.errors import ConfigError
from dexkit.io.contacts import stored_file
from dexkit.io.expression import Measure

TssRule = Literal["gene", "canonical", "longest"]

#: Regulatory reach around a promoter ends within a megabase; more only fills memory and disk.
MOST_WINDOW_BP = 1_000_000
#: The margin is for random shifts of a window, not for more sequence.
MOST_MARGIN_BP = 10_000
MOST_THREADS = 256


class ExpressionSource(BaseModel):
    """Where the expression of one or several samples comes from.

    Parameters
    ----------
    path : Path
        The table.
    sample : str or None
        Sample that a single column belongs to; None takes every sample column by its name.
    column : str or None
        Column to take for ``sample``; None takes the one named like the sample, or the only one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    path: Path
    sample: str | None = None
    column: str | None = None


class ContactsSource(BaseModel):
    """Contact files of one sample, one a replicate; each file once, however its path is written.

    Parameters
    ----------
    sample : str
        Sample name.
    paths : tuple of Path
        The files; ``-`` is the standard input, ``file.mcool::/resolutions/5000`` one resolution of
        a file.
    depths : tuple of float
        Valid pairs of each replicate, in the order of ``paths``; empty to take them from the files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sample: str
    paths: tuple[Path, ...]
    depths: tuple[PositiveFloat, ...] = ()

    @model_validator(mode="after")
    def _one_depth_a_file(self) -> ContactsSource:
        if self.depths and len(self.depths) != len(self.paths):
            raise ValueError(
                f"sample {self.sample!r} is given {len(self.depths)} depths and {len(self.paths)} "
                "contact files; expected one depth a replicate"
            )
        return self

    @model_validator(mode="after")
    def _each_file_once(self) -> ContactsSource:
        seen: set[Path] = set()
        for path in self.paths:
            resolved = (stored_file(path) or path).resolve()
            if resolved in seen:
                raise ValueError(
                    f"contact file {path} is listed twice for sample {self.sample!r}; its pairs "
                    "would count double; list each replicate once"
                )
            seen.add(resolved)
        return self


class BuildConfig(BaseModel):
    """Everything that decides the content of a feature file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    fasta: Path
    gtf: Path | None = None
    tss_bed: Path | None = None
    tss_rule: TssRule = "gene"
    gene_types: tuple[str, ...] = ()
    contacts: tuple[ContactsSource, ...] = ()
    expression: tuple[ExpressionSource, ...] = ()
    measure: Measure | None = None
    upstream_bp: int = Field(1000, ge=0, le=MOST_WINDOW_BP)
    downstream_bp: int = Field(1000, ge=1, le=MOST_WINDOW_BP)
    margin_bp: int = Field(50, ge=0, le=MOST_MARGIN_BP)
    max_n_fraction: float = Field(0.05, ge=0, le=1)
    pseudocount: float = Field(1.0, gt=0)
    blocks: tuple[str, ...] = ()
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    assembly: str = ""
    n_threads: int = Field(1, ge=1, le=MOST_THREADS)
    max_memory_bytes: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _one_annotation(self) -> BuildConfig:
        if (self.gtf is None) == (self.tss_bed is None):
            got = "neither" if self.gtf is None else "both"
            raise ValueError(f"--gtf and --tss-bed: {got} given; expected exactly one of the two")
        if self.tss_bed is not None and self.tss_rule != "gene":
            raise ValueError(
                f"--tss {self.tss_rule} chooses among the transcripts of a GTF, and --tss-bed has "
                "none; leave out --tss"
            )
        if self.tss_bed is not None and self.gene_types:
            raise ValueError("--gene-type needs the gene types of a GTF; --tss-bed has none")
        return self

    @property
    def annotation(self) -> Path:
        """The file that gives the TSS, GTF or BED."""
        found = self.gtf or self.tss_bed
        if found is None:
            raise ConfigError("no annotation is given; expected --gtf or --tss-bed")
        return found

    @model_validator(mode="after")
    def _one_source_each(self) -> BuildConfig:
        names = [source.sample for source in self.contacts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"sample {twice[0]!r} is given contacts twice; join them with commas")
        from_stdin = [s.sample for s in self.contacts for path in s.paths if str(path) == "-"]
        if len(from_stdin) > 1:
            raise ValueError(
                f"the standard input (-) is given {len(from_stdin)} times, for samples "
                f"{', '.join(from_stdin)}; it can be read once"
            )
        return self
