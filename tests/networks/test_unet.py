"""UNetSR: its grids, its size, and what it returns before training."""

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks import ResidualSR, UNetSR


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("shape", [(16, 16), (13, 10), (1, 1)])
def test_lr_samples_pass_an_untrained_network_bit_by_bit(scale: int, shape: tuple[int, int]) -> None:
    lr = np.random.default_rng(0).random((2, *shape, 1)).astype("float32")
    sr = UNetSR(scale=scale, filters=[4, 6, 8], blocks=[1, 1, 1])(lr)
    assert np.array_equal(sr[:, ::scale, ::scale], lr)


def test_each_grid_has_half_the_samples_of_the_one_before() -> None:
    model = UNetSR(filters=[4, 6, 8], blocks=[1, 1, 1])
    shapes = {
        name: tuple(layer.compute_output_shape((1, *size)))
        for name, size in (("halve1", (20, 12, 4)), ("halve2", (10, 6, 6)), ("double2", (5, 3, 8)))
        for layer in [model.get_layer(name)]
    }
    assert shapes == {"halve1": (1, 10, 6, 6), "halve2": (1, 5, 3, 8), "double2": (1, 10, 6, 6)}


def test_blocks_of_the_finer_grids_stand_on_both_sides() -> None:
    names = [layer.name for layer in UNetSR(filters=[4, 6], blocks=[2, 3]).layers]
    blocks = [name.removesuffix("_sum") for name in names if name.endswith("_sum") and name != "trunk_sum"]
    assert blocks == [
        *("grid1_down1", "grid1_down2", "grid21", "grid22", "grid23", "grid1_up1", "grid1_up2"),
    ]


def test_one_grid_is_a_residual_network() -> None:
    residual = ResidualSR(blocks=3, filters=8)
    assert UNetSR(filters=[8], blocks=[3]).count_params() == residual.count_params()


def test_the_number_of_parameters_is_that_of_the_plan() -> None:
    def block(maps: int) -> int:
        return 2 * (9 * maps * maps + maps)

    def convolution(kernel: int, inputs: int, outputs: int) -> int:
        return kernel**2 * inputs * outputs + outputs

    expected = convolution(3, 1, 64) + convolution(3, 64, 64) + convolution(3, 64, 4)
    expected += 4 * block(64) + 4 * block(128) + 4 * block(256)
    expected += 2 * (4 * 64 * 128 + 4 * 128 * 256)
    assert UNetSR().count_params() == expected


@pytest.mark.parametrize("settings", [{"filters": 64}, {"filters": []}, {"blocks": [1, 0]}, {"blocks": "22"}])
def test_what_is_no_list_of_whole_numbers_is_refused(settings: dict) -> None:
    with pytest.raises(ConfigError, match=f"Expected {next(iter(settings))} to be a list"):
        UNetSR(**settings)


def test_as_many_filters_as_blocks_are_needed() -> None:
    with pytest.raises(ConfigError, match=r"filters=\[8, 16\] and blocks=\[1, 1, 1\]"):
        UNetSR(filters=[8, 16], blocks=[1, 1, 1])


@pytest.mark.parametrize("value", [0, 1.5, True])
def test_residual_scaling_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="residual_scaling"):
        UNetSR(residual_scaling=value)
