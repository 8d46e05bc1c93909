"""What was planted, as plain data for ``truth.json``."""

from __future__ import annotations

from typing import Any

import numpy as np

from dexkit import __version__
from dexkit.simulate.config import SimulationConfig
from dexkit.simulate.contacts import Floats, Ints, PlantedContacts
from dexkit.simulate.expression import Expression
from dexkit.simulate.layout import Layout
from dexkit.simulate.promoters import Promoters

TRUTH_FORMAT = "dexkit-simulation"
TRUTH_VERSION = 1
DECIMALS = 6


def describe(
    config: SimulationConfig,
    layout: Layout,
    promoters: Promoters,
    planted: list[PlantedContacts],
    contact_score: Floats,
    expression: Expression,
    depths: Ints,
    files: dict[str, Any],
) -> dict[str, Any]:
    """Gather the planted truth (see ``docs/simulation.md`` for every key).

    Parameters
    ----------
    config, layout, promoters, planted, expression
        What was drawn.
    contact_score : ndarray of shape (n_genes, n_samples), dtype float64
        Standardised contact scores.
    depths : ndarray of shape (n_samples, n_replicates), dtype int64
        Pairs of each replicate.
    files : dict
        Names of the files by role.

    Returns
    -------
    dict
        Plain data: dicts, lists, strings and numbers.
    """
    return {
        "format": TRUTH_FORMAT,
        "format_version": TRUTH_VERSION,
        "generated_by": f"dexkit {__version__}",
        "coordinates": "0-based, half-open; offset_bp and offset_bins count from the TSS",
        "seed": config.seed,
        "config": config.model_dump(mode="json"),
        "files": files,
        "chroms": dict(layout.genome.lengths),
        "motifs": [
            {"name": m.name, "consensus": m.consensus, "effect": m.effect, "ppm": _round(m.ppm())}
            for m in config.motifs
        ],
        "genes": _genes(config, layout, promoters, expression),
        "families": _families(layout, expression),
        "samples": {
            name: _sample(i, layout, planted[i], contact_score, expression, depths)
            for i, name in enumerate(config.samples)
        },
    }


def _round(values: Any) -> Any:
    """Return an array as nested lists of rounded floats."""
    return np.round(values, DECIMALS).tolist()


def _genes(
    config: SimulationConfig, layout: Layout, promoters: Promoters, expression: Expression
) -> list[dict[str, Any]]:
    """Return one record for each gene, with its sites."""
    sites: list[list[dict[str, Any]]] = [[] for _ in range(len(layout.genes))]
    genes = list(layout.genes)
    for site in promoters.sites:
        gene, width = genes[site.gene], len(site.codes)
        forward = gene.strand == "+"
        start = gene.tss + site.offset_bp if forward else gene.tss - site.offset_bp - width + 1
        sites[site.gene].append(
            {
                "motif": config.motifs[site.motif].name,
                "offset_bp": site.offset_bp,
                "strand": "+" if site.sense else "-",
                "start": start,
                "end": start + width,
                "genomic_strand": "+" if site.sense == forward else "-",
                "sequence": "".join("ACGT"[c] for c in site.codes.tolist()),
            }
        )
    return [
        {
            "gene_id": gene.gene_id,
            "gene_name": gene.gene_name,
            "chrom": gene.chrom,
            "tss": gene.tss,
            "strand": gene.strand,
            "tss_bin": gene.tss // config.bin_size_bp,
            "family": None if layout.family[i] < 0 else int(layout.family[i]),
            "gc": _round(promoters.gc[i]),
            "motif_score": _round(promoters.motif_score[i]),
            "promoter_score": _round(promoters.score[i]),
            "promoter_effect": _round(expression.promoter_part[i]),
            "family_offset": _round(expression.family_offset[i]),
            "sites": sites[i],
        }
        for i, gene in enumerate(genes)
    ]


def _families(layout: Layout, expression: Expression) -> list[dict[str, Any]]:
    """Return the families with their members; the first is the one that was copied."""
    families = []
    for number in range(int(layout.family.max(initial=-1)) + 1):
        members = np.flatnonzero(layout.family == number)
        families.append(
            {
                "family": number,
                "genes": layout.genes.gene_id[members].tolist(),
                "offset": _round(expression.family_offset[members[0]]),
            }
        )
    return families


def _sample(
    i: int,
    layout: Layout,
    planted: PlantedContacts,
    contact_score: Floats,
    expression: Expression,
    depths: Ints,
) -> dict[str, Any]:
    """Return what was planted in one sample, as columns."""
    return {
        "depths": depths[i].tolist(),
        "genes": {
            "gene_id": layout.genes.gene_id.tolist(),
            "contact_score": _round(contact_score[:, i]),
            "contact_effect": _round(expression.contact_part[:, i]),
            "noise": _round(expression.noise[:, i]),
            "log10_mean": _round(expression.log10_mean[:, i]),
            "count": expression.counts[:, i].tolist(),
            "silenced": expression.silenced[:, i].tolist(),
        },
        "contacts": {
            "gene_id": layout.genes.gene_id[planted.gene].tolist(),
            "enhancer_bin": planted.enhancer_bin.tolist(),
            "offset_bins": planted.offset_bins.tolist(),
            "strength": _round(planted.strength),
            "expected_pairs": _round(planted.expected_pairs),
            "shared": planted.shared.tolist(),
        },
    }
