"""All folds of a split in one table, which a file keeps for any later command.

The file is text: ``# key: value`` lines, a header, and a line a gene (``docs/evaluation.md``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit import __version__
from dexkit.errors import ConfigError, FormatError, InputError
from dexkit.evaluation.folds import in_natural_order
from dexkit.evaluation.split import Split, checked
from dexkit.evaluation.splits import make_split
from dexkit.files import write_whole
from dexkit.io.text import StoredDigest, parse_position, read_lines

#: Words of the part columns; a gene of ``left_out`` is in no part.
PARTS = ("train", "validation", "test", "left_out")

_WHAT = "split file, as `dexkit splits make` writes it"
_FIRST_LINE = "# dexkit split, format 1"
_COLUMNS = ("gene_id", "chrom", "fold", "group")
_NONE = "."


@dataclass(frozen=True)
class SplitTable:
    """Every fold of a split.

    Parameters
    ----------
    kind : str
        One of :data:`dexkit.evaluation.splits.SPLIT_KINDS`.
    n_folds : int
        Number of folds.
    seed : int
        Seed.
    leaky : bool
        Whether related genes may sit on both sides (random genes).
    gene_id, chrom : ndarray of shape (n_genes,), dtype object (str)
        The genes.
    group : ndarray of shape (n_genes,), dtype intp
        Group of related genes; -1 for kinds without groups.
    part : ndarray of shape (n_genes, n_folds), dtype uint8
        Place in :data:`PARTS` of every gene in every fold.
    options : mapping
        How groups were made, for the header.
    file, sha256 : str
        Name and SHA-256 of the file that was read; empty when there is none.
    """

    kind: str
    n_folds: int
    seed: int
    leaky: bool
    gene_id: npt.NDArray[np.object_]
    chrom: npt.NDArray[np.object_]
    group: npt.NDArray[np.intp]
    part: npt.NDArray[np.uint8]
    options: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    sha256: str = ""

    def __len__(self) -> int:
        return len(self.gene_id)

    @property
    def fold(self) -> npt.NDArray[np.int16]:
        """The fold that tests each gene, -1 for one that none tests."""
        tested = self.part == PARTS.index("test")
        return np.where(tested.any(axis=1), tested.argmax(axis=1), -1).astype(np.int16)

    def rows(self, fold: int, part: str) -> npt.NDArray[np.bool_]:
        """Return the mask of the genes of one part of one fold."""
        return np.asarray(self.part[:, fold] == PARTS.index(part))

    def aligned(self, gene_ids: Iterable[str], where: str) -> SplitTable:
        """Return the table in the order of the genes of a feature file.

        Parameters
        ----------
        gene_ids : iterable of str
            Genes of the feature file.
        where : str
            Its name, for messages.

        Returns
        -------
        SplitTable
            The same split.

        Raises
        ------
        InputError
            Unless both have the same genes.
        """
        wanted = [str(gene) for gene in gene_ids]
        row_of = {str(gene): row for row, gene in enumerate(self.gene_id)}
        lacking = [gene for gene in wanted if gene not in row_of]
        extra = sorted(set(row_of) - set(wanted))
        if lacking or extra or len(wanted) != len(row_of):
            found = [
                f"{len(genes):,} of {of} are not in {other} (the first is {genes[0]})"
                for genes, of, other in (
                    (lacking, where, "the split"),
                    (extra, "the split", where),
                )
                if genes
            ]
            raise InputError(
                f"the split file {self.file} does not fit {where}: of the genes "
                f"{' and '.join(found) or 'some occur twice'}; make a split of this file with "
                "dexkit splits make"
            )
        order = np.array([row_of[gene] for gene in wanted], dtype=np.intp)
        return replace(
            self,
            gene_id=self.gene_id[order],
            chrom=self.chrom[order],
            group=self.group[order],
            part=self.part[order],
        )

    def split(self, fold: int, usable: npt.NDArray[np.bool_]) -> Split:
        """Return one fold, restricted to usable genes.

        Parameters
        ----------
        fold : int
            0-based.
        usable : ndarray of shape (n_genes,), dtype bool
            Genes that have what the run needs.

        Returns
        -------
        Split
            Indices into the genes in the order of this table.

        Raises
        ------
        ConfigError
            When there is no such fold.
        TrainingError
            When a part has too few usable genes.
        """
        if not 0 <= fold < self.n_folds:
            raise ConfigError(
                f"fold out of range: got {fold}, expected 0 to {self.n_folds - 1}, the folds of "
                f"{self.file or 'the split'}"
            )
        index = {name: np.flatnonzero(usable & self.rows(fold, name)) for name in PARTS}
        whole = "chromosome" in self.kind or self.kind == "graphreg"

        def chroms(part: str) -> tuple[str, ...]:
            return in_natural_order(set(self.chrom[index[part]])) if whole else ()

        return checked(
            Split(
                **index,
                kind=self.kind,
                n_folds=self.n_folds,
                fold=fold,
                seed=self.seed,
                leaky=self.leaky,
                test_chroms=chroms("test"),
                validation_chroms=chroms("validation"),
                file=self.file,
                sha256=self.sha256,
            )
        )

    def text(self) -> str:
        """Return the content of the file."""
        header = {
            "kind": self.kind,
            "folds": self.n_folds,
            "seed": self.seed,
            "leaky": "yes (paper protocol)" if self.leaky else "no",
            "versions": f"dexkit {__version__}, numpy {np.__version__}",
            "options": json.dumps(dict(self.options)),
            "genes_sha256": genes_sha256(self.gene_id),
        }
        lines = [_FIRST_LINE, *(f"# {key}: {value}" for key, value in header.items())]
        lines.append("\t".join([*_COLUMNS, *(f"part_{i}" for i in range(self.n_folds))]))
        for row, fold in enumerate(self.fold):
            group = _NONE if self.group[row] < 0 else self.group[row]
            parts = (PARTS[part] for part in self.part[row])
            shown = _NONE if fold < 0 else fold
            fields = (self.gene_id[row], self.chrom[row], shown, group, *parts)
            lines.append("\t".join(str(value) for value in fields))
        return "\n".join(lines) + "\n"

    def write(self, path: Path, force: bool = False) -> None:
        """Write the file.

        Raises
        ------
        OutputError
            When it exists and ``force`` is false, or cannot be written.
        """
        write_whole(path, self.text(), force)


def genes_sha256(gene_ids: Iterable[str]) -> str:
    """Return the SHA-256 of the sorted gene ids, one a line: their order does not matter."""
    text = "".join(f"{gene}\n" for gene in sorted(str(gene) for gene in gene_ids))
    return hashlib.sha256(text.encode()).hexdigest()


def make_table(
    gene_ids: npt.NDArray[np.object_],
    chroms: npt.NDArray[np.object_],
    kind: str,
    n_folds: int,
    seed: int,
    groups: npt.NDArray[np.intp] | None = None,
    options: Mapping[str, Any] | None = None,
) -> SplitTable:
    """Make every fold of a split of all genes.

    Parameters
    ----------
    gene_ids, chroms : ndarray of shape (n_genes,), dtype object (str)
        Genes of a feature file and their chromosomes.
    kind, n_folds, seed, groups
        As in :func:`dexkit.evaluation.splits.make_split`.
    options : mapping, optional
        How the groups were made.

    Returns
    -------
    SplitTable
        Each gene is tested by at most one fold.

    Raises
    ------
    ConfigError, InputError, TrainingError
        As :func:`dexkit.evaluation.splits.make_split`.
    """
    n = len(gene_ids)
    names = [str(chrom) for chrom in chroms]
    usable = np.ones(n, dtype=bool)
    columns, leaky = [], False
    for fold in range(max(n_folds, 1)):
        split = make_split(names, usable, kind, n_folds, fold, seed, groups=groups)
        column = np.zeros(n, dtype=np.uint8)
        for number, part in enumerate(PARTS):
            column[getattr(split, part)] = number
        columns.append(column)
        leaky = split.leaky
    return SplitTable(
        kind=kind,
        n_folds=n_folds,
        seed=seed,
        leaky=leaky,
        gene_id=gene_ids,
        chrom=chroms,
        group=np.full(n, -1, dtype=np.intp) if groups is None else groups,
        part=np.stack(columns, axis=1),
        options=options or {},
    )


def read_table(path: Path) -> SplitTable:
    """Read a split file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    SplitTable
        Its content.

    Raises
    ------
    InputError
        When it cannot be read.
    FormatError
        When it is no split file, or was changed so that it contradicts itself.
    """
    digest = StoredDigest()
    lines = read_lines(path, _WHAT, observe=digest.update)
    header, n_lines = _header(path, lines)
    n_folds = len(header["columns"]) - len(_COLUMNS)
    genes: dict[str, list[str]] = {}
    for number, line in lines:
        fields = line.split("\t")
        if len(fields) != len(header["columns"]):
            raise FormatError(
                f"the line has {len(fields)} columns; expected {len(header['columns'])}",
                str(path),
                number,
            )
        wrong = next((part for part in fields[len(_COLUMNS) :] if part not in PARTS), None)
        if wrong is not None:
            raise FormatError(
                f"unknown part {wrong!r}; expected one of {', '.join(PARTS)}", str(path), number
            )
        group = fields[3]
        if group != _NONE and parse_position(group) is None:
            raise FormatError(
                f"the group must be a number or {_NONE!r}; got {group!r}", str(path), number
            )
        if fields[0] in genes:
            raise FormatError(f"gene {fields[0]} occurs twice", str(path), number)
        genes[fields[0]] = fields
    if genes_sha256(genes) != header["genes_sha256"]:
        raise FormatError(
            "the genes are not those of the checksum in its header: lines were lost, added or "
            "changed; make the split again",
            str(path),
        )
    rows = list(genes.values())
    table = SplitTable(
        kind=header["kind"],
        n_folds=n_folds,
        seed=int(header["seed"]),
        leaky=header["leaky"] != "no",
        gene_id=np.array([row[0] for row in rows], dtype=object),
        chrom=np.array([row[1] for row in rows], dtype=object),
        group=np.array([-1 if row[3] == _NONE else int(row[3]) for row in rows], dtype=np.intp),
        part=np.array(
            [[PARTS.index(part) for part in row[len(_COLUMNS) :]] for row in rows], dtype=np.uint8
        ).reshape(len(rows), n_folds),
        options=json.loads(header["options"]),
        file=path.name,
        sha256=digest.record(path).sha256,
    )
    _check_folds(path, table, [row[2] for row in rows], n_lines)
    return table


def _header(path: Path, lines: Iterator[tuple[int, str]]) -> tuple[dict[str, Any], int]:
    """Return the keys and columns, and the number of lines that they take."""
    header: dict[str, Any] = {}
    for number, line in lines:
        if number == 1 and line != _FIRST_LINE:
            raise FormatError(f"no {_WHAT}: it does not begin with {_FIRST_LINE!r}", str(path))
        if line.startswith("#"):
            key, _, value = line.removeprefix("#").strip().partition(": ")
            header[key] = value
            continue
        header["columns"] = line.split("\t")
        break
    wanted = ("kind", "folds", "seed", "leaky", "options", "genes_sha256", "columns")
    lacking = [key for key in wanted if key not in header]
    n_folds = parse_position(header.get("folds", ""))
    if lacking or n_folds is None or parse_position(header["seed"]) is None:
        what = f"no {lacking[0]}" if lacking else "folds or seed that are no numbers"
        raise FormatError(f"its header has {what}; expected a {_WHAT}", str(path))
    columns = [*_COLUMNS, *(f"part_{i}" for i in range(n_folds))]
    if header["columns"] != columns:
        raise FormatError(
            f"its columns are {', '.join(header['columns'])}; expected {', '.join(columns)}",
            str(path),
        )
    try:
        if not isinstance(json.loads(header["options"]), dict):
            raise ValueError
    except ValueError:
        raise FormatError("the options in its header are no JSON object", str(path)) from None
    return header, number


def _check_folds(path: Path, table: SplitTable, folds: list[str], n_before: int) -> None:
    """Raise FormatError unless each gene is tested by the fold that its line names."""
    tests = np.count_nonzero(table.part == PARTS.index("test"), axis=1)
    shown = [_NONE if fold < 0 else str(fold) for fold in table.fold]
    for row, (said, found) in enumerate(zip(folds, shown, strict=True)):
        if said != found or tests[row] > 1:
            raise FormatError(
                f"gene {table.gene_id[row]} stands in fold {said}, but its parts test it in "
                f"{'several folds' if tests[row] > 1 else f'fold {found}'}",
                str(path),
                n_before + row + 1,
            )
