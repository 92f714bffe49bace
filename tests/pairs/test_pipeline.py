import itertools
import shutil
from pathlib import Path

import keras
import nibabel as nib
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs import (
    PairsConfig,
    PipelineConfig,
    open_dataset,
    prepare_dataset,
    read_records,
    steps_per_epoch,
    training_data,
    validation_data,
)

Batches = list[tuple[np.ndarray, ...]]


def take(data: tf.data.Dataset, count: int) -> Batches:
    return [tuple(part.numpy() for part in batch) for batch in itertools.islice(data, count)]


def assert_equal(first: Batches, second: Batches) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for part, twin in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, twin)


def different(first: Batches, second: Batches) -> bool:
    return any(not np.array_equal(one[1], other[1]) for one, other in zip(first, second, strict=True))


@pytest.fixture(params=["pairs", "slices"])
def records(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(f"{request.param}_records")
    return folder


def test_batches_have_the_shapes_that_networks_expect(records: Path) -> None:
    for data in (training_data(records, 4), validation_data(records, 4)):
        (lr, hr), *_ = take(data, 1)
        assert (lr.shape, hr.shape) == ((4, 8, 8, 1), (4, 16, 16, 1))
        assert lr.dtype == hr.dtype == np.float32
        assert [spec.shape[1:] for spec in data.element_spec] == [(8, 8, 1), (16, 16, 1)]


def test_the_same_seed_gives_the_same_bytes(records: Path) -> None:
    assert_equal(take(training_data(records, 5, seed=3), 30), take(training_data(records, 5, seed=3), 30))


@pytest.mark.parametrize("global_seed", [0, 77])
def test_the_global_seed_changes_nothing(records: Path, global_seed: int) -> None:
    expected = take(training_data(records, 5, seed=3), 3)
    tf.random.set_seed(global_seed)
    assert_equal(take(training_data(records, 5, seed=3), 3), expected)


def test_another_seed_gives_another_order(records: Path) -> None:
    assert different(take(training_data(records, 5, seed=3), 5), take(training_data(records, 5, seed=4), 5))


def test_an_epoch_is_the_same_whether_come_to_or_resumed_at(records: Path) -> None:
    steps = steps_per_epoch(records, 5)
    whole = take(training_data(records, 5, seed=1), 3 * steps)
    assert_equal(whole[2 * steps :], take(training_data(records, 5, seed=1, first_epoch=2), steps))


def test_no_epoch_repeats_another(records: Path) -> None:
    steps = steps_per_epoch(records, 5)
    batches = take(training_data(records, 5), 2 * steps)
    patches = np.concatenate([hr.reshape(len(hr), -1) for _, hr in batches])
    assert len(np.unique(patches, axis=0)) == len(patches)


def test_an_epoch_of_fixed_pairs_has_every_pair_once(pairs_records: Path) -> None:
    options = PipelineConfig(gain_min=1.0, gain_max=1.0)
    count = open_dataset(pairs_records).train.records
    fed = take(training_data(pairs_records, 1, options=options), count)
    recorded = sorted(record["lr"].tobytes() for record in read_records(pairs_records, "train"))
    assert sorted(lr.tobytes() for lr, _ in fed) == recorded


def test_noise_is_new_in_every_epoch_of_mode_slices(slices_records: Path) -> None:
    options = PipelineConfig(lr_patch=0, gain_min=1.0, gain_max=1.0)
    steps = steps_per_epoch(slices_records, 1, options=options)
    batches = take(training_data(slices_records, 1, options=options, with_sigma=True), 2 * steps)
    first, second = (
        {hr.tobytes(): (lr, sigma) for lr, hr, sigma in half} for half in (batches[:steps], batches[steps:])
    )
    assert first.keys() == second.keys()
    for hr in first:
        assert not np.array_equal(first[hr][0], second[hr][0])
        assert first[hr][1] != second[hr][1]


def test_patches_of_one_slice_share_its_noise_level(slices_records: Path) -> None:
    options = PipelineConfig(gain_min=1.0, gain_max=1.0)
    slices = open_dataset(slices_records).train.records
    steps = steps_per_epoch(slices_records, 1, options=options)
    sigmas = [
        sigma[0]
        for *_, sigma in take(training_data(slices_records, 1, options=options, with_sigma=True), steps)
    ]
    values, counts = np.unique(sigmas, return_counts=True)
    assert len(values) == slices and set(counts) == {6}


def test_lr_patches_lie_on_their_hr_patches(slices_records: Path) -> None:
    (lr, hr), *_ = take(training_data(slices_records, 16), 1)

    # Sample i of LR is at sample 2 i of HR: that shift correlates better than its neighbours.
    def error(shift: int) -> float:
        return float(np.square(lr[:, 1:-1, 1:-1] - np.roll(hr, shift, 1)[:, 2:-2:2, 2:-2:2]).mean())

    assert error(0) < min(error(1), error(-1))


def test_gains_cover_their_range_and_apply_to_all_three(pairs_records: Path) -> None:
    steps = steps_per_epoch(pairs_records, 1)
    plain = PipelineConfig(gain_min=1.0, gain_max=1.0)
    scaled = take(training_data(pairs_records, 1, with_sigma=True), steps)
    original = take(training_data(pairs_records, 1, options=plain, with_sigma=True), steps)
    gains = []
    for changed, same in zip(scaled, original, strict=True):
        gain = changed[2] / same[2]
        np.testing.assert_allclose(changed[0], same[0] * gain, rtol=1e-5)
        np.testing.assert_allclose(changed[1], same[1] * gain, rtol=1e-5)
        gains.append(gain)
    assert 0.6 <= min(gains) < 0.7 and 1.3 < max(gains) <= 1.4


def test_validation_is_always_the_same_and_complete(records: Path) -> None:
    data = validation_data(records, 4)
    first = take(data, 10**6)
    assert_equal(first, take(data, 10**6))
    assert_equal(
        first, take(validation_data(records, 4, options=PipelineConfig(gain_min=0.1, flips=False)), 10**6)
    )
    info = open_dataset(records)
    assert data.cardinality() == len(first)
    assert sum(len(lr) for lr, _ in first) == info.validation.records * (
        6 if info.config.mode == "slices" else 1
    )


def test_validation_can_be_cut_short(records: Path) -> None:
    assert_equal(take(validation_data(records, 4, batches=2), 99), take(validation_data(records, 4), 2))


def test_cached_records_are_not_read_again(records: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(records, tmp_path / "copy"))
    steps = steps_per_epoch(folder, 4)
    batches = iter(training_data(folder, 4, options=PipelineConfig()))
    for _ in range(2 * steps):
        next(batches)
    shutil.rmtree(folder)
    for _ in range(2 * steps):
        next(batches)


def test_keras_fits_endless_training_data_in_steps(pairs_records: Path) -> None:
    data = training_data(pairs_records, 4)
    assert data.cardinality() == tf.data.INFINITE_CARDINALITY
    model = keras.Sequential([keras.layers.Conv2DTranspose(1, 3, 2, padding="same")])
    model.compile("sgd", "mse")
    validation = validation_data(pairs_records, 4)
    history = model.fit(
        data, steps_per_epoch=3, epochs=2, validation_data=validation, shuffle=False, verbose=0
    )
    assert np.isfinite(history.history["val_loss"]).all()


def test_flips_and_other_patches_need_slices(pairs_records: Path) -> None:
    for options in (
        PipelineConfig(flips=True),
        PipelineConfig(blur=1.0),
        PipelineConfig(echoes=0.5),
        PipelineConfig(lr_patch=4),
        PipelineConfig(patches_per_slice=2),
    ):
        with pytest.raises(ConfigError, match="mode 'slices'"):
            training_data(pairs_records, 4, options=options)


def test_slices_can_be_cut_smaller_but_not_larger_than_prepared(slices_records: Path) -> None:
    options = PipelineConfig(lr_patch=4, patches_per_slice=3, flips=True, rotations=True)
    (lr, hr), *_ = take(training_data(slices_records, 4, options=options), 1)
    assert (lr.shape, hr.shape) == ((4, 4, 4, 1), (4, 8, 8, 1))
    assert (
        steps_per_epoch(slices_records, 1, options=options) == 3 * open_dataset(slices_records).train.records
    )
    with pytest.raises(ConfigError, match="at most 8"):
        training_data(slices_records, 4, options=PipelineConfig(lr_patch=9))


def test_another_transfer_function_changes_training_alone(slices_records: Path) -> None:
    plain, changed = PipelineConfig(), PipelineConfig(blur=10.0, echoes=0.5)
    first, second = (
        np.concatenate([hr for _, hr in take(training_data(slices_records, 8, options=options), 4)])
        for options in (plain, changed)
    )
    same = np.isclose(first, second, atol=1e-4).all(axis=(1, 2, 3))
    assert 4 <= same.sum() <= 28  # half of the slices
    roughness = [np.square(np.diff(hr[~same], axis=1)).sum() for hr in (first, second)]
    assert roughness[1] < 0.95 * roughness[0]
    first, second = (
        take(validation_data(slices_records, 4, options=options), 2) for options in (plain, changed)
    )
    assert_equal(first, second)


@pytest.mark.usefixtures("lent")
def test_slices_of_several_sizes_feed_one_stream(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, side in (("sub-1", 32), ("sub-2", 24)):
        voxels = rng.uniform(50, 100, (side, side, 4)).astype(np.float32)
        nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1.0, 4.0, 1.0])), tmp_path / f"{name}_T1w.nii.gz")
    config = PairsConfig(
        mode="slices",
        hr_size=32,
        small_images="own",
        lr_patch=8,
        patches_per_slice=5,
        validation_fraction=0.0,
    )
    folder = tmp_path / "records"
    info = prepare_dataset(tmp_path, None, folder, config, workers=1)
    assert {shard.hr_size: shard.records for shard in info.train.shards} == {24: 4, 32: 4}
    sigmas = [float(sigma[0]) for *_, sigma in take(training_data(folder, 1, with_sigma=True), 40)]
    assert len(set(sigmas)) == 40  # gains differ by patch
    assert_equal(take(training_data(folder, 4), 10), take(training_data(folder, 4), 10))
    with pytest.raises(ConfigError, match="one size"):
        training_data(folder, 4, options=PipelineConfig(lr_patch=0))
    with pytest.raises(ConfigError, match="without any"):
        validation_data(folder, 4)


@pytest.mark.parametrize("batch_size", [0, 8.0, True, 10**6])
def test_a_batch_that_cannot_be_filled_is_refused(pairs_records: Path, batch_size: int) -> None:
    with pytest.raises(ConfigError, match="batch size"):
        training_data(pairs_records, batch_size)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "batch_size to be a whole number of at least 1. Received: 0"),
        ({"batch_size": 8.0}, "batch_size to be a whole number"),
        ({"batches": 0}, "batches to be a whole number of at least 1"),
        ({"batches": -1}, "batches to be a whole number of at least 1"),
        ({"options": {"cache": False}}, "options to be a PipelineConfig"),
    ],
    ids=str,
)
def test_validation_refuses_wrong_arguments(
    pairs_records: Path, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        validation_data(pairs_records, **{"batch_size": 4, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"first_epoch": -1}, {"first_epoch": 0.5}, {"options": {"cache": False}}])
def test_training_refuses_wrong_arguments(pairs_records: Path, wrong: dict[str, object]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=f"Expected {name} to be .* Received: {value}"):
        training_data(pairs_records, 4, **wrong)  # type: ignore[arg-type]


def test_numbers_of_numpy_count(pairs_records: Path) -> None:
    size, first_epoch = np.int64(4), np.int32(1)
    assert_equal(
        take(training_data(pairs_records, size, first_epoch=first_epoch), 2),
        take(training_data(pairs_records, 4, first_epoch=1), 2),
    )
    assert_equal(take(validation_data(pairs_records, size), 2), take(validation_data(pairs_records, 4), 2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"gain_min": 0.0},
        {"gain_min": 2.0},
        {"shards_at_once": 0},
        {"service": "http://here"},
        {"blur": -1.0},
        {"echoes": 9.0},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        PipelineConfig(**wrong)
