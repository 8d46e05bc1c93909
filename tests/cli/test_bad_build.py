"""Bad input to build-features: one clear sentence, exit code 2, nothing written."""

import gzip
import shutil
import subprocess
import sys

import pytest
from toy import build, fasta_text, gtf_line, listing, pairs_text

from dexkit.features.file import FeatureFile

resource = pytest.importorskip("resource")

LENGTHS = {"chr1": 400, "chr2": 300}


@pytest.fixture
def inputs(tmp_path):
    """A tiny, faultless set of inputs, the FASTA indexed already."""
    import pysam

    (tmp_path / "g.fa").write_text(
        fasta_text({c: "ACGTTGCATC" * (n // 10) for c, n in LENGTHS.items()})
    )
    pysam.faidx(str(tmp_path / "g.fa"))
    genes = [("chr1", 100, "G1"), ("chr1", 200, "G2"), ("chr2", 150, "G3")]
    (tmp_path / "g.gtf").write_text(
        "".join(gtf_line(c, s, s + 20, "+", g, f"N{g}") for c, s, g in genes)
    )
    (tmp_path / "e.tsv").write_text("gene_id\tS\nG1\t5\nG2\t0\nG3\t7.5\n")
    (tmp_path / "c.pairs").write_text(
        pairs_text(LENGTHS, [("chr1", 101, "chr1", 205), ("chr2", 11, "chr2", 151)])
    )
    return tmp_path


@pytest.fixture
def options(inputs):
    def build_options(**changed):
        values = {
            "--fasta": inputs / "g.fa",
            "--gtf": inputs / "g.gtf",
            "--contacts": f"S={inputs / 'c.pairs'}",
            "--expression": inputs / "e.tsv",
            "--out": inputs / "f.h5",
            "--upstream-bp": 20,
            "--downstream-bp": 20,
            "--margin-bp": 5,
            "--bin-size-bp": 50,
            "--n-flank-bins": 2,
        }
        values |= {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
        return ["build-features", *(x for pair in values.items() for x in pair)]

    return build_options


def test_the_faultless_input_works(dexkit, options, inputs):
    result = dexkit(*options())
    assert result.exit_code == 0, (result.output, result.exception)
    assert "kept 3 of 3 genes" in result.stdout
    assert len(FeatureFile(inputs / "f.h5")) == 3


@pytest.mark.parametrize("name", ["fasta", "gtf", "contacts", "expression", "samples"])
def test_missing_file(refused, options, inputs, name):
    path = inputs / "no such file"
    value = f"S={path}" if name == "contacts" else path
    refused(*options(**{name: value}), match="no such file.*(does not exist|: no such file)")


def test_plain_gzip_fasta(refused, options, inputs):
    (inputs / "g.fa.gz").write_bytes(gzip.compress((inputs / "g.fa").read_bytes()))
    refused(*options(fasta=inputs / "g.fa.gz"), match=r"g\.fa\.gz: .*plain gzip.*bgzip")


def test_chr_prefix_is_mapped_and_said(dexkit, options, inputs):
    text = (inputs / "g.gtf").read_text().replace("chr", "")
    (inputs / "g.gtf").write_text(text)
    (inputs / "c.pairs").write_text((inputs / "c.pairs").read_text().replace("chr", ""))
    # "#chromsize" had its prefix removed too.
    fixed = (
        (inputs / "c.pairs").read_text().replace("#omsize", "#chromsize").replace("om1", "chrom1")
    )
    (inputs / "c.pairs").write_text(fixed.replace("om2", "chrom2"))
    result = dexkit(*options())
    assert result.exit_code == 0, (result.output, result.exception)
    assert "2 chromosome names of annotation" in result.stderr
    assert "1 -> chr1" in result.stderr
    features = FeatureFile(inputs / "f.h5")
    assert features.genes.chrom.tolist() == ["chr1", "chr1", "chr2"]
    assert features.contacts("S")[1].any(axis=1).all()


def test_another_assembly(refused, options, inputs):
    (inputs / "g.gtf").write_text((inputs / "g.gtf").read_text().replace("chr", "scaffold"))
    refused(*options(), match="not one chromosome of annotation .* is in the FASTA")


def test_expression_without_a_known_gene(refused, options, inputs):
    (inputs / "e.tsv").write_text("gene_id\tS\nX1\t5\nX2\t0\n")
    refused(*options(), match=r"e\.tsv: not a single gene of the annotation is in the table")


@pytest.mark.parametrize(
    ("value", "problem"), [("-1", "is negative"), ("many", "is no number"), ("inf", "is infinite")]
)
def test_bad_counts(refused, options, inputs, value, problem):
    (inputs / "e.tsv").write_text(f"gene_id\tS\nG1\t5\nG2\t{value}\n")
    refused(*options(), match=rf"e\.tsv, line 3: value '{value}' of gene 'G2'.* {problem}")


def test_unknown_expression_column(refused, options, inputs):
    (inputs / "e.tsv").write_text("gene_id\tS1\tS2\nG1\t5\t3\n")
    refused(
        *options(expression=f"S3={inputs / 'e.tsv'}"),
        match="no expression column 'S3'; did you mean 'S",
    )


@pytest.mark.parametrize("cut", [12, 30])
def test_truncated_gzip_pairs(refused, options, inputs, cut):
    path = inputs / "c.pairs.gz"
    path.write_bytes(gzip.compress((inputs / "c.pairs").read_bytes())[:-cut])
    refused(*options(contacts=f"S={path}"), match=r"c\.pairs\.gz.*truncated")


def test_truncated_plain_pairs(refused, options, inputs):
    path = inputs / "c.pairs"
    path.write_bytes(path.read_bytes()[:-9])
    refused(*options(), match=r"c\.pairs, line 6: .*(truncated|columns)")


def test_malformed_pairs_line(refused, options, inputs):
    path = inputs / "c.pairs"
    path.write_text(path.read_text().replace("\t151\t", "\tfar\t"))
    refused(*options(), match=r"c\.pairs, line 6: .*'?far")


def test_malformed_gtf_line(refused, options, inputs):
    path = inputs / "g.gtf"
    path.write_text(path.read_text().replace("\t200\t", "\ttwo\t"))
    refused(*options(), match=r"g\.gtf, line 2: ")


def test_output_exists(refused, dexkit, options, inputs):
    (inputs / "f.h5").write_text("mine")
    refused(*options(), match=r"f\.h5 exists; give another name or --force")
    assert (inputs / "f.h5").read_text() == "mine"
    assert dexkit(*options(), "--force").exit_code == 0


def test_output_folder_is_missing(refused, options, inputs):
    refused(*options(out=inputs / "no" / "f.h5"), match="the folder .*no does not exist")


def test_output_is_a_folder(refused, options, inputs):
    (inputs / "f.h5").mkdir()
    refused(*options(), "--force", match="is a folder")


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        ("contacts.flip=true", "key 'flip' is unknown; did you mean 'flip_minus'"),
        ("contakts.flip_minus=true", "block 'contakts', which is not built; did you mean 'contac"),
        ("contacts.n_flank_bins=0", "n_flank_bins = 0 is not valid"),
        ("contacts", "malformed; expected PLUGIN.KEY=VALUE"),
    ],
)
def test_bad_settings(refused, options, setting, match):
    refused(*options(), "--set", setting, match=match)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"block": "kmer"}, "no block .*'kmer'.*did you mean 'kmers'"),
        ({"tss": "first"}, "tss_rule = 'first' is not valid"),
        ({"downstream_bp": 0}, "downstream_bp = 0 is not valid"),
        ({"pseudocount": 0}, "pseudocount = 0"),
        ({"max_n_fraction": 2}, "max_n_fraction = 2"),
        ({"contacts": "c.pairs"}, "--contacts 'c.pairs' is malformed; expected SAMPLE=FILE"),
        ({"contacts": "S=,"}, "--contacts 'S=,' is malformed"),
        ({"contacts_format": "hic"}, "format = 'hic' is not valid"),
    ],
)
def test_bad_options(refused, options, changed, match):
    refused(*options(**changed), match=match)


def test_a_sample_given_twice(refused, options, inputs):
    again = ["--contacts", f"S={inputs / 'c.pairs'}"]
    refused(*options(), *again, match="sample 'S' is given contacts twice")
    twice = ["--expression", f"S={inputs / 'e.tsv'}"]
    refused(*options(), *twice, match="sample 'S' has expression twice")


# --- a full disk ---------------------------------------------------------------------------------

COMMAND = [sys.executable, "-c", "from dexkit.cli.app import main; main()"]


def run_command(args, **kwargs):
    return subprocess.run(
        [*COMMAND, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **kwargs,
    )


def full_disk(done):
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert len(errors) == 1, done.stderr
    assert "disk is full" in errors[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("n_bytes", [1, 3_000, 20_000, 30_000])
def test_file_size_limit(options, inputs, n_bytes):
    """Below what the tables need, and between the tables and the arrays."""
    before = listing(inputs)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    full_disk(run_command(options(), preexec_fn=limit))
    assert listing(inputs) == before


def test_full_disk(options, inputs):
    small = inputs / "small"
    small.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("no mount here")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small disk may not be mounted here")
    try:
        full_disk(run_command(options(out=small / "f.h5")))
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_force_keeps_the_old_file_when_the_disk_is_full(simulated, inputs, options):
    out = build(simulated, inputs / "f.h5")
    before = out.read_bytes()

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    full_disk(run_command([*options(), "--force"], preexec_fn=limit))
    assert out.read_bytes() == before
