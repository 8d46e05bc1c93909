import re
from html.parser import HTMLParser

import numpy as np
import pytest
import typer
from run_folders import predictions, write_run
from typer.testing import CliRunner

from dexkit.cli.report import report_command
from dexkit.errors import FormatError, InputError
from dexkit.report.html import write_report

VOID = {"meta", "img"}


class Checker(HTMLParser):
    """Collects what a page loads and whether its tags are balanced."""

    def __init__(self, page):
        super().__init__()
        self.open, self.sources = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "k562 fold 0")


@pytest.fixture(scope="module")
def page(run):
    path = write_report(run, n_bootstrap=30)
    assert path == run / "report.html"
    return path.read_text()


def text_of(page):
    return re.sub(
        r"\s+", " ", re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.S))
    )


def test_page_is_whole_and_loads_nothing(page):
    checker = Checker(page)
    assert checker.open == []
    assert len(checker.sources) == 5
    assert all(source.startswith("data:image/png;base64,") for source in checker.sources)
    assert "http" not in re.sub(r"base64,[^\"]*", "", page)
    assert "<script" not in page


@pytest.mark.parametrize(
    "part",
    [
        "densenet on K562",
        "sample K562 blocks sequence sequence window 1,000 bp upstream to 1,000 bp downstream of "
        "the TSS feature file features.h5",
        "It is better than the baseline ridge on the same genes",
        "undefined",
        "no expression of K562 (predicted, not scored) 6",
        "test chromosomes chr1, chr6",
        "Whole chromosomes are held out",
        "minus ridge",
        "validation (n = 60)",
        "dexkit fit features.h5 --config",
        "k562 fold 0'/config.toml -o NEW_RUN",
        "[dexkit-densenet]",
        "train_genes 200 values",
        "6 genes without &lt;expression&gt;",
    ],
)
def test_page_says(page, part):
    assert part in text_of(page).replace("&#39;", "'")


def test_figures_are_written_as_png_and_pdf(run, page):
    names = ["learning_curves", "metrics", "observed_vs_predicted", "residuals", "spread"]
    files = sorted(path.name for path in (run / "figures").iterdir())
    assert files == sorted(f"{name}.{kind}" for name in names for kind in ("pdf", "png"))
    assert (run / "figures" / "metrics.pdf").read_bytes().startswith(b"%PDF")


def test_same_run_same_bytes(run, page):
    pdf = (run / "figures" / "metrics.pdf").read_bytes()
    assert write_report(run, n_bootstrap=30).read_text() == page
    assert (run / "figures" / "metrics.pdf").read_bytes() == pdf


def test_leaky_classification_run_without_extras(tmp_path):
    run = write_run(tmp_path / "run", task="classification", kind="random", extras=False)
    page = write_report(run, n_bootstrap=20).read_text()
    Checker(page)
    text = text_of(page)
    assert "leaky: paper protocol" in text
    assert "Genes were drawn at random" in text
    assert "AUROC" in text
    assert "Learning curves" not in text
    names = {path.stem for path in (run / "figures").iterdir()}
    assert names == {"class_shares", "metrics", "observed_vs_predicted"}


def test_single_network_without_baselines(tmp_path):
    table = predictions().drop(columns=["baseline:mean", "baseline:ridge"])
    table["predicted_sd"] = np.nan
    run = write_run(tmp_path / "run", table=table)
    page = write_report(run, n_bootstrap=20).read_text()
    assert "Model minus baseline" not in page
    assert "Spread of the ensemble" not in page


def test_names_are_escaped(tmp_path):
    run = write_run(tmp_path / "run", sample="<b>K562</b>", extras=False)
    page = write_report(run, n_bootstrap=0).read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;K562" in page


def test_bad_folders(tmp_path):
    with pytest.raises(InputError, match="no run folder"):
        write_report(tmp_path / "absent")
    run = write_run(tmp_path / "run")
    (run / "history.csv").write_text("member,epoch\n0,1\n")
    with pytest.raises(FormatError, match=r"history\.csv: column 'loss' is missing"):
        write_report(run, n_bootstrap=0)
    (run / "history.csv").unlink()
    (run / "config.toml").write_text("blocks = [")
    with pytest.raises(FormatError, match=r"config\.toml: not TOML"):
        write_report(run, n_bootstrap=0)
    (run / "config.toml").unlink()
    (run / "left_out.tsv").write_text("gene_id\tgene_name\n")
    with pytest.raises(InputError, match="column 'reason' is missing"):
        write_report(run, n_bootstrap=0)


def test_command_prints_the_path(run):
    app = typer.Typer()
    app.command()(report_command)
    result = CliRunner().invoke(app, [str(run), "--bootstrap", "10"])
    assert result.exit_code == 0
    assert result.stdout.strip() == str(run / "report.html")
