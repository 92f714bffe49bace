"""The second half of a preparation: one shard of records from cached slices."""

from __future__ import annotations

import functools
from collections import ChainMap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.degrade import degrade
from lfsr_tf.pairs.examples import patch_keys
from lfsr_tf.pairs.patches import draw_positions, usable_positions
from lfsr_tf.pairs.preparing.plan import PlannedImage
from lfsr_tf.pairs.preparing.workspace import array_path, measured_path
from lfsr_tf.pairs.records import PIXELS, Values
from lfsr_tf.storage import name_bytes

# Slices that are degraded together: large enough to hide TensorFlow's cost a call, small enough for the
# cache.
_BATCH = 32

Labels = dict[tuple[int, int], dict[str, Any]]
Arrays = dict[str, NDArray[Any]]


def shard_records(
    cache: Path, images: Sequence[PlannedImage], labels: Labels, config: PairsConfig
) -> Iterator[Values]:
    """Degrade the planned slices, or take what was measured, and cut patches: one shard's records in order.

    Args:
        cache: Folder of the cached slices.
        images: What goes into the shard.
        labels: For each (source, volume): subject, contrast, scan name, reference, measured sigma and the
            slice number of each row.
        config: Settings of the pairs.

    Yields:
        Values of the schema's features.
    """
    batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
    parts = [_records_of(batch, cache, labels, config) for batch in batches]
    # One row a record in each array; `owners` has the place in `images` of the image that it is of.
    merged = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    owners = np.repeat(np.arange(len(images)), [image.records for image in images])
    # Keys are random, so sorting by them mixes the patches of different slices the same way every time.
    order = np.argsort(merged["key"], kind="stable")
    yield from _values(order, owners, merged, images, labels)


def _records_of(images: Sequence[PlannedImage], cache: Path, labels: Labels, config: PairsConfig) -> Arrays:
    hr = _rows(images, cache, array_path)
    keys = np.array([image.key for image in images], np.int64)
    if config.mode == "slices":
        return {"hr": hr, "key": keys}
    counts = np.array([image.records for image in images], np.int32)
    measured: tuple[NDArray[Any], ...] = ()
    if config.pairing == "repetitions":
        levels = [labels[image.source, image.volume]["sigma"] for image in images]
        measured = _rows(images, cache, measured_path), np.array(levels, np.float32)
    lr, sigma, corners, drawn_keys = _degraded(hr, keys, config, int(counts.max()), *measured)
    owners, draws = np.nonzero(np.arange(counts.max())[None, :] < counts[:, None])
    corners = corners[owners, draws]
    return {
        "lr": _cut(lr, owners, corners, config.lr_patch),
        "hr": _cut(hr, owners, corners * config.scale, config.hr_patch),
        "patch": corners,
        "key": drawn_keys[owners, draws],
        "sigma": sigma[owners],
    }


def _cut(
    images: NDArray[np.float16], owners: NDArray[np.int64], corners: NDArray[np.int32], side: int
) -> NDArray[np.float16]:
    """The patch at each corner of its image, or the whole image: what `cut_patches` does on tensors."""
    windows = sliding_window_view(images, (side or images.shape[1],) * 2, axis=(1, 2))
    return windows[owners, corners[:, 0], corners[:, 1]]


def _rows(
    images: Sequence[PlannedImage], cache: Path, path: Callable[[Path, int, int], Path]
) -> NDArray[np.float16]:
    return np.stack([_load(path(cache, image.source, image.volume))[image.row] for image in images])


# HR and LR of eight volumes.
@functools.lru_cache(maxsize=16)
def _load(path: Path) -> NDArray[np.float16]:
    loaded: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
    return loaded


def _degraded(
    hr: NDArray[np.float16],
    keys: NDArray[np.int64],
    config: PairsConfig,
    count: int,
    *measured: NDArray[Any],
) -> tuple[NDArray[Any], ...]:
    step = _compiled_step(config, hr.shape[1])
    inputs = (hr, keys, np.int32(count), *measured)
    return tuple(result.numpy() for result in step(*map(tf.constant, inputs)))


@functools.lru_cache(maxsize=8)
def _compiled_step(config: PairsConfig, hr_size: int) -> Any:
    """Degradation and drawing as one graph for a slice size: traced once, for any number of slices.

    What was measured, LR images and sigma, is given after the count and takes the place of a degradation.
    """

    def step(hr: tf.Tensor, keys: tf.Tensor, count: tf.Tensor, *measured: tf.Tensor) -> tuple[tf.Tensor, ...]:
        images = tf.cast(hr, tf.float32)
        lr, sigma = measured or degrade(images, keys, config)
        lr = tf.cast(lr, tf.float16)
        if not config.lr_patch:
            return lr, sigma, tf.zeros([tf.shape(keys)[0], 1, 2], tf.int32), keys[:, None]
        corners = draw_positions(usable_positions(images, config), keys, count)
        return lr, sigma, corners, patch_keys(keys[:, None], tf.range(count)[None, :])

    signature = [
        tf.TensorSpec([None, hr_size, hr_size], tf.float16),
        tf.TensorSpec([None], tf.int64),
        tf.TensorSpec([], tf.int32),
    ]
    if config.pairing == "repetitions":
        side = hr_size // config.scale
        signature += [tf.TensorSpec([None, side, side], tf.float16), tf.TensorSpec([None], tf.float32)]
    # Calling it by itself skips what a tf.function does to find the right graph: a millisecond a call.
    return tf.function(step, input_signature=signature, autograph=False).get_concrete_function()


def _values(
    order: NDArray[np.int64],
    owners: NDArray[np.int64],
    arrays: Arrays,
    images: Sequence[PlannedImage],
    labels: Labels,
) -> Iterator[Values]:
    pixels = {name: arrays[name].astype(PIXELS, copy=False) for name in ("lr", "hr") if name in arrays}
    shapes = {f"{name}_shape": array.shape[1:] for name, array in pixels.items()}
    shared = [_of_image(image, labels[image.source, image.volume]) | shapes for image in images]
    if "lr" in pixels:
        shared = [values | {"copy": image.copy} for values, image in zip(shared, images, strict=True)]
    drawn = {name: arrays[name].tolist() for name in ("key", "sigma", "patch") if name in arrays}
    for index, owner in zip(order.tolist(), owners[order].tolist(), strict=True):
        own: dict[str, Any] = {name: array[index].tobytes() for name, array in pixels.items()}
        own |= {name: column[index] for name, column in drawn.items()}
        yield ChainMap(own, shared[owner])


def _of_image(image: PlannedImage, volume: dict[str, Any]) -> dict[str, Any]:
    """What all records of one image have in common."""
    words = {name: name_bytes(volume[name]) for name in ("contrast", "subject", "scan")}
    return words | {"slice": volume["slices"][image.row], "reference": float(volume["reference"])}
