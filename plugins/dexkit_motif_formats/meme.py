"""The minimal MEME motif format, version 4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dexkit.errors import InputError
from dexkit.files import write_whole
from dexkit.hooks import Motif

#: Decimals of a probability. Readers of the format want rows that sum to 1 within about 1e-5.
DECIMALS = 6
#: A row sum further from 1 than this is no rounding: the matrix holds counts or log-odds.
ROW_SUM_TOLERANCE = 1e-2

_ALPHABET = "ACGT"


def write(
    motifs: Sequence[Motif], path: Path, background: tuple[float, float, float, float]
) -> None:
    """Write motifs in the minimal MEME format.

    Parameters
    ----------
    motifs : sequence of Motif
        Rows of each matrix are made to sum to exactly 1 in the printed decimals. Blanks in names
        become underscores.
    path : Path
        The file; it appears whole or not at all, and replaces an older one.
    background : tuple of float
        Frequencies of A, C, G, T; scaled to sum to 1.

    Raises
    ------
    InputError
        When there is no motif, a matrix is not one of probabilities over A, C, G, T, a name is
        empty or used twice, a number of sites is below 1, or the background is not positive.
    OutputError
        When the file cannot be written.

    References
    ----------
    MEME Suite documentation, "MEME Motif Format", minimal form: version line, alphabet, strands,
    background frequencies, then for each motif its name and letter-probability matrix.
    """
    if not motifs:
        raise InputError(f"no motif to write to {path}; expected at least one")
    names = [_name(motif.name) for motif in motifs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two motifs are called {name!r} (blanks count as underscores); expected one name "
                "for each motif"
            )
    parts = [_header(background)]
    parts += [_motif(name, motif) for name, motif in zip(names, motifs, strict=True)]
    write_whole(path, "\n".join(parts))


def _header(background: tuple[float, float, float, float]) -> str:
    """Return everything above the first motif, with a newline at its end."""
    values = np.asarray(background, dtype=np.float64)
    if values.shape != (4,) or not np.isfinite(values).all() or (values <= 0).any():
        raise InputError(
            f"background {tuple(background)} cannot be used; expected four positive frequencies "
            "(A, C, G, T)"
        )
    frequencies = zip(_ALPHABET, _decimals(values[None, :])[0], strict=True)
    return (
        "MEME version 4\n\n"
        f"ALPHABET= {_ALPHABET}\n\n"
        "strands: + -\n\n"
        "Background letter frequencies\n"
        f"{' '.join(f'{base} {value:.{DECIMALS}f}' for base, value in frequencies)}\n"
    )


def _motif(name: str, motif: Motif) -> str:
    """Return one motif, with a newline at its end."""
    rows = _decimals(_checked(motif))
    title = f"MOTIF {name} {_name(motif.alt_name)}" if motif.alt_name.strip() else f"MOTIF {name}"
    matrix = "".join(" " + " ".join(f"{p:.{DECIMALS}f}" for p in row) + "\n" for row in rows)
    return (
        f"{title}\n"
        f"letter-probability matrix: alength= 4 w= {len(rows)} nsites= {motif.n_sites} "
        f"E= {motif.e_value:.3g}\n"
        f"{matrix}"
    )


def _checked(motif: Motif) -> npt.NDArray[np.float64]:
    """Return the matrix of a motif, shape (width, 4), after checking that it is one."""
    ppm = np.asarray(motif.ppm, dtype=np.float64)
    if ppm.ndim != 2 or ppm.shape[1] != 4 or len(ppm) == 0:
        raise InputError(f"motif {motif.name!r} has shape {ppm.shape}; expected (width, 4)")
    if not np.isfinite(ppm).all() or (ppm < 0).any():
        raise InputError(
            f"motif {motif.name!r} holds negative or non-finite values; expected probabilities"
        )
    off = np.abs(ppm.sum(axis=1) - 1)
    if off.max() > ROW_SUM_TOLERANCE:
        row = int(off.argmax())
        raise InputError(
            f"motif {motif.name!r}, position {row + 1}: the row sums to {ppm[row].sum():.4g}; "
            "expected probabilities that sum to 1 (divide counts by their sum first)"
        )
    if motif.n_sites < 1:
        raise InputError(f"motif {motif.name!r} has {motif.n_sites} sites; expected at least 1")
    if not np.isfinite(motif.e_value) or motif.e_value < 0:
        raise InputError(
            f"motif {motif.name!r} has the E-value {motif.e_value}; expected 0 or a positive number"
        )
    return ppm


def _decimals(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale rows to sum to 1 and round them so that the printed decimals sum to 1, too.

    The rounding residue of a row (at most two units of the last decimal) goes to its largest
    value, where it is the smallest relative change.
    """
    unit = 10**DECIMALS
    counts = np.rint(rows / rows.sum(axis=1, keepdims=True) * unit).astype(np.int64)
    counts[np.arange(len(rows)), counts.argmax(axis=1)] += unit - counts.sum(axis=1)
    result: npt.NDArray[np.float64] = counts / unit
    return result


def _name(name: str) -> str:
    """Return a name without blanks, which end a name in this format."""
    clean = "_".join(name.split())
    if not clean:
        raise InputError(f"a motif has the empty name {name!r}; expected an identifier")
    return clean
