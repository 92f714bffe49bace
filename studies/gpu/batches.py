"""Random training batches from HR slices, made on the accelerator."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from studies.gpu.acquisition import acquire, cropped, part_in_phase, smooth, smooth_phase, zero_filled
from studies.gpu.transfer import even_weights, odd_weights


@dataclass(frozen=True)
class BatchPlan:
    """What a training batch is.

    Attributes:
        batch: Patches a batch, each of another slice.
        lr_patch: Side of an LR patch.
        scale: HR pixels for each LR pixel.
        sigma_max: Noise levels are uniform from 0 to here.
        noise_level: The network is told the noise level.
        phase: Give each slice a smooth random phase.
        flips: Mirror and transpose the slices at random.
        gain: LR and HR are multiplied by one random number from 1 - gain to 1 + gain.
        blur: Largest blur of half of the slices, as `transfer.even_weights` has it.
        echoes: Largest logarithm of the weights of their lines, likewise.
        unequal: Share of the slices whose sides of k-space differ.
        unequal_db: By how much at most, as `transfer.odd_weights` has it.
        in_phase: Share of the slices that are seen in phase with their low frequencies, not as magnitudes.
        head_threshold: A pixel above this belongs to the head.
        min_patch_head: Least fraction of head pixels in an HR patch.
    """

    batch: int = 20
    lr_patch: int = 16
    scale: int = 2
    sigma_max: float = 0.08
    noise_level: bool = False
    phase: bool = False
    flips: bool = True
    gain: float = 0.4
    blur: float = 0.0
    echoes: float = 0.0
    unequal: float = 0.0
    unequal_db: float = 0.0
    in_phase: float = 0.0
    head_threshold: float = 0.1
    min_patch_head: float = 0.25


def random_batch(key: jax.Array, slices: jax.Array, plan: BatchPlan) -> tuple[jax.Array, jax.Array]:
    """One batch of pairs: slices are drawn, turned, acquired as a whole, and patches cut where the head is.

    Args:
        key: Of everything random.
        slices: float [N, S, S], in units of each volume's reference intensity.
        plan: What a batch is.

    Returns:
        float32 LR [B, p, p, 1], or [B, p, p, 2] with the noise level, and HR [B, s p, s p, 1].
    """
    keys = jax.random.split(key, 6)
    chosen = jax.random.randint(keys[0], (plan.batch,), 0, len(slices))
    hr = slices[chosen].astype(jnp.float32)
    if plan.flips:
        hr = _turned(keys[1], hr)
    gain = jax.random.uniform(keys[2], (plan.batch,), minval=1 - plan.gain, maxval=1 + plan.gain)
    sigma = jax.random.uniform(keys[3], (plan.batch,), maxval=plan.sigma_max)
    lr, hr = random_pairs(keys[4], hr, sigma, plan)
    rows, columns = _positions(keys[5], hr, plan)
    lr = _patches(lr, rows, columns, plan.lr_patch)
    hr = _patches(hr, rows * plan.scale, columns * plan.scale, plan.lr_patch * plan.scale)
    factor = gain[:, None, None]
    given = with_sigma(lr * factor, sigma * gain) if plan.noise_level else (lr * factor)[..., None]
    return given, (hr * factor)[..., None]


def random_pairs(
    key: jax.Array, hr: jax.Array, sigma: jax.Array, plan: BatchPlan
) -> tuple[jax.Array, jax.Array]:
    """What a scanner sees of whole slices, and what it would see of them at full resolution.

    Args:
        key: Of everything random.
        hr: float32 [B, S, S].
        sigma: float32 [B], of one channel of the LR image.
        plan: What the scanner does.

    Returns:
        float32 [B, S / scale, S / scale] and [B, S, S]. The truth of a magnitude is the slice; where the
        sides of k-space differ, its part in phase with the zero-filled LR image without noise. That of a part
        in phase is the slice's part in phase with the same low frequencies.
    """
    keys = jax.random.split(key, 5)
    count, size, small = len(hr), hr.shape[-1], hr.shape[-1] // plan.scale
    if plan.blur or plan.echoes:
        hr = _weighted(hr, even_weights(keys[0], count, size, plan.blur, plan.echoes)).real
    seen = hr * jnp.exp(1j * smooth_phase(keys[1], count, size)) if plan.phase else hr
    if plan.unequal:
        weights, unequal = odd_weights(keys[2], count, size, plan.unequal, plan.unequal_db)
        seen = _weighted(seen, weights)
        within = part_in_phase(seen, zero_filled(cropped(seen, small), size))
        hr = jnp.where(unequal[:, None, None], within, hr)
    low = acquire(keys[3], seen, sigma, small)
    lr = jnp.abs(low)
    if plan.in_phase:
        chosen = jax.random.bernoulli(keys[4], plan.in_phase, (count, 1, 1))
        lr = jnp.where(chosen, jnp.maximum(part_in_phase(low, smooth(low)), 0.0), lr)
        hr = jnp.where(chosen, part_in_phase(seen, zero_filled(smooth(low), size)), hr)
    return lr, hr


def with_sigma(lr: jax.Array, sigma: jax.Array) -> jax.Array:
    """The noise level as a second channel: [B, h, w] and [B] -> [B, h, w, 2]."""
    return jnp.stack([lr, jnp.broadcast_to(sigma[:, None, None], lr.shape)], axis=-1)


def _weighted(images: jax.Array, weights: jax.Array) -> jax.Array:
    return jnp.fft.ifft2(jnp.fft.fft2(images) * weights)


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
