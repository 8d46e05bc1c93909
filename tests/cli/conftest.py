import logging
from pathlib import Path

import pytest
from toy import SMALL_SET_SEQUENCE, build
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def restored_logger():
    """The command line takes over dexkit's logger; give it back."""
    logger = logging.getLogger("dexkit")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], level, logger.propagate = before
    logger.setLevel(level)


@pytest.fixture
def dexkit():
    """Run a command in this process."""
    from dexkit.cli.app import app

    runner = CliRunner()
    return lambda *args: runner.invoke(app, [str(arg) for arg in args])


@pytest.fixture
def refused(dexkit, tmp_path):
    """Run a command that must fail: exit code 2, one sentence, no traceback, nothing written."""
    from toy import listing

    def run(*args, match):
        import re

        before = listing(tmp_path)
        result = dexkit(*args)
        errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
        assert result.exit_code == 2, (result.exit_code, result.exception, result.output)
        assert len(errors) == 1, result.stderr
        assert re.search(match, errors[0]), errors[0]
        assert "Traceback" not in result.stderr
        assert listing(tmp_path) == before
        return result

    return run


@pytest.fixture(scope="session")
def features(simulated, tmp_path_factory) -> Path:
    return build(simulated, tmp_path_factory.mktemp("cli") / "features.h5")


@pytest.fixture(scope="session")
def run(features, tmp_path_factory) -> Path:
    """A finished run of a tiny network."""
    from dexkit.cli.app import app

    out = tmp_path_factory.mktemp("cli") / "run"
    options = ["--sample", "alpha", "--blocks", "sequence", "--folds", "4", "--epochs", "2"]
    args = ["fit", str(features), "-o", str(out), *options, *SMALL_SET_SEQUENCE]
    logger = logging.getLogger("dexkit")
    before = (logger.handlers[:], logger.level, logger.propagate)
    result = CliRunner().invoke(app, args)
    logger.handlers[:], level, logger.propagate = before
    logger.setLevel(level)
    assert result.exit_code == 0, (result.output, result.exception)
    return out
