"""SelfEnsemble against eight calls written out, and what it must not change."""

import keras
import numpy as np
import pytest

from lfsr_tf.errors import ConfigError, ModelError
from lfsr_tf.networks import NETWORKS, ResidualSR, UNetSR, build_network, grid_stride, receptive_radius
from lfsr_tf.physics.sampling import zero_fill

SETTINGS = {"blocks": 1, "filters": 4}


def randomised(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.2, weight.shape).astype("float32") for weight in model.get_weights()])
    return model


def views_by_hand(network: keras.Model, lr: np.ndarray, scale: int) -> np.ndarray:
    """The mean at every HR sample over the views that have it, [N, H, W]."""
    total = count = 0.0
    for transposed in (False, True):
        for mirrored in ((), (1,), (2,), (1, 2)):
            view = np.flip(lr.swapaxes(1, 2) if transposed else lr, mirrored)
            sr = np.flip(np.asarray(network(view[..., None]))[..., 0], mirrored)
            known = np.ones_like(sr)
            for axis in mirrored:
                # Sample s i + s - 1 of the mirror's result is sample s i of the image.
                sr, known = (np.roll(each, 1 - scale, axis) for each in (sr, known))
                np.moveaxis(known, axis, 0)[-(scale - 1) :] = 0
            sr, known = (each.swapaxes(1, 2) if transposed else each for each in (sr, known))
            total, count = total + sr * known, count + known
    return total / count


@pytest.mark.parametrize("scale", [2, 4])
def test_it_is_the_mean_over_eight_views(scale: int) -> None:
    inside = randomised(ResidualSR(scale=scale, **SETTINGS))
    ensemble = build_network("SelfEnsemble", of="ResidualSR", scale=scale, **SETTINGS)
    ensemble.set_weights(inside.get_weights())
    lr = np.random.default_rng(1).random((2, 9, 12)).astype("float32")
    result = np.asarray(ensemble(lr[..., None]))[..., 0]
    expected = views_by_hand(inside, lr, scale)
    edge = scale - 1
    np.testing.assert_allclose(result[:, :-edge, :-edge], expected[:, :-edge, :-edge], atol=1e-5)
    assert np.isfinite(result).all()


def test_mirrored_and_turned_images_get_mirrored_and_turned_results() -> None:
    ensemble = randomised(build_network("SelfEnsemble", of="ResidualSR", **SETTINGS))
    lr = np.random.default_rng(1).random((1, 10, 8, 1)).astype("float32")
    result = np.asarray(ensemble(lr))
    turned = np.asarray(ensemble(lr.swapaxes(1, 2))).swapaxes(1, 2)
    np.testing.assert_allclose(turned, result, atol=1e-5)
    mirrored = np.asarray(ensemble(lr[:, ::-1]))[:, ::-1]
    np.testing.assert_allclose(mirrored[:, 1:-1], result[:, :-2], atol=1e-5)


def test_an_untrained_one_interpolates_and_nothing_moves() -> None:
    lr = np.zeros((1, 32, 32, 1), "float32")
    lr[0, 12:18, 14:20] = 1.0
    result = np.asarray(build_network("SelfEnsemble", of="ResidualSR", **SETTINGS)(lr))[0, ..., 0]
    np.testing.assert_allclose(result[::2, ::2], lr[0, ..., 0], atol=1e-6)
    truth = zero_fill(lr[..., 0], (64, 64)).numpy()[0]
    assert np.abs(result - truth).max() < 0.1


def test_its_reach_is_one_sample_farther_and_its_stride_that_of_the_network_inside() -> None:
    inside = UNetSR(filters=[4, 6], blocks=[1, 1])
    ensemble = build_network("SelfEnsemble", of="UNetSR", filters=[4, 6], blocks=[1, 1])
    assert receptive_radius(ensemble) == receptive_radius(inside) + 1
    assert grid_stride(ensemble) == grid_stride(inside) == 2


@pytest.mark.parametrize("of", [None, "SelfEnsemble", 5, keras.Model()])
def test_a_network_inside_is_needed(of: object) -> None:
    with pytest.raises(ConfigError, match="of to be the name"):
        build_network("SelfEnsemble", of=of)


class Subclassed(keras.Model):
    """A network that is not functional, so that Keras does not know its input."""


def test_a_network_inside_that_is_not_functional_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "Own", Subclassed)
    with pytest.raises(ModelError, match=r"^Expected a network for images .*Received: subclassed.*is None\."):
        build_network("SelfEnsemble", of="Own")
