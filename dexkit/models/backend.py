"""Import TensorFlow once, without its start-up chatter."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any


def load_tensorflow() -> None:
    """Import TensorFlow and Keras; what they write to stderr meanwhile is shown only on failure.

    Notes
    -----
    ``TF_CPP_MIN_LOG_LEVEL`` silences TensorFlow's own log, unless the user has set it, but not
    the lines that its libraries write while they are loaded.

    ``TF_NUM_INTEROP_THREADS`` is set to 1, unless the user has set it: convolutions that run side
    by side on the CPU add up in an order that differs from run to run, TensorFlow's switch for
    deterministic operations notwithstanding. Each operation still uses all cores.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    if "keras" in sys.modules and "tensorflow" in sys.modules:
        return
    with _held_back_stderr():
        import keras  # noqa: F401
        import tensorflow  # noqa: F401


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Return a ``tf.function`` that counts its tracings for itself.

    Parameters
    ----------
    function : callable
        What to compile.
    **options
        Passed to ``tf.function``.

    Returns
    -------
    tf.function
        The compiled function.

    Notes
    -----
    TensorFlow warns of retracing when five of the last ten calls of one *piece of code* made a
    new graph. The networks of an ensemble, and the stages of a training, run the same code with a
    graph of each network's own, which is no retracing. A ``partial`` has no code object of its
    own, so that each is counted alone; true retracing of one of them is still warned of.
    """
    import tensorflow as tf

    return tf.function(partial(function), **options)


@contextmanager
def _held_back_stderr() -> Iterator[None]:
    """Collect what C libraries write to file descriptor 2; pass it on when the block fails."""
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        real = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
