"""What tells one simulated scanner from another, apart from the noise levels that it is tried at."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from lfsr_tf.physics.settings import AcquisitionConfig

_NOISE_RANGE = ("sigma_min", "sigma_max")
# What a setting does nothing without. A phase alone moves the magnitudes of a 128 x 128 slice by 0.01 of the
# reference intensity, far less than low-field noise; where echoes decay, by 0.04.
_NEEDS = {"phase": "t2_decay", "echo_order": "t2_decay", "apodisation_window": "apodisation"}


def scanner_settings(config: AcquisitionConfig) -> dict[str, Any]:
    """The settings without the range of noise levels, which nothing reads where sigma is given by itself.

    Returns:
        From name to a plain value.
    """
    values = dataclasses.asdict(config)
    return {name: value for name, value in values.items() if name not in _NOISE_RANGE}


def differing_settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The settings by which two scanners give other magnitudes of the same object.

    Args:
        one: Of `scanner_settings`; a name that is missing has its default.
        other: The same.

    Returns:
        From name to both values. Settings that do nothing are left out, such as the order of echoes that do
        not decay, and so is a phase without such a decay.
    """
    plain = scanner_settings(AcquisitionConfig())
    first, second = {**plain, **one}, {**plain, **other}
    return {
        name: (first[name], second[name])
        for name in plain
        if first[name] != second[name] and any(side[_NEEDS.get(name, name)] for side in (first, second))
    }
