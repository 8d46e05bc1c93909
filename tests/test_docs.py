"""The documentation says what the code does: hooks, records, checks, variables, examples."""

import dataclasses
import doctest
import importlib.util
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
import typer

from dexkit import testing
from dexkit.cli.app import app
from dexkit.features.build import build_features
from dexkit.features.config import BuildConfig, ContactsSource, ExpressionSource
from dexkit.features.schema import FORMAT_VERSION
from dexkit.hooks import manager, specs
from dexkit.hooks.registry import KINDS
from dexkit.simulate import SimulationConfig, simulate

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", TEXT + README, flags=re.MULTILINE | re.DOTALL)
HOOKS = {name: f for name, f in inspect.getmembers(specs, inspect.isfunction) if "dexkit_" in name}


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_signature(name):
    signature = str(inspect.signature(HOOKS[name])).replace("'", "")
    assert f"### `{name}{signature}`\n" in TEXT


def test_no_other_hook_is_documented():
    assert set(re.findall(r"^### `(dexkit_\w+)", TEXT, flags=re.MULTILINE)) == set(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_test(name):
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "thirdparty").glob("test_*.py"))
    assert f"def test_hook_{name}(" in tests


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_field_of_a_record_is_documented_in_order(kind):
    heading = f"| field of `{kind.entry_type.__name__}` |"
    table = TEXT.partition(heading)[2].partition("\n\n")[0]
    documented = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    assert documented == [field.name for field in dataclasses.fields(kind.entry_type)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_a_documented_check(kind):
    check = f"check_{kind.name.replace(' ', '_')}"
    assert check in testing.__all__
    section = TEXT.partition(f"### `{kind.hook}(")[2].partition("\n###")[0]
    assert f"`dexkit.testing.{check}(entry)`" in section


@pytest.mark.parametrize("variable", [manager.ONLY_VARIABLE, manager.STRICT_VARIABLE])
def test_the_variables_are_documented(variable):
    assert f"| `{variable}=" in TEXT


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_run(example):
    names = {"__name__": "docs"}
    exec(compile(example, "docs/plugins.md", "exec"), names)
    for name, value in list(names.items()):
        if name in HOOKS:
            [kind] = [kind for kind in KINDS if kind.hook == name]
            assert [type(entry) for entry in value()] == [kind.entry_type]
        elif name.startswith("test_"):
            value()


@pytest.mark.parametrize("name", ["dexkit.hooks.specs", "dexkit.testing"])
def test_the_docstring_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


# --- commands ---------------------------------------------------------------------------------

MARKDOWN = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCES = r"^```(?:sh|bash|console)?\n(.*?)^```|^((?: {4}[^\n]*\n)+)"


def shell_lines(path):
    """Yield the dexkit commands of a page's examples; joined lines, without comments."""
    text = path.read_text(encoding="utf-8")
    for fenced, indented in re.findall(FENCES, text, flags=re.MULTILINE | re.DOTALL):
        for line in re.sub(r"\\\n\s*", "", fenced or indented).splitlines():
            line = line.strip().removeprefix("$ ").replace("$i", "0")
            if line.startswith("dexkit "):
                yield re.split(r"  +#|   +", line)[0]


COMMANDS = [
    pytest.param(line, id=f"{path.name}: {line[:40]}")
    for path in MARKDOWN
    if path.name != "cli.md"
    for line in dict.fromkeys(shell_lines(path))
]


def test_the_command_reference_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_cli", ROOT / "docs" / "make_cli.py")
    make_cli = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_cli)
    assert make_cli.TARGET.read_text(encoding="utf-8") == make_cli.render(), "run `make docs`"


def test_every_command_is_in_the_reference():
    reference = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, command in typer.main.get_command(app).commands.items():
        for full in [f"{name} {inner}" for inner in getattr(command, "commands", {})] or [name]:
            assert f"\n## dexkit {full}\n" in reference


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_of_the_documentation_are_valid(line):
    """Names and options exist and the values parse; the files need not exist."""
    command, words = typer.main.get_command(app), shlex.split(line)
    assert words.pop(0) == "dexkit"
    while hasattr(command, "commands"):
        if words[0].startswith("-"):
            assert words == ["--help"]
            return
        command = command.commands[words.pop(0)]
    command.make_context("dexkit", words)


def links(path):
    text = path.read_text(encoding="utf-8")
    return re.findall(r"\]\((?!https?:)([^)#]+)", text)


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    assert [link for link in links(path) if not (path.parent / link).exists()] == []


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A folder with the files that the README names: sample K562, two replicates, counts."""
    folder = tmp_path_factory.mktemp("lab") / "lab"
    config = SimulationConfig.create(
        seed=5, n_chroms=6, n_genes=90, chrom_length_bp=400_000, samples=("K562",)
    )
    simulate(config, folder)
    return folder


@pytest.mark.slow
def test_the_quick_start_of_the_readme_runs(lab):
    section = README.partition("## Quick start")[2].partition("\n## ")[0]
    first, _folds = re.findall(r"^```sh\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euc", first],
        cwd=lab,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (lab / "k562" / "report.html").is_file()
    assert len((lab / "predicted.tsv").read_text().splitlines()) == 91
    for written in (lab / "k562").iterdir():
        assert f"`{written.name}" in RUN_FOLDER
    for table, separator in (("history.csv", ","), ("predictions.tsv", "\t")):
        header = (lab / "k562" / table).read_text().partition("\n")[0].split(separator)
        section = RUN_FOLDER.partition(f"### {table}")[2].partition("\n###")[0]
        columns = {re.sub(":.*", ":<name>", column) for column in header}
        assert {column for column in columns if f"`{column}`" not in section} == set()
    for name in ("metrics.json", "bundle.json", "features.json"):
        section = RUN_FOLDER.partition(f"| `{name}`")[2]
        keys = json.loads((lab / "k562" / name).read_text())
        assert {key for key in keys if f"`{key}`" not in section} == set()


# --- formats ----------------------------------------------------------------------------------

TABLES, _, RUN_FOLDER = (
    (ROOT / "docs" / "format.md").read_text(encoding="utf-8").partition("## Run folder")
)


def test_the_feature_file_is_as_documented(tmp_path, simulated):
    """Every array stands in the table with its dtype, every attribute in the file's section."""
    config = BuildConfig(
        fasta=simulated.fasta,
        gtf=simulated.gtf,
        contacts=(ContactsSource(sample="alpha", paths=simulated.contacts["alpha"]),),
        expression=(ExpressionSource(path=simulated.expression),),
        blocks=("one-hot", "kmers"),
    )
    build_features(config, tmp_path / "features.h5")
    missing = []

    def look(name, item):
        if not isinstance(item, h5py.Dataset):
            return
        path = re.sub(r"^/(contacts|expression)/\w+/", r"/\1/<sample>/", f"/{name}")
        dtype = "string" if item.dtype.kind == "O" else item.dtype.name
        rows = re.findall(rf"^\|[^|]*`{re.escape(path)}`[^|]*\| (\w+) \|", TABLES, re.MULTILINE)
        if rows != [dtype]:
            missing.append(f"{path} {dtype}: documented as {rows}")
        missing.extend(f"{path} {key}" for key in item.attrs if f"`{key}`" not in TABLES)

    with h5py.File(tmp_path / "features.h5") as file:
        file.visititems(look)
        missing.extend(f"root {key}" for key in file.attrs if f"| `{key}` |" not in TABLES)
    assert missing == []
    assert f"| {FORMAT_VERSION} |" in TABLES.partition("### Versions")[2]
