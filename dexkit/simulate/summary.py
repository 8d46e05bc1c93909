"""A short account of a simulated data set, as text."""

from __future__ import annotations

import shlex
from pathlib import Path

from dexkit.simulate.run import SimulatedData


def table(data: SimulatedData) -> str:
    """Return a table of the files with their content and size.

    Parameters
    ----------
    data : SimulatedData
        What was written.

    Returns
    -------
    str
        One line a file, replicates of a sample on one line.
    """
    truth = data.truth
    genes, lengths = truth["genes"], truth["chroms"].values()
    n_sites = sum(len(gene["sites"]) for gene in genes)
    n_near = sum(gene["family"] is not None for gene in genes)
    rows: list[tuple[str, str, list[Path]]] = [
        (data.fasta.name, f"{len(lengths)} chromosomes, {sum(lengths):,} bp", [data.fasta]),
        (data.gtf.name, f"{len(genes):,} genes, {n_near:,} of them near-copies", [data.gtf]),
    ]
    for sample, paths in data.contacts.items():
        planted = truth["samples"][sample]
        n_contacts = len(planted["contacts"]["gene_id"])
        content = f"{sum(planted['depths']):,} pairs, {n_contacts:,} planted contacts"
        name = paths[0].name
        if len(paths) > 1:
            name = name.replace(".rep1.", f".rep1-{len(paths)}.")
        rows.append((name, content, list(paths)))
    rows += [
        (data.expression.name, f"counts of {len(data.contacts)} samples", [data.expression]),
        (data.samples.name, "the sample sheet", [data.samples]),
        (data.truth_path.name, f"what is planted: {n_sites:,} motif sites …", [data.truth_path]),
    ]
    sizes = [sum(path.stat().st_size for path in paths) / 1e6 for _, _, paths in rows]
    width = [max(len(row[i]) for row in rows) for i in (0, 1)]
    lines = [f"simulated data in {shown(data.folder)} (seed {truth['seed']})"]
    for (name, content, _), size in zip(rows, sizes, strict=True):
        lines.append(f"  {name:<{width[0]}}  {content:<{width[1]}}  {size:6.2f} MB")
    return "\n".join(lines)


def next_command(data: SimulatedData) -> str:
    """Return the command that makes a feature file of the data."""
    fasta, gtf, samples = (
        shlex.quote(shown(path)) for path in (data.fasta, data.gtf, data.samples)
    )
    return f"dexkit build-features --fasta {fasta} --gtf {gtf} --samples {samples} -o features.h5"


def shown(path: Path) -> str:
    """Return ``path`` relative to the working directory where it lies below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
