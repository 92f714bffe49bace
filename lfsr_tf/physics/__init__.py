"""What a scanner does to an object: Fourier operators, sampling, noise, acquisition; and a phantom to scan.

Each name is imported when it is first used: the settings and the phantom need no TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import Any

_EXPORTS = {
    "AcquisitionConfig": "settings",
    "BackgroundNoise": "background",
    "NoiseEstimate": "noise",
    "apodisation_window": "effects",
    "apply_random_phase": "effects",
    "background_noise": "background",
    "bias_field": "effects",
    "brain_phantom": "phantom",
    "crop_kspace": "sampling",
    "draw_sigma": "acquisition",
    "elliptical_mask": "effects",
    "estimate_sigma_complex": "noise",
    "estimate_sigma_kspace": "noise",
    "estimate_sigma_magnitude": "noise",
    "fft2c": "fourier",
    "fourier_downsample": "sampling",
    "ifft2c": "fourier",
    "image_to_kspace": "fourier",
    "in_phase_image": "phase",
    "kspace_to_image": "fourier",
    "measured_kspace": "sampling",
    "random_anatomy": "anatomy",
    "random_phase": "effects",
    "reference_intensity": "intensity",
    "remove_rician_bias": "noise",
    "safe_reference": "intensity",
    "simulate_acquisition": "acquisition",
    "simulate_complex": "acquisition",
    "t2_weights": "effects",
    "tissue_signals": "signals",
    "zero_fill": "sampling",
    "zero_fill_magnitude": "sampling",
    "zero_pad_kspace": "sampling",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return __all__
