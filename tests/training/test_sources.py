"""Records as a source of pairs: the stream of a resumed run is that of an uninterrupted one."""

import dataclasses
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError, ModelError, OutputError, RecordsError
from lfsr_tf.model_info import scan_mark
from lfsr_tf.networks import NETWORKS
from lfsr_tf.pairs import PairsConfig, open_dataset
from lfsr_tf.physics.scanners import scanner_settings
from lfsr_tf.storage import read_json
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.fit import train
from lfsr_tf.training.sources import PairSource, _facts, read_source
from tests.training.phantom_pairs import prepare_phantoms


@pytest.fixture(scope="module", params=["pairs", "slices"])
def records(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of either mode from two phantoms."""
    config = PairsConfig(mode=request.param, patches_per_slice=8)
    return prepare_phantoms(tmp_path_factory.mktemp(request.param), config)


def small(**settings: Any) -> TrainConfig:
    """Settings with a network that is made in no time."""
    return TrainConfig(network="ResidualSR", network_settings={"blocks": 1, "filters": 4}, **settings)


def batches(source: PairSource, first_epoch: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(lr.numpy(), hr.numpy()) for lr, hr in source.training(first_epoch).take(count)]


@pytest.mark.parametrize("flips", [False, True])
def test_a_resumed_stream_is_the_rest_of_the_whole_one(records: Path, flips: bool) -> None:
    # Three steps do not divide a pass over the records, so epochs begin within passes.
    source = read_source(records, small(batch_size=4, steps_per_epoch=3, flips=flips, seed=5))
    whole = batches(source, 0, 12)
    for expected, received in zip(whole[9:], batches(source, 3, 3), strict=True):
        np.testing.assert_array_equal(received[0], expected[0])
        np.testing.assert_array_equal(received[1], expected[1])
    assert not np.array_equal(whole[0][0], whole[9][0])


def test_without_steps_an_epoch_is_one_pass_over_the_records(records: Path) -> None:
    source = read_source(records, small(batch_size=4))
    info = open_dataset(records)
    each = info.config.patches_per_slice if info.config.mode == "slices" else 1
    assert source.steps_per_epoch == info.train.records * each // 4


def test_flips_cost_fixed_patches_one_sample_and_slices_none(records: Path) -> None:
    source = read_source(records, small(batch_size=4, flips=True))
    side = 15 if open_dataset(records).config.mode == "pairs" else 16
    lr, hr = source.training(0).element_spec
    assert (lr.shape[1:], hr.shape[1:]) == ((side, side, 1), (2 * side, 2 * side, 1))
    assert (source.lr_shape, source.hr_shape) == ((16, 16, 1), (32, 32, 1))


def test_validation_is_the_same_every_time_and_of_known_length(records: Path) -> None:
    source = read_source(records, small(batch_size=4, validation_steps=2))
    assert int(source.validation.cardinality()) == 2
    first, second = ([lr.numpy() for lr, _ in source.validation] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_source_says_what_it_is(records: Path) -> None:
    info = open_dataset(records)
    source = read_source(records, small(batch_size=4))
    assert source.identity == info.identity == {"fingerprint": info.fingerprint}
    assert source.facts["sigma_range"] == (
        info.config.acquisition.sigma_min,
        info.config.acquisition.sigma_max,
    )
    assert source.facts["spacing_range_mm"] == info.spacing_mm
    assert source.facts["acquisition"] == scanner_settings(info.config.acquisition)


def test_the_source_knows_which_scans_train_and_which_validate(records: Path) -> None:
    info = open_dataset(records)
    sides = {volume["split"]: source["sha256"] for source in info.sources for volume in source["volumes"]}
    assert set(sides) == {"train", "validation"}
    facts = read_source(records, small(batch_size=4)).facts
    assert facts["trained_on"] == (scan_mark(sides["train"]),)
    assert facts["validated_on"] == (scan_mark(sides["validation"]),)


def test_tensorflows_own_seed_changes_nothing(records: Path) -> None:
    config = small(batch_size=4, flips=True)
    expected = batches(read_source(records, config), 0, 2)
    keras.utils.set_random_seed(0)
    np.testing.assert_array_equal(batches(read_source(records, config), 0, 2)[1][0], expected[1][0])


def test_pipeline_settings_reach_the_pipeline(records: Path) -> None:
    config = small(batch_size=4, pipeline={"gain_min": 3.0, "gain_max": 3.0})
    plain = small(batch_size=4, pipeline={"gain_min": 1.0, "gain_max": 1.0})
    bright, normal = (batches(read_source(records, each), 0, 1)[0] for each in (config, plain))
    np.testing.assert_allclose(bright[0], 3.0 * normal[0], rtol=1e-6)


@pytest.mark.parametrize("t2_decay", [0.0, 1.0])
def test_pairs_of_a_scanner_with_t2_decay_are_mirrored_alone(
    records: Path, monkeypatch: pytest.MonkeyPatch, t2_decay: float
) -> None:
    info = open_dataset(records)
    acquisition = dataclasses.replace(info.config.acquisition, t2_decay=t2_decay)
    info = dataclasses.replace(info, config=dataclasses.replace(info.config, acquisition=acquisition))
    monkeypatch.setattr("lfsr_tf.training.sources.open_dataset", lambda folder: info)
    asked: set[bool] = set()

    def flip(lr: tf.Tensor, hr: tf.Tensor, seed: tf.Tensor, transpose: bool) -> tuple[tf.Tensor, tf.Tensor]:
        asked.add(transpose)
        return lr, hr

    monkeypatch.setattr("lfsr_tf.training.sources.random_flips", flip)
    batches(read_source(records, small(batch_size=4, flips=True)), 0, 1)
    # Slices are transposed before they are degraded.
    assert asked == ({t2_decay == 0.0} if info.config.mode == "pairs" else set())


def test_a_pipeline_setting_that_does_not_exist_is_refused(records: Path) -> None:
    with pytest.raises(ConfigError, match=r"gain_min.*Received: colour"):
        read_source(records, small(batch_size=4, pipeline={"colour": 1}))


def test_a_pipeline_setting_of_another_type_is_refused(records: Path) -> None:
    with pytest.raises(ConfigError, match=r"cache to be true or false.*'no'"):
        read_source(records, small(batch_size=4, pipeline={"cache": "no"}))


def strided_network() -> keras.Model:
    image = keras.Input((None, None, 1))
    maps = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="strided")(image)
    return keras.Model(image, keras.layers.Conv2DTranspose(1, 4, strides=4, padding="same", name="up")(maps))


def unnamed_network() -> keras.Model:
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Conv2DTranspose(1, 2, strides=2, padding="same")(image))


class Unregistered(keras.layers.Layer):
    """A layer that Keras could save and no command could load."""

    def call(self, maps: object) -> object:
        return maps


def unregistered_network() -> keras.Model:
    image = keras.Input((None, None, 1))
    maps = Unregistered(name="own")(image)
    return keras.Model(image, keras.layers.Conv2DTranspose(1, 2, strides=2, name="up")(maps))


@keras.saving.register_keras_serializable(package="tests")
class Doubled(keras.layers.UpSampling2D):
    """A layer that patches of a known size go through and scans of any size do not."""

    def call(self, maps: tf.Tensor) -> tf.Tensor:
        return super().call(maps) if tf.shape(maps)[1] > 0 else maps

    def input_range(self, sample: int) -> range:
        return range(sample // 2, sample // 2 + 1)

    upsampling = 2


def sized_network() -> keras.Model:
    image = keras.Input((None, None, 1))
    return keras.Model(image, Doubled(2, name="doubled")(image))


def interpolating_network() -> keras.Model:
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.UpSampling2D(2, interpolation="bilinear", name="between")(image))


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """A network that is not functional, so that Keras does not know its input."""

    def call(self, images: tf.Tensor) -> tf.Tensor:
        return images


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (sized_network, r"images of any size\. Received: .*calling Doubled\.call\(\)"),
        (interpolating_network, r"whose reach is known\. Received: UpSampling2D between"),
        (Subclassed, r"Received: subclassed.*, whose input_shape is None\. .*keras\.Model\(input, output\)"),
        (unregistered_network, r"loaded again\. Received: .*'Unregistered'"),
        (strided_network, r"whose reach is known\. Received: Conv2D strided"),
        (unnamed_network, r"names of their own.*Received: conv2d_transpose.*/kernel in Own"),
    ],
)
def test_a_network_that_could_not_be_used_is_refused_before_records_are_read(
    network: Callable[[], keras.Model],
    message: str,
    records: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(NETWORKS, "Own", network)
    monkeypatch.setattr("lfsr_tf.training.sources.check_records", None)
    with pytest.raises(ModelError, match=message):
        train(records, tmp_path / "run", TrainConfig(network="Own"))
    assert not (tmp_path / "run").exists()


def test_a_loss_that_does_not_exist_is_refused_before_records_are_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"losses among.*nope"):
        train(tmp_path / "none", tmp_path / "run", TrainConfig(loss={"nope": 1.0}))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("cache", [True, False])
def test_validation_is_kept_in_memory_only_where_the_pipeline_says_so(
    records: Path, tmp_path: Path, cache: bool
) -> None:
    copy = Path(shutil.copytree(records, tmp_path / "records"))
    source = read_source(copy, small(batch_size=4, validation_steps=2, pipeline={"cache": cache}))
    for shard in copy.glob("*.gz"):
        shard.unlink()
    with nullcontext() if cache else pytest.raises((tf.errors.OpError, RecordsError)):
        assert len(list(source.validation)) == 2


def test_the_noise_of_measured_repetitions_has_no_range_of_a_simulation() -> None:
    config = PairsConfig(pairing="repetitions")
    info = SimpleNamespace(config=config, spacing_mm=(1.0, 2.0), fingerprint="f", sources=[])
    facts = _facts(info)
    assert (facts["sigma_range"], facts["acquisition"]) == (None, None)


def test_a_batch_larger_than_the_records_is_refused(records: Path) -> None:
    with pytest.raises(ConfigError, match="Received: 100000"):
        read_source(records, small(batch_size=100000))


def test_a_network_of_another_scale_is_refused_and_leaves_no_model(records: Path, tmp_path: Path) -> None:
    config = TrainConfig(batch_size=4, network="ResidualSR", network_settings={"scale": 4, "blocks": 1})
    with pytest.raises(ConfigError, match=r"into HR \(32, 32, 1\)"):
        train(records, tmp_path / "run", config)
    assert not list(tmp_path.rglob("*.keras"))


def test_a_damaged_shard_is_named_and_no_run_begins(records: Path, tmp_path: Path) -> None:
    copy = tmp_path / "records"
    copy.mkdir()
    for file in records.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    shard = sorted(copy.glob("*.gz"))[0]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)
    with pytest.raises(RecordsError, match=shard.name):
        train(copy, tmp_path / "run", small(batch_size=4))
    assert not (tmp_path / "run").exists()


def test_another_run_s_folder_is_refused_before_the_records_are_read(
    records: Path, begun: Path, tmp_path: Path
) -> None:
    damaged = Path(shutil.copytree(records, tmp_path / "damaged"))
    for shard in damaged.glob("*.gz"):
        shard.write_bytes(b"")
    with pytest.raises(ConfigError, match=r"Expected the config that the run in .* was started with"):
        train(damaged, begun, small(batch_size=5))
    with pytest.raises(ConfigError, match=r"Expected the data that the run in .* was started with"):
        train(damaged, begun, TrainConfig.from_dict(read_json(begun / "config.json")))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").touch()
    with pytest.raises(OutputError, match="Expected a new folder or a training run"):
        train(damaged, tmp_path / "foreign", small())
    with pytest.raises(RecordsError):
        train(damaged, tmp_path / "new", small())
