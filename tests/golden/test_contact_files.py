"""One small file a contact format (``contacts/``), every number worked by hand.

Bins of 10 bp, 2 on either side. chrA 47 bp (bins 0-4, the last short), chrB 60 bp (bins 0-5). Rows:
chrA bins 2 and 4, chrB bin 0. Unless said otherwise a file holds these contacts of bins:

    chrA 1 - 2: 2    2 - 2: 1    2 - 3: 1    2 - 4: 1    3 - 4: 1    chrB 0 - 1: 1
    chrA 2 - chrB 0: 1 (trans)

so that the rows are, at offsets -2 .. +2 (bins off the chromosome stay 0):

    chrA bin 2    0 2 1 1 1
    chrA bin 4    1 1 0 0 0
    chrB bin 0    0 0 0 1 0

``wide.bedpe``: ``chrA 5-15 - 20-40`` joins bins 0, 1 with 2, 3; ``15-25 - 20-30`` 1, 2 with 2.
Row of bin 2: offsets -2, -1 from the first line, -1, 0 from the second; row of bin 4: none. By
midpoints, 10 and 30, then 20 and 25: bins 1 - 3, which no row holds, and 2 - 2.
"""

from pathlib import Path

import numpy as np
import pytest

from dexkit.genome import Gene, GeneTable, Genome
from dexkit.io.contacts import ContactOptions, TssBins, read_contact_rows

FOLDER = Path(__file__).parent / "contacts"
GENOME = Genome({"chrA": 47, "chrB": 60})
GENES = GeneTable.from_genes(
    Gene(f"g{i}", f"g{i}", chrom, tss, "+")
    for i, (chrom, tss) in enumerate([("chrA", 25), ("chrA", 43), ("chrB", 5)])
)
BINS = TssBins.from_genes(GENES, GENOME, 10, 2)

ROWS = [[0, 2, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 1, 0]]
TEN_TIMES = [[10 * n for n in row] for row in ROWS]
NONE = [0, 0, 0, 0, 0]

#: File, format, kind, depth.
FILES = [
    ("pairs.pairs", "pairs", "pairs", 8),
    ("hicpro.allValidPairs", "hicpro", "pairs", 8),
    ("hicpro-matrix.matrix", "hicpro-matrix", "matrix", 8),
    ("hicpro-matrix_iced.matrix", "hicpro-matrix", "matrix", 8),
    ("bg2.bg2", "bg2", "matrix", 8),
    ("mango.interactions.all.mango", "mango", "loops", None),
    ("hichipper.loop_counts.bedpe", "bedpe", "loops", None),
    ("loops.bedpe", "bedpe", "loops", None),
    ("scored.bedpe", "bedpe", "loops", None),
    ("fithichip.interactions_FitHiC.bed", "fithichip", "loops", None),
    (
        "fithichip_merged.interactions_FitHiC_Q0.01_MergeNearContacts.bed",
        "fithichip",
        "loops",
        None,
    ),
    ("maps.peaks.bedpe", "maps", "loops", None),
    ("origami.csv", "origami", "loops", None),
    ("longrange.longrange", "longrange", "loops", None),
]


def read(name, **options):
    return read_contact_rows(FOLDER / name, BINS, GENOME, options=ContactOptions(**options))


@pytest.mark.parametrize(("name", "format", "kind", "depth"), FILES)
def test_rows_of_the_golden_files(name, format, kind, depth):
    found = read(name)
    assert found.counts.tolist() == ROWS
    assert (found.format, found.kind, found.depth) == (format, kind, depth)
    assert found.observed_chroms == {"chrA", "chrB"}
    assert found.n_dropped == (2 if format == "pairs" else 0)
    said = read(name, format=format)
    assert said.counts.tolist() == ROWS


def test_every_golden_file_is_read():
    tested = {name for name, *_ in FILES} | {"wide.bedpe", "hicpro-matrix_abs.bed"}
    assert {path.name for path in FOLDER.iterdir()} == tested


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, [[1, 2, 1, 0, 0], NONE, NONE]),
        ({"anchors": "midpoint"}, [[0, 0, 1, 0, 0], NONE, NONE]),
        ({"score_column": "8"}, [[3, 3.5, 0.5, 0, 0], NONE, NONE]),
        ({"score_column": "8", "anchors": "midpoint"}, [[0, 0, 0.5, 0, 0], NONE, NONE]),
    ],
)
def test_wide_anchors(options, rows):
    assert read("wide.bedpe", **options).counts.tolist() == rows


@pytest.mark.parametrize(
    ("name", "column", "rows"),
    [
        ("fithichip_merged.interactions_FitHiC_Q0.01_MergeNearContacts.bed", "sumCC", TEN_TIMES),
        ("fithichip_merged.interactions_FitHiC_Q0.01_MergeNearContacts.bed", "14", TEN_TIMES),
        ("fithichip.interactions_FitHiC.bed", "cc", ROWS),
        ("origami.csv", "pet count", ROWS),
        ("scored.bedpe", "OBSERVED", ROWS),
        ("mango.interactions.all.mango", "7", ROWS),
    ],
)
def test_chosen_columns(name, column, rows):
    assert read(name, score_column=column).counts.tolist() == rows


def test_origami_probability_as_the_value():
    # 0.97 a bin pair, whatever its PETs.
    rows = [[0, 0.97, 0.97, 0.97, 0.97], [0.97, 0.97, 0, 0, 0], [0, 0, 0, 0.97, 0]]
    np.testing.assert_array_equal(read("origami.csv", score_column="Bayes mixture 1").counts, rows)
