"""dexkit plugins list, show, check and new, with an outside plugin and a broken one."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from dexkit.cli.plugins import plugins_app
from dexkit.errors import ConfigError, DexkitError, OutputError, PluginError


@pytest.fixture
def run(example, site, monkeypatch):
    site.add("dexkit-bad", "import no_such_module_at_all\n", version="0.9")
    monkeypatch.setenv("DEXKIT_PLUGINS", "example,bad")

    def invoke(*arguments):
        result = CliRunner().invoke(plugins_app, list(arguments))
        if isinstance(result.exception, DexkitError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return invoke


def test_list_shows_entries_and_disabled_plugins(run):
    text = run("list")
    lines = [line.split() for line in text.splitlines()]
    assert ["encoder", "pooled", "sequence", "example", "dexkit-example", "1.2.3"] in lines
    assert any(line[:2] == ["block", "gc"] and line[-1] == "promoter" for line in lines)
    disabled = text.partition("Disabled:")[2]
    assert "bad" in disabled
    assert "dexkit-bad 0.9" in disabled
    assert "No module named 'no_such_module_at_all'" in disabled


def test_list_as_json(run):
    content = json.loads(run("list", "--json"))
    assert [(row["kind"], row["name"], row["for"]) for row in content["entries"]] == [
        ("block", "gc", ""),
        ("encoder", "pooled", "sequence"),
        ("head", "gaussian", "regression"),
        ("baseline", "gc-linear", "regression"),
        ("preset", "lab", ""),
        ("motif exporter", "tab", ".tsv"),
    ]
    [disabled] = content["disabled"]
    assert disabled["plugin"] == "bad"


def test_show_explains_the_options(run):
    text = run("show", "pooled")
    assert "from dexkit-example 1.2.3, plugin example" in text
    assert "preset pooled:wide: n_units = 32" in text
    [row] = [line for line in text.splitlines() if "n_units" in line and "int" in line]
    assert row.split() == ["n_units", "int", ">", "0", "8", "length", "of", "the", "vector"]
    assert "no options" in run("show", "tab")


def test_show_as_json(run):
    [content] = json.loads(run("show", "pooled", "--json"))
    assert content["options"]["properties"]["n_units"]["default"] == 8
    assert content["presets"] == {"wide": {"n_units": 32}}


def test_show_says_what_a_preset_sets(run):
    lines = [line.split() for line in run("show", "lab").splitlines()]
    assert ["encoders.sequence", '"pooled:wide"'] in lines
    assert ["train.joint_units", "[]"] in lines
    [content] = json.loads(run("show", "lab", "--json"))
    assert content["sets"] == {
        "head": "gaussian",
        "encoders": {"sequence": "pooled:wide"},
        "train": {"batch_size": 64, "joint_units": []},
    }


def test_show_suggests_the_nearest_name(run):
    with pytest.raises(PluginError, match="no plugin is called 'poled'; did you mean 'pooled'"):
        run("show", "poled")


def test_check_lists_what_was_checked(run):
    assert "ok  motif exporter tab: a whole file" in run("check", "tab").splitlines()
    assert "ok  baseline gc-linear: pickle round trip" in run("check", "gc-linear").splitlines()


def test_new_writes_a_package(run, tmp_path):
    out = tmp_path / "attn"
    assert f"pip install -e '{out}[test]'" in run("new", "dilated-cnn", "-o", str(out))
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert files == [
        "README.md",
        "dexkit_dilated_cnn/__init__.py",
        "dexkit_dilated_cnn/config.py",
        "dexkit_dilated_cnn/network.py",
        "pyproject.toml",
        "tests/test_plugin.py",
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert "$" not in "".join(path.read_text() for path in out.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["Attn", "my_net", "a+b", "-x", "", "9lives"])
def test_new_refuses_bad_names(run, tmp_path, name):
    with pytest.raises(ConfigError, match="cannot name a plugin; expected lower-case words"):
        run("new", "-o", str(tmp_path / "x"), "--", name)
    assert not (tmp_path / "x").exists()


def test_new_refuses_a_taken_name_and_a_full_folder(run, tmp_path):
    with pytest.raises(ConfigError, match="'pooled' is installed already"):
        run("new", "pooled", "-o", str(tmp_path / "x"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine\n")
    with pytest.raises(OutputError, match="exists and is not an empty folder"):
        run("new", "fresh", "-o", str(tmp_path / "full"))
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        run("new", "fresh", "-o", str(tmp_path / "none" / "x"))


def test_listing_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from dexkit.cli.plugins import plugins_app\n"
        "for arguments in (['--help'], ['list'], ['list', '--json'], ['show', 'densenet']):\n"
        "    result = CliRunner().invoke(plugins_app, arguments)\n"
        "    assert result.exit_code == 0, result.output\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'scipy', 'pandas', 'h5py'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
