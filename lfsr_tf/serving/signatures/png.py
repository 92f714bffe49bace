"""`png`: pictures in and out, for browsers and for curl.

The names end in `_bytes`, so that TensorFlow Serving's REST API gives and takes base64.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.physics.intensity import reference_intensity, safe_reference
from lfsr_tf.serving.signatures.graph import (
    LEAST_SIDE,
    Enhance,
    checked,
    counted_pixels,
    enhance_each,
    small_enough,
)
from lfsr_tf.serving.signatures.signature import Arrays, Signature

WHITE = 65_535
# Counted, of all files of a request: what 64 MiB of float32 hold. A packed kilobyte may hold millions.
MOST_PIXELS_TOGETHER = 1 << 24
_BEGINNING, _HEADER_BYTES = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 24

DESCRIPTION = (
    "png_bytes: string [N], PNG files of low-resolution magnitude images, grey of 1 to 16 bits (colours are "
    "made grey, transparency is left out), of any sizes. sr_png_bytes: string [N], PNG files of s times the "
    "matrix, grey, 16 bits, on the same scale; values above white are cut. Each image is "
    "normalised by its own 99.9th percentile."
)


def build(enhance: Enhance) -> tf.types.experimental.ConcreteFunction:
    """Trace `png_bytes` -> `sr_png_bytes`."""

    def enlarged(file: tf.Tensor) -> tf.Tensor:
        image = tf.cast(tf.io.decode_png(file, channels=1, dtype=tf.uint16), tf.float32)
        result = enhance_each(image[None], enhance)[0]
        return tf.io.encode_png(tf.cast(tf.clip_by_value(tf.round(result), 0.0, WHITE), tf.uint16))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="png_bytes")], autograph=False)
    def serve(png_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        files = checked(png_bytes, "png_bytes", (None,))
        with tf.control_dependencies([_claim_few_pixels(files)]):
            files = tf.identity(files)
        # One after the other: their sizes differ, and so the memory is that of one.
        found = tf.map_fn(enlarged, files, parallel_iterations=1, fn_output_signature=tf.string)
        return {"sr_png_bytes": found}

    return serve.get_concrete_function()


def _claim_few_pixels(files: tf.Tensor) -> tf.Operation:
    """Look at the sizes before any pixels are unpacked: a file of some kB may claim gigabytes.

    A PNG file is 8 bytes of signature, 8 of the first chunk's length and name, then width and height as
    big-endian 32-bit integers (PNG specification, 11.2.1 IHDR). The decoder takes JPEG, GIF and BMP, too,
    which have something else in that place.
    """
    begins = tf.equal(tf.strings.substr(files, 0, len(_BEGINNING)), _BEGINNING)
    whole = tf.strings.length(files) >= _HEADER_BYTES
    message = "Expected PNG files in png_bytes. Received: another kind of file."
    pictures = tf.debugging.Assert(tf.reduce_all(tf.logical_and(begins, whole)), [message])
    with tf.control_dependencies([pictures]):
        headers = tf.strings.substr(files, len(_BEGINNING), 8)
    digits = tf.cast(tf.io.decode_raw(headers, tf.uint8), tf.int64)
    sizes = tf.reduce_sum(tf.reshape(digits, (-1, 2, 4)) * [1 << 24, 1 << 16, 1 << 8, 1], axis=2)
    pixels = counted_pixels(sizes)
    largest = tf.reverse(sizes[tf.argmax(pixels)], [0])
    together = tf.reduce_sum(pixels)
    message = (
        f"Expected at most {MOST_PIXELS_TOGETHER} pixels in all files of png_bytes, each side counted as "
        f"{LEAST_SIDE} at least. Received:"
    )
    with tf.control_dependencies([small_enough(largest, "png_bytes")]):
        return tf.debugging.Assert(together <= MOST_PIXELS_TOGETHER, [message, together])


def encoded(images: NDArray[np.float32]) -> NDArray[np.object_]:
    """16-bit PNG files of images [N, H, W], their references at half of white: an object array of bytes."""
    references = safe_reference(reference_intensity(images, per_image=True)).numpy()
    scaled = images / references[:, None, None] * (WHITE / 2)
    pixels = np.clip(np.round(scaled), 0, WHITE).astype(np.uint16)
    files = np.empty(len(images), object)
    files[:] = [tf.io.encode_png(image[..., None]).numpy() for image in pixels]
    return files


def decoded(outputs: Arrays) -> NDArray[np.float32]:
    """Pixels of the output, [N, s H, s W]."""
    files = [tf.io.decode_png(file, dtype=tf.uint16).numpy()[..., 0] for file in outputs["sr_png_bytes"]]
    return np.stack(files).astype(np.float32)


SIGNATURE = Signature(build, DESCRIPTION, lambda images: {"png_bytes": encoded(images)}, decoded)
