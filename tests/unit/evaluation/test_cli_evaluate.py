import json

import pytest
import typer
from run_folders import write_run
from typer.testing import CliRunner

from dexkit.cli.evaluate import evaluate_command
from dexkit.errors import OutputError


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return [str(write_run(root / f"fold{k}", fold=k)) for k in range(2)]


def call(*arguments):
    app = typer.Typer()
    app.command()(evaluate_command)
    return CliRunner().invoke(app, [*arguments, "--bootstrap", "30"])


def test_table(runs):
    result = call(*runs)
    assert result.exit_code == 0
    assert "densenet on K562, test genes, pooled (n = 120)" in result.stdout
    assert "densenet minus, paired" in result.stdout
    assert "Pearson r by fold" in result.stdout
    assert "note: 2 of 5 folds are pooled" in result.stdout
    single = call(runs[0]).stdout
    assert "undefined" in single
    assert "by fold" not in single


def test_json_and_file(runs, tmp_path):
    out = tmp_path / "scores.tsv"
    result = call(*runs, "--json", "-o", str(out))
    content = json.loads(result.stdout)
    assert content["folds"] == [0, 1]
    assert len(out.read_text().splitlines()) == len(content["scores"]) + 1
    refused = call(*runs, "-o", str(out))
    assert isinstance(refused.exception, OutputError)
    assert call(*runs, "-o", str(out), "--force").exit_code == 0
