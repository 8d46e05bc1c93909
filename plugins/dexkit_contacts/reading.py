"""Read the contact files of all samples side by side and add the replicates up, in their order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.hooks import BuildContext, SampleInput
from dexkit.io.chroms import first_names
from dexkit.io.contacts import (
    ContactOptions,
    ContactRows,
    TssBins,
    read_contact_rows,
    stored_file,
)
from dexkit.memory import MIB, THREAD_BYTES, room_bytes
from dexkit_contacts.config import ContactsConfig
from dexkit_contacts.depths import Depth, DepthRule
from dexkit_contacts.sums import RowSums

logger = logging.getLogger("dexkit")

#: What a reader takes beside its counts: the chunks of a file as they come, the numbers of all bins
#: of a genome, the columns of a .cool or .hic file that are looked at together.
READER_BYTES = 96 * MIB


@dataclass(frozen=True)
class Replicate:
    """What is kept of one contact file once its counts have been added.

    ``measured`` is that of :class:`dexkit.io.contacts.ContactRows`.
    """

    name: str
    kind: str
    format: str
    depth: Depth
    observed_chroms: frozenset[str]
    measured: npt.NDArray[np.bool_] | None


@dataclass
class SampleSums:
    """The replicates of one sample.

    Parameters
    ----------
    sums : RowSums
        Sum over replicates of count / divisor.
    replicates : list of Replicate
        In the order given.
    """

    sums: RowSums
    replicates: list[Replicate] = field(default_factory=list)


class _StoppedError(Exception):
    """Another reader failed, so that this one need not go on."""


def reader_bytes(bins: TssBins) -> int:
    """Return the memory that one reader takes, its thread included."""
    return 9 * len(bins) * (2 * bins.n_flank_bins + 1) + READER_BYTES + THREAD_BYTES


def label(path: Path) -> str:
    """Return a contact argument without its folders: ``x.mcool::/resolutions/5000``, ``-``."""
    stored = stored_file(path)
    return str(path) if stored is None else stored.name + str(path).removeprefix(str(stored))


def read_samples(
    config: ContactsConfig,
    context: BuildContext,
    samples: Sequence[SampleInput],
    bins: TssBins,
    rule: DepthRule,
    make_sums: Callable[[], RowSums],
) -> dict[str, SampleSums]:
    """Read every replicate of every sample once.

    Parameters
    ----------
    config : ContactsConfig
        Options of the block.
    context : BuildContext
        The build: threads, memory, chromosome names.
    samples : sequence of SampleInput
        Those with contacts.
    bins : TssBins
        Rows to count.
    rule : DepthRule
        What each replicate is divided by.
    make_sums : callable
        Makes empty sums for one sample.

    Returns
    -------
    dict of str to SampleSums
        By sample, whatever the number of threads.

    Raises
    ------
    InputError, FormatError
        The first error of any reader; the others are stopped.
    """
    reading = _Reading(config, context, bins, rule)
    found = {sample.name: SampleSums(make_sums()) for sample in samples}
    try:
        reading.run(samples, found)
    except BaseException:
        for sample_sums in found.values():
            sample_sums.sums.close()
        raise
    return found


class _Reading:
    """One pass over all files, several at a time."""

    def __init__(
        self, config: ContactsConfig, context: BuildContext, bins: TssBins, rule: DepthRule
    ) -> None:
        self._context = context
        self._bins = bins
        self._rule = rule
        self._scaled = config.normalisation != "raw"
        self._balanced = config.balance.upper() != "NONE"
        column = config.score_column
        self._options = ContactOptions(
            format=config.format,
            score_column=None if column is None else str(column),
            anchors=config.anchors,
            balance=config.balance,
            bins_bed=config.bins_bed,
        )
        self._stop = threading.Event()
        self._turn = threading.Condition()
        self._said: dict[tuple[str, int], list[tuple[int, str]]] = {}

    def run(self, samples: Sequence[SampleInput], found: dict[str, SampleSums]) -> None:
        jobs = [(sample, k) for sample in samples for k in range(len(sample.contacts))]
        n_readers = self._n_readers(len(jobs))
        if n_readers == 1:
            for sample, k in jobs:
                self._one(sample, k, found[sample.name])
        else:
            with ThreadPoolExecutor(n_readers, thread_name_prefix="contacts") as pool:
                # Jobs start in this order, so the replicate that another waits for is never
                # behind it in the queue.
                futures = [pool.submit(self._one, s, k, found[s.name]) for s, k in jobs]
                self._await(futures, pool)
        for sample, k in jobs:
            for level, sentence in self._said[sample.name, k]:
                logger.log(level, "%s", sentence)
        kinds = {r.kind for sample_sums in found.values() for r in sample_sums.replicates}
        if "loops" in kinds and len(kinds) > 1:
            listed = "; ".join(
                f"{name}: {', '.join(sorted({r.kind for r in sample_sums.replicates}))}"
                for name, sample_sums in found.items()
            )
            logger.warning(
                "the contacts are of several kinds (%s): counts of read pairs and scores of called "
                "loops are no one scale; compare samples of one kind",
                listed,
            )

    def _n_readers(self, n_jobs: int) -> int:
        wanted = min(self._context.n_threads, n_jobs)
        room = room_bytes(self._context.max_memory_bytes)
        if room is None:
            return wanted
        return max(1, min(wanted, room // reader_bytes(self._bins)))

    def _await(self, futures: Sequence[Future[None]], pool: ThreadPoolExecutor) -> None:
        """Wait for all; at the first error stop the others and raise it."""
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            self._stop.set()
            with self._turn:
                self._turn.notify_all()
            pool.shutdown(wait=True, cancel_futures=True)
            raise

    def _one(self, sample: SampleInput, k: int, into: SampleSums) -> None:
        """Read one file; when the replicates before it have been added, add it."""
        path = sample.contacts[k]
        if self._stop.is_set():
            raise _StoppedError
        rows = read_contact_rows(
            path,
            self._bins,
            self._context.genome,
            alias=self._context.chrom_alias,
            options=self._options,
            progress=self._progress,
        )
        depth = self._rule.depth_of(sample, k, rows)
        with self._turn:
            self._turn.wait_for(lambda: self._stop.is_set() or len(into.replicates) == k)
            if self._stop.is_set():
                raise _StoppedError
        # Nobody else's turn comes before the replicate has been noted below.
        into.sums.add(rows.counts, self._rule.divisor(sample, depth))
        self._context.note_inputs(path, rows.inputs)
        name = label(path)
        self._said[sample.name, k] = [
            *_report(sample.name, name, rows, depth, self._scaled, self._balanced)
        ]
        with self._turn:
            into.replicates.append(
                Replicate(
                    name,
                    rows.kind,
                    rows.format,
                    depth,
                    frozenset(rows.observed_chroms),
                    rows.measured,
                )
            )
            self._turn.notify_all()

    @contextmanager
    def _progress(self, description: str, total: float | None) -> Iterator[Callable[[float], None]]:
        """Show a bar whose every step is a point where the reader may be stopped."""
        with self._context.progress(description, total, unit="MB") as advance:

            def step(n: float) -> None:
                if self._stop.is_set():
                    raise _StoppedError
                advance(n)

            yield step


def _report(
    sample: str, name: str, rows: ContactRows, depth: Depth, scaled: bool, balanced: bool
) -> Iterator[tuple[int, str]]:
    """Say what was read and what was left out."""
    for message in rows.messages:
        yield logging.WARNING, message
    if depth.source == "given" and rows.depth is not None and depth.value != rows.depth and scaled:
        yield (
            logging.WARNING,
            f"{sample}: {name}: the depth {depth.value:,.15g} that was given is used, not the "
            f"file's {rows.depth:,.15g}",
        )
    pairs = rows.kind == "pairs"
    text = f"{sample}: {name} ({rows.format}): "
    if rows.depth is not None:
        unit = "in all, balanced" if balanced and not pairs else "valid pairs"
        text += f"{rows.depth:,.15g} {unit}, "
    text += f"{rows.n_cis:,} cis, {rows.n_trans:,} trans"
    text += "" if pairs else {"matrix": " pixels", "loops": " loops"}[rows.kind]
    text += "; left out: "
    text += f"{rows.n_dropped:,} dropped by flag, " if pairs else ""
    text += f"{rows.n_unknown_chrom:,} on chromosomes that the FASTA lacks"
    if rows.unknown_chroms:
        text += f" ({first_names(rows.unknown_chroms)})"
    yield logging.INFO, text
