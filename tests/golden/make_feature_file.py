"""Make the golden feature file of one version: ``python tests/golden/make_feature_file.py OUT``.

A small simulated data set with every block, two samples and a gene that is left out. The file of a
version is made once, by the dexkit that first writes it, and never again: readers of later
versions have to read it as it is. Beside it goes a JSON file with what it holds.
"""

import contextlib
import hashlib
import json
import sys
import tempfile
from pathlib import Path

from dexkit.features.build import build_features
from dexkit.features.config import BuildConfig, ContactsSource, ExpressionSource
from dexkit.features.file import FeatureFile
from dexkit.simulate import SimulationConfig, simulate

SIMULATION = {
    "seed": 11,
    "n_chroms": 3,
    "chrom_length_bp": 200_000,
    "n_genes": 24,
    "samples": ("alpha", "beta"),
    "n_replicates": 2,
    "pairs_per_replicate": 1_500,
}


def make(out: Path) -> None:
    """Write the feature file ``out`` and what it holds beside it."""
    out = out.resolve()
    # Relative paths: the file must not tell of the machine that made it.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        data = simulate(SimulationConfig.create(**SIMULATION), Path("data"))
        config = BuildConfig(
            fasta=data.fasta,
            gtf=data.gtf,
            contacts=tuple(
                ContactsSource(sample=name, paths=paths) for name, paths in data.contacts.items()
            ),
            expression=(ExpressionSource(path=data.expression),),
            upstream_bp=120,
            downstream_bp=80,
            margin_bp=10,
            blocks=("one-hot", "kmers"),
            settings={
                "contacts": {"n_flank_bins": 6, "flip_minus": True},
                "kmers": {"k": 2, "both_strands": True},
            },
            assembly="simulated",
        )
        build_features(config, out)
    out.with_suffix(".json").write_text(json.dumps(contents(FeatureFile(out)), indent=1) + "\n")


def contents(features: FeatureFile) -> dict[str, object]:
    """Return what a reader must find in a feature file."""
    genes = features.genes
    columns = ("gene_id", "gene_name", "chrom", "tss", "strand")
    return {
        "chroms": dict(features.genome.lengths),
        "genes": {column: getattr(genes, column).tolist() for column in columns},
        "left_out": features.left_out_reason,
        "window_bp": list(features.window_bp),
        "expression_samples": features.expression_samples,
        "contact_samples": features.contact_samples,
        "arrays": {
            name: {
                "shape": list(shape),
                "dtype": dtype,
                "sha256": hashlib.sha256(features.array(name).tobytes()).hexdigest(),
                "attributes": sorted(features.array_attrs(name)),
            }
            for name, (shape, dtype) in features.arrays.items()
        },
        "n_inputs": len(features.provenance),
    }


if __name__ == "__main__":
    make(Path(sys.argv[1]))
