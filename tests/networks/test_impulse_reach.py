"""The reach of every known layer against what an impulse changes, alone and in networks of several."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers

from lfsr_tf.errors import ModelError
from lfsr_tf.networks import grid_stride, receptive_radius

# A multiple of every period below, and wide enough for three of these layers.
SIZE = 144


def stacked(*more: layers.Layer) -> keras.Model:
    """Three maps of the image, of which no layer makes one value, and then the layers."""
    image = keras.Input((None, None, 1))
    maps = layers.Conv2D(3, 1, padding="same")(image)
    for layer in more:
        maps = layer(maps)
    return keras.Model(image, maps)


def impulse_radius(model: keras.Model) -> int:
    """Farthest LR sample that changes a sample of the output, over a period of impulses."""
    rng = np.random.default_rng(0)
    # Positive weights and images: nothing cancels, and an impulse is the largest of its window.
    model.set_weights([rng.uniform(0.2, 0.4, weight.shape) for weight in model.get_weights()])
    image = rng.uniform(0.5, 1.0, (1, SIZE, SIZE, 1)).astype("float32")
    places = SIZE // 2 + np.arange(grid_stride(model))
    images = np.repeat(image, 1 + len(places), axis=0)
    images[np.arange(len(places)), places, places] += 2.0
    *changed, same = np.asarray(model(images))
    distances = [
        np.abs(np.flatnonzero(moved.any(axis=(1 - axis, 2))) * SIZE // moved.shape[axis] - place).max(
            initial=0
        )
        for place, result in zip(places, changed, strict=True)
        for moved in [np.abs(result - same) > 1e-6 * np.abs(same).max()]
        for axis in (0, 1)
    ]
    return int(max(distances))


Build = Callable[[], layers.Layer]
SLIDING: dict[str, Build] = {
    "Conv2D 1": lambda: layers.Conv2D(3, 1),
    "Conv2D 3": lambda: layers.Conv2D(3, 3, padding="same"),
    "Conv2D 4": lambda: layers.Conv2D(3, 4, padding="same"),
    "Conv2D 1 x 5": lambda: layers.Conv2D(3, (1, 5), padding="same"),
    "Conv2D 3 dilated by 3": lambda: layers.Conv2D(3, 3, dilation_rate=3, padding="same"),
    "Conv2D 4 dilated by 2 and 3": lambda: layers.Conv2D(3, 4, dilation_rate=(2, 3), padding="same"),
    "DepthwiseConv2D 3": lambda: layers.DepthwiseConv2D(3, padding="same"),
    "DepthwiseConv2D 4 dilated by 2": lambda: layers.DepthwiseConv2D(4, dilation_rate=2, padding="same"),
    "SeparableConv2D 3": lambda: layers.SeparableConv2D(3, 3, padding="same"),
    "SeparableConv2D 2 dilated by 3": lambda: layers.SeparableConv2D(3, 2, dilation_rate=3, padding="same"),
    "Conv2DTranspose 2": lambda: layers.Conv2DTranspose(3, 2, padding="same"),
    "Conv2DTranspose 3 dilated by 2": lambda: layers.Conv2DTranspose(3, 3, dilation_rate=2, padding="same"),
    "Conv2DTranspose 4 dilated by 3": lambda: layers.Conv2DTranspose(3, 4, dilation_rate=3, padding="same"),
    "Conv2DTranspose 2 dilated by 4 and 1": lambda: layers.Conv2DTranspose(
        3, 2, dilation_rate=(4, 1), padding="same"
    ),
    "MaxPooling2D 3": lambda: layers.MaxPooling2D(3, strides=1, padding="same"),
    "AveragePooling2D 2 x 4": lambda: layers.AveragePooling2D((2, 4), strides=1, padding="same"),
}
GROWING: dict[str, Build] = {
    "Conv2DTranspose 2 by 2": lambda: layers.Conv2DTranspose(3, 2, strides=2),
    "Conv2DTranspose 2 by 3": lambda: layers.Conv2DTranspose(3, 2, strides=3, padding="same"),
    "Conv2DTranspose 3 by 2": lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
    "Conv2DTranspose 3 by 2, padded": lambda: layers.Conv2DTranspose(
        3, 3, strides=2, padding="same", output_padding=1
    ),
    "Conv2DTranspose 5 by 3": lambda: layers.Conv2DTranspose(3, 5, strides=3, padding="same"),
    "Conv2DTranspose 6 by 2": lambda: layers.Conv2DTranspose(3, 6, strides=2, padding="same"),
    "UpSampling2D 2": lambda: layers.UpSampling2D(2),
    "UpSampling2D 1 and 3": lambda: layers.UpSampling2D((1, 3)),
}
SHRINKING: dict[str, Build] = {
    "Conv2D 2 by 2": lambda: layers.Conv2D(3, 2, strides=2, padding="same"),
    "Conv2D 2 by 3": lambda: layers.Conv2D(3, 2, strides=3, padding="same"),
    "DepthwiseConv2D 1 by 2": lambda: layers.DepthwiseConv2D(1, strides=2, padding="same"),
    "SeparableConv2D 2 by 2": lambda: layers.SeparableConv2D(3, 2, strides=2, padding="same"),
    "MaxPooling2D 2": lambda: layers.MaxPooling2D(2, padding="same"),
    "AveragePooling2D 2": lambda: layers.AveragePooling2D(2, padding="same"),
}
POINTWISE: dict[str, Build] = {
    "Dense": lambda: layers.Dense(3),
    "Softmax": lambda: layers.Softmax(),
    "RMSNormalization": lambda: layers.RMSNormalization(),
    "UnitNormalization": lambda: layers.UnitNormalization(),
    "LayerNormalization": lambda: layers.LayerNormalization(axis=[3]),
    "BatchNormalization": lambda: layers.BatchNormalization(),
    "PReLU": lambda: layers.PReLU(shared_axes=[1, 2]),
    "Identity": lambda: layers.Identity(),
    "GaussianNoise": lambda: layers.GaussianNoise(0.1),
    "GaussianDropout": lambda: layers.GaussianDropout(0.1),
}
KNOWN = SLIDING | GROWING | SHRINKING | POINTWISE


@pytest.mark.parametrize("name", KNOWN)
def test_the_radius_of_a_layer_is_that_of_its_impulses(name: str) -> None:
    for more in ((), (layers.Conv2D(3, 3, padding="same"),)):
        model = stacked(KNOWN[name](), *more)
        assert receptive_radius(model) == impulse_radius(model)


@pytest.mark.parametrize("seed", range(12))
def test_the_radius_of_several_layers_is_that_of_their_impulses(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = [list(kind)[rng.integers(len(kind))] for kind in (SHRINKING, SLIDING, GROWING, POINTWISE)]
    order = [drawn[place] for place in rng.permutation(4)]
    model = stacked(*(KNOWN[name]() for name in order))
    assert receptive_radius(model) == impulse_radius(model), order


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(3, 3),
        layers.Conv2D(3, 3, strides=2, padding="same"),
        layers.DepthwiseConv2D(2, strides=2, dilation_rate=2, padding="same"),
        layers.SeparableConv2D(3, 3, strides=2, padding="same"),
        layers.SeparableConv2D(3, 3),
        layers.Conv2DTranspose(3, 3, strides=2),
        layers.Conv2DTranspose(3, 3, dilation_rate=2),
        layers.Conv2DTranspose(3, 4, strides=2, padding="same", output_padding=1),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.ZeroPadding2D(1),
        layers.Cropping2D(1),
        layers.Resizing(8, 8),
        layers.Softmax(axis=1),
        layers.Softmax(axis=(1, 2)),
        layers.UnitNormalization(axis=2),
        layers.LayerNormalization(axis=(1, 2), center=False, scale=False),
        layers.GroupNormalization(1),
    ],
    ids=lambda layer: layer.name,
)
def test_a_layer_of_keras_whose_reach_depends_on_the_image_is_refused(layer: layers.Layer) -> None:
    with pytest.raises(ModelError, match=type(layer).__name__) as refused:
        receptive_radius(stacked(layer))
    assert "input_range" not in str(refused.value) and "\n" not in str(refused.value)


def test_a_concatenation_of_rows_is_refused() -> None:
    image = keras.Input((None, None, 1))
    joined = layers.Concatenate(axis=1)([image, layers.Identity()(image)])
    with pytest.raises(ModelError, match="Concatenate"):
        receptive_radius(keras.Model(image, joined))


def test_a_layer_of_ones_own_is_asked_for_its_reach() -> None:
    class Mine(layers.Layer):
        def call(self, maps: object) -> object:
            return maps

    with pytest.raises(ModelError, match=r"Mine mine\. Give the layer a method input_range"):
        receptive_radius(stacked(Mine(name="mine")))
