"""Arrays in the form that the authors of DeepExpression published, filled with made-up values."""

from __future__ import annotations

import numpy as np

LENGTH_BP = 2001


def one_hot(codes, dtype=np.float64):
    """Return (n, length, 4) of codes 0 to 3; other codes become all zero."""
    return np.concatenate([np.eye(4), np.zeros((1, 4))])[np.minimum(codes, 4)].astype(dtype)


def write_published(
    folder, symbols, samples=("K562",), n_bins=401, dtype=np.float64, last_axis=False, seed=1
):
    """Write X_seq.npy, exp_<sample>.npy and rna_<sample>.txt; return codes, contacts, counts."""
    rng = np.random.default_rng(seed)
    n = len(symbols)
    codes = rng.integers(0, 4, (n, LENGTH_BP), dtype=np.uint8)
    np.save(folder / "X_seq.npy", one_hot(codes, dtype))
    contacts, counts = {}, {}
    for sample in samples:
        contacts[sample] = rng.exponential(1.0, (n, n_bins))
        array = contacts[sample][..., None] if last_axis else contacts[sample]
        np.save(folder / f"exp_{sample}.npy", array)
        # Rows with many C are expressed more, so that there is something to learn.
        counts[sample] = np.round(np.exp((codes == 1).sum(axis=1) / 50), 2)
        rows = zip(symbols, counts[sample], strict=True)
        (folder / f"rna_{sample}.txt").write_text("".join(f"{s}\t{v}\n" for s, v in rows))
    return codes, contacts, counts
