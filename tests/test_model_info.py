"""What is written down of a model, and how a scan stands to what it was trained on."""

import dataclasses
from typing import Any

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.model_info import (
    ModelInfo,
    info_from_json,
    scan_mark,
    unlearnt_noise,
    unlearnt_voxels,
    within,
)

INFO: dict[str, Any] = {"name": "own", "network": "own", "settings": {}, "scale": 2}


def test_a_model_of_before_says_nothing_of_its_acquisition_or_its_scans() -> None:
    info = info_from_json(INFO)
    assert (info.acquisition, info.trained_on) == (None, ())


def test_acquisition_and_scans_come_back_as_they_were() -> None:
    info = ModelInfo(**INFO, acquisition={"t2_decay": 2.0}, trained_on=("ab", "cd"))
    values = dataclasses.asdict(info)
    assert info_from_json({**values, "trained_on": list(values["trained_on"])}) == info


@pytest.mark.parametrize(
    "wrong", [{"acquisition": 2.0}, {"acquisition": ["phase"]}, {"trained_on": [1]}], ids=str
)
def test_values_of_another_type_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"Expected (acquisition|trained_on) to be .* Received"):
        info_from_json({**INFO, **wrong})


def test_a_scan_is_known_by_the_beginning_of_its_hash() -> None:
    assert scan_mark("0123456789abcdef" * 4) == "0123456789abcdef"


@pytest.mark.parametrize(
    ("values", "limits", "inside"),
    [
        ((0.0, 0.0805), (0.0, 0.08), True),
        ((0.082,), (0.0, 0.08), False),
        ((0.9,), (1.0, 2.0), False),
        (None, (0.0, 1.0), None),
        ((0.5,), None, None),
    ],
)
def test_a_range_has_one_hundredth_of_rounding(
    values: tuple[float, ...] | None, limits: tuple[float, float] | None, inside: bool | None
) -> None:
    assert within(values, limits) is inside


def test_what_was_not_learnt_is_said_with_the_range_that_was() -> None:
    noise = unlearnt_noise("Noise of 0.150 of the reference intensity", (0.0, 0.08))
    assert noise == (
        "Noise of 0.150 of the reference intensity is outside of the training range, 0 to 0.08: the model "
        "has not seen such images."
    )
    voxels = unlearnt_voxels("Voxels of 0.90 x 0.90 mm", (1.0, 2.125))
    assert voxels == (
        "Voxels of 0.90 x 0.90 mm are outside of the training range, 1.00 to 2.12 mm: anatomy appears at "
        "another size than the model learnt."
    )
