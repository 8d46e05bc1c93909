"""Checks of arguments that the kernel wrappers share."""

from __future__ import annotations

import operator

import numpy as np
import numpy.typing as npt


def check_codes(codes: object, ndims: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return ``codes`` as a C-contiguous uint8 array, copied only when it is strided.

    Parameters
    ----------
    codes : ndarray, dtype uint8
        Base codes, possibly read-only or memory-mapped.
    ndims : tuple of int
        Numbers of axes that are accepted.

    Returns
    -------
    ndarray, dtype uint8
        The same data.

    Raises
    ------
    TypeError
        Not an array, or not of dtype uint8.
    ValueError
        Wrong number of axes.
    """
    if not isinstance(codes, np.ndarray):
        raise TypeError(f"codes must be a uint8 ndarray; got {type(codes).__name__}")
    if codes.dtype != np.uint8:
        raise TypeError(f"codes must have dtype uint8; got {codes.dtype}")
    if codes.ndim not in ndims:
        wanted = " or ".join(str(ndim) for ndim in ndims)
        raise ValueError(f"codes must have {wanted} axes; got shape {codes.shape}")
    return np.ascontiguousarray(codes)


def check_integer(name: str, value: object, low: int, high: int) -> int:
    """Return ``value`` as an int within ``[low, high]``.

    Raises
    ------
    TypeError
        Not an integer (a bool is none either).
    ValueError
        Out of range.
    """
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be an integer; got {value!r}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {value!r}") from None
    if not low <= number <= high:
        raise ValueError(f"{name} must lie between {low} and {high}; got {number}")
    return number


def check_threads(n_threads: object) -> int:
    """Return ``n_threads`` as an int of at least 1."""
    return check_integer("n_threads", n_threads, 1, 1024)


def make_out(
    out: object,
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
    *inputs: npt.NDArray[np.uint8],
) -> npt.NDArray[np.generic]:
    """Return the output array: a new one, or ``out`` after checking it.

    Parameters
    ----------
    out : ndarray or None
        The caller's output, for example a writable memory map.
    shape : tuple of int
        Shape that it must have.
    dtype : dtype-like
        Data type that it must have, in native byte order.
    *inputs : ndarray
        Arrays that it must not share memory with.

    Returns
    -------
    ndarray
        ``out`` itself where it was given; its content is not initialised.

    Raises
    ------
    TypeError
        ``out`` is no array or has another dtype.
    ValueError
        ``out`` has another shape, is strided, read-only or overlaps an input.
    """
    wanted = np.dtype(dtype)
    if out is None:
        return np.empty(shape, wanted)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray; got {type(out).__name__}")
    if out.dtype != wanted:
        raise TypeError(f"out must have dtype {wanted}; got {out.dtype}")
    if out.shape != shape:
        raise ValueError(f"out must have shape {shape}; got {out.shape}")
    if not out.flags.c_contiguous:
        raise ValueError("out must be C-contiguous; got a strided array")
    if not out.flags.writeable:
        raise ValueError("out must be writable; got a read-only array")
    if any(np.may_share_memory(out, array) for array in inputs):
        raise ValueError("out must not share memory with the input; pass another array")
    return out


def bad_code_error(codes: npt.NDArray[np.uint8]) -> ValueError:
    """Return the error for codes above 4, naming the first one; the caller raises it."""
    rows = codes.reshape(1, -1) if codes.ndim == 1 else codes
    for number, row in enumerate(rows):
        if row.size and row.max() > 4:
            column = int(np.argmax(row > 4))
            where = f"column {column}" if codes.ndim == 1 else f"row {number}, column {column}"
            return ValueError(
                f"codes must lie between 0 and 4 (A C G T = 0 1 2 3, else 4); "
                f"got {row[column]} at {where}; encode text with encode_bases first"
            )
    return ValueError("codes must lie between 0 and 4; they changed while they were read")
