"""Lines of two regions that are read as vectors: the same to the last bit as line by line.

On a processor without AVX-512 both ways are the same, and these tests compare what is equal anyway.
"""

import numpy as np
import pytest
import region_reference

from dexkit_ext import RegionCounter, RegionLayout, RegionParseError

# Names of one to more than eight bytes, with zeros at their ends, and of equal first eight bytes.
LENGTHS = {
    "1": 500_000, "10": 400_000, "chr0": 300_000, "chr00": 700_000, "chr1234": 90_000,
    "scaffold": 1_200_000, "scaffold_10": 800_000, "scaffold_100": 2_000_000_000,
    "a_name_of_more_than_32_bytes_is_long": 60_000,
}  # fmt: skip
NAMES = list(LENGTHS)
BIN, FLANK = 1_000, 20
BEDPE = RegionLayout(0, 1, 2, 3, 4, 5)
SCORED = RegionLayout(0, 1, 2, 3, 4, 5, value=7)


def make_counter(layout, wide, **options):
    rows = [(chrom, bin_) for chrom in range(len(NAMES)) for bin_ in range(0, 60, 2)]
    chrom, bin_ = np.array(rows, np.int32).T
    counter = RegionCounter(
        NAMES, list(LENGTHS.values()), {"one": "1"}, chrom, bin_, BIN, FLANK, layout, **options
    )
    counter._kernel.wide = min(wide, counter._kernel.wide)
    return counter


def count(text, layout=SCORED, wide=2, chunk=1 << 16, **options):
    counter = make_counter(layout, wide, **options)
    for at in range(0, len(text), chunk):
        counter.feed(text[at : at + chunk])
    counter.finish()
    return counter


def assert_identical(text, layout=SCORED, **options):
    plain = count(text, layout, wide=0, **options)
    for chunk in (1 << 16, 1_000, 333):
        found = count(text, layout, chunk=chunk, **options)
        np.testing.assert_array_equal(found.counts, plain.counts)
        np.testing.assert_array_equal(found.cis_by_chrom, plain.cis_by_chrom)
        for name in ("total", "n_lines", "n_cis", "n_trans", "n_unknown_chrom", "mirrored"):
            assert getattr(found, name) == getattr(plain, name), name
        assert found.unknown_chroms == plain.unknown_chroms
    return plain


def draw(seed, n, names, values, mixed, widest=1_000, tail=""):
    """Lines of ends within 60 bins, one name after the other or mixed."""
    rng = np.random.default_rng(seed)
    lines = []
    for i in range(n):
        name1 = names[rng.integers(len(names)) if mixed else i * len(names) // n]
        name2 = names[rng.integers(len(names))] if mixed and rng.random() < 0.4 else name1
        start1, start2 = rng.integers(0, 55_000, 2)
        end1, end2 = (start + rng.integers(1, widest + 1) for start in (start1, start2))
        if rng.random() < 0.1:
            name2, start2, end2 = name1, start1, end1
        value = values[rng.integers(len(values))]
        lines.append(f"{name1}\t{start1}\t{end1}\t{name2}\t{start2}\t{end2}\t.\t{value}{tail}\n")
    return "".join(lines).encode()


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize(
    ("names", "values", "widest", "tail"),
    [
        (NAMES[:5], ["1", "2", "30"], 300, ""),
        (NAMES[:5], ["0", "7", "9999999", "99999999", "12345678901234567"], 2_500, ""),
        (NAMES[:5], ["0.1", "2.5e-3", "0.30000000000000004", "1"], 300, "\t+\t-"),
        (NAMES, ["3", "0.7"], 300, ""),
        (NAMES[2:8], ["1"], 1, "\t" + "x" * 70),
        (NAMES[:5], ["1"], 300, "\t" + "y" * 300),
        (["1", "one", "10"], ["1", "5"], 300, ""),
        (["1", "nowhere", "chr1", "chr", "scaffold_1"], ["1", "5"], 300, ""),
    ],
)
def test_identical_to_line_by_line(names, values, widest, tail, mixed):
    for seed in range(3):
        text = draw(seed, 700, names, values, mixed, widest, tail)
        plain = assert_identical(text)
        assert plain.n_lines == 700
        expected = region_reference.count_regions(
            text, NAMES, list(LENGTHS.values()), {"one": "1"},
            [(c, b) for c in range(len(NAMES)) for b in range(0, 60, 2)], BIN, FLANK,
            [0, 1, 2, 3, 4, 5, 7], "\t", False,
        )  # fmt: skip
        np.testing.assert_allclose(plain.counts, expected.counts, rtol=1e-12)


@pytest.mark.parametrize("n", [*range(1, 20), 127, 128, 129, 255, 256, 257])
def test_any_number_of_lines(n):
    text = draw(n, n, NAMES[:5], ["1", "2"], True)
    assert assert_identical(text).n_records == n


@pytest.mark.parametrize("layout", [BEDPE, RegionLayout(0, 1, 2, 3, 4, 5, one_based=True)])
@pytest.mark.parametrize("anchors", ["overlap", "midpoint"])
def test_other_layouts(layout, anchors):
    text = draw(5, 500, NAMES[:5], ["1"], True, 700).replace(b"\t0\t", b"\t1\t")
    assert assert_identical(text, layout, anchors=anchors).n_records == 500


def test_files_with_both_orders():
    text = draw(6, 400, NAMES[:5], ["1", "2.5"], True, 400)
    swapped = b""
    for line in text.splitlines():
        f = line.split(b"\t")
        if f[:3] != f[3:6]:
            swapped += b"\t".join([*f[3:6], *f[:3], *f[6:]]) + b"\n"
    assert assert_identical(text + swapped).mirrored
    assert not assert_identical(text + swapped + b"1\t1\t2\t1\t9\t10\t.\t1\n").mirrored


@pytest.mark.parametrize(
    "line",
    [
        "#1\t1\t2\t1\t3\t4\t.\t1", "scaffold_100\t1999999000\t2000000000\t1\t3\t4\t.\t1",
        "scaffold_100\t999999998\t999999999\tscaffold_100\t999999000\t1000000000\t.\t1",
        "1\t1\t2\t1\t3\t4\t.\t1\r", "1\t0000000000000001\t2\t1\t3\t4\t.\t00000000000000001",
        "1\t499999\t500900\t1\t499000\t500000\t.\t1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [0, 3, 8, 150])
def test_lines_that_are_left_to_others(line, before):
    good = draw(7, 400, NAMES[:5], ["1"], False).splitlines(keepends=True)
    text = b"".join(good[:before]) + line.encode() + b"\n" + b"".join(good[before:])
    assert assert_identical(text).n_records == 401 - line.startswith("#")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1\t1\t2\t1\t3\t4\t.", "got 7 tab-separated columns"),
        ("1\t1\t2\t1\t3\t4\t.\t", "the value .* is ''"),
        ("1\t1\t2\t1\t3\t4\t.\t1:", "the value .* is '1:'"),
        ("1\t1\t2\t1\t3\t4\t.\t-1", "the value .* is '-1'"),
        ("\t1\t2\t1\t3\t4\t.\t1", "chromosome of anchor 1 .* is empty"),
        ("1\t1\t2\t\t3\t4\t.\t1", "chromosome of anchor 2 .* is empty"),
        ("1\t\t2\t1\t3\t4\t.\t1", "start of anchor 1 .* is ''"),
        ("1\t1\t2\t1\t3\t4/\t.\t1", "end of anchor 2 .* is '4/'"),
        ("1\t1\t:2\t1\t3\t4\t.\t1", "end of anchor 1 .* is ':2'"),
        ("1\t1\t2\t1\t12345678901234567\t4\t.\t1", "at most 16 digits"),
        ("1\t1\t1\t1\t3\t4\t.\t1", "the end of anchor 1 .* is 1, but the start is 1"),
        ("1\t1\t2\t10\t400000\t400001\t.\t1", "outside 10; expected 0 to 399999"),
        ("1\t1\t2\t1\t3\t9999999999\t.\t1", "is 9999999999, outside 1"),
        ("1\t1\t2\t1\t3\t4\t.\0\t1", "NUL byte"),
        ("", "an empty line"),
    ],
)
@pytest.mark.parametrize("before", [0, 5, 8, 130])
def test_what_is_wrong_is_found(line, reason, before):
    good = draw(8, 300, NAMES[:5], ["1"], True).splitlines(keepends=True)
    text = b"".join(good[:before]) + line.encode() + b"\n" + b"".join(good[before:])
    for wide in (0, 2):
        with pytest.raises(RegionParseError, match=reason) as error:
            count(text, wide=wide)
        assert error.value.line == before + 1
