"""Run folders as a fit writes them, with invented predictions."""

import json

import numpy as np
import pandas as pd

CHROMS = tuple(f"chr{i}" for i in range(1, 11))


def predictions(n_genes=300, n_folds=5, fold=0, task="regression", seed=3):
    """Return a table of predictions; gene ``i`` is on ``CHROMS[i % 10]``, tested in fold c % 5."""
    rng = np.random.default_rng(seed)
    index = np.arange(n_genes)
    chrom_number = index % len(CHROMS)
    signal = rng.normal(1.0, 0.8, n_genes)
    noise = rng.normal(0, 0.5, n_genes)
    observed = signal + noise
    noisy = np.random.default_rng([seed, fold, 1])
    predicted = signal + noisy.normal(0, 0.2, n_genes)
    ridge = signal + noisy.normal(0, 0.9, n_genes)
    mean = np.full(n_genes, 1.0 + fold / 100)
    if task == "classification":
        observed = (observed > np.median(observed)).astype(float)
        predicted, ridge = (1 / (1 + np.exp(-2 * (x - 1))) for x in (predicted, ridge))
        mean = np.full(n_genes, 0.5)
    fold_of = chrom_number % n_folds
    part = np.where(fold_of == fold, "test", "train").astype(object)
    part[fold_of == (fold + 1) % n_folds] = "validation"
    unmeasured = index % 50 == 49
    part[unmeasured] = "unmeasured"
    observed = np.where(unmeasured, np.nan, observed)
    return pd.DataFrame(
        {
            "gene_id": [f"ENSG{i:05d}.1" for i in index],
            "gene_name": ["NA" if i == 0 else f"G{i}" for i in index],
            "chrom": [CHROMS[c] for c in chrom_number],
            "tss": 1000 * index,
            "strand": np.where(index % 3 == 0, "-", "+"),
            "part": part,
            "observed": observed,
            "predicted": predicted,
            "predicted_sd": np.abs(noisy.normal(0, 0.1, n_genes)),
            "baseline:mean": mean,
            "baseline:ridge": ridge,
        }
    )


def write_run(
    path,
    *,
    table=None,
    task="regression",
    model="densenet",
    sample="K562",
    n_folds=5,
    fold=0,
    kind="chromosome",
    seed=0,
    extras=True,
):
    """Write a run folder and return its path."""
    from dexkit.evaluation.evaluate import score_predictions

    if table is None:
        table = predictions(n_folds=n_folds, fold=fold, task=task)
    path.mkdir(parents=True)
    table.to_csv(path / "predictions.tsv", sep="\t", index=False)
    split = {
        "kind": kind,
        "n_folds": n_folds,
        "fold": fold,
        "seed": seed,
        "leaky": kind == "random",
        "test_chroms": sorted(set(table.chrom[table.part == "test"])),
    }
    metrics = score_predictions(table, task, model, sample, split, n_bootstrap=50)
    metrics["seed"] = seed
    (path / "metrics.json").write_text(json.dumps(metrics))
    if extras:
        _write_extras(path)
    return path


def _write_extras(path):
    rng = np.random.default_rng(1)
    rows = []
    for member in range(3):
        for epoch in range(1, 31):
            loss = 0.3 + np.exp(-epoch / 8) + rng.normal(0, 0.02)
            rows.append(
                (
                    member,
                    epoch,
                    loss,
                    loss + 0.1 + 0.004 * epoch,
                    0.6 * (1 - np.exp(-epoch / 6)) + rng.normal(0, 0.01),
                    1e-3,
                    1.2,
                )
            )
    pd.DataFrame(
        rows,
        columns=["member", "epoch", "loss", "val_loss", "val_pearson", "learning_rate", "seconds"],
    ).to_csv(path / "history.csv", index=False)
    (path / "config.toml").write_text(
        'plugin = "densenet"\nhead = "regression"\nsample = "K562"\n\n[train]\nseed = 0\n'
    )
    (path / "plugins.lock").write_text('[dexkit-densenet]\nversion = "0.1.0"\n')
    bundle = {
        "kind": "network",
        "contract": {"blocks": ["sequence"], "upstream_bp": 1000, "downstream_bp": 1000},
        "features": {"file": "features.h5", "sha256": {"/sequence/codes": "0123abcd"}},
        "train_genes": [f"ENSG{i:05d}.1" for i in range(200)],
        "versions": {"dexkit": "0.1.0", "numpy": "2.0"},
    }
    (path / "bundle.json").write_text(json.dumps(bundle))
    rows = "".join(
        f"ENSG{i:05d}.1\tG{i}\tno expression of K562 (predicted, not scored)\n"
        for i in range(49, 300, 50)
    )
    (path / "left_out.tsv").write_text("gene_id\tgene_name\treason\n" + rows)
    (path / "log.jsonl").write_text(
        '{"time": "t", "level": "info", "message": "started"}\n'
        '{"time": "t", "level": "warning", "message": "6 genes without <expression>"}\n'
    )
