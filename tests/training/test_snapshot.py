"""A training's numbers on disk: what one process writes, another reads."""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from lfsr_tf.networks import build_network
from lfsr_tf.training.snapshot import load_snapshot, save_snapshot, trained_variables


def compiled(network: keras.Model) -> keras.Model:
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    return network


def dropping_network() -> keras.Model:
    image = keras.Input((None, None, 1))
    maps = layers.Dropout(0.2, name="drop")(layers.Conv2D(4, 3, padding="same", name="first")(image))
    maps = layers.SpatialDropout2D(0.2, name="drop_maps")(maps)
    return compiled(keras.Model(image, layers.Conv2DTranspose(1, 2, strides=2, name="up")(maps)))


def test_the_seeds_of_dropout_are_found_again_though_keras_counts_their_names(tmp_path: Path) -> None:
    before, after = dropping_network(), dropping_network()
    before(np.ones((1, 4, 4, 1), np.float32), training=True)
    save_snapshot(before, tmp_path / "weights")
    load_snapshot(after, tmp_path / "weights")
    for expected, received in zip(before.variables, after.variables, strict=True):
        np.testing.assert_array_equal(received, expected)
    assert len(trained_variables(after)) == len(after.variables) + len(after.optimizer.variables)


def test_weights_are_found_by_their_paths() -> None:
    network = compiled(build_network("ResidualSR", blocks=1, filters=4))
    paths = [name for name in trained_variables(network) if not name.startswith("optimizer/")]
    assert paths == [f"model/{weight.path}" for weight in network.weights]
