"""The options of the pipeline: their types and ranges."""

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs import PipelineConfig


@pytest.mark.parametrize(
    ("wrong", "wanted"),
    [
        ({"lr_patch": "abc"}, "a whole number"),
        ({"lr_patch": 2.5}, "a whole number"),
        ({"rotations": "False"}, "true or false"),
        ({"cache": "no"}, "true or false"),
        ({"gain_min": "a"}, "a finite number"),
        ({"shuffle_patches": True}, "a whole number"),
        ({"service": 3}, "text"),
    ],
)
def test_a_value_of_another_type_is_refused(wrong: dict[str, object], wanted: str) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=f"Expected {name} to be {wanted}. Received: {value!r}"):
        PipelineConfig(**wrong)  # type: ignore[arg-type]


def test_whole_numbers_stand_for_fractions_and_none_for_what_was_prepared() -> None:
    options = PipelineConfig(gain_min=1, gain_max=2, lr_patch=None, patches_per_slice=3)
    assert (options.gain_max, options.lr_patch, options.patches_per_slice) == (2, None, 3)


def test_a_patch_of_less_than_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="lr_patch of at least 0"):
        PipelineConfig(lr_patch=-1)
