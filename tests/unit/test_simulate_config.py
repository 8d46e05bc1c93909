"""Options of the simulator: defaults, and one clear sentence for each bad one."""

import numpy as np
import pytest

from dexkit.errors import ConfigError
from dexkit.simulate import DEFAULT_MOTIFS, MotifSpec, SimulationConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_gene": 5}, r"unknown option 'n_gene', did you mean 'n_genes'"),
        ({"n_genes": 1}, r"option 'n_genes': .* greater than or equal to 2; got 1"),
        ({"n_genes": 3}, r"3 genes cannot cover 6 chromosomes"),
        ({"n_genes": 2_000}, r"334 genes do not fit on a chromosome of 3000000 bp \(at most 298"),
        ({"samples": ()}, r"option 'samples'"),
        ({"samples": ("a", "A")}, r"sample names must differ"),
        ({"samples": ("../a",)}, r"sample name '\.\./a' cannot be part of a file name"),
        ({"samples": ("a,b",)}, r"sample name 'a,b'"),
        ({"noise": -1.0}, r"option 'noise': .* got -1\.0"),
        ({"noise": float("nan")}, r"option 'noise'"),
        ({"contact_effect": float("inf")}, r"option 'contact_effect'"),
        ({"contacts_format": "cool"}, r"option 'contacts_format': .*'mixed'; got 'cool'"),
        ({"trans_fraction": 0.9}, r"exceed 1 in sum"),
        ({"enhancer_offsets_bins": (201,)}, r"leave the window of 200 bins"),
        ({"enhancer_offsets_bins": (4, 5), "enhancer_jitter_bins": 1}, r"overlap one another"),
        ({"enhancer_offsets_bins": (1,), "enhancer_jitter_bins": 1}, r"overlap .* the TSS bin"),
        ({"motif_upstream_bp": 1_500}, r"reaches beyond the promoter of 1000 bp"),
        ({"motif_upstream_bp": 100}, r"12 motif sites .* need a zone of 480 bp; got 300 bp"),
        ({"motifs": DEFAULT_MOTIFS[:1] * 2}, r"motif names must differ"),
        ({"motifs": ({"name": "m", "consensus": "AC", "effect": 1},)}, r"'motifs\.0\.consensus'"),
        ({"motifs": ({"name": "m", "consensus": "ACGT", "effects": 1},)}, r"did you mean 'effect'"),
        ({"family_size": 9, "n_genes": 12}, r"of 9 genes does not fit into a chromosome with 2"),
        (
            {"family_size": 13, "n_genes": 12, "family_placement": "dispersed"},
            r"family of 13 genes does not fit into 12 genes; .* family_fraction to 0",
        ),
        ({"n_genes": 1, "noise": -1.0}, r"'n_genes'.*; option 'noise'"),
    ],
)
def test_bad_options_are_one_sentence(options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        SimulationConfig.create(**options)
    assert "\n" not in str(caught.value)


def test_defaults_are_valid_and_frozen():
    config = SimulationConfig.create()
    assert sum(config.genes_on_chrom()) == config.n_genes
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 2  # type: ignore[misc]


def test_ppm_follows_the_consensus():
    ppm = MotifSpec(name="m", consensus="ARNB", effect=1.0, conservation=0.9).ppm()
    np.testing.assert_allclose(ppm.sum(axis=1), 1.0)
    np.testing.assert_allclose(ppm[0], [0.9, 0.1 / 3, 0.1 / 3, 0.1 / 3])
    np.testing.assert_allclose(ppm[1], [0.45, 0.05, 0.45, 0.05])
    np.testing.assert_allclose(ppm[2], 0.25)
    np.testing.assert_allclose(ppm[3], [0.1, 0.3, 0.3, 0.3])
