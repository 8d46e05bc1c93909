from __future__ import annotations

import os
import threading

import pytest

from dexkit.errors import FormatError, InputError
from dexkit.io.text import input_file, parse_position, read_chunks, read_lines


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
    import gzip

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
