"""Shuffle promoters so that every dinucleotide keeps its number (Altschul and Erickson 1985)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError

_BASES = 4
#: Elements of one block of runs: bounds the memory (8 bytes each, a few arrays of them).
_BLOCK_ELEMENTS = 1 << 20
#: A run of three bases has one order only: its ends and its two dinucleotides are given.
_SHORTEST = 4
#: Where the three bases other than the last one of a run may be left for the last time.
_CHOICES = np.array(list(itertools.product(range(_BASES), repeat=_BASES - 1)), dtype=np.int8)

Codes = npt.NDArray[np.uint8]


def dinucleotide_shuffle(codes: Codes, seed: int, cuts: tuple[int, ...] = ()) -> Codes:
    """Return each row in a random order that has the same dinucleotides.

    Every run of known bases is shuffled by itself, uniformly among all orders that keep its first
    base, its last base and the number of each of its 16 dinucleotides; unknown bases stay where
    they are. The order is a random walk along all edges of the graph of dinucleotides (Altschul
    and Erickson 1985, Mol Biol Evol 2:526); the tree of last exits is drawn with its exact
    probability, so nothing is tried and rejected.

    Parameters
    ----------
    codes : ndarray of shape (n_genes, length_bp), dtype uint8
        A C G T = 0 1 2 3, anything else 4.
    seed : int
        Seed; the same codes and seed give the same result.
    cuts : tuple of int, optional
        Columns in front of which runs end, so that the part on either side keeps its own
        dinucleotides: the edges of the window between the margins.

    Returns
    -------
    ndarray of shape (n_genes, length_bp), dtype uint8
        Shuffled codes, C-contiguous.

    Raises
    ------
    FormatError
        When a code is above 4.
    """
    if codes.size and codes.max() > _BASES:
        raise FormatError(f"a base code is {codes.max()}; expected 0 to {_BASES}")
    rng = np.random.default_rng(seed)
    shuffled = np.array(codes, dtype=np.uint8, order="C")
    flat = shuffled.reshape(-1)
    start, length = _runs(shuffled, cuts)
    for block in _blocks(length):
        first, sizes = start[block], length[block]
        place = np.arange(int(sizes.max()))
        inside = place < sizes[:, None]
        where = np.where(inside, first[:, None] + place, 0)
        flat[where[inside]] = _walk(np.where(inside, flat[where], _BASES), sizes, rng)[inside]
    return shuffled


def _runs(codes: Codes, cuts: tuple[int, ...]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return start in the flat array and length of all runs of known bases worth shuffling."""
    n_rows, n_columns = codes.shape
    known = np.zeros((n_rows, n_columns + 1), dtype=bool)
    known[:, :-1] = codes < _BASES
    begins = known.copy()
    begins[:, 1:] &= ~known[:, :-1]
    ends = np.zeros_like(known)
    ends[:, 1:] = known[:, :-1] & ~known[:, 1:]
    for cut in cuts:
        if 0 < cut < n_columns:
            begins[:, cut] = known[:, cut]
            ends[:, cut] = known[:, cut - 1]
    row, first = np.nonzero(begins)
    _, last = np.nonzero(ends)
    start, length = row * n_columns + first, last - first
    worth = length >= _SHORTEST
    return start[worth], length[worth]


def _blocks(length: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
    """Yield runs of like length in blocks of bounded size once padded."""
    order = np.argsort(-length, kind="stable")
    at = 0
    while at < len(order):
        n_runs = max(1, _BLOCK_ELEMENTS // int(length[order[at]]))
        yield order[at : at + n_runs]
        at += n_runs


@dataclass(frozen=True)
class _Edges:
    """The dinucleotides of some runs.

    Parameters
    ----------
    head, tail : ndarray of shape (n_runs, n_edges), dtype uint8
        First and second base; 4 and anything where a run has ended.
    number : ndarray of shape (n_runs, 4, 4), dtype int64
        How many there are of each.
    """

    head: Codes
    tail: Codes
    number: npt.NDArray[np.int64]

    @classmethod
    def of(cls, runs: Codes) -> _Edges:
        head, tail = runs[:, :-1].copy(), runs[:, 1:]
        head[tail == _BASES] = _BASES
        n_runs = len(runs)
        pair = head.astype(np.int64) * _BASES + tail + np.arange(n_runs)[:, None] * _BASES**2
        real = head < _BASES
        counts = np.bincount(pair[real], minlength=n_runs * _BASES**2)
        return cls(head, tail, counts.reshape(n_runs, _BASES, _BASES))


def _walk(runs: Codes, length: npt.NDArray[np.intp], rng: np.random.Generator) -> Codes:
    """Shuffle runs, padded with 4 behind their end."""
    n_runs = len(runs)
    each: npt.NDArray[np.intp] = np.arange(n_runs)
    edges = _Edges.of(runs)
    key = rng.random(edges.head.shape)
    exits = _last_exits(edges.number, runs[each, length - 1], rng)
    for base in range(_BASES):
        # One of the dinucleotides that leave the base as the tree says is left for the end.
        chosen = (edges.head == base) & (edges.tail == exits[:, base, None])
        found = chosen.any(axis=1)
        key[each[found], chosen[found].argmax(axis=1)] = 1.0
    order = np.argsort(edges.head + key * 0.5, axis=1, kind="stable")
    tails = np.take_along_axis(edges.tail, order, axis=1)
    leaving = edges.number.sum(axis=2)
    at = np.zeros((n_runs, _BASES + 1), dtype=np.intp)
    at[:, 1:] = np.cumsum(leaving, axis=1)
    walked = runs.copy()
    here = runs[:, 0].astype(np.intp)
    for step in range(1, runs.shape[1]):
        active = each[step < length]
        at_base = here[active]
        here[active] = walked[active, step] = tails[active, at[active, at_base]]
        at[active, at_base] += 1
    return walked


def _last_exits(
    number: npt.NDArray[np.int64], final: Codes, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw, for each run and base, the base that follows when it is left for the last time.

    A set of exits allows a walk along all dinucleotides when they lead from every base to the
    final one; its probability is proportional to the product of the numbers of its dinucleotides.

    Parameters
    ----------
    number : ndarray of shape (n_runs, 4, 4), dtype int64
        Dinucleotides of each run.
    final : ndarray of shape (n_runs,), dtype uint8
        Last base of each run.
    rng : numpy.random.Generator
        Draws.

    Returns
    -------
    ndarray of shape (n_runs, 4), dtype int64
        Exits; -1 for the final base and for bases that the run lacks.
    """
    exits = np.full((len(number), _BASES), -1)
    drawn = rng.random(len(number))
    for last in range(_BASES):
        rows = np.flatnonzero(final == last)
        if not len(rows):
            continue
        others = [base for base in range(_BASES) if base != last]
        leading = _CHOICES[_leads_to(last, others)]
        weight = np.ones((len(rows), len(leading)))
        lacking = number[rows].sum(axis=2) == 0
        for column, base in enumerate(others):
            of_base = number[rows, base].astype(np.float64)
            of_base[lacking[:, base]] = np.eye(_BASES)[last]
            weight *= of_base[:, leading[:, column]]
        share = np.cumsum(weight, axis=1)
        picked = (share <= drawn[rows, None] * share[:, -1:]).sum(axis=1)
        for column, base in enumerate(others):
            exits[rows, base] = np.where(lacking[:, base], -1, leading[picked, column])
    return exits


def _leads_to(last: int, others: list[int]) -> npt.NDArray[np.bool_]:
    """Which choices of exits of the other bases lead from each of them to the last one."""
    good = []
    for choice in _CHOICES:
        exit_of = dict(zip(others, (int(c) for c in choice), strict=True))
        ends = set()
        for base in others:
            at = base
            for _ in others:
                at = exit_of.get(at, at)
            ends.add(at)
        good.append(ends == {last})
    return np.array(good)
