"""lfsr_tf: sharp brain images from noisy, low-resolution low-field MR scans, and how far to trust them.

`import lfsr_tf as lfsr` gives the names below; each is imported when it is first used, so that the import
itself and the command line's help stay fast. Keras' own `keras.saving.load_model(file, compile=False)` knows
the layers of the package once `lfsr_tf.networks` has been imported.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_EXPORTS = {
    "AcquisitionConfig": "lfsr_tf.physics",
    "brain_phantom": "lfsr_tf.physics",
    "fourier_downsample": "lfsr_tf.physics",
    "simulate_acquisition": "lfsr_tf.physics",
    "zero_fill": "lfsr_tf.physics",
    "Scan": "lfsr_tf.scans",
    "find_scans": "lfsr_tf.scans",
    "read_scan": "lfsr_tf.scans",
    "read_volumes": "lfsr_tf.scans",
    "write_scan": "lfsr_tf.scans",
    "PairsConfig": "lfsr_tf.pairs",
    "PipelineConfig": "lfsr_tf.pairs",
    "prepare_dataset": "lfsr_tf.pairs",
    "steps_per_epoch": "lfsr_tf.pairs",
    "training_data": "lfsr_tf.pairs",
    "validation_data": "lfsr_tf.pairs",
    "PSNR": "lfsr_tf.networks",
    "SSIM": "lfsr_tf.networks",
    "ResidualSR": "lfsr_tf.networks",
    "SRDenseNet": "lfsr_tf.networks",
    "SRDenseNet_All": "lfsr_tf.networks",
    "SRDenseNet_H": "lfsr_tf.networks",
    "SRDenseNet_HL": "lfsr_tf.networks",
    "UNetSR": "lfsr_tf.networks",
    "build_loss": "lfsr_tf.networks",
    "ModelInfo": "lfsr_tf.model_info",
    "load_model": "lfsr_tf.models",
    "save_model": "lfsr_tf.networks",
    "list_models": "lfsr_tf.models",
    "TrainConfig": "lfsr_tf.training",
    "train": "lfsr_tf.training",
    "EvaluationConfig": "lfsr_tf.evaluation",
    "calibrate": "lfsr_tf.evaluation",
    "evaluate": "lfsr_tf.evaluation",
    "EnhanceConfig": "lfsr_tf.inference",
    "Enhancer": "lfsr_tf.inference",
    "enhance_scan": "lfsr_tf.inference",
    "export_model": "lfsr_tf.serving",
}

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'lfsr_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
