"""dexkit: predict gene expression from promoter sequence and HiChIP contacts, and explain it."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("dexkit")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
