"""What sequence and contacts each give a model: the work of ``dexkit ablate``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.evaluation.ablation import Comparison, Control, fold_table, score_table, verdict
from dexkit.features import altered
from dexkit.features.file import FeatureFile
from dexkit.files import check_output
from dexkit.report.experiment import Section, write_experiment_report
from dexkit.report.variant_figures import ablation_figure
from dexkit.workflows.entrants import Entrant, entrants
from dexkit.workflows.experiment import Experiment
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.runner import Runner
from dexkit.workflows.variants import Variant, comparisons_of, facts, plain_rows, run_variants

logger = logging.getLogger("dexkit")

KIND = "ablate"
#: The variant that all are compared with, and the one without contacts.
BOTH, WITHOUT_CONTACTS = "both", "sequence"
_TSS_BIN = "contacts-tss-bin"

#: What can be taken away, in the order of tables and figures. A variant that alters one block
#: leaves the other as it is.
VARIANTS = (
    Variant(BOTH, "sequence and contacts"),
    Variant(WITHOUT_CONTACTS, "sequence alone", ("sequence",)),
    Variant("contacts", "contacts alone", ("contacts",)),
    Variant(
        "contacts-permuted",
        "contacts of another gene of like coverage",
        alter=altered.permuted_contacts,
    ),
    Variant(
        "contacts-decay",
        "contacts: sum and mean decay only",
        alter=lambda features, sample, _: altered.decay_contacts(features, sample),
    ),
    Variant(
        _TSS_BIN,
        "contacts: TSS bin only",
        alter=lambda features, sample, _: altered.tss_bin_contacts(features, sample),
    ),
    Variant(
        "sequence-shuffled",
        "sequence with shuffled dinucleotides",
        alter=lambda features, _, seed: altered.shuffled_sequence(features, seed),
    ),
)
_BY_NAME = {variant.name: variant for variant in VARIANTS}
#: Variants that keep contacts but not their places: what is left of them, and whether that is the
#: number of each gene (of permuted ones, of a gene of like coverage).
_NOT_IN_PLACE = {
    "contacts-permuted": ("permuted among genes of like coverage", True),
    "contacts-decay": ("as their sum and mean decay", True),
    _TSS_BIN: ("as the TSS bin alone", False),
}

_METHOD = (
    "Every variant has the same genes in the same folds. Changes are those from the model with "
    "sequence and contacts: of the metric averaged over the folds (relative, as in Fig. 5 of "
    "Zeng, Wang and Jiang 2019), and of all out-of-fold genes together (difference). Intervals "
    "are bootstrap percentiles over genes; all variants see the same resamples. Alterations look "
    "at the inputs of all genes, test genes included, and at no expression."
)


class AblationSettings(BaseModel):
    """Everything that decides an ablation.

    Its ``models`` are the options of a fit each, for every sample all models; the fold in them
    does not count.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    models: tuple[FitConfig, ...] = Field(min_length=1, description="options of the models")
    variants: tuple[str, ...] | None = Field(
        None,
        description="names in VARIANTS, all that the data allow by default; `both` and `sequence` "
        "are always among them",
    )
    n_bootstrap: int = Field(1000, ge=0, description="resamples of the intervals")


@dataclass(frozen=True)
class Ablation:
    """What an ablation found.

    Parameters
    ----------
    path : Path
        Folder of the experiment.
    comparisons : tuple of Comparison
        One a sample and model.
    verdicts : tuple of str
        Whether contacts help, and whether it matters where they go, a line a sample and model.
    report : Path
        The HTML page.
    """

    path: Path
    comparisons: tuple[Comparison, ...]
    verdicts: tuple[str, ...]
    report: Path


def ablate(
    features: Path,
    settings: AblationSettings,
    out: Path,
    runner: Runner | None = None,
    force: bool = False,
    resume: bool = False,
) -> Ablation:
    """Fit every model with parts of its inputs taken away, and compare.

    Parameters
    ----------
    features : Path
        Feature file with sequence and contacts.
    settings : AblationSettings
        What to fit.
    out : Path
        Folder to write.
    runner : Runner, optional
        Where the fits are done; one by one in this process by default.
    force, resume : bool, optional
        See :meth:`dexkit.workflows.experiment.Experiment.open`.

    Returns
    -------
    Ablation
        Scores and verdicts.

    Raises
    ------
    InputError, ConfigError, PluginError, OutputError, TrainingError
        When it cannot be done; nothing is written then.
    StoppedError
        When a fit failed or the command was stopped; ``resume`` goes on.
    """
    if not resume:
        check_output(out, force)
    _check_names(settings.variants or ())
    models = entrants(features, settings.models, "sequence", "contacts")
    file = FeatureFile(features)
    variants = _chosen(settings.variants, file, models)
    stored = settings.model_dump(mode="json")
    with Experiment.open(out, KIND, stored, force, resume, [features]) as experiment:
        runs = run_variants(experiment, file, models, variants, runner or Runner())
        names = [variant.name for variant in variants]
        seed = models[0].config.train.seed
        found = comparisons_of(runs, names, BOTH, settings.n_bootstrap, seed)
        made = facts(models, runs)
        leaky = made["leaky"] != "no"
        lines = [verdict(c[WITHOUT_CONTACTS], "contacts", leaky, _controls(c)) for c in found]
        scores, folds = score_table(found).assign(**made), fold_table(found).assign(**made)
        experiment.write_table("ablation.tsv", scores)
        experiment.write_table("folds.tsv", folds)
        content = made | {"verdicts": lines, "scores": plain_rows(scores)}
        experiment.write_json("ablation.json", content)
        sections = [Section("Do contacts help here?", [*lines, _METHOD])]
        for sample in dict.fromkeys(c.scores[0].subject.sample for c in found):
            of_sample = [c for c in found if c.scores[0].subject.sample == sample]
            sections.append(_section(experiment, sample, of_sample, variants))
        report = write_experiment_report(
            experiment.path / "report.html",
            "Ablation",
            sections,
            leaky,
            f"{features.name}, {made['n_folds']} folds ({made['split']} split)",
        )
        experiment.finish()
    return Ablation(out, tuple(found), tuple(lines), report)


def _check_names(wanted: Sequence[str]) -> None:
    for name in wanted:
        if name not in _BY_NAME:
            raise ConfigError(f"unknown variant {name!r}; {did_you_mean(name, _BY_NAME)}")


def _chosen(
    wanted: Sequence[str] | None, features: FeatureFile, models: Sequence[Entrant]
) -> list[Variant]:
    """Return the variants in their order; one that the data do not allow is left out, or refused.

    The latter when it was asked for.
    """
    samples = dict.fromkeys(model.subject.sample for model in models)
    bare = [sample for sample in samples if not altered.has_tss_bin(features, sample)]
    if wanted is None:
        names = set(_BY_NAME)
        if bare:
            names.discard(_TSS_BIN)
            logger.warning(
                "%s left out: the file does not keep contacts of the TSS bin of %s with itself",
                _TSS_BIN,
                ", ".join(bare),
            )
    else:
        names = {*wanted, BOTH, WITHOUT_CONTACTS}
        if bare and _TSS_BIN in names:
            raise InputError(
                f"{features.path} does not keep contacts of the TSS bin of {bare[0]} with itself, "
                f"so there is no variant {_TSS_BIN}; leave it out, or build the file with "
                "--set contacts.keep_self=true"
            )
    return [variant for variant in VARIANTS if variant.name in names]


def _controls(comparison: Comparison) -> list[Control]:
    """Return what tells how many contacts there are from where they go, of what was fitted."""
    return [
        Control(score, *_NOT_IN_PLACE[score.variant])
        for score in comparison.scores
        if score.variant in _NOT_IN_PLACE
    ]


def _section(
    experiment: Experiment,
    sample: str,
    comparisons: Sequence[Comparison],
    variants: Sequence[Variant],
) -> Section:
    """Draw and tabulate one sample."""
    import pandas as pd

    labels = {variant.name: variant.label for variant in variants}
    figure = ablation_figure(comparisons, labels)
    rows = [
        {
            "model": score.subject.model,
            "inputs": labels[score.variant],
            "mean of folds": str(score.mean),
            "change": f"{100 * score.relative.value:+.1f} %",
            "out of fold": str(score.pooled),
            "difference": str(score.difference),
            "n": score.n_genes,
        }
        for comparison in comparisons
        for score in comparison.scores
    ]
    return Section(
        sample,
        [note for comparison in comparisons for note in comparison.notes],
        table=pd.DataFrame(rows),
        figure=experiment.write_figure(f"ablation-{sample}", figure),
        caption="Left: mean over the folds with its 95% interval; dots are folds. Right: change "
        "of that mean, in percent of the whole model's.",
    )
