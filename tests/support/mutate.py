"""Break small files in the ways that files get broken, the same way for the same seed."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from random import Random

LONG_FIELD_BYTES = 10 << 20
"""The length of an endless line: beyond every limit on lines, small enough to make in passing."""

_ODD_FIELDS = (
    b"9" * 30,
    b"9223372036854775807",
    b"18446744073709551616",
    b"4294967296",
    b"2147483648",
    b"-1",
    b"-0",
    b"+5",
    b"0",
    b"",
    b" ",
    b"1e400",
    b"1e5",
    b"nan",
    b"NA",
    b"inf",
    b"-inf",
    b"0x10",
    b"1_000",
    b"1.5",
    b"1,5",
    b'"',
    b'"7"',
    b"\xd9\xa3",  # an Arabic digit
    b"\xff\xfe",
    b"chr1",
    b"chrNowhere",
    b"!",
    b"#",
    b"%s%n",
    b"\x1b[31m",
)


def mutate(data: bytes, rng: Random) -> bytes:
    """Apply one to three breakages to the bytes of a file.

    Parameters
    ----------
    data : bytes
        A well-formed file.
    rng : random.Random
        Decides everything.

    Returns
    -------
    bytes
        The broken file; now and then it is still well-formed.
    """
    if data[:2] == b"\x1f\x8b" and rng.random() < 0.5:
        # Inside the stream, so that the parser and not only the decompressor is reached.
        return gzip.compress(mutate(gzip.decompress(data), rng), 1)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(_BREAKAGES)(data, rng)
    return data


def endless_line(data: bytes, rng: Random) -> bytes:
    """Blow one field up to ten million bytes."""
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    filler = rng.choice((b"A", b"1", b"\t", b" ", b"chr1\t")) * LONG_FIELD_BYTES
    lines[number] += filler[:LONG_FIELD_BYTES]
    return b"\n".join(lines)


def _truncate(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _flip_bits(data: bytes, rng: Random) -> bytes:
    broken = bytearray(data)
    for _ in range(rng.choice((1, 2, 20)) if broken else 0):
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
    return bytes(broken)


def _odd_field(data: bytes, rng: Random) -> bytes:
    """Replace a field of a line; most often one that holds a number."""
    fields = list(re.finditer(rb"[^\s,;]+", data))
    numbers = [match for match in fields if match[0].isdigit()]
    chosen = numbers if numbers and rng.random() < 0.7 else fields
    if not chosen:
        return data
    match = rng.choice(chosen)
    return data[: match.start()] + rng.choice(_ODD_FIELDS) + data[match.end() :]


def _columns(data: bytes, rng: Random) -> bytes:
    """Drop, repeat or add a column in one line."""
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    separator = rng.choice((b"\t", b"\t", b" ", b","))
    fields = lines[number].split(separator)
    at = rng.randrange(len(fields))
    kind = rng.randrange(3)
    fields[at : at + 1] = ([], [fields[at], fields[at]], [fields[at], b"more"])[kind]
    lines[number] = separator.join(fields)
    return b"\n".join(lines)


def _nul_bytes(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + b"\0" * rng.choice((1, 1, 9, 5000)) + data[at:]


def _crlf(data: bytes, rng: Random) -> bytes:
    if rng.random() < 0.5:
        return data.replace(b"\n", b"\r\n")
    return b"".join(
        line + rng.choice((b"\n", b"\r\n", b"\r")) for line in data.removesuffix(b"\n").split(b"\n")
    )


def _lines(data: bytes, rng: Random) -> bytes:
    """Drop, repeat, swap or blank lines."""
    lines = data.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(other, lines[at])
    elif kind == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        lines.insert(at, rng.choice((b"", b" ", b"\t\t\t", b"#", b"# a comment", b"##")))
    else:
        del lines[: rng.randrange(len(lines))]
    return b"\n".join(lines)


def _separators(data: bytes, rng: Random) -> bytes:
    old, new = rng.choice(((b"\t", b" "), (b"\t", b","), (b" ", b"\t"), (b",", b"\t"), (b";", b"")))
    return data.replace(old, new, rng.choice((1, -1)))


def _ends(data: bytes, rng: Random) -> bytes:
    tail = rng.choice((b"\n", b"\n\n\n", b" ", b"\r", b"\t", b"\xef\xbb\xbf", b"x", b"\x1a"))
    return rng.choice((data.rstrip(b"\n"), data + tail, tail + data))


def _nothing_left(data: bytes, rng: Random) -> bytes:
    return rng.choice((b"", b"\n", b"\n\n\n", b"\0", b"#", rng.randbytes(300)))


_BREAKAGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _truncate,
    _flip_bits,
    _odd_field,
    _odd_field,
    _odd_field,
    _columns,
    _columns,
    _nul_bytes,
    _crlf,
    _lines,
    _separators,
    _ends,
    _nothing_left,
)
