"""HiC-Pro contact matrix: ``*.matrix`` beside ``*_abs.bed``.

The matrix has three columns, two bin ids and a value (whole numbers; decimals once iced), usually
the upper triangle. The bed file has chrom, start (0-based), end and id (from 1) of every bin.
HiC-Pro puts the iced matrix into another folder than the bed file (``raw`` and ``iced``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from dexkit.errors import InputError
from dexkit.io.contacts.bin_table import BinTable, read_bins
from dexkit.io.contacts.head import Head, is_position
from dexkit.io.contacts.options import ContactOptions
from dexkit.io.contacts.reading import Counter, Reading, Target
from dexkit.io.contacts.regions import no_regions, number
from dexkit.io.text import STDIN
from dexkit_ext import MatrixCounter

NAME = "hicpro-matrix"
_N_COLUMNS = 3
_BED_ENDINGS = ("_abs.bed", "_abs.bed.gz")


def matches(head: Head) -> bool:
    """Return whether the first line has three columns: two whole numbers and a number."""
    if not head.lines:
        return False
    fields = head.lines[0].split()
    return (
        len(fields) == _N_COLUMNS
        and is_position(fields[0])
        and is_position(fields[1])
        and number(fields[2]) is not None
    )


def describe(head: Head, path: str | os.PathLike[str], options: ContactOptions) -> Reading:
    """Read the bed file of the bins.

    Parameters
    ----------
    head : Head
        The first lines of the matrix.
    path : str or path-like
        The matrix.
    options : ContactOptions
        With the bed file, if it was given.

    Returns
    -------
    Reading
        A matrix; its counter refuses bins of another size.

    Raises
    ------
    FormatError
        When the first line has not three columns, or the bed file is malformed.
    InputError
        When the bed file is not found, or there are several.
    """
    if not matches(head):
        raise no_regions("HiC-Pro matrix", "two bin ids and a value", head, path)
    table = read_bins(options.bins_bed or find_bins(path))

    def counter(target: Target) -> Counter:
        return _counter(table, target)

    return Reading(
        format=NAME,
        kind="matrix",
        counter=counter,
        separator=" ",
        n_columns=_N_COLUMNS,
        chroms_of=lambda _fields: (),
        chroms=tuple(table.n_bins),
        lengths=table.lengths,
        stated_in=table.path,
        inputs=(table.record,),
    )


def _counter(table: BinTable, target: Target) -> Counter:
    """Make the counter for the rows of a build."""
    bins = target.bins
    if table.bin_size_bp != bins.bin_size_bp:
        raise InputError(
            f"{table.path}: the matrix has bins of {table.bin_size_bp:,} bp; expected "
            f"{bins.bin_size_bp:,} bp as asked for; give the matrix of that bin size, or set "
            "bin_size_bp"
        )
    row_of_bin, chrom_of_bin = table.rows(target.genome, target.alias, bins)
    return MatrixCounter(
        row_of_bin,
        chrom_of_bin,
        len(target.genome.lengths),
        len(bins),
        bins.n_flank_bins,
        id_base=table.first_id,
        first_line=target.first_line,
    )


def find_bins(path: str | os.PathLike[str]) -> Path:
    """Find the bed file of a HiC-Pro matrix.

    Looked for are, in this order, the file of the same name (``x.matrix`` or ``x_iced.matrix``:
    ``x_abs.bed``) in the folder of the matrix, the same in HiC-Pro's ``raw`` folder when the
    matrix lies in ``iced``, and the only ``*_abs.bed`` in the folder of the matrix.

    Parameters
    ----------
    path : str or path-like
        The matrix.

    Returns
    -------
    Path
        The bed file; it may be compressed.

    Raises
    ------
    InputError
        When there is none, or several.
    """
    if os.fspath(path) == STDIN:
        raise InputError(
            "standard input: a HiC-Pro matrix comes with a bed file of its bins; name it with "
            "--bins-bed"
        )
    matrix = Path(path)
    stem = re.sub(r"(_iced)?(\.matrix)?(\.gz)?$", "", matrix.name)
    folder = matrix.parent
    folders = [folder]
    if folder.parent.name == "iced":  # iced/5000/x_5000_iced.matrix, raw/5000/x_5000_abs.bed
        folders.append(folder.parent.parent / "raw" / folder.name)
    for place in folders:
        for ending in _BED_ENDINGS:
            if (named := place / f"{stem}{ending}").is_file():
                return named
    beside = sorted(p for ending in _BED_ENDINGS for p in folder.glob(f"*{ending}"))
    if len(beside) == 1:
        return beside[0]
    found = ", ".join(p.name for p in beside) or "no *_abs.bed"
    raise InputError(
        f"{path}: the bed file of the bins of this HiC-Pro matrix is not clear; got {found} beside "
        f"it; expected {stem}_abs.bed; name it with --bins-bed"
    )
