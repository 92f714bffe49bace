"""What is written down of a model, and whether it has learnt what it is given: read without Keras."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lfsr_tf.error_model import ErrorModel, error_models
from lfsr_tf.settings import check_range, check_types, is_number, refusal


@dataclass(frozen=True)
class ModelInfo:
    """What a model is, what it was trained on and how good it was.

    Attributes:
        name: What its makers call it.
        network: Name of its network, a key of `NETWORKS`, or another name for a network of one's own.
        settings: Keyword arguments of the network's builder.
        scale: HR samples per LR sample along each axis.
        version: Of the model, counted by its makers.
        sigma_range: Smallest and largest noise in training, in units of the reference intensity; None:
            unknown.
        spacing_range_mm: Smallest and largest LR sample spacing in training, in mm; None: unknown.
        expected_error: How large its errors are, by where views come from (`error_model`); None: not
            calibrated.
        dtype_policy: Keras dtype policy that it computes in; that of its training, unless it was recast.
            `save_model` finds it out.
        acquisition: Settings of the simulated scanner in training, of `physics.scanners.scanner_settings`;
            None: unknown, or not simulated.
        trained_on: Of each scan that it was trained on the `scan_mark`, of repetitions one for all; none
            where unknown. Those of a model that it started from are not among them.
        validated_on: The same of the scans whose loss chose its epoch.
        data_fingerprint: Of the records that it was trained on; "" where unknown.
        trained_steps: Steps of the optimiser.
        package_version: Version of lfsr_tf that trained it.
        metrics: Figures on the validation data by name.
    """

    name: str
    network: str
    settings: Mapping[str, Any]
    scale: int
    version: int = 1
    sigma_range: tuple[float, float] | None = None
    spacing_range_mm: tuple[float, float] | None = None
    acquisition: Mapping[str, Any] | None = None
    trained_on: tuple[str, ...] = ()
    validated_on: tuple[str, ...] = ()
    expected_error: Mapping[str, ErrorModel] | None = None
    dtype_policy: str = "float32"
    data_fingerprint: str = ""
    trained_steps: int = 0
    package_version: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)


def info_from_json(values: Mapping[str, Any]) -> ModelInfo:
    """A description from plain values.

    Raises:
        TypeError: A value is missing or unknown.
        ValueError: A value is of another type, not finite or out of its range.
    """
    info = ModelInfo(**values)
    check_types(info)
    check_range(info, "scale", "version", least=1)
    if not isinstance(info.acquisition, Mapping | None):
        raise refusal("acquisition", "a table of settings", info.acquisition)
    if info.expected_error is not None:
        info = dataclasses.replace(info, expected_error=error_models(info.expected_error))
    names = ("sigma_range", "spacing_range_mm")
    ranges: dict[str, Any] = {name: _pair(name, values.get(name)) for name in names}
    return dataclasses.replace(info, settings=dict(info.settings), metrics=dict(info.metrics), **ranges)


def scan_mark(sha256: str) -> str:
    """What is kept of a scan's hash, as `lfsr prepare` writes it: enough to tell any scans apart."""
    return sha256[:16]


def within(values: Sequence[float] | None, limits: tuple[float, float] | None) -> bool | None:
    """Whether all values lie in a closed range, but for 1 % of rounding; None where either is not known."""
    if values is None or limits is None:
        return None
    return all(0.99 * limits[0] <= value <= 1.01 * limits[1] for value in values)


def unlearnt_noise(noise: str, limits: tuple[float, float]) -> str:
    """The sentence that warns of noise beyond the training.

    Args:
        noise: What is beyond, such as "Noise of 0.150 of the reference intensity".
        limits: A model's `sigma_range`.
    """
    return (
        f"{noise} is outside of the training range, {limits[0]:g} to {limits[1]:g}: the model has not seen "
        "such images."
    )


def unlearnt_voxels(voxels: str, limits: tuple[float, float]) -> str:
    """The sentence that warns of voxels beyond the training.

    Args:
        voxels: What is beyond, such as "Voxels of 0.90 x 0.90 mm".
        limits: A model's `spacing_range_mm`.
    """
    return (
        f"{voxels} are outside of the training range, {limits[0]:.2f} to {limits[1]:.2f} mm: anatomy appears "
        "at another size than the model learnt."
    )


def _pair(name: str, values: Any) -> tuple[float, float] | None:
    if values is None:
        return None
    if not isinstance(values, list | tuple) or len(values) != 2 or not all(map(is_number, values)):
        raise refusal(name, "two finite numbers", values)
    return float(values[0]), float(values[1])
