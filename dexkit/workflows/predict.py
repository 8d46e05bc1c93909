"""Predict with a saved model on any feature file that fits it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dexkit.errors import InputError, did_you_mean
from dexkit.features.file import FeatureFile
from dexkit.files import check_output, write_whole
from dexkit.models.bundle import Predictor

logger = logging.getLogger("dexkit")


@dataclass(frozen=True)
class PredictSummary:
    """What a prediction did: the table, its genes, and how many the model had been trained on."""

    path: Path
    n_genes: int
    n_seen: int


def predict(
    run: Path, features_path: Path, out: Path, sample: str | None = None, force: bool = False
) -> PredictSummary:
    """Predict every gene of a feature file with the model of a run.

    Parameters
    ----------
    run : Path
        Run folder of a finished fit.
    features_path : Path
        Feature file; its windows and bins must be those of the training file.
    out : Path
        Table to write: gene_id, gene_name, chrom, tss (0-based), strand, seen_in_training
        (yes or no), predicted, predicted_sd.
    sample : str, optional
        Sample whose contacts are read, also one that the model never saw; the training sample by
        default. A model of several samples needs it, unless it reads no contacts and has one
        output for all of them.
    force : bool, optional
        Whether an existing table may be replaced.

    Returns
    -------
    PredictSummary
        Counts.

    Raises
    ------
    InputError
        When the run or the file cannot be used, or do not fit each other.
    OutputError
        When the table exists or cannot be written.
    """
    check_output(out, force)
    predictor = Predictor(run)
    bundle = predictor.bundle
    features = FeatureFile(features_path)
    chosen = sample or bundle.samples[0]
    if sample is None and len(bundle.samples) > 1:
        if "contacts" in bundle.contract.blocks or predictor.output_samples:
            raise InputError(
                f"{run} is a model of the samples {', '.join(bundle.samples)}; choose with "
                "--sample whose expression is predicted"
            )
    elif sample is not None and sample not in bundle.samples and not predictor.output_samples:
        logger.info("sample %s is new to the model, which was trained on %s", sample, bundle.sample)
    if "contacts" in bundle.contract.blocks:
        known = features.contact_samples
        if chosen not in known:
            raise InputError(
                f"{features_path} has no contacts of sample {chosen!r}, which the model needs; "
                f"choose one with --sample; {did_you_mean(chosen, known)}"
            )
        n_dark = int((~features.contacts(chosen)[1].any(axis=1)).sum())
        if n_dark:
            logger.warning(
                "%d of %d genes lie where no contacts of %s were measured; for them the profile "
                "is the training mean",
                n_dark,
                len(features),
                chosen,
            )
    elif sample is not None and sample not in features.expression_samples:
        # Without contacts the sample changes nothing, but a misspelt one is still a mistake.
        raise InputError(
            f"{features_path} has no sample {sample!r}; "
            f"{did_you_mean(sample, features.expression_samples)}"
        )
    for note in bundle.contract.check(features, chosen):
        logger.warning("%s", note)
    if bundle.quantiles is not None:
        logger.warning("predictions are of expression %s", bundle.quantiles.describe())
    prediction = predictor.predict(features, chosen)
    seen = set(bundle.train_genes)
    sd = prediction.sd if prediction.sd is not None else np.full(len(features), np.nan)
    lines = ["gene_id\tgene_name\tchrom\ttss\tstrand\tseen_in_training\tpredicted\tpredicted_sd"]
    for i, gene in enumerate(features.genes):
        spread = "" if np.isnan(sd[i]) else f"{sd[i]:.8g}"
        lines.append(
            f"{gene.gene_id}\t{gene.gene_name}\t{gene.chrom}\t{gene.tss}\t{gene.strand}\t"
            f"{'yes' if gene.gene_id in seen else 'no'}\t{prediction.mean[i]:.8g}\t{spread}"
        )
    write_whole(out, "\n".join(lines) + "\n", force)
    n_seen = sum(gene_id in seen for gene_id in features.genes.gene_id)
    return PredictSummary(out, len(features), n_seen)
