import json

import pytest
import typer
from run_folders import write_run
from typer.testing import CliRunner

from dexkit.cli.evaluate import evaluate_command
from dexkit.errors import ConfigError, InputError, OutputError


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return [str(write_run(root / f"fold{k}", fold=k)) for k in range(2)]


def call(*arguments):
    app = typer.Typer()
    app.command()(evaluate_command)
    return CliRunner().invoke(app, ["--bootstrap", "100", *arguments])


def test_table(runs):
    result = call(*runs)
    assert result.exit_code == 0
    assert "densenet on K562, test genes, pooled (n = 120)" in result.stdout
    assert "densenet minus baseline, paired" in result.stdout
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


@pytest.mark.parametrize("n", ["-1", "1", "99"])
def test_too_few_resamples(runs, n):
    refused = call(runs[0], "--bootstrap", n)
    assert isinstance(refused.exception, ConfigError)
    assert f"0 (no intervals) or at least 100; got {n}" in str(refused.exception)


def test_no_intervals(runs):
    assert "no intervals" in call(runs[0], "--bootstrap", "0").stdout


def test_unfinished_run(tmp_path):
    (tmp_path / "config.toml").touch()
    refused = call(str(tmp_path))
    assert isinstance(refused.exception, InputError)
    assert "is an unfinished run" in str(refused.exception)
    assert "dexkit fit --resume and this folder" in str(refused.exception)
