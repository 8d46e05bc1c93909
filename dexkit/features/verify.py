"""Check a feature file again: digests, tables, arrays against each other, inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from dexkit.errors import FormatError, InputError
from dexkit.features.consistency import check_relations, value_problem
from dexkit.features.digests import tables_sha256
from dexkit.features.file import FeatureFile
from dexkit.features.schema import TABLES, TABLES_SHA256
from dexkit.genome import GeneTable
from dexkit.io.text import STDIN
from dexkit.progress import progress_bar

#: Bytes looked at together.
_PIECE_BYTES = 8 << 20
_BYTES_PER_MB = 1_000_000


@dataclass(frozen=True)
class Check:
    """One check of a feature file.

    Parameters
    ----------
    where : str
        HDF5 path, or the name of an input file.
    problem : str
        What is wrong; empty when nothing is.
    note : str
        What was looked at, or why nothing could be.
    skipped : bool
        Whether nothing was compared: it counts neither as passed nor as a problem.
    """

    where: str
    problem: str = ""
    note: str = ""
    skipped: bool = False

    @property
    def line(self) -> str:
        """The check in one line."""
        if self.problem:
            return f"DAMAGED {self.where}: {self.problem}"
        return f"{'skipped' if self.skipped else 'ok':<7} {self.where}: {self.note}"


def verify_feature_file(
    path: Path,
    inputs: Iterable[Path] = (),
    progress: Callable[..., Any] = progress_bar,
) -> Iterator[Check]:
    """Check a feature file; memory stays bounded whatever its size.

    Parameters
    ----------
    path : Path
        The file.
    inputs : iterable of Path
        Original inputs, or folders that hold them: compared with the provenance. An input that a
        folder lacks is a problem; one that is not named among single files is skipped, as the
        standard input is.
    progress : callable, optional
        Progress reporting; see :class:`dexkit.hooks.BuildContext`.

    Yields
    ------
    Check
        One by one, as they are done.

    Raises
    ------
    InputError
        When the file or a given input does not exist.
    FormatError
        When it is no feature file, or so damaged that it cannot be opened.
    """
    features = FeatureFile(path)
    given = list(inputs)
    for extra in given:
        if not extra.exists():
            raise InputError(f"{extra} does not exist; check the path of --inputs")
    version = features.attrs["format_version"]
    yield Check("/", note=f"format version {version}, {features.attrs.get('generated_by')}")
    yield _tables_digest(features)
    yield from _tables(features)
    arrays = [name for name in features.arrays if not name.startswith(TABLES)]
    n_bytes = sum(features.array(name).nbytes for name in arrays)
    with progress("arrays", n_bytes / _BYTES_PER_MB, unit="MB") as advance:
        for name in arrays:
            yield _array(features, name, advance)
    for where, problem, note in check_relations(features):
        yield Check(where, problem, note)
    if given:
        yield from _inputs(features, given, progress)


def _tables_digest(features: FeatureFile) -> Check:
    where = "/genes, /chroms, /left_out"
    stored = features.attrs.get(TABLES_SHA256)
    if stored is None:
        return Check(where, note="no digest is stored (dexkit 0.1 wrote none)", skipped=True)
    found = tables_sha256(
        features.genome, features.genes, features.left_out, features.left_out_reason
    )
    if found != stored:
        return Check(where, f"the tables' SHA-256 is {found}, stored is {stored}")
    return Check(where, note=f"sha256 {found}")


def _tables(features: FeatureFile) -> Iterator[Check]:
    """Check lengths, names, strands and places of the genes."""
    problems = [
        *_columns("/genes", features.genes),
        *_columns("/left_out", features.left_out),
        *_places(features),
    ]
    if len(features.left_out_reason) != len(features.left_out.gene_id):
        problems.append(
            Check(
                "/left_out/reason",
                f"{len(features.left_out_reason):,} reasons; expected one for each of "
                f"{len(features.left_out.gene_id):,} genes",
            )
        )
    yield from problems
    if not problems:
        n_out = len(features.left_out)
        note = f"{len(features):,} genes on {len(features.genome.lengths):,} chromosomes"
        yield Check("/genes", note=f"{note}, {n_out:,} left out")


def _columns(group: str, genes: GeneTable) -> Iterator[Check]:
    for column in ("gene_name", "chrom", "tss", "strand"):
        n_rows = len(getattr(genes, column))
        if n_rows != len(genes):
            yield Check(f"{group}/{column}", f"{n_rows:,} rows; expected {len(genes):,} genes")


def _places(features: FeatureFile) -> Iterator[Check]:
    genes, lengths = features.genes, features.genome.lengths
    order = {name: i for i, name in enumerate(lengths)}
    bad = [name for name, length in lengths.items() if length <= 0]
    if bad:
        yield Check("/chroms/length", f"chromosome {bad[0]!r} has the length {lengths[bad[0]]:,}")
    seen: set[str] = set()
    before: tuple[int, int, str] | None = None
    columns = (genes.gene_id, genes.chrom, genes.tss, genes.strand)
    for gene_id, chrom, tss, strand in zip(*columns, strict=False):
        who = f"gene {gene_id!r}"
        if gene_id in seen:
            yield Check("/genes/gene_id", f"{who} occurs twice")
            return
        seen.add(gene_id)
        if chrom not in order:
            yield Check("/genes/chrom", f"{who} lies on {chrom!r}, which /chroms/name lacks")
            return
        if not 0 <= tss < lengths[chrom]:
            yield Check(
                "/genes/tss",
                f"{who} has the TSS {tss:,} outside of {chrom} (0 to {lengths[chrom] - 1:,})",
            )
            return
        if strand not in ("+", "-"):
            yield Check("/genes/strand", f"{who} has the strand {strand!r}; expected + or -")
            return
        place = (order[chrom], int(tss), str(gene_id))
        if before is not None and place < before:
            yield Check("/genes", f"{who} is out of order; expected chromosome, TSS, id")
            return
        before = place


def _array(features: FeatureFile, name: str, advance: Callable[[float], None]) -> Check:
    """Read an array once: its digest, its number of rows, what its values may be."""
    array = features.array(name)
    if array.shape[:1] != (len(features),):
        return Check(name, f"the shape is {array.shape}; expected {len(features):,} genes first")
    digest = hashlib.sha256()
    problem = ""
    row_bytes = max(1, array.nbytes // max(len(array), 1))
    step = max(1, _PIECE_BYTES // row_bytes)
    for start in range(0, len(array), step):
        piece: npt.NDArray[Any] = array[start : start + step]
        digest.update(piece.data)
        if not problem:
            found = value_problem(name, piece)
            if found is not None:
                row, what = found
                problem = f"gene {features.genes.gene_id[start + row]!r} has {what}"
        advance(piece.nbytes / _BYTES_PER_MB)
    stored = features.array_attrs(name).get("sha256")
    if stored is not None and digest.hexdigest() != stored:
        problem = f"the SHA-256 is {digest.hexdigest()}, stored is {stored}" + (
            f"; {problem}" if problem else ""
        )
    shown = " x ".join(f"{n:,}" for n in array.shape)
    kept = f"sha256 {stored}" if stored is not None else "no digest is stored"
    return Check(name, problem, f"{shown} {array.dtype.name}, {kept}")


def _inputs(
    features: FeatureFile, given: list[Path], progress: Callable[..., Any]
) -> Iterator[Check]:
    """Compare the original inputs with the provenance; names may occur more than once."""
    files = [path for path in given if path.is_file()]
    folders = [path for path in given if path.is_dir()]
    names = {str(entry["name"]) for entry in features.provenance}
    in_folders = [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.name in names and path.is_file()
    ]
    digests: dict[str, dict[str, Path]] = {}
    candidates = list(dict.fromkeys([*files, *in_folders]))
    n_bytes = sum(path.stat().st_size for path in candidates)
    with progress("inputs", n_bytes / _BYTES_PER_MB, unit="MB") as advance:
        for path in candidates:
            if path.name not in names:
                yield Check(str(path), "is no input of this file; its provenance lacks the name")
            else:
                digests.setdefault(path.name, {})[_file_sha256(path, advance)] = path
    named = {path.name for path in files}
    for entry in features.provenance:
        name, expected = str(entry["name"]), entry["sha256"]
        found = digests.get(name, {})
        if expected in found:
            yield Check(name, note=f"sha256 {expected}")
        elif found:
            yield Check(name, f"the SHA-256 is {', '.join(found)}; the build read {expected}")
        elif name == STDIN:
            yield Check(name, note="the standard input of the build, not checked", skipped=True)
        elif folders and name not in named:
            yield Check(name, f"not found below {', '.join(map(str, folders))}")
        else:
            yield Check(name, note="not given, not checked", skipped=True)


def _file_sha256(path: Path, advance: Callable[[float], None]) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as handle:
            while chunk := handle.read(_PIECE_BYTES):
                digest.update(chunk)
                advance(len(chunk) / _BYTES_PER_MB)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def verdict(path: Path, checks: Iterable[Check]) -> str:
    """Return one sentence about checks.

    Parameters
    ----------
    path : Path
        The file.
    checks : iterable of Check
        All that were done.

    Returns
    -------
    str
        How many checks passed, and how many were skipped.

    Raises
    ------
    FormatError
        When one did not: names the first place and counts the others.
    """
    done = list(checks)
    bad = [check for check in done if check.problem]
    if not bad:
        n_skipped = sum(check.skipped for check in done)
        passed = f"{path}: {len(done) - n_skipped} checks passed"
        return f"{passed}, {n_skipped} skipped" if n_skipped else passed
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    raise FormatError(
        f"{bad[0].where}: {bad[0].problem}{more}; build the file again or take another copy",
        str(path),
    )
