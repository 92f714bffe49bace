"""Winograd's sums and the narrow convolution against Keras' own convolution of the same weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from lfsr_tf.networks.narrow_convolution import NarrowConv2D
from lfsr_tf.networks.winograd import WinogradSums, WinogradTiles

SIZES = [(1, 1), (1, 2), (2, 3), (5, 4), (8, 8), (9, 7)]


def maps(height: int, width: int, count: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).standard_normal((3, height, width, count)), tf.float32)


def randomised(layer: layers.Layer) -> None:
    rng = np.random.default_rng(1)
    layer.set_weights([rng.standard_normal(weight.shape) for weight in layer.get_weights()])


def both(filters: int, *sources: tf.Tensor) -> tuple[layers.Layer, layers.Layer]:
    """A layer of Winograd's sums and a convolution with its weights."""
    sums, whole = WinogradSums(filters), layers.Conv2D(filters, 3, padding="same")
    sums([*map(WinogradTiles(), sources), *sources])
    randomised(sums)
    whole.build((None, None, None, sum(source.shape[-1] for source in sources)))
    whole.set_weights(sums.get_weights())
    return sums, whole


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_sums_equal_the_convolution_of_the_concatenation(height: int, width: int) -> None:
    sources = [maps(height, width, count, seed=count) for count in (2, 3, 1)]
    sums, whole = both(5, *sources)
    for training in (None, False, True):
        received = sums([*map(WinogradTiles(), sources), *sources], training=training)
        np.testing.assert_allclose(received, whole(tf.concat(sources, -1)), atol=2e-5)


def test_gradients_equal_those_of_the_convolution() -> None:
    source = maps(7, 6, 4)
    sums, whole = both(3, source)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(source)
        losses = [
            tf.reduce_sum(tf.sin(result))
            for result in (sums([WinogradTiles()(source), source]), whole(source))
        ]
    for layer, loss in zip((sums, whole), losses, strict=True):
        layer.gradients = tape.gradient(loss, [source, *(weight.value for weight in layer.weights)])
    for received, expected in zip(sums.gradients, whole.gradients, strict=True):
        np.testing.assert_allclose(received, expected, atol=1e-4)


def test_bfloat16_rounds_no_worse_than_a_few_steps_of_it() -> None:
    source = maps(32, 32, 64)
    sums, whole = both(16, source)
    low = WinogradSums(16, dtype="mixed_bfloat16")
    tiles = WinogradTiles(dtype="mixed_bfloat16")
    low([tiles(source), source])
    low.set_weights(sums.get_weights())
    expected, received = whole(source), tf.cast(low([tiles(source), source]), tf.float32)
    # 2^-8 is bfloat16's step; Winograd's transforms lose about two bits of it.
    assert float(tf.math.reduce_std(received - expected) / tf.math.reduce_std(expected)) < 4 * 2**-8


def test_a_saved_model_with_sums_loads_and_gives_the_same(tmp_path: pytest.TempPathFactory) -> None:
    image = keras.Input((None, None, 2))
    model = keras.Model(image, WinogradSums(3, name="sums")([WinogradTiles()(image), image]))
    randomised(model)
    model.save(path := f"{tmp_path}/sums.keras")
    source = maps(5, 6, 2)
    np.testing.assert_array_equal(keras.saving.load_model(path)(source), model(source))


@pytest.mark.parametrize("filters", [1, 4])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_a_narrow_convolution_equals_keras_own(filters: int, kernel_size: int) -> None:
    source = maps(6, 7, 3)
    options = {"activation": "relu", "padding": "same"}
    narrow = NarrowConv2D(filters, kernel_size, activation="relu")
    whole = layers.Conv2D(filters, kernel_size, **options)
    narrow(source)
    randomised(narrow)
    whole.build(source.shape)
    whole.set_weights(narrow.get_weights())
    np.testing.assert_allclose(narrow(source), whole(source), atol=1e-5)


def test_a_narrow_convolution_is_built_again_from_its_config() -> None:
    narrow = NarrowConv2D(2, 3, use_bias=False, name="samples")
    again = NarrowConv2D.from_config(narrow.get_config())
    source = maps(4, 4, 3)
    narrow(source), again(source)
    again.set_weights(narrow.get_weights())
    np.testing.assert_array_equal(narrow(source), again(source))
