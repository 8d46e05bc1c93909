"""How much memory a process may take, what it takes now, and sizes as people write them.

What is counted is address space: it is what ``ulimit -v`` limits, what an allocation fails on, and
never less than the resident memory. Where the system does not tell it, the resident peak stands in.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dexkit.errors import ConfigError, OutputError

MIB = 1 << 20
#: A thread's stack (8 MiB, the usual ``ulimit -s``) and its malloc arena: glibc reserves 64 MiB of
#: address space for each (HEAP_MAX_SIZE in malloc/arena.c), whatever is used of it.
THREAD_BYTES = 72 * MIB

#: Bytes of an array that are worked on at a time: enough that starting a piece costs nothing beside
#: filling it.
PIECE_BYTES = 64 * MIB
#: A piece never takes more than this part of the room that is left, and never less than 1 MiB.
_PIECE_SHARE = 8
#: A limit that is proposed has some room to spare.
_SPARE = 1.05

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_STATUS = Path("/proc/self/status")


def parse_size(text: str) -> int:
    """Return a number of bytes written like ``2G``, ``500M`` or ``2000000000``.

    Parameters
    ----------
    text : str
        A number, and as in GNU coreutils: ``K M G T`` (or ``KiB MiB …``) for powers of 1024,
        ``KB MB GB TB`` for powers of 1000, in either case.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    ConfigError
        When it is no size, or zero.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{text!r} is no size; expected a number of bytes such as 500M or 2G")
    number, letter, suffix = found.groups()
    base = 1000 if (suffix or "").lower() == "b" and letter else 1024
    n_bytes = int(float(number) * base ** _POWERS[letter.lower()])
    if n_bytes < 1:
        raise ConfigError(f"{text!r} is no size; expected at least one byte, such as 500M or 2G")
    return n_bytes


def show_size(n_bytes: float) -> str:
    """Return bytes as people read them, in the units of :func:`parse_size`: ``1.5 GiB``."""
    if n_bytes >= 1 << 30:
        return f"{n_bytes / (1 << 30):,.2f} GiB"
    return f"{n_bytes / MIB:,.0f} MiB"


def used_bytes() -> int:
    """Return the address space of this process in bytes.

    Where the system does not say (no ``/proc``), the peak of its resident memory; 0 where that is
    not known either.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmSize:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def limit_bytes(max_memory_bytes: int | None) -> int | None:
    """Return what the process may take: what was asked for or ``ulimit -v``, whichever is less.

    Parameters
    ----------
    max_memory_bytes : int or None
        As asked for.

    Returns
    -------
    int or None
        Bytes; None when nothing limits it.
    """
    limits = [] if max_memory_bytes is None else [max_memory_bytes]
    try:
        import resource
    except ImportError:  # Windows
        return max_memory_bytes
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    return min(limits, default=None)


def room_bytes(max_memory_bytes: int | None) -> int | None:
    """Return what the process may still take, in bytes, at least 0; None when nothing limits it."""
    limit = limit_bytes(max_memory_bytes)
    return None if limit is None else max(0, limit - used_bytes())


def piece_bytes(max_memory_bytes: int | None) -> int:
    """Return how much of an array to map at a time: 64 MiB, less where memory is short."""
    room = room_bytes(max_memory_bytes)
    if room is None:
        return PIECE_BYTES
    return max(MIB, min(PIECE_BYTES, room // _PIECE_SHARE))


def require_room(n_bytes: int, max_memory_bytes: int | None, what: str, advice: str = "") -> None:
    """Refuse work that cannot fit, before it starts.

    Parameters
    ----------
    n_bytes : int
        What the work takes beside what the process has already.
    max_memory_bytes : int or None
        What the whole process may take, as asked for.
    what : str
        What needs the memory, as the subject of a sentence with "need".
    advice : str, optional
        What could be changed instead of the limit.

    Raises
    ------
    ConfigError
        When it does not fit.
    """
    limit = limit_bytes(max_memory_bytes)
    if limit is None:
        return
    used = used_bytes()
    if used + n_bytes > limit:
        raise ConfigError(
            f"{what} need {show_size(n_bytes)} of memory beside the {show_size(used)} that the "
            f"process has; allowed are {show_size(limit)} in all; raise --max-memory (or ulimit "
            f"-v) to {show_size((used + n_bytes) * _SPARE)}{advice and f', or {advice}'}"
        )


@contextmanager
def memory_errors(what: str, max_memory_bytes: int | None) -> Iterator[None]:
    """Turn memory that ran out into one sentence.

    Parameters
    ----------
    what : str
        What was being made, for the message.
    max_memory_bytes : int or None
        What the whole process may take, as asked for.

    Raises
    ------
    OutputError
        When an allocation failed, or a thread could not be started.
    """
    try:
        yield
    except MemoryError as error:
        raise _no_memory(what, max_memory_bytes) from error
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        raise _no_memory(what, max_memory_bytes) from error


def _no_memory(what: str, max_memory_bytes: int | None) -> OutputError:
    limit = limit_bytes(max_memory_bytes)
    allowed = "" if limit is None else f" ({show_size(limit)} are allowed)"
    return OutputError(
        f"{what}: the memory ran out{allowed}; allow more, or use fewer --threads, samples, blocks "
        "or bins"
    )
