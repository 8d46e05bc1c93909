from __future__ import annotations

import pytest

from dexkit.errors import FormatError, InputError
from dexkit.io.samples import SampleRow, check_sample_name, read_samples


@pytest.fixture
def folder(tmp_path):
    for name in ("r1.gz", "r2.gz", "e.tsv"):
        (tmp_path / name).write_text("x")
    return tmp_path


def test_sheet(folder, write):
    text = (
        "# my samples\nsample\tcontacts\texpression\texpression_column\n"
        f"K562\tr1.gz, {folder}/r2.gz\te.tsv\tK562_rep\n"
        "Jurkat\t.\te.tsv\t.\n\nHCT-116\tr1.gz\t\t\n"
    )
    assert read_samples(write("s.tsv", text)) == [
        SampleRow("K562", (folder / "r1.gz", folder / "r2.gz"), folder / "e.tsv", "K562_rep"),
        SampleRow("Jurkat", (), folder / "e.tsv", None),
        SampleRow("HCT-116", (folder / "r1.gz",), None, None),
    ]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_columns_in_any_order_and_windows_line_ends(folder, write, bom):
    path = write("s.tsv", bom + "contacts\tsample\r\nr1.gz\tA\r\n")
    assert read_samples(path) == [SampleRow("A", (folder / "r1.gz",))]


HEAD = "sample\tcontacts\texpression\texpression_column\n"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "sample\tcontact\nA\tr1.gz\n",
            "line 1: unknown column 'contact'; did you mean 'contacts'",
        ),
        ("sample\tsample\nA\tB\n", "line 1: column 'sample' occurs twice"),
        ("contacts\nr1.gz\n", "line 1: the header has no column 'sample'"),
        (HEAD + "A\tr1.gz\n", "line 2: the row has 2 tab-separated columns; expected 4"),
        (HEAD + "A\tnone.gz\t\t\n", r"line 2: .*none\.gz: no such file; expected a contact file"),
        (
            HEAD + "A\t\tnone.tsv\t\n",
            r"line 2: .*none\.tsv: no such file; expected a gene-expression",
        ),
        (HEAD + "A\tr1.gz,r1.gz\t\t\n", "line 2: contact file .*r1.gz is listed twice"),
        (HEAD + "A\t\t\t\n", "line 2: sample 'A' has neither contacts nor expression"),
        (HEAD + "A\tr1.gz\t\tK\n", "line 2: sample 'A' has an expression_column and no expression"),
        (HEAD + "A\tr1.gz\t\t\nA\tr2.gz\t\t\n", "line 3: sample 'A' occurs again"),
        (HEAD + "a/b\tr1.gz\t\t\n", "line 2: sample name 'a/b' cannot be used"),
        (HEAD + "\tr1.gz\t\t\n", "line 2: sample name '' cannot be used"),
        (HEAD, "the sample sheet names no sample"),
        ("", "the file is empty"),
        (b"\0\0", "binary data"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_bad_sheets(write, text, match):
    with pytest.raises(FormatError, match=match):
        read_samples(write("s.tsv", text))


def test_missing_sheet(tmp_path):
    with pytest.raises(InputError, match="no such file; expected a sample sheet"):
        read_samples(tmp_path / "s.tsv")


@pytest.mark.parametrize("name", ["K562", "mESC_2", "HCT-116", "a.b+c", "1"])
def test_good_names(name):
    assert check_sample_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "-x", "é", "a\n"])
def test_bad_names(name):
    with pytest.raises(InputError, match="cannot be used"):
        check_sample_name(name)
