"""SRDenseNet with Winograd's sums and kernels split by source, against the textbook form."""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from lfsr_tf.networks.srdensenet import SRDenseNet, SRDenseNetSettings

SMALL = {"blocks": 3, "layers_per_block": 4, "growth": 3, "stem_filters": 5, "bottleneck": 6}
READINGS = [
    {"variant": variant, "block_input": block_input}
    for variant in ("all", "h", "hl")
    for block_input in ("every_layer", "first_layer")
]
Values = dict[str, list[np.ndarray]]


def concatenated(maps: list[keras.KerasTensor]) -> keras.KerasTensor:
    return layers.Concatenate()(maps) if len(maps) > 1 else maps[0]


def hidden(filters: int, size: int, name: str) -> layers.Conv2D:
    return layers.Conv2D(
        filters, size, padding="same", activation="relu", kernel_initializer="he_normal", name=name
    )


def textbook(config: SRDenseNetSettings) -> keras.Model:
    """The network as its papers draw it: DenseNet's eq. 2, layer by layer."""
    lr = keras.Input((None, None, 1))
    levels = [hidden(config.stem_filters, 3, "stem")(lr)]
    for block in range(config.blocks):
        block_input = levels if config.variant == "all" else levels[-1:]
        maps: list[keras.KerasTensor] = []
        for layer in range(config.layers_per_block):
            outside = block_input if config.block_input == "every_layer" or layer == 0 else []
            maps.append(
                hidden(config.growth, 3, f"block{block}_layer{layer}")(concatenated([*outside, *maps]))
            )
        levels.append(concatenated(maps))
    if config.variant == "all":
        features = hidden(config.bottleneck, 1, "bottleneck")(concatenated(levels))
    else:
        features = concatenated([levels[0], levels[-1]] if config.variant == "hl" else levels[-1:])
    for step in range(1, config.scale // 2 + 1):
        features = layers.Conv2DTranspose(
            config.bottleneck, 3, strides=2, padding="same", activation="relu", name=f"deconvolution{step}"
        )(features)
    return keras.Model(lr, layers.Conv2D(1, 3, padding="same", name="reconstruction")(features))


def by_layer(model: keras.Model, values: list[np.ndarray]) -> Values:
    """Weights, or their gradients, by the name of their layer."""
    left: Iterator[np.ndarray] = iter(values)
    return {layer.name: [next(left) for _ in layer.weights] for layer in model.layers if layer.weights}


def textbook_values(split: Values, config: SRDenseNetSettings) -> Values:
    """Each textbook kernel put together from the parts of it that the split form keeps by source."""
    whole = {name: value for name, value in split.items() if not name.endswith(("_forward", "_entry"))}
    for block in range(config.blocks):
        for layer in range(config.layers_per_block):
            whole[f"block{block}_layer{layer}"] = one_layer(split, config, block, layer)
    return whole


def one_layer(split: Values, config: SRDenseNetSettings, block: int, layer: int) -> list[np.ndarray]:
    kernels, biases = [], []

    def take(source: str, position: int) -> None:
        cut = slice(position * config.growth, (position + 1) * config.growth)
        kernel, *bias = split[source]
        kernels.append(kernel[..., cut])
        biases.extend(one[cut] for one in bias)

    if config.block_input == "every_layer" or layer == 0:
        take(f"block{block + 1}_entry", layer)
    for earlier in range(layer):
        take(f"block{block + 1}_layer{earlier + 1}_forward", layer - earlier - 1)
    assert len(biases) == 1, "each layer has one bias"
    return [np.concatenate(kernels, axis=2), biases[0]]


def both_forms(**settings: object) -> tuple[keras.Model, keras.Model, SRDenseNetSettings]:
    config = SRDenseNetSettings(**settings)
    keras.utils.set_random_seed(1)
    split, whole = SRDenseNet(**settings), textbook(config)
    rng = np.random.default_rng(2)
    # Biases start at zero, where a forgotten one would not show.
    split.set_weights([w + 0.1 * rng.standard_normal(w.shape) * (w.ndim == 1) for w in split.get_weights()])
    values = textbook_values(by_layer(split, split.get_weights()), config)
    for layer in whole.layers:
        if layer.weights:
            layer.set_weights(values[layer.name])
    return split, whole, config


def gradients(model: keras.Model, image: np.ndarray, training: bool) -> tuple[Values, np.ndarray]:
    image = tf.constant(image)
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = tf.reduce_mean(tf.square(model(image, training=training) - 1.0))
    of_weights, of_image = tape.gradient(loss, [[weight.value for weight in model.weights], image])
    return by_layer(model, [gradient.numpy() for gradient in of_weights]), of_image.numpy()


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: "-".join(reading.values()))
def test_outputs_equal_the_textbook_form(reading: dict[str, str]) -> None:
    split, whole, _ = both_forms(**SMALL, **reading)
    image = np.random.default_rng(0).random((2, 9, 12, 1)).astype("float32")
    np.testing.assert_allclose(split(image), whole(image), atol=1e-5)
    assert split.count_params() == whole.count_params()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: "-".join(reading.values()))
def test_gradients_equal_the_textbook_form(reading: dict[str, str], training: bool) -> None:
    split, whole, config = both_forms(**SMALL, **reading)
    image = np.random.default_rng(0).random((2, 9, 12, 1)).astype("float32")
    received, received_image = gradients(split, image, training)
    expected, expected_image = gradients(whole, image, training)
    received = textbook_values(received, config)
    for name, values in expected.items():
        for one, other in zip(values, received[name], strict=True):
            np.testing.assert_allclose(other, one, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(received_image, expected_image, atol=1e-5)


@pytest.mark.parametrize(
    "settings", [{"scale": 4}, {"blocks": 1}, {"layers_per_block": 1}, {"layers_per_block": 2}]
)
def test_outputs_equal_the_textbook_form_at_other_sizes(settings: dict[str, int]) -> None:
    for block_input in ("every_layer", "first_layer"):
        split, whole, _ = both_forms(**{**SMALL, **settings}, block_input=block_input)
        image = np.random.default_rng(0).random((1, 5, 4, 1)).astype("float32")
        np.testing.assert_allclose(split(image), whole(image), atol=1e-5)


@pytest.fixture(scope="module")
def spreads() -> Callable[[str], list[tuple[str, float, float]]]:
    """Name, standard deviation in the split form and He's standard deviation of every textbook kernel."""

    def measure(block_input: str) -> list[tuple[str, float, float]]:
        config = SRDenseNetSettings(
            blocks=3, layers_per_block=3, growth=16, stem_filters=32, bottleneck=64, block_input=block_input
        )
        keras.utils.set_random_seed(3)
        split, whole = SRDenseNet(**vars(config)), textbook(config)
        values = textbook_values(by_layer(split, split.get_weights()), config)
        textbook_weights = by_layer(whole, whole.get_weights())
        names = [name for name in values if name.startswith("block")]
        return [(name, values[name][0].std(), textbook_weights[name][0].std()) for name in names]

    return measure


@pytest.mark.parametrize("block_input", ["every_layer", "first_layer"])
def test_first_weights_spread_as_those_of_the_textbook_form(
    spreads: Callable[[str], list[tuple[str, float, float]]], block_input: str
) -> None:
    measured = spreads(block_input)
    assert len(measured) == 9
    for name, split, whole in measured:
        # The smallest kernel has 2,304 weights: three standard errors are under five per cent.
        assert split == pytest.approx(whole, rel=0.06), name
