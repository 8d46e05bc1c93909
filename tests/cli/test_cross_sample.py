"""``dexkit cross-sample`` on the command line."""

import json

import pytest


@pytest.fixture
def options(features, tmp_path):
    """An experiment that would work, and be quick."""

    def make(*extra):
        return [
            *("cross-sample", features, "-o", tmp_path / "x", "--plugin", "gc", "--folds", "4"),
            *("--bootstrap", "0", "--blocks", "sequence", *extra),
        ]

    return make


def test_it_shows_the_means_and_the_report(dexkit, options, tmp_path):
    (tmp_path / "g.txt").write_text("SIM1\nSIM2\nSIM3\nxyz\n")
    result = dexkit(*options("--genes", tmp_path / "g.txt", "--seed", "3"))
    assert result.exit_code == 0, result.output
    for text in ("independent", "copy-best", "undefined", "copying the mean", "report:"):
        assert text in result.stdout
    assert "4 names, 1 of them unknown; 3 genes that can be scored" in result.stderr
    stored = json.loads((tmp_path / "x/experiment.json").read_text())["settings"]
    assert stored["models"][0]["train"]["seed"] == 3
    again = dexkit(*options())
    assert again.exit_code == 2
    assert "exists; give another name or --force" in again.stderr


def test_a_stopped_one_goes_on_with_its_own_options(
    dexkit, options, tmp_path, refused, monkeypatch
):
    monkeypatch.setattr(
        "dexkit.workflows.cross_sample.write_cross_report", lambda experiment, *_: experiment.path
    )
    assert dexkit(*options("--by", "chromosome")).exit_code == 0
    path = tmp_path / "x/experiment.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"finished": False}))
    refused("cross-sample", "--resume", tmp_path / "x", "--folds", "3", match="leave --folds out")
    before = (tmp_path / "x/scores.tsv").read_bytes()
    result = dexkit("cross-sample", "--resume", tmp_path / "x")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "x/scores.tsv").read_bytes() == before


@pytest.mark.parametrize(
    ("extra", "match"),
    [
        (("--sample", "alpha"), "at least two samples"),
        (("--bootstrap", "5"), "--bootstrap must be 0 .* or at least 100; got 5"),
        (("--by", "genes"), "cross-sample: by.*'gene' or 'chromosome'"),
        (("--genes", "none.txt"), r"none\.txt"),
        (("--head", "classification"), "does not go with the baseline 'gc'"),
        (("--jobs", "0"), "--jobs is 0"),
    ],
)
def test_wrong_options(refused, options, extra, match):
    refused(*options(*extra), match=match)
