"""``dexkit loops``: what it prints, writes and refuses."""

import json

import pandas as pd
import pytest
from toy import build


@pytest.fixture(scope="module")
def features(simulated, tmp_path_factory):
    return build(simulated, tmp_path_factory.mktemp("loops") / "f.h5")


def test_table(dexkit, features):
    result = dexkit("loops", features, "--bootstrap", 100, "--gene", "SIM7")
    assert result.exit_code == 0, result.output
    for text in ("alpha", "beta", "loop_sum", "log10(1 + loop_sum)", "loop_number", "spearman"):
        assert text in result.stdout
    assert "SIM7 (DXG" in result.stdout
    assert "loops, log10 expression" in result.stdout


def test_the_folder(dexkit, refused, features, tmp_path):
    out = tmp_path / "loops"
    options = ["--sample", "alpha", "--gene", "SIM7", "--gene", "SIM9", "-o", out]
    result = dexkit("loops", features, "--bootstrap", 100, *options)
    assert result.exit_code == 0, result.output
    assert f"report: {out / 'report.html'}" in result.stdout
    assert not (out / "runs").exists()
    scores = pd.read_csv(out / "correlations.tsv", sep="\t")
    assert set(scores["sample"]) == {"alpha"}
    assert len(scores) == 12
    assert len(pd.read_csv(out / "genes.tsv", sep="\t")) == 60
    arcs = pd.read_csv(out / "arcs.tsv", sep="\t")
    assert set(arcs.gene_name) == {"SIM7", "SIM9"}
    content = json.loads((out / "loops.json").read_text())
    assert [gene["gene_name"] for gene in content["genes"]] == ["SIM7", "SIM9"]
    figures = {path.name for path in (out / "figures").iterdir()}
    assert {"loops.png", "loops.pdf"} < figures
    assert len(figures) == 6
    stored = json.loads((out / "experiment.json").read_text())
    assert stored["kind"] == "loops"
    assert stored["finished"]
    page = (out / "report.html").read_text()
    assert page.count("data:image/png") == 3
    assert "SIM9 (DXG" in page
    refused("loops", features, "--bootstrap", 0, "-o", out, match=r"exists; .*--force")
    again = dexkit("loops", features, "--bootstrap", 0, "-o", out, "--force")
    assert again.exit_code == 0, again.output
    assert not (out / "arcs.tsv").exists()


def test_json(dexkit, features):
    content = json.loads(dexkit("loops", features, "--bootstrap", 0, "--json").stdout)
    assert content["samples"] == ["alpha", "beta"]
    assert content["genes"] == []
    assert {score["low"] for score in content["scores"]} == {None}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--gene", "SIM999"], "no gene 'SIM999' in .*; did you mean"),
        (["--sample", "alpa"], "did you mean 'alpha'"),
        (["--bootstrap", 3], "at least 100; got 3"),
    ],
)
def test_options_are_checked(refused, features, options, match):
    refused("loops", features, *options, match=match)
