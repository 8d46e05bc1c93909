"""Save Keras models without the warning that their users can do nothing about."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dexkit.files import atomic_path


@contextmanager
def quiet_keras() -> Iterator[None]:
    """Hide NumPy's deprecation of the way in which Keras hands over its variables.

    Keras calls ``numpy.array`` on variables whose ``__array__`` has no ``copy`` argument, which
    NumPy 2 deprecates; the values are right, and no caller can change it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


def save_network(model: Any, path: Path) -> None:
    """Write a network as a ``.keras`` file, whole or not at all.

    Parameters
    ----------
    model : keras.Model
        The network.
    path : Path
        The file; an existing one is replaced.

    Raises
    ------
    OutputError
        When the file cannot be written or the disk is full.
    """
    with atomic_path(path) as partial:
        # Keras decides by suffix; the temporary name has to end like the final one.
        named = partial.with_name(partial.name + ".keras")
        try:
            with quiet_keras():
                model.save(named)
            named.replace(partial)
        finally:
            named.unlink(missing_ok=True)
