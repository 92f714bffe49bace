"""Views of one acquisition: its image at the sample positions between its own, too.

What a network makes of an edge hangs on where the samples lie beside it. k-space tells a complex image
between its samples exactly, so one measurement can be shown to a network once for each HR sample position
within an LR pixel. The results, moved back, differ in their errors more than in their signal, so their mean
is better than each of them: cycle spinning (Coifman and Donoho, "Translation-invariant de-noising", 1995,
doi:10.1007/978-1-4612-2544-7_9), by parts of a pixel.

The magnitudes at an image's own samples do not tell those between them: a magnitude reaches to twice the
highest frequency of its image (see `inference.matrix`). Views need the complex image, or its magnitude at
twice as many positions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.physics.fourier import image_to_kspace, kspace_to_image, matrix_size

Offset = tuple[int, int]
"""How many HR samples behind its own the samples of a view lie, along rows and columns."""

OWN: Offset = (0, 0)


def offsets(scale: int, *, rows: bool = True, columns: bool = True) -> tuple[Offset, ...]:
    """Where the samples of all views lie, the image's own first.

    Args:
        scale: HR samples for each LR sample along an axis.
        rows: Whether the image is known between its rows.
        columns: Whether it is known between its columns.
    """
    first, second = (range(scale if known else 1) for known in (rows, columns))
    return tuple(itertools.product(first, second))


def between_samples(
    images: tf.Tensor, offset: tuple[int | tf.Tensor, int | tf.Tensor], scale: int | tf.Tensor
) -> tf.Tensor:
    """A band-limited image at positions n + offset / scale, periodic over the field of view.

    Args:
        images: complex [..., h, w], their origin at sample 0 or at the centre.
        offset: In HR samples.
        scale: HR samples for each LR sample along an axis.

    Returns:
        complex [..., h, w].
    """
    if not any(isinstance(part, tf.Tensor) or part for part in offset):
        return images
    rows, columns = (
        _turns(size, tf.cast(part / scale, tf.float32))
        for size, part in zip(matrix_size(images), offset, strict=True)
    )
    turns = tf.exp(tf.complex(0.0, rows[:, None] + columns[None, :]))
    return kspace_to_image(image_to_kspace(images) * tf.cast(turns, images.dtype))


def mean_of_views(results: Mapping[Offset, tf.Tensor]) -> tf.Tensor:
    """The mean of the results of all views at each HR sample.

    Args:
        results: float32 [N, H, W] by offset, that of `OWN` among them. The first samples, which a moved
            result does not reach, are the mean of those that do.

    Returns:
        float32 [N, H, W].
    """
    if len(results) == 1:
        return results[OWN]
    total = tf.add_n([_moved(result, offset) for offset, result in results.items()])
    return total / tf.add_n([_reach(result, offset) for offset, result in results.items()])


def variance_of_views(results: Mapping[Offset, tf.Tensor]) -> tf.Tensor:
    """The variance of the results of all views at each HR sample, float32 [N, H, W].

    The first samples, which not all views reach, have that of the nearest ones that all do.
    """
    squares = mean_of_views({offset: tf.square(result) for offset, result in results.items()})
    variance = tf.maximum(squares - tf.square(mean_of_views(results)), 0.0)
    rows, columns = (
        tf.maximum(tf.range(size), min(max(moves), size - 1))
        for size, moves in zip(variance.shape[1:], zip(*results, strict=True), strict=True)
    )
    return tf.gather(tf.gather(variance, rows, axis=1), columns, axis=2)


def interpolated_views(images: NDArray[np.float32], scale: int) -> dict[Offset, NDArray[np.float32]]:
    """All views of real images as if they were band-limited, which magnitudes are not.

    Their mean is no better than the result for the images themselves, but it spreads where they tell little.

    Args:
        images: float32 [N, h, w].
        scale: HR samples for each LR sample along an axis.

    Returns:
        float32 [N, h, w] by offset. Values below 0 are ringing, and 0, where the images have none.
    """
    least, samples = min(images.min(), 0.0), tf.cast(images, tf.complex64)
    return {
        offset: np.maximum(between_samples(samples, offset, scale).numpy().real, np.float32(least))
        for offset in offsets(scale)
    }


def mean_over_views(image: tf.Tensor, run: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Show a function every view of an image, one after the other, and average: `mean_of_views` in a graph.

    Args:
        image: complex [N, ..., h, w].
        run: From such an image to float32 [N, s h, s w], of any scale s.

    Returns:
        float32 [N, s h, s w].
    """
    own = run(image)
    scale = tf.shape(own)[-2] // tf.shape(image)[-2]

    def add(view: tf.Tensor, total: tf.Tensor, reached: tf.Tensor) -> tuple[tf.Tensor, ...]:
        offset = view // scale, view % scale
        result = run(between_samples(image, offset, scale))
        return view + 1, total + _moved(result, offset), reached + _reach(result, offset)

    start = 1, own, _reach(own, OWN)
    _, total, reached = tf.while_loop(lambda view, *_: view < scale**2, add, start, parallel_iterations=1)
    return total / reached


def _moved(result: tf.Tensor, offset: tuple[int | tf.Tensor, int | tf.Tensor]) -> tf.Tensor:
    """A result [N, H, W] at the samples of the image's own, 0 where it does not reach."""
    (down, right), (height, width) = offset, matrix_size(result)
    return tf.pad(result[:, : height - down, : width - right], [[0, 0], [down, 0], [right, 0]])


def _reach(result: tf.Tensor, offset: tuple[int | tf.Tensor, int | tf.Tensor]) -> tf.Tensor:
    """1 where `_moved` reaches, [1, H, W]."""
    return _moved(tf.ones_like(result[:1]), offset)


def _turns(size: int | tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """By how much the lines of centred k-space turn, in radians."""
    lines = tf.cast(tf.range(size) - size // 2, tf.float32)
    return 2.0 * np.pi * offset * lines / tf.cast(size, tf.float32)
