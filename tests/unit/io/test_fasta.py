from __future__ import annotations

import gzip
import os

import pysam
import pytest

from dexkit.errors import FormatError, InputError, OutputError
from dexkit.io.fasta import open_fasta

TEXT = ">chr1 first\nACGTNacgtn\nGGG\n>chr2\nTTTT\n"


@pytest.fixture(params=["plain", "crlf", "bgzip"])
def fasta(request, tmp_path):
    text = TEXT.replace("\n", "\r\n") if request.param == "crlf" else TEXT
    path = tmp_path / ("g.fa.gz" if request.param == "bgzip" else "g.fa")
    if request.param == "bgzip":
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(text.encode())
    else:
        path.write_bytes(text.encode())
    return path


def test_genome_and_sequence(fasta):
    with open_fasta(fasta) as opened:
        assert dict(opened.genome.lengths) == {"chr1": 13, "chr2": 4}
        assert opened.fetch("chr1", 3, 12) == b"TNacgtnGG"
        assert opened.path == fasta


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (-3, 2, b"NNNTT"),
        (2, 6, b"TTNN"),
        (-2, 6, b"NNTTTTNN"),
        (9, 12, b"NNN"),
        (-5, -2, b"NNN"),
        (1, 1, b""),
        (4, 4, b""),
    ],
)
def test_off_chromosome_is_n(fasta, start, end, expected):
    with open_fasta(fasta) as opened:
        assert opened.fetch("chr2", start, end) == expected


def test_bad_intervals(fasta):
    with open_fasta(fasta) as opened:
        with pytest.raises(InputError, match="no chromosome 'chr3'; did you mean"):
            opened.fetch("chr3", 0, 1)
        with pytest.raises(InputError, match="ends before it starts"):
            opened.fetch("chr1", 2, 1)


def test_index_is_made_beside_the_fasta_and_kept(fasta):
    open_fasta(fasta).close()
    index = fasta.with_name(fasta.name + ".fai")
    before = index.stat().st_ino
    open_fasta(fasta).close()
    assert index.stat().st_ino == before
    expected = {fasta.name, index.name} | (
        {fasta.name + ".gzi"} if fasta.suffix == ".gz" else set()
    )
    assert {p.name for p in fasta.parent.iterdir()} == expected


def test_older_index_is_made_anew(fasta):
    index = fasta.with_name(fasta.name + ".fai")
    index.write_text("chrX\t5\t6\t5\t6\n")
    os.utime(index, (1, 1))
    with open_fasta(fasta) as opened:
        assert list(opened.genome.lengths) == ["chr1", "chr2"]


def test_unwritable_folder_gets_a_temporary_index(fasta, monkeypatch):
    import dexkit.io.fasta_index as module

    real = module.tempfile.TemporaryDirectory

    def refuse(prefix, dir=None):
        if dir is not None:
            raise PermissionError(13, "Permission denied")
        return real(prefix=prefix)

    monkeypatch.setattr(module.tempfile, "TemporaryDirectory", refuse)
    with open_fasta(fasta) as opened:
        assert opened.fetch("chr2", 0, 2) == b"TT"
        folder = opened._index_folder.name
        assert os.path.isdir(folder)
    assert not os.path.exists(folder)
    assert [p.name for p in fasta.parent.iterdir()] == [fasta.name]


def test_nowhere_to_write_an_index(fasta, monkeypatch):
    import dexkit.io.fasta_index as module

    def refuse(prefix, dir=None):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(OutputError, match="the index can be written nowhere"):
        open_fasta(fasta)


def test_unreadable_index(fasta):
    for suffix in (".fai", ".gzi"):
        fasta.with_name(fasta.name + suffix).write_text("nonsense\n")
    with pytest.raises(FormatError, match=r"the index g\.fa(\.gz)?\.fai cannot be read"):
        open_fasta(fasta)


def test_index_of_another_file_is_noticed(fasta):
    open_fasta(fasta).close()
    index = fasta.with_name(fasta.name + ".fai")
    index.write_text(index.read_text().replace("\t4\t", "\t900\t", 1))
    with (
        open_fasta(fasta) as opened,
        pytest.raises(FormatError, match=r"chr2:0-800 (gave|cannot be read)"),
    ):
        opened.fetch("chr2", 0, 800)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (gzip.compress(TEXT.encode(), mtime=0), "compressed with plain gzip.*bgzip"),
        (b"", "the file is empty"),
        (b"chr1\t1\t2\n", r"line 1: the file is no FASTA: it starts with 'chr1\\t1\\t2'"),
        (b"\xef\xbb\xbf>chr1\nACGT\n", "byte-order mark"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b">\0\1\2\3", "binary data"),
        (b">chr1\nACGT\n>chr1\nAA\n", r"line 3: chromosome 'chr1' occurs again \(first on line 1"),
        (b">a\nACGT\nAC\nACGT\n", "line 4: the lines of 'a' have unequal lengths"),
        (b">a\nAC\nACGT\n", "line 3: the line has 4 bases; expected 2"),
        (b">a\nAC\n>\xc3\xa9\nAC\n", "line 3: the chromosome name 'é' is not plain ASCII"),
        (b">a\nAC\n>\xe9\nAC\n", "line 3: byte 0xe9 is not UTF-8"),
        (b">a\n\nACGT\n", "line 2: the line is empty and stands before the bases of 'a'"),
        (b">a\nACGT\nAC\n\n\r", "line 5: the line holds a carriage return, others do not"),
        (b">a\n", "chromosome 'a' has no sequence"),
        (b">\nACGT\n", "line 1: '>' without a chromosome name"),
    ],
)
def test_what_is_no_usable_fasta(write, content, match):
    path = write("g.fa", content)
    with pytest.raises(FormatError, match=match):
        open_fasta(path)
    assert [p.name for p in path.parent.iterdir()] == ["g.fa"]


@pytest.mark.parametrize("cut", [28, 40])
def test_truncated_bgzip(tmp_path, cut):
    path = tmp_path / "g.fa.gz"
    with pysam.BGZFile(str(path), "wb") as handle:
        handle.write(TEXT.encode())
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(FormatError, match="no end marker, so it is truncated"):
        open_fasta(path)


def test_missing_and_directory(tmp_path):
    with pytest.raises(InputError, match="no such file; expected a FASTA"):
        open_fasta(tmp_path / "g.fa")
    with pytest.raises(InputError, match="is a directory"):
        open_fasta(tmp_path)


def test_htslib_stays_silent(write, capfd):
    with pytest.raises(FormatError):
        open_fasta(write("g.fa", b">a\nAC\nACGT\n"))
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
