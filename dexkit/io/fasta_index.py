"""Check that a file is a FASTA with random access, and index it."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pysam

from dexkit.errors import FormatError, InputError, OutputError
from dexkit.io.text import GZIP_MAGIC, UTF8_BOM, read_chunks, read_lines

BGZF_EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that ends every complete bgzip file (SAM specification, section 4.1.2)."""

_FIX_GZIP = "decompress it with gunzip and compress it with bgzip, or leave it uncompressed"


def check_container(path: Path) -> bool:
    """Return whether a FASTA is bgzip-compressed, judged by its first and last bytes.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    bool
        True for bgzip, False for plain text.

    Raises
    ------
    InputError
        When it cannot be read.
    FormatError
        When it is compressed with plain gzip, truncated, or does not start like a FASTA.
    """
    try:
        with open(path, "rb") as stored:
            head = stored.read(18)
            bgzip = head[:2] == GZIP_MAGIC
            if bgzip:
                if not _is_bgzf(head):
                    raise FormatError(
                        "the file is compressed with plain gzip, which has no random access; "
                        f"expected a bgzip or uncompressed FASTA; {_FIX_GZIP}",
                        str(path),
                    )
                stored.seek(-min(len(BGZF_EOF), path.stat().st_size), os.SEEK_END)
                if stored.read() != BGZF_EOF:
                    raise FormatError(
                        "the bgzip file has no end marker, so it is truncated; "
                        "copy or download it again",
                        str(path),
                    )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    first = next(read_chunks(path, "FASTA", chunk_bytes=4096))
    with open(path, "rb") as stored:
        has_bom = not bgzip and stored.read(3) == UTF8_BOM
    if has_bom:
        raise FormatError(
            "the file starts with a byte-order mark; expected '>'; remove its first three bytes",
            str(path),
            1,
        )
    if not first.startswith(b">"):
        shown = first[:20].decode("ascii", "replace").splitlines()[0]
        raise FormatError(
            f"the file is no FASTA: it starts with {shown!r}; expected '>' and a chromosome name",
            str(path),
            1,
        )
    return bgzip


def _is_bgzf(head: bytes) -> bool:
    """Return whether a gzip header carries the BC extra field of a BGZF block."""
    if len(head) < 18 or not head[3] & 4:
        return False
    (extra_length,) = struct.unpack_from("<H", head, 10)
    return extra_length >= 6 and head[12:14] == b"BC"


def make_index(
    fasta: Path, index: Path, block_index: Path, bgzip: bool
) -> tempfile.TemporaryDirectory[str] | None:
    """Index a FASTA; the index appears whole or not at all.

    Parameters
    ----------
    fasta : Path
        The FASTA.
    index, block_index : Path
        Where the ``.fai`` and, for bgzip, the ``.gzi`` belong.
    bgzip : bool
        Whether the FASTA is bgzip-compressed.

    Returns
    -------
    tempfile.TemporaryDirectory or None
        None when the index lies where it belongs; else the folder that holds ``x.fai`` and
        ``x.gzi``, since that place cannot be written.

    Raises
    ------
    FormatError
        At the first line that breaks the format.
    OutputError
        When the index can be written nowhere.
    """
    try:
        temporary = tempfile.TemporaryDirectory(prefix=".dexkit-index-", dir=fasta.parent)
    except OSError:
        temporary = None
    if temporary is not None:
        with temporary as name:
            try:
                _run_faidx(fasta, Path(name))
                if bgzip:
                    os.replace(Path(name, "x.gzi"), block_index)
                os.replace(Path(name, "x.fai"), index)
                return None
            except OSError:  # no room, or the old index belongs to someone else
                pass
    try:
        elsewhere = tempfile.TemporaryDirectory(prefix="dexkit-index-")
    except OSError as error:
        raise OutputError(f"{index}: the index can be written nowhere ({error})") from error
    try:
        _run_faidx(fasta, Path(elsewhere.name))
    except OSError as error:
        elsewhere.cleanup()
        raise OutputError(
            f"{index}: the index can be written neither here nor in the temporary folder "
            f"({error}); free some space or make it with samtools faidx"
        ) from error
    except FormatError:
        elsewhere.cleanup()
        raise
    return elsewhere


def _run_faidx(fasta: Path, folder: Path) -> None:
    """Write ``x.fai`` (and ``x.gzi``) into ``folder``; OSError when they cannot be written."""
    index, block_index = folder / "x.fai", folder / "x.gzi"
    try:
        with quiet_htslib():
            pysam.faidx(str(fasta), "--fai-idx", str(index), "--gzi-idx", str(block_index))
    except pysam.SamtoolsError:
        _explain(fasta)  # a fault of the FASTA is raised from here, one of the folder below
        (folder / "probe").write_bytes(bytes(1 << 16))
        if (number := _first_return(fasta)) is not None:
            raise FormatError(
                "the line holds a carriage return, others do not; expected one kind of line end "
                "throughout; convert the file (dos2unix)",
                str(fasta),
                number,
            ) from None
        raise FormatError(
            "the file cannot be indexed; expected a FASTA; run samtools faidx to see why",
            str(fasta),
        ) from None
    names = [line.split(b"\t")[0] for line in index.read_bytes().splitlines()]
    odd = any(not name or not name.isascii() for name in names)
    if odd or len(names) != _count_records(fasta):
        _explain(fasta)
    for written in folder.iterdir():
        with open(written, "rb") as handle:
            os.fsync(handle.fileno())


def _count_records(fasta: Path) -> int:
    """Count the lines that start with ``>`` (the indexer skips a repeated name in silence)."""
    n_records, last = 0, b"\n"
    for chunk in read_chunks(fasta, "FASTA"):
        n_records += (last + chunk).count(b"\n>")
        last = chunk[-1:]
    return n_records


def _first_return(fasta: Path) -> int | None:
    """Return the number of the first line that holds a carriage return."""
    number = 1
    for chunk in read_chunks(fasta, "FASTA"):
        if (at := chunk.find(b"\r")) >= 0:
            return number + chunk.count(b"\n", 0, at)
        number += chunk.count(b"\n")
    return None


def _explain(fasta: Path) -> None:
    """Raise FormatError at the first line that breaks the FASTA format, if there is one."""
    seen: dict[str, int] = {}
    name, width, short_line, blank_line = "", 0, 0, 0
    for number, line in read_lines(fasta, "FASTA"):
        if line.startswith(">"):
            fields = line[1:].split(maxsplit=1)
            name = "" if not fields or line[1:2].isspace() else fields[0]
            if not name:
                raise FormatError("'>' without a chromosome name behind it", str(fasta), number)
            if not name.isascii():
                raise FormatError(
                    f"the chromosome name {name!r} is not plain ASCII, which no other tool reads; "
                    "rename it",
                    str(fasta),
                    number,
                )
            if name in seen:
                raise FormatError(
                    f"chromosome {name!r} occurs again (first on line {seen[name]}); expected "
                    "each name once; remove or rename one",
                    str(fasta),
                    number,
                )
            seen[name], width, short_line, blank_line = number, 0, 0, 0
        elif short_line and line:
            raise FormatError(
                f"the lines of {name!r} have unequal lengths (line {short_line} is the first that "
                "differs); expected one length but for the last; re-wrap the file "
                "(samtools faidx needs it too)",
                str(fasta),
                number,
            )
        elif not line.isascii() or (line and not line.isprintable()):
            raise FormatError("the sequence is not plain ASCII letters", str(fasta), number)
        elif width == 0 and line and blank_line:
            raise FormatError(
                f"the line is empty and stands before the bases of {name!r}; remove it",
                str(fasta),
                blank_line,
            )
        elif width == 0:
            width = len(line)
            blank_line = 0 if line else blank_line or number
        elif len(line) > width:
            raise FormatError(
                f"the line has {len(line)} bases; expected {width}, as on the lines of {name!r} "
                "before it; re-wrap the file (samtools faidx needs it too)",
                str(fasta),
                number,
            )
        elif len(line) < width:
            short_line = number
    if width == 0:
        raise FormatError(
            f"chromosome {name!r} has no sequence; expected bases", str(fasta), seen.get(name)
        )


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Keep htslib from writing to stderr: its errors are reported as exceptions here."""
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)
