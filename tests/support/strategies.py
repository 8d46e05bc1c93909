"""Hypothesis strategies for sequences, code arrays and pairs files."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

IUPAC = b"ACGTacgtNnRYSWKMBDHVryswkmbdhv-*"

CHROMS = {"chr1": 5_000, "chr2": 900, "chrX": 120, "chrUn_scaffold_7": 333, "chr8scaf": 700}
ALIAS = {"1": "chr1", "X": "chrX", "chrUn_scaffold_8_long_alias": "chrUn_scaffold_7"}


def dna(max_size: int = 300) -> st.SearchStrategy[bytes]:
    """Mostly bases, with runs of N, lower case, IUPAC letters and arbitrary bytes."""
    piece = st.one_of(
        st.lists(st.sampled_from(b"ACGT"), max_size=40).map(bytes),
        st.lists(st.sampled_from(IUPAC), max_size=10).map(bytes),
        st.integers(1, 30).map(lambda n: b"N" * n),
        st.binary(max_size=4),
    )
    return st.lists(piece, max_size=12).map(lambda parts: b"".join(parts)[:max_size])


@st.composite
def code_rows(draw: st.DrawFn, max_rows: int = 5, max_length: int = 80) -> np.ndarray:
    """Codes of shape (n, length), either of which may be 0; some rows hold runs of 4."""
    n = draw(st.integers(0, max_rows))
    length = draw(st.integers(0, max_length))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length), dtype=np.uint8)
    if n and length:
        for _ in range(draw(st.integers(0, 3))):
            row, start, size = rng.integers(n), rng.integers(length), rng.integers(1, 12)
            codes[row, start : start + size] = 4
    return codes


@st.composite
def pair_lines(draw: st.DrawFn, typed: bool, damaged: bool) -> bytes:
    """A pairs file: readID chrom1 pos1 chrom2 pos2 strand1 strand2 (pair_type).

    With ``damaged``, lines of every malformed kind occur too.
    """
    names = [*CHROMS, *ALIAS]
    newline = draw(st.sampled_from([b"\n", b"\r\n"]))
    lines: list[bytes] = [b"## pairs format v1.0", b"#columns: readID chr1 pos1 chr2 pos2"]
    lines = lines[: draw(st.integers(0, 2))]
    kinds = ["cis"] * 12 + ["trans", "unknown", "unmapped", "comment", "read id"]
    kinds += ["damaged", "off", "short", "blank", "NUL"] if damaged else []
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=60)):
        name1 = draw(st.sampled_from(names))
        same = kind == "cis" or draw(st.booleans())
        name2 = name1 if same else draw(st.sampled_from(names))
        sizes = [CHROMS[ALIAS.get(name, name)] for name in (name1, name2)]
        pos = [str(draw(st.integers(1, size))).encode() for size in sizes]
        chrom = [name1.encode(), name2.encode()]
        read = draw(st.sampled_from([b".", b"r1", b"SRR1658570.1234567", b""]))
        if kind == "unknown":
            suffix = draw(st.integers(0, 30))
            chrom[draw(st.integers(0, 1))] = draw(st.sampled_from([b"chr%d", b"scaffold_%d"])) % (
                100 + suffix
            )
        elif kind == "unmapped":
            end = draw(st.integers(0, 1))
            chrom[end], pos[end] = b"!", b"0"
        elif kind == "read id":
            read = bytes(draw(st.lists(st.sampled_from(b"ab\x01\x0b\r #\xff"), max_size=90)))
            read = b"." + read
        elif kind == "damaged":
            bad = [b"", b"+5", b"-1", b"1e3", b"12a", b" 7", b"x", b"9" * 16, b"9" * 17, b"1\r2"]
            pos[draw(st.integers(0, 1))] = draw(st.sampled_from(bad))
        elif kind == "off":
            end = draw(st.integers(0, 1))
            pos[end] = draw(st.sampled_from([b"0", str(sizes[end] + 1).encode()]))
        cells = [read, chrom[0], pos[0], chrom[1], pos[1], b"+", b"-"]
        if typed:
            cells.append(draw(st.sampled_from([b"UU", b"DD", b"UR"])))
        line = b"\t".join(cells)
        if kind == "comment":
            line = b"#" + line
        elif kind == "short":
            line = b"\t".join(cells[: draw(st.integers(1, 4))])
        elif kind == "blank":
            line = b""
        elif kind == "NUL":
            line += b"\t\0"
        lines.append(line)
    text = newline.join(lines)
    return text + draw(st.sampled_from([b"", newline, newline * 2]))


def chunked(text: bytes, cuts: list[int]) -> list[bytes]:
    """Cut ``text`` at the given places, which may repeat or lie outside."""
    places = [0, *sorted(min(max(cut, 0), len(text)) for cut in cuts), len(text)]
    return [text[a:b] for a, b in pairwise(places)]


VALUES = [
    b"1",
    b"17",
    b"0",
    b"2.5",
    b".5",
    b"3.",
    b"1e2",
    b"2.5E-3",
    b"0.125",
    b"12345678901234567",
]
BAD_VALUES = [
    b"",
    b"NA",
    b"nan",
    b"inf",
    b"-1",
    b"+1",
    b"1e",
    b"1e+",
    b".",
    b"e5",
    b"1.2.3",
    b"1e999",
]
BAD_VALUES += [b"0x10", b"1_0", b"1 2", b"1,5"]
BAD_NUMBERS = [b"", b"+5", b"-1", b"1e3", b"12a", b"x", b"9" * 17, b"1\r2", b"1.0"]


@st.composite
def region_lines(
    draw: st.DrawFn,
    separator: str,
    valued: bool,
    width: int,
    one_based: bool,
    bin_size: int,
    damaged: bool = False,
) -> bytes:
    """A file of pairs of regions: chrom start end chrom start end, perhaps name and value.

    With ``damaged``, lines of every malformed kind occur too; without it, the whole file may hold
    every line in both orders.
    """
    names = [*CHROMS, *ALIAS]
    newline = draw(st.sampled_from([b"\n", b"\r\n"]))
    between = {"\t": [b"\t"], ",": [b","], " ": [b" ", b"\t", b"  ", b" \t "]}[separator]
    quoted = separator == "," and draw(st.booleans())
    kinds = ["cis"] * 12 + ["trans", "unknown", "comment", "same", "past"]
    kinds += ["number", "value", "empty", "off", "short", "blank", "NUL"] if damaged else []
    rows: list[list[bytes] | bytes] = []
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=40)):
        name1 = draw(st.sampled_from(names))
        name2 = draw(st.sampled_from(names)) if kind == "trans" else name1
        ends = []
        for name in (name1, name2):
            length = CHROMS[ALIAS.get(name, name)]
            start = draw(st.integers(0, length - 1))
            end = min(length, start + draw(st.integers(1, 4 * width)))
            if kind == "past":
                start = max(start, length - 4 * width)
                end = length + draw(st.integers(0, bin_size - 1))
            elif kind == "off":
                start = max(start, length - bin_size)
                end = length + draw(st.integers(0, 2 * bin_size))
            elif kind == "empty":
                end = start + draw(st.integers(-1, 1))
            ends.append([name.encode(), b"%d" % (start + one_based), b"%d" % max(end, 0)])
        if kind == "same":
            ends[1] = list(ends[0])
        if kind == "unknown":
            ends[draw(st.integers(0, 1))][0] = b"scaffold_%d" % draw(st.integers(0, 30))
        elif kind == "number":
            ends[draw(st.integers(0, 1))][draw(st.integers(1, 2))] = draw(
                st.sampled_from(BAD_NUMBERS)
            )
        cells = [*ends[0], *ends[1], b"."]
        if valued:
            cells.append(draw(st.sampled_from(BAD_VALUES if kind == "value" else VALUES)))
        if kind == "comment":
            rows.append(b"#" + separator.encode().join(cells))
        elif kind == "blank":
            rows.append(b"")
        elif kind == "NUL":
            rows.append(b"chr1\0")
        elif kind == "short":
            rows.append(cells[: draw(st.integers(1, 5))])
        else:
            rows.append(cells)
    if not damaged and draw(st.booleans()):
        rows += [
            [*row[3:6], *row[:3], *row[6:]] if row[:3] != row[3:6] else b"# listed once"
            for row in rows
            if isinstance(row, list)
        ]
    lines = []
    for row in rows:
        if isinstance(row, list):
            cells = [b'"%b"' % cell if quoted and draw(st.booleans()) else cell for cell in row]
            row = cells[0]
            for cell in cells[1:]:
                row += draw(st.sampled_from(between)) + cell
            if separator == " ":
                row = (
                    draw(st.sampled_from([b"", b" ", b"\t "]))
                    + row
                    + draw(st.sampled_from([b"", b" "]))
                )
        lines.append(row)
    return newline.join(lines) + draw(st.sampled_from([b"", newline, newline * 2]))


@st.composite
def matrix_lines(draw: st.DrawFn, n_bins: int, damaged: bool = False) -> bytes:
    """A sparse matrix: "bin bin value" with bins from 1, perhaps in both orders."""
    newline = draw(st.sampled_from([b"\n", b"\r\n"]))
    kinds = ["entry"] * 12 + ["comment", "diagonal"]
    kinds += ["id", "off", "value", "short", "blank", "NUL"] if damaged else []
    rows: list[list[bytes] | bytes] = []
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=60)):
        i, j = draw(st.integers(1, n_bins)), draw(st.integers(1, n_bins))
        if kind == "diagonal":
            j = i
        elif kind == "off":
            i = draw(st.sampled_from([0, n_bins + 1, 10**15]))
        cells = [b"%d" % i, b"%d" % j]
        cells.append(draw(st.sampled_from(BAD_VALUES if kind == "value" else VALUES)))
        if kind == "id":
            cells[draw(st.integers(0, 1))] = draw(st.sampled_from(BAD_NUMBERS))
        plain = {"comment": b"# entries", "blank": b" \t", "NUL": b"1 2 3\0", "short": b"4 5"}
        rows.append(plain.get(kind, cells))
    if not damaged and draw(st.booleans()):
        rows += [
            [row[1], row[0], row[2]] if row[0] != row[1] else b"# listed once"
            for row in rows
            if isinstance(row, list)
        ]
    blank = draw(st.sampled_from([b"\t", b" ", b"  "]))
    lines = [blank.join(row) if isinstance(row, list) else row for row in rows]
    return newline.join(lines) + draw(st.sampled_from([b"", newline, newline * 2]))
