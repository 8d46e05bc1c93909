"""What a contact reader hands back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.io.text import InputRecord
from dexkit.progress import Advance

Progress = Callable[[str, float | None], AbstractContextManager[Advance]]
"""``progress(description, total)`` as :func:`dexkit.progress.progress_bar`."""


@dataclass(frozen=True)
class ContactRows:
    """Contact counts of one file (one replicate) around the TSS bins.

    Parameters
    ----------
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype uint32 or float64
        Column ``n_flank_bins + d`` holds the contacts between the TSS bin and the bin ``d``
        further (towards higher coordinates, whatever the strand). Contacts inside the TSS bin
        count once. uint32 where read pairs were counted, float64 where values were added up.
    depth : int, float or None
        Valid pairs: both ends on chromosomes of the FASTA, cis and trans. The number of pairs
        (kind ``pairs``), the sum of the values (kind ``matrix``), None for a list of loops, which
        cannot tell how deep the sample was sequenced.
    kind : {"pairs", "matrix", "loops"}
        What a line or pixel stands for: one read pair, all pairs of two bins, one called loop.
    n_cis, n_trans : int
        Lines (pixels) with both ends on one, or on two chromosomes of the FASTA.
    n_unknown_chrom : int
        Lines with an end on a chromosome that the FASTA has not; not in ``depth``.
    n_dropped : int
        Pairs that the file marks as duplicates (DD) or unmapped (``!``); not in ``depth``.
    observed_chroms : frozenset of str
        FASTA names of the chromosomes with at least one cis line of a value above 0.
    format : str
        Name of the format, as in ``--contacts-format``.
    path : str
        The file as it was given; ``"-"`` is the standard input.
    unknown_chroms : tuple of str
        The first 20 names that the FASTA has not.
    messages : tuple of str
        Sentences to say aloud: chromosome names that were mapped, the column that was taken …
    inputs : tuple of InputRecord
        Name, size and SHA-256 of every file that was read, as stored.
    measured : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype bool, or None
        False where one of the two bins has no weight in a balanced matrix: a count of 0 there is
        no measured zero. None where every bin has one, or none is needed.
    """

    counts: npt.NDArray[Any]
    depth: int | float | None
    kind: str
    n_cis: int
    n_trans: int
    n_unknown_chrom: int
    n_dropped: int
    observed_chroms: frozenset[str]
    format: str
    path: str
    unknown_chroms: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    inputs: tuple[InputRecord, ...] = ()
    measured: npt.NDArray[np.bool_] | None = None
