"""C kernels of dexkit behind typed Python wrappers: sequence, k-mers, contacts.

The wrappers validate and word the errors, the Cython modules (``_*.pyx``) compute. Nothing but
NumPy is imported. Importing the package checks that the kernels are built and belong to the
sources beside them; there is no slower second implementation to fall back on.
"""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path

__all__ = [
    "ExtensionError",
    "LineError",
    "MatrixCounter",
    "PairCounter",
    "PairLayout",
    "PairParseError",
    "PixelError",
    "PixelTotals",
    "RegionCounter",
    "RegionLayout",
    "RegionParseError",
    "build_info",
    "count_kmers",
    "count_pixels",
    "encode_bases",
    "one_hot",
    "reverse_complement",
    "sketch_kmers",
]

_KERNELS = (
    "_build_info",
    "_kmers",
    "_lines",
    "_matrix",
    "_pairs",
    "_pixels",
    "_regions",
    "_sequence",
    "_sketches",
    "_sums",
)
_HOW_TO_BUILD = (
    "build it with `pip install .` (or `pip install -e .`, or "
    "`python setup.py build_ext --inplace` in the source tree)"
)


class ExtensionError(ImportError):
    """The compiled kernels are missing, broken or older than their sources."""


def _source_digest(folder: Path) -> int | None:
    """Fingerprint the kernel sources like setup.py does; None where there are none (a wheel)."""
    sources = sorted(folder.glob("*.p[yx][xd]"))
    if not any(path.suffix == ".pyx" for path in sources):
        return None
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return int(digest.hexdigest()[:15], 16)


def _check_extension() -> None:
    """Raise unless every kernel module is there and was built from the sources beside it."""
    folder = Path(__file__).resolve().parent
    expected = _source_digest(folder)
    for name in _KERNELS:
        try:
            module = import_module(f"{__name__}.{name}")
            # The finder of an editable install elsewhere would step in for a missing module.
            if Path(str(module.__file__)).resolve().parent != folder:
                raise ImportError(f"{folder} has no compiled {name}")
        except ImportError as error:
            raise ExtensionError(
                f"the compiled part of dexkit cannot be loaded: {error}; {_HOW_TO_BUILD}"
            ) from error
        if expected is not None and expected != module.SOURCE_DIGEST:
            raise ExtensionError(
                f"the compiled part of dexkit is stale: {folder / name} was built from other "
                f"sources than those beside it; {_HOW_TO_BUILD}"
            )


_check_extension()

from dexkit_ext import _build_info  # noqa: E402
from dexkit_ext.kmers import count_kmers  # noqa: E402
from dexkit_ext.lines import LineError  # noqa: E402
from dexkit_ext.matrices import MatrixCounter  # noqa: E402
from dexkit_ext.pairs import PairCounter, PairLayout, PairParseError  # noqa: E402
from dexkit_ext.pixels import PixelError, PixelTotals, count_pixels  # noqa: E402
from dexkit_ext.regions import RegionCounter, RegionLayout  # noqa: E402
from dexkit_ext.sequence import encode_bases, one_hot, reverse_complement  # noqa: E402
from dexkit_ext.sketches import sketch_kmers  # noqa: E402
from dexkit_ext.sums import RegionParseError  # noqa: E402


def build_info() -> dict[str, bool | int]:
    """Return how the kernels were built.

    Returns
    -------
    dict
        ``openmp``: whether ``n_threads`` above 1 has an effect; ``debug``: whether bounds are
        checked; ``source_digest``: fingerprint of the kernel sources.
    """
    return {
        "openmp": bool(_build_info.HAS_OPENMP),
        "debug": bool(_build_info.DEBUG_BUILD),
        "source_digest": int(_build_info.SOURCE_DIGEST),
    }
