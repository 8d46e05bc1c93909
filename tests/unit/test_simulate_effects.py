"""Options switch effects on and off, and the planted effects can be learned."""

import numpy as np
import pytest
from typer.testing import CliRunner

from dexkit.errors import OutputError
from dexkit.simulate import SimulationConfig, load_simulation
from dexkit.simulate.contacts import (
    contact_scores,
    draw_pairs,
    plant_contacts,
    replicate_depths,
)
from dexkit.simulate.expression import make_expression
from dexkit.simulate.layout import lay_out
from dexkit.simulate.promoters import make_promoters
from dexkit.simulate.streams import stream

PENALTY = 0.6
FLANK = 30  # bins on either side; planted contacts lie within 20


class Drawn:
    """Everything that is drawn for one configuration, without files."""

    def __init__(self, **options):
        self.config = SimulationConfig.create(**options)
        self.layout = lay_out(self.config)
        self.promoters = make_promoters(self.config, self.layout)
        self.planted = plant_contacts(self.config, self.layout)
        self.score = contact_scores(self.planted, self.config.n_genes)
        self.expression = make_expression(
            self.config, self.layout, self.promoters.score, self.score
        )

    def log_counts(self, sample=0):
        return np.log10(self.expression.counts[:, sample] + 1.0)

    def kmers(self, k=4):
        codes = self.promoters.codes.astype(np.int64)
        n = codes.shape[1] - k + 1
        words = sum(codes[:, i : i + n] * 4 ** (k - 1 - i) for i in range(k))
        return np.stack([np.bincount(row, minlength=4**k) for row in words])

    def contact_rows(self, sample=0):
        """log2(1 + mean normalised counts) of the TSS bins, counted from the drawn pairs."""
        config, size = self.config, self.config.bin_size_bp
        depths = replicate_depths(config)[sample]
        rows = np.full((config.n_chroms, config.chrom_length_bp // size + 1), -1)
        rows[self.layout.chrom_index, self.layout.genes.tss // size] = np.arange(config.n_genes)
        total = np.zeros((config.n_genes, 2 * FLANK + 1))
        for k, depth in enumerate(depths):
            rng = stream(config.seed, "pairs", sample, k)
            pairs = draw_pairs(config, self.layout, self.planted[sample], int(depth), rng)
            cis = pairs.chrom1 == pairs.chrom2
            chrom, a, b = pairs.chrom1[cis], pairs.pos1[cis] // size, pairs.pos2[cis] // size
            for here, there in ((a, b), (b, a)):
                row, offset = rows[chrom, here], there - here
                keep = (row >= 0) & (np.abs(offset) <= FLANK) & (offset != 0)
                np.add.at(total, (row[keep], offset[keep] + FLANK), depths.min() / depth)
        return np.log2(1.0 + total / len(depths))

    def out_of_fold(self, features, sample=0):
        """Pearson of chromosome-held-out ridge predictions (penalty: PENALTY x features)."""
        y, predicted = self.log_counts(sample), np.zeros(self.config.n_genes)
        for chrom in range(self.config.n_chroms):
            test = self.layout.chrom_index == chrom
            x = features[~test]
            mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
            x, x_test = (x - mean) / spread, (features[test] - mean) / spread
            gram = x @ x.T + PENALTY * x.shape[1] * np.eye(len(x))
            weight = np.linalg.solve(gram, y[~test] - y[~test].mean())
            predicted[test] = y[~test].mean() + x_test @ x.T @ weight
        return np.corrcoef(predicted, y)[0, 1]


@pytest.fixture(scope="module")
def both():
    return Drawn(samples=("a", "b"))


@pytest.fixture(scope="module")
def no_contacts():
    return Drawn(samples=("a", "b"), contact_effect=0.0)


@pytest.fixture(scope="module")
def no_promoter():
    return Drawn(samples=("a", "b"), promoter_effect=0.0, family_fraction=0.0)


def test_sequence_is_learnable_in_part(both, no_promoter):
    assert 0.4 < both.out_of_fold(both.kmers()) < 0.75
    assert abs(no_promoter.out_of_fold(no_promoter.kmers())) < 0.15


def test_contacts_add_to_sequence_only_when_they_act(both, no_contacts):
    for drawn, low, high in ((both, 0.12, 1.0), (no_contacts, -0.15, 0.02)):
        kmers, rows = drawn.kmers(), drawn.contact_rows()
        gain = drawn.out_of_fold(np.hstack([kmers, rows])) - drawn.out_of_fold(kmers)
        assert low < gain < high
    assert both.out_of_fold(both.contact_rows()) > 0.4
    assert abs(no_contacts.out_of_fold(no_contacts.contact_rows())) < 0.15


def test_switching_an_effect_off_leaves_all_else_alone(both, no_contacts):
    np.testing.assert_array_equal(both.promoters.codes, no_contacts.promoters.codes)
    np.testing.assert_array_equal(both.score, no_contacts.score)
    np.testing.assert_array_equal(both.expression.noise, no_contacts.expression.noise)
    assert not no_contacts.expression.contact_part.any()
    np.testing.assert_allclose(
        both.expression.log10_mean - both.expression.contact_part,
        no_contacts.expression.log10_mean,
    )


def test_scores_are_standardised(both):
    for score in (both.promoters.score, both.score):
        assert score.mean() == pytest.approx(0.0, abs=1e-9)
        assert score.std() == pytest.approx(1.0)


def test_noise_and_zeros_are_as_asked(both):
    expression = both.expression
    assert expression.noise.std() == pytest.approx(both.config.noise, rel=0.1)
    between = np.corrcoef(expression.noise.T)[0, 1]
    assert between == pytest.approx(both.config.shared_noise_fraction, abs=0.1)
    assert expression.silenced.sum(axis=0).tolist() == [12, 12]  # 0.02 * 600
    assert not expression.counts[expression.silenced].any()
    assert not Drawn(n_genes=60, noise=0.0).expression.noise.any()


@pytest.mark.parametrize(
    ("share", "low", "high"), [(0.0, 1.0, 1.0), (0.3, 0.5, 0.95), (1.0, -0.2, 0.2)]
)
def test_samples_differ_by_the_share_asked_for(share, low, high):
    drawn = Drawn(samples=("a", "b"), sample_specific_contacts=share)
    between = np.corrcoef(drawn.score.T)[0, 1]
    assert low - 1e-9 <= between <= high + 1e-9
    for planted in drawn.planted:
        assert planted.shared.mean() == pytest.approx(1.0 - share, abs=0.05)


def test_without_contacts_or_motifs_the_scores_are_zero():
    drawn = Drawn(n_genes=60, enhancer_offsets_bins=(), motifs=(), gc_effect=0.0)
    assert not drawn.score.any()
    assert not drawn.promoters.score.any()
    assert not drawn.promoters.sites
    pairs = draw_pairs(drawn.config, drawn.layout, drawn.planted[0], 500, np.random.default_rng(0))
    assert len(pairs) == 500


def test_one_chromosome_has_no_trans_pairs():
    drawn = Drawn(n_genes=20, n_chroms=1, chrom_length_bp=300_000)
    pairs = draw_pairs(
        drawn.config, drawn.layout, drawn.planted[0], 2_000, np.random.default_rng(0)
    )
    assert len(pairs) == 2_000
    assert (pairs.chrom1 == pairs.chrom2).all()
    for position in (pairs.pos1, pairs.pos2):
        assert ((position >= 0) & (position < 300_000)).all()


def test_distance_decay_follows_a_power_law():
    drawn = Drawn(n_genes=18, enhancer_fraction=0.0, anchor_fraction=0.0, trans_fraction=0.0)
    pairs = draw_pairs(
        drawn.config, drawn.layout, drawn.planted[0], 50_000, np.random.default_rng(0)
    )
    distance = pairs.pos2 - pairs.pos1
    assert distance.min() >= 1_000
    decades = np.histogram(np.log10(distance), bins=[3, 4, 5, 6])[0] / len(distance)
    np.testing.assert_allclose(decades, 1 / 3, atol=0.02)  # density 1 / d: equal in each decade


def test_dispersed_families_cross_chromosomes():
    options = {"family_fraction": 0.5, "family_size": 4}
    for placement, crosses in (("tandem", False), ("dispersed", True)):
        drawn = Drawn(n_genes=120, family_placement=placement, **options)
        family, chrom = drawn.layout.family, drawn.layout.chrom_index
        assert (family >= 0).sum() == 60
        assert crosses == any(
            len(set(chrom[family == f].tolist())) > 1 for f in range(family.max() + 1)
        )


def test_near_copies_leak_into_a_random_split():
    drawn = Drawn(family_fraction=0.9, family_effect=0.8, samples=("a",))
    kmers, y = drawn.kmers(), drawn.log_counts()
    x = (kmers - kmers.mean(axis=0)) / kmers.std(axis=0)
    distance = (x**2).sum(axis=1)[:, None] + (x**2).sum(axis=1) - 2 * x @ x.T
    np.fill_diagonal(distance, np.inf)
    anywhere = np.corrcoef(y[distance.argmin(axis=1)], y)[0, 1]
    distance[drawn.layout.chrom_index[:, None] == drawn.layout.chrom_index] = np.inf
    elsewhere = np.corrcoef(y[distance.argmin(axis=1)], y)[0, 1]
    assert anywhere > elsewhere + 0.3


# --- command line -------------------------------------------------------------------------------


@pytest.fixture
def app():
    import typer

    from dexkit.cli.simulate import simulate_command

    app = typer.Typer()
    app.command()(simulate_command)
    return app


def test_command_writes_and_names_the_next_step(app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["-o", "data", "--n-genes", "12", "--chrom-length-bp", "100000"]
    arguments += ["--pairs-per-replicate", "200", "--samples", "x, y", "--seed", "3"]
    arguments += ["--contact-effect", "0", "--family-fraction", "0"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "12 genes" in result.stdout
    assert "x.rep1-2.pairs.gz" in result.stdout
    assert (
        "next: dexkit build-features --fasta data/genome.fa.gz --gtf data/genes.gtf.gz "
        "--samples data/samples.tsv -o features.h5"
    ) in result.stdout
    config = load_simulation(tmp_path / "data").truth["config"]
    assert (config["seed"], config["samples"], config["contact_effect"]) == (3, ["x", "y"], 0.0)
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, OutputError)
    assert CliRunner().invoke(app, [*arguments, "--force"]).exit_code == 0


def test_help_names_every_option(app):
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    for option in ("--promoter-effect", "--contact-effect", "--noise", "--family-fraction"):
        assert option in text
