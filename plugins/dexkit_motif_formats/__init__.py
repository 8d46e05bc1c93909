"""Motif file formats as a plugin: the exporter ``meme``."""

from __future__ import annotations

from dexkit.hooks import MotifExporterEntry, hookimpl

__all__ = ["dexkit_motif_exporters"]


@hookimpl
def dexkit_motif_exporters() -> list[MotifExporterEntry]:
    """Register the exporter ``meme``."""
    return [
        MotifExporterEntry(
            name="meme",
            suffix=".meme",
            write="dexkit_motif_formats.meme:write",
            summary="minimal MEME motif format, version 4",
        )
    ]
