"""Baselines on the features of the paper, beside bare scikit-learn with fixed hyper-parameters.

Every fit runs in a fresh process, so that its peak memory is its own. A baseline chooses its
hyper-parameters by inner folds and fits them; the row below it is one fit of the estimator of
scikit-learn on the same matrix. CPU seconds are of all threads: with two idle cores, a baseline
takes between half of them and all of them, by how much of it runs side by side. At full size svm
stands alone: the time of scikit-learn's exact SVC grows with the square of the genes.

    python benchmarks/bench_baselines.py [--size full] [--names random-forest,gradient-boosting]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import bench
import numpy as np

LENGTH_BP, N_BINS = 2_000, 401
N_GENES = {"small": 1_000, "full": 20_000}
CLASSES = ("svm", "random-forest-classifier")
NAMES = (
    "linear",
    "lasso",
    "elastic-net",
    "random-forest",
    "gradient-boosting",
    "svm",
    "random-forest-classifier",
)


def bare(name: str) -> Any:
    """The estimator of scikit-learn, with hyper-parameters that the baselines often choose."""
    from sklearn.ensemble import (
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.linear_model import ElasticNet, Lasso, LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    forest = {"max_features": 0.1, "min_samples_leaf": 3, "n_jobs": -1, "random_state": 0}
    made = {
        "linear": lambda: LinearRegression(),
        "lasso": lambda: Lasso(0.03),
        "elastic-net": lambda: ElasticNet(0.05, l1_ratio=0.5),
        "random-forest": lambda: RandomForestRegressor(300, **forest),
        "gradient-boosting": lambda: HistGradientBoostingRegressor(
            max_iter=100, max_leaf_nodes=16, early_stopping=False, random_state=0
        ),
        "svm": lambda: SVC(probability=False),
        "random-forest-classifier": lambda: RandomForestClassifier(300, **forest),
    }[name]()
    return (
        make_pipeline(StandardScaler(), made) if name in ("lasso", "elastic-net", "svm") else made
    )


def data(n_genes: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Promoters of varied GC content and contact profiles; both move the target, with noise."""
    rng = np.random.default_rng(1)
    gc = rng.beta(8, 8, n_genes)
    codes = np.empty((n_genes, LENGTH_BP), np.uint8)
    for row, share in zip(codes, gc, strict=True):
        row[:] = rng.choice(
            4, LENGTH_BP, p=[(1 - share) / 2, share / 2, share / 2, (1 - share) / 2]
        )
    contacts = rng.standard_normal((n_genes, N_BINS), dtype=np.float32)
    near = contacts[:, N_BINS // 2 - 3 : N_BINS // 2 + 4].mean(axis=1) * np.sqrt(7)
    signal = (gc - gc.mean()) / gc.std() + 0.7 * near + 0.5 * near * (gc > 0.5)
    return {"sequence": codes, "contacts": contacts}, signal + rng.standard_normal(n_genes)


def run(contestant: str, size: str) -> dict[str, Any]:
    """Fit one contestant; the features of scikit-learn are made before its clock starts."""
    from dexkit.hooks import plugins

    kind, _, name = contestant.partition(" ")
    blocks, y = data(N_GENES[size])
    if name in CLASSES:
        y = (y > np.median(y)).astype(np.float64)
    entry = plugins().baseline(name)
    config = entry.config()
    if kind == "dexkit":
        model = entry.build(config, 0)
    else:
        from dexkit_baselines.features import feature_matrix

        dtype = np.float64 if name == "gradient-boosting" else np.float32
        model, features = bare(name), feature_matrix(blocks, config, dtype)
    begin, cpu = time.perf_counter(), time.process_time()
    model.fit(blocks if kind == "dexkit" else features, y)
    took = {"wall_s": time.perf_counter() - begin, "cpu_s": time.process_time() - cpu}
    chosen = model.describe() if kind == "dexkit" else {}
    return {"contestant": contestant, **took, "peak_mb": bench.peak_mb(), "chosen": chosen}


def main() -> None:
    """Run every contestant in a process of its own, print the table and keep it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=tuple(N_GENES), default="small")
    parser.add_argument("--names", default=",".join(NAMES), help="baselines, joined by commas")
    parser.add_argument("--only", help="run this contestant alone and print its record")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(run(options.only, options.size)))
        return
    facts = bench.environment(options.size)
    if options.names != ",".join(NAMES):
        facts["command"] += f" --names {options.names}"
    print(f"{facts['cpu']}, {facts['cores']} cores; Python {facts['python']}")
    print(f"{N_GENES[options.size]:,} genes, 4,096 6-mers and {N_BINS} bins")
    print(f"{'':<38}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}")
    fits = []
    for name in options.names.split(","):
        for kind in ("dexkit", "scikit-learn"):
            if (kind, name, options.size) == ("scikit-learn", "svm", "full"):
                continue
            command = [sys.executable, sys.argv[0], "--size", options.size]
            done = subprocess.run(
                [*command, "--only", f"{kind} {name}"], capture_output=True, text=True, check=True
            )
            record = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{record['contestant']:<38}{record['cpu_s']:>9.1f}{record['wall_s']:>9.1f}"
                f"{record['peak_mb']:>9.0f}",
                flush=True,
            )
            fits.append(record)
            bench.save({**facts, "fits": fits})


if __name__ == "__main__":
    main()
