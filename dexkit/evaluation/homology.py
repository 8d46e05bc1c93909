"""Near-copies among promoters: k-mer sketches, pairs of similar promoters, connected groups.

A sketch holds the smallest hashes of the canonical k-mers of a sequence (bottom-s MinHash), so the
overlap of two sketches estimates the overlap of the two sets of k-mers, whatever strand the copies
lie on. No alignment is made: this finds copies and overlaps, not remote relatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError
from dexkit_ext.sketches import MAX_K, MAX_SIZE, sketch_kmers

#: 4^16 / 2 canonical k-mers against some 4e7 windows in 20,000 promoters: two unrelated promoters
#: share one by chance in a few hundred pairs (Ondov et al. 2016, Mash, *Genome Biol* 17:132).
KMER_BP = 16
#: Hashes a promoter. The standard error of a similarity s is sqrt(s (1 - s) / 256), at most .03.
SKETCH_SIZE = 256
#: Jaccard index of the k-mers from which two promoters count as near-copies. Two 2,000-bp windows
#: reach it when they share 370 bp exactly, or differ in every tenth base over their full length
#: (the fraction .9^16 of the k-mers survives).
MIN_SIMILARITY = 0.1

#: Stands for "no hash" in sketches of promoters with fewer k-mers; sorts behind every hash.
_NONE = np.uint64(0xFFFFFFFFFFFFFFFF)
_ROWS_A_BLOCK = 512
_PAIRS_A_BLOCK = 8192


@dataclass(frozen=True)
class Pairs:
    """Pairs of genes that are related.

    Parameters
    ----------
    first, second : ndarray of shape (n_pairs,), dtype intp
        Rows of the genes, ``first < second``, ascending, no pair twice.
    similarity : ndarray of shape (n_pairs,), dtype float64
        Between 0 and 1.
    """

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    similarity: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.first)


def sketch_promoters(
    codes: npt.NDArray[np.uint8], k: int = KMER_BP, size: int = SKETCH_SIZE
) -> npt.NDArray[np.uint64]:
    """Return the smallest hashes of the canonical k-mers of every sequence.

    Parameters
    ----------
    codes : ndarray of shape (n, length_bp), dtype uint8
        Base codes 0 to 3 (A, C, G, T) and 4 (unknown), as in ``/sequence/codes``.
    k : int
        Length of the k-mers in bases, 8 to 31: a shorter one is in every promoter, and the number
        of a longer one does not fit 64 bits.
    size : int
        Hashes a sequence, 16 to 1,048,576.

    Returns
    -------
    ndarray of shape (n, size), dtype uint64
        Distinct hashes, ascending; rows of sequences with fewer k-mers end in the largest uint64.
        Windows with an unknown base do not count.

    Raises
    ------
    ConfigError
        When ``k`` or ``size`` is out of range.
    """
    if not 8 <= k <= MAX_K:
        raise ConfigError(f"the k-mers of a sketch have 8 to {MAX_K} bases; got {k}")
    if size < 16:
        raise ConfigError(f"a sketch has at least 16 hashes; got {size}")
    if size > MAX_SIZE:
        raise ConfigError(f"a sketch has at most {MAX_SIZE:,} hashes; got {size}")
    return sketch_kmers(codes, k, size)


def similar_pairs(
    sketches: npt.NDArray[np.uint64], min_similarity: float = MIN_SIMILARITY
) -> Pairs:
    """Return all pairs of sequences whose estimated Jaccard index reaches a threshold.

    Parameters
    ----------
    sketches : ndarray of shape (n, size), dtype uint64
        From :func:`sketch_promoters`.
    min_similarity : float
        Threshold, above 0 and at most 1.

    Returns
    -------
    Pairs
        ``similarity`` is the part of the smallest ``size`` hashes of both sequences together that
        both have.

    Raises
    ------
    ConfigError
        When the threshold is out of range.

    Notes
    -----
    Memory grows with the pairs that share a hash, of a block of sequences at a time.
    """
    if not 0 < min_similarity <= 1:
        raise ConfigError(f"the similarity must lie above 0 and at most at 1; got {min_similarity}")
    first, second = _candidates(sketches, min_similarity)
    similarity = np.empty(len(first))
    for start in range(0, len(first), _PAIRS_A_BLOCK):
        block = slice(start, start + _PAIRS_A_BLOCK)
        similarity[block] = _jaccard(sketches[first[block]], sketches[second[block]])
    keep = similarity >= min_similarity
    return Pairs(first[keep], second[keep], similarity[keep])


def connected_groups(
    n: int, links: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]
) -> npt.NDArray[np.intp]:
    """Put genes that are linked, directly or through others, into one group.

    Parameters
    ----------
    n : int
        Number of genes.
    links : list of (first, second)
        Rows of linked genes.

    Returns
    -------
    ndarray of shape (n,), dtype intp
        Group of each gene, numbered from 0 by the first gene of each.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    none = np.empty(0, dtype=np.intp)
    first = np.concatenate([none, *(a for a, _ in links)])
    second = np.concatenate([none, *(b for _, b in links)])
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    _, first_gene, of_gene = np.unique(labels, return_index=True, return_inverse=True)
    number = np.empty(len(first_gene), dtype=np.intp)
    number[np.argsort(first_gene)] = np.arange(len(first_gene))
    return np.asarray(number[of_gene])


def _candidates(
    sketches: npt.NDArray[np.uint64], min_similarity: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the pairs that share enough hashes to reach the threshold at all."""
    from scipy.sparse import csr_array

    n = len(sketches)
    row, column = np.nonzero(sketches != _NONE)
    _, hash_number, count = np.unique(
        sketches[row, column], return_inverse=True, return_counts=True
    )
    shared = count[hash_number] > 1
    row, hash_number = row[shared], hash_number[shared]
    has = csr_array((np.ones(len(row), dtype=np.int32), (row, hash_number)), shape=(n, len(count)))
    lengths = np.count_nonzero(sketches != _NONE, axis=1)
    transposed = has.T.tocsr()
    found = [(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))]
    for start in range(0, n, _ROWS_A_BLOCK):
        product = (has[start : start + _ROWS_A_BLOCK] @ transposed).tocoo()
        a, b = product.row.astype(np.intp) + start, product.col.astype(np.intp)
        # The shared hashes are at least those among the smallest of both together, of which there
        # are at least as many as the longer sketch has.
        enough = product.data >= min_similarity * np.maximum(lengths[a], lengths[b]) - 1e-9
        keep = (a < b) & enough
        found.append((a[keep], b[keep]))
    first = np.concatenate([a for a, _ in found])
    second = np.concatenate([b for _, b in found])
    order = np.lexsort((second, first))
    return first[order], second[order]


def _jaccard(a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Return the part of the smallest hashes of both rows together that both have."""
    size = a.shape[1]
    both = np.sort(np.concatenate([a, b], axis=1), axis=1)
    repeated = np.zeros(both.shape, dtype=bool)
    repeated[:, 1:] = both[:, 1:] == both[:, :-1]
    real = both != _NONE
    rank = np.cumsum(real & ~repeated, axis=1)
    n_shared = np.count_nonzero(real & repeated & (rank <= size), axis=1)
    n_union = np.minimum(rank[:, -1], size)
    return np.asarray(n_shared / np.maximum(n_union, 1), dtype=np.float64)
