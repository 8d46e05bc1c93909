"""Read the arrays that the authors of DeepExpression published, without loading them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError, InputError
from dexkit.io.expression import read_expression
from dexkit.io.expression.table import some
from dexkit.io.samples import check_sample_name
from dexkit.io.text import input_file

UPSTREAM_BP, DOWNSTREAM_BP = 1000, 1001
"""Window of the published sequences: TSS - 1000 to TSS + 1000, both ends included. The authors'
code takes ``X_seq[:, 1000 - plen : 1001 + plen]`` (wanwenzeng/DeepExpression at cde238a)."""

BIN_SIZE_BP, N_FLANK_BINS = 5000, 200
"""Bins of the published contacts (Zeng, Wang and Jiang 2019, section 2.1)."""

_LENGTH_BP = UPSTREAM_BP + DOWNSTREAM_BP
_N_BINS = (2 * N_FLANK_BINS, 2 * N_FLANK_BINS + 1)
_UNKNOWN_CODE = 4
#: Flags of A, C, G and T alone, and of all four, as one word each in the byte order of the machine.
_ONE = np.eye(4, dtype=np.uint8).view(np.uint32)[:, 0]
_ALL = np.ones(4, dtype=np.uint8).view(np.uint32)[0]
#: What NumPy raises on broken files: the header of an array is parsed as Python.
_UNREADABLE = (
    *(ValueError, EOFError, OSError, OverflowError, TypeError, MemoryError, RecursionError),
    *(SyntaxError, TokenError),
)
_SEQUENCE_FILE = "X_seq.npy"


@dataclass(frozen=True)
class StoredRows:
    """Rows of a ``.npy`` file, read when they are asked for.

    Parameters
    ----------
    path : Path
        The file.
    dtype : dtype
        Booleans, integers or floats.
    shape : tuple of int
        First axis is genes.
    offset : int
        Where the numbers start, in bytes.
    order : {"C", "F"}
        How they lie in the file.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    order: Literal["C", "F"]

    @classmethod
    def open(cls, path: Path) -> StoredRows:
        """Read the header of a file.

        Raises
        ------
        InputError
            When there is no such file.
        FormatError
            When it is no complete ``.npy`` file of numbers.
        """
        input_file(path, "NumPy array")
        try:
            with warnings.catch_warnings():
                # Arrays of Python 2 have a header that NumPy reads with a warning.
                warnings.simplefilter("ignore", UserWarning)
                array = np.load(path, mmap_mode="r", allow_pickle=False)
        except _UNREADABLE as error:
            raise FormatError(
                "cannot be read as a NumPy array; expected a complete .npy file of numbers; copy "
                "or download it again",
                str(path),
            ) from error
        if not isinstance(array, np.memmap) or array.dtype.kind not in "biuf":
            found = getattr(array, "dtype", "an archive of arrays")
            raise FormatError(f"holds {found}; expected one array of numbers", str(path))
        order: Literal["C", "F"] = "C" if array.flags.c_contiguous else "F"
        return cls(path, array.dtype, array.shape, array.offset, order)

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        """Return a copy of some rows; the file is mapped meanwhile, so that no page stays."""
        mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, self.order)
        return np.array(mapped[rows])


@dataclass(frozen=True)
class PublishedArrays:
    """The published files of one folder; row i is the same gene in each of them.

    Parameters
    ----------
    sequence : StoredRows of shape (n_genes, 2001, 4)
        One-hot bases in the order A, C, G, T; their values not yet checked.
    contacts : dict of str to StoredRows of shape (n_genes, 400 or 401)
        By sample; offsets -200 to +199 or +200 bins; their values not yet checked.
    symbols : list of str
        Gene symbol of each row; repeats are kept.
    expression : dict of str to ndarray of shape (n_genes,), dtype float64
        By sample; finite and not negative.
    paths : tuple of Path
        Every file that belongs to it.
    """

    sequence: StoredRows
    contacts: dict[str, StoredRows]
    symbols: list[str]
    expression: dict[str, npt.NDArray[np.float64]]
    paths: tuple[Path, ...]


def open_published_arrays(folder: Path) -> PublishedArrays:
    """Open ``X_seq.npy``, ``exp_<sample>.npy`` and ``rna_<sample>.txt`` of a folder.

    Parameters
    ----------
    folder : Path
        The folder. ``exp_<sample>.npy`` holds contacts, ``(n_genes, 400 or 401)`` with or without
        a last axis of one; ``rna_<sample>.txt`` two columns, symbol and expression, without
        header. A sample may lack its contacts, and all but one its expression.

    Returns
    -------
    PublishedArrays
        Headers of the arrays and the tables are read.

    Raises
    ------
    InputError
        When the folder or one of its files is missing, or the numbers of rows or the symbols
        differ between files.
    FormatError
        When an array is no plain array of numbers or has another shape, or a table is malformed or
        lacks a value.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; expected one with {_SEQUENCE_FILE}, exp_<sample>.npy and "
            "rna_<sample>.txt"
        )
    sequence_path = input_file(folder / _SEQUENCE_FILE, "one-hot array of sequences")
    tables = {p.name[4:-4]: p for p in sorted(folder.glob("rna_*.txt"))}
    arrays = {p.name[4:-4]: p for p in sorted(folder.glob("exp_*.npy"))}
    if not tables:
        raise InputError(f"{folder}: no rna_<sample>.txt is there; expected one, for the symbols")
    for sample in (*tables, *arrays):
        check_sample_name(sample)
    sequence = StoredRows.open(sequence_path)
    if len(sequence.shape) != 3 or sequence.shape[1:] != (_LENGTH_BP, 4):
        raise FormatError(
            f"the array has shape {sequence.shape}; expected (genes, {_LENGTH_BP}, 4)",
            str(sequence_path),
        )
    symbols, expression = _read_tables(tables)
    _check_rows(len(sequence), len(symbols), sequence_path, next(iter(tables.values())))
    contacts = {sample: _open_contacts(path) for sample, path in arrays.items()}
    for sample, array in contacts.items():
        _check_rows(len(array), len(symbols), arrays[sample], next(iter(tables.values())))
    paths = (sequence_path, *arrays.values(), *tables.values())
    return PublishedArrays(sequence, contacts, symbols, expression, paths)


def codes_of_one_hot(
    one_hot: npt.NDArray[Any], rows: npt.NDArray[np.intp], symbols: list[str], path: str
) -> npt.NDArray[np.uint8]:
    """Turn one-hot bases into base codes.

    Parameters
    ----------
    one_hot : ndarray of shape (n, length_bp, 4)
        Rows of ``X_seq.npy``, columns A, C, G, T.
    rows : ndarray of shape (n,), dtype intp
        Their numbers in the file, for the message.
    symbols : list of str
        Gene symbol of every row of the file, for the message.
    path : str
        The file, for the message.

    Returns
    -------
    ndarray of shape (n, length_bp), dtype uint8
        A C G T = 0 1 2 3; 4 where all four are 0, or all are 0.25.

    Raises
    ------
    FormatError
        When a base holds anything else.
    """
    # The four flags of a base are compared as one word.
    is_one = _words(one_hot == 1)
    is_zero = _words(one_hot == 0)
    codes = np.full(is_one.shape, _UNKNOWN_CODE, dtype=np.uint8)
    known = np.zeros(is_one.shape, dtype=bool)
    for code, word in enumerate(_ONE):
        here = (is_one == word) & (is_zero == _ALL - word)
        codes[here] = code
        known |= here
    bad = ~(known | (is_zero == _ALL))
    if bad.any():
        bad &= (one_hot != 0.25).any(axis=-1)
    if bad.any():
        i, base = (int(at) for at in np.argwhere(bad)[0])
        held = ", ".join(f"{float(value):g}" for value in one_hot[i, base])
        raise FormatError(
            f"{_row(rows[i], symbols)}, base {base} holds {held}; expected a single 1 and zeros "
            "for A, C, G, T, or four times 0 or 0.25 for an unknown base",
            path,
        )
    return codes


def _words(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint32]:
    """View (n, length_bp, 4) flags as (n, length_bp) words."""
    return np.ascontiguousarray(flags).view(np.uint32)[..., 0]


def finite_profiles(
    values: npt.NDArray[Any], rows: npt.NDArray[np.intp], symbols: list[str], path: str
) -> npt.NDArray[np.float32]:
    """Return contact profiles as float32.

    Parameters
    ----------
    values : ndarray of shape (n, n_bins)
        Rows of ``exp_<sample>.npy``.
    rows, symbols, path
        As in :func:`codes_of_one_hot`.

    Returns
    -------
    ndarray of shape (n, n_bins), dtype float32
        The same values.

    Raises
    ------
    FormatError
        When one is NaN, infinite, or beyond the range of float32.
    """
    with np.errstate(over="ignore"):
        profiles = values.astype(np.float32)
    bad = ~np.isfinite(profiles)
    if bad.any():
        i, column = (int(at) for at in np.argwhere(bad)[0])
        raise FormatError(
            f"{_row(rows[i], symbols)}, column {column} is {float(values[i, column]):g}; expected "
            "a finite number",
            path,
        )
    return profiles


def _row(row: Any, symbols: list[str]) -> str:
    return f"row {int(row)} (counted from 0, gene {symbols[int(row)]!r})"


def _open_contacts(path: Path) -> StoredRows:
    array = StoredRows.open(path)
    flat = array.shape[:2] if array.shape[2:] == (1,) else array.shape
    if len(flat) != 2 or flat[1] not in _N_BINS:
        raise FormatError(
            f"the array has shape {array.shape}; expected (genes, {_N_BINS[0]}) or "
            f"(genes, {_N_BINS[1]}), with or without a last axis of 1",
            str(path),
        )
    return replace(array, shape=flat)


def _read_tables(
    tables: dict[str, Path],
) -> tuple[list[str], dict[str, npt.NDArray[np.float64]]]:
    """Read the expression of every sample; all must list the same symbols in the same order."""
    symbols: list[str] = []
    first: Path | None = None
    expression = {}
    for sample, path in tables.items():
        table = read_expression(path, sample)
        if table.samples != [sample]:
            raise FormatError(
                f"the first row reads like a header (columns {some(table.samples)}); expected "
                "two columns, symbol and value, without header",
                str(path),
            )
        values = table.values[:, 0]
        if np.isnan(values).any():
            row = int(np.flatnonzero(np.isnan(values))[0])
            raise FormatError(
                f"{_row(row, table.ids)} has no value; expected a number in every row", str(path)
            )
        if first is None:
            symbols, first = table.ids, path
        elif table.ids != symbols:
            _check_rows(len(table.ids), len(symbols), path, first)
            row = next(
                i
                for i, pair in enumerate(zip(table.ids, symbols, strict=True))
                if pair[0] != pair[1]
            )
            raise InputError(
                f"{path}: {_row(row, table.ids)} is {symbols[row]!r} in {first}; expected the same "
                "symbols in the same order"
            )
        expression[sample] = values
    return symbols, expression


def _check_rows(n: int, expected: int, path: Path, other: Path) -> None:
    if n != expected:
        raise InputError(
            f"{path}: has {n:,} rows and {other} has {expected:,}; expected one a gene in each"
        )
