"""Damaged HDF5 files that libhdf5 would hang or crash on are refused before it reads them."""

import shutil
import struct
from pathlib import Path

import h5py
import matrices as m
import numpy as np
import pytest

from dexkit.errors import FormatError
from dexkit.features.file import FeatureFile
from dexkit.io.contacts import cool
from dexkit.io.hdf5 import refuse_endless_heaps

GOLDEN = Path(__file__).parents[2] / "golden" / "feature_file_v1.h5"


def free_spaces(data):
    """Places of the free-space objects (number 0) of all collections of strings."""
    found, at = [], data.find(b"GCOL\x01")
    while at >= 0:
        end = at + struct.unpack_from("<Q", data, at + 8)[0]
        place = at + 16
        while place + 16 <= end:
            number, size = struct.unpack_from("<HxxxxxxQ", data, place)
            if number == 0:
                found.append(place)
            place += 16 + -(-size // 8) * 8 if number else size
        at = data.find(b"GCOL\x01", end)
    return found


def read_cool(path):
    return cool.read(path, m.TSS_BINS, m.GENOME)


@pytest.fixture
def cool_file(tmp_path):
    return m.write_cool(tmp_path / "x.cool", m.pixels(n=200))


@pytest.fixture
def feature_file(tmp_path):
    return Path(shutil.copy(GOLDEN, tmp_path / "x.h5"))


@pytest.mark.parametrize(
    ("name", "read"), [("cool_file", read_cool), ("feature_file", FeatureFile)]
)
def test_strings_that_libhdf5_would_read_for_ever(request, name, read):
    path = request.getfixturevalue(name)
    read(path)
    whole = path.read_bytes()
    places = free_spaces(whole)
    assert places
    for place in places:
        data = bytearray(whole)
        struct.pack_into("<Q", data, place + 8, 0)
        path.write_bytes(data)
        with pytest.raises(FormatError, match=r"have an object of size 0 among them; the file is"):
            read(path)


def test_only_the_bytes_that_may_hold_strings_are_searched(cool_file):
    data = bytearray(cool_file.read_bytes())
    [place, *_] = free_spaces(data)
    struct.pack_into("<Q", data, place + 8, 0)
    cool_file.write_bytes(data)
    at = data.rfind(b"GCOL\x01", 0, place)
    with h5py.File(cool_file) as handle:
        for skip in ([(at, at + 5)], [(0, at + 1)], [(0, len(data))]):
            refuse_endless_heaps(handle, cool_file, skip)
        for skip in ([], [(0, at)], [(at + 5, len(data))]):
            with pytest.raises(FormatError, match=f"strings at byte {at:,} have"):
                refuse_endless_heaps(handle, cool_file, skip)


@pytest.mark.parametrize("size", [2**40, 2**64 - 1])
def test_what_libhdf5_ends_in_an_error_is_left_to_it(cool_file, size):
    data = bytearray(cool_file.read_bytes())
    struct.pack_into("<Q", data, free_spaces(data)[0] + 8, size)
    cool_file.write_bytes(data)
    with h5py.File(cool_file) as handle:
        refuse_endless_heaps(handle, cool_file)


def test_an_attribute_of_an_odd_type(cool_file):
    with h5py.File(cool_file, "r+") as handle:
        del handle.attrs["bin-type"]
        kind = h5py.h5t.vlen_create(h5py.h5t.NATIVE_INT32)
        h5py.h5a.create(handle.id, b"bin-type", kind, h5py.h5s.create(h5py.h5s.SCALAR))
    with pytest.raises(FormatError, match="'bin-type' of / is neither number nor text"):
        read_cool(cool_file)


def as_group(handle):
    del handle["chroms/name"]
    handle.create_group("chroms/name")


def as_type(handle):
    del handle["bins/start"]
    handle["bins/start"] = np.dtype("i4")


def with_long_names(handle):
    del handle["chroms/name"]
    handle["chroms"].create_dataset("name", data=[b"chr1"], dtype="S70000")


def with_filter(handle):
    values = handle["pixels/count"][:]
    del handle["pixels/count"]
    handle["pixels"].create_dataset("count", data=values, scaleoffset=0)


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (as_group, "/chroms/name is a group; expected a column"),
        (as_type, "/bins/start is a datatype; expected a column"),
        (with_long_names, r"/chroms/name is stored as no .* \(70,000 bytes a value\)"),
        (with_filter, r"/pixels/count is stored as no program does it \(scale-offset\)"),
    ],
)
def test_columns_that_are_none(cool_file, edit, match):
    with h5py.File(cool_file, "r+") as handle:
        edit(handle)
    with pytest.raises(FormatError, match=match):
        read_cool(cool_file)


def test_values_of_another_size_than_the_filter_has(cool_file):
    data = bytearray(cool_file.read_bytes())
    name = data.find(b"shuffle\0")  # in the header of the column that was written first: the names
    [size] = struct.unpack_from("<I", data, name + 8)
    assert size == 5  # b"chrUn", the longest
    struct.pack_into("<I", data, name + 8, 6)
    cool_file.write_bytes(data)
    with pytest.raises(FormatError, match=r"/chroms/name is stored .* \(5 or 6 bytes a value\)"):
        read_cool(cool_file)
