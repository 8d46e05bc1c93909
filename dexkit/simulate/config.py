"""What is simulated: the options, their defaults and the rules that hold between them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dexkit.errors import ConfigError, did_you_mean

# IUPAC nucleotide codes as sets of base codes A C G T = 0 1 2 3 (NC-IUB 1984).
IUPAC: dict[str, tuple[int, ...]] = {
    **{"A": (0,), "C": (1,), "G": (2,), "T": (3,)},
    **{"R": (0, 2), "Y": (1, 3), "S": (1, 2), "W": (0, 3), "K": (2, 3), "M": (0, 1)},
    **{"B": (1, 2, 3), "D": (0, 2, 3), "H": (0, 1, 3), "V": (0, 1, 2), "N": (0, 1, 2, 3)},
}
SITE_SLOT_BP = 20  # one planted site at most in each slot of this width: sites never overlap
MIN_GENE_SPACING_BP = 10_000  # two slots of 5 kb: promoters cannot overlap, TSS bins differ
TELOMERE_BP = 1_000  # unknown bases (N) at either end of a chromosome
EDGE_BP = 10_000  # no TSS nearer than this to a chromosome end

# Every 10 kb up to 100 kb, the range found most useful in DeepExpression (Zeng 2019, sec. 3.4).
DEFAULT_OFFSETS_BINS = (2, 4, 6, 8, 10, 12, 14, 16, 18, 20)

ContactsFormat = Literal["pairs", "hicpro", "mixed"]
FamilyPlacement = Literal["tandem", "dispersed"]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class MotifSpec(BaseModel):
    """One motif that is planted into promoters.

    Parameters
    ----------
    name : str
        Unique name.
    consensus : str
        IUPAC consensus, 4 to 20 letters, read in motif orientation.
    effect : float
        Weight of one site in the promoter score; negative for a repressor.
    mean_sites : float
        Mean number of planted sites in a promoter; promoters differ more than Poisson.
    conservation : float
        Probability that a base of a site follows the consensus; the rest is spread evenly.
    sense_fraction : float
        Share of the sites that read in the direction of the gene.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, pattern=r"^\S+$")]
    consensus: Annotated[str, Field(pattern=rf"^[ACGTRYSWKMBDHVN]{{4,{SITE_SLOT_BP}}}$")]
    effect: Finite
    mean_sites: Annotated[float, Field(ge=0.0, le=20.0)] = 3.0
    conservation: Annotated[float, Field(ge=0.25, le=1.0)] = 0.97
    sense_fraction: Fraction = 0.8

    def ppm(self) -> npt.NDArray[np.float64]:
        """Return the base probabilities, shape (width, 4), columns A C G T, rows summing to 1."""
        rows = np.zeros((len(self.consensus), 4))
        for row, letter in zip(rows, self.consensus, strict=True):
            allowed = list(IUPAC[letter])
            if len(allowed) == 4:
                row[:] = 0.25
                continue
            row[:] = (1.0 - self.conservation) / (4 - len(allowed))
            row[allowed] = self.conservation / len(allowed)
        return rows


# Shapes of well-known vertebrate motifs (ETS family, NRF1, GFI1, AP-1), so that motif comparison
# against a public collection has something to find. Effects and frequencies are invented.
DEFAULT_MOTIFS = (
    MotifSpec(name="ETS", consensus="ACCGGAAGTG", effect=1.0),
    MotifSpec(name="NRF1", consensus="TGCGCATGCGCA", effect=0.8),
    MotifSpec(name="GFI1", consensus="AAATCACAGC", effect=-0.8),
    MotifSpec(name="AP1", consensus="RTGACTCAY", effect=-0.6),
)


class SimulationConfig(BaseModel):
    """Options of a simulated data set. Use :meth:`create` to get sentences as errors.

    Parameters
    ----------
    seed : int
        Seed of everything random; the same options give byte-identical files.
    n_chroms, chrom_length_bp : int
        Chromosomes ``chr1`` … and the length of each, in base pairs.
    n_genes : int
        Genes in all, spread evenly over the chromosomes, both strands.
    samples : tuple of str
        Names of the samples.
    n_replicates : int
        HiChIP replicates of each sample.
    pairs_per_replicate : int
        Mean number of valid pairs of a replicate; replicates have unequal depth.
    contacts_format : {"pairs", "hicpro", "mixed"}
        4DN ``.pairs``, HiC-Pro ``allValidPairs``, or the two in turn over the samples.
    motifs : tuple of MotifSpec
        Motifs planted into the promoters.
    motif_upstream_bp, motif_downstream_bp : int
        Zone of the planted sites on either side of the TSS, in base pairs.
    promoter_bp : int
        Half width of the promoter that families share and whose GC content varies.
    gc_mean, gc_sd : float
        Mean and standard deviation of the promoters' GC content.
    gc_effect : float
        Weight of the standardised GC content against the standardised motif score.
    promoter_effect : float
        Change of log10 expression for one standard deviation of the promoter score.
    contact_effect : float
        Change of log10 expression for one standard deviation of the contact score.
    noise : float
        Standard deviation of the Gaussian noise on log10 expression.
    shared_noise_fraction : float
        Share of the noise variance that all samples have in common.
    base_log10_mean : float
        log10 of the expected count of an average gene.
    zero_fraction : float
        Share of the genes, those with the lowest mean in a sample, whose count is set to 0.
    bin_size_bp, n_flank_bins : int
        Bins in which contacts are planted and the farthest offset allowed.
    enhancer_offsets_bins : tuple of int
        Characteristic distances: an enhancer slot lies this many bins on either side of a TSS bin.
    enhancer_jitter_bins : int
        An enhancer lies at most this many bins away from the middle of its slot.
    enhancer_fraction : float
        Share of the pairs that come from planted contacts.
    anchor_fraction : float
        Share of the pairs that are background anchored at a TSS bin (the HiChIP enrichment).
    trans_fraction : float
        Share of the pairs between two chromosomes.
    sample_specific_contacts : float
        Share of the enhancer slots that are drawn anew for each sample.
    family_fraction : float
        Share of the genes that belong to a family of near-copies.
    family_size : int
        Genes in a family.
    family_divergence : float
        Probability that a base of a copied promoter differs from the family's first member.
    family_effect : float
        Standard deviation of the log10 expression offset that a family has in common.
    family_placement : {"tandem", "dispersed"}
        Members side by side on one chromosome, or anywhere.

    Raises
    ------
    pydantic.ValidationError
        When an option is unknown or out of range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: Annotated[int, Field(ge=0)] = 1
    n_chroms: Annotated[int, Field(ge=1, le=99)] = 6
    chrom_length_bp: Annotated[int, Field(ge=100_000, le=250_000_000)] = 3_000_000
    n_genes: Annotated[int, Field(ge=2, le=100_000)] = 600
    samples: Annotated[tuple[str, ...], Field(min_length=1)] = ("alpha", "beta", "gamma")
    n_replicates: Annotated[int, Field(ge=1, le=20)] = 2
    pairs_per_replicate: Annotated[int, Field(ge=100, le=50_000_000)] = 100_000
    contacts_format: ContactsFormat = "mixed"

    motifs: tuple[MotifSpec, ...] = DEFAULT_MOTIFS
    motif_upstream_bp: Annotated[int, Field(ge=0, le=2_000)] = 600
    motif_downstream_bp: Annotated[int, Field(ge=0, le=2_000)] = 200
    promoter_bp: Annotated[int, Field(ge=100, le=2_500)] = 1_000
    gc_mean: Annotated[float, Field(ge=0.2, le=0.8)] = 0.45
    gc_sd: Annotated[float, Field(ge=0.0, le=0.1)] = 0.04
    gc_effect: Finite = 0.5

    promoter_effect: Finite = 0.4
    contact_effect: Finite = 0.4
    noise: Annotated[float, Field(ge=0.0, le=5.0)] = 0.2
    shared_noise_fraction: Fraction = 0.5
    base_log10_mean: Annotated[float, Field(ge=-3.0, le=6.0)] = 2.0
    zero_fraction: Annotated[float, Field(ge=0.0, le=0.9)] = 0.02

    bin_size_bp: Annotated[int, Field(ge=1_000, le=5_000)] = 5_000
    n_flank_bins: Annotated[int, Field(ge=2, le=2_000)] = 200
    enhancer_offsets_bins: tuple[Annotated[int, Field(ge=1)], ...] = (*range(2, 21, 2),)
    enhancer_jitter_bins: Annotated[int, Field(ge=0, le=20)] = 0
    enhancer_fraction: Annotated[float, Field(ge=0.0, le=0.9)] = 0.35
    anchor_fraction: Fraction = 0.35
    trans_fraction: Fraction = 0.1
    sample_specific_contacts: Fraction = 0.3

    family_fraction: Fraction = 0.1
    family_size: Annotated[int, Field(ge=2, le=100)] = 3
    family_divergence: Annotated[float, Field(ge=0.0, le=0.5)] = 0.03
    family_effect: Annotated[float, Field(ge=0.0, le=5.0)] = 0.4
    family_placement: FamilyPlacement = "tandem"

    @classmethod
    def create(cls, **options: Any) -> Self:
        """Check the options and build the configuration.

        Parameters
        ----------
        **options
            Fields of the class; what is left out keeps its default.

        Returns
        -------
        SimulationConfig
            The frozen configuration.

        Raises
        ------
        ConfigError
            One sentence that names every option that is unknown or has a bad value.
        """
        try:
            return cls(**options)
        except ValidationError as error:
            parts = [_sentence(dict(e), cls.model_fields) for e in error.errors()]
            raise ConfigError(f"cannot simulate: {'; '.join(parts)}") from None

    def genes_on_chrom(self) -> list[int]:
        """Return how many genes each chromosome carries."""
        share, rest = divmod(self.n_genes, self.n_chroms)
        return [share + (i < rest) for i in range(self.n_chroms)]

    @model_validator(mode="after")
    def _check_samples(self) -> Self:
        bad = [s for s in self.samples if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", s)]
        if bad:
            raise ValueError(
                f"sample name {bad[0]!r} cannot be part of a file name; "
                "expected letters, digits, '.', '_' and '-'"
            )
        if len({s.lower() for s in self.samples}) < len(self.samples):
            raise ValueError(f"sample names must differ; got {', '.join(self.samples)}")
        return self

    @model_validator(mode="after")
    def _check_room(self) -> Self:
        room = (self.chrom_length_bp - 2 * EDGE_BP) // MIN_GENE_SPACING_BP
        most = max(self.genes_on_chrom())
        if most > room:
            raise ValueError(
                f"{most} genes do not fit on a chromosome of {self.chrom_length_bp} bp "
                f"(at most {room}, one in {MIN_GENE_SPACING_BP} bp); "
                "ask for fewer genes, more or longer chromosomes"
            )
        if self.n_genes < self.n_chroms:
            raise ValueError(f"{self.n_genes} genes cannot cover {self.n_chroms} chromosomes")
        return self

    @model_validator(mode="after")
    def _check_promoter(self) -> Self:
        if len({m.name for m in self.motifs}) < len(self.motifs):
            raise ValueError("motif names must differ")
        if max(self.motif_upstream_bp, self.motif_downstream_bp) > self.promoter_bp:
            raise ValueError(
                f"the zone of motif sites (-{self.motif_upstream_bp} to "
                f"+{self.motif_downstream_bp} bp) reaches beyond the promoter "
                f"of {self.promoter_bp} bp on either side"
            )
        n_slots = (self.motif_upstream_bp + self.motif_downstream_bp) // SITE_SLOT_BP
        n_sites = sum(m.mean_sites for m in self.motifs)
        if 2 * n_sites > n_slots:
            raise ValueError(
                f"{n_sites:g} motif sites for each promoter need a zone of "
                f"{2 * SITE_SLOT_BP * n_sites:g} bp; got {n_slots * SITE_SLOT_BP} bp; "
                "widen motif_upstream_bp or lower mean_sites"
            )
        return self

    @model_validator(mode="after")
    def _check_contacts(self) -> Self:
        if self.enhancer_fraction + self.anchor_fraction + self.trans_fraction > 1.0:
            raise ValueError(
                "enhancer_fraction, anchor_fraction and trans_fraction exceed 1 in sum"
            )
        farthest = max(self.enhancer_offsets_bins, default=0) + self.enhancer_jitter_bins
        if farthest > self.n_flank_bins:
            raise ValueError(
                f"enhancers up to {farthest} bins away leave the window of "
                f"{self.n_flank_bins} bins; lower enhancer_offsets_bins or raise n_flank_bins"
            )
        gaps = np.diff(sorted(self.enhancer_offsets_bins))
        nearest = min(self.enhancer_offsets_bins, default=self.enhancer_jitter_bins + 1)
        if (gaps <= 2 * self.enhancer_jitter_bins).any() or nearest <= self.enhancer_jitter_bins:
            raise ValueError(
                f"enhancer_offsets_bins {self.enhancer_offsets_bins} overlap one another or the "
                f"TSS bin with a jitter of {self.enhancer_jitter_bins} bins; put them further apart"
            )
        return self

    @model_validator(mode="after")
    def _check_families(self) -> Self:
        tandem = self.family_placement == "tandem"
        room = min(self.genes_on_chrom()) if tandem else self.n_genes
        if self.family_fraction > 0 and self.family_size > room:
            where = f"a chromosome with {room} genes" if tandem else f"{room} genes"
            raise ValueError(
                f"a family of {self.family_size} genes does not fit into {where}; "
                "ask for more genes, lower family_size, or set family_fraction to 0"
            )
        return self


def _sentence(error: dict[str, Any], fields: dict[str, Any]) -> str:
    """Turn one pydantic error into a sentence part that names the option and the value."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = MotifSpec.model_fields if len(error["loc"]) > 1 else fields
        return f"unknown option {where!r}, {did_you_mean(str(error['loc'][-1]), known)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    if not where:
        return message
    message = message[:1].lower() + message[1:]
    return f"option {where!r}: {message}; got {error['input']!r}"
