"""Splits of a feature file: make one, save it, and take that of a run."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.evaluation.imported_groups import ImportedLinks, read_groups, read_pairs
from dexkit.evaluation.relations import Relations, SketchOptions, relations_of
from dexkit.evaluation.split_file import SplitTable, make_table, read_table
from dexkit.evaluation.splits import GRAPHREG_FOLDS, GROUP_KINDS, SPLIT_KINDS, Split, make_split
from dexkit.features.file import FeatureFile
from dexkit.files import check_output

if TYPE_CHECKING:
    from dexkit.workflows.fit_config import SplitConfig

logger = logging.getLogger("dexkit")

_DEFAULT_FOLDS = 5


@dataclass(frozen=True)
class SplitRequest:
    """Which split to make.

    Parameters
    ----------
    kind : str
        One of :data:`dexkit.evaluation.splits.SPLIT_KINDS`.
    n_folds : int or None
        None: 11 for graphreg, else 5.
    seed : int
        Seed.
    sketch : SketchOptions
        How near-copies are looked for.
    groups, pairs : Path or None
        Related genes of another program, in place of near-copies; one of the two at most.
    min_score : float or None
        Least score of ``pairs``.
    """

    kind: str = "chromosome"
    n_folds: int | None = None
    seed: int = 0
    sketch: SketchOptions = field(default_factory=SketchOptions)
    groups: Path | None = None
    pairs: Path | None = None
    min_score: float | None = None

    def check(self) -> None:
        """Raise ConfigError when options are unknown or contradict each other."""
        if self.kind not in SPLIT_KINDS:
            raise ConfigError(
                f"unknown split {self.kind!r}; {did_you_mean(self.kind, SPLIT_KINDS)}"
            )
        if self.groups is not None and self.pairs is not None:
            raise ConfigError("--groups and --pairs are both given; give one of the two")
        if self.min_score is not None and self.pairs is None:
            raise ConfigError("--min-score compares the scores of --pairs; give a table of pairs")
        imported = self.groups or self.pairs
        if imported is not None and self.kind not in GROUP_KINDS:
            raise ConfigError(
                f"{imported} has no use in a {self.kind} split; give --kind homology or "
                "chromosome-homology"
            )


def make_splits(
    features: FeatureFile, request: SplitRequest, relations: Relations | None = None
) -> SplitTable:
    """Make every fold of a split of all genes of a feature file.

    Parameters
    ----------
    features : FeatureFile
        The file.
    request : SplitRequest
        Which split.
    relations : Relations, optional
        Relations among the genes, where they are known already.

    Returns
    -------
    SplitTable
        The folds.

    Raises
    ------
    ConfigError
        When the request is at fault.
    InputError
        When the file or a table of related genes cannot give what is asked for.
    TrainingError
        When the genes cannot be divided as asked.
    """
    request.check()
    groups, options = None, None
    if request.kind in GROUP_KINDS:
        relations = relations or relations_of(features, request.sketch)
        groups, options = _groups(features, request, relations)
    n_folds = request.n_folds
    if n_folds is None:
        n_folds = GRAPHREG_FOLDS if request.kind == "graphreg" else _DEFAULT_FOLDS
    genes = features.genes
    return make_table(
        genes.gene_id, genes.chrom, request.kind, n_folds, request.seed, groups, options
    )


def save_splits(
    features_path: Path, request: SplitRequest, out: Path, force: bool = False
) -> SplitTable:
    """Make a split and write it into a file; see :func:`make_splits`.

    Parameters
    ----------
    features_path : Path
        Feature file.
    request : SplitRequest
        Which split.
    out : Path
        File to write.
    force : bool, optional
        Whether it may be replaced.

    Returns
    -------
    SplitTable
        What was written.

    Raises
    ------
    OutputError
        When the file exists or cannot be written.
    """
    check_output(out, force)
    table = make_splits(FeatureFile(features_path), request)
    table.write(out, force)
    return table


def splits_of_run(
    features: FeatureFile,
    usable: npt.NDArray[np.bool_],
    config: SplitConfig,
    seed: int,
    n_members: int,
) -> tuple[Split, ...]:
    """Return the split of each member of a run's ensemble.

    Parameters
    ----------
    features : FeatureFile
        The data.
    usable : ndarray of shape (n_genes,), dtype bool
        Genes that have what the run needs.
    config : SplitConfig
        Kind or file, and fold.
    seed : int
        Seed of the run.
    n_members : int
        Networks of the ensemble. With a split file, all of them have its validation part.

    Returns
    -------
    tuple of Split
        All with the same test part.

    Raises
    ------
    InputError
        When a split file is missing, does not fit the genes, or is not the one a resumed run has
        started with.
    ConfigError, TrainingError
        When the genes cannot be divided as asked.
    """
    if config.kind == "file":
        if config.file is None:
            raise ConfigError("split.kind is 'file', but split.file names none; give --split FILE")
        table = read_table(Path(config.file))
        if config.sha256 not in (None, table.sha256):
            raise InputError(
                f"the split file {config.file} has changed since it was named: its SHA-256 is "
                f"{table.sha256}, expected {config.sha256}; put the file back or start a new run"
            )
        table = table.aligned(features.genes.gene_id, str(features.path))
        return (table.split(config.fold, usable),) * n_members
    groups = None
    if config.kind in GROUP_KINDS:
        groups, _ = _groups(features, SplitRequest(kind=config.kind), relations_of(features))
    return tuple(
        make_split(
            [str(chrom) for chrom in features.genes.chrom],
            usable,
            kind=config.kind,
            n_folds=config.folds,
            fold=config.fold,
            seed=seed,
            member=member,
            groups=groups,
        )
        for member in range(n_members)
    )


def split_setting(split: str | None, folds: int | None, fold: int | None) -> dict[str, Any]:
    """Return the ``split`` part of the options of ``fit``.

    Parameters
    ----------
    split : str or None
        Value of ``--split``: a kind, or the path of a split file.
    folds, fold : int or None
        ``--folds`` and ``--fold``.

    Returns
    -------
    dict
        Values of :class:`dexkit.workflows.fit_config.SplitConfig`; None: not given.

    Raises
    ------
    ConfigError
        When ``--folds`` is given beside a file, which has its own.
    InputError
        When the file cannot be read.
    """
    if split is None or split in SPLIT_KINDS or not _is_path(split):
        return {"kind": split, "folds": folds, "fold": fold}
    if folds is not None:
        raise ConfigError(f"the split file {split} has its own folds; leave --folds out")
    table = read_table(Path(split))
    return {
        "kind": "file",
        "file": str(Path(split).absolute()),
        "sha256": table.sha256,
        "folds": table.n_folds,
        "fold": fold,
    }


def _is_path(text: str) -> bool:
    """Whether the value of ``--split`` is a file and not a mistyped kind."""
    return "." in text or "/" in text or Path(text).exists()


def _groups(
    features: FeatureFile, request: SplitRequest, relations: Relations
) -> tuple[npt.NDArray[np.intp], dict[str, Any]]:
    """Return the groups of related genes, and how they were made."""
    imported, options = _imported(features, request)
    if imported is None:
        if relations.copies is None:
            raise InputError(
                f"{features.path} has no sequence to find near-copies in, which the "
                f"{request.kind} split keeps on one side; give --groups or --pairs, or build the "
                "file with sequence"
            )
        options = dataclasses.asdict(request.sketch) | {"near_copies": len(relations.copies)}
    links = None if imported is None else (imported.first, imported.second)
    groups = relations.groups(links)
    _say(relations, groups)
    sizes = np.bincount(groups)
    return groups, options | {
        "bin_size_bp": relations.bin_size_bp,
        "groups": len(sizes),
        "largest_group": int(sizes.max(initial=0)),
    }


def _imported(
    features: FeatureFile, request: SplitRequest
) -> tuple[ImportedLinks | None, dict[str, Any]]:
    gene_ids = [str(gene) for gene in features.genes.gene_id]
    if request.groups is not None:
        path, found = request.groups, read_groups(request.groups, gene_ids)
        options: dict[str, Any] = {"imported_groups": path.name}
    elif request.pairs is not None:
        path, found = request.pairs, read_pairs(request.pairs, gene_ids, request.min_score)
        options = {"imported_pairs": path.name, "min_score": request.min_score}
    else:
        return None, {}
    logger.info(
        "%s: %d links between genes; %d names are no genes of %s",
        path,
        len(found.first),
        found.n_unknown,
        features.path,
    )
    return found, options


def _say(relations: Relations, groups: npt.NDArray[np.intp]) -> None:
    sizes = np.bincount(groups)
    logger.info(
        "%d genes in %d groups of related genes: %d alone, the largest group of %d",
        len(relations.genes),
        len(sizes),
        int((sizes == 1).sum()),
        int(sizes.max(initial=0)),
    )
