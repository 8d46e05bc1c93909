"""Small inputs written to a temporary folder."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write text or bytes to a file; ``gz=True`` compresses, ``cut`` drops bytes at the end."""

    def _write(name: str, content: str | bytes, gz: bool = False, cut: int = 0) -> Path:
        data = content.encode() if isinstance(content, str) else content
        if gz:
            data = gzip.compress(data, mtime=0)
        if cut:
            data = data[:-cut]
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return _write


@pytest.fixture(scope="session")
def hg19() -> Path:
    folder = Path(__file__).parents[4] / "shared" / "data" / "hg19"
    if not folder.is_dir():
        pytest.skip("the real data are not beside the checkout")
    return folder
