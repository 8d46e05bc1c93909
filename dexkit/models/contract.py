"""What a model expects of a feature file, and the arrays it takes from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES, signal_path
from dexkit.hooks import BLOCK_VERSION
from dexkit.models.columns import Columns
from dexkit.models.normaliser import ProfileNormaliser

#: Attributes of a contact signal that a model depends on.
_CONTACT_ATTRS = ("bin_size_bp", "n_flank_bins", "flip_minus", "keep_self", "normalisation")


#: Attributes of the base codes that a model depends on.
_SEQUENCE_ATTRS = ("alphabet", "orientation")


@dataclass(frozen=True)
class Contract:
    """Shape and meaning of a model's inputs.

    Parameters
    ----------
    blocks : tuple of str
        Blocks that the model reads.
    upstream_bp, downstream_bp : int
        Promoter window, 0 when the model reads no sequence.
    n_bins : int
        Bins of a contact profile, 0 when the model reads no contacts.
    contacts : dict
        Attributes of the contact signal that must agree.
    target_depth : float
        Depth that the contacts of the training sample were scaled to; 0 without contacts, or where
        nothing was scaled to a depth.
    sequence : dict
        Attributes of the base codes that must agree; None without sequence, and in bundles that
        were written before these were kept, which agree with any.
    kinds : tuple of str
        What the contacts of the training sample were counted from, sorted: ``"pairs"``,
        ``"matrix"``, ``"loops"``. None without contacts, in bundles that were written before this
        was kept, and for published arrays, which do not say it; None agrees with any.
    balance : str
        Weights of a matrix (``"NONE"`` for raw counts); None as for ``kinds``.
    versions : dict
        Version of each of the blocks that made the arrays; 1 where an array or a bundle says none.
    columns : Columns
        What the model, a baseline, reads beside the blocks.
    """

    blocks: tuple[str, ...]
    upstream_bp: int = 0
    downstream_bp: int = 0
    n_bins: int = 0
    contacts: dict[str, Any] | None = None
    target_depth: float = 0
    sequence: dict[str, Any] | None = None
    columns: Columns = field(default_factory=Columns)
    kinds: tuple[str, ...] | None = None
    balance: str | None = None
    versions: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        features: FeatureFile,
        sample: str,
        blocks: tuple[str, ...],
        columns: Columns | None = None,
    ) -> Contract:
        """Read the contract off a feature file.

        Parameters
        ----------
        features : FeatureFile
            The file.
        sample : str
            Sample whose contacts are read.
        blocks : tuple of str
            Blocks that the model reads.
        columns : Columns, optional
            What it reads beside them; nothing by default.

        Returns
        -------
        Contract
            What other files are compared with.

        Raises
        ------
        InputError
            When the file lacks one of the blocks for this sample.
        """
        versions: dict[str, int] = {}
        values: dict[str, Any] = {"blocks": blocks, "columns": columns or Columns()}
        if "sequence" in blocks:
            if not features.has(CODES):
                raise InputError(f"{features.path} has no block 'sequence' ({CODES})")
            up, down, _ = features.window_bp
            values |= {"upstream_bp": up, "downstream_bp": down}
            attrs = features.array_attrs(CODES)
            values["sequence"] = {name: _plain(attrs.get(name)) for name in _SEQUENCE_ATTRS}
            versions["sequence"] = int(attrs.get(BLOCK_VERSION, 1))
        if "contacts" in blocks:
            signal, _ = features.contacts(sample)
            attrs = features.array_attrs(signal_path(sample))
            values |= {
                "n_bins": signal.shape[1],
                "contacts": {name: _plain(attrs[name]) for name in _CONTACT_ATTRS},
                "target_depth": _plain(attrs.get("target_depth", 0)),
            }
            versions["contacts"] = int(attrs.get(BLOCK_VERSION, 1))
            if "kind" in attrs:
                values["kinds"] = tuple(sorted({str(kind) for kind in attrs["kind"]}))
                values["balance"] = str(attrs.get("balance", "NONE"))
        return cls(**values, versions=versions)

    def check(self, features: FeatureFile, sample: str) -> list[str]:
        """Compare with another feature file.

        Returns
        -------
        list of str
            Differences that do not forbid the use but should be said aloud.

        Raises
        ------
        InputError
            When the file's windows or bins are not those the model was trained on, or one has
            scores of loops where the other has counts.
        """
        self.columns.check(features, sample)
        other = Contract.of(features, sample, self.blocks)
        for block, version in other.versions.items():
            trained_with = self.versions.get(block, 1)
            if version != trained_with:
                raise InputError(
                    f"{features.path}: the block {block!r} is of version {version}, but the model "
                    f"was trained with version {trained_with}, whose numbers mean something else; "
                    "build the feature file with the version of the plugin that made the training "
                    "file, or fit the model again"
                )
        for name in ("upstream_bp", "downstream_bp", "sequence", "n_bins", "contacts"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs and not (name == "sequence" and mine is None):
                raise InputError(
                    f"{features.path}: {name} is {theirs}, but the model was trained with {mine}; "
                    "build the feature file with the options of the training file"
                )
        notes = self._origin_notes(other, str(features.path))
        if self.target_depth != other.target_depth:
            mine, theirs = (
                f"to {depth:,.15g} pairs" if depth else "to no stated depth"
                for depth in (self.target_depth, other.target_depth)
            )
            advice = "build both with one contacts.target_depth"
            if self.target_depth:
                advice = f"rebuild with contacts.target_depth={self.target_depth:.15g}"
            notes.append(
                f"contacts are scaled {theirs}, the training sample's {mine}; {advice} to put both "
                "on one scale"
            )
        return notes

    def _origin_notes(self, other: Contract, path: str) -> list[str]:
        """Compare what contacts were counted from; raise InputError for counts against loops."""
        if self.kinds is None or other.kinds is None:
            return []
        mine, theirs = (" and ".join(kinds) for kinds in (self.kinds, other.kinds))
        if mine != theirs and "loops" in {*self.kinds, *other.kinds}:
            raise InputError(
                f"{path}: the contacts were read from {theirs}, but the model was trained on "
                f"{mine}; counts of read pairs and scores of called loops are no one scale; build "
                "the feature file from contact files of the same kind, or train on such ones"
            )
        if self.balance != other.balance:
            here, there = (
                "not balanced" if value == "NONE" else f"balanced by {value}"
                for value in (self.balance, other.balance)
            )
            return [
                f"contacts are {there}, the training sample's {here}; build both with one "
                "--balance to put them on one scale"
            ]
        if mine != theirs:
            return [
                f"contacts were read from {theirs}, the training sample's from {mine}; they are on "
                "one scale when the matrix holds every valid pair"
            ]
        return []

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        kinds = None if self.kinds is None else list(self.kinds)
        plain = {"blocks": list(self.blocks), "columns": self.columns.to_json(), "kinds": kinds}
        return values | plain

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Contract:
        """Rebuild from :meth:`to_json`."""
        # Older bundles have neither.
        stored, kinds = values.get("columns"), values.get("kinds")
        given = {
            "blocks": tuple(values["blocks"]),
            "columns": Columns.from_json(stored) if stored else Columns(),
            "kinds": None if kinds is None else tuple(kinds),
        }
        return cls(**(values | given))


@dataclass(frozen=True)
class BlockArrays:
    """The arrays of all rows, ready for batches: row by row a gene in a sample.

    Parameters
    ----------
    codes : ndarray of shape (n_genes, length_bp + 2 * margin_bp), dtype uint8, or None
        Base codes with margins (a read-only memory map). They are the same in every sample: row
        ``i`` has those of gene ``i % n_genes``.
    margin_bp : int
        Margin at both ends of ``codes``.
    contacts : ndarray of shape (n_samples * n_genes, n_bins), dtype float32, or None
        Standardised profiles, sample by sample.
    columns : mapping of str to ndarray of shape (n_samples * n_genes, n_columns), dtype float64
        What baselines read beside them, see :meth:`dexkit.models.columns.Columns.read`.
    stranded : bool
        Whether the profiles run in the direction of the gene, as the base codes do: the reverse
        complement of a gene then has its profile mirrored. Otherwise they run along the chromosome.
    """

    codes: npt.NDArray[np.uint8] | None
    margin_bp: int
    contacts: npt.NDArray[np.float32] | None
    columns: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    stranded: bool = False

    @classmethod
    def read(
        cls,
        features: FeatureFile,
        samples: str | Sequence[str],
        contract: Contract,
        normaliser: ProfileNormaliser | None,
        columns: Sequence[Columns] | None = None,
    ) -> BlockArrays:
        """Take the contract's blocks out of a feature file, for one sample or several.

        Parameters
        ----------
        features : FeatureFile
            The file.
        samples : str or sequence of str
            Samples whose contacts are read.
        contract : Contract
            What the model reads.
        normaliser : ProfileNormaliser or None
            Of the contacts; None leaves them out.
        columns : sequence of Columns, optional
            What baselines read, by sample; by default what the contract says.

        Returns
        -------
        BlockArrays
            Arrays of all rows.
        """
        names = [samples] if isinstance(samples, str) else samples
        codes, margin = None, 0
        if "sequence" in contract.blocks:
            codes = features.array(CODES)
            margin = features.window_bp[2]
        contacts = None
        if normaliser is not None:
            parts = [normaliser.apply(*features.contacts(name)) for name in names]
            contacts = parts[0] if len(parts) == 1 else np.concatenate(parts)
        wanted = [contract.columns] * len(names) if columns is None else columns
        read = [one.read(features, name) for one, name in zip(wanted, names, strict=True)]
        shared = {key: np.concatenate([one[key] for one in read]) for key in read[0]}
        stranded = bool((contract.contacts or {}).get("flip_minus", False))
        return cls(codes, margin, contacts, shared, stranded)

    def plain(self, index: npt.NDArray[np.intp]) -> dict[str, npt.NDArray[Any]]:
        """Return unshifted arrays of some rows by block, as baselines and prediction use them."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        if self.codes is not None:
            stop = self.codes.shape[1] - self.margin_bp
            genes = index % len(self.codes)
            arrays["sequence"] = np.ascontiguousarray(self.codes[genes, self.margin_bp : stop])
        if self.contacts is not None:
            arrays["contacts"] = self.contacts[index]
        return arrays

    def for_baseline(
        self, index: npt.NDArray[np.intp], wanted: Sequence[str]
    ) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays of some rows that a baseline can use.

        Parameters
        ----------
        index : ndarray of shape (n,), dtype intp
            Rows; with one sample those of the feature file.
        wanted : sequence of str
            Blocks of the baseline's entry: fit and predict get the same ones.

        Returns
        -------
        dict of str to ndarray
            Blocks; where there is none, ``genes`` stands in to tell their number.
        """
        columns = {name: values[index] for name, values in self.columns.items()}
        found = self.plain(index) | columns
        arrays = {name: values for name, values in found.items() if name in wanted}
        return arrays or {"genes": index}


def _plain(value: Any) -> Any:
    """Return an HDF5 attribute as a JSON-able value."""
    return value.item() if isinstance(value, np.generic) else value
