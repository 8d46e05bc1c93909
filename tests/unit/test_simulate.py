"""The simulator: its files say what its truth says."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pysam
import pytest

from dexkit.errors import FormatError, InputError, OutputError
from dexkit.simulate import SimulationConfig, load_simulation, simulate

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
BIN = 5_000


def reverse_complement(sequence):
    return sequence.translate(COMPLEMENT)[::-1]


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def read_gz(path):
    with gzip.open(path, "rt") as handle:
        return handle.read().splitlines()


def pairs_of(path):
    """Columns chrom1, 0-based pos1, chrom2, 0-based pos2 of a file in either format."""
    columns = (1, 2, 4, 5) if path.name.endswith("allValidPairs.gz") else (1, 2, 3, 4)
    rows = [line.split("\t") for line in read_gz(path) if not line.startswith("#")]
    a, b, c, d = columns
    return [(r[a], int(r[b]) - 1, r[c], int(r[d]) - 1) for r in rows]


# --- files --------------------------------------------------------------------------------------


def test_writes_exactly_the_files_that_truth_lists(simulated):
    listed = simulated.truth["files"]
    names = {v for v in listed.values() if isinstance(v, str)}
    names |= {n for replicates in listed["contacts"].values() for n in replicates}
    assert {p.name for p in simulated.folder.iterdir()} == names
    assert [p.name for p in simulated.contacts["alpha"]] == [
        "alpha.rep1.pairs.gz",
        "alpha.rep2.pairs.gz",
    ]
    assert simulated.contacts["beta"][0].name == "beta.rep1.allValidPairs.gz"
    assert json.loads(simulated.truth_path.read_text()) == simulated.truth
    assert not [p for p in simulated.folder.parent.iterdir() if p != simulated.folder]


def test_loading_gives_the_same_record(simulated):
    assert load_simulation(simulated.folder) == simulated


def test_fasta_is_indexed_and_has_telomeres(simulated):
    with pysam.FastaFile(str(simulated.fasta)) as fasta:
        assert dict(zip(fasta.references, fasta.lengths, strict=True)) == simulated.truth["chroms"]
        for chrom, length in simulated.truth["chroms"].items():
            sequence = fasta.fetch(chrom)
            assert set(sequence[:1_000]) == set(sequence[-1_000:]) == {"N"}
            assert set(sequence[1_000 : length - 1_000]) == set("ACGT")


def test_gtf_gene_lines_give_the_tss_of_truth(simulated):
    genes, transcripts, exons = {}, Counter(), Counter()
    for line in read_gz(simulated.gtf):
        if line.startswith("#"):
            continue
        chrom, _, kind, start, end, _, strand, _, attributes = line.split("\t")
        gene_id = attributes.split('"')[1]
        length = simulated.truth["chroms"][chrom]
        assert 1_000 < int(start) <= int(end) <= length - 1_000
        if kind == "gene":
            genes[gene_id] = (chrom, int(start) - 1 if strand == "+" else int(end) - 1, strand)
            name = attributes.split('gene_name "')[1].split('"')[0]
            assert name.startswith("SIM")
        else:
            assert 'transcript_id "DXT' in attributes
            (transcripts if kind == "transcript" else exons)[gene_id] += 1
    planted = simulated.truth["genes"]
    assert genes == {g["gene_id"]: (g["chrom"], g["tss"], g["strand"]) for g in planted}
    assert {s for _, _, s in genes.values()} == {"+", "-"}
    assert set(transcripts.values()) == {1, 2}
    assert set(exons) == set(genes)
    assert 0 < sum("." in gene_id for gene_id in genes) < len(genes)


def test_tss_lie_in_bins_of_their_own(simulated):
    bins = [(g["chrom"], g["tss"] // BIN) for g in simulated.truth["genes"]]
    assert len(set(bins)) == len(bins)
    assert [g["tss_bin"] for g in simulated.truth["genes"]] == [b for _, b in bins]


def test_expression_table_holds_the_counts_of_truth(simulated):
    header, *rows = [r.split("\t") for r in simulated.expression.read_text().splitlines()]
    assert header == ["gene_id", "gene_name", "alpha", "beta"]
    assert [r[0] for r in rows] == [g["gene_id"] for g in simulated.truth["genes"]]
    for column, sample in enumerate(("alpha", "beta"), start=2):
        assert [int(r[column]) for r in rows] == simulated.truth["samples"][sample]["genes"][
            "count"
        ]


def test_sample_sheet_names_the_files_beside_it(simulated):
    header, *rows = [r.split("\t") for r in simulated.samples.read_text().splitlines()]
    assert header == ["sample", "contacts", "expression", "expression_column"]
    assert rows[1] == [
        "beta",
        "beta.rep1.allValidPairs.gz,beta.rep2.allValidPairs.gz",
        "expression.tsv",
        "beta",
    ]


def test_pair_files_are_well_formed(simulated):
    for sample, paths in simulated.contacts.items():
        assert len(set(simulated.truth["samples"][sample]["depths"])) == 2
        for path, depth in zip(paths, simulated.truth["samples"][sample]["depths"], strict=True):
            pairs = pairs_of(path)
            assert len(pairs) == depth
            for chrom1, pos1, chrom2, pos2 in pairs:
                assert (chrom1, pos1) <= (chrom2, pos2)
                assert 0 <= pos1 < simulated.truth["chroms"][chrom1]
                assert 0 <= pos2 < simulated.truth["chroms"][chrom2]
            keys = [(c1, c2, p1, p2) for c1, p1, c2, p2 in pairs]
            assert keys == sorted(keys)
            assert 0.05 < np.mean([c1 != c2 for c1, _, c2, _ in pairs]) < 0.15
    lines = read_gz(simulated.contacts["alpha"][0])
    assert lines[0] == "## pairs format v1.0"
    header = [line for line in lines if line.startswith("#")]
    assert "#chromsize: chr1 300000" in header
    columns = header[-1].removeprefix("#columns: ").split()
    assert all(len(line.split("\t")) == len(columns) for line in lines[len(header) :])
    assert all(len(x.split("\t")) == 12 for x in read_gz(simulated.contacts["beta"][0]))


# --- determinism --------------------------------------------------------------------------------


def test_same_seed_same_bytes_in_another_process(simulated, tiny_config, tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from dexkit.simulate import SimulationConfig, simulate\n"
        "simulate(SimulationConfig.model_validate_json(sys.argv[1]), Path(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, tiny_config.model_dump_json(), str(tmp_path / "again")],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert digests(tmp_path / "again") == digests(simulated.folder)


def test_another_seed_gives_other_data(simulated, tiny_config, tmp_path):
    other = simulate(tiny_config.model_copy(update={"seed": 8}), tmp_path / "other")
    same = digests(other.folder).items() & digests(simulated.folder).items()
    assert {name for name, _ in same} <= {"genome.fa.gz.fai", "samples.tsv"}


# --- planted motifs and near-copies -------------------------------------------------------------


def test_motif_sites_lie_where_truth_says(simulated):
    motifs = {m["name"]: np.array(m["ppm"]) for m in simulated.truth["motifs"]}
    strands, agreement = Counter(), []
    with pysam.FastaFile(str(simulated.fasta)) as fasta:
        for gene in simulated.truth["genes"]:
            sign = 1 if gene["strand"] == "+" else -1
            for site in gene["sites"]:
                found = fasta.fetch(gene["chrom"], site["start"], site["end"])
                if site["genomic_strand"] == "-":
                    found = reverse_complement(found)
                assert found == site["sequence"]
                first = site["start"] if sign == 1 else site["end"] - 1
                assert site["offset_bp"] == sign * (first - gene["tss"])
                assert -600 <= site["offset_bp"] <= 200 - len(found)
                assert (site["genomic_strand"] == gene["strand"]) == (site["strand"] == "+")
                strands[gene["strand"] + site["strand"]] += 1
                best = motifs[site["motif"]].argmax(axis=1)
                agreement.append(
                    np.mean([b == "ACGT"[i] for b, i in zip(found, best, strict=True)])
                )
    assert set(strands) == {"++", "+-", "-+", "--"}
    assert strands["++"] > strands["+-"]
    assert np.mean(agreement) > 0.85


def test_motif_scores_add_up(simulated):
    effects = {m["name"]: m["effect"] for m in simulated.truth["motifs"]}
    for gene in simulated.truth["genes"]:
        total = sum(effects[site["motif"]] for site in gene["sites"])
        assert gene["motif_score"] == pytest.approx(total, abs=1e-6)


def test_families_are_near_copies_and_share_their_offset(simulated):
    promoters = {}
    genes = {g["gene_id"]: g for g in simulated.truth["genes"]}
    with pysam.FastaFile(str(simulated.fasta)) as fasta:
        for gene_id, g in genes.items():
            shift = 0 if g["strand"] == "+" else 1
            start = g["tss"] - 1_000 + shift
            sequence = fasta.fetch(g["chrom"], start, start + 2_000)
            promoters[gene_id] = sequence if not shift else reverse_complement(sequence)

    def distance(a, b):
        return np.mean([x != y for x, y in zip(promoters[a], promoters[b], strict=True)])

    assert len(simulated.truth["families"]) == 4  # 0.2 * 60 genes in families of 3
    for family in simulated.truth["families"]:
        first, *copies = family["genes"]
        assert len(copies) == 2
        for copy in copies:
            assert 0.01 < distance(first, copy) < 0.05
            assert genes[copy]["chrom"] == genes[first]["chrom"]
            assert genes[copy]["family_offset"] == family["offset"] != 0
            assert [(s["motif"], s["offset_bp"]) for s in genes[copy]["sites"]] == [
                (s["motif"], s["offset_bp"]) for s in genes[first]["sites"]
            ]
    alone = [g for g in genes if genes[g]["family"] is None]
    assert all(genes[g]["family_offset"] == 0 for g in alone)
    assert distance(alone[0], alone[1]) > 0.6


# --- planted contacts ---------------------------------------------------------------------------


def test_acting_contacts_stand_out_and_grow_with_strength(simulated):
    genes = {g["gene_id"]: g for g in simulated.truth["genes"]}
    for sample, paths in simulated.contacts.items():
        counts: Counter = Counter()
        for path in paths:
            for c1, p1, c2, p2 in pairs_of(path):
                if c1 == c2:
                    counts[c1, p1 // BIN, p2 // BIN] += 1
        planted = simulated.truth["samples"][sample]["contacts"]
        n_bins = 300_000 // BIN
        seen, acting = [], set()
        for gene_id, other, offset in zip(
            planted["gene_id"], planted["enhancer_bin"], planted["offset_bins"], strict=True
        ):
            g = genes[gene_id]
            assert other - g["tss_bin"] == offset
            acting.add((gene_id, offset))
            seen.append(counts[(g["chrom"], *sorted((g["tss_bin"], other)))])
        tss_bins = {(g["chrom"], g["tss_bin"]) for g in genes.values()}
        silent = [
            counts[(g["chrom"], *sorted((g["tss_bin"], g["tss_bin"] + offset)))]
            for g in genes.values()
            for offset in range(-20, 21, 2)
            if offset
            and 0 < g["tss_bin"] + offset < n_bins - 1
            and (g["gene_id"], offset) not in acting
            and (g["chrom"], g["tss_bin"] + offset) not in tss_bins
        ]
        assert (
            not {
                (genes[i]["chrom"], b)
                for i, b in zip(planted["gene_id"], planted["enhancer_bin"], strict=True)
            }
            & tss_bins
        )
        expected = 2 * np.array(planted["expected_pairs"])  # two replicates
        assert np.mean(seen) > 2 * np.mean(silent)
        assert np.mean(seen) == pytest.approx(expected.mean() + np.mean(silent), rel=0.15)
        assert np.corrcoef(seen, expected)[0, 1] > 0.7


def test_contact_scores_follow_from_the_contacts(simulated):
    ids = [g["gene_id"] for g in simulated.truth["genes"]]
    row = {gene_id: i for i, gene_id in enumerate(ids)}
    raw = np.zeros((len(ids), 2))
    for i, sample in enumerate(("alpha", "beta")):
        contacts = simulated.truth["samples"][sample]["contacts"]
        for gene_id, n in zip(contacts["gene_id"], contacts["expected_pairs"], strict=True):
            raw[row[gene_id], i] += np.log2(1 + n)
    z = (raw - raw.mean()) / raw.std()
    for i, sample in enumerate(("alpha", "beta")):
        stated = simulated.truth["samples"][sample]["genes"]["contact_score"]
        np.testing.assert_allclose(stated, z[:, i], atol=1e-4)


# --- output folder ------------------------------------------------------------------------------


def small(**options):
    return SimulationConfig.create(
        **{"n_genes": 4, "n_chroms": 2, "chrom_length_bp": 100_000, "family_fraction": 0.0,
           "samples": ("a",), "pairs_per_replicate": 100, "n_replicates": 1, **options}
    )  # fmt: skip


def test_refuses_existing_output_unless_forced(tmp_path):
    out = tmp_path / "data"
    out.mkdir()  # an empty folder is no output yet
    simulate(small(), out)
    before = digests(out)
    with pytest.raises(OutputError, match=r"exists and is not empty; .*--force"):
        simulate(small(seed=2), out)
    assert digests(out) == before
    simulate(small(seed=2, samples=("b",)), out, force=True)
    assert (out / "b.rep1.pairs.gz").exists()
    assert not (out / "a.rep1.pairs.gz").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_force_never_deletes_what_no_simulation_wrote(tmp_path):
    out = tmp_path / "data"
    simulate(small(), out)
    (out / "thesis.tex").write_text("dear")
    with pytest.raises(OutputError, match=r"files that no simulation wrote \(thesis\.tex\)"):
        simulate(small(seed=2), out, force=True)
    assert (out / "thesis.tex").read_text() == "dear"
    with pytest.raises(OutputError, match=r"will not be replaced"):
        simulate(small(), tmp_path, force=True)


def test_refuses_a_file_and_a_missing_parent(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="not a folder"):
        simulate(small(), tmp_path / "file", force=True)
    with pytest.raises(OutputError, match="does not exist; make it first"):
        simulate(small(), tmp_path / "no" / "data")


@pytest.mark.parametrize("failing", ["write_fasta", "write_gtf", "write_pairs", "write_text"])
def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch, failing):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"dexkit.simulate.run.{failing}", full)
    with pytest.raises(OutputError, match="No space left on device; nothing was written"):
        simulate(small(), tmp_path / "data")
    assert not list(tmp_path.iterdir())


def test_file_size_limit_is_one_sentence_and_leaves_nothing(tmp_path):
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from dexkit.errors import OutputError\n"
        "from dexkit.simulate import SimulationConfig, simulate\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
        "try:\n    simulate(SimulationConfig.model_validate_json(sys.argv[1]), Path(sys.argv[2]))\n"
        "except OutputError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, small().model_dump_json(), str(tmp_path / "data")],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "nothing was written" in done.stdout
    assert not list(tmp_path.iterdir())


def test_loading_refuses_what_is_no_simulation(tmp_path):
    with pytest.raises(InputError, match=r"no simulated data in .*dexkit simulate"):
        load_simulation(tmp_path)
    truth = tmp_path / "truth.json"
    truth.write_text("not json")
    with pytest.raises(FormatError, match=r"truth\.json: not a JSON file"):
        load_simulation(tmp_path)
    truth.write_text("{}")
    with pytest.raises(FormatError, match="not the truth of a simulation"):
        load_simulation(tmp_path)
    truth.write_text('{"format": "dexkit-simulation", "format_version": 99}')
    with pytest.raises(FormatError, match="version 99 is newer"):
        load_simulation(tmp_path)
