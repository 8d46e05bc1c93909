"""A plugin that implements every hook of dexkit; tests put its folder on sys.path."""

from pydantic import Field, PositiveInt

from dexkit.hooks import (
    BaselineEntry,
    BlockEntry,
    EncoderEntry,
    HeadEntry,
    MotifExporterEntry,
    NoConfig,
    PluginConfig,
    PresetEntry,
    hookimpl,
)


class PooledConfig(PluginConfig):
    """Options of the encoder ``pooled``."""

    n_units: PositiveInt = Field(8, description="length of the vector")


@hookimpl
def dexkit_blocks():
    return [BlockEntry("gc", NoConfig, "dexkit_example.arrays:plan_gc", "GC share of the promoter")]


@hookimpl
def dexkit_encoders():
    yield EncoderEntry(
        "pooled",
        "sequence",
        PooledConfig,
        "dexkit_example.networks:pooled",
        presets={"wide": {"n_units": 32}},
    )


@hookimpl
def dexkit_heads():
    return (HeadEntry("gaussian", "regression", NoConfig, "dexkit_example.networks:GaussianHead"),)


@hookimpl
def dexkit_baselines():
    return [
        BaselineEntry(
            "gc-linear", "regression", ("sequence",), NoConfig, "dexkit_example.arrays:GcLinear"
        )
    ]


@hookimpl
def dexkit_presets():
    return [
        PresetEntry(
            "lab",
            encoders={"sequence": "pooled:wide"},
            train={"batch_size": 64, "joint_units": []},
            head="gaussian",
        )
    ]


@hookimpl
def dexkit_motif_exporters():
    return [MotifExporterEntry("tab", ".tsv", "dexkit_example.arrays:write_tab")]
