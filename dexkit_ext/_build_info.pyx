"""How the extension modules beside this one were built."""

from dexkit_ext._typedefs cimport (
    DEXKIT_DEBUG_BUILD,
    DEXKIT_HAS_OPENMP,
    DEXKIT_SOURCE_DIGEST,
)

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST
HAS_OPENMP = bool(DEXKIT_HAS_OPENMP)
DEBUG_BUILD = bool(DEXKIT_DEBUG_BUILD)
