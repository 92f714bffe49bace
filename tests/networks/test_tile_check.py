"""Layers of one's own whose word on their reach is false are found before a scan is cut into tiles."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from lfsr_tf.errors import ModelError
from lfsr_tf.networks import NETWORKS, build_network
from lfsr_tf.networks.interface import network_input
from lfsr_tf.networks.self_ensemble import EightViews
from lfsr_tf.networks.tile_check import layers_of_ones_own
from lfsr_tf.networks.traits import traits_of
from lfsr_tf.precision import dtype_policy
from tests.networks.test_every_network import SMALL


class Windows(layers.Layer):
    """Something made of each window of side x side samples, the first of which begins where `anchor` says."""

    def __init__(self, side: int = 8, anchor: str = "front", strided: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.side, self.anchor = side, anchor
        if strided:
            self.grid_stride = side

    def call(self, maps: Any) -> Any:
        batch, height, width, count = ops.shape(maps)
        (top, bottom), (left, right) = self._border(height), self._border(width)
        padded = ops.pad(maps, ((0, 0), (top, bottom), (left, right), (0, 0)))
        rows, columns = ((size + self.side - 1) // self.side for size in (height, width))
        windows = ops.reshape(padded, (batch, rows, self.side, columns, self.side, count))
        result = ops.reshape(self.of_windows(windows), ops.shape(padded))
        return result[:, top : top + height, left : left + width]

    def _border(self, size: int) -> tuple[int, int]:
        missing = -size % self.side
        before = {"front": 0, "middle": missing // 2, "end": missing}[self.anchor]
        return before, missing - before

    def of_windows(self, windows: Any) -> Any:
        return windows - ops.mean(windows, axis=(2, 4), keepdims=True)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def input_range(self, sample: int) -> range:
        return range(sample - self.side + 1, sample + self.side)


class Attention(Windows):
    """Each sample attends to those of its window."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.mixed = self.add_weight((input_shape[-1], input_shape[-1]), name="mixed")

    def of_windows(self, windows: Any) -> Any:
        batch, rows, side, columns, _, count = ops.shape(windows)
        tokens = ops.reshape(ops.transpose(windows, (0, 1, 3, 2, 4, 5)), (-1, side * side, count))
        weights = ops.softmax(ops.matmul(ops.matmul(tokens, self.mixed), ops.transpose(tokens, (0, 2, 1))))
        mixed = ops.reshape(ops.matmul(weights, tokens), (batch, rows, columns, side, side, count))
        return ops.transpose(mixed, (0, 1, 3, 2, 4, 5))


class Near(layers.Layer):
    """A layer that reads farther than it says."""

    def call(self, maps: Any) -> Any:
        return ops.average_pool(maps, 5, strides=1, padding="same")

    def input_range(self, sample: int) -> range:
        return range(sample - 1, sample + 2)


class OfTheWholeImage(Near):
    """A layer that sees everything."""

    def call(self, maps: Any) -> Any:
        return maps * ops.mean(maps, axis=(1, 2), keepdims=True)


class Halved(Near):
    """A layer that makes one sample of two, and does not say so."""

    def call(self, maps: Any) -> Any:
        return maps[:, ::2, ::2]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (
            *(size and (size + 1) // 2 if 0 < axis < 3 else size for axis, size in enumerate(input_shape)),
        )

    def input_range(self, sample: int) -> range:
        return range(2 * sample, 2 * sample + 1)


def network(*inner: layers.Layer, noise_level: bool = False, scale: int = 2, **last: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    given, _ = network_input(noise_level)
    maps = layers.Conv2D(4, 3, padding="same", name="first")(given)
    kept = maps
    for layer in inner:
        maps = layer(maps)
    if len(inner) == 1 and not isinstance(inner[0], Halved):
        maps = layers.Add(name="sum")([kept, maps])
    maps = layers.Conv2DTranspose(4, 2, strides=scale, padding="same", name="enlarge")(maps)
    sr = layers.Conv2D(1, 3, padding="same", dtype="float32", name="last", **last)(maps)
    return keras.Model(given, sr, name="own")


REFUSED = r"tiles of \d+ LR samples.*own, whose tiles differ by .* of the largest value\. Correct what .*"


def test_windows_that_tell_their_grid_are_taken() -> None:
    traits = traits_of(network(Attention(8, name="attention")))
    assert (traits.halo, traits.stride) == (9, 8)


def test_windows_that_do_not_tell_their_grid_are_refused() -> None:
    with pytest.raises(
        ModelError, match=REFUSED + r"Attention attention tells by input_range.*grid_stride\.$"
    ):
        traits_of(network(Attention(8, strided=False, name="attention")))


@pytest.mark.parametrize("anchor", ["front", "middle", "end"])
@pytest.mark.parametrize("side", [2, 8, 15, 64])
def test_a_grid_of_any_side_and_beginning_is_found(side: int, anchor: str) -> None:
    assert traits_of(network(Windows(side, anchor))).stride == side
    with pytest.raises(ModelError, match=REFUSED):
        traits_of(network(Windows(side, anchor, strided=False)))


@pytest.mark.parametrize("side", [2, 3, 4])
def test_a_grid_beside_a_coarser_one_is_found(side: int) -> None:
    def around(strided: bool) -> keras.Model:
        halved = layers.Conv2D(4, 2, strides=2, padding="same", name="halved")
        return network(halved, Windows(side, strided=strided), layers.UpSampling2D(2, name="doubled"))

    with pytest.raises(ModelError, match=REFUSED):
        traits_of(around(strided=False))
    # Its windows are those of the coarser grid, on which a sample lies at each second LR sample.
    model = around(strided=True)
    model.layers[3].grid_stride = 2 * side
    assert traits_of(model).stride == 2 * side


@pytest.mark.parametrize("layer", [Near, OfTheWholeImage])
def test_a_layer_that_reads_farther_than_it_says_is_refused(layer: type[Near]) -> None:
    with pytest.raises(ModelError, match=REFUSED):
        traits_of(network(layer()))


def test_a_layer_that_does_not_say_that_it_halves_is_refused() -> None:
    with pytest.raises(ModelError, match=REFUSED + "upsampling"):
        traits_of(network(Halved(), scale=4))
    honest = Halved()
    honest.upsampling = 0.5
    assert traits_of(network(honest, scale=4)).stride == 2


def test_weights_of_zero_hide_nothing_and_stay() -> None:
    model = network(Windows(strided=False), kernel_initializer="zeros")
    before = model.get_weights()
    with pytest.raises(ModelError, match=REFUSED):
        traits_of(model)
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_rounding_to_half_precision_is_no_difference(policy: str) -> None:
    with dtype_policy(policy):
        assert traits_of(network(Attention())).stride == 8
        with pytest.raises(ModelError, match=REFUSED):
            traits_of(network(Windows(64, strided=False)))


def test_a_network_that_is_told_the_noise_level_is_looked_at_too() -> None:
    assert traits_of(network(Windows(), noise_level=True)).takes_noise_level
    with pytest.raises(ModelError, match=REFUSED):
        traits_of(network(Windows(strided=False), noise_level=True))


def test_so_is_one_inside_a_self_ensemble() -> None:
    def averaged(layer: layers.Layer) -> keras.Model:
        given = keras.Input((None, None, 1))
        return keras.Model(given, EightViews(network(layer), name="views")(given), name="own")

    assert traits_of(averaged(Attention(4, "front"))).stride == 4
    with pytest.raises(ModelError, match=REFUSED + "Windows"):
        traits_of(averaged(Windows(strided=False, name="windows")))


def test_a_network_that_takes_no_such_image_is_left_to_say_so() -> None:
    class Bounded(Near):
        def call(self, maps: Any) -> Any:
            if maps.shape[1] is not None and max(maps.shape[1:3]) > 32:
                raise ValueError("too large")
            return maps

    assert traits_of(network(Bounded())).scale == 2


@pytest.mark.parametrize("name", NETWORKS)
def test_the_package_s_own_networks_are_not_run(name: str) -> None:
    assert layers_of_ones_own(build_network(name, **SMALL[name])) == []


def test_it_costs_no_more_than_an_enhanced_image_or_two() -> None:
    seen: list[int] = []

    class Counted(Attention):
        def call(self, maps: Any) -> Any:
            if maps.shape[1] is not None:
                seen.append(int(np.prod(maps.shape[:3])))
            return super().call(maps)

    traits_of(network(Counted()))
    assert 0 < sum(seen) <= 2 * 64 * 64


def test_what_is_drawn_at_random_in_training_alone_is_no_difference() -> None:
    assert traits_of(network(Windows(), layers.GaussianDropout(0.5, name="dropped"))).stride == 8


def test_an_image_of_zeros_tells_nothing() -> None:
    assert traits_of(network(Windows(), activation=lambda maps: 0.0 * maps)).stride == 8
