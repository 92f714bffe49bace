"""What is written down of a model: read without Keras."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
        dtype_policy: Keras dtype policy that it computes in; that of its training, unless it was recast.
            `save_model` finds it out.
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
    names = ("sigma_range", "spacing_range_mm")
    ranges: dict[str, Any] = {name: _pair(name, values.get(name)) for name in names}
    return dataclasses.replace(info, settings=dict(info.settings), metrics=dict(info.metrics), **ranges)


def _pair(name: str, values: Any) -> tuple[float, float] | None:
    if values is None:
        return None
    if not isinstance(values, list | tuple) or len(values) != 2 or not all(map(is_number, values)):
        raise refusal(name, "two finite numbers", values)
    return float(values[0]), float(values[1])
