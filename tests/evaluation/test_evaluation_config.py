"""Settings out of range are refused with what was expected."""

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation.baselines import BASELINES
from lfsr_tf.evaluation.config import BASELINE_NAMES, EvaluationConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"sigmas": ()},
        {"sigmas": 0.03},
        {"sigmas": ("low",)},
        {"sigmas": (0.1, 0.1)},
        {"sigmas": (-0.1,)},
        {"sigmas": (float("nan"),)},
        {"baselines": ()},
        {"baselines": ("bicubic",)},
        {"slices_per_volume": -1},
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"confidence": "high"},
        {"data_range": "max"},
        {"sigma_source": "guessed"},
        {"confidence": 1.0},
        {"bootstrap_samples": 1},
        {"seed": -1},
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=r"Expected .* Received"):
        EvaluationConfig(**wrong)


def test_every_name_that_is_accepted_has_a_baseline() -> None:
    assert set(BASELINE_NAMES) == set(BASELINES)
