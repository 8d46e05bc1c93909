"""Build the Cython kernels; everything else about the package is in pyproject.toml.

Environment switches (read at build time):

DEXKIT_OPENMP=0        build the kernels serial (``prange`` becomes a plain loop)
DEXKIT_CYTHON_DEBUG=1  turn bounds checks and wraparound checks on, optimisation off
DEXKIT_SANITIZE=1      compile the address and undefined-behaviour sanitisers in; Python then has to
                       be started with both libraries in LD_PRELOAD (`make kernels` does)
"""

import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup

HERE = Path(__file__).parent
DEBUG = os.environ.get("DEXKIT_CYTHON_DEBUG", "0") == "1"
SANITIZE = os.environ.get("DEXKIT_SANITIZE", "0") == "1"
WANT_OPENMP = os.environ.get("DEXKIT_OPENMP", "1") != "0"

OPENMP_PROBE = """\
#include <omp.h>
int main(void) { return omp_get_max_threads() < 1; }
"""


def openmp_works() -> bool:
    """Compile and link a two-line OpenMP program with the compiler of this build."""
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(OPENMP_PROBE)
        command = [*compiler.split(), "-fopenmp", str(source), "-o", str(Path(folder, "probe"))]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False


def source_digest() -> int:
    """Fingerprint of the kernel sources; the import of dexkit_ext compares it with the files."""
    digest = hashlib.sha256()
    for path in sorted((HERE / "dexkit_ext").glob("*.p[yx][xd]")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return int(digest.hexdigest()[:15], 16)


openmp = WANT_OPENMP and openmp_works()
if WANT_OPENMP and not openmp:
    print("dexkit: the compiler has no OpenMP, the kernels are built serial", file=sys.stderr)

compile_args = ["-O0", "-g"] if DEBUG else ["-O3"]
link_args: list[str] = []
if openmp:
    compile_args.append("-fopenmp")
    link_args.append("-fopenmp")
if SANITIZE:
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    compile_args += [*sanitizers, "-g", "-fno-omit-frame-pointer"]
    link_args += sanitizers

macros = [
    ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
    ("DEXKIT_SOURCE_DIGEST", f"{source_digest()}LL"),
    ("DEXKIT_HAS_OPENMP", "1" if openmp else "0"),
    ("DEXKIT_DEBUG_BUILD", "1" if DEBUG else "0"),
]

extensions = [
    Extension(
        f"dexkit_ext.{path.stem}",
        [str(path.relative_to(HERE))],
        include_dirs=[np.get_include()],
        define_macros=macros,
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )
    for path in sorted((HERE / "dexkit_ext").glob("_*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        # The two kinds differ in their C files: a folder each, outside of the sources.
        build_dir=f"build/cython-{'debug' if DEBUG else 'release'}",
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": DEBUG,
            "initializedcheck": DEBUG,
            "cdivision": True,
            "embedsignature": True,
            "freethreading_compatible": True,
        },
        # The macros above are not among Cython's own dependencies: translate again on each build.
        force=True,
    ),
    options={"build_ext": {"parallel": min(4, os.cpu_count() or 1)}},
)
