from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import LfsrError
from lfsr_tf.inference.network import RunningNetwork, run_here
from lfsr_tf.inference.predict import SlicePredictor
from lfsr_tf.networks import TrainedModel
from lfsr_tf.networks.footprint import PIXELS_AT_ONCE
from lfsr_tf.physics.views import OWN, mean_of_views, offsets

SMALL_DENSE = {
    "variant": "all",
    "blocks": 2,
    "layers_per_block": 2,
    "growth": 4,
    "stem_filters": 8,
    "bottleneck": 8,
}
NETWORKS = [
    ("ResidualSR", {"blocks": 1, "filters": 4}),
    ("ResidualSR", {"blocks": 1, "filters": 4, "scale": 4}),
    ("SRDenseNet", SMALL_DENSE),
    ("UNetSR", {"blocks": [1, 1], "filters": [4, 6]}),
    ("SelfEnsemble", {"of": "UNetSR", "blocks": [1, 1], "filters": [4, 6]}),
]


def predictor(trained: TrainedModel, pixel_budget: int | None) -> SlicePredictor:
    return SlicePredictor(run_here(trained), pixel_budget=pixel_budget)


def slices(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, height, width), np.float32)


@pytest.mark.parametrize(("network", "settings"), NETWORKS)
@pytest.mark.parametrize("shape", [(70, 64), (61, 83)])
def test_tiles_give_the_whole_slice_s_result(
    network: str, settings: dict, shape: tuple[int, int], random_network: Callable[..., TrainedModel]
) -> None:
    trained = random_network(network, **settings)
    images = slices(2, *shape)
    whole = trained.model(images[..., np.newaxis]).numpy()[..., 0]
    tiled = predictor(trained, pixel_budget=2_900)({OWN: images})
    assert tiled.shape == whole.shape
    np.testing.assert_allclose(tiled, whole, atol=2e-5 * np.abs(whole).max())


def test_tiles_without_a_halo_do_not(random_network: Callable[..., TrainedModel]) -> None:
    trained = random_network("SRDenseNet", **SMALL_DENSE)
    images = slices(1, 64, 64)
    whole = predictor(trained, pixel_budget=64 * 64)({OWN: images})
    network = run_here(trained)
    careless = replace(network, traits=replace(network.traits, halo=0))
    without_halo = SlicePredictor(careless, pixel_budget=32 * 32)
    tiled = without_halo({OWN: images})
    assert np.abs(tiled - whole).max() > 1e-2 * np.abs(whole).max()


def test_the_network_is_never_given_more_pixels_than_the_budget(interpolator: TrainedModel) -> None:
    given: list[tuple[int, ...]] = []
    network = run_here(interpolator)

    def run(images: np.ndarray, noise_level: float) -> np.ndarray:
        given.append(images.shape)
        return network.run(images, noise_level)

    predict = SlicePredictor(replace(network, run=run), pixel_budget=5_000)
    predict({OWN: slices(5, 40, 50)})
    predict({OWN: slices(2, 90, 80)})
    assert max(np.prod(shape) for shape in given) <= 5_000
    assert given[:3] == [(2, 40, 50, 1), (2, 40, 50, 1), (1, 40, 50, 1)]


def counting(network: RunningNetwork) -> tuple[RunningNetwork, list[tuple[int, ...]]]:
    """A network that does nothing, and the shapes that it is given."""
    given: list[tuple[int, ...]] = []

    def run(images: np.ndarray, noise_level: float) -> np.ndarray:
        given.append(images.shape)
        return np.zeros((len(images), 2 * images.shape[1], 2 * images.shape[2], 1), np.float32)

    return replace(network, run=run), given


def test_by_default_a_small_network_is_given_large_slices_whole(interpolator: TrainedModel) -> None:
    network, given = counting(run_here(interpolator))
    SlicePredictor(network)({OWN: slices(2, 512, 512)})
    assert given == 2 * [(1, 512, 512, 1)]


def test_but_no_larger_batches_of_small_ones(interpolator: TrainedModel) -> None:
    network, given = counting(run_here(interpolator))
    SlicePredictor(network)({OWN: slices(9, 128, 128)})
    assert given == [(4, 128, 128, 1), (4, 128, 128, 1), (1, 128, 128, 1)]


def test_a_network_of_which_nothing_is_known_is_given_no_more_of_a_slice_than_of_a_batch(
    interpolator: TrainedModel,
) -> None:
    known, given = counting(run_here(interpolator))
    SlicePredictor(RunningNetwork(known.info, known.traits, known.run))({OWN: slices(1, 300, 300)})
    assert len(given) > 1 and max(np.prod(shape) for shape in given) <= PIXELS_AT_ONCE


def test_a_budget_of_one_s_own_holds_for_slices_and_batches(interpolator: TrainedModel) -> None:
    network, given = counting(run_here(interpolator))
    predict = SlicePredictor(network, pixel_budget=131_072)
    predict({OWN: slices(9, 128, 128)})
    assert [shape[0] for shape in given] == [8, 1]
    given.clear()
    predict({OWN: slices(1, 512, 512)})
    assert len(given) > 1 and max(np.prod(shape) for shape in given) <= 131_072


@pytest.mark.parametrize(("network", "settings"), NETWORKS)
def test_the_default_gives_the_result_of_the_budget_that_all_networks_had(
    network: str, settings: dict, random_network: Callable[..., TrainedModel]
) -> None:
    trained, images = random_network(network, **settings), slices(1, 270, 290)
    whole, tiled = (predictor(trained, budget)({OWN: images}) for budget in (None, 65_536))
    np.testing.assert_allclose(tiled, whole, atol=1e-6 * np.abs(whole).max())


def test_progress_is_told_of_every_slice(interpolator: TrainedModel) -> None:
    finished: list[int] = []
    predictor(interpolator, pixel_budget=2_000)({OWN: slices(5, 20, 40)}, finished.append)
    assert sum(finished) == 5
    assert len(finished) == 3


def test_the_results_of_all_views_are_averaged_batch_by_batch(interpolator: TrainedModel) -> None:
    views = {offset: (1.0 + index) * slices(5, 20, 40) for index, offset in enumerate(offsets(2))}
    finished: list[int] = []
    predict = predictor(interpolator, pixel_budget=2_000)
    found = predict(views, finished.append)
    alone = {offset: predict({OWN: view}) for offset, view in views.items()}
    np.testing.assert_allclose(found, mean_of_views(alone), rtol=1e-6)
    assert sum(finished) == 5


def test_a_device_without_enough_memory_is_one_line_that_says_what_to_do(
    interpolator: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*args: object, **options: object) -> object:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(tf, "function", lambda *args, **options: out_of_memory)
    with pytest.raises(LfsrError, match=r"1 images of 20 x 20 at once\. Lower the pixel budget"):
        predictor(interpolator, pixel_budget=2_000)({OWN: slices(1, 20, 20)})
