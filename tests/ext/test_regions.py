"""The counter of pairs of regions against a plain version, and by hand."""

import pickle

import numpy as np
import pytest
import reference
import region_reference
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit_ext import LineError, RegionCounter, RegionLayout, RegionParseError

NAMES, LENGTHS = list(strategies.CHROMS), list(strategies.CHROMS.values())
BIN, FLANK = 50, 4
ROWS = [(0, 0), (0, 3), (0, 4), (0, 99), (1, 17), (2, 2), (3, 1), (4, 0)]
BEDPE = RegionLayout(0, 1, 2, 3, 4, 5)
SCORED = RegionLayout(0, 1, 2, 3, 4, 5, value=7)
CUTS = st.lists(st.integers(0, 3_000), max_size=12)
SEPARATORS = st.sampled_from(["\t", " ", ","])
WIDTHS = st.sampled_from([0, 1, 2])


def make_counter(layout=BEDPE, rows=ROWS, bin_size=BIN, n_flank=FLANK, **options):
    chrom, bin_ = np.array(rows, np.int32).reshape(-1, 2).T
    return RegionCounter(
        NAMES, LENGTHS, strategies.ALIAS, chrom, bin_, bin_size, n_flank, layout, **options
    )


def count(text, layout=BEDPE, cuts=(), wide=None, **options):
    counter = make_counter(layout, **options)
    if wide is not None:
        counter._kernel.wide = min(wide, counter._kernel.wide)
    for chunk in strategies.chunked(text, list(cuts)):
        counter.feed(chunk)
    counter.finish()
    return counter


def plain_count(text, layout=BEDPE, rows=ROWS, bin_size=BIN, n_flank=FLANK, **options):
    columns = [layout.chrom1, layout.start1, layout.end1]
    columns += [layout.chrom2, layout.start2, layout.end2]
    columns += [layout.value] * (layout.value >= 0)
    return region_reference.count_regions(
        text, NAMES, LENGTHS, strategies.ALIAS, rows, bin_size, n_flank, columns,
        layout.separator, layout.one_based, **options,
    )  # fmt: skip


def assert_same(counter, expected):
    # Sums of decimals depend on their order in the last digits.
    np.testing.assert_allclose(counter.counts, expected.counts, rtol=1e-12)
    np.testing.assert_allclose(counter.total, expected.total, rtol=1e-12)
    np.testing.assert_array_equal(counter.cis_by_chrom, expected.cis_by_chrom)
    for name in ("n_lines", "n_cis", "n_trans", "n_unknown_chrom", "unknown_chroms", "mirrored"):
        assert getattr(counter, name) == getattr(expected, name), name
    assert counter.n_records == expected.n_cis + expected.n_trans


@settings(max_examples=200)
@given(
    st.data(), SEPARATORS, st.booleans(), st.booleans(), CUTS, WIDTHS,
    st.sampled_from([7, 50, 200]),
)  # fmt: skip
def test_equals_reference(data, separator, valued, one_based, cuts, wide, bin_size):
    text = data.draw(strategies.region_lines(separator, valued, 30, one_based, bin_size))
    layout = RegionLayout(0, 1, 2, 3, 4, 5, 7 if valued else -1, separator, one_based)
    places = {"bin_size": bin_size, "rows": ROWS if bin_size == BIN else [(0, 0), (4, 2), (0, 5)]}
    for anchors in ("overlap", "midpoint"):
        expected = plain_count(text, layout, anchors=anchors, **places)
        assert_same(count(text, layout, cuts, wide, anchors=anchors, **places), expected)


@settings(max_examples=300)
@given(st.data(), SEPARATORS, st.booleans(), CUTS, WIDTHS)
def test_damaged_files_fail_like_the_reference(data, separator, one_based, cuts, wide):
    text = data.draw(strategies.region_lines(separator, True, 30, one_based, BIN, damaged=True))
    layout = RegionLayout(0, 1, 2, 3, 4, 5, 7, separator, one_based)
    try:
        expected, fault = plain_count(text, layout, first_line=12), None
    except reference.PairError as error:
        fault = error
    if fault is None:
        assert_same(count(text, layout, cuts, wide, first_line=12), expected)
        return
    with pytest.raises(RegionParseError, match=fault.kind) as caught:
        count(text, layout, cuts, wide, first_line=12)
    assert caught.value.line == fault.line


def test_a_small_file_by_hand():
    """Bins of 100 bp, two on either side; rows are bin 3 of chr1 and bin 0 of chr2 (900 bp)."""
    text = (
        b"# loops\n"
        b"chr1\t300\t400\tchr1\t500\t600\tl1\t4\n"  # bins 3, 5: offset +2
        b"chr1\t100\t200\t1\t310\t320\tl2\t2.5\n"  # bins 1, 3: offset -2
        b"chr1\t250\t350\tchr1\t399\t401\tl3\t8\n"  # bins 2-3, 3-4: 2-3, 2-4, 3-3, 3-4
        b"chr1\t200\t400\tchr1\t200\t400\tl4\t16\n"  # bins 2-3, 2-3: 2-2, 2-3, 3-3
        b"chr1\t0\t100\tchr1\t350\t351\tl5\t32\n"  # bins 0, 3: too far
        b"chr2\t0\t100\tchr2\t100\t201\tl6\t64\n"  # bins 0, 1-2
        b"chr1\t300\t400\tchr2\t0\t100\tl7\t128\n"  # trans
        b"chrM\t300\t400\tchr2\t0\t100\tl8\t256\n"  # unknown
    )
    counter = count(text, SCORED, rows=[(0, 3), (1, 0)], bin_size=100, n_flank=2)
    np.testing.assert_array_equal(counter.counts, [[2.5, 24, 24, 8, 4], [0, 0, 0, 64, 64]])
    np.testing.assert_array_equal(counter.cis_by_chrom, [5, 1, 0, 0, 0])
    assert (counter.n_records, counter.n_cis, counter.n_trans) == (7, 6, 1)
    assert (counter.n_unknown_chrom, counter.unknown_chroms) == (1, ["chrM"])
    assert (counter.total, counter.n_lines, counter.mirrored) == (254.5, 9, False)
    middle = count(text, SCORED, rows=[(0, 3), (1, 0)], bin_size=100, n_flank=2, anchors="midpoint")
    np.testing.assert_array_equal(middle.counts, [[2.5, 0, 16, 8, 4], [0, 0, 0, 64, 0]])


PAIR = b"chr1\t100\t200\tchr1\t250\t300\t.\t3\n"
SWAPPED = b"chr1\t250\t300\tchr1\t100\t200\t.\t3\n"
OWN = b"chr1\t100\t200\tchr1\t100\t200\t.\t5\n"
TRANS = b"chrX\t0\t50\tchr1\t0\t50\t.\t7\nchr1\t0\t50\tchrX\t0\t50\t.\t7\n"


@pytest.mark.parametrize(
    ("text", "mirrored", "total"),
    [
        (PAIR + SWAPPED, True, 3),
        (PAIR + SWAPPED + OWN, True, 8),
        (TRANS + SWAPPED + OWN + PAIR, True, 15),
        (PAIR * 2 + SWAPPED * 2, True, 6),
        (PAIR, False, 3),
        (SWAPPED, False, 3),
        (PAIR * 2, False, 6),
        (PAIR * 2 + SWAPPED, False, 9),
        (PAIR + SWAPPED.replace(b"3\n", b"4\n"), False, 7),
        (PAIR + SWAPPED.replace(b"100", b"101"), False, 6),
        (PAIR + SWAPPED.replace(b"chr1", b"chr2", 1), False, 6),
        (OWN * 2, False, 10),
        (b"", False, 0),
    ],
)
def test_files_that_list_every_pair_in_both_orders(text, mirrored, total):
    counter = count(text, SCORED, rows=[(0, 2), (0, 5)])
    assert (counter.mirrored, counter.total) == (mirrored, total)
    assert_same(counter, plain_count(text, SCORED, rows=[(0, 2), (0, 5)]))
    if mirrored:
        once = count(text.replace(SWAPPED, b""), SCORED, rows=[(0, 2), (0, 5)])
        np.testing.assert_array_equal(counter.counts, once.counts)


def grid_line(start1, end1, start2=100, end2=150, chrom=b"chr1"):
    return b"%s\t%d\t%d\tchr1\t%d\t%d\t.\t3\n" % (chrom, start1, end1, start2, end2)


@pytest.mark.parametrize("wide", [0, 1, 2])
@pytest.mark.parametrize("before", [0, 60])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (grid_line(101, 150), r"start of anchor 1 \(column 2\) is 101; expected a multiple of 50"),
        (grid_line(0, 50, 149, 150), r"start of anchor 2 \(column 5\) is 149; expected a mult"),
        (grid_line(100, 151), r"end of anchor 1 .* is 151; expected at most 150, a bin of 50 from"),
        (grid_line(0, 50, 0, 100), r"end of anchor 2 \(column 6\) is 100; expected at most 50"),
        (grid_line(20, 60), "start of anchor 1 .* is 20; expected a multiple"),
        (grid_line(20, 60, chrom=b"chrU"), "start of anchor 1 .* is 20; expected a multiple"),
    ],
)
def test_regions_that_must_be_bins(line, reason, before, wide):
    good = grid_line(4950, 5000) + grid_line(0, 50, 50, 100) + grid_line(100, 130)
    assert count(good * 30 + line, SCORED, wide=wide).n_lines == 91
    text = good * before + line + good
    with pytest.raises(RegionParseError, match=reason) as caught:
        count(text, SCORED, wide=wide, on_grid=True)
    assert caught.value.line == 3 * before + 1
    assert count(good * 30, SCORED, wide=wide, on_grid=True).n_records == 90


def test_bins_of_a_grid_that_starts_at_one():
    layout = RegionLayout(0, 1, 2, 3, 4, 5, one_based=True)
    assert count(b"chr1\t51\t100\tchr1\t1\t50\n", layout, on_grid=True).n_cis == 1
    with pytest.raises(RegionParseError, match="is 50; expected a multiple of 50 plus 1"):
        count(b"chr1\t50\t100\tchr1\t1\t50\n", layout, on_grid=True)


@pytest.mark.parametrize("wide", [0, 1, 2])
def test_a_value_of_zero_is_no_observation(wide):
    text = b"chr1\t100\t200\tchr1\t250\t300\t.\t0\nchr2\t0\t50\tchr2\t50\t100\t.\t0.0\n" * 40
    counter = count(text + PAIR, SCORED, wide=wide)
    np.testing.assert_array_equal(counter.cis_by_chrom, [1, 0, 0, 0, 0])
    assert (counter.n_cis, counter.total) == (81, 3)


def test_pairs_of_a_mirrored_file_may_share_a_bin():
    # Two lines, one contact between regions of the same bin; and a contact of a region with itself.
    near = b"chr1\t0\t10\tchr1\t20\t30\t.\t6\nchr1\t20\t30\tchr1\t0\t10\t.\t6\n"
    own = b"chr1\t0\t10\tchr1\t0\t10\t.\t1\n"
    assert count(near + own, SCORED, rows=[(0, 0)]).counts[0, FLANK] == 7


def test_any_order_of_columns():
    layout = RegionLayout(7, 2, 5, 1, 8, 4, value=0)
    rng = np.random.default_rng(8)
    lines = []
    for _ in range(300):
        cells = [b"x"] * 10
        cells[0] = b"%d" % rng.integers(9)
        cells[7], cells[1] = b"chr1", b"chr1"
        for start, end in ((2, 5), (8, 4)):
            place = rng.integers(400)
            cells[start], cells[end] = b"%d" % place, b"%d" % (place + rng.integers(1, 90))
        lines.append(b"\t".join(cells) + b"\n")
    text = b"".join(lines)
    assert_same(count(text, layout), plain_count(text, layout))


def random_text(n, seed, separator=b"\t", ending=b"\n", name=20):
    rng = np.random.default_rng(seed)
    names = [*NAMES, *strategies.ALIAS]
    lines = []
    for _ in range(n):
        first = names[rng.integers(len(names))]
        second = first if rng.random() < 0.8 else names[rng.integers(len(names))]
        cells = []
        for chrom in (first, second):
            length = strategies.CHROMS[strategies.ALIAS.get(chrom, chrom)]
            start = int(rng.integers(length))
            cells += [chrom, str(start), str(min(length, start + int(rng.integers(1, 120))))]
        cells += ["n" * int(rng.integers(1, name)), f"{rng.integers(1, 99) / 8}"]
        lines.append(separator.join(cell.encode() for cell in cells))
    return ending.join([*lines, b""])


@pytest.mark.parametrize("wide", [0, 1, 2])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("separator", ["\t", " ", ","])
@pytest.mark.parametrize("chunk", [1, 64, 4_097, 10**9])
def test_many_blocks(chunk, separator, ending, wide):
    text = random_text(600, chunk, separator.encode(), ending)
    cuts = range(0, len(text), chunk) if chunk < len(text) else ()
    layout = RegionLayout(0, 1, 2, 3, 4, 5, 7, separator)
    assert_same(count(text, layout, cuts, wide), plain_count(text, layout))


ODD_CELLS = {
    0: [b"chrUn_KI270302v1", b"", b"2", b"#chr1", b"scaffold_with_a_long_name"],
    1: [b"0", b"x", b"", b"-3", b"00000000000000012", b"99999999", b"12345678901234567"],
    2: [b"1", b"5000000000", b"1.5", b"9999999999999999"],
    3: [b"chr2", b"nowhere", b"1"],
    4: [b"7", b"0000000000000007", b" 7", b"7\t8"],
    5: [b"130", b"5001", b"5050", b"5051", b""],
    7: [b"0", b"2.75", b"1e3", b"0.1e-2", b"nan", b"-1", b"12345678901234567", b"1" * 30],
}


@settings(max_examples=300)
@given(
    st.integers(0, 2**32), SEPARATORS, st.booleans(), st.sampled_from(["overlap", "midpoint"]),
    st.lists(st.tuples(st.integers(0, 59), st.sampled_from(sorted(ODD_CELLS)), st.integers(0, 9)),
             max_size=4),
    WIDTHS, st.booleans(),
)  # fmt: skip
def test_odd_lines_among_regular_ones(seed, separator, one_based, anchors, odd, wide, mirrored):
    rng = np.random.default_rng(seed)
    rows = [list(region) for region in regular_lines(rng, 60, one_based)]
    if mirrored:
        rows += [row[3:6] + row[:3] + row[6:] for row in rows]
    for line, column, choice in odd:
        rows[line][column] = ODD_CELLS[column][choice % len(ODD_CELLS[column])]
    text = b"".join(separator.encode().join(row) + b"\n" for row in rows)
    layout = RegionLayout(0, 1, 2, 3, 4, 5, 7, separator, one_based)
    try:
        expected, fault = plain_count(text, layout, anchors=anchors), None
    except reference.PairError as error:
        fault = error
    if fault is None:
        assert_same(count(text, layout, wide=wide, anchors=anchors), expected)
        return
    with pytest.raises(RegionParseError, match=fault.kind) as caught:
        count(text, layout, wide=wide, anchors=anchors)
    assert caught.value.line == fault.line


def regular_lines(rng, n, one_based):
    """Lines of one number of columns; anchors of one bin or two, equal ones among them."""
    for _ in range(n):
        cells = []
        for _ in range(2):
            if cells and rng.random() < 0.2:
                cells += cells[:3]
                continue
            code = int(rng.integers(2))
            start = int(rng.integers(min(LENGTHS[code], 600) - 30))
            end = start + int(rng.integers(1, 30))
            cells += [NAMES[code].encode(), b"%d" % (start + one_based), b"%d" % end]
        yield [*cells, b".", b"%d" % rng.integers(1, 30)]


@pytest.mark.parametrize("separator", ["\t", " ", ","])
@pytest.mark.parametrize("name", [5_000, 30_000])
def test_lines_longer_than_a_block(name, separator):
    text = random_text(40, 5, separator.encode(), name=name)
    layout = RegionLayout(0, 1, 2, 3, 4, 5, 7, separator)
    for cuts in ((), range(0, len(text), 7_000)):
        assert_same(count(text, layout, cuts), plain_count(text, layout))


def test_dense_blanks():
    # More separators in 64 bytes than are written without asking for their number.
    text = (b" " * 70 + PAIR.replace(b"\t", b" \t  ")) * 60
    layout = RegionLayout(0, 1, 2, 3, 4, 5, 7, " ")
    assert count(text, layout).total == 180


def test_values_are_rounded_like_pythons():
    rng = np.random.default_rng(4)
    texts = [f"{rng.integers(10**17)}e{rng.integers(-330, 290)}" for _ in range(800)]
    texts += [repr(x) for x in np.exp(rng.uniform(-80, 80, 800)).tolist()]
    texts += [f"{rng.random() * 1e4:.{rng.integers(30)}f}" for _ in range(400)]
    texts += ["9007199254740993", "9007199254740993.0", "1e22", "1e23", "4.9e-324", "2e-324"]
    texts += ["1.7976931348623157e308", "0." + "0" * 400 + "1", "0" * 900 + "5", "1e-99999999999"]
    texts += ["5e00000000000000000000001", "9999999999999999", "8.000000000000000000000000000001"]
    layout = RegionLayout(0, 1, 2, 3, 4, 5, 6, " ")
    for text in texts:
        counter = count(f"chr1 0 1 chr1 9 10 {text}\n".encode(), layout)
        assert counter.total == float(text), text


def test_only_twenty_unknown_names_are_kept():
    text = b"".join(b"scaffold_%d\t1\t2\tchr1\t1\t2\n" % i for i in range(50)) * 2
    counter = count(text, cuts=[100, 500])
    assert counter.unknown_chroms == [f"scaffold_{i}" for i in range(20)]
    assert counter.n_unknown_chrom == 100


@pytest.mark.parametrize("text", [b"", b"\n", b"\r\n\n", b"# only a header", b"# a\n\n"])
def test_files_without_lines(text):
    counter = count(text)
    assert (counter.n_records, counter.total, counter.mirrored) == (0, 0, False)
    assert not counter.counts.any()


def test_anchors_as_wide_as_a_chromosome():
    text = b"chr1\t0\t5000\tchr1\t0\t5000\n"
    counter = count(text)
    assert_same(counter, plain_count(text))
    assert counter.counts[2].tolist() == [1] * 9


GOOD = b"chr1\t1\t9\tchr1\t2\t8\tn\t1\n"


@pytest.mark.parametrize("before", [0, 1, 40])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"chr1\t1\t9\tchr1\t2", "got 5 tab-separated columns; expected at least 8 .*cut short"),
        (b"chr1 1 9 chr1 2 8 n 1", "got 1 tab-separated columns"),
        (b"\t1\t9\tchr1\t2\t8\tn\t1", r"chromosome of anchor 1 \(column 1\) is empty"),
        (b"chr1\t1\t9\t\t2\t8\tn\t1", r"chromosome of anchor 2 \(column 4\) is empty"),
        (b"chr1\t\t9\tchr1\t2\t8\tn\t1", r"start of anchor 1 \(column 2\) is ''; .* whole"),
        (b"chr1\t1\t9.0\tchr1\t2\t8\tn\t1", r"end of anchor 1 \(column 3\) is '9.0'; .* whole"),
        (b"chr1\t1\t9\tchr1\t-1\t8\tn\t1", r"start of anchor 2 \(column 5\) is '-1'"),
        (b"chr1\t1\t9\tchr1\t1\t+8\tn\t1", r"end of anchor 2 \(column 6\) is '\+8'"),
        (b"chr1\t1\t" + b"9" * 17 + b"\tchr1\t1\t2\tn\t1", "expected at most 16 digits"),
        (
            b"chr1\t9\t9\tchr1\t2\t8\tn\t1",
            r"end .* \(column 3\) is 9, but the start is 9; expected more than 9$",
        ),
        (b"chr9\t9\t9\tchr1\t2\t8\tn\t1", r"end of anchor 1 \(column 3\) is 9, but the start is 9"),
        (b"chr1\t1\t9\tchr1\t8\t7\tn\t1", r"\(column 6\) is 7, .*; expected more than 8"),
        (b"chr1\t1\t5050\tchr1\t2\t8\tn\t1", "5050, outside chr1; expected at most 5000 .*genome"),
        (
            b"1\t1\t9\t1\t5000\t5001\tn\t1",
            r"\(column 5\) is 5000, outside chr1; expected 0 to 4999",
        ),
        (b"chr1\t1\t9999999999999999\tchr1\t2\t8\tn\t1", "9999999999999999, outside chr1"),
        *[
            (
                b"chr1\t1\t9\tchr1\t2\t8\tn\t" + bad,
                r"the value \(column 8\) is .*; expected a finite",
            )
            for bad in (*strategies.BAD_VALUES, b"9" * 1101)
        ],
        (GOOD.rstrip() + b"\t\0", "NUL byte"),
        (b"#\0", "NUL byte"),
        (b"", "an empty line"),
        (b"x" * (2**20 + 1), "longer than 1048576 bytes; this is not a file of loops"),
    ],
)
def test_malformed_lines(line, reason, before):
    text = b"# header\n" + GOOD * before + line + b"\n" + GOOD * 3
    for cuts in ((), range(5, len(text), 7) if len(text) < 5_000 else (5, 2_000, 2**20)):
        with pytest.raises(RegionParseError, match=reason) as caught:
            count(text, SCORED, cuts=cuts)
        assert caught.value.line == before + 2
        assert str(caught.value) == f"line {before + 2}: {caught.value.reason}"
        assert isinstance(caught.value, LineError)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.line, again.reason) == (caught.value.line, caught.value.reason)


@pytest.mark.parametrize(
    ("layout", "line", "reason"),
    [
        (
            RegionLayout(0, 1, 2, 3, 4, 5, separator=" "),
            b" chr1 1\t9  chr1",
            "got 4 columns between",
        ),
        (RegionLayout(0, 1, 2, 3, 4, 5, separator=","), b"chr1,1,9,chr1", "got 4 comma-separated"),
        (
            RegionLayout(0, 1, 2, 3, 4, 6, separator=","),
            b'"chr1",1,9,chr1,2,"a,b",8',
            r"""column 6 is '"a'; expected double quotes around a whole field""",
        ),
        (
            RegionLayout(0, 1, 2, 3, 4, 5, separator=","),
            b'"chr1,1,9,chr1,2,8',
            "column 1 is '\"chr1'",
        ),
        (RegionLayout(0, 1, 2, 3, 4, 5, separator=","), b'"",1,9,chr1,2,8', "anchor 1 .* is empty"),
        (RegionLayout(0, 1, 2, 3, 4, 5, separator=","), b'chr1,1,"",chr1,2,8', "is ''; expected"),
        (
            RegionLayout(0, 1, 2, 3, 4, 5, one_based=True),
            b"chr1\t0\t9\tchr1\t2\t8",
            "is 0, outside chr1; expected 1 to 5000",
        ),
        (
            RegionLayout(0, 1, 2, 3, 4, 5, one_based=True),
            b"chr1\t5\t4\tchr1\t2\t8",
            "is 4, but the start is 5; expected at least 5",
        ),
    ],
)
def test_malformed_lines_of_other_layouts(layout, line, reason):
    for cuts in ((), (3, 9)):
        with pytest.raises(RegionParseError, match=reason) as caught:
            count(b"#\n" + line, layout, cuts)
        assert caught.value.line == 2


def test_the_number_of_the_first_line():
    counter = count(GOOD * 2, first_line=3)
    assert counter.n_lines == 4
    with pytest.raises(RegionParseError, match="line 5: got 1 tab"):
        count(GOOD * 2 + b"x\n", first_line=3)
    assert make_counter(first_line=7).n_lines == 6


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"anchors": "middle"}, ValueError, "'overlap' or 'midpoint'; got 'middle'"),
        ({"first_line": 0}, ValueError, "first_line must lie between 1"),
        ({"bin_size": 0}, ValueError, "bin_size_bp must lie between 1"),
        ({"n_flank": -1}, ValueError, "n_flank_bins must lie between 0"),
        ({"rows": [(0, 1), (0, 1)]}, ValueError, "rows 0 and 1 are both bin 1"),
    ],
)
def test_refused_arguments(change, error, message):
    with pytest.raises(error, match=message):
        make_counter(**change)


@pytest.mark.parametrize(
    ("given_as", "error", "message"),
    [
        ({"end2": 4}, ValueError, "column of its own"),
        ({"value": 0}, ValueError, "column of its own"),
        ({"value": -2}, ValueError, "value must lie between -1"),
        ({"start1": -1}, ValueError, "start1 must lie between 0"),
        ({"start1": "1"}, TypeError, "start1 must be an integer"),
        ({"separator": ";"}, ValueError, "a tab, a blank or a comma; got ';'"),
    ],
)
def test_refused_layouts(given_as, error, message):
    usual = {"chrom1": 0, "start1": 1, "end1": 2, "chrom2": 3, "start2": 4, "end2": 5}
    with pytest.raises(error, match=message):
        RegionLayout(**(usual | given_as))
