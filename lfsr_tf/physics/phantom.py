"""A built-in multi-contrast brain phantom, so that the whole chain runs without any download.

It is for demonstrations and tests: it has the resolution, the contrasts and the kind of detail of a brain
scan, but nobody's anatomy. Do not draw conclusions on patients from a network that was trained on it.
"""

from __future__ import annotations

import numpy as np

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics.anatomy import random_anatomy
from lfsr_tf.physics.shapes import Vector, Volume, voxel_sizes
from lfsr_tf.physics.signals import tissue_signals

_FULL_SCALE = 1000.0


def brain_phantom(
    seed: int,
    contrast: str,
    *,
    shape: tuple[int, int, int] = (192, 192, 20),
    field_of_view: Vector = (240.0, 240.0, 110.0),
    field_strength: float = 3.0,
) -> tuple[Volume, Vector]:
    """An axial brain scan of nobody.

    Args:
        seed: Who it is: the same seed gives the same head in every contrast and at every matrix.
        contrast: "T1w", "T2w" or "FLAIR".
        shape: Voxels (X, Y, Z): to the right, to the front, upwards.
        field_of_view: Extent (X, Y, Z) in mm.
        field_strength: 1.5 or 3.0, in tesla.

    Returns:
        Noise-free magnitude, float32 [X, Y, Z], and the voxel sizes in mm. Healthy tissue reaches about 1000,
        lesions on FLAIR up to 1900.

    Raises:
        ConfigError: The contrast or field strength is unknown, or the matrix or the seed is impossible.
    """
    _check(seed, shape, field_of_view)
    signals = tissue_signals(contrast, field_strength)
    anatomy = random_anatomy(seed, shape, field_of_view)
    voxels = np.zeros(shape, np.float32)
    for tissue, fraction in anatomy.fractions.items():
        voxels += np.float32(signals[tissue]) * fraction
    brightest = max(signals[tissue] for tissue in ("grey", "white", "csf", "fat"))
    voxels *= anatomy.texture * np.float32(_FULL_SCALE / brightest)
    return voxels, voxel_sizes(shape, field_of_view)


def _check(seed: int, shape: tuple[int, ...], field_of_view: tuple[float, ...]) -> None:
    whole = all(isinstance(number, int | np.integer) for number in (seed, *shape))
    if not whole or seed < 0 or len(shape) != 3 or min(shape) < 1 or min(shape[:2]) < 16:
        raise ConfigError(
            "Expected seed >= 0 and at least 16 x 16 x 1 voxels (X, Y, Z), all of them whole numbers. "
            f"Received: {seed} and {shape}."
        )
    if len(field_of_view) != 3 or not all(0.0 < extent < np.inf for extent in field_of_view):
        raise ConfigError(
            f"Expected a field of view of three lengths in mm, above 0. Received: {field_of_view}."
        )
