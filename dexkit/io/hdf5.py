"""Guards around libhdf5, which trusts what it reads: a damaged file must not hang or crash it.

Strings of variable length lie in *global heap collections*: ``GCOL``, then objects one behind the
other, each with its number and size. libhdf5 (1.14.6, ``H5HG__cache_heap_deserialize``) goes from
object to object by their sizes; one with number 0 (free space) and size 0 keeps it there for ever,
inside a call that nothing can interrupt. So the collections are walked here before anything is
read.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dexkit.errors import FormatError

# HDF5 file format specification, III.E: signature, version 1, three reserved bytes, the size of
# the collection; an object has its number and count of references (2 bytes each), four reserved
# bytes and its size. Headers and contents are padded to 8 bytes.
_COLLECTION = b"GCOL\x01"
_HEAD_BYTES, _OBJECT_BYTES, _ALIGN = 8, 8, 8

#: Filters that no program makes a cooler or feature file with, and whose decoders in libhdf5 read
#: outside of their buffers when the parameters are damaged: n-bit and scale-offset.
_FORBIDDEN_FILTERS = {5: "n-bit", 6: "scale-offset"}
#: Number of the shuffle filter; numbers below 256 are those of the HDF5 library (``H5Zpublic.h``).
_SHUFFLE = 2
#: Names of chromosomes are the widest values; libhdf5 does not notice that a chunk is smaller than
#: its values are said to be.
_MOST_VALUE_BYTES = 1 << 16


def refuse_endless_heaps(handle: Any, path: Path, skip: Sequence[tuple[int, int]] = ()) -> None:
    """Refuse a file in which libhdf5 would look for a string for ever.

    Parameters
    ----------
    handle : h5py.File
        The open file; no string of it has been read yet.
    path : Path
        The same file.
    skip : sequence of tuple of int, optional
        Byte ranges ``[start, end)`` that hold arrays, and so no strings; all else is searched, at
        some 2 GB a second.

    Raises
    ------
    FormatError
        When a collection has an object of no size.
    """
    size_bytes = int(handle.id.get_create_plist().get_sizes()[1])
    with path.open("rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            start = 0
            for begin, end in [*sorted(skip), (n_bytes, n_bytes)]:
                # A signature may begin just before a range that is skipped.
                stop = min(begin + len(_COLLECTION) - 1, n_bytes)
                while (found := data.find(_COLLECTION, start, stop)) >= 0:
                    if _is_endless(data, found, size_bytes):
                        raise FormatError(
                            f"the strings at byte {found:,} have an object of size 0 among them; "
                            "the file is damaged; copy or download it again, or make it anew",
                            str(path),
                        )
                    start = found + 1
                start = max(start, end)


def _is_endless(data: mmap.mmap, at: int, size_bytes: int) -> bool:
    """Walk the objects of a collection as libhdf5 does; return whether it would not come to an end.

    Where libhdf5 ends in an error, so does this walk.
    """

    def number(place: int, n_bytes: int) -> int:
        return int.from_bytes(data[place : place + n_bytes], "little")

    def padded(n: int) -> int:
        return -(-n // _ALIGN) * _ALIGN

    header = padded(_OBJECT_BYTES + size_bytes)
    end = min(at + number(at + _HEAD_BYTES, size_bytes), len(data))
    place = at + padded(_HEAD_BYTES + size_bytes)
    while place + header <= end:
        size = number(place + _OBJECT_BYTES, size_bytes)
        step = header + padded(size) if number(place, 2) else size
        if step == 0:
            return True
        place += step
    return False


def attribute(node: Any, name: str, default: Any = None) -> Any:
    """Return an attribute that is a number, a truth value or a string.

    Parameters
    ----------
    node : h5py.Group or h5py.Dataset
        Whose attribute it is.
    name : str
        Its name.
    default : any, optional
        Returned where there is none.

    Returns
    -------
    any
        The value, as h5py gives it.

    Raises
    ------
    ValueError
        When it is of another type: libhdf5 crashes on some that come of a damaged byte.
    """
    import h5py

    if name not in node.attrs:
        return default
    simple = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING, h5py.h5t.ENUM)
    if node.attrs.get_id(name).get_type().get_class() not in simple:
        raise ValueError(f"the attribute {name!r} of {node.name} is neither number nor text")
    return node.attrs[name]


def checked_dataset(group: Any, name: str, path: Path) -> Any:
    """Return a dataset that libhdf5 can read without going astray.

    Parameters
    ----------
    group : h5py.Group
        Where it is.
    name : str
        Its name there.
    path : Path
        For messages.

    Returns
    -------
    h5py.Dataset
        The dataset.

    Raises
    ------
    KeyError
        When there is nothing of that name.
    FormatError
        When it is something else, is stored with a filter that no such file has, or has values
        of an impossible size.
    """
    import h5py

    found = group[name]
    if not isinstance(found, h5py.Dataset):
        raise FormatError(
            f"{found.name} is a {type(found).__name__.lower()}; expected a column; the file is "
            "damaged; copy or download it again",
            str(path),
        )
    plan = found.id.get_create_plist()
    given = (plan.get_filter(i) for i in range(plan.get_nfilters()))
    filters = {int(code): values for code, _, values, _ in given}
    damaged = [_FORBIDDEN_FILTERS[code] for code in filters if code in _FORBIDDEN_FILTERS]
    n_a_value = int(found.id.get_type().get_size())
    # The shuffle filter has the size of a value, too.
    sizes = {n_a_value, *(filters[_SHUFFLE][:1] if _SHUFFLE in filters else ())}
    if len(sizes) > 1 or n_a_value > _MOST_VALUE_BYTES:
        damaged.append(f"{' or '.join(f'{n:,}' for n in sorted(sizes))} bytes a value")
    if damaged:
        raise FormatError(
            f"{found.name} is stored as no program does it ({', '.join(damaged)}); the file is "
            "damaged; copy or download it again",
            str(path),
        )
    return found
