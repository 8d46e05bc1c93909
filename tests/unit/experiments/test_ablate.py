"""What sequence and contacts give a model: the same genes, every variant, the verdict."""

import json

import numpy as np
import pandas as pd
import pytest
from toy import build

from dexkit.errors import ConfigError, InputError, OutputError, StoppedError
from dexkit.evaluation.runs import read_run
from dexkit.evaluation.split_file import read_table
from dexkit.features.altered import permuted_contacts, shuffled_sequence
from dexkit.features.derive import Altered, derive
from dexkit.features.file import FeatureFile
from dexkit.features.schema import observed_path, signal_path
from dexkit.simulate import SimulationConfig, simulate
from dexkit.workflows import ablate as module
from dexkit.workflows.ablate import VARIANTS, AblationSettings, ablate
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.sensitivity import SensitivitySettings, sensitivity
from dexkit.workflows.variants import Variant, configured

NAMES = [variant.name for variant in VARIANTS]


def model(plugin="ridge", **options):
    values = {"plugin": plugin, "sample": "alpha", "split": {"folds": 2}, "companions": False}
    return FitConfig.read(None, values | options)


def settings(*models, **options):
    return AblationSettings(models=models or (model(),), n_bootstrap=100, **options)


@pytest.fixture(scope="module")
def ablation(built, tmp_path_factory):
    return ablate(built, settings(), tmp_path_factory.mktemp("ablate") / "e")


def test_every_variant_is_fitted_on_the_same_genes(ablation, built):
    found = ablation.comparisons[0]
    assert [score.variant for score in found.scores] == NAMES
    assert found.notes == ()
    runs = ablation.path / "runs/alpha/ridge"
    folders = ["whole", *NAMES[1:]]
    assert sorted(path.name for path in runs.iterdir()) == sorted(folders)
    genes = set()
    for name in folders:
        table = read_run(runs / name / "fold-1").predictions
        genes.add(tuple(table.loc[table["part"] == "test", "gene_id"]))
    assert len(genes) == 1
    assert len(read_table(ablation.path / "splits/alpha.tsv")) == 60


def test_each_variant_reads_what_its_name_says(ablation, built):
    source = FeatureFile(built)

    def read(variant):
        folder = ablation.path / "runs/alpha/ridge" / variant / "fold-0"
        contract = json.loads((folder / "bundle.json").read_text())["contract"]
        stored = json.loads((folder / "features.json").read_text())["sha256"]
        changed = {p for p, d in stored.items() if d != source.array_attrs(p)["sha256"]}
        return tuple(contract["blocks"]), changed

    both, codes = ("sequence", "contacts"), {"/sequence/codes"}
    signal, observed = signal_path("alpha"), observed_path("alpha")
    assert read("whole") == (both, set())
    assert read("sequence") == (("sequence",), set())
    assert read("contacts") == (("contacts",), set())
    assert read("contacts-permuted") == (both, {signal, observed})
    assert read("contacts-decay") == (both, {signal})
    assert read("contacts-tss-bin") == (both, {signal})
    assert read("sequence-shuffled") == (both, codes)


def test_what_is_written(ablation):
    path = ablation.path
    assert not (path / "features").exists()
    table = pd.read_csv(path / "ablation.tsv", sep="\t")
    assert table["variant"].tolist() == NAMES
    assert set(table["split"]) == {"chromosome"}
    assert set(table["leaky"]) == {"no"}
    assert {"seed", "n_folds", "dexkit", "relative_low"} <= set(table.columns)
    assert len(pd.read_csv(path / "folds.tsv", sep="\t")) == 2 * len(NAMES)
    content = json.loads((path / "ablation.json").read_text())
    assert content["verdicts"] == list(ablation.verdicts)
    assert content["scores"][0]["difference"] == 0
    page = ablation.report.read_text()
    assert ablation.verdicts[0].split(":")[0] in page
    assert (path / "figures/ablation-alpha.pdf").stat().st_size
    assert json.loads((path / "experiment.json").read_text())["finished"]


def test_the_verdict_names_the_variants_that_do_as_well_out_of_place(ablation):
    [comparison], [line] = ablation.comparisons, ablation.verdicts
    assert "alpha, ridge: contacts help here" in line
    moved = ("contacts-permuted", "contacts-decay", "contacts-tss-bin")
    as_well = [name for name in moved if comparison[name].difference.high >= 0]
    assert as_well
    assert [name for name in NAMES if f"({name})" in line] == as_well
    assert line.endswith("it is how many, not where")


def test_the_same_seed_gives_the_same_numbers(ablation, built, tmp_path):
    again = ablate(built, settings(variants=("contacts-permuted",)), tmp_path / "e")
    assert [score.variant for score in again.comparisons[0].scores] == [
        "both",
        "sequence",
        "contacts-permuted",
    ]
    for score in again.comparisons[0].scores:
        assert score == ablation.comparisons[0][score.variant]


def test_alterations_do_not_look_at_expression(built, tmp_path):
    """Labels of test genes cannot leak through what is computed across genes."""
    source = FeatureFile(built)
    paths = ("/expression/alpha/value", "/expression/alpha/raw")
    turned = {path: Altered(np.array(source.array(path))[::-1].copy()) for path in paths}
    other = FeatureFile(derive(source, tmp_path / "turned.h5", turned, "expression reversed"))
    assert not np.array_equal(source.expression("alpha"), other.expression("alpha"))
    for variant in VARIANTS:
        if variant.alter is not None:
            first, second = (variant.alter(file, "alpha", 3) for file in (source, other))
            for path, altered in first.items():
                np.testing.assert_array_equal(altered.rows, second[path].rows)


def test_a_seed_of_its_own_for_every_alteration(built):
    source = FeatureFile(built)
    for one, two in (
        [permuted_contacts(source, "alpha", seed) for seed in (1, 2)],
        [shuffled_sequence(source, seed) for seed in (1, 2)],
    ):
        assert any((one[path].rows != two[path].rows).any() for path in one)


def test_genes_without_contacts_take_no_part_in_any_variant(built, tmp_path):
    source = FeatureFile(built)
    gone = source.genes.chrom == "chr2"
    arrays = {}
    for path in (signal_path("alpha"), observed_path("alpha")):
        values = np.array(source.array(path))
        values[gone] = 0
        arrays[path] = Altered(values)
    derive(source, tmp_path / "f.h5", arrays, "no contacts on chr2")
    chosen = settings(model(split={"folds": 3}), variants=())
    found = ablate(tmp_path / "f.h5", chosen, tmp_path / "e")
    assert {score.n_genes for score in found.comparisons[0].scores} == {60 - gone.sum()}
    run = tmp_path / "e/runs/alpha/ridge/sequence/fold-0"
    table = read_run(run).predictions
    assert not set(table["gene_id"]) & set(source.genes.gene_id[gone])
    assert "in no part of the split file alpha.tsv" in (run / "left_out.tsv").read_text()


def test_genes_without_a_bin_in_a_shorter_profile_are_still_predicted(built, tmp_path):
    """Balanced maps and contacts.keep_self=false leave genes with far bins only."""
    source = FeatureFile(built)
    arrays = {}
    for path in (signal_path("alpha"), observed_path("alpha")):
        values = np.array(source.array(path))
        values[:5, 7:14] = 0
        arrays[path] = Altered(values)
    derive(source, tmp_path / "f.h5", arrays, "five genes lack the seven bins in the middle")
    chosen = SensitivitySettings(models=(model(),), contact_bins=(3, 10), n_bootstrap=0)
    found = sensitivity(tmp_path / "f.h5", chosen, tmp_path / "e").comparisons["contact-bins"][0]
    assert {score.n_genes for score in found.scores} == {60}
    assert found.notes == ()


def test_baselines_that_read_both_blocks_stand_beside_a_model(built, tmp_path):
    found = ablate(built, settings(model("linear"), variants=()), tmp_path / "e")
    subjects = [c.scores[0].subject for c in found.comparisons]
    assert [(s.model, s.role) for s in subjects] == [("linear", "model"), ("ridge", "companion")]
    assert len(found.verdicts) == 2


def test_a_stopped_ablation_goes_on(built, tmp_path, monkeypatch):
    class Broken:
        def outcomes(self, tasks, folder):
            from dexkit.workflows.task import Outcome, execute

            yield execute(tasks[0])
            yield Outcome(tasks[1]["name"], "the machine went away")

    out, chosen = tmp_path / "e", settings(variants=("contacts-decay",))
    with pytest.raises(StoppedError, match=r"went away.*go on with --resume"):
        ablate(built, chosen, out, Broken())
    assert (out / "features/alpha-contacts-decay.h5").is_file()
    before = (out / "runs/alpha/ridge/whole/fold-0/bundle.json").stat().st_mtime_ns
    found = ablate(built, chosen, out, resume=True)
    assert (out / "runs/alpha/ridge/whole/fold-0/bundle.json").stat().st_mtime_ns == before
    assert len(found.comparisons[0].scores) == 3
    with pytest.raises(OutputError, match="exists"):
        ablate(built, chosen, out)


@pytest.mark.parametrize(
    ("chosen", "error", "message"),
    [
        (settings(model("gc")), ConfigError, "'contacts', which the baseline 'gc' does not read"),
        (settings(model(blocks=("sequence",))), ConfigError, "reads sequence alone; give a file"),
        (settings(variants=("contact",)), ConfigError, "unknown variant 'contact'"),
        (settings(model(), model("logistic")), ConfigError, "models of one task"),
    ],
)
def test_what_cannot_be_ablated_is_refused(built, tmp_path, chosen, error, message):
    with pytest.raises(error, match=message):
        ablate(built, chosen, tmp_path / "e")
    assert not list(tmp_path.iterdir())


def test_files_without_the_tss_bin(built, tmp_path, caplog):
    source = FeatureFile(built)
    signal = np.array(source.array(signal_path("alpha")))
    signal[:, 10] = 0
    derive(source, tmp_path / "f.h5", {signal_path("alpha"): Altered(signal)}, "no TSS bin")
    file = FeatureFile(tmp_path / "f.h5")
    models = module.entrants(file.path, [model()], "sequence", "contacts")
    chosen = module._chosen(None, file, models)
    assert [v.name for v in chosen] == [name for name in NAMES if name != "contacts-tss-bin"]
    assert "contacts-tss-bin left out: the file does not keep" in caplog.text
    with pytest.raises(InputError, match=r"keep contacts of the TSS bin.*keep_self=true"):
        module._chosen(["contacts-tss-bin"], file, models)


# --- options of a variant -------------------------------------------------------------------------


def test_parts_that_read_a_block_that_is_gone_go_with_their_options():
    whole = FitConfig(
        plugin="densenet+dense-contacts",
        encoders={"contacts": "dense-contacts"},
        settings={"densenet": {"growth_rate": 4}, "dense-contacts": {"units": [8]}, "ridge": {}},
        train={"recipe": "two-step", "freeze_epochs": 2, "epochs": 7},
    )
    alone = configured(whole, Variant("sequence", "", ("sequence",)))
    assert (alone.plugin, alone.blocks, alone.encoders) == ("densenet", ("sequence",), {})
    assert alone.settings == {"densenet": {"growth_rate": 4}, "ridge": {}}
    assert (alone.train.recipe, alone.train.freeze_epochs, alone.train.epochs) == ("joint", 0, 7)
    contacts = configured(whole, Variant("contacts", "", ("contacts",)))
    assert contacts.plugin == "dense-contacts"
    assert set(contacts.settings) == {"dense-contacts", "ridge"}
    one = whole.model_copy(update={"plugin": "densenet"})
    assert configured(one, Variant("contacts", "", ("contacts",))).plugin is None
    assert configured(whole, Variant("both", "")) == whole
    assert configured(whole, Variant("joint", "", recipe="joint")).train.recipe == "joint"


@pytest.mark.slow  # Two small networks on two folds: options that only a network has.
def test_networks_are_ablated(built, tmp_path):
    from toy import SMALL_CONTACTS, SMALL_DENSENET

    network = model(
        "densenet",
        train={"epochs": 1, "device": "cpu", "recipe": "two-step"},
        settings={"densenet": SMALL_DENSENET, "dense-contacts": SMALL_CONTACTS},
    )
    found = ablate(built, settings(network, variants=("contacts",)), tmp_path / "e")
    assert [score.subject.model for score in found.comparisons[0].scores] == ["densenet"] * 3
    runs = tmp_path / "e/runs/alpha/densenet"
    assert read_run(runs / "contacts/fold-0").model == "dense-contacts"
    assert read_run(runs / "whole/fold-0").model == "densenet+dense-contacts"


# --- the truth ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Comparison and verdict by contact effect and seed: 300 genes, ridge, three folds.

    The data sets of a seed differ in one number, the effect of the planted contacts (standard
    deviations 1.0 and 0 of log10 expression; promoter effect 0.4, noise 0.1).
    """
    folder = tmp_path_factory.mktemp("planted")
    found = {}
    for seed in (3, 4):
        for effect in (1.0, 0.0):
            config = SimulationConfig.create(
                seed=seed,
                n_chroms=6,
                chrom_length_bp=700_000,
                n_genes=300,
                samples=("alpha",),
                n_replicates=1,
                pairs_per_replicate=40_000,
                contact_effect=effect,
                promoter_effect=0.4,
                gc_effect=1.0,
                noise=0.1,
                family_fraction=0.0,
                zero_fraction=0.0,
            )
            name = f"{seed}-{effect}"
            features = build(
                simulate(config, folder / f"data-{name}"),
                folder / f"{name}.h5",
                upstream_bp=600,
                downstream_bp=200,
                settings={"contacts": {"n_flank_bins": 25}},
            )
            chosen = settings(model(split={"folds": 3}), variants=("contacts-decay",))
            result = ablate(features, chosen, folder / name)
            found[seed, effect] = result.comparisons[0], result.verdicts[0]
    return found


@pytest.mark.slow  # Four simulations, 36 fits.
@pytest.mark.parametrize("seed", [3, 4])
def test_planted_contacts_help(planted, seed):
    comparison, line = planted[seed, 1.0]
    assert "contacts help here" in line
    # Planted contacts act through their sum.
    assert "folds); as their sum and mean decay (contacts-decay) they do as well" in line
    lost = comparison["sequence"]
    assert lost.difference.high < -0.3
    assert lost.relative.high < -0.3


@pytest.mark.slow  # Four simulations, 36 fits.
@pytest.mark.parametrize("seed", [3, 4])
def test_contacts_without_effect_do_not_help(planted, seed):
    comparison, line = planted[seed, 0.0]
    assert "contacts do not help here" in line
    assert "contacts-decay" not in line
    assert comparison["both"].mean.value > 0.6
    assert abs(comparison["sequence"].difference.value) < 0.1
