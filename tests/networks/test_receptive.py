"""The receptive radius against the footprint of the gradient, and a tile against the whole image."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from lfsr_tf.errors import ModelError
from lfsr_tf.networks import ResidualSR, SRDenseNet, UNetSR, grid_stride, receptive_radius

_DENSE = {"layers_per_block": 2, "growth": 2, "stem_filters": 2, "bottleneck": 2}


def stacked(*more: layers.Layer) -> keras.Model:
    image = keras.Input((None, None, 1))
    maps = image
    for layer in more:
        maps = layer(maps)
    return keras.Model(image, maps)


NETWORKS = {
    "dense": lambda: SRDenseNet(blocks=1, **_DENSE),
    "dense, first layer": lambda: SRDenseNet(blocks=2, block_input="first_layer", **_DENSE),
    "dense, x4": lambda: SRDenseNet(blocks=1, scale=4, **_DENSE),
    "residual": lambda: ResidualSR(blocks=1, filters=2),
    "residual, far": lambda: ResidualSR(blocks=4, filters=2),
    "residual, x4": lambda: ResidualSR(blocks=1, filters=2, scale=4),
    "two grids": lambda: UNetSR(filters=[2, 2], blocks=[1, 1]),
    "three grids": lambda: UNetSR(filters=[2, 2, 2], blocks=[1, 1, 1]),
    "two grids, x4": lambda: UNetSR(filters=[2, 2], blocks=[1, 1], scale=4),
    "halved and doubled": lambda: stacked(
        layers.Conv2D(1, 2, strides=2, padding="same"),
        layers.Conv2D(1, 3, padding="same"),
        layers.Conv2DTranspose(1, 4, strides=2, padding="same"),
    ),
    "dilated": lambda: stacked(layers.Conv2D(1, 3, dilation_rate=2, padding="same")),
    "even kernel": lambda: stacked(layers.Conv2D(1, 4, padding="same")),
    "oblong kernel": lambda: stacked(layers.Conv2D(1, (1, 7), padding="same")),
    "deconvolution of five": lambda: stacked(layers.Conv2DTranspose(1, 5, strides=2, padding="same")),
    "deconvolution of four": lambda: stacked(layers.Conv2DTranspose(1, 4, strides=2, padding="same")),
    "deconvolution by three": lambda: stacked(layers.Conv2DTranspose(1, 5, strides=3, padding="same")),
    "deconvolution of two": lambda: stacked(
        layers.Conv2DTranspose(1, 2, strides=2, padding="same"), layers.Conv2D(1, 5, padding="same")
    ),
    "repeated samples": lambda: stacked(layers.UpSampling2D(2), layers.Conv2D(1, 3, padding="same")),
    "mean of four": lambda: stacked(
        layers.AveragePooling2D(2, padding="same"),
        layers.Conv2D(1, 3, padding="same"),
        layers.UpSampling2D(2),
    ),
    "mean of nine": lambda: stacked(layers.AveragePooling2D(3, strides=1, padding="same")),
}


def footprint_radius(model: keras.Model, stride: int, size: int = 97) -> int:
    """Farthest LR sample with a gradient, over every HR sample between two samples of the coarsest grid."""
    # Positive weights and a positive image: nothing cancels and no ReLU is shut.
    model.set_weights([np.abs(w) + 0.1 for w in model.get_weights()])
    image = tf.ones((1, size, size, 1))
    scale = model.compute_output_shape(image.shape)[1] // size
    first = size // 2 // stride * stride * scale
    positions = range(first, first + stride * scale)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        sr = model(image)
        samples = {position: sr[0, position, position, 0] for position in positions}
    return max(
        int(np.abs(np.argwhere(tape.gradient(sample, image)[0, ..., 0].numpy()) - position // scale).max())
        for position, sample in samples.items()
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_the_radius_is_that_of_the_gradients_footprint(name: str) -> None:
    model = NETWORKS[name]()
    assert receptive_radius(model) == footprint_radius(model, grid_stride(model))


def changed_samples(model: keras.Model, place: int, size: int = 24) -> np.ndarray:
    """Rows of the result that another value of one LR sample changes."""
    image = np.random.default_rng(0).random((1, size, size, 1)).astype("float32")
    other = image.copy()
    other[0, place, place] += 5.0
    before, after = (np.asarray(model(one)) for one in (image, other))
    return np.flatnonzero(np.abs(after - before).max(axis=(0, 2, 3)) > 1e-6)


def test_the_largest_of_four_reads_no_farther() -> None:
    model = stacked(layers.MaxPooling2D(2, padding="same"), layers.UpSampling2D(2))
    assert (receptive_radius(model), grid_stride(model)) == (1, 2)
    # Of the four samples 10 and 11 either way, whichever it is that grows.
    assert changed_samples(model, 10).tolist() == changed_samples(model, 11).tolist() == [10, 11]


def test_a_normalisation_of_the_maps_reads_one_sample() -> None:
    model = stacked(layers.Conv2D(4, 3, padding="same"), layers.LayerNormalization())
    assert receptive_radius(model) == 1
    assert changed_samples(model, 10).tolist() == [9, 10, 11]


def test_a_model_inside_a_model_is_refused() -> None:
    image = keras.Input((None, None, 1))
    block = keras.Sequential([layers.Conv2D(1, 3, padding="same")], name="block")
    with pytest.raises(ModelError, match=r"Received: block, a model inside of it\. Call its layers"):
        receptive_radius(keras.Model(image, block(image)))


def test_a_result_of_a_bare_operation_is_refused() -> None:
    image = keras.Input((None, None, 1))
    maps = layers.Conv2D(1, 3, padding="same")(image) + image
    for model in (keras.Model(image, maps), keras.Model(image, layers.ReLU(name="kept")(maps))):
        with pytest.raises(ModelError, match=r"layers that are used once.*bare operation"):
            receptive_radius(model)


def test_a_layer_that_is_used_twice_is_refused() -> None:
    again = layers.Conv2D(1, 3, padding="same")
    with pytest.raises(ModelError, match="layers that are used once"):
        receptive_radius(stacked(again, again))


def test_the_stride_is_that_of_the_coarsest_grid() -> None:
    assert grid_stride(ResidualSR(blocks=1, filters=2, scale=4)) == 1
    assert grid_stride(UNetSR(filters=[2], blocks=[1])) == 1
    assert grid_stride(UNetSR(filters=[2, 2, 2], blocks=[1, 1, 1])) == 4


def test_the_papers_network_sees_131_lr_samples_before_it_upsamples() -> None:
    model = SRDenseNet()
    before = keras.Model(model.input, model.get_layer("bottleneck").output)
    assert 2 * receptive_radius(before) + 1 == 131
    # The deconvolution reads one LR sample before its own place.
    assert receptive_radius(model) == 66


def test_a_tile_with_that_halo_equals_the_whole_image() -> None:
    keras.utils.set_random_seed(0)
    model = SRDenseNet(blocks=1, **_DENSE)
    halo, image = receptive_radius(model), np.random.default_rng(0).random((1, 40, 30, 1)).astype("float32")
    tile = model(image[:, 15 - halo : 25 + halo])[:, 2 * halo : -2 * halo]
    np.testing.assert_allclose(tile, model(image)[:, 30:50], atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        layers.GlobalAveragePooling2D(),
        layers.Conv2D(1, 3, strides=2, padding="same"),
        layers.Conv2D(1, 3),
        layers.MaxPooling2D(3, padding="same"),
        layers.MaxPooling2D(2),
        layers.UpSampling2D(2, interpolation="bilinear"),
    ],
)
def test_a_layer_of_unknown_reach_is_refused(layer: layers.Layer) -> None:
    with pytest.raises(ModelError, match=type(layer).__name__):
        receptive_radius(stacked(layer))


def test_a_layer_that_sees_the_whole_image_is_refused_with_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"sees the whole image cannot be used.*over a window"):
        receptive_radius(stacked(layers.GlobalAveragePooling2D(keepdims=True)))
