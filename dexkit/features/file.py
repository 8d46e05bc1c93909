"""Read a feature file: small tables in memory, arrays as read-only memory maps."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from dexkit.errors import FormatError, InputError, did_you_mean
from dexkit.features.journal import journal_path, recover
from dexkit.features.schema import (
    CODES,
    DERIVED,
    FORMAT,
    FORMAT_VERSION,
    HISTORY,
    UNFINISHED,
    expression_path,
    observed_path,
    signal_path,
)
from dexkit.genome import GeneTable, Genome
from dexkit.io.hdf5 import refuse_endless_heaps

#: Additions to a file that may be met one after the other while it is opened.
_TRIES = 3
#: What HDF5 and h5py raise on damaged files.
_DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    OverflowError,
    AttributeError,
    MemoryError,
)


class FeatureFile:
    """A feature file, opened for reading.

    The HDF5 library is used once, to read the small tables and the place of each array; the
    arrays are then mapped, so any number of processes share one copy and no lock is held.

    Parameters
    ----------
    path : Path or str
        The file.

    Raises
    ------
    InputError
        When the file does not exist or is a folder; when something is being added to it, or an
        interrupted addition cannot be undone (see :mod:`dexkit.features.journal`).
    FormatError
        When it is not a feature file, is damaged, or is of a newer version.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(
                f"{self.path} is a folder; expected a feature file, as build-features makes it"
                if self.path.is_dir()
                else f"feature file {self.path} does not exist; make it with build-features"
            )
        for _ in range(_TRIES):
            recover(self.path)
            before = _state(self.path)
            try:
                self._read()
                error = None
            except FormatError as problem:
                error = problem
            # What was read while somebody added to the file may be half old, half new.
            if _state(self.path) == before and not journal_path(self.path).exists():
                if error is not None:
                    raise error
                self._state = before
                return
        raise InputError(f"{self.path} changes again and again; wait until that is done")

    def _read(self) -> None:
        """Read tables, attributes and the places of the arrays.

        HDF5 reports damage in many ways; all are one error here.
        """
        try:
            file = h5py.File(self.path, "r")
        except OSError as error:
            raise FormatError(
                "not a feature file: HDF5 cannot open it; expected a file of build-features",
                str(self.path),
            ) from error
        with file:
            try:
                ranges: list[tuple[int, int]] = []
                file.visititems(partial(_note_range, ranges))
                refuse_endless_heaps(file, self.path, ranges)
                self.attrs: Mapping[str, Any] = dict(file.attrs)
                self._check()
                names = _strings(file, "/chroms/name")
                self.genome = Genome(
                    dict(zip(names, (int(n) for n in file["/chroms/length"][()]), strict=True))
                )
                self.genes = _genes(file, "/genes")
                self.left_out = _genes(file, "/left_out")
                self.left_out_reason = _strings(file, "/left_out/reason")
                self._places: dict[str, tuple[int | None, tuple[int, ...], np.dtype[Any]]] = {}
                self._attrs: dict[str, dict[str, Any]] = {}
                file.visititems(self._note)
            except FormatError:
                raise
            except _DAMAGE as error:
                raise FormatError(f"damaged feature file: {error}", str(self.path)) from error

    def _check(self) -> None:
        found = self.attrs.get("format")
        if not isinstance(found, str) or found != FORMAT:
            raise FormatError(
                f"not a feature file: the attribute 'format' is {found!r}, expected {FORMAT!r}",
                str(self.path),
            )
        version = int(self.attrs["format_version"])
        if version > FORMAT_VERSION:
            raise FormatError(
                f"format version {version} is newer than this dexkit reads "
                f"({FORMAT_VERSION}); the file was written by {self.attrs.get('generated_by')}, "
                "install that version or later",
                str(self.path),
            )
        if UNFINISHED in self.attrs:
            raise FormatError(
                "an addition to this file was interrupted, and its journal "
                f"{self.attrs[UNFINISHED]} is not beside it; put the journal there and run again, "
                "or build the file again",
                str(self.path),
            )

    def _note(self, name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            self._attrs[f"/{name}"] = dict(item.attrs)
            if item.dtype.kind in "uif" and item.chunks is None:
                offset = item.id.get_offset()
                size = self.path.stat().st_size
                if offset is not None and offset + item.nbytes > size:
                    raise ValueError(f"/{name} reaches beyond the end of the file")
                self._places[f"/{name}"] = (offset, item.shape, item.dtype)

    # --- content --------------------------------------------------------------------------------

    def is_current(self) -> bool:
        """Whether the file is still the one that was opened, unchanged."""
        return _state(self.path) == self._state

    def __len__(self) -> int:
        return len(self.genes)

    @property
    def config(self) -> dict[str, Any]:
        """The configuration that the file was built with."""
        return dict(json.loads(str(self.attrs["config"])))

    @property
    def provenance(self) -> list[dict[str, Any]]:
        """Name, size and SHA-256 of every input of the build."""
        return list(json.loads(str(self.attrs["provenance"])))

    @property
    def arrays(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and dtype of every mapped array by HDF5 path."""
        return {p: (shape, dtype.name) for p, (_, shape, dtype) in self._places.items()}

    @property
    def history(self) -> list[dict[str, Any]]:
        """What was added to the file, when and by which version; empty when nothing was."""
        return list(json.loads(str(self.attrs.get(HISTORY, "[]"))))

    @property
    def derived(self) -> list[dict[str, Any]]:
        """What the file was derived from, step by step; empty when it was built or imported."""
        return list(json.loads(str(self.attrs.get(DERIVED, "[]"))))

    @property
    def array_ranges(self) -> list[tuple[int, int]]:
        """Where the mapped arrays lie in the file: byte ranges ``[start, end)``."""
        return [
            (offset, offset + math.prod(shape) * dtype.itemsize)
            for offset, shape, dtype in self._places.values()
            if offset is not None
        ]

    @property
    def expression_samples(self) -> list[str]:
        """Samples that have expression."""
        return self._samples("/expression/")

    @property
    def contact_samples(self) -> list[str]:
        """Samples that have contact profiles."""
        return self._samples("/contacts/")

    @property
    def window_bp(self) -> tuple[int, int, int]:
        """Upstream, downstream and margin of the stored promoter window, in bp."""
        attrs = self.array_attrs(CODES)
        return int(attrs["upstream_bp"]), int(attrs["downstream_bp"]), int(attrs["margin_bp"])

    def array(self, path: str) -> npt.NDArray[Any]:
        """Map the array at ``path`` read-only.

        Parameters
        ----------
        path : str
            HDF5 path, such as ``/sequence/codes``.

        Returns
        -------
        ndarray
            A read-only memory map.

        Raises
        ------
        InputError
            When the file has no such array.
        """
        if path not in self._places:
            raise InputError(
                f"{self.path} has no array {path!r}; {did_you_mean(path, self._places)}"
            )
        offset, shape, dtype = self._places[path]
        if offset is None:
            return np.empty(shape, dtype)
        return np.memmap(self.path, dtype=dtype, mode="r", offset=offset, shape=shape)

    def array_attrs(self, path: str) -> dict[str, Any]:
        """Return the attributes of the data set at ``path`` (empty when there is none)."""
        return self._attrs.get(path, {})

    def sha256(self, path: str) -> str:
        """Return the checksum of the data set at ``path``; empty when none is stored."""
        return str(self.array_attrs(path).get("sha256", ""))

    def has(self, path: str) -> bool:
        """Whether the file has a mapped array at ``path``."""
        return path in self._places

    def expression(self, sample: str) -> npt.NDArray[np.float64]:
        """Return log10(raw + pseudocount) of a sample, NaN where not measured.

        Raises
        ------
        InputError
            When the file has no expression of this sample.
        """
        self._known(sample, self.expression_samples, "expression")
        return np.asarray(self.array(expression_path(sample)), dtype=np.float64)

    def contacts(self, sample: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Return contact signal and observed mask of a sample, both (n_genes, n_bins).

        Raises
        ------
        InputError
            When the file has no contacts of this sample.
        """
        self._known(sample, self.contact_samples, "contacts")
        return self.array(signal_path(sample)), self.array(observed_path(sample))

    def _samples(self, prefix: str) -> list[str]:
        found = (p[len(prefix) :].split("/")[0] for p in self._places if p.startswith(prefix))
        return list(dict.fromkeys(found))

    def _known(self, sample: str, known: list[str], what: str) -> None:
        if sample not in known:
            raise InputError(
                f"{self.path} has no {what} of sample {sample!r}; {did_you_mean(sample, known)}"
            )


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _note_range(ranges: list[tuple[int, int]], name: str, item: object) -> None:
    """Take down the bytes of an array of numbers; its strings stay unread."""
    if isinstance(item, h5py.Dataset) and item.dtype.kind in "uif" and item.chunks is None:
        offset = item.id.get_offset()
        if offset is not None:
            ranges.append((offset, offset + item.nbytes))


def _strings(file: h5py.File, path: str) -> list[str]:
    return [str(s) for s in file[path].asstr()[()]]


def _genes(file: h5py.File, group: str) -> GeneTable:
    def column(name: str) -> npt.NDArray[np.object_]:
        return np.array(_strings(file, f"{group}/{name}"), dtype=object)

    return GeneTable(
        gene_id=column("gene_id"),
        gene_name=column("gene_name"),
        chrom=column("chrom"),
        tss=np.asarray(file[f"{group}/tss"][()], dtype=np.int64),
        strand=column("strand"),
    )
