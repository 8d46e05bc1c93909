from pathlib import Path

import pytest
from toy import build


@pytest.fixture(scope="session")
def built(simulated, tmp_path_factory) -> Path:
    return build(simulated, tmp_path_factory.mktemp("experiments") / "features.h5")
