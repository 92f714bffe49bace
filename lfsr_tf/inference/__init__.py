"""Enhancing scans on disk with a trained model, and saying how far to trust the result."""

from lfsr_tf.inference.config import EnhanceConfig
from lfsr_tf.inference.enhance import Enhanced, Enhancer, enhance_scan
from lfsr_tf.inference.files import enhance_file
from lfsr_tf.inference.sidecar import Sidecar

__all__ = ["EnhanceConfig", "Enhanced", "Enhancer", "Sidecar", "enhance_file", "enhance_scan"]
