"""Records around blocks: what a block may look at, the arrays it plans, its entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError
from dexkit.genome import GeneTable, Genome
from dexkit.hooks.base import PluginConfig, resolve

#: Attribute of an array with the version of the block that made it; without it the version is 1.
BLOCK_VERSION = "block_version"


@dataclass(frozen=True)
class SampleInput:
    """What the user gave for one sample.

    Parameters
    ----------
    name : str
        Sample name (``K562``, ``mESC``).
    contacts : tuple of Path
        Contact files, one a replicate; empty when the sample has none. ``-`` is the standard
        input, and ``file.mcool::/resolutions/5000`` one resolution of a file:
        :func:`dexkit.io.contacts.stored_file` tells the file on disk.
    depths : tuple of float
        Valid pairs of each replicate as the user gave them; empty when they are to be read from
        the files.
    """

    name: str
    contacts: tuple[Path, ...] = ()
    depths: tuple[float, ...] = ()


def _pass_over(path: Path, records: Iterable[Any]) -> None:
    """Take no note: the provenance of a context that no build made goes nowhere."""


@dataclass(frozen=True)
class BuildContext:
    """What a block may look at while a feature file is built or added to.

    Parameters
    ----------
    genes : GeneTable
        The kept genes, in file order.
    genome : Genome
        Chromosome names and lengths.
    fasta_path : Path or None
        The FASTA; None when blocks are added to a file without naming one. Read it as
        ``context.fasta``.
    samples : tuple of SampleInput
        Samples in the order given; in an addition only the new ones.
    upstream_bp, downstream_bp, margin_bp : int
        Promoter window, and the extra bases stored at both ends for shift augmentation.
    n_threads : int
        Threads that kernels may use, and files that may be read at a time.
    chrom_alias : mapping of str to str
        Names used in other inputs to names used in the FASTA (``{"1": "chr1"}``); empty when
        they agree.
    progress : callable
        ``progress(description, total, unit=…)`` returns a context manager whose value is called
        with the number of finished units, from any thread; see :mod:`dexkit.progress`.
    max_memory_bytes : int or None
        What the whole process may take; None leaves it open. :mod:`dexkit.memory` tells how much
        of it is left. A block that cannot keep to it raises before it starts.
    scratch : Path or None
        Folder for temporary files: that of the feature file, where there is room for much. None
        stands for the system's.
    note_inputs : callable
        ``note_inputs(path, records)`` says which files were read for one of ``samples``'
        ``contacts``, each record with ``name``, ``size_bytes`` and ``sha256``, so that nobody has
        to read them again for the provenance.
    codes : callable or None
        In an addition, the base codes that the file stores: ``codes(start, stop, margin_bp)``
        returns those of the genes ``[start, stop)``, uint8 of shape (stop - start, upstream_bp +
        downstream_bp + 2 * margin_bp), as ``/sequence/codes`` has them (strand-oriented; A C G T
        = 0 1 2 3, anything else 4), for ``margin_bp`` up to the stored margin. None in a build:
        read the FASTA.
    """

    genes: GeneTable
    genome: Genome
    fasta_path: Path | None
    samples: tuple[SampleInput, ...]
    upstream_bp: int
    downstream_bp: int
    margin_bp: int
    n_threads: int
    chrom_alias: Mapping[str, str]
    progress: Callable[..., Any]
    max_memory_bytes: int | None = None
    scratch: Path | None = None
    note_inputs: Callable[[Path, Iterable[Any]], None] = _pass_over
    codes: Callable[[int, int, int], npt.NDArray[np.uint8]] | None = None

    @property
    def fasta(self) -> Path:
        """The FASTA.

        Raises
        ------
        InputError
            When blocks are added to a feature file without naming its FASTA.
        """
        if self.fasta_path is None:
            raise InputError(
                "the block reads the FASTA, and the feature file holds only promoter windows; "
                "give the FASTA that the file was built from with --fasta"
            )
        return self.fasta_path


@dataclass(frozen=True)
class ArrayPlan:
    """One array of the feature file, declared before anything is computed.

    The writer lays all planned arrays out, checks that the disk can hold them, and then calls
    ``fill`` with a writable memory map of each, a bounded piece at a time.

    Parameters
    ----------
    path : str
        HDF5 path, for example ``/contacts/K562/signal``.
    shape : tuple of int
        First axis is genes.
    dtype : str
        NumPy dtype name.
    fill : callable
        ``fill(out, start)`` writes every element of ``out``, which is the rows
        ``[start, start + len(out))`` of the array. It is called for consecutive pieces, from the
        first row to the last; an array without rows is one empty piece. May return a mapping of
        attributes that are known only afterwards (depths, counts); those of the last call are
        stored on the dataset.
    attrs : mapping
        HDF5 attributes of the dataset.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    fill: Callable[[npt.NDArray[Any], int], Mapping[str, Any] | None]
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BlockEntry:
    """A block that ``build-features`` can compute.

    Parameters
    ----------
    name : str
        Block name, as in ``--blocks``.
    config : type of PluginConfig
        Options of the block.
    factory : str
        ``"module:function"``; ``function(config, context)`` returns the planned arrays.
    summary : str
        One line for ``plugins list``.
    default : bool
        Whether the block is built without being asked for (when its inputs are there).
    version : int
        Raised when the same inputs and options give other numbers than before. Arrays of a version
        above 1 say so in their attribute ``block_version``, and a model that was trained on one
        version is not used with another.
    """

    name: str
    config: type[PluginConfig]
    factory: str
    summary: str = ""
    default: bool = False
    version: int = 1

    def plan(self, config: PluginConfig, context: BuildContext) -> Iterable[ArrayPlan]:
        """Return the arrays of this block, with its version where that is above 1."""
        plans: Iterable[ArrayPlan] = resolve(self.factory)(config, context)
        if self.version == 1:
            return plans
        stated = {BLOCK_VERSION: self.version}
        return [replace(plan, attrs={**plan.attrs, **stated}) for plan in plans]
