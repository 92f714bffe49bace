"""What every network must do, whichever it is: one harness for all of them."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks import (
    HFEN,
    LOSSES,
    NETWORKS,
    SSIM,
    ModelInfo,
    ResidualSR,
    SRDenseNet_All,
    UNetSR,
    build_loss,
    build_network,
    grid_stride,
    load_model,
    receptive_radius,
    save_model,
)

_DENSE = {"blocks": 2, "layers_per_block": 2, "growth": 3, "stem_filters": 4, "bottleneck": 4}
SMALL: dict[str, dict[str, Any]] = {
    "SRDenseNet": {**_DENSE, "variant": "hl", "block_input": "first_layer"},
    "SRDenseNet_H": _DENSE,
    "SRDenseNet_HL": _DENSE,
    "SRDenseNet_All": _DENSE,
    "ResidualSR": {"blocks": 2, "filters": 4, "residual_scaling": 0.5},
    "UNetSR": {"blocks": [1, 1, 1], "filters": [4, 6, 8], "residual_scaling": 0.5},
    "SelfEnsemble": {"of": "ResidualSR", "blocks": 2, "filters": 4},
}
LARGER: dict[str, dict[str, Any]] = {
    **{name: {"growth": 8} for name in SMALL if "Dense" in name},
    "ResidualSR": {"filters": 16},
    "UNetSR": {"filters": [16, 16, 16]},
    "SelfEnsemble": {"filters": 16},
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def build(name: str, **settings: Any) -> keras.Model:
    """A small network whose weights, zeros included, have been moved at random."""
    keras.utils.set_random_seed(0)
    model = build_network(name, **{**SMALL[name], **settings})
    rng = np.random.default_rng(0)
    model.set_weights([w + 0.1 * rng.standard_normal(w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def image(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).random(shape).astype("float32")


def test_the_harness_covers_the_registry() -> None:
    assert set(SMALL) == set(NETWORKS)


@pytest.mark.parametrize(
    "use",
    [
        lambda: build_network("ResidualSR"),
        lambda: load_model("best.keras"),
        ResidualSR,
        SRDenseNet_All,
        UNetSR,
    ],
)
def test_keras_with_channels_first_is_refused(
    monkeypatch: pytest.MonkeyPatch, use: Callable[[], object]
) -> None:
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    with pytest.raises(ConfigError, match=r"channels_last. Received: channels_first.*keras\.json"):
        use()


def test_losses_and_metrics_do_not_ask_how_keras_is_set() -> None:
    hr = image(2, 48, 40, 1)
    sr = hr + 0.1 * image(2, 48, 40, 1)[:, ::-1]

    def values() -> list[float]:
        losses = [float(build_loss(name)(hr, sr)) for name in LOSSES]
        metrics = [SSIM(), HFEN()]
        for metric in metrics:
            metric.update_state(hr, sr)
        return losses + [float(metric.result()) for metric in metrics]

    expected = values()
    keras.config.set_image_data_format("channels_first")
    try:
        np.testing.assert_allclose(values(), expected, rtol=1e-6)
    finally:
        keras.config.set_image_data_format("channels_last")


@every_network
@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (5, 8), (16, 16)])
def test_any_size_is_upsampled_by_the_scale(name: str, scale: int, shape: tuple[int, int]) -> None:
    model = build(name, scale=scale)
    sr = model(image(2, *shape, 1))
    assert sr.shape == (2, scale * shape[0], scale * shape[1], 1)
    assert np.isfinite(sr).all()
    assert model.compute_output_shape((None, *shape, 1)) == (None, scale * shape[0], scale * shape[1], 1)


@every_network
def test_an_empty_batch_gives_an_empty_batch(name: str) -> None:
    maps = tf.nn.conv2d(tf.zeros((0, 4, 6, 1)), tf.zeros((3, 3, 1, 5)), 1, "SAME")
    if maps.shape[-1] != 5:
        pytest.xfail("oneDNN's convolution (TensorFlow 2.21) gives an empty batch its input's shape")
    assert build(name)(image(0, 4, 6, 1)).shape == (0, 8, 12, 1)


@every_network
def test_one_function_serves_every_size(name: str) -> None:
    model = build(name)
    function = tf.function(model, input_signature=[tf.TensorSpec((None, None, None, 1))])
    for shape in ((1, 5, 3, 1), (2, 8, 8, 1)):
        np.testing.assert_allclose(function(image(*shape)), model(image(*shape)), atol=1e-5)


@every_network
def test_images_of_a_batch_do_not_see_each_other(name: str) -> None:
    model, batch = build(name), image(3, 6, 5, 1)
    np.testing.assert_allclose(model(batch)[1:2], model(batch[1:2]), atol=1e-5)


@every_network
@pytest.mark.parametrize("scale", [2, 4])
def test_a_tile_with_its_halo_equals_the_whole_image(name: str, scale: int) -> None:
    # All weights are moved: a new network's last ones are zero, and hide a layer with a false `input_range`.
    model = build(name, scale=scale)
    stride = grid_stride(model)
    halo = stride * max(1, math.ceil(receptive_radius(model) / stride))
    side = 2 * halo + 4 * stride
    whole = image(1, side, side, 1)
    whole[:, 0] += 5.0  # which the tile does not have: a mean over the image shows
    expected, inner, edge = np.asarray(model(whole)), scale * halo, scale * (halo + stride)
    tile = np.asarray(model(whole[:, stride:-stride, stride:-stride]))[:, inner:-inner, inner:-inner]
    tolerance = 2e-5 * np.abs(expected).max()
    np.testing.assert_allclose(tile, expected[:, edge:-edge, edge:-edge], atol=tolerance)


@every_network
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    built = []
    for seed in (5, 5, 6):
        keras.utils.set_random_seed(seed)
        built.append(build_network(name, **SMALL[name]).get_weights())
    assert all(np.array_equal(*pair) for pair in zip(built[0], built[1], strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(built[0], built[2], strict=True))


@every_network
def test_the_same_image_gives_the_same_result(name: str) -> None:
    model = build(name)
    assert np.array_equal(model(image(1, 9, 9, 1)), model(image(1, 9, 9, 1)))


@every_network
def test_every_layer_has_a_name_of_its_own(name: str) -> None:
    # Keras counts up the names that it gives itself, so those would differ from one build to the next.
    names = [[layer.name for layer in build(name).layers] for _ in range(2)]
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])


@every_network
def test_the_configuration_builds_the_same_network(name: str) -> None:
    model = build(name)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert np.array_equal(again(image(1, 6, 7, 1)), model(image(1, 6, 7, 1)))


@every_network
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_saved_model_gives_the_same_result(name: str, policy: str, tmp_path: Path) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = build(name)
    finally:
        keras.config.set_dtype_policy(before)
    save_model(model, ModelInfo(name, name, SMALL[name], 2, dtype_policy=policy), tmp_path / "best.keras")
    again = load_model(tmp_path).model
    assert np.array_equal(again(image(1, 6, 7, 1)), model(image(1, 6, 7, 1)))
    assert receptive_radius(again) == receptive_radius(model)


@every_network
@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_bfloat16", 0.05), ("mixed_float16", 0.01)])
def test_mixed_precision_stays_close_and_returns_float32(name: str, policy: str, tolerance: float) -> None:
    expected = build(name)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = build(name)
    finally:
        keras.config.set_dtype_policy(before)
    sr = model(image(2, 8, 8, 1))
    assert sr.dtype == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    full = np.asarray(expected(image(2, 8, 8, 1)))
    assert np.abs(sr - full).max() <= tolerance * np.abs(full).max()


@every_network
def test_training_lowers_the_loss(name: str) -> None:
    keras.utils.set_random_seed(0)
    model = build_network(name, **{**SMALL[name], **LARGER.get(name, {})})
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=build_loss("mse"))
    hr = image(8, 16, 16, 1)
    losses = [float(model.train_on_batch(hr[:, ::2, ::2], hr)) for _ in range(12)]
    assert min(losses[6:]) < losses[0]


@every_network
def test_an_unknown_setting_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=r"among .*scale.* Received: colour\."):
        build_network(name, colour="red")
    with pytest.raises(ConfigError):
        build_network(name, name="mine")


@every_network
@pytest.mark.parametrize("setting", [{"blocks": 0}, {"blocks": 1.5}, {"blocks": True}, {"scale": 3}])
def test_a_setting_out_of_range_is_refused(name: str, setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        build_network(name, **setting)


def test_a_setting_that_a_plain_function_does_not_take_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "Plain", lambda *, filters=4: None)
    with pytest.raises(ConfigError, match=r"settings of Plain among filters\. Received: variant\."):
        build_network("Plain", variant="all")


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"SRDenseNet_All.*Received: 'Unknown'"):
        build_network("Unknown")
