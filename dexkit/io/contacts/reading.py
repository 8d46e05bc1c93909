"""How one file is to be read, as its reader found out, and what it is counted into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dexkit.genome import Genome
from dexkit.io.contacts.tss_bins import TssBins
from dexkit.io.text import InputRecord


class Counter(Protocol):
    """What counts the text of a file: the kernels, and the readers that prepare lines for them."""

    @property
    def counts(self) -> npt.NDArray[Any]:
        """Counts or sums by row and offset, of shape (n_rows, 2 * n_flank_bins + 1)."""

    @property
    def cis_by_chrom(self) -> npt.NDArray[np.int64]:
        """Lines of a value above 0 with both ends on the chromosome, of shape (n_chroms,)."""

    @property
    def unknown_chroms(self) -> list[str]:
        """The first names of chromosomes that the FASTA has not."""

    @property
    def n_lines(self) -> int:
        """Absolute number of the last line that was read."""

    @property
    def n_cis(self) -> int:
        """Lines with both ends on one chromosome of the FASTA."""

    @property
    def n_trans(self) -> int:
        """Lines with ends on two chromosomes of the FASTA."""

    @property
    def n_unknown_chrom(self) -> int:
        """Lines with an end on another chromosome."""

    def feed(self, chunk: bytes) -> None:
        """Count the next bytes."""

    def finish(self) -> None:
        """Count the last line."""


@dataclass(frozen=True)
class Target:
    """What the contacts are counted into.

    Parameters
    ----------
    genome : Genome
        Chromosome names and lengths of the FASTA.
    alias : mapping of str to str
        Names in the file to names in the FASTA, where they differ.
    bins : TssBins
        Rows to count.
    anchors : {"overlap", "midpoint"}
        Bins that a region stands for.
    first_line : int
        1-based number of the line that the counter is fed first.
    """

    genome: Genome
    alias: Mapping[str, str]
    bins: TssBins
    anchors: str
    first_line: int


@dataclass(frozen=True)
class Reading:
    """How a file is to be read.

    Parameters
    ----------
    format : str
        Name of the format, as in ``--contacts-format``.
    kind : {"pairs", "matrix", "loops"}
        As in :class:`~dexkit.io.contacts.ContactRows`.
    counter : callable
        ``counter(target)`` makes the counter; may raise when the bins do not fit the file.
    separator : str
        What separates the columns.
    n_columns : int
        Columns of the first line; a last line without a line end must not have fewer.
    chroms_of : callable
        Chromosome names of a line, given its columns; a name may be missing.
    chroms : tuple of str, optional
        Names of the chromosomes that the file states, where the lines bear none.
    lengths : mapping of str to int, optional
        Chromosome lengths that the file states, in base pairs, by the file's own names.
    stated_in : str, optional
        Where, in words that fit a sentence.
    length_lines : mapping of str to int, optional
        1-based numbers of the lines that state them, where the lines are this file's.
    whole_file : bool, optional
        Whether the counter takes the header too (else the first line of data comes first).
    n_header_rows : int, optional
        Lines behind the ``#`` lines that only name the columns.
    messages : tuple of str, optional
        Sentences to say aloud.
    widest_bp : int, optional
        The widest anchor among the first lines, 0 where there are none.
    inputs : tuple of InputRecord, optional
        Files that were read beside this one.
    """

    format: str
    kind: str
    counter: Callable[[Target], Counter]
    separator: str
    n_columns: int
    chroms_of: Callable[[list[str]], Iterable[str]]
    chroms: tuple[str, ...] | None = None
    lengths: Mapping[str, int] = field(default_factory=dict)
    stated_in: str = "the header"
    length_lines: Mapping[str, int] = field(default_factory=dict)
    whole_file: bool = False
    n_header_rows: int = 0
    messages: tuple[str, ...] = ()
    widest_bp: int = 0
    inputs: tuple[InputRecord, ...] = ()
