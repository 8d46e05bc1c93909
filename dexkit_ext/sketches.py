"""Sketches of sequences: few numbers that tell how many k-mers two of them share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dexkit_ext import _sketches
from dexkit_ext.arrays import bad_code_error, check_codes, check_integer, check_threads

MAX_K = 31
"""Largest k: the number of a k-mer and of its reverse complement has 2 k of 64 bits."""

MAX_SIZE = 1 << 20
"""Most hashes a sketch."""


def sketch_kmers(
    codes: npt.NDArray[np.uint8], k: int, size: int, n_threads: int = 1
) -> npt.NDArray[np.uint64]:
    """Return the smallest hashes of the canonical k-mers of every sequence (bottom-s MinHash).

    Parameters
    ----------
    codes : ndarray of shape (n, length_bp), dtype uint8
        Codes as :func:`~dexkit_ext.encode_bases` makes them.
    k : int
        Length of the k-mers in bases, 1 to 31.
    size : int
        Hashes a sequence, 1 to 1,048,576.
    n_threads : int
        Threads over rows; the result does not depend on it. A serial build uses one.

    Returns
    -------
    ndarray of shape (n, size), dtype uint64
        Distinct hashes, ascending; rows of sequences with fewer k-mers end in the largest uint64.
        A k-mer and its reverse complement have one hash, that of the smaller of their numbers
        (base 4, the first base most significant). Windows that hold a code 4 do not count.

    Raises
    ------
    TypeError
        Wrong type or dtype of an argument.
    ValueError
        ``k`` or ``size`` out of range, or a code above 4.

    Notes
    -----
    A row takes time O(length_bp + size * size) when its hashes come in random order.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = sketch_kmers(np.array([[0, 0, 1, 2], [1, 2, 3, 3]], dtype=np.uint8), k=2, size=4)
    >>> bool((a == b).all()), int((a < 2**64 - 1).sum())
    (True, 3)
    """
    array = check_codes(codes, (2,))
    length = check_integer("k", k, 1, MAX_K)
    n_hashes = check_integer("size", size, 1, MAX_SIZE)
    threads = check_threads(n_threads)
    out = np.empty((len(array), n_hashes), np.uint64)
    if _sketches.sketch_kmers(array, length, out, threads):
        raise bad_code_error(array)
    return out
