"""Options of the encoder."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from dexkit.hooks import PluginConfig


class Config(PluginConfig):
    """Hyper-parameters; ``dexkit plugins show plugin-template`` prints the descriptions."""

    n_filters: PositiveInt = Field(128, description="motif scanners")
    width_bp: PositiveInt = Field(15, description="width of a motif scanner in base pairs")
    n_units: PositiveInt = Field(40, description="length of the vector for the head")
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout before the dense layer")
