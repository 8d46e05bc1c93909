import logging

import pytest
from typer.testing import CliRunner


@pytest.fixture(scope="session")
def dexkit():
    """Run a command in this process; it has to succeed."""
    from dexkit.cli.app import app

    runner = CliRunner()

    def run(*args):
        logger = logging.getLogger("dexkit")
        before = (logger.handlers[:], logger.level, logger.propagate)
        result = runner.invoke(app, [str(arg) for arg in args])
        logger.handlers[:], level, logger.propagate = before
        logger.setLevel(level)
        assert result.exit_code == 0, (result.output, result.exception)
        return result

    return run
