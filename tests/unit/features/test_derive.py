"""Derived feature files, and the alterations that ablation and sensitivity make."""

import numpy as np
import pytest

from dexkit.errors import ConfigError, InputError, OutputError
from dexkit.features import altered
from dexkit.features.add import AddConfig, add_to_features
from dexkit.features.derive import Altered, derive
from dexkit.features.diff import diff_feature_files
from dexkit.features.file import FeatureFile
from dexkit.features.info import describe
from dexkit.features.schema import CODES, KMERS, ONE_HOT, signal_path
from dexkit.features.verify import verdict, verify_feature_file

SIGNAL = signal_path("alpha")
LOOPS = ["/contacts/alpha/loop_number", "/contacts/alpha/loop_sum"]


@pytest.fixture
def make(features, tmp_path):
    """Return a function that derives from the built file; the result passes every check."""

    def make(arrays, note="for a test", **options):
        path = derive(features, tmp_path / "derived.h5", arrays, note, **options)
        assert "checks passed" in verdict(path, list(verify_feature_file(path)))
        return FeatureFile(path)

    return make


def test_what_is_not_altered_is_copied(features, make):
    derived = make({SIGNAL: Altered(lambda rows: rows * 2)}, "twice the signal")
    found = diff_feature_files(features.path, derived.path)
    assert not found["genes"]
    assert not found["tables"]
    assert not found["config"]
    assert not found["attributes"]
    assert set(found["arrays"]) == {SIGNAL, *LOOPS}
    assert found["made"]["derived"][1] == ["from features.h5: twice the signal"]
    np.testing.assert_array_equal(derived.array(SIGNAL), 2 * features.array(SIGNAL))
    step = derived.derived[0]
    assert step["left_out"] == LOOPS
    assert step["altered"] == {SIGNAL: features.array_attrs(SIGNAL)["sha256"]}
    assert describe(derived.path)["derived"] == {"1. from features.h5": "twice the signal"}


def test_what_is_computed_from_the_codes_goes_with_them(features, make):
    beta = [path for path in features.arrays if path.startswith("/contacts/beta/")]
    assert len(beta) == 4
    derived = make(altered.shuffled_sequence(features, 0), leave_out=beta)
    for path in (ONE_HOT, KMERS, *beta):
        assert features.has(path)
        assert not derived.has(path)
    assert derived.has(SIGNAL)
    assert all(derived.has(path) for path in LOOPS)


def test_derived_files_are_derived_again(make, tmp_path):
    once = make({SIGNAL: Altered(lambda rows: rows * 2)}, "twice")
    twice = derive(once, tmp_path / "again.h5", {SIGNAL: Altered(lambda rows: rows / 2)}, "half")
    assert [step["note"] for step in FeatureFile(twice).derived] == ["twice", "half"]


def test_nothing_is_added_to_a_derived_file(features, make):
    derived = make(altered.cropped_sequence(features, 50), "promoters of 50 bp")
    with pytest.raises(InputError, match=r"derived from features\.h5 .promoters of 50 bp.*add to"):
        add_to_features(derived.path, AddConfig(blocks=("kmers",)))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"/contacts/gamma/signal": Altered(lambda rows: rows)}, "has no array '/contacts/gamma"),
        ({SIGNAL: Altered(np.zeros((3, 21), np.float32))}, "has 3 rows for 60 genes"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(features, tmp_path, arrays, message):
    with pytest.raises(InputError, match=message):
        derive(features, tmp_path / "derived.h5", arrays, "")
    assert not list(tmp_path.iterdir())


def test_outputs_are_not_overwritten(features, tmp_path):
    with pytest.raises(InputError, match="is the file to derive from"):
        derive(features, features.path, {}, "", force=True)
    (tmp_path / "there.h5").write_text("notes")
    with pytest.raises(OutputError, match="exists"):
        derive(features, tmp_path / "there.h5", {}, "")


# --- alterations ----------------------------------------------------------------------------------


def test_profiles_change_places_among_genes_of_like_coverage(features, make):
    derived = make(altered.permuted_contacts(features, "alpha", 5))
    before, mask = (np.asarray(a) for a in features.contacts("alpha"))
    after, mask_after = (np.asarray(a) for a in derived.contacts("alpha"))
    covered = altered.coverage(before)
    taken = altered.matched_permutation(covered, mask.any(axis=1), 5)
    np.testing.assert_array_equal(after, before[taken])
    np.testing.assert_array_equal(mask_after, mask[taken])
    assert sorted(taken) == list(range(len(before)))
    assert (taken != np.arange(len(before))).all()
    # The coverage of a gene stays nearly what it was, unlike that of any other gene.
    other = np.random.default_rng(0).permutation(covered)
    assert np.abs(covered[taken] - covered).mean() < 0.4 * np.abs(other - covered).mean()


def test_permutation_leaves_unmeasured_genes_alone_and_depends_on_the_seed():
    covered = np.arange(40.0)
    eligible = np.arange(40) % 4 > 0
    first, second = (altered.matched_permutation(covered, eligible, seed) for seed in (1, 2))
    for taken in (first, second):
        np.testing.assert_array_equal(taken[~eligible], np.flatnonzero(~eligible))
        assert (taken[eligible] != np.flatnonzero(eligible)).all()
    assert (first != second).any()
    np.testing.assert_array_equal(first, altered.matched_permutation(covered, eligible, 1))
    with pytest.raises(InputError, match="1 genes have contacts; expected two or more"):
        altered.matched_permutation(covered, covered == 3, 0)


def test_decay_keeps_the_sum_and_nothing_else():
    signal = np.array([[0, 4, 8, 0], [2, 2, 8, 4], [0, 0, 0, 0]], dtype=np.float32)
    observed = np.array([[0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]], dtype=np.uint8)
    found = altered.spread_by_distance(signal, observed, np.array([2, 1, 0, 1]))
    # Means by distance: 16/3 at 0, 10/6 at 1, 2/2 at 2.
    decay = np.array([1, 10 / 6, 16 / 3, 10 / 6])
    np.testing.assert_allclose(found[1], 16 * decay / decay.sum(), rtol=1e-6)
    np.testing.assert_allclose(found[0, 1:], 12 * decay[1:] / decay[1:].sum(), rtol=1e-6)
    assert found[0, 0] == 0
    assert not found[2].any()


def test_decay_profiles_are_one_number_a_gene(features, make):
    derived = make(altered.decay_contacts(features, "alpha"))
    before, mask = features.contacts("alpha")
    after = np.asarray(derived.contacts("alpha")[0], dtype=float)
    np.testing.assert_allclose(after.sum(axis=1), altered.coverage(before), rtol=1e-5)
    whole = after[np.asarray(mask).all(axis=1)]
    assert np.linalg.matrix_rank(whole, tol=1e-3) == 1
    # Both sides together: what of it lies upstream is not left, either.
    np.testing.assert_allclose(whole, whole[:, ::-1], rtol=1e-5)
    raw = np.asarray(before)[np.asarray(mask).all(axis=1)]
    assert not np.allclose(raw, raw[:, ::-1])


def test_the_tss_bin_alone(features, make):
    derived = make(altered.tss_bin_contacts(features, "alpha"))
    before, after = features.contacts("alpha")[0], derived.contacts("alpha")[0]
    np.testing.assert_array_equal(after[:, 10], before[:, 10])
    assert np.count_nonzero(after) == np.count_nonzero(before[:, 10]) > 0


def test_a_tss_bin_that_was_not_kept_is_said(features, make):
    signal = np.array(features.array(SIGNAL))
    signal[:, 10] = 0
    without = make({SIGNAL: Altered(signal)})
    with pytest.raises(InputError, match="does not keep contacts of the TSS bin of alpha"):
        altered.tss_bin_contacts(without, "alpha")


@pytest.mark.parametrize("length_bp", [1, 50, 200])
def test_promoters_are_cut_around_the_tss(features, make, length_bp):
    derived = make(altered.cropped_sequence(features, length_bp))
    up, down, margin = derived.window_bp
    assert (up + down, margin) == (length_bp, 20)
    assert abs(up - down) <= 1
    codes, whole = derived.array(CODES), features.array(CODES)
    assert codes.shape[1] == length_bp + 40
    # The TSS base is column margin + upstream in either file.
    np.testing.assert_array_equal(codes[:, margin + up], whole[:, 120])
    np.testing.assert_array_equal(codes[:, 0], whole[:, 120 - margin - up])


@pytest.mark.parametrize("n_flank_bins", [1, 4, 10])
def test_profiles_are_cut_around_the_tss_bin(features, make, n_flank_bins):
    derived = make(altered.cropped_contacts(features, "alpha", n_flank_bins))
    kept = slice(10 - n_flank_bins, 10 + n_flank_bins + 1)
    for after, before in zip(derived.contacts("alpha"), features.contacts("alpha"), strict=True):
        np.testing.assert_array_equal(after, before[:, kept])
    assert altered.flank_bins(derived, "alpha") == n_flank_bins


def test_a_profile_without_its_last_bin_stays_one(features, make):
    """The paper's 400 bins, -200 to +199, cut to 100 bins are -50 to +49."""
    observed = "/contacts/alpha/observed"
    short = {path: Altered(lambda rows: rows[:, :-1]) for path in (SIGNAL, observed)}
    paper = make(short)
    cut = altered.cropped_contacts(paper, "alpha", 4)
    rows = cut[SIGNAL].rows(paper.array(SIGNAL))
    np.testing.assert_array_equal(rows, features.array(SIGNAL)[:, 6:14])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda f: altered.cropped_sequence(f, 201), "201 bp cannot be cut .* has 200 bp; choose"),
        (lambda f: altered.cropped_sequence(f, 0), "choose 1 to 200"),
        (lambda f: altered.cropped_contacts(f, "alpha", 11), "holds 10; choose 1 to 10"),
        (lambda f: altered.cropped_contacts(f, "alpha", 0), "0 contact bins on either side"),
    ],
)
def test_what_the_file_does_not_hold_is_refused(features, function, message):
    with pytest.raises(ConfigError, match=message):
        function(features)
