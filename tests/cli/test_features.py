"""``dexkit features``: lines, JSON and exit codes."""

import json
import shutil
from pathlib import Path

import h5py
import pytest

from dexkit.features.file import FeatureFile


@pytest.fixture
def file(features, tmp_path):
    return Path(shutil.copy(features, tmp_path / "f.h5"))


def ok(result):
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout.splitlines()


def test_verify_says_a_line_a_check(dexkit, simulated, file):
    lines = ok(dexkit("features", "verify", file, "--inputs", simulated.folder))
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert lines[-1] == f"{file}: {len(lines) - 1} checks passed"
    assert any("expression.tsv: sha256 " in line for line in lines)


def test_verify_names_what_is_damaged(refused, file):
    with h5py.File(file, "r+") as handle:
        handle["/contacts/beta/signal"][2, 3] += 1
    result = refused("features", "verify", file, match="/contacts/beta/signal: the SHA-256 is ")
    assert "DAMAGED /contacts/beta/signal: " in result.stdout


def test_verify_names_an_input_that_changed(refused, simulated, file, tmp_path):
    (tmp_path / "expression.tsv").write_text("other")
    result = refused(
        "features",
        "verify",
        file,
        "--inputs",
        simulated.gtf,
        "--inputs",
        tmp_path / "expression.tsv",
        match=r"expression\.tsv: the SHA-256 is .*; the build read",
    )
    assert "genes.gtf.gz: sha256" in result.stdout


def test_diff_and_its_exit_codes(dexkit, features, file):
    assert ok(dexkit("features", "diff", features, file)) == [
        f"{features} and {file}: identical in content"
    ]
    assert dexkit("features", "diff", features, file, "--exit-code").exit_code == 0
    with h5py.File(file, "r+") as handle:
        handle["/expression/alpha/value"][4] += 1
    [line, verdict] = ok(dexkit("features", "diff", features, file))
    assert line.startswith("/expression/alpha/value: 1 of 60 elements differ, by 1 at most, first")
    assert verdict.endswith("the content differs")
    result = dexkit("features", "diff", features, file, "--json", "--exit-code")
    assert result.exit_code == 1
    assert list(json.loads(result.stdout)["arrays"]) == ["/expression/alpha/value"]


def test_add_a_block_and_see_it_in_info(dexkit, file):
    lines = ok(dexkit("features", "add", file, "--block", "kmers", "--set", "kmers.k=2"))
    assert lines[0] == "/kmers/counts: 60 x 16"
    info = json.loads(dexkit("features", "info", file, "--json").stdout)
    [(key, value)] = info["history"].items()
    assert key.startswith("1. ")
    assert value == "/kmers/counts"
    assert info["tables_sha256"] == FeatureFile(file).attrs["tables_sha256"]


def test_add_samples_from_a_sheet(dexkit, simulated, file, tmp_path):
    replicate = simulated.contacts["alpha"][0]
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text(
        "sample\tcontacts\texpression\texpression_column\n"
        f"gamma\t{replicate}\t{simulated.expression}\tbeta\n"
    )
    lines = ok(dexkit("features", "add", file, "--samples", sheet, "--threads", "2"))
    assert "expression of gamma: 60 of the genes" in lines
    assert FeatureFile(file).contact_samples == ["alpha", "beta", "gamma"]


def test_add_refuses_what_is_there(refused, simulated, file):
    value = f"alpha={simulated.contacts['alpha'][0]}"
    match = "has contacts of sample 'alpha' already; nothing is replaced in place"
    refused("features", "add", file, "--contacts", value, match=match)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ([], "nothing to add; give --contacts"),
        (["--block", "one-hott"], "did you mean 'one-hot'"),
        (["--block", "one-hot", "--threads", "0"], "--threads is 0; expected at least 1"),
        (["--block", "kmers", "--set", "kmers.k=9"], "k = 9 is not valid"),
        (["--block", "kmers", "--set", "one-hot.k=9"], "which is not added; add --block one-hot"),
        (["--block", "kmers", "--max-memory", "1"], "memory"),
    ],
)
def test_bad_options_of_add(refused, file, options, match):
    refused("features", "add", file, *options, match=match)


@pytest.mark.parametrize("command", ["verify", "info"])
def test_what_is_no_feature_file(refused, tmp_path, command):
    (tmp_path / "f.h5").write_text("mine")
    refused("features", command, tmp_path / "f.h5", match="not a feature file")
