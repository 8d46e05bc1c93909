from pathlib import Path

import pytest
from toy import build

from dexkit.features.file import FeatureFile


@pytest.fixture(scope="session")
def built(simulated, tmp_path_factory) -> Path:
    """A feature file with every block; read-only."""
    out = tmp_path_factory.mktemp("features") / "features.h5"
    settings = {
        "contacts": {"n_flank_bins": 10},
        "kmers": {"k": 3, "both_strands": True},
    }
    return build(simulated, out, blocks=("one-hot", "kmers"), settings=settings)


@pytest.fixture(scope="session")
def features(built) -> FeatureFile:
    return FeatureFile(built)
