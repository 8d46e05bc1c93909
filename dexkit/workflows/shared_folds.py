"""The folds that all variants of all models of an experiment share, as a split file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.split_file import PARTS, SplitTable, read_table
from dexkit.features.file import FeatureFile
from dexkit.files import disk_errors
from dexkit.workflows.entrants import Entrant
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.splits import splits_of_run

_CONTACTS = "contacts"


@dataclass(frozen=True)
class SharedFolds:
    """The split file of one sample.

    Parameters
    ----------
    path : Path
        The file.
    sha256 : str
        Its digest: a fit refuses another one.
    n_folds : int
        Folds in it.
    """

    path: Path
    sha256: str
    n_folds: int

    def applied(self, config: FitConfig, fold: int) -> FitConfig:
        """Return the options of one fold.

        The file alone says which genes take part: a shorter profile may leave a gene without a
        measured bin, and it still is to be predicted.
        """
        split = config.split.model_copy(
            update={
                "kind": "file",
                "file": str(self.path.absolute()),
                "sha256": self.sha256,
                "folds": self.n_folds,
                "fold": fold,
            }
        )
        return config.model_copy(update={"split": split, "unobserved": "keep"})


def shared_folds(folder: Path, features: FeatureFile, model: Entrant) -> SharedFolds:
    """Write the folds of the genes that a whole model can use, unless they are there.

    A variant without contacts could use genes whose contacts were not measured; it would then be
    trained and tested on other genes than the whole model.

    Parameters
    ----------
    folder : Path
        Where the split file of each sample lies; made when it is not there.
    features : FeatureFile
        The data.
    model : Entrant
        Any model of the sample: all have the same split.

    Returns
    -------
    SharedFolds
        The split file.
    """
    path = folder / f"{model.subject.sample}.tsv"
    if not path.is_file():
        with disk_errors(path):
            folder.mkdir(exist_ok=True)
        _table(features, model).write(path)
    table = read_table(path)
    return SharedFolds(path, table.sha256, table.n_folds)


def _table(features: FeatureFile, model: Entrant) -> SplitTable:
    """Divide the genes as a fit of each fold would; the others are in no part."""
    config, sample = model.config, model.subject.sample
    usable = np.isfinite(features.expression(sample))
    if _CONTACTS in model.job.contract.blocks and config.unobserved == "drop":
        usable &= np.asarray(features.contacts(sample)[1].any(axis=1))
    n_folds = config.split.folds
    part: npt.NDArray[np.uint8] = np.full((len(features), n_folds), PARTS.index("left_out"), "u1")
    split = model.job.splits[0]
    for fold in range(n_folds):
        wanted = config.split.model_copy(update={"fold": fold})
        split = splits_of_run(features, usable, wanted, config.train.seed, 1)[0]
        for number, name in enumerate(PARTS):
            part[getattr(split, name), fold] = number
    return SplitTable(
        kind=split.kind,
        n_folds=n_folds,
        seed=split.seed,
        leaky=split.leaky,
        gene_id=features.genes.gene_id,
        chrom=features.genes.chrom,
        group=np.full(len(features), -1, dtype=np.intp),
        part=part,
        options={"sample": sample, "usable_genes": int(usable.sum())},
    )
