"""Bad input to build-features: one clear sentence, exit code 2, nothing written."""

import gzip
import resource
import shutil
import subprocess
import sys

import pytest
from limits import limited
from toy import build, fasta_text, gtf_line, listing, pairs_text

from dexkit.features.file import FeatureFile

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
    assert dexkit(*options()).exit_code == 0
    refused(*options(), match=r"f\.h5 exists; give another name or --force")
    assert dexkit(*options(), "--force").exit_code == 0


def test_force_replaces_only_feature_files(refused, options, inputs):
    import h5py

    (inputs / "f.h5").write_text("mine")
    refused(*options(), "--force", match=r"f\.h5 exists and is no feature file; --force replaces")
    with h5py.File(inputs / "f.h5", "w") as file:
        file.attrs["format"] = "another"
    refused(*options(), "--force", match="exists and is no feature file")


@pytest.mark.parametrize("name", ["g.fa", "g.gtf", "e.tsv", "c.pairs"])
@pytest.mark.parametrize("spelling", ["same", "roundabout", "link"])
def test_an_input_is_never_written_over(refused, options, inputs, name, spelling):
    out = inputs / name
    if spelling == "roundabout":
        (inputs / "sub").mkdir()
        out = inputs / "sub" / ".." / name
    elif spelling == "link":
        out = inputs / "link"
        out.symlink_to(inputs / name)
    refused(*options(out=out), "--force", match=f"is also the input .*{name}; give --out")


def test_the_sheet_is_never_written_over(refused, options, inputs):
    sheet = inputs / "samples.tsv"
    sheet.write_text("sample\tcontacts\nT\tc.pairs\n")
    refused(*options(samples=sheet, out=sheet), "--force", match="is no feature file")


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
        ("kmers.k=3", "block 'kmers', which is not built; add --block kmers"),
        ("zzz.k=3", "block 'zzz', which is not built; known: contacts, sequence"),
        ("contacts.n_flank_bins=4", "--n-flank-bins and --set contacts.n_flank_bins are both"),
        ("contacts.bin_size_bp=50", "--bin-size-bp and --set contacts.bin_size_bp are both given"),
        ("contacts.target_depth=0", "target_depth = 0 is not valid"),
        ("contacts", "malformed; expected PLUGIN.KEY=VALUE"),
    ],
)
def test_bad_settings(refused, options, setting, match):
    refused(*options(), "--set", setting, match=match)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"block": "kmer"}, "no block .*'kmer'.*did you mean 'kmers'"),
        ({"tss": "first"}, "--tss is 'first'; expected 'gene', 'canonical' or 'longest'"),
        ({"downstream_bp": 0}, "--downstream-bp is 0; expected at least 1"),
        ({"pseudocount": 0}, "--pseudocount is 0.0; expected more than 0"),
        ({"max_n_fraction": 2}, "--max-n-fraction is 2.0; expected at most 1"),
        ({"contacts": "c.pairs"}, "--contacts 'c.pairs' is malformed; expected SAMPLE=FILE"),
        ({"contacts": "S=,"}, "--contacts 'S=,' is malformed"),
        ({"contacts": "S=c.pairs,"}, "--contacts 'S=c.pairs,' is malformed.*empty entry"),
        (
            {"contacts_format": "juicer"},
            "--contacts-format is 'juicer'; expected 'auto', 'pairs', ",
        ),
        ({"normalisation": "tpm"}, "--normalisation is 'tpm'; expected 'depth', 'cpm' or 'raw'"),
        ({"anchors": "all"}, "--anchors is 'all'; expected 'overlap' or 'midpoint'"),
        ({"balance": ""}, "--balance is ''; "),
        ({"score_column": ""}, "the score column is empty"),
        ({"max_memory": "much"}, "'much' is no size; expected a number of bytes such as 500M"),
        ({"max_memory": "0"}, "'0' is no size; expected at least one byte"),
        ({"max_memory": "20M"}, r"need 64 MiB of memory beside the .* allowed are 20 MiB in all"),
        ({"depth": "S"}, "--depth 'S' is malformed; expected SAMPLE=N"),
        ({"depth": "S=1,"}, "depth '' of sample 'S' is no number of valid pairs"),
        ({"depth": "S=-3"}, "depth '-3' of sample 'S' is no number of valid pairs"),
        ({"depth": "S=nan"}, "depth 'nan' of sample 'S' is no number"),
        ({"depth": "S=1,2"}, "sample 'S' is given 2 depths and 1 contact files; expected one"),
        ({"depth": "T=1"}, "--depth names sample 'T', which has no contacts; .*known: S"),
        ({"pseudocount": "inf"}, "--pseudocount is inf; expected a finite number"),
        ({"max_n_fraction": "nan"}, "--max-n-fraction is nan; expected "),
        ({"threads": 0}, "--threads is 0; expected at least 1"),
        ({"threads": 257}, "--threads is 257; expected at most 256"),
        ({"upstream_bp": 99999999999}, "--upstream-bp is 99999999999; expected at most 1,000,000"),
        ({"downstream_bp": 1000001}, "--downstream-bp is 1000001; expected at most 1,000,000"),
        ({"margin_bp": 100000000}, "--margin-bp is 100000000; expected at most 10,000"),
        ({"n_flank_bins": 100001}, "--n-flank-bins is 100001; expected at most 100,000"),
        ({"n_flank_bins": 0}, "--n-flank-bins is 0; expected at least 1"),
        ({"bin_size_bp": 0}, "--bin-size-bp is 0; expected at least 1"),
    ],
)
def test_bad_options(refused, options, changed, match):
    refused(*options(**changed), match=match)


def test_a_sample_given_twice(refused, options, inputs):
    again = ["--contacts", f"S={inputs / 'c.pairs'}"]
    refused(*options(), *again, match="sample 'S' is given contacts twice")
    twice = ["--expression", f"S={inputs / 'e.tsv'}"]
    refused(*options(), *twice, match="sample 'S' has expression twice")


def test_a_sample_in_the_sheet_and_by_option(refused, options, inputs):
    sheet = inputs / "samples.tsv"
    sheet.write_text("sample\tcontacts\nS\tc.pairs\n")
    refused(
        *options(samples=sheet),
        match=r"sample 'S' is given contacts twice, in the sheet .*samples\.tsv and by --contacts",
    )


@pytest.mark.parametrize("second", ["c.pairs", "./sub/../c.pairs", "link"])
def test_a_replicate_given_twice(refused, options, inputs, monkeypatch, second):
    monkeypatch.chdir(inputs)
    (inputs / "sub").mkdir()
    (inputs / "link").symlink_to("c.pairs")
    match = "contact file .* is listed twice for sample 'S'; its pairs would count double"
    refused(*options(contacts=f"S=c.pairs,{second}"), match=match)
    (inputs / "samples.tsv").write_text(f"sample\tcontacts\nS\tc.pairs,{second}\n")
    refused(*options(samples="samples.tsv"), match=f"line 2: {match}")


def test_contact_options_are_checked_without_contacts(refused, options):
    given = options(bin_size_bp=0)
    at = given.index("--contacts")
    refused(*given[:at], *given[at + 2 :], match="--bin-size-bp is 0; expected at least 1")


def test_contact_options_and_their_defaults(dexkit, options, inputs):
    given = options()
    at = given.index("--bin-size-bp")
    result = dexkit(*given[:at], "--set", "contacts.n_flank_bins=3")
    assert result.exit_code == 0, (result.output, result.exception)
    attrs = FeatureFile(inputs / "f.h5").array_attrs("/contacts/S/signal")
    assert (attrs["bin_size_bp"], attrs["n_flank_bins"]) == (5000, 3)


def test_a_table_without_header_needs_a_sample(refused, options, inputs):
    (inputs / "e.tsv").write_text("G1\t5\nG2\t0\n")
    refused(*options(), match="no header; say which sample .* with --expression SAMPLE=FILE")


def test_a_table_of_two_samples_is_read_once(dexkit, options, inputs, monkeypatch):
    import dexkit.features.expression as expression_module

    read = expression_module.read_expression
    paths = []
    monkeypatch.setattr(
        expression_module,
        "read_expression",
        lambda path, *options: paths.append(path) or read(path, *options),
    )
    (inputs / "e.tsv").write_text("gene_id\tS\tT\nG1\t5\t1\nG2\t0\t2\nG3\t7.5\t3\n")
    given = [*options(expression=f"S={inputs / 'e.tsv'}"), "--expression", f"T={inputs / 'e.tsv'}"]
    result = dexkit(*given)
    assert result.exit_code == 0, (result.output, result.exception)
    assert paths == [inputs / "e.tsv"]
    assert result.stderr.count("kept genes matched by") == 1
    assert "e.tsv, expression of S, T: 3 of 3 kept genes matched by gene_id" in result.stderr
    raw = [FeatureFile(inputs / "f.h5").array(f"/expression/{s}/raw").tolist() for s in "ST"]
    assert raw == [[5, 0, 7.5], [1, 2, 3]]


def test_info_says_none_and_lists_only_arrays(dexkit, options, inputs):
    assert dexkit(*options()).exit_code == 0
    result = dexkit("features", "info", inputs / "f.h5")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "genes_left_out: none" in result.stdout
    assert "/contacts/S/signal" in result.stdout
    assert not any(table in result.stdout for table in ("/genes/", "/left_out/", "/chroms/"))


def test_info_of_a_folder(refused, inputs):
    refused("features", "info", inputs, match="is a folder; expected a feature file")


# --- a full disk ---------------------------------------------------------------------------------

COMMAND = [sys.executable, "-c", "from dexkit.cli.app import main; main()"]


def run_command(args, most_bytes=None):
    command = [*COMMAND, *map(str, args)]
    if most_bytes is not None:
        command = limited(resource.RLIMIT_FSIZE, most_bytes, command)
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


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
    full_disk(run_command(options(), n_bytes))
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
    full_disk(run_command([*options(), "--force"], 20_000))
    assert out.read_bytes() == before
