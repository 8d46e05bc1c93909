"""Fixtures that several areas share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from dexkit.simulate import SimulatedData, SimulationConfig, simulate

# Speed is what benchmarks measure: no test fails because a machine is busy.
settings.register_profile("dexkit", deadline=None)
settings.load_profile("dexkit")

# As load_tensorflow sets it: a test that imports TensorFlow itself must not change the last
# digits of those that come after it in the same process.
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

TINY = {
    "seed": 7,
    "n_chroms": 4,
    "chrom_length_bp": 300_000,
    "n_genes": 60,
    "samples": ("alpha", "beta"),
    "n_replicates": 2,
    "pairs_per_replicate": 4_000,
    "family_fraction": 0.2,
}


@pytest.fixture(scope="session")
def tiny_config() -> SimulationConfig:
    """Options of a data set that is simulated in well under a second."""
    return SimulationConfig.create(**TINY)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory, tiny_config: SimulationConfig):
    """A tiny simulated data set: 60 genes on 4 chromosomes, samples alpha (.pairs) and
    beta (allValidPairs), two replicates each. Read-only: tests must not write into it."""
    folder: Path = tmp_path_factory.mktemp("simulated") / "data"
    data: SimulatedData = simulate(tiny_config, folder)
    return data
