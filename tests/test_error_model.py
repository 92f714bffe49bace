"""The three numbers of a model's errors, and what is none of them."""

import json

import pytest

from lfsr_tf.error_model import INTERPOLATED, KNOWN, ErrorModel, error_models
from lfsr_tf.errors import ConfigError
from lfsr_tf.model_info import ModelInfo, info_from_json

NUMBERS = {"spread": 20.0, "noise": 0.5, "floor": 0.0004}


def test_the_mean_square_error_is_of_three_parts() -> None:
    model = ErrorModel(**NUMBERS)
    assert model.mean_square(2e-4, 0.03) == pytest.approx(20 * 2e-4 + 0.5 * 0.03**2 + 0.0004)


def test_a_description_holds_them() -> None:
    values = {KNOWN: NUMBERS, INTERPOLATED: {**NUMBERS, "spread": 24}}
    plain = {"name": "a", "network": "ResidualSR", "settings": {}, "scale": 2}
    info = info_from_json(json.loads(json.dumps({**plain, "expected_error": values})))
    assert info.expected_error == {KNOWN: ErrorModel(**NUMBERS), INTERPOLATED: ErrorModel(24.0, 0.5, 0.0004)}
    assert info_from_json(plain) == ModelInfo(**plain)
    assert info_from_json(plain).expected_error is None


@pytest.mark.parametrize(
    "values",
    [
        5,
        [],
        {KNOWN: NUMBERS},
        {KNOWN: NUMBERS, INTERPOLATED: None},
        {KNOWN: NUMBERS, INTERPOLATED: {**NUMBERS, "spread": "20"}},
        {KNOWN: NUMBERS, INTERPOLATED: {**NUMBERS, "floor": -1.0}},
        {KNOWN: NUMBERS, INTERPOLATED: {**NUMBERS, "noise": float("nan")}},
        {KNOWN: NUMBERS, INTERPOLATED: {"spread": 1.0}},
    ],
)
def test_anything_else_is_refused(values: object) -> None:
    with pytest.raises(ConfigError, match="Expected expected_error to be "):
        error_models(values)
    with pytest.raises((TypeError, ValueError)):
        info_from_json(
            {"name": "a", "network": "ResidualSR", "settings": {}, "scale": 2, "expected_error": values}
        )
