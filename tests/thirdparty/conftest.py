"""Plugins that are found without an installer: a folder with *.dist-info put on sys.path."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parent / "packages"


@dataclass
class Site:
    """A folder on sys.path, in which distributions appear."""

    folder: Path

    def add(self, distribution, source=None, plugin=None, value=None, version="1.0"):
        """Write a one-module distribution with one entry point."""
        module = distribution.replace("-", "_")
        if source is not None:
            (self.folder / f"{module}.py").write_text(source)
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        name = plugin or distribution.removeprefix("dexkit-")
        (info / "entry_points.txt").write_text(f"[dexkit]\n{name} = {value or module}\n")
        importlib.invalidate_caches()


@pytest.fixture
def forget_modules():
    """Drop the modules that a test has imported."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("dexkit_") and not name.startswith("dexkit_ext"):
            del sys.modules[name]


@pytest.fixture
def site(tmp_path, monkeypatch, forget_modules):
    monkeypatch.delenv("DEXKIT_PLUGINS", raising=False)
    monkeypatch.delenv("DEXKIT_STRICT_PLUGINS", raising=False)
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return Site(folder)


@pytest.fixture
def example(monkeypatch, forget_modules):
    """Put the example plugin, which implements every hook, on sys.path."""
    monkeypatch.delenv("DEXKIT_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(PACKAGES)
    importlib.invalidate_caches()
