"""Make the golden run folder of one version: ``python tests/golden/make_run.py OUT``.

A tiny network on the golden feature file, trained in two steps, on contacts and sequence. As
the feature file, the run of a version is made once, by the dexkit that first writes such bundles,
and never again: later versions have to load it as it is and predict the same.
"""

import shutil
import sys
from pathlib import Path

from dexkit.workflows.fit import fit
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.predict import predict

FEATURES = Path(__file__).parent / "feature_file_v1.h5"
#: What readers of a run use, less the figures, which are drawn anew.
KEPT = (
    *("bundle.json", "model.keras", "config.toml", "plugins.lock"),
    *("features.json", "history.csv", "left_out.tsv", "metrics.json", "predictions.tsv"),
)
OPTIONS = {
    "sample": "alpha",
    "split": {"folds": 3},
    "train": {
        "recipe": "two-step",
        "epochs": 2,
        "batch_size": 8,
        "shift_bp": 5,
        "device": "cpu",
        "joint_units": [4],
    },
    "settings": {
        "densenet": {
            "stem_filters": 4,
            "stem_width_bp": 5,
            "n_blocks": 1,
            "layers_per_block": 1,
            "growth_rate": 2,
            "dense_units": [4],
        },
        "dense-contacts": {"units": [4, 3]},
    },
}


def make(out: Path) -> None:
    """Write the run folder, and beside its files what ``predict`` says of the feature file."""
    whole = out.with_name(f"{out.name}.whole")
    fit(FEATURES, FitConfig.read(None, OPTIONS), whole)
    out.mkdir()
    for name in KEPT:
        shutil.copy(whole / name, out / name)
    shutil.rmtree(whole)
    stored = out / "features.json"  # no folder of the machine that made it
    stored.write_text(stored.read_text().replace(f"{FEATURES.parent.absolute()}/", ""))
    predict(out, FEATURES, out / "predicted.tsv")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
