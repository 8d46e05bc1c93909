"""How contact files are to be read: the options of one build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dexkit.errors import ConfigError, did_you_mean

ANCHOR_RULES = ("overlap", "midpoint")


@dataclass(frozen=True)
class ContactOptions:
    """Options of :func:`dexkit.io.contacts.read_contact_rows`.

    Parameters
    ----------
    format : str, optional
        One of :data:`dexkit.io.contacts.FORMATS`; ``"auto"`` decides by content.
    score_column : str, optional
        Value of a loop: a column by its name in the header, or by its number, counted from 1.
        By default the column that the format defines (``docs/inputs.md``).
    anchors : {"overlap", "midpoint"}, optional
        Bins that an anchor (a region of a loop) stands for: all that it overlaps, or the one that
        holds its midpoint ``(start + end) // 2``.
    balance : str, optional
        Normalisation vector of ``.cool`` and ``.hic`` files; ``"NONE"`` takes the raw counts.
    bins_bed : Path, optional
        ``*_abs.bed`` of a HiC-Pro matrix; by default it is looked for beside the matrix.

    Raises
    ------
    ConfigError
        When ``anchors`` is unknown, or ``score_column`` or ``balance`` is empty.
    """

    format: str = "auto"
    score_column: str | None = None
    anchors: str = "overlap"
    balance: str = "NONE"
    bins_bed: Path | None = None

    def __post_init__(self) -> None:
        if self.anchors not in ANCHOR_RULES:
            raise ConfigError(
                f"unknown rule for anchors {self.anchors!r}; "
                f"{did_you_mean(self.anchors, ANCHOR_RULES)}"
            )
        if self.score_column is not None and not self.score_column.strip():
            raise ConfigError(
                "the score column is empty; expected its name in the header, or its number"
            )
        if not self.balance.strip():
            raise ConfigError("the normalisation is empty; expected its name, or NONE")


DEFAULT_OPTIONS = ContactOptions()
"""Format by content, overlapped bins, raw counts."""
