"""What a model asks of a feature file, and the profiles it is fed with."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toy import build

from dexkit.errors import InputError
from dexkit.features.config import ContactsSource
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES
from dexkit.models.columns import Columns
from dexkit.models.contract import BlockArrays, Contract
from dexkit.models.normaliser import ProfileNormaliser

BOTH = ("sequence", "contacts")


@pytest.fixture(scope="module")
def features(simulated, tmp_path_factory):
    return FeatureFile(build(simulated, tmp_path_factory.mktemp("c") / "f.h5"))


def other(simulated, tmp_path, **options):
    return FeatureFile(build(simulated, tmp_path / "o.h5", **options))


def test_contract_survives_json(features):
    contract = Contract.of(features, "alpha", BOTH)
    assert Contract.from_json(json.loads(json.dumps(contract.to_json()))) == contract
    assert contract.check(features, "alpha") == []
    assert (contract.upstream_bp, contract.n_bins) == (100, 21)


@pytest.mark.parametrize("flip_minus", [False, True])
def test_profiles_run_with_the_gene_where_they_were_mirrored(simulated, tmp_path, flip_minus):
    settings = {"contacts": {"n_flank_bins": 10, "flip_minus": flip_minus}}
    file = other(simulated, tmp_path, settings=settings)
    contract = Contract.of(file, "alpha", BOTH)
    assert BlockArrays.read(file, "alpha", contract, None).stranded is flip_minus


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"upstream_bp": 99, "downstream_bp": 101}, "upstream_bp is 99"),
        ({"downstream_bp": 90}, "downstream_bp is 90"),
        ({"settings": {"contacts": {"n_flank_bins": 9}}}, "n_bins is 19"),
        ({"settings": {"contacts": {"n_flank_bins": 10, "bin_size_bp": 4000}}}, "bin_size_bp"),
        ({"settings": {"contacts": {"n_flank_bins": 10, "flip_minus": True}}}, "flip_minus"),
        ({"settings": {"contacts": {"n_flank_bins": 10, "keep_self": False}}}, "keep_self"),
    ],
)
def test_another_file_is_refused(features, simulated, tmp_path, options, match):
    contract = Contract.of(features, "alpha", BOTH)
    with pytest.raises(InputError, match=f"{match}.*but the model was trained with"):
        contract.check(other(simulated, tmp_path, **options), "alpha")


def test_another_margin_is_no_difference(features, simulated, tmp_path):
    contract = Contract.of(features, "alpha", BOTH)
    again = other(simulated, tmp_path, margin_bp=7)
    assert contract.check(again, "alpha") == []
    index = np.array([5, 0, 59])
    a, b = (BlockArrays.read(f, "alpha", contract, None).plain(index) for f in (features, again))
    np.testing.assert_array_equal(a["sequence"], b["sequence"])


def test_another_depth_is_said_aloud(features, simulated, tmp_path):
    contract = Contract.of(features, "alpha", BOTH)
    settings = {"contacts": {"n_flank_bins": 10, "target_depth": 77}}
    notes = contract.check(other(simulated, tmp_path, settings=settings), "alpha")
    assert len(notes) == 1
    assert "contacts are scaled to 77 pairs" in notes[0]


@pytest.mark.parametrize(
    ("here", "there", "match"),
    [
        (
            {"kinds": ("pairs",)},
            {"kinds": ("loops",)},
            "were read from loops, but .* on pairs; cou",
        ),
        ({"kinds": ("loops",)}, {"kinds": ("matrix",)}, "were read from matrix, but .* on loops"),
        (
            {"kinds": ("loops",)},
            {"kinds": ("loops", "pairs")},
            "read from loops and pairs, but the model was trained on loops",
        ),
    ],
)
def test_loops_and_counts_do_not_mix(features, monkeypatch, here, there, match):
    contract = Contract.of(features, "alpha", BOTH)
    file = replace(contract, **there)
    monkeypatch.setattr(Contract, "of", lambda *args: file)
    with pytest.raises(InputError, match=match):
        replace(contract, **here).check(features, "alpha")
    old = replace(contract, kinds=None, balance=None)  # a bundle from before, published arrays
    assert old.check(features, "alpha") == []
    assert Contract.from_json(old.to_json()) == old


@pytest.mark.parametrize(
    ("there", "notes"),
    [
        ({}, []),
        ({"kinds": ("matrix",)}, ["read from matrix, the training sample's from pairs"]),
        (
            {"kinds": ("matrix",), "balance": "KR"},
            ["balanced by KR, the training sample's not balanced"],
        ),
        (
            {"kinds": ("matrix",), "target_depth": 7},
            ["read from matrix, the", "are scaled to 7 pairs"],
        ),
        ({"kinds": None, "balance": None}, []),
    ],
)
def test_matrices_and_pairs_are_said_aloud(features, monkeypatch, there, notes):
    contract = Contract.of(features, "alpha", BOTH)
    assert (contract.kinds, contract.balance) == (("pairs",), "NONE")
    file = replace(contract, **there)
    monkeypatch.setattr(Contract, "of", lambda *args: file)
    found = contract.check(features, "alpha")
    assert len(found) == len(notes)
    for sentence, note in zip(found, notes, strict=True):
        assert note in sentence


def test_the_kind_is_read_off_the_file(features, simulated, tmp_path):
    text = "chr1\t1\t9\tchr1\t5001\t5009\tx\t3\n"
    (tmp_path / "l.bedpe").write_text(text)
    source = ContactsSource(sample="alpha", paths=(tmp_path / "l.bedpe",), depths=(9.0,))
    loops = other(simulated, tmp_path, contacts=(source,))
    assert Contract.of(loops, "alpha", BOTH).kinds == ("loops",)
    with pytest.raises(InputError, match="loops"):
        Contract.of(features, "alpha", BOTH).check(loops, "alpha")


def test_a_model_without_contacts_does_not_mind_bins(features, simulated, tmp_path):
    contract = Contract.of(features, "alpha", ("sequence",))
    bare = other(simulated, tmp_path, contacts=(), settings={})
    assert contract.check(bare, "alpha") == []


def test_plain_arrays_are_the_window_without_margin(features):
    contract = Contract.of(features, "alpha", BOTH)
    arrays = BlockArrays.read(features, "alpha", contract, None)
    index = np.array([3, 1])
    np.testing.assert_array_equal(
        arrays.plain(index)["sequence"], features.array(CODES)[[3, 1], 20:-20]
    )
    assert arrays.for_baseline(index, ("contacts",)) == {"genes": index}
    assert list(arrays.for_baseline(index, BOTH)) == ["sequence"]


# --- numbers of each gene -------------------------------------------------------------------------

WANTED = ("loops", "other-samples")


def test_columns_are_what_the_file_has(features):
    assert Columns.of(features, "alpha", BOTH, WANTED).names == WANTED
    assert Columns.of(features, "alpha", ("sequence",), WANTED).names == ("other-samples",)
    assert Columns.of(features, "alpha", BOTH, ()).names == ()
    columns = Columns.of(features, "alpha", BOTH, WANTED)
    arrays = columns.read(features, "alpha")
    np.testing.assert_array_equal(
        arrays["loops"][:, 1], features.array("/contacts/alpha/loop_number")
    )
    np.testing.assert_array_equal(arrays["other-samples"][:, 0], features.expression("beta"))
    assert columns.only(("loops",)).read(features, "alpha").keys() == {"loops"}
    contract = Contract.of(features, "alpha", BOTH, columns)
    assert Contract.from_json(json.loads(json.dumps(contract.to_json()))) == contract


def test_columns_of_another_file(features, simulated, tmp_path):
    contract = Contract.of(features, "alpha", BOTH, Columns.of(features, "alpha", BOTH, WANTED))
    raw = {"contacts": {"n_flank_bins": 10, "normalisation": "raw"}}
    with pytest.raises(InputError, match=r"loops of alpha are in .*'counts'.*'scaled counts'"):
        contract.check(other(simulated, tmp_path, settings=raw), "alpha")
    bare = other(simulated, tmp_path / "..", expression=(), settings=raw)
    with pytest.raises(InputError, match="has no array /expression/beta/value, which the model"):
        contract.check(bare, "alpha")


# --- normaliser ----------------------------------------------------------------------------------


def test_normaliser_by_hand():
    signal = np.array([[1, 5, 9], [3, 5, 9], [8, 7, 9]], dtype=np.float32)
    observed = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0]], dtype=np.uint8)
    fitted = ProfileNormaliser.fit(signal, observed)
    # Bin 0: values 1 and 3, mean 2, squares 2, sd 1. Bin 1: 5, 5, 7, mean 17/3, squares 8/3,
    # sd sqrt(8/9) = 0.943. Bin 2: nothing. Pooled: sqrt((2 + 8/3) / 5) = sqrt(14/15) = 0.966.
    pooled = np.sqrt(14 / 15)
    np.testing.assert_allclose(fitted.mean, [2, 17 / 3, 0], atol=1e-12)
    np.testing.assert_allclose(fitted.scale, [1, pooled, pooled], atol=1e-12)
    z = fitted.apply(signal, observed)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z[:, 0], [-1, 1, 0], atol=1e-6)
    assert z[:, 2].tolist() == [0, 0, 0]


def test_normaliser_without_variation_stays_finite():
    fitted = ProfileNormaliser.fit(np.ones((4, 3), np.float32), np.ones((4, 3), np.uint8))
    assert fitted.scale.tolist() == [1, 1, 1]
    nothing = ProfileNormaliser.fit(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.uint8))
    assert np.isfinite(nothing.apply(np.ones((2, 3), np.float32), np.ones((2, 3), np.uint8))).all()


def test_normaliser_survives_json():
    rng = np.random.default_rng(4)
    fitted = ProfileNormaliser.fit(rng.random((9, 5)).astype(np.float32), np.ones((9, 5), np.uint8))
    again = ProfileNormaliser.from_json(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_array_equal(again.mean, fitted.mean)
    np.testing.assert_array_equal(again.scale, fitted.scale)
