"""Reconcile the chromosome names of a contact file with those of the FASTA."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from dexkit.errors import FormatError
from dexkit.genome import Genome
from dexkit.io.chroms import ChromMap, complete_alias, reconcile
from dexkit.io.contacts.head import Head, split_line
from dexkit.io.contacts.reading import Reading

_SAMPLE_BYTES = 1 << 18  # some 4,000 pairs: enough to see how chromosomes are named


def chrom_map(
    head: Head,
    reading: Reading,
    genome: Genome,
    alias: Mapping[str, str],
    path: str | os.PathLike[str],
) -> ChromMap:
    """Map the names that the file states, else those of its first lines.

    Parameters
    ----------
    head : Head
        Bytes read so far.
    reading : Reading
        Columns and stated chromosomes.
    genome : Genome
        Chromosomes of the FASTA.
    alias : mapping of str to str
        Known other names of FASTA chromosomes.
    path : str or path-like
        For messages.

    Returns
    -------
    ChromMap
        With the names of chromosomes not met yet, spelt as those that were.

    Raises
    ------
    InputError
        When there is no name in common, or a mapping is ambiguous.
    """
    names: Sequence[str] = reading.chroms or tuple(reading.lengths)
    if not names:
        names = _names_of(head, reading, _SAMPLE_BYTES)
        if not any(name in genome.lengths or name in alias for name in names):
            names = _names_of(head, reading, len(head.data))
    learned = reconcile(genome.lengths, names, _what(path), alias)
    seen = dict(learned.alias)
    if any(name in alias for name in seen):
        # The file uses the given names: those of chromosomes not met yet are taken too.
        met = {learned.to_fasta(name) for name in learned.matched}
        for name, fasta_name in alias.items():
            if name not in genome.lengths and fasta_name in genome.lengths.keys() - met:
                seen[name] = fasta_name
    completed = complete_alias(genome.lengths, seen)
    return ChromMap(completed, learned.matched, learned.unmatched, learned.message)


def check_lengths(
    lengths: Mapping[str, int],
    stated_in: str,
    names: ChromMap,
    genome: Genome,
    path: str | os.PathLike[str],
    lines: Mapping[str, int] | None = None,
) -> None:
    """Compare the lengths that a file states with the FASTA's.

    Parameters
    ----------
    lengths : mapping of str to int
        The stated lengths, in base pairs, by the file's names.
    stated_in : str
        Where they stand, for the message: ``"the header"``.
    names : ChromMap
        Names of the file.
    genome : Genome
        Chromosomes of the FASTA.
    path : str or path-like
        For messages.
    lines : mapping of str to int, optional
        1-based numbers of the lines that state the lengths, by the file's names.

    Raises
    ------
    FormatError
        When a length differs.
    """
    for name, length in lengths.items():
        fasta_name = names.to_fasta(name)
        if fasta_name is None or genome.lengths[fasta_name] == length:
            continue
        raise FormatError(
            f"chromosome {name!r} has {length:,} bp in {stated_in} and "
            f"{genome.lengths[fasta_name]:,} bp in the FASTA; expected one genome assembly; use "
            "the FASTA that the contacts were mapped to",
            str(path),
            (lines or {}).get(name),
        )


def refuse_mixed_names(
    unknown: Sequence[str], names: ChromMap, genome: Genome, path: str | os.PathLike[str]
) -> None:
    """Refuse names met later in the file that are other spellings of the FASTA's chromosomes.

    Parameters
    ----------
    unknown : sequence of str
        Names that no line of the beginning had, and that the FASTA has not.
    names : ChromMap
        Names of the beginning.
    genome : Genome
        Chromosomes of the FASTA.
    path : str or path-like
        For messages.

    Raises
    ------
    InputError
        When such a name and one of the beginning are spelt differently, ``1`` and ``chr2`` say.
    """
    if not unknown:
        return
    # Every chromosome by the name that the file would give it, then the strangers.
    spelt = {fasta: name for name, fasta in names.alias.items()}
    spelt |= {n: n for n in names.matched if n in genome.lengths}
    known = [spelt.get(name, name) for name in genome.lengths]
    reconcile(genome.lengths, [*known, *unknown], _what(path), names.alias)


def _what(path: str | os.PathLike[str]) -> str:
    return f"contact file {os.path.basename(path)}"


def _names_of(head: Head, reading: Reading, n_bytes: int) -> list[str]:
    """List the chromosome names of the whole lines within the first ``n_bytes`` of data."""
    block = head.data[head.data_start : head.data_start + n_bytes]
    names: dict[str, None] = {}
    lines = block.split(b"\n")
    for line in (lines[:-1] if len(lines) > 1 else lines)[reading.n_header_rows :]:
        if line.startswith(b"#"):
            continue
        fields = split_line(line.decode("utf-8", "backslashreplace"), reading.separator)
        for name in reading.chroms_of(fields):
            if stripped := name.strip():
                names[stripped] = None
    return list(names)
