"""The paper's network: its parameters, its variants, one training step of each reading."""

import keras
import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks import SRDenseNet, SRDenseNet_All, SRDenseNet_H, SRDenseNet_HL, build_loss

READINGS = [("every_layer", 6_714_369), ("first_layer", 2_069_505)]


@pytest.mark.parametrize(("block_input", "parameters"), READINGS)
def test_one_training_step_of_the_papers_network_lowers_its_loss(block_input: str, parameters: int) -> None:
    keras.utils.set_random_seed(0)
    model = SRDenseNet_All(block_input=block_input)
    assert model.count_params() == parameters
    hr = np.random.default_rng(0).random((4, 32, 32, 1)).astype("float32")
    lr = hr[:, ::2, ::2]
    # Of so few steps, the graph would cost five times the steps; test_every_network.py trains in graphs.
    model.compile(optimizer=keras.optimizers.Adam(1e-5), loss=build_loss("mse"), run_eagerly=True)
    before = model.train_on_batch(lr, hr)
    assert np.isfinite(before)
    assert model.test_on_batch(lr, hr) < before


def test_the_papers_network_has_68_weight_layers_in_the_textbook_form() -> None:
    model = SRDenseNet()
    # Each dense layer ends in its own ReLU; the rest are stem, bottleneck, deconvolution and reconstruction.
    dense_layers = [layer for layer in model.layers if isinstance(layer, keras.layers.ReLU)]
    outer = [model.get_layer(name) for name in ("stem", "bottleneck", "deconvolution1", "reconstruction")]
    assert len(dense_layers) + len(outer) == 68


def test_scale_four_takes_a_second_deconvolution() -> None:
    names = [layer.name for layer in SRDenseNet(scale=4, blocks=1).layers]
    assert [name for name in names if "deconvolution" in name] == ["deconvolution1", "deconvolution2"]


def test_only_the_variant_with_every_level_has_a_bottleneck() -> None:
    small = {"blocks": 2, "layers_per_block": 2}
    with_bottleneck = {
        build.__name__: "bottleneck" in [layer.name for layer in build(**small).layers]
        for build in (SRDenseNet_H, SRDenseNet_HL, SRDenseNet_All)
    }
    assert with_bottleneck == {"SRDenseNet_H": False, "SRDenseNet_HL": False, "SRDenseNet_All": True}


@pytest.mark.parametrize(
    ("setting", "value"),
    [("variant", "hlx"), ("block_input", "last_layer"), ("growth", 0), ("bottleneck", "wide")],
)
def test_a_setting_out_of_range_is_named(setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"Expected {setting} .* Received: {value!r}"):
        SRDenseNet(**{setting: value})


def test_a_named_variant_cannot_be_given_another_one() -> None:
    with pytest.raises(ConfigError, match=r"in its name \(h\).*variant='all'"):
        SRDenseNet_H(variant="all")
