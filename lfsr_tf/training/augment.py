"""Mirrored and transposed pairs, on a grid whose sample 0 stays where it is.

LR sample i lies at HR sample s*i (s the scale). Mirrored as they are, LR and HR would no longer match: LR
sample n-1, the new sample 0, lies at HR sample s*(n-1), not at the last one, s*n-1. So the mirrored HR
patch starts at s*(n-1), which leaves pairs of n-1 LR samples; pairs that are not mirrored drop their last
sample, since one batch has one shape. A transposition moves nothing, but it swaps the axes of what the
scanner did: simulated T2 decay along W would become one along H, which no scan of the records has. Of what a
scanner did to measured repetitions the settings say nothing: these are transposed.
"""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.physics.settings import AcquisitionConfig


def axes_are_alike(acquisition: AcquisitionConfig) -> bool:
    """Whether transposed square pairs are pairs that this acquisition could have made.

    Its T2 decay, in either echo order, weights k-space along W alone; elliptical coverage and windows treat
    both axes of a square matrix alike, and phase, coil shading and noise have no axis on average. Mirroring
    is right in every case: the magnitude of an object is the same with k-space weights in reverse order.
    """
    return acquisition.t2_decay == 0.0


def random_flips(
    lr: tf.Tensor, hr: tf.Tensor, seed: tf.Tensor, transpose: bool = True
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirror each pair along either axis and transpose it, each with probability 1/2.

    Args:
        lr: [B, n, n, C] float32, n known.
        hr: [B, s*n, s*n, C] float32, sample 0 at the same place as that of `lr`.
        seed: [2] int32 key; the same key gives the same flips.
        transpose: Whether to transpose at all: `axes_are_alike`.

    Returns:
        The pairs, [B, n-1, n-1, C] and [B, s*(n-1), s*(n-1), C].
    """
    coins = tf.random.stateless_uniform((3, tf.shape(lr)[0]), seed) < 0.5
    for axis in (1, 2):
        lr, hr = mirror(lr, hr, coins[axis], axis)
    if not transpose:
        return lr, hr
    transposed = coins[0][:, None, None, None]
    lr = tf.where(transposed, tf.transpose(lr, (0, 2, 1, 3)), lr)
    return lr, tf.where(transposed, tf.transpose(hr, (0, 2, 1, 3)), hr)


def mirror(lr: tf.Tensor, hr: tf.Tensor, chosen: tf.Tensor, axis: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirror the chosen pairs along one axis and shorten all pairs by one LR sample along it.

    Args:
        lr: [B, H, W, C], H and W known.
        hr: [B, s*H, s*W, C].
        chosen: [B] bool, the pairs to mirror.
        axis: 1 (rows) or 2 (columns).

    Returns:
        The pairs, one LR sample and s HR samples shorter along `axis`.
    """
    kept = lr.shape[axis] - 1
    scale = hr.shape[axis] // lr.shape[axis]
    return _mirrored_where(lr, chosen, axis, kept), _mirrored_where(hr, chosen, axis, kept * scale)


def _mirrored_where(images: tf.Tensor, chosen: tf.Tensor, axis: int, kept: int) -> tf.Tensor:
    before = (slice(None),) * axis
    plain = images[(*before, slice(0, kept))]
    mirrored = images[(*before, slice(kept, 0, -1))]
    return tf.where(chosen[:, None, None, None], mirrored, plain)
