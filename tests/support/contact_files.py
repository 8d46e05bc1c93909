"""One toy experiment written in every format of contacts.

The experiment is a list of read pairs ``(chrom1, position1, chrom2, position2)``, 0-based. Formats
of read pairs hold the pairs; all others hold the number of pairs of every two bins, with whole bins
for regions. Each ``write_*`` returns the text; :data:`WRITERS` has them by the name of the format.
"""

import random
from collections import Counter

#: The last bins of chrA and chrC are short; chrM is never met.
LENGTHS = {"chrA": 970, "chrB": 600, "chrC": 130, "chrM": 50}
BIN_BP = 50
N_FLANK = 4
#: gene, chromosome, 0-based TSS, strand. g1 and g2 share a bin; g3, g5 and g6 lie at the ends.
GENES = [
    ("g1", "chrA", 412, "+"),
    ("g2", "chrA", 440, "-"),
    ("g3", "chrA", 969, "-"),
    ("g4", "chrA", 250, "+"),
    ("g5", "chrB", 0, "+"),
    ("g6", "chrB", 599, "-"),
    ("g7", "chrC", 75, "+"),
]


def toy_pairs(n=600, seed=3):
    """Return read pairs, most of them near each other, some within a bin, a tenth trans."""
    rng = random.Random(seed)
    chroms = [name for name in LENGTHS if name != "chrM"]
    pairs = []
    for _ in range(n):
        chrom = rng.choices(chroms, [6, 3, 1])[0]
        here = rng.randrange(LENGTHS[chrom])
        if rng.random() < 0.1:
            other = rng.choice([name for name in chroms if name != chrom])
            pairs.append((chrom, here, other, rng.randrange(LENGTHS[other])))
            continue
        there = here + round(rng.gauss(0, 90))
        pairs.append((chrom, here, chrom, min(max(there, 0), LENGTHS[chrom] - 1)))
    return pairs


def expected_rows(pairs, row_of_bin, bin_bp=BIN_BP, n_flank=N_FLANK):
    """Count pairs around bins in the plainest way.

    ``row_of_bin`` maps ``(chrom, bin)`` to a row; the result is one list of counts a row.
    """
    rows = [[0] * (2 * n_flank + 1) for _ in range(len(row_of_bin))]
    for chrom1, position1, chrom2, position2 in pairs:
        if chrom1 != chrom2:
            continue
        i, j = position1 // bin_bp, position2 // bin_bp
        for here, there in {(i, j), (j, i)}:
            row = row_of_bin.get((chrom1, here))
            if row is not None and abs(there - here) <= n_flank:
                rows[row][there - here + n_flank] += 1
    return rows


def bin_pairs(pairs, bin_bp=BIN_BP):
    """Return the number of pairs of every two bins, ordered by chromosome and bin."""
    order = {name: i for i, name in enumerate(LENGTHS)}
    counts = Counter()
    for chrom1, position1, chrom2, position2 in pairs:
        ends = [(order[chrom1], position1 // bin_bp), (order[chrom2], position2 // bin_bp)]
        counts[tuple(sorted(ends))] += 1
    return dict(sorted(counts.items()))


def region(end, bin_bp=BIN_BP):
    """Return chromosome, start and end of a bin ``(chromosome number, bin)``."""
    name = list(LENGTHS)[end[0]]
    return name, end[1] * bin_bp, min((end[1] + 1) * bin_bp, LENGTHS[name])


def region_lines(pairs, line, separator="\t"):
    """Return one line a bin pair: six coordinates, then what ``line(count)`` adds."""
    lines = []
    for (end1, end2), count in bin_pairs(pairs).items():
        fields = [*region(end1), *region(end2), *line(count)]
        lines.append(separator.join(map(str, fields)))
    return "\n".join(lines) + "\n"


def write_pairs(pairs):
    """4DN .pairs: a header, 1-based positions."""
    sizes = "".join(f"#chromsize: {name} {length}\n" for name, length in LENGTHS.items())
    columns = "#columns: readID chrom1 pos1 chrom2 pos2 strand1 strand2 pair_type\n"
    return f"## pairs format v1.0\n{sizes}{columns}" + "".join(
        f"r{i}\t{a}\t{p + 1}\t{b}\t{q + 1}\t+\t-\tUU\n" for i, (a, p, b, q) in enumerate(pairs)
    )


def write_hicpro(pairs):
    """HiC-Pro allValidPairs: no header, 1-based positions."""
    return "".join(
        f"r{i}\t{a}\t{p + 1}\t+\t{b}\t{q + 1}\t-\t100\tf1\tf2\t35\t40\n"
        for i, (a, p, b, q) in enumerate(pairs)
    )


def write_hicpro_matrix(pairs):
    """HiC-Pro matrix: bin ids from 1, the upper triangle."""
    first, total = {}, 1
    for i, length in enumerate(LENGTHS.values()):
        first[i] = total
        total += -(-length // BIN_BP)
    return "".join(
        f"{first[end1[0]] + end1[1]}\t{first[end2[0]] + end2[1]}\t{count}\n"
        for (end1, end2), count in bin_pairs(pairs).items()
    )


def write_bins(bin_bp=BIN_BP):
    """``*_abs.bed`` of the HiC-Pro matrix."""
    lines = []
    for number, (name, length) in enumerate(LENGTHS.items()):
        del name
        for i in range(-(-length // bin_bp)):
            lines.append("\t".join(map(str, (*region((number, i), bin_bp), len(lines) + 1))))
    return "\n".join(lines) + "\n"


def write_bedpe(pairs):
    """BEDPE with a header that names the count."""
    header = "#chrom1\tstart1\tend1\tchrom2\tstart2\tend2\tname\tscore\tcount\n"
    return header + region_lines(pairs, lambda count: (".", 0.5, count))


def write_hichipper(pairs):
    """*.loop_counts.bedpe of hichipper: separated by blanks, PETs in column 8."""
    return region_lines(pairs, lambda count: (".", count), " ")


def write_mango(pairs):
    """*.interactions.all.mango of hichipper: count and FDR, no header."""
    return region_lines(pairs, lambda count: (count, f"{1 / (1 + count):.4g}"))


FITHICHIP_ENDS = " ".join(
    f"{name}{end}"
    for end in (1, 2)
    for name in ("Coverage", "isPeak", "Bias", "Mapp", "GCContent", "RESites")
)


def write_fithichip(pairs):
    """*.interactions_FitHiC.bed, all 25 columns."""
    names = f"chr1 s1 e1 chr2 s2 e2 cc {FITHICHIP_ENDS} p exp_cc_Bias p_Bias dbinom_Bias"
    header = "\t".join([*names.split(), "P-Value_Bias", "Q-Value_Bias"]) + "\n"
    return header + region_lines(pairs, lambda n: (n, *[1] * 12, 0.1, 2.5, 0.2, 0.3, 1e-5, 1e-3))


def write_fithichip_merged(pairs):
    """The merged loops of FitHiChIP; the clusters are wider than their strongest bin pair."""
    names = "chr1 s1 e1 chr2 s2 e2 cc p fdr bin1_low bin1_high bin2_low bin2_high sumCC StrongConn"
    header = "\t".join(names.split()) + "\n"
    return header + region_lines(pairs, lambda n: (n, 1e-5, 1e-3, 0, 100, 100, 200, n + 7, 1))


def write_maps(pairs):
    """*.peaks.bedpe of MAPS."""
    names = "chr1 start1 end1 chr2 start2 end2 count expected fdr ClusterLabel ClusterSize"
    header = "\t".join([*names.split(), "ClusterType", "ClusterNegLog10P", "ClusterSummit"]) + "\n"
    return header + region_lines(pairs, lambda n: (n, 2.5, 1e-6, "chrA_01", 1, "Singleton", 7.5, 1))


def write_origami(pairs):
    """CSV of Origami, its texts in quotes."""
    names = "chromosome1 start1 end1 chromosome2 start2 end2".split()
    header = ",".join(f'"{name}"' for name in [*names, "PET Count", "Hypergeometric p-value"])
    lines = []
    for (end1, end2), count in bin_pairs(pairs).items():
        (a, s, e), (b, t, f) = region(end1), region(end2)
        lines.append(f'"{a}",{s},{e},"{b}",{t},{f},{count},0.01,0.93')
    return "\n".join([header + ',"Bayes probability"', *lines]) + "\n"


def write_bg2(pairs):
    """BG2: two bins and their count."""
    return region_lines(pairs, lambda count: (count,))


def write_longrange(pairs):
    """WashU longrange, every loop twice, also those within one bin."""
    lines = []
    for ends, count in bin_pairs(pairs).items():
        for one, two in (ends, ends[::-1]):
            (a, s, e), (b, t, f) = region(one), region(two)
            lines.append(f"{a}\t{s}\t{e}\t{b}:{t}-{f},{count}\t{len(lines) + 1}\t.")
    return "\n".join(lines) + "\n"


#: Writer by what is written; the part before a blank is the name of the format.
WRITERS = {
    "pairs": write_pairs,
    "hicpro": write_hicpro,
    "hicpro-matrix": write_hicpro_matrix,
    "bedpe": write_bedpe,
    "bedpe hichipper": write_hichipper,
    "mango": write_mango,
    "fithichip": write_fithichip,
    "fithichip merged": write_fithichip_merged,
    "maps": write_maps,
    "origami": write_origami,
    "bg2": write_bg2,
    "longrange": write_longrange,
}
