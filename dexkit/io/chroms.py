"""Agree on chromosome names between the FASTA and every other input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dexkit.errors import InputError

_MITOCHONDRION = ("M", "MT")
_NAMES_SHOWN = 5
_LONGEST_NAME = 60  # what a broken file holds in place of a name may be a megabyte long


@dataclass(frozen=True)
class ChromMap:
    """How the chromosome names of one input map to those of the FASTA.

    Parameters
    ----------
    alias : mapping of str to str
        Name in the input to name in the FASTA, for the names that differ; empty when all agree.
    matched : frozenset of str
        Names in the input that stand for a chromosome of the FASTA (as they are or by alias).
    unmatched : list of str
        Names in the input that the FASTA does not have, in order of appearance.
    message : str or None
        One sentence to be said aloud when a mapping was applied.
    """

    alias: Mapping[str, str] = field(default_factory=dict)
    matched: frozenset[str] = frozenset()
    unmatched: list[str] = field(default_factory=list)
    message: str | None = None

    def to_fasta(self, name: str) -> str | None:
        """Return the FASTA's name of ``name``, or None when the FASTA has no such chromosome."""
        if name in self.alias:
            return self.alias[name]
        return name if name in self.matched else None


def reconcile(
    fasta_names: Iterable[str],
    other_names: Iterable[str],
    what: str,
    given: Mapping[str, str] | None = None,
) -> ChromMap:
    """Map the chromosome names of an input to those of the FASTA.

    A name that the FASTA has stays as it is. Any other is tried with the ``chr`` prefix added or
    removed, and with ``M`` and ``MT`` taken as one name.

    Parameters
    ----------
    fasta_names : iterable of str
        Chromosome names of the FASTA.
    other_names : iterable of str
        Chromosome names of the input; repeats are allowed.
    what : str
        The input, in words that fit a sentence: ``"the GTF genes.gtf"``.
    given : mapping of str to str, optional
        Known other names of FASTA chromosomes, tried before the rules.

    Returns
    -------
    ChromMap
        The mapping, what could not be matched, and the sentence to say.

    Raises
    ------
    InputError
        When not one name can be matched, or when a mapping would be ambiguous: one name of the
        input fits two of the FASTA, or two names of the input fit one of the FASTA.
    """
    known = dict.fromkeys(fasta_names)
    names = list(dict.fromkeys(other_names))
    alias: dict[str, str] = {}
    matched: list[str] = []
    unmatched: list[str] = []
    source: dict[str, str] = {}
    for name in names:
        if name in known:
            fits = [name]
        elif given and given.get(name) in known:
            fits = [given[name]]
        else:
            fits = [spelling for spelling in _spellings(name) if spelling in known]
        if len(fits) > 1:
            raise InputError(
                f"chromosome {name!r} of {what} fits two names of the FASTA "
                f"({fits[0]!r} and {fits[1]!r}); rename the chromosomes of one file"
            )
        if not fits:
            unmatched.append(name)
            continue
        if fits[0] in source:
            raise InputError(
                f"chromosomes {source[fits[0]]!r} and {name!r} of {what} both stand for "
                f"{fits[0]!r} of the FASTA; use one naming throughout the file"
            )
        source[fits[0]] = name
        matched.append(name)
        if fits[0] != name:
            alias[name] = fits[0]
    if names and not matched:
        raise InputError(
            f"not one chromosome of {what} is in the FASTA; got {first_names(names)}; expected "
            f"names such as {first_names(known)}; check that both files belong to the same genome "
            "assembly"
        )
    message = None
    if alias:
        other, fasta = next(iter(alias.items()))
        plural = "" if len(alias) == 1 else "s"
        message = (
            f"{len(alias)} chromosome name{plural} of {what} mapped to the FASTA's "
            f"({other} -> {fasta}{', …' if len(alias) > 1 else ''})"
        )
    return ChromMap(alias, frozenset(matched), unmatched, message)


def complete_alias(fasta_names: Iterable[str], seen: Mapping[str, str]) -> dict[str, str]:
    """Extend an alias learned from part of a file to the chromosomes not met yet.

    The head of a large file may show ``1`` and ``2`` only; the rest is spelt the same way.

    Parameters
    ----------
    fasta_names : iterable of str
        Chromosome names of the FASTA.
    seen : mapping of str to str
        ``ChromMap.alias`` of the part that was read.

    Returns
    -------
    dict of str to str
        ``seen``, and for every other chromosome of the FASTA its name in the same spelling
        (prefix added where ``seen`` adds one, removed where it removes one). The second spelling
        of the mitochondrion is always there, since it is often the only name that differs.
    """
    known = list(dict.fromkeys(fasta_names))
    adds = any(fasta == f"chr{other}" for other, fasta in seen.items())
    removes = any(other == f"chr{fasta}" for other, fasta in seen.items())
    alias = dict(seen)
    for name in known:
        spellings = []
        if adds and name.startswith("chr"):
            spellings.append(name.removeprefix("chr"))
        if removes and not name.startswith("chr"):
            spellings.append(f"chr{name}")
        if _bare(name) in _MITOCHONDRION:
            prefix = name[: len(name) - len(_bare(name))]
            spellings += [prefix + m for m in _MITOCHONDRION]
            spellings += [_bare(s) for s in spellings] if adds else []
            spellings += [f"chr{_bare(s)}" for s in spellings] if removes else []
        for spelling in spellings:
            if spelling not in known:
                alias.setdefault(spelling, name)
    return alias


def _bare(name: str) -> str:
    return name.removeprefix("chr")


def _spellings(name: str) -> list[str]:
    """Other ways to write a chromosome name, itself left out."""
    bare = _bare(name)
    cores = _MITOCHONDRION if bare in _MITOCHONDRION else (bare,)
    found = [prefix + core for core in cores for prefix in ("", "chr")]
    return [spelling for spelling in found if spelling and spelling != name]


def first_names(names: Iterable[str]) -> str:
    """Return the first names for a sentence: quoted, long ones cut, ``none`` without any.

    Parameters
    ----------
    names : iterable of str
        As a file has them.

    Returns
    -------
    str
        At most five names; ``…`` stands for the others.

    Examples
    --------
    >>> first_names(["chrUn_1", "chrUn_2"])
    "'chrUn_1', 'chrUn_2'"
    """
    listed = list(names)
    shown = [
        repr(name[:_LONGEST_NAME] + "…" if len(name) > _LONGEST_NAME else name)
        for name in listed[:_NAMES_SHOWN]
    ]
    return ", ".join([*shown, "…"] if len(listed) > _NAMES_SHOWN else shown) or "none"
