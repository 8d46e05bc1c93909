"""What a fit says and writes about its rows: the tables of the run folder."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.features.file import FeatureFile
from dexkit.models.bundle import Prediction
from dexkit.workflows.prepare import Job
from dexkit.workflows.run_folder import RunFolder

logger = logging.getLogger("dexkit")


def predictable(job: Job) -> npt.NDArray[np.intp]:
    """Return the rows that have inputs, measured or not."""
    left_out = [rows for rows in job.left_out.values()]
    gone = np.concatenate(left_out) if left_out else np.empty(0, dtype=np.intp)
    return np.setdiff1d(np.arange(len(job.rows)), gone)


def say_what_is_used(features: FeatureFile, job: Job, n_predicted: int) -> None:
    """Log how many genes each part has, and what a reader of the scores must know.

    Parameters
    ----------
    features : FeatureFile
        The data.
    job : Job
        The fit.
    n_predicted : int
        Rows that have inputs.
    """
    split = job.splits[0]
    n_without_inputs = len(job.rows) - n_predicted
    n_unscored = int((job.parts == "unmeasured").sum()) - n_without_inputs
    several = len(job.rows.samples) > 1
    unit = f"genes x {len(job.rows.samples)} samples" if several else "genes"
    logger.info(
        "sample %s, blocks %s: %d training, %d validation and %d test %s (%s); of %d %s in "
        "the file %d are predicted but not scored (no expression), %d left out (left_out.tsv)",
        job.sample,
        "+".join(job.contract.blocks),
        len(split.train),
        len(split.validation),
        len(split.test),
        "rows, a gene in a sample each" if several else "genes",
        f"test chromosomes {', '.join(split.test_chroms)}" if split.test_chroms else split.kind,
        len(features),
        unit,
        n_unscored,
        n_without_inputs,
    )
    if several:
        _say_by_sample(job)
    if job.quantiles is not None:
        logger.info("expression of %s: %s", job.sample, job.quantiles.describe())
    if split.leaky:
        logger.warning("random split: %s", split.describe()["note"])
    if "contacts" in job.contract.blocks:
        _say_dark(features, job)


def _say_by_sample(job: Job) -> None:
    """Log the rows of each sample, and what is masked in it."""
    for number, sample in enumerate(job.rows.samples):
        own = job.rows.of_sample(number, np.arange(len(job.rows)))
        counts = {part: int((job.parts[own] == part).sum()) for part in ("train", "validation")}
        logger.info(
            "sample %s: %d training, %d validation and %d test genes; %d without expression take "
            "no part in the loss",
            sample,
            counts["train"],
            counts["validation"],
            int((job.parts[own] == "test").sum()),
            int((~np.isfinite(job.observed[own])).sum()),
        )


def _say_dark(features: FeatureFile, job: Job) -> None:
    """Warn of rows whose contacts were not measured."""
    seen = [
        number * job.rows.n_genes
        + np.flatnonzero(np.asarray(features.contacts(sample)[1]).any(axis=1))
        for number, sample in enumerate(job.rows.samples)
    ]
    test = job.splits[0].test
    n_dark = len(np.setdiff1d(job.development, np.concatenate(seen)))
    n_dark_test = len(np.setdiff1d(test, np.concatenate(seen)))
    if n_dark or n_dark_test:
        logger.warning(
            "contacts were not measured for %d of %d training and %d of %d test genes; there "
            "the profile is the training mean, and the score is that of the sequence",
            n_dark,
            len(job.development),
            n_dark_test,
            len(test),
        )


def write_left_out(folder: RunFolder, features: FeatureFile, job: Job) -> None:
    """Write ``left_out.tsv``: which gene, with several samples in which of them, and why."""
    rows = job.rows
    reasons: dict[str, npt.NDArray[np.intp]] = {}
    unmeasured = np.flatnonzero(~np.isfinite(job.observed))
    for number, sample in enumerate(rows.samples):
        own = rows.of_sample(number, unmeasured)
        reasons[f"no expression of {sample} (predicted, not scored)"] = own
    several = len(rows.samples) > 1
    lines = []
    for reason, index in (reasons | job.left_out).items():
        genes, samples = features.genes.take(rows.genes(index)), rows.sample_names(index)
        for i in range(len(index)):
            between = (samples[i],) if several else ()
            lines.append((genes.gene_id[i], genes.gene_name[i], *between, reason))
    header = ("gene_id", "gene_name", *(("sample",) if several else ()), "reason")
    folder.write_table("left_out.tsv", header, lines)


def prediction_table(
    features: FeatureFile,
    job: Job,
    rows: npt.NDArray[np.intp],
    prediction: Prediction,
    beside: dict[str, npt.NDArray[np.float64]],
) -> Any:
    """Return the predictions as a DataFrame with the columns of ``predictions.tsv``.

    Parameters
    ----------
    features : FeatureFile
        The data.
    job : Job
        The fit.
    rows : ndarray of shape (n,), dtype intp
        Rows that were predicted.
    prediction : Prediction
        Of the model.
    beside : dict of str to ndarray of shape (n,)
        Predictions of the baselines.

    Returns
    -------
    DataFrame
        One row each; with several samples in a column ``sample`` to which it belongs.
    """
    import pandas as pd

    observed = job.observed[rows]
    if job.head.task == "classification":
        measured = np.isfinite(observed)
        labels = job.head.encode_target(np.where(measured, job.target[rows], 0.0), job.state)
        observed = np.where(measured, labels, np.nan)
    genes = features.genes.take(job.rows.genes(rows))
    columns: dict[str, Any] = {
        "gene_id": genes.gene_id,
        "gene_name": genes.gene_name,
        "chrom": genes.chrom,
        "tss": genes.tss,
        "strand": genes.strand,
    }
    if len(job.rows.samples) > 1:
        columns["sample"] = job.rows.sample_names(rows)
    columns |= {
        "part": job.parts[rows],
        "observed": observed,
        "predicted": prediction.mean,
        "predicted_sd": np.nan if prediction.sd is None else prediction.sd,
    }
    columns |= {f"baseline:{name}": values for name, values in beside.items()}
    return pd.DataFrame(columns)
