"""What a run has read, so that it goes on with nothing else."""

from __future__ import annotations

from typing import Any

from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES, expression_path, observed_path, signal_path
from dexkit.workflows.prepare import Job


def feature_identity(features: FeatureFile, job: Job) -> dict[str, Any]:
    """Return the file's name and the checksums of the arrays that a run reads.

    Parameters
    ----------
    features : FeatureFile
        The file.
    job : Job
        The fit.

    Returns
    -------
    dict
        ``file`` and ``sha256`` by HDF5 path; compared when a run is resumed.
    """
    own = job.rows.samples
    samples = job.quantiles.samples if job.quantiles is not None else own
    paths = [expression_path(sample) for sample in samples]
    if job.target is not job.observed:
        paths += [expression_path(sample, "raw") for sample in own]
    if "sequence" in job.contract.blocks:
        paths.append(CODES)
    if "contacts" in job.contract.blocks:
        paths += [path(sample) for sample in own for path in (signal_path, observed_path)]
    for columns, sample in zip(job.columns, own, strict=True):
        read = columns.only(job.arrays.columns)
        paths += [path for path in read.paths(sample) if path not in paths]
    return {
        "file": features.path.name,
        "sha256": {path: features.sha256(path) for path in paths},
    }
