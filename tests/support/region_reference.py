"""Plain versions of the counters of regions and of matrices: slow, and meant to be right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from reference import MAX_LINE_BYTES, PairError

VALUE = re.compile(rb"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass
class Regions:
    counts: np.ndarray
    cis_by_chrom: np.ndarray
    total: float = 0.0
    n_lines: int = 0
    n_cis: int = 0
    n_trans: int = 0
    n_unknown_chrom: int = 0
    unknown_chroms: list[str] = field(default_factory=list)
    mirrored: bool = False

    def finish(self, entries: list[tuple[tuple, tuple, float, list]]) -> Regions:
        """Add up entries (end, end, value, places in ``counts``); see whether all come twice."""
        seen = Counter((a, b, value) for a, b, value, _ in entries)
        swapped = Counter((b, a, value) for a, b, value, _ in entries)
        self.mirrored = any(a != b for a, b, _ in seen) and all(
            seen[key] == swapped[key] for key in seen
        )
        for a, b, value, places in entries:
            share = value / 2 if self.mirrored and a != b else value
            self.total += share
            for place in places:
                self.counts[place] += share
        return self


def plain_lines(text: bytes, separator: str, done: Regions, first_line: int = 1):
    """Yield the number and the cells of each line that is no comment; stop at a bad line."""
    lines = text.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    blank = None
    for number, line in enumerate(lines, start=first_line):
        done.n_lines = number
        if len(line) > MAX_LINE_BYTES:
            raise PairError(number, "longer than")
        if b"\0" in line:
            raise PairError(number, "NUL byte")
        line = line.removesuffix(b"\r")
        if not (line.strip(b" \t") if separator == " " else line):
            blank = blank or number
            continue
        if blank:
            raise PairError(blank, "empty line")
        if line.startswith(b"#"):
            continue
        if separator == " ":
            yield number, re.split(rb"[ \t]+", line.strip(b" \t"))
        else:
            yield number, line.split(separator.encode())


def cells_of(
    number: int, cells: list[bytes], columns: Sequence[int], separator: str
) -> list[bytes]:
    for column in range(max(columns) + 1):
        if column == len(cells):
            raise PairError(number, "columns.*; expected at least")
        cell = cells[column]
        if separator == "," and b'"' in cell:
            if not re.fullmatch(rb'"[^"]*"', cell):
                raise PairError(number, "expected double quotes around")
            cells[column] = cell[1:-1]
    return [cells[column] for column in columns]


def check_numbers(number: int, cells: list[bytes], kinds: str) -> None:
    """Check cells by kind: c for a chromosome, n for a whole number, v for a value."""
    for cell, kind in zip(cells, kinds, strict=False):
        if kind == "c" and not cell:
            raise PairError(number, "is empty")
        if kind == "n" and not (cell.isdigit() and len(cell) <= 16):
            raise PairError(number, "digits" if cell.isdigit() else "whole number")
        if kind == "v" and not (VALUE.fullmatch(cell) and float(cell) < float("inf")):
            raise PairError(number, "expected a finite number")


def count_regions(
    text: bytes,
    names: Sequence[str],
    lengths: Sequence[int],
    alias: Mapping[str, str],
    rows: Sequence[tuple[int, int]],
    bin_size: int,
    n_flank: int,
    columns: Sequence[int],
    separator: str = "\t",
    one_based: bool = False,
    anchors: str = "overlap",
    first_line: int = 1,
) -> Regions:
    """Sum values; ``columns`` are those of two chromosomes, starts and ends, perhaps the value."""
    done = Regions(np.zeros((len(rows), 2 * n_flank + 1)), np.zeros(len(names), np.int64))
    done.n_lines = first_line - 1
    entries = []
    for number, line in plain_lines(text, separator, done, first_line):
        cells = cells_of(number, line, columns, separator)
        check_numbers(number, cells, "cnncnnv")
        ends = []
        new = []
        for chrom, start, end in (cells[:3], cells[3:6]):
            name = chrom.decode("utf-8", "backslashreplace")
            name = alias.get(name, name)
            first, stop = int(start) - one_based, int(end)
            if stop <= first:
                raise PairError(number, "but the start is")
            if name not in names:
                new.append(name)
                continue
            index = names.index(name)
            if not 0 <= first < lengths[index] or stop - lengths[index] >= bin_size:
                raise PairError(number, "outside")
            ends.append((index, first, min(stop, lengths[index])))
        if new:
            done.n_unknown_chrom += 1
            for name in new:
                if name not in done.unknown_chroms and len(done.unknown_chroms) < 20:
                    done.unknown_chroms.append(name)
            continue
        value = float(cells[6]) if len(cells) > 6 else 1.0
        (chrom1, *span1), (chrom2, *span2) = ends
        places = []
        if chrom1 != chrom2:
            done.n_trans += 1
        else:
            done.n_cis += 1
            done.cis_by_chrom[chrom1] += value > 0
            bins1, bins2 = (bins_of(*span, bin_size, anchors) for span in (span1, span2))
            for i, j in {(min(i, j), max(i, j)) for i in bins1 for j in bins2}:
                for row, place in enumerate(rows):
                    if place == (chrom1, i) and j - i <= n_flank:
                        places.append((row, n_flank + j - i))
                    if place == (chrom1, j) and j - i <= n_flank and i != j:
                        places.append((row, n_flank + i - j))
        entries.append((*ends, value, places))
    return done.finish(entries)


def bins_of(start: int, end: int, bin_size: int, anchors: str) -> list[int]:
    if anchors == "midpoint":
        return [(start + end) // 2 // bin_size]
    bins = range(end // bin_size + 1)
    return [b for b in bins if b * bin_size < end and (b + 1) * bin_size > start]


def count_matrix(
    text: bytes,
    row_of_bin: Sequence[int],
    chrom_of_bin: Sequence[int],
    n_chroms: int,
    n_rows: int,
    n_flank: int,
    id_base: int = 1,
) -> Regions:
    done = Regions(np.zeros((n_rows, 2 * n_flank + 1)), np.zeros(n_chroms, np.int64))
    entries = []
    for number, line in plain_lines(text, " ", done):
        cells = cells_of(number, line, (0, 1, 2), " ")
        check_numbers(number, cells, "nnv")
        i, j = (int(cell) - id_base for cell in cells[:2])
        if not (0 <= i < len(row_of_bin) and 0 <= j < len(row_of_bin)):
            raise PairError(number, "as the list of bins says")
        chroms = chrom_of_bin[i], chrom_of_bin[j]
        if -1 in chroms:
            done.n_unknown_chrom += 1
            continue
        places = []
        if chroms[0] != chroms[1]:
            done.n_trans += 1
        else:
            done.n_cis += 1
            done.cis_by_chrom[chroms[0]] += float(cells[2]) > 0
            if abs(j - i) <= n_flank:
                if row_of_bin[i] >= 0:
                    places.append((row_of_bin[i], n_flank + j - i))
                if row_of_bin[j] >= 0 and i != j:
                    places.append((row_of_bin[j], n_flank + i - j))
        entries.append(((i,), (j,), float(cells[2]), places))
    return done.finish(entries)
