"""How deep each replicate was sequenced, and the depth that all are scaled to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dexkit.errors import ConfigError, InputError
from dexkit.hooks import SampleInput
from dexkit.io.contacts import ContactRows
from dexkit_contacts.config import ContactsConfig

DepthSource = Literal["file", "given", "unknown"]


@dataclass(frozen=True)
class Depth:
    """Valid pairs of one replicate.

    Parameters
    ----------
    value : float or None
        None when neither the file nor the user says.
    source : {"file", "given", "unknown"}
        Who says so.
    """

    value: float | None
    source: DepthSource


class DepthRule:
    """What the replicates of a build are divided by and scaled to.

    Parameters
    ----------
    config : ContactsConfig
        Options of the block.
    samples : sequence of SampleInput
        All samples that have contacts.

    Raises
    ------
    ConfigError
        When a sample has depths, but not one for each replicate.
    """

    def __init__(self, config: ContactsConfig, samples: Sequence[SampleInput]) -> None:
        for sample in samples:
            if sample.depths and len(sample.depths) != len(sample.contacts):
                raise ConfigError(
                    f"sample {sample.name!r} is given {len(sample.depths)} depths and "
                    f"{len(sample.contacts)} contact files; expected one depth a replicate"
                )
        self._config = config
        self._samples = samples
        self._n_replicates = sum(len(sample.contacts) for sample in samples)

    def cancels(self, sample: SampleInput) -> bool:
        """Whether the one depth of the scope is the target, so that nothing is scaled."""
        if self._config.normalisation != "depth" or self._config.target_depth is not None:
            return False
        n = len(sample.contacts) if self._config.depth_scope == "sample" else self._n_replicates
        return n == 1

    def depth_of(self, sample: SampleInput, replicate: int, rows: ContactRows) -> Depth:
        """Return the depth of a replicate.

        Parameters
        ----------
        sample : SampleInput
            Its sample.
        replicate : int
            Its place in ``sample.contacts``.
        rows : ContactRows
            What was read.

        Returns
        -------
        Depth
            As given by the user, else as the file says.

        Raises
        ------
        InputError
            When a depth is needed and unknown, or zero.
        """
        if sample.depths:
            return Depth(sample.depths[replicate], "given")
        if rows.depth is not None and rows.depth > 0:
            return Depth(rows.depth, "file")
        if self._config.normalisation == "raw" or self.cancels(sample):
            return Depth(rows.depth, "unknown" if rows.depth is None else "file")
        raise InputError(self._unknown(sample, rows))

    def _unknown(self, sample: SampleInput, rows: ContactRows) -> str:
        why = (
            "is a list of loops, which does not say how many valid pairs the sample has"
            if rows.depth is None
            else "adds up to a depth of zero"
        )
        ways = [f"give it with --depth {sample.name}={','.join(['N'] * len(sample.contacts))}"]
        ways.append("choose --normalisation raw")
        if (
            self._config.normalisation == "depth"
            and self._config.target_depth is None
            and len(sample.contacts) == 1
        ):
            ways.append(
                "let each sample be scaled to its own smallest depth, where a single replicate "
                "needs none (--set contacts.depth_scope=sample)"
            )
        return (
            f"{rows.path}: the file {why}; normalisation {self._config.normalisation!r} of sample "
            f"{sample.name!r} needs the depth; {', or '.join(ways)}"
        )

    def divisor(self, sample: SampleInput, depth: Depth) -> float:
        """Return what the counts of a replicate are divided by before they are added up."""
        if self._config.normalisation == "raw" or self.cancels(sample) or depth.value is None:
            return 1.0
        return depth.value

    def target(self, sample: SampleInput, depths: Mapping[str, Sequence[Depth]]) -> float | None:
        """Return the depth N that the replicates of a sample are scaled to.

        Parameters
        ----------
        sample : SampleInput
            The sample.
        depths : mapping
            The depths of all samples of the build, by name.

        Returns
        -------
        float or None
            None when nothing is scaled to a depth, or to one that nobody knows.
        """
        if self._config.normalisation != "depth":
            return None
        if self._config.target_depth is not None:
            return self._config.target_depth
        names = depths if self._config.depth_scope == "all" else (sample.name,)
        known = [d.value for name in names for d in depths[name] if d.value is not None]
        return min(known, default=None)
