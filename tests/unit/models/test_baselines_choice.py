"""Forests, boosting and support vectors; what all baselines that choose have in common."""

import dexkit_baselines.choosing
import dexkit_baselines.features
import dexkit_baselines.moments
import dexkit_baselines.trees
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from dexkit.errors import TrainingError
from dexkit.hooks import plugins

#: Small enough for a test; the defaults are for thousands of genes.
QUICK = {
    "linear": {"k": 2},
    "lasso": {"k": 2, "inner_folds": 3},
    "elastic-net": {"k": 2, "inner_folds": 3},
    "random-forest": {"k": 2, "inner_folds": 2, "trees": 30, "inner_trees": 10},
    "random-forest-classifier": {"k": 2, "inner_folds": 2, "trees": 30, "inner_trees": 10},
    "gradient-boosting": {"k": 2, "inner_folds": 2, "iterations": (5, 20), "leaf_genes": 5},
    "svm": {"k": 2, "inner_folds": 3, "strengths": (0.1, 1.0)},
}
CLASSES = ("random-forest-classifier", "svm")


def baseline(name, seed=0, **options):
    entry = plugins().baseline(name)
    return entry.build(entry.config(**options), seed)


def make_contacts(n_genes, seed=3, n_bins=6):
    return np.random.default_rng(seed).standard_normal((n_genes, n_bins)).astype(np.float32)


def make_blocks(n_genes):
    codes = np.random.default_rng(8).integers(0, 4, (n_genes, 100), dtype=np.uint8)
    return {"sequence": codes, "contacts": make_contacts(n_genes)}


def make_target(name, blocks):
    y = 1 + blocks["contacts"][:, 3].astype(float)
    return (y > np.median(y)).astype(float) if name in CLASSES else y


def test_forest_is_that_of_scikit_learn():
    """The grid point with the least squared error in the folds, and its error."""
    contacts = make_contacts(150)
    y = contacts[:, 0] * contacts[:, 1] + 0.1 * contacts[:, 2]
    options = {"trees": 40, "inner_trees": 10, "leaf_genes": (2, 40), "feature_shares": (0.5,)}
    fitted = baseline("random-forest", seed=7, inner_folds=4, **options).fit(
        {"contacts": contacts}, y
    )
    errors = {}
    for leaf in (2, 40):
        forest = RandomForestRegressor(10, max_features=0.5, min_samples_leaf=leaf, random_state=7)
        folds = KFold(4, shuffle=True, random_state=7)
        errors[leaf] = np.mean((cross_val_predict(forest, contacts, y, cv=folds) - y) ** 2)
    found = fitted.describe()
    assert found["leaf_genes"] == min(errors, key=errors.get) == 2
    assert found["inner_error"] == pytest.approx(errors[2])
    forest = RandomForestRegressor(40, max_features=0.5, min_samples_leaf=2, random_state=7)
    expected = forest.fit(contacts, y).predict(contacts)
    np.testing.assert_allclose(fitted.predict({"contacts": contacts}), expected)


def test_boosting_is_that_of_scikit_learn():
    contacts = make_contacts(200)
    y = contacts[:, 0] * contacts[:, 1]
    fitted = baseline("gradient-boosting", inner_folds=3, iterations=(5, 40, 80), leaves=(8,))
    found = fitted.fit({"contacts": contacts}, y).describe()
    errors = {}
    for steps in (5, 40, 80):
        model = HistGradientBoostingRegressor(
            max_iter=steps, max_leaf_nodes=8, early_stopping=False, random_state=0
        )
        folds = KFold(3, shuffle=True, random_state=0)
        with threadpool_limits(1):
            inner = cross_val_predict(model, contacts, y, cv=folds)
        errors[steps] = np.mean((inner - y) ** 2)
    assert found["iterations"] == min(errors, key=errors.get)
    assert found["inner_mse"] == pytest.approx(min(errors.values()))
    with threadpool_limits(1):
        expected = model.set_params(max_iter=found["iterations"]).fit(contacts, y).predict(contacts)
    np.testing.assert_allclose(fitted.predict({"contacts": contacts}), expected)


def test_svm_ranks_as_that_of_scikit_learn():
    """With all genes as landmarks it is the kernel machine but for the squared hinge."""
    contacts = make_contacts(300)
    y = (contacts[:, 0] * contacts[:, 1] > 0).astype(float)
    options = {"strengths": (1.0,), "widths": (1.0,), "inner_folds": 5}
    train, test = {"contacts": contacts[:200]}, {"contacts": contacts[200:]}
    fitted = baseline("svm", **options).fit(train, y[:200])
    p = fitted.predict(test)
    scaler = StandardScaler().fit(contacts[:200])
    machine = SVC(gamma=1 / 6).fit(scaler.transform(contacts[:200]), y[:200])
    scores = machine.decision_function(scaler.transform(contacts[200:]))
    assert np.corrcoef(np.argsort(np.argsort(p)), np.argsort(np.argsort(scores)))[0, 1] > 0.95
    # Platt's sigmoid is that of held-out scores: calibrated, not only ranked.
    assert np.mean((p - y[200:]) ** 2) < 0.2
    assert fitted.describe()["landmarks"] == 200


def test_few_landmarks_lose_little():
    contacts = make_contacts(600)
    y = (contacts[:, 0] + contacts[:, 1] > 0).astype(float)
    fitted = baseline("svm", landmarks=50, inner_genes=200, inner_folds=3)
    fitted.fit({"contacts": contacts[:400]}, y[:400])
    assert roc_auc_score(y[400:], fitted.predict({"contacts": contacts[400:]})) > 0.95
    assert (fitted.describe()["landmarks"], fitted.describe()["inner_genes"]) == (50, 200)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("linear", -1, 0.25),
        ("lasso", -1, 0.25),
        ("random-forest", 0.5, 1),
        ("gradient-boosting", 0.7, 1),
    ],
)
def test_an_interaction_is_for_trees(name, least, most):
    """The product of two bins has no linear effect; trees see it."""
    contacts = make_contacts(800)
    y = np.sign(contacts[:, 1]) * contacts[:, 4] + 0.2 * make_contacts(800, 9)[:, 0]
    options = {
        "random-forest": QUICK["random-forest"] | {"feature_shares": (1.0,)},
        "gradient-boosting": {"inner_folds": 2, "iterations": (80,), "leaves": (8,)},
    }
    fitted = baseline(name, **options.get(name, {}))
    predicted = fitted.fit({"contacts": contacts[:600]}, y[:600]).predict(
        {"contacts": contacts[600:]}
    )
    r = np.corrcoef(predicted, y[600:])[0, 1] if np.ptp(predicted) > 0 else 0
    assert least < r < most


@pytest.mark.parametrize("name", ["svm", "random-forest-classifier"])
def test_an_interaction_of_classes(name):
    contacts = make_contacts(600)
    y = (contacts[:, 1] * contacts[:, 4] > 0).astype(float)
    options = QUICK[name] | ({"feature_shares": (1.0,)} if name != "svm" else {})
    fitted = baseline(name, **options).fit({"contacts": contacts[:450]}, y[:450])
    assert roc_auc_score(y[450:], fitted.predict({"contacts": contacts[450:]})) > 0.85
    linear = baseline("logistic", strengths=(0.01, 1.0)).fit({"contacts": contacts[:450]}, y[:450])
    assert roc_auc_score(y[450:], linear.predict({"contacts": contacts[450:]})) < 0.65


@pytest.mark.parametrize("name", QUICK)
def test_threads_and_row_blocks_change_nothing(name, monkeypatch):
    blocks = make_blocks(90)
    y = make_target(name, blocks)
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(dexkit_baselines.choosing, "n_threads", lambda n=threads: n)
        monkeypatch.setattr(dexkit_baselines.trees, "n_threads", lambda n=threads: n)
        with threadpool_limits(threads):
            fitted = baseline(name, seed=5, **QUICK[name]).fit(blocks, y)
        found.append(fitted.predict(blocks))
    np.testing.assert_array_equal(*found)
    monkeypatch.setattr(dexkit_baselines.features, "ROWS", 17)
    np.testing.assert_allclose(fitted.predict(blocks), found[0], atol=1e-5)
    monkeypatch.setattr(dexkit_baselines.moments, "ROWS", 17)
    again = baseline(name, seed=5, **QUICK[name]).fit(blocks, y).predict(blocks)
    np.testing.assert_allclose(again, found[0], atol=1e-4)


@pytest.mark.parametrize("name", ["random-forest", "lasso"])
def test_another_seed_is_another_result(name):
    blocks = make_blocks(60)
    y = make_target(name, blocks) + np.random.default_rng(1).standard_normal(60)
    one, other = (baseline(name, seed=s, **QUICK[name]).fit(blocks, y).describe() for s in (0, 1))
    key = "inner_error" if name == "random-forest" else "inner_mse"
    assert one[key] != other[key]


@pytest.mark.parametrize("name", [*QUICK, "gc", "tss-coverage"])
def test_one_value_teaches_nothing(name):
    blocks = make_blocks(30)
    with pytest.raises(
        TrainingError, match=f"^{name}: all 30 training genes have the value 1; exp"
    ):
        baseline(name, **QUICK.get(name, {})).fit(blocks, np.ones(30))


@pytest.mark.parametrize("name", [n for n in QUICK if n not in (*CLASSES, "linear")])
def test_fewer_genes_than_folds(name):
    blocks = make_blocks(7)
    options = QUICK[name] | {"inner_folds": 10}
    match = f"{name}: 7 training genes cannot be divided into 10 inner folds.*{name}.inner_folds=7"
    with pytest.raises(TrainingError, match=match):
        baseline(name, **options).fit(blocks, np.arange(7.0))


@pytest.mark.parametrize("name", CLASSES)
def test_a_small_class(name):
    """Folds as many as the smaller class has genes; one gene is too few."""
    blocks, y = make_blocks(30), np.zeros(30)
    y[:3] = 1
    p = baseline(name, **(QUICK[name] | {"inner_folds": 10})).fit(blocks, y).predict(blocks)
    assert ((p >= 0) & (p <= 1)).all()
    y[1:] = 0
    with pytest.raises(TrainingError, match=f"{name}: a class has 1 training gene"):
        baseline(name, **QUICK[name]).fit(blocks, y)


def test_only_the_quick_ones_stand_beside_every_network():
    found = plugins().baselines.values()
    own = {r.entry.name for r in found if r.entry.companion and r.plugin == "baselines"}
    assert own == {"mean", "ridge", "copy-mean", "copy-best", "prior", "logistic"}


@pytest.mark.parametrize(
    "name",
    [*(name for name in QUICK if name != "linear"), "logistic"],
)
def test_ten_inner_folds_unless_asked_otherwise(name):
    assert plugins().baseline(name).config().inner_folds == 10
