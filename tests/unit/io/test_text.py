from __future__ import annotations

import gzip
import hashlib
import os
import threading
from contextlib import contextmanager

import pytest

from dexkit.errors import FormatError, InputError
from dexkit.io.text import (
    StoredDigest,
    input_file,
    parse_position,
    read_chunks,
    read_lines,
)


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_are_numbered_whatever_the_container(write, gz, end, bom, last):
    text = end.join(["a", "bé", "", "c"]) + (end if last else "")
    path = write("f.any", bom + text.encode(), gz=gz)
    assert list(read_lines(path, "table")) == [(1, "a"), (2, "bé"), (3, ""), (4, "c")]


def test_lines_cross_chunks(write):
    lines = [f"{i}-{'é' * (i % 50)}" for i in range(60_000)]
    path = write("f", "\n".join(lines))
    assert [line for _n, line in read_lines(path, "table")] == lines


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize("gz", [False, True])
def test_chunks_join_to_the_content(write, chunk_bytes, gz):
    data = b"0123456789\n" * 50
    path = write("f", data, gz=gz)
    taken = []
    chunks = list(read_chunks(path, "table", chunk_bytes=chunk_bytes, advance=taken.append))
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) <= chunk_bytes
    assert sum(taken) == path.stat().st_size


def test_several_gzip_members_are_one_file(write):
    path = write("f", gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    assert [line for _n, line in read_lines(path, "table")] == ["a", "b"]


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.tsv: no such file; expected a GTF"):
        input_file(tmp_path / "nowhere.tsv", "GTF")


def test_directory(tmp_path):
    with pytest.raises(InputError, match="is a directory; expected a GTF"):
        list(read_lines(tmp_path, "GTF"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(write):
    path = write("f", "a\n")
    path.chmod(0)
    with pytest.raises(InputError, match="may not be read"):
        list(read_lines(path, "GTF"))


@pytest.mark.parametrize("gz", [False, True])
def test_empty_file(write, gz):
    with pytest.raises(FormatError, match="the file is empty; expected a GTF"):
        list(read_lines(write("f", b"", gz=gz), "GTF"))


@pytest.mark.parametrize("cut", [1, 8, 12])
def test_truncated_gzip_names_the_file_and_line(write, cut):
    path = write("f.gz", "line\n" * 100, gz=True, cut=cut)
    with pytest.raises(
        FormatError, match=r"f\.gz, line \d+: the gzip stream is truncated, at or after"
    ):
        list(read_lines(path, "GTF"))


def test_truncated_gzip_gives_the_lines_before_the_cut(write):
    lines = "".join(f"{i * 7919 % 99991} {i}\n" for i in range(200_000))
    path = write("f.gz", lines, gz=True, cut=1000)
    n = 0
    with pytest.raises(FormatError) as caught:
        for n, _line in read_lines(path, "GTF"):  # noqa: B007
            pass
    assert n > 150_000
    assert caught.value.line == n + 1


def test_damaged_gzip(write):
    path = write("f.gz", os.urandom(3000).hex(), gz=True)
    data = bytearray(path.read_bytes())
    data[1000:1010] = bytes(10)
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"the gzip stream (is damaged|is truncated)"):
        list(read_lines(path, "GTF"))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"\x89HDF\r\n\x1a\n....", "an HDF5 file"),
        (b"HIC\0\1\0", r"a \.hic file"),
        (b"BZh91AY", "bzip2"),
        (b"PK\x03\x04", "zip archive"),
        ("gene\t1\n".encode("utf-16"), "UTF-16"),
        (b"ab\0\1\2", "binary data"),
        (b"\x26\xfc\x8f\x88\4\0", r"a bigWig file \(a 1-D track\)"),
        (b"\x87\x89\xf2\xeb\0\4", "a bigBed or bigInteract file"),
        (b"CRAM\3\0", "a CRAM file"),
        (b"PX2.004\1", "a pairix index"),
    ],
)
@pytest.mark.parametrize("gz", [False, True])
def test_foreign_content_is_named(write, content, match, gz):
    with pytest.raises(FormatError, match=match):
        list(read_lines(write("f", content, gz=gz), "GTF"))


def test_nul_far_into_the_file(write):
    path = write("f", b"abc\n" * 5000 + b"a\0b\n")
    with pytest.raises(FormatError, match="line 5001: holds binary data"):
        list(read_lines(path, "GTF"))


def test_latin1_is_refused_with_its_line(write):
    path = write("f", b"a\nb\nM\xfcller\n")
    with pytest.raises(FormatError, match="line 3: byte 0xfc is not UTF-8"):
        list(read_lines(path, "GTF"))


def test_named_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"a\nb\n",))
    writer.start()
    assert [line for _n, line in read_lines(pipe, "table")] == ["a", "b"]
    writer.join()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("12", 12),
        ("-1", None),
        ("+1", None),
        ("1e3", None),
        ("", None),
        (" 1", None),
        ("1_0", None),
        ("٣", None),
        ("9" * 19, None),
    ],
)
def test_parse_position(text, value):
    assert parse_position(text) == value


@contextmanager
def standard_input(source):
    """Make an open file or the reading end of a pipe the standard input of this process."""
    kept = os.dup(0)
    os.dup2(source, 0)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("chunk_bytes", [5, 1 << 20])
def test_the_stored_bytes_are_digested_while_they_are_read(write, gz, chunk_bytes):
    path = write("f.txt", "0123456789\n" * 100_000, gz=gz)
    digest = StoredDigest()
    n_bytes = sum(map(len, read_chunks(path, "t", chunk_bytes=chunk_bytes, observe=digest.update)))
    assert n_bytes == 1_100_000
    record = digest.record(path)
    assert (record.name, record.size_bytes) == ("f.txt", path.stat().st_size)
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_lines_are_digested_too(write):
    path = write("f", "a\nb\n", gz=True)
    digest = StoredDigest()
    assert len(list(read_lines(path, "t", observe=digest.update))) == 2
    assert digest.record(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("gz", [False, True])
def test_standard_input(write, gz):
    path = write("f", "a\nb\n", gz=gz)
    taken = []
    with path.open("rb") as handle, standard_input(handle.fileno()):
        assert b"".join(read_chunks("-", "table", advance=taken.append)) == b"a\nb\n"
    assert sum(taken) == path.stat().st_size
    os.fstat(0)  # it is not closed


@pytest.mark.parametrize("gz", [False, True])
def test_a_pipe_that_brings_single_bytes(gz):
    data = gzip.compress(b"abc\n") if gz else b"abc\n" * 5
    reading, writing = os.pipe()

    def send():
        for i in range(len(data)):
            os.write(writing, data[i : i + 1])
        os.close(writing)

    sender = threading.Thread(target=send)
    with standard_input(reading):
        sender.start()
        assert b"".join(read_chunks("-", "table")) == (b"abc\n" if gz else data)
    sender.join()
    os.close(reading)


def test_bad_standard_input(monkeypatch, write):
    path = write("f", gzip.compress(b"a\n" * 1000)[:-9])
    with path.open("rb") as handle, standard_input(handle.fileno()):
        with pytest.raises(FormatError, match="standard input, line 1: the gzip stream is trunc"):
            list(read_lines("-", "table"))
        with pytest.raises(FormatError, match="standard input: the file is empty; expected a"):
            list(read_lines("-", "table"))
    monkeypatch.setattr(os, "isatty", lambda _descriptor: True)
    with pytest.raises(InputError, match="standard input is a terminal; expected a table from"):
        list(read_lines("-", "table"))
