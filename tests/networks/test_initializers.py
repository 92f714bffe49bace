"""First weights of split kernels."""

import keras
import numpy as np
import pytest

from lfsr_tf.networks.initializers import SplitHeNormal


def test_one_layer_spreads_as_keras_he_normal() -> None:
    shape = (3, 3, 40, 64)
    split = np.asarray(SplitHeNormal([9 * 40], seed=1)(shape))
    keras_own = np.asarray(keras.initializers.HeNormal(seed=1)(shape))
    assert split.std() == pytest.approx(keras_own.std(), rel=0.02)
    assert np.abs(split).max() == pytest.approx(np.abs(keras_own).max(), rel=0.02)


def test_each_layer_follows_its_own_fan_in() -> None:
    kernel = np.asarray(SplitHeNormal([100, 900], seed=1)((3, 3, 40, 32)))
    ratio = kernel[..., :16].std() / kernel[..., 16:].std()
    assert ratio == pytest.approx(3.0, rel=0.05)


def test_the_configuration_builds_the_same_initializer() -> None:
    initializer = SplitHeNormal([18, 36], seed=4)
    again = keras.initializers.deserialize(keras.initializers.serialize(initializer))
    assert np.array_equal(again((3, 3, 2, 4)), initializer((3, 3, 2, 4)))


def test_without_a_seed_the_global_one_counts() -> None:
    drawn = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        drawn.append(np.asarray(SplitHeNormal([18])((3, 3, 2, 4))))
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
