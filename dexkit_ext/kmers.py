"""k-mer counts of sequences."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from dexkit_ext import _kmers
from dexkit_ext.arrays import bad_code_error, check_codes, check_integer, check_threads, make_out

MAX_K = 8
"""Largest k: numbers of longer k-mers do not fit the uint16 in which the kernel forms them."""

_MAX_COUNT = int(np.iinfo(np.uint16).max)
_BLOCK_BYTES = 16 << 20


def count_kmers(
    codes: npt.NDArray[np.uint8],
    k: int,
    both_strands: bool = False,
    out: npt.NDArray[np.uint16] | None = None,
    n_threads: int = 1,
) -> npt.NDArray[np.uint16]:
    """Count the k-mers of every sequence.

    Parameters
    ----------
    codes : ndarray of shape (n, length_bp), dtype uint8
        Codes as :func:`~dexkit_ext.encode_bases` makes them.
    k : int
        Length of the k-mers in bases, 1 to 8.
    both_strands : bool
        Count each window and its reverse complement; a palindrome then counts twice.
    out : ndarray of shape (n, 4**k), dtype uint16, optional
        Where to write, for example a memory map; its old content is overwritten.
    n_threads : int
        Threads over rows; the result does not depend on it. A serial build uses one.

    Returns
    -------
    ndarray of shape (n, 4**k), dtype uint16
        Counts, columns in lexicographic order (AA, AC, AG, AT, CA …); ``out`` where it was given.
        Windows that hold a code 4 are not counted.

    Raises
    ------
    TypeError
        Wrong type or dtype of an argument.
    ValueError
        ``k`` out of range, sequences so long that a count could exceed 65,535, a code above 4
        (``out`` is then undefined), or an ``out`` that does not fit.

    Notes
    -----
    O(n * length_bp) time; beside the output, a few kilobytes of memory a thread.

    Examples
    --------
    >>> import numpy as np
    >>> count_kmers(np.array([[0, 0, 1, 4, 3]], dtype=np.uint8), k=2)[0, :2]
    array([1, 1], dtype=uint16)
    """
    array = check_codes(codes, (2,))
    size = check_integer("k", k, 1, MAX_K)
    if not isinstance(both_strands, bool | np.bool_):
        raise TypeError(f"both_strands must be True or False; got {both_strands!r}")
    threads = check_threads(n_threads)
    n_rows, length = array.shape
    most = (length - size + 1) * (2 if both_strands else 1)
    if most > _MAX_COUNT:
        raise ValueError(
            f"sequences of {length} bp hold up to {most} windows of {size} bp, more than a uint16 "
            f"counter can count ({_MAX_COUNT}); cut them into shorter sequences"
        )
    result = cast("npt.NDArray[np.uint16]", make_out(out, (n_rows, 4**size), np.uint16, array))
    if result.flags.aligned:
        blocks = [(0, n_rows, result)]
    else:
        # A dataset of an HDF5 file may start at an odd byte, where C cannot address uint16.
        step = max(1, _BLOCK_BYTES // (2 * 4**size))
        buffer = np.empty((min(step, n_rows), 4**size), np.uint16)
        blocks = [(start, min(start + step, n_rows), buffer) for start in range(0, n_rows, step)]
    for start, stop, target in blocks:
        part = target[: stop - start]
        if _kmers.count_kmers(array[start:stop], size, bool(both_strands), part, threads):
            raise bad_code_error(array)
        if target is not result:
            result[start:stop] = part
    return result
