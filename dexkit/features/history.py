"""What an addition to a feature file leaves in its attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dexkit import __version__
from dexkit.features.file import FeatureFile
from dexkit.features.provenance import Provenance
from dexkit.features.schema import HISTORY
from dexkit.features.stored_config import CONTACTS
from dexkit.hooks import PluginConfig


class GrownAttributes:
    """The root attributes after an addition; to be called when all inputs have been read.

    Parameters
    ----------
    features : FeatureFile
        The file before the addition.
    added : mapping
        What was added, JSON-able: ``contacts``, ``expression``, ``measure``,
        ``blocks`` and ``settings``.
    block_configs : mapping of str to PluginConfig
        The blocks that were asked to plan arrays.
    paths : sequence of str
        HDF5 paths of the new arrays.
    provenance : Provenance
        The new inputs.
    """

    def __init__(
        self,
        features: FeatureFile,
        added: Mapping[str, Any],
        block_configs: Mapping[str, PluginConfig],
        paths: Sequence[str],
        provenance: Provenance,
    ) -> None:
        self._features = features
        self._added = added
        self._block_configs = block_configs
        self._paths = list(paths)
        self._provenance = provenance

    def __call__(self) -> dict[str, str]:
        """Return configuration, provenance and history, each with what is new."""
        return {
            "config": json.dumps(self._grown_config()),
            "provenance": json.dumps(self._grown_provenance()),
            HISTORY: json.dumps([*self._features.history, self._entry()]),
        }

    def _grown_config(self) -> dict[str, Any]:
        """Return the configuration of a build that gives the whole file at once."""
        stored, added = self._features.config, self._added
        if not stored.get("expression") and added["measure"] is not None:
            stored["measure"] = added["measure"]
        for key in ("contacts", "expression"):
            stored[key] = [*stored.get(key, []), *added[key]]
        blocks = [*stored.get("blocks", []), *added["blocks"]]
        stored["blocks"] = list(dict.fromkeys(blocks))
        settings = dict(stored.get("settings", {}))
        for name, block_config in self._block_configs.items():
            chosen = dict(added["settings"].get(name, {}))
            if name == CONTACTS and self._features.contact_samples:
                depth = getattr(block_config, "target_depth", None)
                chosen = {} if depth is None else {"target_depth": depth}
            if chosen:
                settings[name] = {**settings.get(name, {}), **chosen}
        stored["settings"] = settings
        return stored

    def _grown_provenance(self) -> list[dict[str, Any]]:
        known = self._features.provenance
        return known + [e for e in self._provenance.entries() if e not in known]

    def _entry(self) -> dict[str, Any]:
        return {
            "utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "generated_by": f"dexkit {__version__}",
            "added": self._paths,
            "settings": self._added["settings"],
        }
