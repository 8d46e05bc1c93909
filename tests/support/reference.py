"""Plain versions of the kernels: slow, and meant to be right at a glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

COMPLEMENT = {0: 3, 1: 2, 2: 1, 3: 0, 4: 4}
MAX_LINE_BYTES = 1 << 20


def encode_bases(sequence: bytes) -> np.ndarray:
    codes = {ord(base): code for code, base in enumerate("ACGT")}
    codes |= {ord(base): code for code, base in enumerate("acgt")}
    return np.array([codes.get(byte, 4) for byte in sequence], np.uint8)


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    if codes.ndim == 2:
        rows = [reverse_complement(row) for row in codes]
        return np.array(rows, np.uint8).reshape(codes.shape)
    return np.array([COMPLEMENT[int(code)] for code in codes[::-1]], np.uint8)


def one_hot(codes: np.ndarray, dtype: str = "uint8", n_value: float = 0.0) -> np.ndarray:
    out = np.zeros((*codes.shape, 4), dtype)
    for row, column in np.ndindex(codes.shape):
        code = codes[row, column]
        out[row, column] = n_value if code == 4 else [code == base for base in range(4)]
    return out


def count_kmers(codes: np.ndarray, k: int, both_strands: bool = False) -> np.ndarray:
    columns = list(product(range(4), repeat=k))
    counts = np.zeros((len(codes), 4**k), np.uint16)
    for row, sequence in enumerate(codes.tolist()):
        windows = [tuple(sequence[i : i + k]) for i in range(len(sequence) - k + 1)]
        windows = [window for window in windows if 4 not in window]
        if both_strands:
            windows += [tuple(3 - code for code in window[::-1]) for window in windows]
        seen = Counter(windows)
        counts[row] = [seen[column] for column in columns]
    return counts


def sketch_kmers(codes: np.ndarray, k: int, size: int) -> np.ndarray:
    sketches = np.full((len(codes), size), 2**64 - 1, np.uint64)
    for row, sequence in enumerate(codes.tolist()):
        windows = [sequence[i : i + k] for i in range(len(sequence) - k + 1)]
        hashes = set()
        for window in windows:
            if 4 not in window:
                strands = (window, [3 - code for code in window[::-1]])
                numbers = (int("".join(map(str, strand)), 4) for strand in strands)
                hashes.add(split_mix_64(min(numbers)))
        smallest = sorted(hashes)[:size]
        sketches[row, : len(smallest)] = smallest
    return sketches


def split_mix_64(x: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


class PairError(Exception):
    """A malformed line: its number and the kind of fault."""

    def __init__(self, line: int, kind: str) -> None:
        self.line = line
        self.kind = kind
        super().__init__(f"line {line}: {kind}")


@dataclass
class Pairs:
    counts: np.ndarray
    cis_by_chrom: np.ndarray
    n_lines: int = 0
    n_cis: int = 0
    n_trans: int = 0
    n_unknown_chrom: int = 0
    n_dropped: int = 0
    unknown_chroms: list[str] = field(default_factory=list)


def count_pairs(
    text: bytes,
    names: Sequence[str],
    lengths: Sequence[int],
    alias: Mapping[str, str],
    rows: Sequence[tuple[int, int]],
    bin_size: int,
    n_flank: int,
    columns: Sequence[int],
    one_based: bool = True,
) -> Pairs:
    """Count pairs; ``columns`` are chrom1, pos1, chrom2, pos2 and perhaps the pair type."""
    done = Pairs(np.zeros((len(rows), 2 * n_flank + 1), np.uint32), np.zeros(len(names), np.int64))
    row_of = {place: row for row, place in enumerate(rows)}
    lines = text.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    blank = None
    for number, line in enumerate(lines, start=1):
        done.n_lines = number
        if len(line) > MAX_LINE_BYTES:
            raise PairError(number, "longer than")
        if b"\0" in line:
            raise PairError(number, "NUL byte")
        line = line.removesuffix(b"\r")
        if not line:
            blank = blank or number
            continue
        if blank:
            raise PairError(blank, "empty line")
        if line.startswith(b"#"):
            continue
        cells = line.split(b"\t")
        if len(cells) <= max(columns):
            raise PairError(number, "columns; expected at least")
        wanted = [cells[column] for column in columns]
        for cell, is_position in zip(wanted, (False, True, False, True, False), strict=False):
            if is_position and not (cell.isdigit() and len(cell) <= 16):
                raise PairError(number, "digits" if cell.isdigit() else "whole number")
            if not cell:
                raise PairError(number, "is empty")
        if (len(columns) == 5 and wanted[4] == b"DD") or b"!" in (wanted[0], wanted[2]):
            done.n_dropped += 1
            continue
        ends = []
        for chrom, position in ((wanted[0], wanted[1]), (wanted[2], wanted[3])):
            name = chrom.decode("utf-8", "backslashreplace")
            name = alias.get(name, name)
            index = names.index(name) if name in names else None
            place = int(position) - one_based
            if index is not None and not 0 <= place < lengths[index]:
                raise PairError(number, "outside")
            ends.append((index, place, name))
        new = [name for index, _, name in ends if index is None]
        if new:
            done.n_unknown_chrom += 1
            for name in new:
                if name not in done.unknown_chroms and len(done.unknown_chroms) < 20:
                    done.unknown_chroms.append(name)
            continue
        (chrom1, place1, _), (chrom2, place2, _) = ends
        if chrom1 != chrom2:
            done.n_trans += 1
            continue
        done.n_cis += 1
        done.cis_by_chrom[chrom1] += 1
        i, j = place1 // bin_size, place2 // bin_size
        if abs(j - i) > n_flank:
            continue
        if (chrom1, i) in row_of:
            done.counts[row_of[chrom1, i], j - i + n_flank] += 1
        if i != j and (chrom1, j) in row_of:
            done.counts[row_of[chrom1, j], i - j + n_flank] += 1
    return done


def count_pixels(
    pixels: Sequence[tuple[int, int, float]],
    row_of_bin: Sequence[int],
    chrom_of_bin: Sequence[int],
    n_flank: int,
    counts: np.ndarray,
    cis_by_chrom: np.ndarray,
) -> tuple[float | int, ...]:
    """Add pixels to ``counts``; return cis, trans, unknown, their numbers, and that of NaN."""
    cis = trans = unknown = 0.0
    n_cis = n_trans = n_unknown = n_missing = 0
    for i, j, value in pixels:
        chrom1, chrom2 = chrom_of_bin[i], chrom_of_bin[j]
        if np.isnan(value):
            n_missing += 1
        elif chrom1 < 0 or chrom2 < 0:
            unknown += value
            n_unknown += 1
        elif chrom1 != chrom2:
            trans += value
            n_trans += 1
        else:
            cis += value
            n_cis += 1
            cis_by_chrom[chrom1] += value > 0
            for here, there in {(i, j), (j, i)}:
                if row_of_bin[here] >= 0 and abs(there - here) <= n_flank:
                    counts[row_of_bin[here], there - here + n_flank] += value
    return cis, trans, unknown, n_cis, n_trans, n_unknown, n_missing
