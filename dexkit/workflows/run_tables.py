"""The tables of genes that a fit writes into its run folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.features.file import FeatureFile
from dexkit.models.bundle import Prediction
from dexkit.workflows.prepare import Job
from dexkit.workflows.run_folder import RunFolder


def predictable(features: FeatureFile, job: Job) -> npt.NDArray[np.intp]:
    """Return the genes that have inputs, measured or not.

    Parameters
    ----------
    features : FeatureFile
        The data.
    job : Job
        The fit.

    Returns
    -------
    ndarray of shape (n_predictable,), dtype intp
        Rows of the feature file, ascending.
    """
    left_out = [rows for rows in job.left_out.values()]
    gone = np.concatenate(left_out) if left_out else np.empty(0, dtype=np.intp)
    return np.setdiff1d(np.arange(len(features)), gone)


def write_left_out(folder: RunFolder, features: FeatureFile, job: Job) -> None:
    """Write ``left_out.tsv``: genes that are not scored or not predicted, and why.

    Parameters
    ----------
    folder : RunFolder
        Where to.
    features : FeatureFile
        The data.
    job : Job
        The fit.
    """
    unmeasured = np.flatnonzero(~np.isfinite(job.observed))
    reasons = {f"no expression of {job.sample} (predicted, not scored)": unmeasured}
    rows = [
        (features.genes.gene_id[i], features.genes.gene_name[i], reason)
        for reason, index in (reasons | job.left_out).items()
        for i in index
    ]
    folder.write_table("left_out.tsv", ("gene_id", "gene_name", "reason"), rows)


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
    rows : ndarray of shape (n_predicted,), dtype intp
        Rows of the feature file that were predicted.
    prediction : Prediction
        Of the model, for these rows.
    beside : dict of str to ndarray of shape (n_predicted,), dtype float64
        Predictions of what stands beside the model.

    Returns
    -------
    DataFrame
        One row a gene.
    """
    import pandas as pd

    observed = job.observed[rows]
    if job.head.task == "classification":
        measured = np.isfinite(observed)
        labels = job.head.encode_target(np.where(measured, job.target[rows], 0.0), job.state)
        observed = np.where(measured, labels, np.nan)
    genes = features.genes.take(rows)
    columns: dict[str, Any] = {
        "gene_id": genes.gene_id,
        "gene_name": genes.gene_name,
        "chrom": genes.chrom,
        "tss": genes.tss,
        "strand": genes.strand,
        "part": job.parts[rows],
        "observed": observed,
        "predicted": prediction.mean,
        "predicted_sd": np.nan if prediction.sd is None else prediction.sd,
    }
    columns |= {f"baseline:{name}": values for name, values in beside.items()}
    return pd.DataFrame(columns)
