"""Random training batches from HR slices, made on the accelerator."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from studies.gpu.acquisition import acquire


@dataclass(frozen=True)
class BatchPlan:
    """What a training batch is.

    Attributes:
        batch: Patches a batch, each of another slice.
        lr_patch: Side of an LR patch.
        scale: HR pixels for each LR pixel.
        sigma_max: Noise levels are uniform from 0 to here.
        phase: Give each slice a smooth random phase.
        flips: Mirror and transpose the slices at random.
        gain: LR and HR are multiplied by one random number from 1 - gain to 1 + gain.
        head_threshold: A pixel above this belongs to the head.
        min_patch_head: Least fraction of head pixels in an HR patch.
    """

    batch: int = 20
    lr_patch: int = 16
    scale: int = 2
    sigma_max: float = 0.08
    phase: bool = False
    flips: bool = True
    gain: float = 0.4
    head_threshold: float = 0.1
    min_patch_head: float = 0.25


def random_batch(key: jax.Array, slices: jax.Array, plan: BatchPlan) -> tuple[jax.Array, jax.Array]:
    """One batch of pairs: slices are drawn, turned, acquired as a whole, and patches cut where the head is.

    Args:
        key: Of everything random.
        slices: float [N, S, S], in units of each volume's reference intensity.
        plan: What a batch is.

    Returns:
        float32 LR [B, p, p, 1] and HR [B, s p, s p, 1].
    """
    keys = jax.random.split(key, 6)
    chosen = jax.random.randint(keys[0], (plan.batch,), 0, len(slices))
    hr = slices[chosen].astype(jnp.float32)
    if plan.flips:
        hr = _turned(keys[1], hr)
    gain = jax.random.uniform(keys[2], (plan.batch,), minval=1 - plan.gain, maxval=1 + plan.gain)
    sigma = jax.random.uniform(keys[3], (plan.batch,), maxval=plan.sigma_max)
    lr = acquire(keys[4], hr, sigma, hr.shape[-1] // plan.scale, phase=plan.phase)
    rows, columns = _positions(keys[5], hr, plan)
    lr = _patches(lr, rows, columns, plan.lr_patch)
    hr = _patches(hr, rows * plan.scale, columns * plan.scale, plan.lr_patch * plan.scale)
    factor = gain[:, None, None]
    return (lr * factor)[..., None], (hr * factor)[..., None]


def _turned(key: jax.Array, images: jax.Array) -> jax.Array:
    coins = jax.random.bernoulli(key, shape=(3, len(images), 1, 1))
    images = jnp.where(coins[0], images[:, ::-1], images)
    images = jnp.where(coins[1], images[:, :, ::-1], images)
    return jnp.where(coins[2], images.swapaxes(1, 2), images)


def _positions(key: jax.Array, hr: jax.Array, plan: BatchPlan) -> tuple[jax.Array, jax.Array]:
    """A random LR position for each image, even among those whose HR patch shows enough of the head."""
    side = plan.lr_patch * plan.scale
    head = (hr > plan.head_threshold).astype(jnp.float32)
    sums = jnp.pad(head.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    boxes = sums[:, side:, side:] - sums[:, :-side, side:] - sums[:, side:, :-side] + sums[:, :-side, :-side]
    boxes = boxes[:, :: plan.scale, :: plan.scale]
    enough = jnp.where(boxes >= plan.min_patch_head * side**2, 0.0, -1e9)
    drawn = jax.random.categorical(key, enough.reshape(len(hr), -1))
    return drawn // boxes.shape[2], drawn % boxes.shape[2]


def _patches(images: jax.Array, rows: jax.Array, columns: jax.Array, side: int) -> jax.Array:
    def cut(image: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (row, column), (side, side))

    return jax.vmap(cut)(images, rows, columns)
