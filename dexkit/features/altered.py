"""Arrays of a feature file with some of their information taken away, or cut smaller.

Nothing here looks at expression. What is computed across genes (matching, mean decay) uses the
inputs of all genes, those of test genes included, and no label of any.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError
from dexkit.features.derive import Altered
from dexkit.features.file import FeatureFile
from dexkit.features.schema import CODES, observed_path, signal_path
from dexkit.features.shuffle import dinucleotide_shuffle

#: Genes of one stratum of like coverage, within which profiles change places.
STRATUM_GENES = 10
#: Keep the streams of the permutation and of the shuffle apart.
_PERMUTE_STREAM, _SHUFFLE_STREAM = 1, 2

Signal = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]
Alterations = dict[str, Altered]


def permuted_contacts(features: FeatureFile, sample: str, seed: int) -> Alterations:
    """Give every gene the profile of another gene of like coverage.

    Coverage is the sum of the signal. Genes are put in its order (equal ones at random) and cut
    into strata of :data:`STRATUM_GENES`; within each, profiles and their masks change places so
    that no gene keeps its own. Genes without any observed bin take no part.

    Parameters
    ----------
    features : FeatureFile
        The file.
    sample : str
        Sample with contacts.
    seed : int
        Seed.

    Returns
    -------
    dict of str to Altered
        ``signal`` and ``observed`` of the sample.

    Raises
    ------
    InputError
        When the file lacks the contacts, or fewer than two genes have any.
    """
    signal, observed = features.contacts(sample)
    eligible = np.asarray(observed.any(axis=1))
    taken = matched_permutation(coverage(signal), eligible, seed)
    return {
        signal_path(sample): Altered(np.asarray(signal)[taken]),
        observed_path(sample): Altered(np.asarray(observed)[taken]),
    }


def decay_contacts(features: FeatureFile, sample: str) -> Alterations:
    """Keep of every profile its sum, spread over the bins as contacts decay with distance.

    The decay is the mean signal over all genes at each distance from the TSS, both sides
    together; each gene's is scaled so that the sum of its observed bins stays.

    Parameters
    ----------
    features : FeatureFile
        The file.
    sample : str
        Sample with contacts.

    Returns
    -------
    dict of str to Altered
        ``signal`` of the sample.

    Raises
    ------
    InputError
        When the file lacks the contacts.
    """
    signal, observed = features.contacts(sample)
    distance = np.abs(_offsets(features, sample))
    return {signal_path(sample): Altered(spread_by_distance(signal, observed, distance))}


def tss_bin_contacts(features: FeatureFile, sample: str) -> Alterations:
    """Keep of every profile the TSS bin; the other bins become 0.

    Parameters
    ----------
    features : FeatureFile
        The file.
    sample : str
        Sample with contacts.

    Returns
    -------
    dict of str to Altered
        ``signal`` of the sample.

    Raises
    ------
    InputError
        When the file lacks the contacts, or does not keep the TSS bin.
    """
    signal, _ = features.contacts(sample)
    if not has_tss_bin(features, sample):
        raise InputError(
            f"{features.path} does not keep contacts of the TSS bin of {sample} with itself; build "
            "it with --set contacts.keep_self=true"
        )
    middle = int(np.flatnonzero(_offsets(features, sample) == 0)[0])
    alone = np.zeros_like(signal)
    alone[:, middle] = signal[:, middle]
    return {signal_path(sample): Altered(alone)}


def has_tss_bin(features: FeatureFile, sample: str) -> bool:
    """Whether the TSS bin of the sample's contacts differs between genes."""
    signal, _ = features.contacts(sample)
    column = signal[:, _offsets(features, sample) == 0]
    return bool(column.size) and bool(np.ptp(column) > 0)


def shuffled_sequence(features: FeatureFile, seed: int) -> Alterations:
    """Shuffle every promoter so that its dinucleotides keep their numbers.

    Window and margins are shuffled apart, so the window that models see keeps its own numbers.

    Parameters
    ----------
    features : FeatureFile
        The file.
    seed : int
        Seed.

    Returns
    -------
    dict of str to Altered
        The base codes.

    Raises
    ------
    InputError
        When the file has no sequence.
    """
    codes = features.array(CODES)
    upstream_bp, downstream_bp, margin_bp = features.window_bp
    cuts = (margin_bp, margin_bp + upstream_bp + downstream_bp)
    stream = int(np.random.SeedSequence([seed, _SHUFFLE_STREAM]).generate_state(1)[0])
    return {CODES: Altered(dinucleotide_shuffle(np.asarray(codes), stream, cuts))}


def cropped_sequence(features: FeatureFile, length_bp: int) -> Alterations:
    """Cut the promoter window to ``length_bp`` around the TSS; the margin stays as wide.

    Upstream and downstream keep their shares of the window, rounded to whole bases.

    Parameters
    ----------
    features : FeatureFile
        The file.
    length_bp : int
        Length of the new window.

    Returns
    -------
    dict of str to Altered
        The base codes.

    Raises
    ------
    InputError
        When the file has no sequence.
    ConfigError
        When the length is no length, or more than the file holds.
    """
    upstream_bp, downstream_bp, margin_bp = window(features)
    whole = upstream_bp + downstream_bp
    if not 1 <= length_bp <= whole:
        raise ConfigError(
            f"a promoter of {length_bp:,} bp cannot be cut from {features.path}, whose window has "
            f"{whole:,} bp; choose 1 to {whole:,}, or build with larger --upstream-bp and "
            "--downstream-bp"
        )
    new_upstream = round(length_bp * upstream_bp / whole)
    first = upstream_bp - new_upstream
    kept = slice(first, first + length_bp + 2 * margin_bp)
    attrs = {"upstream_bp": new_upstream, "downstream_bp": length_bp - new_upstream}
    return {CODES: Altered(lambda rows: rows[:, kept], attrs)}


def cropped_contacts(features: FeatureFile, sample: str, n_flank_bins: int) -> Alterations:
    """Cut the contact profiles to ``n_flank_bins`` on either side of the TSS bin.

    A profile without the last right-hand bin (the paper's 400) stays one.

    Parameters
    ----------
    features : FeatureFile
        The file.
    sample : str
        Sample with contacts.
    n_flank_bins : int
        Bins on either side.

    Returns
    -------
    dict of str to Altered
        ``signal`` and ``observed`` of the sample.

    Raises
    ------
    InputError
        When the file lacks the contacts.
    ConfigError
        When the number makes no sense, or is more than the file holds.
    """
    offsets = _offsets(features, sample)
    held = -int(offsets[0])
    if not 1 <= n_flank_bins <= held:
        raise ConfigError(
            f"{n_flank_bins:,} contact bins on either side of the TSS bin cannot be cut from "
            f"{features.path}, which holds {held:,}; choose 1 to {held:,}, or build with a larger "
            "--set contacts.n_flank_bins"
        )
    right = n_flank_bins if int(offsets[-1]) == held else n_flank_bins - 1
    kept = slice(held - n_flank_bins, held + right + 1)
    attrs = {"n_flank_bins": n_flank_bins, "first_offset": -n_flank_bins}
    return {
        signal_path(sample): Altered(lambda rows: rows[:, kept], attrs),
        observed_path(sample): Altered(lambda rows: rows[:, kept]),
    }


def window(features: FeatureFile) -> tuple[int, int, int]:
    """Return upstream, downstream and margin in bp; InputError when there is no sequence."""
    features.array(CODES)
    return features.window_bp


def flank_bins(features: FeatureFile, sample: str) -> int:
    """Return the bins on either side of the TSS bin; InputError when there are no contacts."""
    return -int(_offsets(features, sample)[0])


def coverage(signal: Signal) -> npt.NDArray[np.float64]:
    """Return the sum of each profile, shape (n_genes,); what is not observed is 0 already."""
    total: npt.NDArray[np.float64] = np.asarray(signal).sum(axis=1, dtype=np.float64)
    return total


def matched_permutation(
    covered: npt.NDArray[np.float64], eligible: npt.NDArray[np.bool_], seed: int
) -> npt.NDArray[np.intp]:
    """Return, for each gene, the gene of like coverage whose profile it gets.

    Parameters
    ----------
    covered : ndarray of shape (n_genes,), dtype float64
        Coverage.
    eligible : ndarray of shape (n_genes,), dtype bool
        Genes that take part; the others keep their own.
    seed : int
        Seed.

    Returns
    -------
    ndarray of shape (n_genes,), dtype intp
        A permutation; no eligible gene stays where it is.

    Raises
    ------
    InputError
        When fewer than two genes are eligible.
    """
    rows = np.flatnonzero(eligible)
    if len(rows) < 2:
        raise InputError(f"{len(rows)} genes have contacts; expected two or more to permute them")
    rng = np.random.default_rng([seed, _PERMUTE_STREAM])
    rows = rng.permutation(rows)
    rows = rows[np.argsort(covered[rows], kind="stable")]
    taken = np.arange(len(covered))
    for stratum in np.array_split(rows, max(1, len(rows) // STRATUM_GENES)):
        # One cycle through all genes of the stratum in random order: none is its own successor.
        cycle = rng.permutation(stratum)
        taken[cycle] = np.roll(cycle, 1)
    return taken


def spread_by_distance(
    signal: Signal, observed: Mask, distance: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32]:
    """Spread the sum of each profile over its bins as the mean of all genes decays.

    Parameters
    ----------
    signal : ndarray of shape (n_genes, n_bins), dtype float32
        Contact signal.
    observed : ndarray of shape (n_genes, n_bins), dtype uint8
        1 where the bin was measured.
    distance : ndarray of shape (n_bins,), dtype intp
        Distance of each bin from the TSS bin, in bins.

    Returns
    -------
    ndarray of shape (n_genes, n_bins), dtype float32
        0 where not observed.
    """
    seen = np.asarray(observed).astype(bool)
    n_seen = np.bincount(distance, seen.sum(axis=0))
    total = np.bincount(distance, np.asarray(signal).sum(axis=0, dtype=np.float64))
    decay = (total / np.maximum(n_seen, 1))[distance]
    shape = np.where(seen, decay, 0.0)
    share = shape.sum(axis=1, keepdims=True)
    scale = np.divide(coverage(signal)[:, None], share, out=np.zeros_like(share), where=share > 0)
    return (shape * scale).astype(np.float32)


def _offsets(features: FeatureFile, sample: str) -> npt.NDArray[np.intp]:
    """Return the offset of every column of the profiles from the TSS bin, in bins."""
    signal, _ = features.contacts(sample)
    first = int(features.array_attrs(signal_path(sample))["first_offset"])
    return np.arange(first, first + signal.shape[1])
