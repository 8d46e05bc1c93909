"""The example package is what `dexkit plugins new` writes, and its own test passes."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dexkit.testing import write_plugin_package

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "dexkit-plugin-template"


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", ".pytest_cache"} & set(path.parts)
        if not any(part.endswith(".egg-info") for part in path.parts)
    }


def test_the_example_is_the_template(tmp_path, monkeypatch):
    # The example may be installed: its name is free only as long as it is not loaded.
    monkeypatch.setenv("DEXKIT_PLUGINS", "")
    written = write_plugin_package("plugin-template", tmp_path / "package")
    assert contents(EXAMPLE) == contents(written)


@pytest.mark.slow
def test_the_tests_of_the_example_pass(site):
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    [(plugin, module)] = project["entry-points"]["dexkit"].items()
    site.add(project["name"], plugin=plugin, value=module, version=project["version"])
    path = [str(EXAMPLE), str(site.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE)],
        cwd=EXAMPLE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
