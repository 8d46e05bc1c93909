"""Names that every kernel shares: the macros that setup.py sets."""

cdef extern from *:
    const long long DEXKIT_SOURCE_DIGEST
    const bint DEXKIT_HAS_OPENMP
    const bint DEXKIT_DEBUG_BUILD
