"""Requests that a server plays before it calls a version ready, so that the first client does not wait.

TensorFlow Serving reads them from `assets.extra/tf_serving_warmup_requests` beside the model: a TFRecord file
of `PredictionLog` messages, at most 1,000. One that fails makes the version fail, so the check of an export
plays them too. They should have the sizes that clients will send: the first request of a size lays out its
memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

from lfsr_tf.errors import ConfigError
from lfsr_tf.serving.predict_request import inputs_of, predict_request
from lfsr_tf.serving.signatures import SIGNATURES
from lfsr_tf.serving.signatures.graph import LEAST_SIDE, MOST_PIXELS, counted_pixels
from lfsr_tf.serving.signatures.signature import DEFAULT_SIGNATURE, Arrays

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
DEFAULT_SIZES = ((64, 64),)
_MOST_RECORDS, _SLICES = 1000, 2

Size = tuple[int, int]


def parse_sizes(words: Sequence[str]) -> tuple[Size, ...]:
    """Read `--warm-up`: "64x64" and the like, or "none" alone.

    Raises:
        ConfigError: Anything else.
    """
    if list(words) == ["none"]:
        return ()
    found = [re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", word.strip()) for word in words]
    if bad := [word for word, match in zip(words, found, strict=True) if match is None]:
        raise ConfigError(f"Expected warm-up sizes like 64x64, or none. Received: {bad[0]!r}.")
    return tuple((int(match[1]), int(match[2])) for match in found if match)


def check_sizes(sizes: Sequence[Size]) -> None:
    """Refuse sizes that a server cannot play.

    Raises:
        ConfigError: A size below 1 or above what signatures take, or more requests than a server plays.
    """
    if any(side < 1 for size in sizes for side in size):
        raise ConfigError(f"Expected warm-up sizes of 1 x 1 or more. Received: {list(sizes)}.")
    if large := [size for size in sizes if counted_pixels(tf.constant(size, tf.int64)) > MOST_PIXELS]:
        raise ConfigError(
            f"Expected warm-up sizes of at most {MOST_PIXELS} pixels, each side counted as {LEAST_SIDE} at "
            f"least, as in a request. Received: {large[0][0]}x{large[0][1]}."
        )
    if len(sizes) * len(SIGNATURES) > _MOST_RECORDS:
        raise ConfigError(
            f"Expected at most {_MOST_RECORDS // len(SIGNATURES)} warm-up sizes: servers play "
            f"{_MOST_RECORDS} requests. Received: {len(sizes)}."
        )


def write_warmup(folder: Path, name: str, sizes: Sequence[Size] = DEFAULT_SIZES) -> None:
    """Write one request for each signature and size.

    Args:
        folder: Of the version.
        name: Of the model on the server.
        sizes: (H, W) of LR slices, which `check_sizes` takes; none writes no file.
    """
    if not sizes:
        return
    path = folder / WARMUP_FILE
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for size in sizes:
            for signature in SIGNATURES:
                request = predict_request(name, signature, SIGNATURES[signature].example(_slices(size)))
                log = PredictionLog(predict_log=PredictLog(request=request))
                writer.write(log.SerializeToString(deterministic=True))


def read_warmup(folder: Path) -> Iterator[tuple[str, Arrays]]:
    """Signature and inputs of each request beside a version; none where there is no file."""
    path = folder / WARMUP_FILE
    if path.exists():
        for record in tf.data.TFRecordDataset(str(path)):
            request = PredictionLog.FromString(record.numpy()).predict_log.request
            yield request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs_of(request)


def _slices(size: Size) -> NDArray[np.float32]:
    """A bright disc in noise, as a head in a low-field scan: [2, H, W]."""
    rows, columns = np.meshgrid(*(np.linspace(-1.0, 1.0, side) for side in size), indexing="ij")
    disc = (np.hypot(rows, columns) < 0.7).astype(np.float64)
    noise = np.random.default_rng(0).normal(0.0, 0.03, (_SLICES, *size, 2)) @ [1, 1j]
    return np.abs(disc + noise).astype(np.float32)
