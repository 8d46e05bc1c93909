"""Options of the sequence blocks."""

from __future__ import annotations

from pydantic import Field

from dexkit.hooks import PluginConfig


class KmersConfig(PluginConfig):
    """Options of the block ``kmers``."""

    k: int = Field(6, ge=1, le=8, description="word length (paper section 2.4: 6, 4,096 words)")
    both_strands: bool = Field(False, description="add the counts of the reverse complement")
