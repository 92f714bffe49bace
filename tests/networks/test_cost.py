"""Multiply-adds against sums by hand."""

import os
import subprocess
import sys

import pytest

from lfsr_tf.networks import ResidualSR, SRDenseNet, UNetSR, build_network, multiply_adds


def test_the_papers_network_takes_27_5_billion_for_a_slice() -> None:
    # Every weight once a LR sample, and those of the last convolution four times.
    weights = sum(weight.shape.num_elements() for weight in SRDenseNet().weights if "kernel" in weight.path)
    expected = 64 * 64 * (weights + 3 * 9 * 256)
    assert multiply_adds(SRDenseNet()) == expected
    assert expected == pytest.approx(27.5e9, rel=0.01)


def test_a_residual_network_works_on_the_lr_grid_alone() -> None:
    weights = 9 * (4 + 2 * 16 + 16 + 16)
    assert multiply_adds(ResidualSR(blocks=1, filters=4), 10, 12) == 10 * 12 * weights


@pytest.mark.slow
def test_on_jax_a_network_costs_the_same() -> None:
    script = (
        "from lfsr_tf.networks import ResidualSR, multiply_adds\n"
        "print(multiply_adds(ResidualSR(blocks=1, filters=4), 10, 12))"
    )
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    printed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert int(printed) == multiply_adds(ResidualSR(blocks=1, filters=4), 10, 12)


def test_a_self_ensemble_takes_eight_times_as_many() -> None:
    settings = {"blocks": 1, "filters": 4}
    ensemble = build_network("SelfEnsemble", of="ResidualSR", **settings)
    assert multiply_adds(ensemble, 10, 12) == 8 * multiply_adds(ResidualSR(**settings), 10, 12)


def test_a_coarser_grid_costs_a_quarter_a_weight() -> None:
    fine = 9 * (4 + 4 * 16 + 16 + 16)
    coarse = (4 * 4 * 6 + 2 * 9 * 36 + 4 * 6 * 4) // 4
    assert multiply_adds(UNetSR(filters=[4, 6], blocks=[1, 1]), 8, 8) == 64 * (fine + coarse)
