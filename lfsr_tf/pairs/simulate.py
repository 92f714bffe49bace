"""A whole high-field scan as a low-field scanner would have given it, geometry included."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.keys import seeds_of
from lfsr_tf.pairs.preparing.plan import slice_key
from lfsr_tf.pairs.slices import hr_scan, low_resolution_reference
from lfsr_tf.physics.acquisition import simulate_acquisition
from lfsr_tf.physics.scanners import scanner_settings
from lfsr_tf.scans.scan import Scan

_BATCH = 32


@dataclass(frozen=True, eq=False)
class SimulatedScan:
    """A simulated low-field scan and the truth behind it.

    Attributes:
        lr: What the low-field scanner gives, in the intensity units of the scan.
        hr: The noise-free scan on the high-resolution grid, over the same field of view.
        sigma: Standard deviation of the noise of one channel, in units of `reference`.
        reference: 99.9th percentile of the noise-free LR volume, in the scan's units.
        seed: Root of the random numbers.
    """

    lr: Scan
    hr: Scan
    sigma: float
    reference: float
    seed: int

    def sidecar(self, config: PairsConfig) -> dict[str, Any]:
        """What to write beside the simulated scan as JSON."""
        return {
            "source": None if self.hr.source is None else self.hr.source.name,
            "subject": self.lr.subject,
            "contrast": self.lr.contrast,
            "sigma": self.sigma,
            "sigma_intensity": self.sigma * self.reference,
            "reference_intensity": self.reference,
            "seed": self.seed,
            "scale": config.scale,
            "hr_matrix": list(self.hr.slices().shape[1:]),
            "lr_matrix": list(self.lr.slices().shape[1:]),
            "lr_spacing_mm": list(self.lr.in_plane_spacing),
            "acquisition": scanner_settings(config.acquisition),
        }


def simulate_scan(
    scan: Scan, sigma: float, config: PairsConfig, *, seed: int = 0, volume: int = 0
) -> SimulatedScan:
    """Simulate a low-field acquisition of every slice of a scan, the way training pairs are made.

    The noise depends on the voxels: no two visits of a person share it.

    Args:
        scan: A high-field scan.
        sigma: Noise level, in [0, 1), in units of the 99.9th percentile of the noise-free LR volume.
        config: Plane, HR size, scale and acquisition, whose range of noise levels is not looked at.
        seed: Other seeds give other noise.
        volume: Number of the volume in its series; others give other noise, even to equal voxels.

    Returns:
        The low-field scan and the high-resolution one it was made from.

    Raises:
        ScanError: The scan is too small or empty.
        ConfigError: `sigma` is out of its range.
    """
    if not 0.0 <= sigma < 1.0:
        raise ConfigError(
            f"Expected sigma in [0, 1), a fraction of the 99.9th percentile. Received: {sigma}."
        )
    hr = hr_scan(scan, config)
    reference = low_resolution_reference(hr, config)
    stack = hr.slices() / np.float32(reference)
    name = f"{hashlib.sha256(np.ascontiguousarray(scan.voxels).data).hexdigest()}#{volume}"
    keys = np.array([slice_key(seed, scan.subject, name, number) for number in range(len(stack))], np.int64)
    shape = stack.shape[1] // config.scale, stack.shape[2] // config.scale
    parts = [
        simulate_acquisition(
            stack[start : start + _BATCH],
            tf.fill([len(stack[start : start + _BATCH])], float(sigma)),
            seeds_of(keys[start : start + _BATCH]),
            shape,
            config.acquisition,
        ).numpy()
        for start in range(0, len(stack), _BATCH)
    ]
    lr = hr.with_slices(np.concatenate(parts) * np.float32(reference))
    return SimulatedScan(lr=lr, hr=hr, sigma=sigma, reference=reference, seed=seed)
