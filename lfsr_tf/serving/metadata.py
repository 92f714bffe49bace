"""`metadata.json` beside an exported model: what it is, what it takes and gives, what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import keras
import tensorflow as tf

from lfsr_tf import __version__
from lfsr_tf.networks import TrainedModel, takes_noise_level
from lfsr_tf.networks.traits import traits_of
from lfsr_tf.physics.intensity import REFERENCE_PERCENTILE
from lfsr_tf.physics.noise import TYPICAL_NOISE_LEVEL
from lfsr_tf.serving.signatures import SIGNATURES, describe
from lfsr_tf.serving.signatures.graph import LEAST_SIDE, MOST_IMAGES, MOST_PIXELS

METADATA_FILE = "metadata.json"
SCHEMA_VERSION = 1

INTENDED_USE = (
    "Research. Turns magnitude MR brain slices of low-field scanners into sharper ones of twice or four "
    "times the matrix. It can invent or lose detail; it is no medical device, and its images are not for "
    "diagnosis."
)

VALUE_RANGE = (
    "Magnitudes from 0 on in any unit; k-space of any finite values; PNG files of 8 or 16 bits. Answers are "
    "in the unit of the input and may go below 0 and above its maximum."
)

UNKNOWN_PROVENANCE = {
    "training_data": ["Not stated; the model's data_fingerprint is that of its training records."],
    "known_failures": ["Not stated."],
    "licence": "Not stated: ask those who trained the model.",
}


def build_metadata(
    trained: TrainedModel, name: str, version: int, provenance: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Everything that a server's operator or client should know, as plain values.

    Args:
        trained: The exported model.
        name: Of the model on the server.
        version: Of the model on the server.
        provenance: `training_data`, `known_failures` and `licence`, where they are known.
    """
    return {
        **UNKNOWN_PROVENANCE,
        **(provenance or {}),
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "version": version,
        "intended_use": INTENDED_USE,
        "model": asdict(trained.info),
        "traits": asdict(traits_of(trained.model)),
        "parameters": int(trained.model.count_params()),
        "packages": {"lfsr_tf": __version__, "tensorflow": tf.__version__, "keras": keras.__version__},
        "signatures": {
            **{key: signature.description for key, signature in SIGNATURES.items()},
            describe.NAME: describe.DESCRIPTION,
        },
        "value_range": VALUE_RANGE,
        "normalisation": {"percentile": REFERENCE_PERCENTILE, "per": "image"},
        "most_pixels_of_an_image": MOST_PIXELS,
        "least_counted_side": LEAST_SIDE,
        "most_images": MOST_IMAGES,
        "noise_level": _noise_level(trained),
        "non_finite_input": "refused with INVALID_ARGUMENT; with server-side batching, the whole batch is",
    }


def _noise_level(trained: TrainedModel) -> str:
    if not takes_noise_level(trained.model):
        return "not needed"
    return (
        "measured from the background of each image inside the graph; "
        f"{TYPICAL_NOISE_LEVEL} of the reference intensity where there is none"
    )
