"""What tells one simulated scanner from another."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.physics import AcquisitionConfig, simulate_acquisition
from lfsr_tf.physics.scanners import differing_settings, scanner_settings

PLAIN = AcquisitionConfig()


def test_the_range_of_noise_is_no_setting_of_the_scanner() -> None:
    settings = scanner_settings(replace(PLAIN, sigma_max=0.5, t2_decay=2.0))
    assert settings == scanner_settings(replace(PLAIN, t2_decay=2.0))
    assert not [name for name in settings if "sigma" in name]
    assert settings["t2_decay"] == 2.0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, ()),
        ({"sigma_min": 0.01, "sigma_max": 0.5}, ()),
        ({"phase": True}, ()),
        ({"echo_order": "centric", "apodisation_window": "fermi"}, ()),
        ({"elliptical": True}, ("elliptical",)),
        ({"bias_field": 0.3}, ("bias_field",)),
        ({"t2_decay": 2.0}, ("t2_decay",)),
        ({"phase": True, "t2_decay": 2.0}, ("phase", "t2_decay")),
        ({"t2_decay": 2.0, "echo_order": "centric"}, ("t2_decay", "echo_order")),
        ({"apodisation": 0.5, "apodisation_window": "fermi"}, ("apodisation", "apodisation_window")),
    ],
    ids=str,
)
def test_settings_differ_where_magnitudes_do(changes: dict[str, Any], named: tuple[str, ...]) -> None:
    one, other = (scanner_settings(each) for each in (PLAIN, replace(PLAIN, **changes)))
    assert tuple(differing_settings(one, other)) == tuple(differing_settings(other, one)) == named
    assert differing_settings(one, other) == {name: (one[name], other[name]) for name in named}


def test_a_setting_that_an_older_model_does_not_know_was_at_its_default() -> None:
    assert differing_settings({}, scanner_settings(PLAIN)) == {}
    assert differing_settings({"t2_decay": 1}, scanner_settings(PLAIN)) == {"t2_decay": (1, 0.0)}


def test_a_phase_tells_on_magnitudes_less_than_low_field_noise_unless_echoes_decay() -> None:
    rows, columns = np.meshgrid(np.linspace(-1, 1, 128), np.linspace(-1, 1, 128), indexing="ij")
    texture = 0.7 + 0.2 * np.cos(20 * rows) * np.cos(17 * columns + 1)
    head = np.where(rows**2 + columns**2 < 0.6, texture, 0.0).astype(np.float32)
    count = 8

    def acquired(**settings: Any) -> np.ndarray:
        seeds = tf.stack([tf.range(count), tf.range(count)], axis=1)
        images = np.repeat(head[None], count, axis=0)
        config = AcquisitionConfig(**settings)
        return simulate_acquisition(images, tf.zeros(count), seeds, (64, 64), config).numpy()

    def moved(**settings: Any) -> float:
        with_phase, without = acquired(phase=True, **settings), acquired(**settings)
        inside = without > 0.1
        return float(np.sqrt(np.mean((with_phase - without)[inside] ** 2)))

    assert moved() < 0.018
    assert moved(t2_decay=2.0) > 2 * moved()
