"""A network without memory for its weights has the paths and shapes of one that has it."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from lfsr_tf.networks import ResidualSR, SRDenseNet, UNetSR, build_network
from lfsr_tf.networks.outline import outline


def weights(model: keras.Model) -> list[tuple[str, tuple[int, ...]]]:
    return [(weight.path, tuple(weight.shape)) for weight in model.weights]


@pytest.mark.parametrize(
    "build",
    [
        lambda: ResidualSR(blocks=1, filters=4),
        lambda: SRDenseNet(blocks=2, layers_per_block=2),
        lambda: UNetSR(filters=(4, 8), blocks=(1, 1), noise_level=True),
        lambda: build_network("SelfEnsemble", blocks=1, filters=4),
    ],
)
def test_an_outline_has_the_weights_of_the_network(build: Callable[[], keras.Model]) -> None:
    assert weights(outline(build)) == weights(build())


def test_an_outline_takes_no_memory_then_or_later() -> None:
    # 390 GB.
    assert outline(lambda: ResidualSR(blocks=1, filters=60_000)).count_params() > 10**10
    # Keras initialises here whatever waits for it in this thread.
    assert ResidualSR(blocks=1, filters=4)(np.zeros((1, 4, 4, 1), "float32")).shape == (1, 8, 8, 1)


def test_a_layer_that_makes_a_variable_of_values_is_built_after_all() -> None:
    class Table(keras.layers.Layer):
        def build(self, shape: tuple[int, ...]) -> None:
            self.table = keras.Variable(np.ones(3, "float32"), name="table")

        def call(self, maps: object) -> object:
            return maps

    def build() -> keras.Model:
        image = keras.Input((None, None, 1))
        return keras.Model(image, Table(name="own")(image))

    assert weights(outline(build)) == weights(build())


def test_what_fails_fails_once_and_as_it_would_have() -> None:
    calls = []

    def build() -> keras.Model:
        calls.append(1)
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        outline(build)
    assert len(calls) == 1
