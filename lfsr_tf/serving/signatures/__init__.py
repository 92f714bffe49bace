"""The signatures of an exported model: one module each, listed here.

A new signature is a module with a `SIGNATURE`, and one line in `SIGNATURES`. Every signature checks the rank
of its inputs with `tf.ensure_shape` before anything else (without it a wrong rank aborts the server inside a
oneDNN convolution), names its inputs and outputs, and refuses NaN and infinity (they would come back as a
plausible or empty image).
"""

from __future__ import annotations

from lfsr_tf.serving.signatures import image, kspace, network, png, volume
from lfsr_tf.serving.signatures.signature import DEFAULT_SIGNATURE, Signature

SIGNATURES: dict[str, Signature] = {
    DEFAULT_SIGNATURE: image.SIGNATURE,
    "kspace": kspace.SIGNATURE,
    "kspace_complex": kspace.COMPLEX_SIGNATURE,
    "png": png.SIGNATURE,
    "volume": volume.SIGNATURE,
    "network": network.SIGNATURE,
}
