"""Options of the densely connected promoter network."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveInt

from dexkit.hooks import PluginConfig


class DensenetConfig(PluginConfig):
    """Hyper-parameters of the promoter network.

    The defaults are a numerically sane reading of Zeng et al. 2019; the preset ``paper`` is the
    closest to the letter of the text. Where the paper leaves a size to its supplement, the value
    is dexkit's own and says so.
    """

    stem_filters: PositiveInt = Field(
        128, description="first-layer filters, the motif scanners (paper: 128 motifs, section 3.5)"
    )
    stem_width_bp: PositiveInt = Field(
        15, description="width of a first-layer filter in bp (dexkit: most JASPAR motifs fit)"
    )
    stem_pool: PositiveInt = Field(
        4, description="max-pool behind the first layer (1: none); cuts the step time fourfold"
    )
    n_blocks: PositiveInt = Field(3, description="dense blocks (paper section 2.2)")
    layers_per_block: PositiveInt = Field(4, description="layers of a dense block (paper: L = 4)")
    growth_rate: PositiveInt = Field(12, description="channels that each layer adds")
    kernel_width: PositiveInt = Field(5, description="kernel width inside the blocks")
    pool: PositiveInt = Field(4, description="max-pool behind each block")
    compression: float = Field(
        0.5, gt=0, le=1, description="share of channels that a transition keeps"
    )
    readout: Literal["flatten", "max", "tss-mean"] = Field(
        "tss-mean",
        description="how positions become a vector: flatten keeps them apart (paper), max takes "
        "the strongest, tss-mean averages with weights that fall off from the TSS, and adds the "
        "same mean of the first layer's motif activations",
    )
    block_dropout: float = Field(0.1, ge=0, lt=1, description="dropout behind block convolutions")
    dense_units: tuple[PositiveInt, ...] = Field(
        (80, 40, 40), description="fully connected layers with ReLU (paper: 80, 40, 40)"
    )
    dense_dropout: float = Field(
        0.1, ge=0, lt=1, description="dropout behind the dense layers but the last (paper: 0.5)"
    )
    prior_genes: float = Field(
        10.0,
        ge=0,
        description="strength of the L2 penalty on dense kernels, in training genes: the penalty "
        "is this over their number, so it fades as data grow",
    )
    norm_momentum: float = Field(
        0.9, gt=0, lt=1, description="momentum of batch normalisation's running statistics"
    )


#: What the text of the paper says (sections 2.1, 2.2); 393,376 parameters at 2,000 bp.
PAPER: dict[str, Any] = {
    "stem_width_bp": 8,
    "stem_pool": 1,
    "kernel_width": 4,
    "readout": "flatten",
    "block_dropout": 0.5,
    "dense_dropout": 0.5,
    "prior_genes": 0.0,
    "norm_momentum": 0.99,
}


class Densenet2019Config(PluginConfig):
    """Options of ``densenet-2019``; the defaults are those of the published code.

    Its defects are options: ``stem_kernel="8x4"``, ``pool="max"`` and a smaller ``dropout`` undo
    three of them.
    """

    stem_filters: PositiveInt = Field(128, description="first-layer filters")
    stem_kernel: Literal["4x8", "8x4"] = Field(
        "4x8",
        description="first-layer kernel: 4x8 is what the code does, 4 bp by 8 nucleotide columns; "
        "8x4 what it means to do, 8 bp by the 4 nucleotides",
    )
    n_blocks: PositiveInt = Field(3, description="dense blocks")
    layers_per_block: PositiveInt = Field(12, description="layers of a dense block (paper: 4)")
    growth_rate: PositiveInt = Field(12, description="channels that each layer adds")
    pool: Literal["average", "max"] = Field(
        "average", description="pooling of 2x2 behind the blocks but the last (paper: max)"
    )
    dropout: float = Field(
        0.5, ge=0, lt=1, description="dropout behind every convolution but the first"
    )
    dense_units: PositiveInt = Field(40, description="units of the fully connected layer")
