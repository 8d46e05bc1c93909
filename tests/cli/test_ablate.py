"""``dexkit ablate`` and ``dexkit sensitivity`` as a user types them."""

import pandas as pd
import pytest

COMMON = ["--sample", "alpha", "--plugin", "ridge", "--folds", "2", "--bootstrap", "100"]


def test_ablate(dexkit, features, tmp_path):
    out = tmp_path / "e"
    options = ["--variants", "contacts, contacts-decay", "--seed", "3", "--split", "random"]
    result = dexkit("ablate", features, *COMMON, *options, "-o", out)
    assert result.exit_code == 0, result.output
    line, report = result.stdout.splitlines()
    assert line.startswith("alpha, ridge: contacts ")
    assert line.endswith("; leaky: paper protocol")
    assert report == f"report: {out / 'report.html'}"
    table = pd.read_csv(out / "ablation.tsv", sep="\t")
    assert table["variant"].tolist() == ["both", "sequence", "contacts", "contacts-decay"]
    assert set(table["seed"]) == {3}
    assert set(table["leaky"]) == {"leaky: paper protocol"}
    again = dexkit("ablate", "--resume", out)
    assert again.exit_code == 2
    assert "is a finished experiment; nothing to resume" in again.stderr


def test_sensitivity(dexkit, features, tmp_path):
    out = tmp_path / "e"
    options = ["--contact-bins", "5, 10", "--blocks", "contacts", "--plugin", "contact-ridge"]
    common = [*COMMON[:2], *COMMON[4:]]
    result = dexkit("sensitivity", features, *common, *options, "-o", out)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("alpha, contact-ridge, contacts within 5 bins (±25 kb): Pearson r")
    assert lines[-1] == f"report: {out / 'report.html'}"


@pytest.mark.parametrize(
    ("command", "options", "match"),
    [
        ("ablate", ["--bootstrap", "7"], "--bootstrap must be 0 .* at least 100; got 7"),
        ("ablate", ["--variants", "sequences"], "unknown variant 'sequences'.*sequence"),
        ("ablate", ["--plugin", "gc"], "the baseline 'gc' does not read; choose another --plugin"),
        ("sensitivity", ["--promoter-lengths", "100,300"], "300 bp cannot be cut .* has 200 bp"),
        ("sensitivity", ["--contact-bins", "5,ten"], "'ten' is no whole number; expected numbers"),
        ("sensitivity", ["--training", "joint,two-step"], "--training .* all models are baselines"),
        ("sensitivity", ["--training", "joint,two"], "--training: unknown recipe 'two'"),
    ],
)
def test_refusals(refused, features, tmp_path, command, options, match):
    plugin = [] if "--plugin" in options else ["--plugin", "ridge"]
    given = ["--sample", "alpha", "--folds", "2", *plugin, *options]
    refused(command, features, *given, "-o", tmp_path / "e", match=match)
