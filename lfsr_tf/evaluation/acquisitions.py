"""From a high-field scan to test material: HR slices, head masks, and LR images at a chosen noise level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ScanError
from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.evaluation.masks import head_mask
from lfsr_tf.hashing import stable_seed
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.slices import hr_slices
from lfsr_tf.physics.acquisition import simulate_acquisition
from lfsr_tf.physics.intensity import reference_intensity, safe_reference
from lfsr_tf.physics.noise import TYPICAL_NOISE_LEVEL, estimate_sigma_magnitude
from lfsr_tf.physics.sampling import Shape2D
from lfsr_tf.physics.views import Offset
from lfsr_tf.scans.hanging import Hanging, hanging
from lfsr_tf.scans.scan import Scan

# Images that are simulated together; bounds the memory, not the result.
_BATCH = 32


# Compared by identity: arrays have no single truth value.
@dataclass(frozen=True, eq=False)
class StudyVolume:
    """One volume, ready to be degraded and compared.

    Attributes:
        name: Under which its figures are reported; different for every volume of a study.
        subject: Identifier of the person.
        contrast: For example "T1w".
        hr: float32 [n, H, W], every slice that shows any of the head, divided by the 99.9th percentile of
            the noise-free LR volume.
        indices: int64 [n], each slice's place in the scan.
        noise_key: What the noise depends on besides subject and slice: the file's name, wherever it lies.
        chosen: int64 [m], positions in `hr` of the slices that are compared.
        masks: bool [m, H, W], head masks of the chosen slices.
        scale: HR pixels for each LR pixel along an axis.
        spacing_mm: HR voxel sizes in millimetres along H and W.
        hanging: How its slices are turned for display.
    """

    name: str
    subject: str
    contrast: str
    hr: NDArray[np.float32]
    indices: NDArray[np.int64]
    noise_key: str
    chosen: NDArray[np.int64]
    masks: NDArray[np.bool_]
    scale: int
    spacing_mm: tuple[float, float]
    hanging: Hanging

    @property
    def truth(self) -> NDArray[np.float32]:
        """float32 [m, H, W], the chosen slices."""
        return self.hr[self.chosen]

    @property
    def hr_shape(self) -> Shape2D:
        """(H, W) of the truth."""
        return self.hr.shape[1], self.hr.shape[2]

    @property
    def lr_shape(self) -> Shape2D:
        """(h, w) of the simulated acquisition."""
        return self.hr.shape[1] // self.scale, self.hr.shape[2] // self.scale

    def seeds(self, sigma: float, root: int) -> NDArray[np.int32]:
        """int32 [n, 2], of what is random in each slice of `hr`; from names and numbers alone."""
        names = root, self.subject, self.noise_key
        seeds = [stable_seed(*names, int(index), f"{sigma:.6f}") for index in self.indices]
        return np.array(seeds, np.int32)


# Compared and hashed by identity, by which its denoised images are kept.
@dataclass(frozen=True, eq=False)
class LowField:
    """LR images of one volume at one noise level: what every method starts from.

    Attributes:
        images: float32 [m, h, w], in the units of the truth.
        sigma: The noise level that the baselines are told, of one channel in the same units; 0 where none
            is seen.
        reference: 99.9th percentile of the noisy slices that show any of the head; a network's input is
            divided by it.
        shape: (H, W) to reach.
        rician: Whether the images are magnitudes; parts in phase have Gaussian noise.
        coils: Coils whose root sum of squares a magnitude is; an effective number, as of `combined_noise`.
        noise_seen: Whether sigma is known or could be estimated.
        between: Images like `images` at the sample positions between theirs, by offset, where they are known.
    """

    images: NDArray[np.float32]
    sigma: float
    reference: float
    shape: Shape2D
    rician: bool = True
    coils: float = 1
    noise_seen: bool = True
    between: Mapping[Offset, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def noise_level(self) -> float:
        """What a network is told, as at inference: sigma / reference, or what is typical."""
        return self.sigma / self.reference if self.noise_seen else TYPICAL_NOISE_LEVEL


def study_volume(scan: Scan, name: str, scale: int, config: EvaluationConfig) -> StudyVolume:
    """Cut a scan into HR slices and choose the ones to compare.

    Args:
        scan: A high-field magnitude volume.
        name: Under which its figures are reported.
        scale: Of the network under test.
        config: Size and number of slices, and the acquisition, which decides the unit.

    Returns:
        The volume with its chosen slices.

    Raises:
        ScanError: The scan is too small, empty, or no slice shows enough of the head.
    """
    slices = hr_slices(scan, _pairs_config(scale, config))
    usable = np.flatnonzero(slices.head_fraction >= PairsConfig().min_head_fraction)
    chosen = usable[_evenly_spaced(len(usable), config.slices_per_volume)]
    masks = head_mask(slices.images[chosen]) if len(chosen) else np.zeros((0, 1, 1), dtype=bool)
    shown = masks.any(axis=(1, 2))
    if not shown.any():
        raise ScanError(f"Expected a scan that shows a head. Received: {scan.source}, where no slice does.")
    return StudyVolume(
        name=name,
        subject=scan.subject,
        contrast=scan.contrast,
        hr=slices.images,
        indices=slices.indices,
        noise_key=scan.source.name if scan.source else scan.contrast,
        chosen=chosen[shown],
        masks=masks[shown],
        scale=scale,
        spacing_mm=slices.spacing_mm,
        hanging=hanging(scan),
    )


def acquire(volume: StudyVolume, sigma: float, config: EvaluationConfig) -> LowField:
    """Simulate the low-field acquisition of a volume; noise follows from seed, volume, slice and sigma.

    Args:
        volume: The truth.
        sigma: Noise level in the units of `hr`.
        config: What the scanner does, seed, and whether the baselines are told sigma.

    Returns:
        The chosen slices' LR images.
    """
    keys = volume.seeds(sigma, config.seed)
    parts = (slice(start, start + _BATCH) for start in range(0, len(volume.hr), _BATCH))
    lr = np.concatenate([_acquire_batch(volume, sigma, keys, part, config) for part in parts])
    reference = float(safe_reference(reference_intensity(lr)))
    told = sigma if config.sigma_source == "known" else estimate_sigma_magnitude(lr).sigma
    # Who cannot see noise does not take any out.
    return LowField(lr[volume.chosen], told or 0.0, reference, volume.hr_shape, noise_seen=told is not None)


def _pairs_config(scale: int, config: EvaluationConfig) -> PairsConfig:
    # Slices with little head are not compared, but they belong to the volume whose percentile is taken.
    return PairsConfig(
        hr_size=config.hr_size,
        scale=scale,
        min_head_fraction=0.0,
        lr_patch=0,
        acquisition=config.acquisition,
    )


def _evenly_spaced(count: int, wanted: int) -> NDArray[np.int64]:
    """Positions of `wanted` of `count` slices, none at the very ends; all of them for 0."""
    if wanted == 0 or wanted >= count:
        return np.arange(count)
    return ((np.arange(wanted) + 0.5) * count / wanted).astype(np.int64)


def _acquire_batch(
    volume: StudyVolume, sigma: float, keys: NDArray[np.int32], part: slice, config: EvaluationConfig
) -> NDArray[np.float32]:
    hr = volume.hr[part]
    sigmas = tf.fill([len(hr)], tf.constant(sigma, tf.float32))
    return np.asarray(simulate_acquisition(hr, sigmas, keys[part], volume.lr_shape, config.acquisition))
