"""Options of the contacts block and of its encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from dexkit.hooks import PluginConfig

#: A bin beyond this holds a whole human chromosome (the longest has 249 Mb).
MOST_BIN_BP = 250_000_000
#: A profile of 200,001 bins spans a human chromosome at 2.5 kb; more only fills memory.
MOST_FLANK_BINS = 100_000
Normalisation = Literal["depth", "cpm", "raw"]
#: The formats of dexkit.io.contacts, written out: discovery of plugins imports no reader.
ContactFormat = Literal[
    "auto",
    "pairs",
    "hicpro",
    "hicpro-matrix",
    "bedpe",
    "mango",
    "fithichip",
    "maps",
    "origami",
    "bg2",
    "longrange",
    "cool",
    "hic",
]


class ContactsConfig(PluginConfig):
    """Options of the block ``contacts``."""

    bin_size_bp: int = Field(
        5000, ge=1, le=MOST_BIN_BP, description="bin size (paper section 2.1: 5 kb)"
    )
    n_flank_bins: int = Field(
        200, ge=1, le=MOST_FLANK_BINS, description="bins on either side of the TSS bin"
    )
    right_inclusive: bool = Field(
        True, description="keep the last right-hand bin; false gives the paper's 400 bins"
    )
    flip_minus: bool = Field(False, description="mirror the profile of minus-strand genes")
    keep_self: bool = Field(True, description="keep contacts of the TSS bin with itself")
    normalisation: Normalisation = Field(
        "depth",
        description="depth: log2(1 + mean of count / depth * N), N the smallest depth (paper); "
        "cpm: the same with N = 1,000,000; raw: mean of the counts, neither scaled nor logged",
    )
    depth_scope: Literal["all", "sample"] = Field(
        "all", description="scope of the smallest depth N that replicates are scaled to"
    )
    target_depth: PositiveFloat | None = Field(
        None, description="scale to this depth instead of the smallest one"
    )
    format: ContactFormat = Field("auto", description="contact file format; auto: by content")
    score_column: str | PositiveInt | None = Field(
        None, description="value of a loop: column name, or number counted from 1"
    )
    anchors: Literal["overlap", "midpoint"] = Field(
        "overlap", description="bins that a wide anchor stands for"
    )
    balance: str = Field(
        "NONE", min_length=1, description="normalisation vector of .cool and .hic; NONE: raw counts"
    )
    bins_bed: Path | None = Field(
        None, description="bins of HiC-Pro matrices; by default the *_abs.bed beside each"
    )


class DenseContactsConfig(PluginConfig):
    """Options of the encoder ``dense-contacts``."""

    units: tuple[PositiveInt, ...] = Field((80, 40), description="dense layers (paper: 80, 40)")
    dropout: float = Field(
        0.1, ge=0, lt=1, description="dropout behind the layers but the last (paper: 0.5)"
    )
    prior_genes: float = Field(
        10.0,
        ge=0,
        description="strength of the L2 penalty on the kernels, in training genes: the penalty is "
        "this over their number, so it fades as data grow",
    )


#: What the text of the paper says (section 2.2); 35,320 parameters at 400 bins.
PAPER: dict[str, Any] = {"dropout": 0.5, "prior_genes": 0.0}


class Contacts2019Config(PluginConfig):
    """Options of the encoder ``contacts-2019``; the defaults are those of the published code."""

    units_per_bin: PositiveInt = Field(
        80, description="units of the first layer, which sees one bin at a time"
    )
    units: PositiveInt = Field(40, description="units of the layer over all bins")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout behind the first layer")
