"""How large a network's error is expected to be, voxel by voxel: the numbers of a model, read without NumPy.

From different sample positions (`physics.views`) a network makes different errors of the same object, the
more so the less the measurement tells it: where its results spread, it guesses. The mean square error around
a voxel is modelled as

    spread * variance over the views + noise * sigma^2 + floor,

with three numbers of each model, fitted on scans whose truth is known (`evaluation.calibration`). The spread
itself is a sixth to a fifth of the error: most of what a network does not know is the same from all places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from lfsr_tf.settings import is_number, refusal

# Where the views come from: the image is known between its samples, or it is interpolated there.
KNOWN, INTERPOLATED = "known", "interpolated"


@dataclass(frozen=True)
class ErrorModel:
    """The three numbers, none below 0.

    Attributes:
        spread: Mean square error for each unit of variance over the views.
        noise: For each unit of the noise's variance.
        floor: Without either, in units of the reference intensity squared.
    """

    spread: float
    noise: float
    floor: float

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigError: One of them is none, or below 0.
        """
        if not all(is_number(number) and number >= 0 for number in vars(self).values()):
            raise refusal(
                "expected_error", "spread, noise and floor, finite numbers of 0 and more", vars(self)
            )

    def mean_square(self, variance: Any, noise_level: float) -> Any:
        """The expected mean square error, in units of the reference intensity squared.

        Args:
            variance: Over the views, a number or an array, averaged over a neighbourhood.
            noise_level: Sigma of one channel over the reference intensity.
        """
        return self.spread * variance + (self.noise * noise_level**2 + self.floor)


def error_models(values: object) -> dict[str, ErrorModel]:
    """The error models of a description, as JSON has them.

    Args:
        values: A table of `ErrorModel`'s numbers under each of `KNOWN` and `INTERPOLATED`.

    Raises:
        ValueError: They are anything else.
    """
    if not isinstance(values, Mapping) or set(values) != {KNOWN, INTERPOLATED}:
        raise refusal("expected_error", f"a table of {KNOWN} and {INTERPOLATED}", values)
    return {str(origin): _error_model(numbers) for origin, numbers in values.items()}


def _error_model(numbers: object) -> ErrorModel:
    names = [field.name for field in fields(ErrorModel)]
    if not isinstance(numbers, Mapping) or sorted(numbers) != sorted(names):
        raise refusal("expected_error", f"a table of {', '.join(names)}", numbers)
    return ErrorModel(**numbers)
