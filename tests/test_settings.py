"""Settings of a wrong kind are refused everywhere in one form; NumPy's numbers are plain ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation import EvaluationConfig
from lfsr_tf.networks import UNetSR
from lfsr_tf.pairs import PairsConfig, PipelineConfig
from lfsr_tf.physics.settings import AcquisitionConfig
from lfsr_tf.settings import check_choice, check_names, check_range, check_types
from lfsr_tf.training import TrainConfig


@dataclass(frozen=True)
class Settings:
    """One field of each kind."""

    flag: bool = False
    count: int = 1
    maybe: int | None = None
    share: float = 0.5
    limit: float | None = None
    name: str = "a"
    sizes: tuple[int, ...] = (1, 2)
    levels: tuple[float, ...] = (0.1, 2)
    names: tuple[str, ...] = ("a", "b")
    table: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_types(self)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("flag", 1, "true or false"),
        ("count", True, "a whole number"),
        ("count", 2.0, "a whole number"),
        ("count", None, "a whole number"),
        ("maybe", "2", "a whole number"),
        ("share", False, "a finite number"),
        ("share", float("nan"), "a finite number"),
        ("share", 10**400, "a finite number"),
        ("limit", "none", "a finite number"),
        ("name", 3, "text"),
        ("sizes", 3, "a list of whole numbers"),
        ("sizes", [1, 2.5], "a list of whole numbers"),
        ("levels", 0.03, "a list of finite numbers"),
        ("names", "ab", "a list of names"),
        ("table", [1], "a table of settings"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: object, wanted: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value) == f"Expected {name} to be {wanted}. Received: {value!r}."


def test_numbers_of_numpy_are_plain_ones() -> None:
    settings = Settings(count=np.int64(3), share=np.float32(0.5), sizes=(np.int32(4),))  # type: ignore[arg-type]
    assert settings == Settings(count=3, share=0.5, sizes=(4,))
    assert [type(value) for value in (settings.count, settings.share, settings.sizes[0])] == [int, float, int]


def test_lists_are_tuples_as_they_are_annotated() -> None:
    assert Settings(sizes=[3], names=["c"]) == Settings(sizes=(3,), names=("c",))  # type: ignore[arg-type]


def test_what_is_left_out_has_no_range() -> None:
    check_range(Settings(), "maybe", "limit", least=5)


def test_both_ends_of_a_range_are_in_it() -> None:
    for count in (1, 4):
        check_range(Settings(count=count), "count", least=1, most=4)
    for count in (0, 5):
        with pytest.raises(ConfigError, match=rf"count in \[1, 4\]\. Received: {count}\."):
            check_range(Settings(count=count), "count", least=1, most=4)


def test_a_choice_is_named_with_the_others() -> None:
    with pytest.raises(ConfigError, match=r"name to be one of 'b', 'c'\. Received: 'a'\."):
        check_choice(Settings(), "name", ("b", "c"))


def test_a_name_that_is_no_setting_is_named_with_those_that_are() -> None:
    check_names(Settings, ["count", "flag"])
    with pytest.raises(ConfigError, match=r"settings of Settings among flag, .* Received: size\."):
        check_names(Settings, ["count", "size"])


@pytest.mark.parametrize(
    ("configuration", "wrong"),
    [
        (EvaluationConfig, {"batch_size": 2.5}),
        (EvaluationConfig, {"sigmas": 0.03}),
        (PairsConfig, {"hr_size": 64.0}),
        (PipelineConfig, {"cache": "no"}),
        (AcquisitionConfig, {"sigma_max": "high"}),
        (AcquisitionConfig, {"phase": 1}),
        (TrainConfig, {"epochs": "many"}),
        (UNetSR, {"filters": 64}),
    ],
)
def test_every_configuration_checks_its_types(
    configuration: Callable[..., object], wrong: dict[str, object]
) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=f"Expected {name} to be .* Received: {value!r}"):
        configuration(**wrong)
