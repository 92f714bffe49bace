"""The learned reconstruction that a study compares with."""

from pathlib import Path

import keras
import numpy as np
import pytest

from lfsr_tf.networks import ModelInfo, build_network, load_model, save_model, scale_of
from lfsr_tf.networks.traits import traits_of
from studies import automap

SETTINGS = {"matrix": 16, "units": 8, "filters": 4}


@pytest.fixture
def model() -> keras.Model:
    automap.register()
    model = build_network("AUTOMAP", **SETTINGS)
    rng = np.random.default_rng(0)
    model.set_weights([0.3 * rng.standard_normal(w.shape).astype("float32") for w in model.get_weights()])
    return model


def test_every_sample_reads_the_whole_of_k_space(model: keras.Model) -> None:
    lr = np.random.default_rng(1).random((1, 16, 16, 1)).astype("float32")
    changed = lr.copy()
    changed[0, 3, 5, 0] += 0.5
    before, after = (np.asarray(model(images))[0, :, :, 0] for images in (lr, changed))
    assert before.shape == (32, 32)
    assert np.abs(after - before)[20:, 20:].min() > 0.0  # far from the changed sample


def test_smaller_images_are_filled_up(model: keras.Model) -> None:
    assert model(np.ones((2, 16, 15, 1), "float32")).shape == (2, 32, 30, 1)
    assert scale_of(model) == 2
    assert traits_of(model).halo >= 15


def test_it_survives_the_disk(model: keras.Model, tmp_path: Path) -> None:
    save_model(model, ModelInfo("own", "AUTOMAP", SETTINGS, 2), tmp_path / "best.keras")
    lr = np.random.default_rng(1).random((1, 16, 16, 1)).astype("float32")
    assert np.array_equal(load_model(tmp_path).model(lr), model(lr))
