"""Bases to codes, reverse complement and one-hot."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from dexkit_ext import _sequence
from dexkit_ext.arrays import bad_code_error, check_codes, check_threads, make_out

# Code of every base that is not A, C, G or T.
_OTHER = 4
# Outputs from this size on are written past the caches: as large as those of most processors.
_STREAM_BYTES = 32 << 20


def encode_bases(
    sequence: bytes | bytearray | memoryview | npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """Turn bases into codes: A C G T, in either case, to 0 1 2 3, anything else to 4.

    Parameters
    ----------
    sequence : bytes, bytearray, memoryview or ndarray of shape (length_bp,), dtype uint8
        ASCII letters.
    out : ndarray of shape (length_bp,), dtype uint8, optional
        Where to write.

    Returns
    -------
    ndarray of shape (length_bp,), dtype uint8
        The codes; ``out`` where it was given.

    Raises
    ------
    TypeError
        ``sequence`` is a str, or neither bytes nor a uint8 array.
    ValueError
        ``sequence`` has more than one axis, or ``out`` does not fit.

    Examples
    --------
    >>> encode_bases(b"ACGTn")
    array([0, 1, 2, 3, 4], dtype=uint8)
    """
    if isinstance(sequence, str):
        raise TypeError("sequence must be bytes; got str, use sequence.encode('ascii')")
    if isinstance(sequence, bytes | bytearray | memoryview):
        try:
            text = np.frombuffer(sequence, dtype=np.uint8)
        except (ValueError, BufferError) as error:
            raise ValueError(f"sequence must be a contiguous buffer; {error}") from None
    elif isinstance(sequence, np.ndarray):
        if sequence.dtype != np.uint8:
            raise TypeError(f"sequence must have dtype uint8; got {sequence.dtype}")
        if sequence.ndim != 1:
            raise ValueError(f"sequence must have one axis; got shape {sequence.shape}")
        text = np.ascontiguousarray(sequence)
    else:
        raise TypeError(f"sequence must be bytes or a uint8 ndarray; got {type(sequence).__name__}")
    codes = cast("npt.NDArray[np.uint8]", make_out(out, text.shape, np.uint8, text))
    _sequence.encode_bases(text, codes)
    return codes


def reverse_complement(
    codes: npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint8] | None = None,
    n_threads: int = 1,
) -> npt.NDArray[np.uint8]:
    """Reverse and complement codes; 4 stays 4.

    Parameters
    ----------
    codes : ndarray of shape (length_bp,) or (n, length_bp), dtype uint8
        Codes as :func:`encode_bases` makes them; each row is one sequence.
    out : ndarray of the same shape, dtype uint8, optional
        Where to write; not ``codes`` itself.
    n_threads : int
        Threads over rows; the result does not depend on it. A serial build uses one.

    Returns
    -------
    ndarray of the same shape, dtype uint8
        The codes of the other strand, read 5' to 3'; ``out`` where it was given.

    Raises
    ------
    TypeError
        ``codes`` or ``out`` is not a uint8 array.
    ValueError
        A code above 4 (``out`` is then undefined), a wrong number of axes, an ``out`` that does
        not fit, or no thread.

    Examples
    --------
    >>> reverse_complement(encode_bases(b"AACGN"))
    array([4, 1, 2, 3, 3], dtype=uint8)
    """
    array = check_codes(codes, (1, 2))
    threads = check_threads(n_threads)
    result = cast("npt.NDArray[np.uint8]", make_out(out, array.shape, np.uint8, array))
    shape = (1, array.shape[0]) if array.ndim == 1 else array.shape
    if _sequence.reverse_complement(array.reshape(shape), result.reshape(shape), threads):
        raise bad_code_error(array)
    return result


def one_hot(
    codes: npt.NDArray[np.uint8],
    dtype: npt.DTypeLike = "uint8",
    n_value: float = 0.0,
    out: npt.NDArray[np.uint8] | npt.NDArray[np.float32] | None = None,
    n_threads: int = 1,
) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """Expand codes to one-hot columns A, C, G, T.

    Parameters
    ----------
    codes : ndarray of shape (n, length_bp), dtype uint8
        Codes as :func:`encode_bases` makes them.
    dtype : {"uint8", "float32"}
        Data type of the result.
    n_value : {0.0, 0.25}
        What the four columns hold where the code is 4; 0.25 needs float32.
    out : ndarray of shape (n, length_bp, 4) and that dtype, optional
        Where to write, for example a memory map. Fresh pages are slow to touch: reuse it.
    n_threads : int
        Threads over rows; the result does not depend on it. A serial build uses one.

    Returns
    -------
    ndarray of shape (n, length_bp, 4)
        One-hot rows; ``out`` where it was given.

    Raises
    ------
    TypeError
        Wrong type or dtype of an array.
    ValueError
        A code above 4 (``out`` is then undefined), an unsupported ``dtype`` or ``n_value``, or an
        ``out`` that does not fit.

    Examples
    --------
    >>> one_hot(encode_bases(b"AN")[None], dtype="float32", n_value=0.25)
    array([[[1.  , 0.  , 0.  , 0.  ],
            [0.25, 0.25, 0.25, 0.25]]], dtype=float32)
    """
    array = check_codes(codes, (2,))
    wanted = np.dtype(dtype)
    if wanted not in (np.dtype(np.uint8), np.dtype(np.float32)):
        raise ValueError(f"dtype must be 'uint8' or 'float32'; got {wanted}")
    if n_value not in (0.0, 0.25):
        raise ValueError(f"n_value must be 0 or 0.25; got {n_value!r}")
    if n_value and wanted == np.uint8:
        raise ValueError("n_value 0.25 needs dtype 'float32'; got 'uint8'")
    threads = check_threads(n_threads)
    n_rows, length = array.shape
    result = make_out(out, (n_rows, length, 4), wanted, array)
    table = np.eye(_OTHER + 1, 4, dtype=wanted)
    table[_OTHER] = n_value
    # A view of bytes: the kernel is the same for both dtypes, and a map need not be aligned.
    flat = result.reshape(n_rows, 4 * length).view(np.uint8)
    stream = flat.nbytes >= _STREAM_BYTES
    if _sequence.one_hot(array, table.view(np.uint8), flat, stream, threads):
        raise bad_code_error(array)
    return cast("npt.NDArray[np.uint8] | npt.NDArray[np.float32]", result)
