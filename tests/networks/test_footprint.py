"""The maps that a network holds at once against counts by hand, and the pixels that follow from them."""

from fractions import Fraction

import keras
import pytest
from keras import layers

from lfsr_tf.models import load_model
from lfsr_tf.networks import ResidualSR, SRDenseNet, UNetSR, build_network
from lfsr_tf.networks.footprint import (
    MOST_PIXELS_AT_ONCE,
    PIXELS_AT_ONCE,
    pixels_of_a_slice,
    values_alive,
)


class Unknown(layers.Layer):
    """A layer of one's own, which may take any memory."""

    def call(self, maps: object) -> object:
        return maps

    def input_range(self, sample: int) -> range:
        return range(sample, sample + 1)


def network(*between: layers.Layer) -> keras.Model:
    maps = given = keras.Input((None, None, 1), name="lr")
    for layer in between:
        maps = layer(maps)
    return keras.Model(given, layers.Conv2DTranspose(1, 2, strides=2, padding="same", name="sr")(maps))


def wide(filters: int) -> layers.Layer:
    return layers.Conv2D(filters, 3, padding="same", name="wide")


def test_a_chain_holds_what_a_layer_reads_and_what_it_makes() -> None:
    chain = network(
        layers.Conv2D(8, 3, padding="same", name="a"), layers.Conv2D(6, 3, padding="same", name="b")
    )
    assert values_alive(chain) == 8 + 6


def test_a_skip_holds_its_maps_until_they_are_added() -> None:
    # Those of the trunk's skip, those of the block's own, and a convolution's two; and the LR image, which is
    # interpolated at the end.
    assert values_alive(ResidualSR(blocks=2, filters=40)) == 4 * 40 + 1


def test_maps_of_a_coarser_grid_count_by_their_samples() -> None:
    halved = layers.Conv2D(40, 2, strides=2, padding="same", name="halved")
    # The last layer makes four HR samples of a LR sample.
    assert values_alive(network(halved)) == Fraction(40, 4) + 1


def test_tiles_of_winograd_s_algorithm_take_four_values_a_sample() -> None:
    dense = SRDenseNet(blocks=1, layers_per_block=1, growth=16, stem_filters=512, bottleneck=1)
    assert values_alive(dense) == 512 + 4 * 512 + 16


def test_a_self_ensemble_holds_four_views() -> None:
    settings = {"blocks": 2, "filters": 40}
    ensemble = build_network("SelfEnsemble", of="ResidualSR", **settings)
    inside = 4 * values_alive(ResidualSR(**settings))
    assert inside < values_alive(ensemble) < inside + 8


@pytest.mark.parametrize(
    ("name", "expected"),
    [("fast", MOST_PIXELS_AT_ONCE), ("best", MOST_PIXELS_AT_ONCE), ("paper", PIXELS_AT_ONCE)],
)
def test_small_models_are_given_slices_of_512_x_512_and_the_papers_those_of_256_x_256(
    name: str, expected: int
) -> None:
    assert pixels_of_a_slice(load_model(name).model) == expected


def test_the_pixels_of_a_slice_fall_with_the_maps_and_never_below_those_of_a_batch() -> None:
    pixels = [pixels_of_a_slice(network(wide(filters))) for filters in (16, 1_300, 2_000, 9_000)]
    assert pixels == sorted(pixels, reverse=True)
    assert pixels[0] == MOST_PIXELS_AT_ONCE > pixels[1] > pixels[2] > PIXELS_AT_ONCE == pixels[3]


def test_layers_of_ones_own_may_take_any_memory() -> None:
    assert pixels_of_a_slice(network(Unknown(name="unknown"))) == PIXELS_AT_ONCE


def test_precision_does_not_change_the_pixels() -> None:
    settings = {"filters": [400, 400], "blocks": [1, 1]}
    in_float32 = pixels_of_a_slice(UNetSR(**settings))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert pixels_of_a_slice(UNetSR(**settings)) == in_float32
    finally:
        keras.config.set_dtype_policy("float32")
