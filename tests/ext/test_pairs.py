import gzip
import os
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
import reference
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit_ext import PairCounter, PairLayout, PairParseError

NAMES, LENGTHS = list(strategies.CHROMS), list(strategies.CHROMS.values())
PLAIN, TYPED = PairLayout(1, 2, 3, 4), PairLayout(1, 2, 3, 4, pair_type=7)
BIN, FLANK = 50, 4
ROWS = [(0, 0), (0, 3), (0, 4), (0, 99), (1, 17), (2, 2), (3, 1), (4, 0)]


def make_counter(layout=PLAIN, rows=ROWS, bin_size=BIN, n_flank=FLANK, alias=strategies.ALIAS):
    chrom, bin_ = np.array(rows, np.int32).reshape(-1, 2).T
    return PairCounter(NAMES, LENGTHS, alias, chrom, bin_, bin_size, n_flank, layout)


def count(text, layout=PLAIN, cuts=(), wide=None, **options):
    counter = make_counter(layout, **options)
    if wide is not None:
        counter._kernel.wide = min(wide, counter._kernel.wide)
    for chunk in strategies.chunked(text, list(cuts)):
        counter.feed(chunk)
    counter.finish()
    return counter


def plain_count(text, layout=PLAIN):
    columns = [layout.chrom1, layout.pos1, layout.chrom2, layout.pos2]
    columns += [layout.pair_type] * (layout.pair_type >= 0)
    return reference.count_pairs(
        text, NAMES, LENGTHS, strategies.ALIAS, ROWS, BIN, FLANK, columns, layout.one_based
    )


def assert_same(counter, expected):
    np.testing.assert_array_equal(counter.counts, expected.counts)
    np.testing.assert_array_equal(counter.cis_by_chrom, expected.cis_by_chrom)
    for name in ("n_lines", "n_cis", "n_trans", "n_unknown_chrom", "n_dropped", "unknown_chroms"):
        assert getattr(counter, name) == getattr(expected, name), name
    assert counter.n_pairs == expected.n_cis + expected.n_trans


CUTS = st.lists(st.integers(0, 3_000), max_size=12)


@given(strategies.pair_lines(typed=True, damaged=False), CUTS, st.sampled_from([0, 1, 2]))
def test_equals_reference(text, cuts, wide):
    for layout in (PLAIN, TYPED):
        assert_same(count(text, layout, cuts, wide), plain_count(text, layout))


@settings(max_examples=200)
@given(strategies.pair_lines(typed=False, damaged=True), CUTS, st.sampled_from([0, 1, 2]))
def test_damaged_files_fail_like_the_reference(text, cuts, wide):
    try:
        expected, fault = plain_count(text), None
    except reference.PairError as error:
        fault = error
    if fault is None:
        assert_same(count(text, cuts=cuts, wide=wide), expected)
        return
    with pytest.raises(PairParseError, match=fault.kind) as caught:
        count(text, cuts=cuts, wide=wide)
    assert caught.value.line == fault.line


def random_text(n, seed, ending=b"\n", read_id=20):
    rng = np.random.default_rng(seed)
    names = [*NAMES, *strategies.ALIAS]
    lines = []
    for _ in range(n):
        first = names[rng.integers(len(names))]
        second = first if rng.random() < 0.8 else names[rng.integers(len(names))]
        sizes = [strategies.CHROMS[strategies.ALIAS.get(name, name)] for name in (first, second)]
        pos = [rng.integers(1, size + 1) for size in sizes]
        read = "r" * int(rng.integers(0, read_id))
        lines.append(f"{read}\t{first}\t{pos[0]}\t{second}\t{pos[1]}\t+\t-".encode())
    return ending.join([*lines, b""])


@pytest.mark.parametrize("wide", [0, 1, 2])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("chunk", [1, 63, 64, 4_096, 4_097, 50_000, 10**9])
def test_many_blocks(chunk, ending, wide):
    text = random_text(2_000, chunk, ending)
    cuts = range(0, len(text), chunk) if chunk < len(text) else ()
    assert_same(count(text, cuts=cuts, wide=wide), plain_count(text))


@pytest.mark.parametrize("read_id", [5_000, 30_000])
def test_lines_longer_than_a_block(read_id):
    text = random_text(40, 5, read_id=read_id)
    for cuts in ((), range(0, len(text), 7_000)):
        assert_same(count(text, cuts=cuts), plain_count(text))


def test_dense_separators():
    # More separators in 64 bytes than are written without asking for their number.
    text = b"a\tchr1\t7\tchr1\t9" + b"\t" * 100 + b"\n"
    assert_same(count(text * 60), plain_count(text * 60))


@pytest.mark.parametrize(
    "columns", [(1, 2, 4, 5, -1), (4, 3, 2, 1, 0), (0, 1, 2, 3, -1), (2, 6, 4, 0, 9)]
)
def test_any_order_of_columns(columns):
    layout = PairLayout(*columns)
    rng = np.random.default_rng(8)
    lines = []
    for _ in range(300):
        cells = [b"x"] * 11
        for chrom, pos in ((columns[0], columns[1]), (columns[2], columns[3])):
            cells[chrom], cells[pos] = b"chr1", str(rng.integers(1, 400)).encode()
        if columns[4] >= 0:
            cells[columns[4]] = [b"UU", b"DD"][rng.integers(2)]
        lines.append(b"\t".join(cells) + b"\n")
    text = b"".join(lines)
    assert_same(count(text, layout), plain_count(text, layout))


def test_a_small_file_by_hand():
    """Bins of 100 bp, two on either side; rows are bin 3 of chr1 and bin 0 of chr2 (900 bp)."""
    text = (
        b"## pairs format v1.0\n"
        b"a\tchr1\t301\tchr1\t500\t+\t-\n"  # 0-based 300, 499: bins 3, 4: row 0, offset +1
        b"b\tchr1\t300\tchr1\t301\t+\t-\n"  # 299, 300: bins 2, 3: row 0, offset -1
        b"c\t1\t400\tchr1\t301\t+\t-\n"  # bins 3, 3: row 0, offset 0, once
        b"d\tchr1\t501\tchr1\t399\t+\t-\n"  # bins 5, 3: row 0, offset +2
        b"e\tchr1\t601\tchr1\t399\t+\t-\n"  # bins 6, 3: too far
        b"f\tchr2\t1\tchr2\t900\t+\t-\n"  # bins 0, 8: too far
        b"g\tchr2\t100\tchr2\t101\t+\t-\n"  # bins 0, 1: row 1, offset +1
        b"h\tchr1\t301\tchr2\t1\t+\t-\n"  # trans
        b"i\tchrM\t1\tchr2\t1\t+\t-\n"  # unknown
        b"j\t!\t0\tchr2\t1\t-\t-\n"  # unmapped
    )
    counter = count(text, rows=[(0, 3), (1, 0)], bin_size=100, n_flank=2)
    np.testing.assert_array_equal(counter.counts, [[0, 1, 1, 1, 1], [0, 0, 0, 1, 0]])
    np.testing.assert_array_equal(counter.cis_by_chrom, [5, 2, 0, 0, 0])
    assert (counter.n_pairs, counter.n_cis, counter.n_trans) == (8, 7, 1)
    assert (counter.n_unknown_chrom, counter.unknown_chroms) == (1, ["chrM"])
    assert (counter.n_dropped, counter.n_lines) == (1, 11)


def test_two_rows_share_a_pair():
    counter = count(b".\tchr1\t10\tchr1\t160\n", rows=[(0, 0), (0, 3)])
    np.testing.assert_array_equal(np.argwhere(counter.counts), [[0, FLANK + 3], [1, FLANK - 3]])


def test_zero_based_positions():
    layout = PairLayout(1, 2, 3, 4, one_based=False)
    counter = count(b".\tchr1\t0\tchr1\t50\n", layout)
    assert counter.counts[0, FLANK + 1] == 1
    for position, inside in ((4_999, True), (5_000, False)):
        text = b".\tchr1\t0\tchr1\t%d\n" % position
        if inside:
            assert count(text, layout).n_cis == 1
        else:
            with pytest.raises(PairParseError, match="is 5000, outside chr1; expected 0 to 4999"):
                count(text, layout)


def test_only_twenty_unknown_names_are_kept():
    text = b"".join(b".\tscaffold_%d\t1\tchr1\t1\n" % i for i in range(50)) * 2
    counter = count(text, cuts=[100, 500])
    assert counter.unknown_chroms == [f"scaffold_{i}" for i in range(20)]
    assert counter.n_unknown_chrom == 100


@pytest.mark.parametrize("text", [b"", b"\n", b"\r\n\n", b"## only a header", b"# a\n\n"])
def test_files_without_pairs(text):
    counter = count(text)
    assert counter.n_pairs == 0
    assert not counter.counts.any()


def test_no_rows():
    counter = count(b".\tchr1\t1\tchr1\t2\n", rows=[])
    assert counter.counts.shape == (0, 2 * FLANK + 1)
    assert counter.n_cis == 1


GOOD = b"r\tchr1\t1\tchr1\t2\t+\t-\n"


@pytest.mark.parametrize("before", [0, 1, 40])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"r\tchr1\t1\tchr1", "got 4 tab-separated columns; expected at least 5 .*cut short"),
        (b"r", "got 1 tab-separated columns"),
        (b"r chr1 1 chr1 2", "got 1 tab-separated columns"),
        (b"r\t\t1\tchr1\t2", r"chromosome of end 1 \(column 2\) is empty"),
        (b"r\tchr1\t1\t\t2", r"chromosome of end 2 \(column 4\) is empty"),
        (b"r\tchr1\t\tchr1\t2", r"position of end 1 \(column 3\) is ''; expected a whole number"),
        (b"r\tchr1\t1\tchr1\t-2", r"end 2 \(column 5\) is '-2'; expected a whole number"),
        (b"r\tchr1\t+1\tchr1\t2", r"is '\+1'; expected a whole number"),
        (b"r\tchr1\t1.0\tchr1\t2", r"is '1.0'; expected a whole number"),
        (b"r\tchr1\t1 \tchr1\t2", r"is '1 '; expected a whole number"),
        (b"r\tchr1\t\xb21\tchr1\t2", r"is '\\\\xb21'; expected a whole number"),
        (b"r\tchr1\t" + b"1" * 17 + b"\tchr1\t2", "expected at most 16 digits"),
        (b"r\tchr1\t" + b"z" * 99 + b"\tchr1\t2", "is 'z{40}'; expected a whole number"),
        (b"r\tchr1\t0\tchr1\t2", "is 0, outside chr1; expected 1 to 5000"),
        (b"r\t1\t5001\tchr1\t2", r"is 5001, outside chr1; .*right genome"),
        (b"r\tchr1\t1\tchr1\t9999999999999999", "9999999999999999, outside chr1"),
        (b"r\tchr1\t1\tchr1\t2\t\0", "NUL byte"),
        (b"#\0", "NUL byte"),
        (b"", "an empty line"),
        (b"x" * (2**20 + 1), "longer than 1048576 bytes"),
    ],
)
def test_malformed_lines(line, reason, before):
    text = b"## header\n" + GOOD * before + line + b"\n" + GOOD * 3
    for cuts in ((), range(5, len(text), 7) if len(text) < 5_000 else (5, 2_000, 2**20)):
        with pytest.raises(PairParseError, match=reason) as caught:
            count(text, cuts=cuts)
        assert caught.value.line == before + 2
        assert str(caught.value) == f"line {before + 2}: {caught.value.reason}"
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.line, again.reason) == (caught.value.line, caught.value.reason)


def test_an_empty_pair_type_is_malformed():
    with pytest.raises(PairParseError, match=r"line 1: the pair type \(column 8\) is empty"):
        count(b"r\tchr1\t1\tchr1\t2\t+\t-\t\n", TYPED)


def test_the_longest_line_is_read():
    tail = b"\tchr1\t1\tchr1\t2"
    longest = b"x" * (2**20 - len(tail)) + tail
    assert count(longest + b"\n" + GOOD).n_cis == 2
    assert count(longest, cuts=[7, 2**19]).n_cis == 1


def test_a_file_cut_short():
    text = GOOD * 3 + b"r\tchr1\t1\tch"
    with pytest.raises(PairParseError, match="line 4: got 4 tab-separated columns"):
        count(text)
    assert count(GOOD * 3 + GOOD.rstrip(b"\n")).n_cis == 4


def test_an_endless_line_does_not_fill_the_memory():
    counter = make_counter()
    for _ in range(16):
        counter.feed(b"x" * 2**16)
    with pytest.raises(PairParseError, match="line 1: longer than"):
        counter.feed(b"x")


def test_a_counter_is_used_once():
    counter = count(GOOD)
    with pytest.raises(ValueError, match="is finished"):
        counter.feed(GOOD)
    with pytest.raises(ValueError, match="is finished"):
        counter.finish()
    failed = make_counter()
    with pytest.raises(PairParseError):
        failed.feed(b"x\n")
    with pytest.raises(ValueError, match="is finished"):
        failed.feed(GOOD)


def test_chunks_may_be_any_bytes():
    counter = make_counter()
    counter.feed(bytearray(GOOD))
    counter.feed(memoryview(GOOD))
    with pytest.raises(TypeError, match="must be bytes; got str"):
        counter.feed("r\tchr1")
    counter.finish()
    assert counter.n_lines == 2


def test_counters_in_threads():
    text = random_text(3_000, 2)
    counters = [make_counter() for _ in range(4)]

    def work(counter):
        for chunk in strategies.chunked(text, list(range(0, len(text), 10_000))):
            counter.feed(chunk)
        counter.finish()

    threads = [threading.Thread(target=work, args=(counter,)) for counter in counters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = plain_count(text)
    for counter in counters:
        assert_same(counter, expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"chrom_names": []}, ValueError, "one length per name"),
        ({"chrom_names": [], "chrom_lengths": []}, ValueError, "chrom_names has 0 names; .* 1 to"),
        ({"chrom_names": ["a", "a"]}, ValueError, "'a' is given twice"),
        ({"chrom_names": ["a", "!"]}, ValueError, "'!' cannot be a chromosome name"),
        ({"chrom_names": ["a", "b\tc"]}, ValueError, "cannot be a chromosome name"),
        ({"chrom_lengths": [100, 0]}, ValueError, "b has length 0; expected 1 or more"),
        ({"chrom_lengths": [9, 2**40 + 1]}, ValueError, "b has length .*; expected at most 10995"),
        ({"chrom_lengths": [100.0, 1.0]}, TypeError, "chrom_lengths must be integers"),
        ({"alias": {"c": "d"}}, ValueError, "'c' stands for 'd', which is not in chrom_names"),
        ({"alias": {"a": "b"}}, ValueError, "alias 'a' stands for 'b', but is itself"),
        ({"row_chrom": np.array([0, 2])}, ValueError, "row_chrom must lie between 0 and 1"),
        ({"row_bin": np.array([0, 10])}, ValueError, "row 1 has bin 10; expected 0 to 4 on b"),
        ({"row_bin": np.array([-1, 0])}, ValueError, "row 0 has bin -1; expected 0 to 9 on a"),
        ({"row_bin": np.array([0])}, ValueError, "one value per row"),
        ({"row_bin": np.array([0.0, 1.0])}, TypeError, "row_bin must be integers"),
        (
            {"row_chrom": np.array([1, 1]), "row_bin": np.array([3, 3])},
            ValueError,
            "rows 0 and 1 are both bin 3 of b",
        ),
        ({"bin_size_bp": 0}, ValueError, "bin_size_bp must lie between 1"),
        ({"bin_size_bp": 5e3}, TypeError, "bin_size_bp must be an integer"),
        ({"n_flank_bins": -1}, ValueError, "n_flank_bins must lie between 0"),
    ],
)
def test_refused_arguments(change, error, message):
    usual = {
        "chrom_names": ["a", "b"],
        "chrom_lengths": [100, 50],
        "alias": {},
        "row_chrom": np.array([0, 1]),
        "row_bin": np.array([0, 4]),
        "bin_size_bp": 10,
        "n_flank_bins": 2,
        "layout": PLAIN,
    }
    with pytest.raises(error, match=message):
        PairCounter(**(usual | change))


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ((1, 2, 1, 4), ValueError, "column of its own"),
        ((1, 2, 3, 4, 4), ValueError, "column of its own"),
        ((-1, 2, 3, 4), ValueError, "chrom1 must lie between 0"),
        ((1, 2, 3, "4"), TypeError, "pos2 must be an integer; got '4'"),
    ],
)
def test_refused_layouts(columns, error, message):
    with pytest.raises(error, match=message):
        PairLayout(*columns)


@pytest.mark.real
def test_real_hicpro_pairs():
    folder = Path(os.path.dirname(__file__)).parents[2] / "shared/data/hg19/contacts"
    path = folder / "GM12878_SMC1_HiChIP.chr22.rep1.allValidPairs.gz"
    if not path.exists():
        pytest.skip("the real data are not beside the checkout")
    text = gzip.decompress(path.read_bytes())
    lengths = {f"chr{c}": 300_000_000 for c in [*range(1, 23), "X", "Y", "M"]}
    rows = [(21, b) for b in range(3_000, 10_000, 7)]
    chrom, bin_ = np.array(rows).T
    layout = PairLayout(1, 2, 4, 5)
    counter = PairCounter(list(lengths), list(lengths.values()), {}, chrom, bin_, 5_000, 20, layout)
    for start in range(0, len(text), 65_537):
        counter.feed(text[start : start + 65_537])
    counter.finish()
    expected = reference.count_pairs(
        text, list(lengths), list(lengths.values()), {}, rows, 5_000, 20, (1, 2, 4, 5)
    )
    assert counter.n_lines > 50_000
    assert_same(counter, expected)
