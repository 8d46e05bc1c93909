"""What is installed: complete lists in pyproject.toml, an sdist that builds, a wheel that works."""

import fnmatch
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
#: Folders and files of a checkout that neither git nor an sdist holds.
NOT_SOURCE = (
    *(".git", ".venv", "build", "dist", "results", "demo-results", "__pycache__", ".hypothesis"),
    *("*.egg-info", "*_cache", "*.so", "*.c", "*.py[co]", ".gitignore"),
)


def folders():
    """Return every import package with its folder."""
    found = {}
    for base in (ROOT, ROOT / "plugins"):
        for top in sorted(base.glob("dexkit*/__init__.py")):
            for init in top.parent.rglob("__init__.py"):
                found[".".join(init.parent.relative_to(base).parts)] = init.parent
    return found


def test_the_list_of_packages_is_complete():
    assert sorted(SETUPTOOLS["packages"]) == sorted(folders())


def test_every_plugin_has_a_folder_and_an_entry_point():
    plugins = {path.name for path in (ROOT / "plugins").glob("dexkit_*")}
    assert SETUPTOOLS["package-dir"] == {name: f"plugins/{name}" for name in plugins}
    assert set(PROJECT["project"]["entry-points"]["dexkit"].values()) == plugins
    assert plugins | {"dexkit", "dexkit_ext"} == set(PROJECT["tool"]["mypy"]["packages"])


def test_the_package_data_is_complete():
    """Files that are no Python belong to the nearest package above and match one of its globs."""
    packages = {folder: name for name, folder in folders().items()}
    missing = []
    for top in ("dexkit", "plugins"):
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc", ".so", ".pyx", ".pxd"):
                folder = next(parent for parent in path.parents if parent in packages)
                inside = path.relative_to(folder).as_posix()
                globs = SETUPTOOLS["package-data"].get(packages[folder], [])
                same_depth = [glob for glob in globs if glob.count("/") == inside.count("/")]
                if not any(fnmatch.fnmatch(inside, glob) for glob in same_depth):
                    missing.append(f"{packages[folder]}: {inside}")
    assert missing == []


@pytest.mark.parametrize("name", ["run", "find-python"])
def test_the_scripts_can_be_run(name):
    assert os.access(ROOT / ".ci" / name, os.X_OK)


def test_python_is_found():
    environment = {k: v for k, v in os.environ.items() if k != "PYTHON"}
    found = run([ROOT / ".ci" / "find-python"], cwd=ROOT, env=environment | {"PYTHON": ""})
    version = run([found.strip(), "-c", "import sys; print(sys.version_info[:2])"], cwd=ROOT)
    assert "(3, 11)" <= version.strip() <= "(3, 13)"


@pytest.mark.parametrize(
    ("python", "path", "sentence"),
    [
        ("/nowhere/python3", "/usr/bin:/bin", "PYTHON=/nowhere/python3 is not a working Python"),
        ("", "", "no working Python 3.11, 3.12 or 3.13 was found"),
    ],
)
def test_a_missing_python_is_one_clear_sentence(tmp_path, python, path, sentence):
    script = tmp_path / "find-python"
    # Without the absolute names, which exist on most machines.
    text = (ROOT / ".ci" / "find-python").read_text().replace("/usr/", "/nowhere/")
    script.write_text(text)
    done = subprocess.run(
        ["/bin/sh", script],
        env={"PATH": path, "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {sentence}")
    assert done.stderr.count("\n") == 1


# --- real builds ------------------------------------------------------------------------------


def run(command, cwd, **options):
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=600, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(source, out, kind, **switches):
    """Build with the tools of this environment: nothing is downloaded."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DEXKIT_")}
    command = [sys.executable, "-P", "-m", "build", "--no-isolation", kind, "-o", str(out)]
    run(command, cwd=source, env=environment | switches)
    [built] = out.iterdir()
    return built


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A clean copy of the tree, so that no build writes into the checkout."""
    folder = tmp_path_factory.mktemp("checkout") / "dexkit"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    return folder


@pytest.fixture(scope="module")
def sdist(checkout, tmp_path_factory):
    return build(checkout, tmp_path_factory.mktemp("sdist"), "--sdist")


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """A wheel built from the sdist, with both switches of setup.py: -O0 is quick to compile."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [source] = folder.iterdir()
    out = tmp_path_factory.mktemp("wheel")
    return build(source, out, "--wheel", DEXKIT_OPENMP="0", DEXKIT_CYTHON_DEBUG="1")


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of commands of a fresh environment that has the wheel."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=False)
    site = next((folder / "lib").glob("python*/site-packages"))
    # Dependencies come from this environment; a path in a .pth file runs no other .pth files, so
    # an editable install there stays out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install(folder / "bin", str(wheel))
    return folder / "bin"


def install(commands, *arguments):
    pip = [sys.executable, "-m", "pip", "--python", str(commands / "python")]
    options = ["--disable-pip-version-check", "--quiet", "--no-index", "--no-deps"]
    run([*pip, "install", *options, "--ignore-installed", *arguments], cwd=commands)


@pytest.mark.slow
def test_the_sdist_holds_the_sources(sdist, checkout):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if "/" in name}
        sizes = [member.size for member in archive.getmembers()]
    expected = {str(p.relative_to(checkout)) for p in checkout.rglob("*") if p.is_file()}
    made = {name for name in expected if name.startswith(("build/", "dexkit.egg-info/"))}
    assert expected - made - names == set()
    assert not [name for name in names if name.endswith((".c", ".so", ".pyc"))]
    assert max(sizes) < 1_000_000


@pytest.mark.slow
def test_the_wheel_holds_what_runs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.partition("/")[0] for name in names}
    plugins = set(SETUPTOOLS["package-dir"])
    assert {t for t in tops if not t.endswith(".dist-info")} == {"dexkit", "dexkit_ext"} | plugins
    for package, folder in folders().items():
        assert f"{package.replace('.', '/')}/__init__.py" in names
        modules = {f"{package.replace('.', '/')}/{path.name}" for path in folder.glob("*.py")}
        assert modules - names == set()
    for data in ("dexkit/py.typed", "dexkit/report/templates/report.html.j2"):
        assert data in names
    n_kernels = len(list((ROOT / "dexkit_ext").glob("_*.pyx")))
    assert sum(name.startswith("dexkit_ext/") and name.endswith(".so") for name in names) == (
        n_kernels
    )
    assert not [name for name in names if name.endswith((".c", ".pyx", ".pxd"))]


@pytest.mark.slow
def test_the_installed_wheel_works(installed, tmp_path):
    where = "import json, dexkit, dexkit_ext, dexkit_densenet as d; print(json.dumps("
    where += "[dexkit.__version__, dexkit.__file__, d.__file__, dexkit_ext.build_info()]))"
    facts = json.loads(run([installed / "python", "-c", where], cwd=tmp_path))
    assert facts[0] == PROJECT["project"]["version"]
    assert all(str(installed.parent) in path for path in facts[1:3])
    assert not facts[3]["openmp"]
    assert facts[3]["debug"]
    assert facts[0] in run([installed / "dexkit", "--version"], cwd=tmp_path)
    listed = json.loads(run([installed / "dexkit", "plugins", "list", "--json"], cwd=tmp_path))
    assert listed["disabled"] == []
    entry_points = set(PROJECT["project"]["entry-points"]["dexkit"])
    assert {entry["plugin"] for entry in listed["entries"]} == entry_points


@pytest.mark.slow
def test_a_new_plugin_installs_beside_the_wheel(installed, tmp_path):
    run([installed / "dexkit", "plugins", "new", "attn", "-o", "attn"], cwd=tmp_path)
    install(installed, "--no-build-isolation", str(tmp_path / "attn"))
    listed = json.loads(run([installed / "dexkit", "plugins", "list", "--json"], cwd=tmp_path))
    assert [e["distribution"] for e in listed["entries"] if e["name"] == "attn"] == ["dexkit-attn"]
