"""The import of dexkit_ext checks its compiled part; run in fresh processes on copies."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dexkit_ext
from dexkit_ext import arrays

PACKAGE = Path(dexkit_ext.__file__).parent
HOW = "build it with `pip install .`"


@pytest.fixture
def copy(tmp_path):
    """A copy of the package with its compiled modules."""
    target = tmp_path / "dexkit_ext"
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__", "*.c"))
    return target


def import_in(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import dexkit_ext; print(dexkit_ext.__file__, dexkit_ext.build_info())"
    command = [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path.insert(0, {str(folder)!r}); {code}",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout
    return done.stderr.strip().splitlines()[-1]


def test_a_copy_works(copy):
    done = import_in(copy.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(copy))


@pytest.mark.parametrize(
    "name",
    [
        "_build_info",
        "_kmers",
        "_lines",
        "_matrix",
        "_pairs",
        "_pixels",
        "_regions",
        "_sequence",
        "_sketches",
        "_sums",
    ],
)
def test_a_missing_module(copy, name):
    for path in copy.glob(f"{name}.*.so"):
        path.unlink()
    message = last_line(import_in(copy.parent))
    assert message.startswith("dexkit_ext.ExtensionError: the compiled part of dexkit cannot be")
    assert name in message
    assert HOW in message


def test_a_broken_module(copy):
    for path in copy.glob("_kmers.*.so"):
        path.write_bytes(b"not a shared object")
    assert HOW in last_line(import_in(copy.parent))


@pytest.mark.parametrize("name", ["_pairs.pyx", "_lines.pxd", "_typedefs.pxd"])
def test_a_stale_module(copy, name):
    if not (PACKAGE / name).exists():
        pytest.skip("installed without its sources")
    with (copy / name).open("a") as handle:
        handle.write("\n# edited\n")
    message = last_line(import_in(copy.parent))
    assert "is stale" in message
    assert HOW in message


def test_without_sources_there_is_nothing_to_compare(copy):
    for path in [*copy.glob("*.pyx"), *copy.glob("*.pxd")]:
        path.unlink()
    assert import_in(copy.parent).returncode == 0


def test_extension_error_is_an_import_error():
    assert issubclass(dexkit_ext.ExtensionError, ImportError)


def test_build_info():
    info = dexkit_ext.build_info()
    assert set(info) == {"openmp", "debug", "source_digest"}
    assert isinstance(info["openmp"], bool)
    assert isinstance(info["debug"], bool)


def test_the_public_names_exist():
    assert all(hasattr(dexkit_ext, name) for name in dexkit_ext.__all__)


def test_only_numpy_is_imported():
    code = (
        "import sys, dexkit_ext; "
        "print({m.split('.')[0] for m in sys.modules} & {'tensorflow', 'pandas', 'h5py', 'scipy'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "set()"


def test_codes_that_changed_meanwhile():
    error = arrays.bad_code_error(np.zeros((2, 3), np.uint8))
    assert "changed while they were read" in str(error)
