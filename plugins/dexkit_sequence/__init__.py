"""Sequence blocks as a plugin: base codes, one-hot DNA, k-mer counts."""

from __future__ import annotations

from dexkit.hooks import BlockEntry, NoConfig, hookimpl
from dexkit_sequence.config import KmersConfig

__all__ = ["KmersConfig", "dexkit_blocks"]


@hookimpl
def dexkit_blocks() -> list[BlockEntry]:
    """Register the blocks ``sequence``, ``one-hot`` and ``kmers``."""
    return [
        BlockEntry(
            name="sequence",
            config=NoConfig,
            factory="dexkit_sequence.blocks:plan_codes",
            summary="promoter base codes, one byte a base",
            default=True,
        ),
        BlockEntry(
            name="one-hot",
            config=NoConfig,
            factory="dexkit_sequence.blocks:plan_one_hot",
            summary="promoter one-hot, four bytes a base",
        ),
        BlockEntry(
            name="kmers",
            config=KmersConfig,
            factory="dexkit_sequence.blocks:plan_kmers",
            summary="k-mer counts of the promoter window",
        ),
    ]
