"""First weights for kernels that are split by source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

# Standard deviation of a standard normal distribution cut off at two; Keras' own HeNormal divides by it too.
_TRUNCATED_NORMAL_STDDEV = 0.87962566103423978


@keras.saving.register_keras_serializable(package="lfsr_tf")
class SplitHeNormal(keras.initializers.Initializer):
    """He's normal distribution for one part of several layers' kernels, stacked along the output axis.

    Keras' HeNormal reads the fan-in off the kernel's own shape. Here a kernel is a part of the kernels of the
    textbook form: its weights must follow the fan-in of those, layer by layer, or training starts with far
    too large values.

    Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, eq. 10.

    Args:
        fan_ins: Inputs of one output sample in the textbook form, one for each layer that the kernel serves.
            The output maps are shared out equally among them.
        seed: Of the values; None takes them from Keras' global generator (`keras.utils.set_random_seed`).
    """

    def __init__(self, fan_ins: Sequence[int], seed: int | None = None) -> None:
        self.fan_ins = [int(fan_in) for fan_in in fan_ins]
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """A kernel of `shape` (..., input maps, output maps)."""
        dtype = keras.backend.standardize_dtype(dtype)
        growth = shape[-1] // len(self.fan_ins)
        stddev = [(2.0 / fan_in) ** 0.5 for fan_in in self.fan_ins for _ in range(growth)]
        values = keras.random.truncated_normal(
            shape, stddev=1.0 / _TRUNCATED_NORMAL_STDDEV, dtype=dtype, seed=self.seed
        )
        return values * ops.convert_to_tensor(stddev, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Plain values from which the initializer is built again."""
        return {"fan_ins": self.fan_ins, "seed": self.seed}
