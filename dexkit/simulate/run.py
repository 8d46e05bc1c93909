"""Draw a data set and write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dexkit.progress import progress_bar
from dexkit.simulate.config import SimulationConfig
from dexkit.simulate.contacts import contact_scores, draw_pairs, plant_contacts, replicate_depths
from dexkit.simulate.expression import make_expression
from dexkit.simulate.files import (
    write_expression,
    write_fasta,
    write_gtf,
    write_hicpro,
    write_pairs,
    write_samples,
    write_text,
)
from dexkit.simulate.folder import TRUTH_NAME, check_output, new_folder, read_truth
from dexkit.simulate.layout import lay_out
from dexkit.simulate.promoters import make_chromosomes, make_promoters
from dexkit.simulate.streams import stream
from dexkit.simulate.truth import describe

SUFFIX = {"pairs": "pairs.gz", "hicpro": "allValidPairs.gz"}


@dataclass(frozen=True)
class SimulatedData:
    """A simulated data set on the disk.

    Parameters
    ----------
    folder : Path
        Where it lies.
    fasta, gtf, expression, samples, truth_path : Path
        bgzip FASTA (indexed), gzip GTF, count table, sample sheet, truth.
    contacts : mapping of str to tuple of Path
        HiChIP replicates by sample.
    truth : mapping of str to object
        Content of ``truth.json``; see ``docs/simulation.md``.
    """

    folder: Path
    fasta: Path
    gtf: Path
    expression: Path
    samples: Path
    truth_path: Path
    contacts: Mapping[str, tuple[Path, ...]]
    truth: Mapping[str, Any]


def simulate(config: SimulationConfig, out: Path, force: bool = False) -> SimulatedData:
    """Draw a small genome with planted truth and write it into a new folder.

    Parameters
    ----------
    config : SimulationConfig
        The options; see :meth:`SimulationConfig.create`.
    out : Path
        The folder to write. It appears whole or not at all.
    force : bool
        Replace an earlier simulation.

    Returns
    -------
    SimulatedData
        Paths and truth.

    Raises
    ------
    OutputError
        When the folder exists (without ``force``), holds anything but a simulation, or cannot be
        written.
    """
    out = Path(out).absolute()
    check_output(out, force)
    layout = lay_out(config)
    promoters = make_promoters(config, layout)
    planted = plant_contacts(config, layout)
    score = contact_scores(planted, config.n_genes)
    expression = make_expression(config, layout, promoters.score, score)
    depths = replicate_depths(config)
    files = _name_files(config)
    names, lengths = list(layout.genome.lengths), list(layout.genome.lengths.values())
    with (
        new_folder(out) as folder,
        progress_bar("simulating", total=1 + int(depths.size)) as advance,
    ):
        write_fasta(folder / files["fasta"], make_chromosomes(config, layout, promoters))
        write_gtf(folder / files["gtf"], config, layout)
        advance(1)
        for i, replicates in enumerate(files["contacts"].values()):
            for k, name in enumerate(replicates):
                rng = stream(config.seed, "pairs", i, k)
                pairs = draw_pairs(config, layout, planted[i], int(depths[i, k]), rng)
                if name.endswith(SUFFIX["pairs"]):
                    write_pairs(folder / name, pairs, names, lengths)
                else:
                    write_hicpro(folder / name, pairs, names)
                advance(1)
        write_expression(folder / files["expression"], layout, config.samples, expression.counts)
        write_samples(folder / files["samples"], files["contacts"], files["expression"])
        truth = describe(config, layout, promoters, planted, score, expression, depths, files)
        write_text(folder / TRUTH_NAME, json.dumps(truth, separators=(",", ":")) + "\n")
    return _data(out, truth)


def load_simulation(folder: Path) -> SimulatedData:
    """Open a data set that :func:`simulate` wrote.

    Parameters
    ----------
    folder : Path
        Where it lies.

    Returns
    -------
    SimulatedData
        Paths and truth.

    Raises
    ------
    InputError
        When there is no simulation in the folder.
    FormatError
        When its truth cannot be read.
    """
    folder = Path(folder).absolute()
    return _data(folder, read_truth(folder))


def _name_files(config: SimulationConfig) -> dict[str, Any]:
    """Return the file names by role."""
    contacts = {}
    for i, sample in enumerate(config.samples):
        kind = config.contacts_format
        if kind == "mixed":
            kind = "pairs" if i % 2 == 0 else "hicpro"
        contacts[sample] = [
            f"{sample}.rep{k + 1}.{SUFFIX[kind]}" for k in range(config.n_replicates)
        ]
    return {
        "fasta": "genome.fa.gz",
        "fasta_fai": "genome.fa.gz.fai",
        "fasta_gzi": "genome.fa.gz.gzi",
        "gtf": "genes.gtf.gz",
        "expression": "expression.tsv",
        "samples": "samples.tsv",
        "truth": TRUTH_NAME,
        "contacts": contacts,
    }


def _data(folder: Path, truth: dict[str, Any]) -> SimulatedData:
    """Turn the file names of a truth into paths."""
    files = truth["files"]
    return SimulatedData(
        folder=folder,
        fasta=folder / files["fasta"],
        gtf=folder / files["gtf"],
        expression=folder / files["expression"],
        samples=folder / files["samples"],
        truth_path=folder / files["truth"],
        contacts={s: tuple(folder / n for n in names) for s, names in files["contacts"].items()},
        truth=truth,
    )
