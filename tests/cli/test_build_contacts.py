"""The contact options of build-features, as a user types them."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pysam
import pytest
from toy import fasta_text, gtf_line, pairs_text

from dexkit.features.file import FeatureFile

LENGTHS = {"chr1": 400, "chr2": 300}
# TSS of G1 in bin 1 of 50 bp: three pairs with bin 2, one with bin 0; trans pairs make the depth.
PAIRS = [("chr1", 60, "chr1", 110)] * 3 + [("chr1", 20, "chr1", 60)]
DEPTH = len(PAIRS) + 4
LOOPS = "chr1\t50\t100\tchr1\t100\t150\tx\t3\t9\nchr1\t0\t50\tchr1\t50\t100\ty\t1\t8\n"


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "g.fa").write_text(
        fasta_text({c: "ACGTTGCATC" * (n // 10) for c, n in LENGTHS.items()})
    )
    pysam.faidx(str(tmp_path / "g.fa"))
    (tmp_path / "g.gtf").write_text(gtf_line("chr1", 70, 90, "+", "G1"))
    trans = [("chr1", 300, "chr2", 10)] * 4
    (tmp_path / "c.pairs").write_text(pairs_text(LENGTHS, PAIRS + trans))
    (tmp_path / "d.pairs").write_text(pairs_text(LENGTHS, PAIRS + trans * 4))
    (tmp_path / "l.bedpe").write_text(LOOPS)
    return tmp_path


@pytest.fixture
def command(inputs):
    def make(*options):
        values = ["build-features", "--fasta", inputs / "g.fa", "--gtf", inputs / "g.gtf"]
        values += ["-o", inputs / "f.h5", "--upstream-bp", 20, "--downstream-bp", 20]
        return [*values, "--bin-size-bp", 50, "--n-flank-bins", 2, *options]

    return make


@pytest.fixture
def build(dexkit, command, inputs):
    def run(*options):
        result = dexkit(*command(*options))
        assert result.exit_code == 0, (result.output, result.exception)
        features = FeatureFile(inputs / "f.h5")
        sample = features.contact_samples[0]
        return SimpleNamespace(
            signal=features.contacts(sample)[0][0].tolist(),
            attrs=features.array_attrs(f"/contacts/{sample}/signal"),
            features=features,
            stderr=result.stderr,
            stdout=result.stdout,
        )

    return run


def near(values):
    return pytest.approx(values, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("raw", [0, 1, 0, 3, 0]),
        ("depth", [0, 1, 0, 2, 0]),
        ("cpm", [0, *np.log2([1 + 1e6 / DEPTH, 1, 1 + 3e6 / DEPTH]), 0]),
    ],
)
def test_normalisation(build, inputs, name, expected):
    found = build("--contacts", f"S={inputs / 'c.pairs'}", "--normalisation", name)
    assert found.signal == near(expected)
    assert found.attrs["depths"].tolist() == [DEPTH]


def test_depth_option(build, inputs):
    files = f"S={inputs / 'c.pairs'},{inputs / 'd.pairs'}"
    found = build("--contacts", files, "--depth", "S=4e6,1000000")
    # n / 4e6 * 1e6 and n: means of 1/4 and 1, of 3/4 and 3.
    assert found.signal == near([0, *np.log2([1 + 0.625, 1, 1 + 1.875]), 0])
    assert found.attrs["depths"].tolist() == [4_000_000, 1_000_000]
    assert list(found.attrs["depth_from"]) == ["given", "given"]
    assert f"c.pairs: the depth 4,000,000 that was given is used, not the file's {DEPTH}" in (
        found.stderr
    )


def test_depth_in_a_sample_sheet(build, inputs):
    sheet = inputs / "s.tsv"
    sheet.write_text("sample\tcontacts\tdepth\nS\tl.bedpe\t2000000\nT\tc.pairs\t.\n")
    found = build("--samples", sheet, "--set", "contacts.target_depth=1000000")
    assert found.signal == near([0, *np.log2([1.5, 1, 1.5]), 0])  # each loop counts 1
    other = found.features.array_attrs("/contacts/T/signal")
    assert list(other["depth_from"]) == ["file"]
    assert "contacts are of several kinds (S: loops; T: pairs)" in found.stderr


def test_depth_for_a_sample_of_the_sheet(build, inputs):
    (inputs / "s.tsv").write_text("sample\tcontacts\nS\tl.bedpe\n")
    found = build("--samples", inputs / "s.tsv", "--depth", "S=50")
    assert found.attrs["depths"].tolist() == [50]


def test_depth_twice(refused, command, inputs):
    (inputs / "s.tsv").write_text("sample\tcontacts\tdepth\nS\tl.bedpe\t7\n")
    options = command("--samples", inputs / "s.tsv", "--depth", "S=50")
    refused(*options, match="sample 'S' is given depths twice, in the sheet .* and by --depth")


def test_loops_need_a_depth(refused, command, inputs):
    options = command(
        "--contacts", f"S={inputs / 'l.bedpe'}", "--contacts", f"T={inputs / 'c.pairs'}"
    )
    refused(
        *options,
        match=r"l\.bedpe: the file is a list of loops.*--depth S=N, or choose --normalisation raw, "
        r"or .*contacts\.depth_scope=sample",
    )


def test_format_and_score_column(build, inputs):
    contacts = ("--contacts", f"S={inputs / 'l.bedpe'}", "--normalisation", "raw")
    found = build(*contacts, "--contacts-format", "bedpe", "--score-column", "9")
    assert found.signal == near([0, 8, 0, 9, 0])
    assert found.attrs["score_column"] == "9"
    assert list(found.attrs["format"]) == ["bedpe"]
    assert list(found.attrs["kind"]) == ["loops"]


def test_score_column_as_a_number_of_the_configuration(build, inputs):
    contacts = ("--contacts", f"S={inputs / 'l.bedpe'}", "--normalisation", "raw", "--force")
    assert build(*contacts, "--set", "contacts.score_column=9").signal == near([0, 8, 0, 9, 0])


@pytest.mark.parametrize(
    ("rule", "expected"), [("overlap", [0, 0, 0, 5, 5]), ("midpoint", [0, 0, 0, 5, 0])]
)
def test_anchors(build, inputs, rule, expected):
    (inputs / "wide.bedpe").write_text("chr1\t50\t100\tchr1\t100\t199\tx\t5\n")
    contacts = ("--contacts", f"S={inputs / 'wide.bedpe'}", "--normalisation", "raw")
    found = build(*contacts, "--score-column", 8, "--anchors", rule)
    assert found.signal == near(expected)
    assert found.attrs["anchors"] == rule


def test_bins_bed(build, inputs):
    folder = inputs / "elsewhere"
    folder.mkdir()
    rows = [(c, s, s + 50) for c, n in LENGTHS.items() for s in range(0, n, 50)]
    (folder / "bins.bed").write_text(
        "".join(f"{c}\t{s}\t{e}\t{i}\n" for i, (c, s, e) in enumerate(rows, start=1))
    )
    (inputs / "m.matrix").write_text("1\t2\t1\n2\t3\t3\n6\t9\t4\n")
    found = build("--contacts", f"S={inputs / 'm.matrix'}", "--bins-bed", folder / "bins.bed")
    assert found.signal == near([0, 1, 0, 2, 0])
    assert found.attrs["depths"].tolist() == [8]
    names = [entry["name"] for entry in found.features.provenance]
    assert names == ["g.fa", "g.gtf", "m.matrix", "bins.bed"]


def test_standard_input(command, inputs):
    code = "from dexkit.cli.app import main; main()"
    options = [str(x) for x in command("--contacts", "S=-", "--normalisation", "raw")]
    with (inputs / "c.pairs").open("rb") as handle:
        done = subprocess.run(
            [sys.executable, "-c", code, *options],
            stdin=handle,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    features = FeatureFile(inputs / "f.h5")
    assert features.contacts("S")[0][0].tolist() == [0, 1, 0, 3, 0]
    entry = features.provenance[-1]
    assert entry["name"] == "-"
    assert entry["size_bytes"] == (inputs / "c.pairs").stat().st_size


def test_standard_input_twice(refused, command):
    options = command("--contacts", "S=-", "--contacts", "T=-")
    refused(*options, match="standard input .* is given 2 times, for samples S, T; it can be read")


def test_a_pipe(command, inputs):
    """What a shell's <(…) gives: contacts are read once, so they need not be a file."""
    import os
    import threading

    pipe = inputs / "pipe"
    os.mkfifo(pipe)
    data = (inputs / "c.pairs").read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    code = "from dexkit.cli.app import main; main()"
    options = [str(x) for x in command("--contacts", f"S={pipe}", "--normalisation", "raw")]
    done = subprocess.run(
        [sys.executable, "-c", code, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    writer.join()
    assert done.returncode == 0, done.stderr
    assert FeatureFile(inputs / "f.h5").contacts("S")[0][0].tolist() == [0, 1, 0, 3, 0]


def test_info_tells_how_the_contacts_were_made(build, dexkit, inputs):
    build("--contacts", f"S={inputs / 'l.bedpe'}", "--normalisation", "raw")
    shown = dexkit("features", "info", inputs / "f.h5").stdout
    assert (
        "S: 1 genes observed in bedpe; replicate depths unknown; mean over replicates of count"
        in (shown)
    )
    assert "/contacts/S/loop_sum: 1 float32" in shown
    build("--contacts", f"S={inputs / 'c.pairs'}", "--force")
    shown = dexkit("features", "info", inputs / "f.h5").stdout
    assert f"in pairs; replicate depths {DEPTH}, scaled to {DEPTH}" in shown


def test_memory_and_threads(build, inputs):
    files = f"S={inputs / 'c.pairs'},{inputs / 'd.pairs'}"
    found = build("--contacts", files, "--max-memory", "64G", "--threads", 2)
    assert found.features.config["max_memory_bytes"] == 64 << 30
    assert found.features.array("/contacts/S/loop_number").tolist() == [2]


def test_chromosomes_that_the_fasta_lacks_are_named(build, inputs):
    elsewhere = [("chrUn_1", 9, "chr1", 60), ("chrUn_2", 9, "chrUn_1", 60)]
    (inputs / "u.pairs").write_text(pairs_text(LENGTHS, PAIRS + elsewhere))
    said = build("--contacts", f"S={inputs / 'u.pairs'}").stderr
    assert "2 on chromosomes that the FASTA lacks ('chrUn_1', 'chrUn_2')" in said


def test_the_name_of_no_chromosome_does_not_fill_the_screen(dexkit, command, inputs):
    name = "q" * 100_000
    (inputs / "u.pairs").write_text(pairs_text(LENGTHS, [(name, 9, name, 60)]))
    result = dexkit(*command("--contacts", f"S={inputs / 'u.pairs'}"))
    assert result.exit_code == 2
    assert "got 1 pairs elsewhere ('qqq" in result.stderr
    assert len(result.stderr) < 500
