"""Where batches come from: arrays that lie on the device, or rows streamed from a memory map.

Both hand the same rows to the same crop on the device, so batches are the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dexkit.training.config import TrainConfig

#: Batches that a stream prepares ahead: one on its way, one in reserve.
_AHEAD = 2
#: Name of the gene of every row, where several rows share the base codes of a gene.
_GENE = "gene_of_row"

Rows = dict[str, Any]


class Source(Protocol):
    """What a training loop asks for; see :class:`DeviceSource` and :class:`StreamSource`.

    ``place`` is called once a loop, ``feeds`` once a pass over a plan; both return, or yield for
    every step, a dict of values that hold one tensor a replica (see :func:`per_replica`). ``rows``
    runs compiled, on each replica: it makes of its part of both the raw rows of the step:
    ``codes`` (slots, length_bp + 2 margin_bp) uint8, ``contacts`` (slots, n_bins) float32, as far
    as there, and ``target`` (slots, …) float32. ``mirrors`` says whether a reverse complement
    mirrors the contacts.
    """

    margin_bp: int
    mirrors: bool

    def place(self, strategy: Any) -> Rows:
        """Put what all steps share on the devices of the replicas."""
        ...

    def feeds(self, strategy: Any, index: npt.NDArray[np.int32]) -> Iterator[Rows]:
        """Yield what each step needs; ``index`` (n_steps, local replicas, slots) names its rows."""
        ...

    def rows(self, placed: Rows, feed: Rows, index: Any) -> Rows:
        """Return the rows of the slots ``index`` (slots,) of one replica."""
        ...


class DeviceSource:
    """All rows' arrays on the device of every replica; nothing travels but slot numbers.

    Parameters
    ----------
    arrays : dexkit.models.contract.BlockArrays
        Base codes with margins and standardised contact profiles. A row is a gene in a sample:
        base codes of fewer genes than there are rows repeat for every sample, and are held once.
    target : ndarray of shape (n_rows, …), dtype float32
        Encoded target; the value of a row that is not trained on does not matter.
    """

    def __init__(self, arrays: Any, target: npt.NDArray[np.float32]) -> None:
        self.margin_bp: int = arrays.margin_bp
        self.mirrors: bool = getattr(arrays, "stranded", False)
        self._arrays = _present(arrays, target)

    def place(self, strategy: Any) -> Rows:
        """Copy every array to every replica's device."""
        arrays = {k: np.asarray(v) for k, v in self._arrays.items()}
        n_rows, n_genes = len(arrays["target"]), len(arrays.get("codes", arrays["target"]))
        if n_genes < n_rows:
            # A table, since a GPU gathers by int64 but need not divide it.
            arrays[_GENE] = np.arange(n_rows, dtype=np.int64) % n_genes
        return per_replica(strategy, lambda _: arrays)

    def feeds(self, strategy: Any, index: npt.NDArray[np.int32]) -> Iterator[Rows]:
        """Yield nothing for every step: everything is there."""
        yield from ({} for _ in range(len(index)))

    def rows(self, placed: Rows, feed: Rows, index: Any) -> Rows:
        """Gather the rows on the device."""
        import tensorflow as tf

        rows = {k: tf.gather(v, index) for k, v in placed.items() if k != "codes"}
        if "codes" in placed:
            rows["codes"] = tf.gather(placed["codes"], rows.pop(_GENE, index))
        return rows


class StreamSource:
    """Rows taken from the memory map of the feature file, two batches ahead of the device.

    Parameters
    ----------
    arrays, target
        As for :class:`DeviceSource`; ``arrays.codes`` stays on disk.
    """

    def __init__(self, arrays: Any, target: npt.NDArray[np.float32]) -> None:
        self.margin_bp: int = arrays.margin_bp
        self.mirrors: bool = getattr(arrays, "stranded", False)
        self._arrays = _present(arrays, target)

    def place(self, strategy: Any) -> Rows:
        """Place nothing: every batch travels."""
        return {}

    def feeds(self, strategy: Any, index: npt.NDArray[np.int32]) -> Iterator[Rows]:
        """Read the rows of the coming steps in a thread while the device works."""
        with ThreadPoolExecutor(1, thread_name_prefix="dexkit-rows") as pool:
            ahead: list[Future[list[Rows]]] = [pool.submit(self._take, i) for i in index[:_AHEAD]]
            for step in range(len(index)):
                taken = ahead.pop(0).result()
                if step + _AHEAD < len(index):
                    ahead.append(pool.submit(self._take, index[step + _AHEAD]))
                yield per_replica(strategy, taken.__getitem__)

    def rows(self, placed: Rows, feed: Rows, index: Any) -> Rows:
        """Return the rows that travelled."""
        return feed

    def _take(self, slots: npt.NDArray[np.int32]) -> list[Rows]:
        """Copy the rows of each local replica out of the arrays."""
        every = self._arrays.items()
        return [{k: np.take(v, i % len(v), axis=0) for k, v in every} for i in slots]


def choose_source(
    arrays: Any, target: npt.NDArray[np.float32], config: TrainConfig
) -> DeviceSource | StreamSource:
    """Return the source that ``--data`` names, or the one that suits the size of the data.

    Parameters
    ----------
    arrays, target
        As for :class:`DeviceSource`.
    config : TrainConfig
        ``data`` and ``device_data_mb``.

    Returns
    -------
    DeviceSource or StreamSource
        With ``data="auto"``: on the device as long as the arrays fit ``device_data_mb``.
    """
    n_bytes = sum(values.nbytes for values in _present(arrays, target).values())
    fits = n_bytes <= config.device_data_mb * 2**20
    if config.data == "device" or (config.data == "auto" and fits):
        return DeviceSource(arrays, target)
    return StreamSource(arrays, target)


def per_replica(strategy: Any, values_of: Callable[[int], Any]) -> Any:
    """Place a nested structure of arrays on the device of each replica of this process.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        Where the replicas are.
    values_of : callable
        Takes the number of a replica of this process, from 0; returns a dict of arrays.

    Returns
    -------
    dict
        The same keys; values that ``strategy.run`` splits into one tensor a replica.
    """
    import tensorflow as tf

    devices = strategy.extended.worker_devices
    placed = []
    for replica, device in enumerate(devices):
        with tf.device(device):
            placed.append({k: tf.constant(v) for k, v in values_of(replica).items()})
    return {
        name: strategy.experimental_distribute_values_from_function(
            lambda context, name=name: placed[context.replica_id_in_sync_group % len(devices)][name]
        )
        for name in placed[0]
    }


def crop(
    rows: Rows, shift: Any, flip: Any, margin_bp: int, mirrors: bool = False
) -> tuple[dict[str, Any], Any]:
    """Turn raw rows into model inputs, on the device.

    Parameters
    ----------
    rows : dict of str to tf.Tensor
        As :class:`Source` describes them.
    shift, flip : tf.Tensor of shape (slots,)
        Shift of the window in bp (positive downstream), and whether it is reverse-complemented.
    margin_bp : int
        Margin at both ends of ``codes``.
    mirrors : bool, optional
        Whether contacts run in the direction of the gene, so that those of a reverse-complemented
        one are mirrored.

    Returns
    -------
    tuple of (dict, tf.Tensor)
        ``sequence`` (slots, length_bp) uint8, ``contacts`` (slots, n_bins) float32 as far as
        there; target (slots, …) float32.
    """
    import tensorflow as tf

    inputs: dict[str, Any] = {}
    if "codes" in rows:
        length = rows["codes"].shape[1] - 2 * margin_bp
        columns = tf.range(length, dtype=shift.dtype)[None, :] + (margin_bp + shift)[:, None]
        codes = tf.gather(rows["codes"], columns, batch_dims=1)
        known = tf.cast(codes < 4, tf.uint8)
        flipped = tf.reverse(known * (3 - tf.minimum(codes, 3)) + (1 - known) * 4, axis=[1])
        inputs["sequence"] = tf.where(flip[:, None], flipped, codes)
    if "contacts" in rows:
        bins = rows["contacts"]
        inputs["contacts"] = (
            tf.where(flip[:, None], tf.reverse(bins, axis=[1]), bins) if mirrors else bins
        )
    return inputs, rows["target"]


def _present(arrays: Any, target: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
    every = {"codes": arrays.codes, "contacts": arrays.contacts, "target": target}
    return {name: values for name, values in every.items() if values is not None}
