"""Names and version of the feature file. ``docs/format.md`` is the contract."""

from __future__ import annotations

from typing import Final

FORMAT: Final = "dexkit-features"
#: Raised when a reader of the older version could misread the file.
FORMAT_VERSION: Final = 1

CODES: Final = "/sequence/codes"
ONE_HOT: Final = "/sequence/one_hot"
KMERS: Final = "/kmers/counts"
#: Groups of the tables of every feature file; what lies there is no array of a block.
TABLES: Final = ("/chroms/", "/genes/", "/left_out/")
#: Root attribute that is there only while samples or blocks are added.
UNFINISHED: Final = "unfinished_addition"
#: Root attribute: what was added when, JSON.
HISTORY: Final = "history"
#: Root attribute: the file that this one was derived from, and what was altered, JSON.
DERIVED: Final = "derived"
#: Root attribute: digest of the tables, see :func:`dexkit.features.digests.tables_sha256`.
TABLES_SHA256: Final = "tables_sha256"


def signal_path(sample: str) -> str:
    """Return the HDF5 path of a sample's contact signal."""
    return f"/contacts/{sample}/signal"


def observed_path(sample: str) -> str:
    """Return the HDF5 path of a sample's contact mask."""
    return f"/contacts/{sample}/observed"


def loop_paths(sample: str) -> tuple[str, str]:
    """Return the HDF5 paths of a sample's loop sum and loop number."""
    return f"/contacts/{sample}/loop_sum", f"/contacts/{sample}/loop_number"


def expression_path(sample: str, kind: str = "value") -> str:
    """Return the HDF5 path of a sample's expression, ``value`` (log10) or ``raw``."""
    return f"/expression/{sample}/{kind}"
