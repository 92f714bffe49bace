"""The training on JAX: its acquisition is the package's, and a short training comes back as a run."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.networks import build_network, load_model, with_noise_level
from lfsr_tf.pairs import PairsConfig
from lfsr_tf.physics import AcquisitionConfig, fft2c, in_phase_image, simulate_acquisition
from lfsr_tf.physics.effects import echo_weights, gaussian_weights
from lfsr_tf.scans import phantom_scan, write_scan
from studies.gpu.acquisition import acquire, cropped, part_in_phase, smooth, smooth_phase, zero_filled
from studies.gpu.batches import BatchPlan, random_batch, random_pairs
from studies.gpu.carry import write_run, write_slices
from studies.gpu.train import Plan, learning_rates, read_plan
from studies.gpu.transfer import even_weights, odd_weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def hardly_optimized() -> Iterator[None]:
    """Compiling takes far longer than what is compiled."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def images(count: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).random((count, size, size)).astype("float32")


@pytest.mark.parametrize("size", [16, 20, 31])
def test_without_noise_the_images_are_those_of_the_package(size: int) -> None:
    hr = images(3)
    ours = jax.numpy.abs(acquire(jax.random.key(0), jax.numpy.asarray(hr), jax.numpy.zeros(3), size))
    seeds = tf.zeros((3, 2), tf.int32)
    theirs = simulate_acquisition(tf.constant(hr), tf.zeros(3), seeds, (size, size), AcquisitionConfig())
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_the_noise_has_the_level_that_was_asked_for() -> None:
    flat = jax.numpy.ones((4, 64, 64))
    sigma = jax.numpy.array([0.0, 0.01, 0.02, 0.05])
    noisy = np.asarray(acquire(jax.random.key(1), flat, sigma, 32))
    for channel in (noisy.real, noisy.imag):
        np.testing.assert_allclose(channel.std((1, 2)), sigma, rtol=0.1, atol=1e-6)


def test_a_phase_changes_the_magnitude_only_where_it_is_cut() -> None:
    hr = jax.numpy.asarray(images(2))
    phase = smooth_phase(jax.random.key(0), 2, 32)
    assert np.ptp(phase) > 3
    turned = hr * jax.numpy.exp(1j * phase)
    np.testing.assert_allclose(abs(cropped(turned, 32)), hr, atol=1e-5)
    assert np.abs(abs(cropped(turned, 16)) - abs(cropped(hr, 16))).max() > 0.01


def complex_images(count: int, size: int) -> np.ndarray:
    real, imaginary = np.random.default_rng(1).normal(size=(2, count, size, size))
    return (real + 1j * imaginary).astype("complex64")


def test_zero_filling_keeps_what_cropping_keeps() -> None:
    low = jax.numpy.asarray(complex_images(2, 16))
    filled = zero_filled(low, 32)
    np.testing.assert_allclose(cropped(filled, 16), low, atol=1e-6)
    np.testing.assert_allclose(fft2c(np.asarray(filled)).numpy()[:, 0], 0.0, atol=1e-5)
    np.testing.assert_allclose(zero_filled(jax.numpy.ones((1, 16, 16)), 32), np.ones((1, 32, 32)), atol=1e-6)


def test_the_part_in_phase_is_that_of_the_package() -> None:
    low = complex_images(3, 24) + 2.0
    ours = jax.numpy.maximum(part_in_phase(jax.numpy.asarray(low), smooth(jax.numpy.asarray(low))), 0.0)
    np.testing.assert_allclose(ours, in_phase_image(tf.constant(low)[:, None]).numpy(), atol=1e-5)
    assert not np.any(part_in_phase(jax.numpy.asarray(low), jax.numpy.zeros(low.shape, "complex64")))


def test_even_weights_are_blurs_and_echoes_of_the_package() -> None:
    blurred = np.fft.fftshift(np.asarray(even_weights(jax.random.key(2), 40, 32, 3.0, 0.0)), axes=(1, 2))
    corners = -np.log(np.stack([blurred[:, 0, 16], blurred[:, 16, 0]], axis=1))
    np.testing.assert_allclose(blurred, gaussian_weights(tf.constant(corners), (32, 32)), rtol=1e-4)
    assert 10 <= (corners == 0.0).all(1).sum() <= 30 and 2.0 < corners.max() <= 3.0
    echoed = np.fft.fftshift(np.asarray(even_weights(jax.random.key(2), 40, 32, 0.0, 0.5)), axes=(1, 2))
    along = np.where((echoed[:, 16] == 1.0).all(1)[:, None], echoed[:, :, 16], echoed[:, 16])
    levels = np.log(along[:, [12, 8, 4, 0]])
    np.testing.assert_allclose(along, echo_weights(tf.constant(levels), 32), rtol=1e-4)
    assert 0.4 < levels.max() <= 0.5 and -0.5 <= levels.min() < -0.4


def test_odd_weights_part_the_sides_of_some_images_along_one_axis() -> None:
    weights, unequal = (np.asarray(part) for part in odd_weights(jax.random.key(4), 200, 32, 0.25, 14.0))
    np.testing.assert_array_equal((weights != 1.0).any((1, 2)), unequal)
    assert 30 <= unequal.sum() <= 70
    changed = weights[unequal]
    assert (
        (changed[:, 1:2] == changed[:, 2:3]).all((1, 2)) ^ (changed[:, :, 1] == changed[:, :, 2]).all(1)
    ).all()
    decibels = 20.0 * np.log10(changed / changed[:, (-np.arange(32)) % 32][:, :, (-np.arange(32)) % 32])
    assert 11.0 < decibels[:, :, :16].max() <= 14.0 + 1e-3
    np.testing.assert_allclose(changed[:, 0, 0], 1.0)


def test_the_truth_of_unequal_sides_is_in_phase_with_what_is_seen() -> None:
    middle = phantom_scan(1, "T1w", matrix=128, slices=3).voxels[..., 1] / 1000.0
    hr = abs(cropped(jax.numpy.asarray(middle, "float32")[None], 64)).repeat(3, 0)
    for in_phase in (0.0, 1.0):
        plan = BatchPlan(phase=True, unequal=1.0, unequal_db=14.0, in_phase=in_phase)
        lr, truth = random_pairs(jax.random.key(0), hr, jax.numpy.zeros(3), plan)
        changed = np.abs(truth - hr).mean((1, 2))
        assert changed.max() > 0.05
        # What is seen differs from the truth by detail alone.
        filled, worst = np.asarray(zero_filled(lr, 64)).real, changed.argmax()
        assert np.abs(filled - truth)[worst].mean() < 0.6 * np.abs(filled - hr)[worst].mean()
        equal = dataclasses.replace(plan, unequal_db=0.0)
        _, same = random_pairs(jax.random.key(0), hr, jax.numpy.zeros(3), equal)
        assert np.abs(same - hr).mean() < 0.005


def test_the_noise_level_travels_as_a_second_channel_and_with_the_gain() -> None:
    plan = BatchPlan(batch=64, lr_patch=8, sigma_max=0.1, noise_level=True)
    given, hr = (
        np.asarray(side) for side in random_batch(jax.random.key(3), jax.numpy.ones((2, 64, 64)), plan)
    )
    assert given.shape == (64, 8, 8, 2)
    assert np.ptp(given[..., 1], axis=(1, 2)).max() == 0.0
    noise = (given[..., 0] - hr[:, ::2, ::2, 0]).std((1, 2))
    np.testing.assert_allclose(noise, given[:, 0, 0, 1], rtol=0.35)


def test_rates_rise_and_fall_as_planned() -> None:
    plan = Plan(steps=100, learning_rate=2e-3, warmup=10, cosine=True)
    rates = learning_rates(plan, 0, 100)
    np.testing.assert_allclose(rates[[0, 9, 10, 55]], [2e-4, 2e-3, 2e-3, 1e-3], rtol=1e-5)
    assert 0 < rates[-1] < 2e-6
    np.testing.assert_array_equal(learning_rates(plan, 40, 20), rates[40:60])
    assert set(learning_rates(dataclasses.replace(plan, warmup=0, cosine=False), 0, 100)) == {
        np.float32(2e-3)
    }


def test_patches_show_the_head_and_lie_at_the_same_place_in_lr_and_hr() -> None:
    axis = np.arange(64)
    bell = np.exp(-((axis - 40) ** 2) / 100)
    slices = (bell[:, None] * bell * np.linspace(0.8, 1.2, 5)[:, None, None]).astype("float16")
    plan = BatchPlan(batch=64, lr_patch=8, sigma_max=0.0)
    lr, hr = random_batch(jax.random.key(3), jax.numpy.asarray(slices), plan)
    assert (lr.shape, hr.shape) == ((64, 8, 8, 1), (64, 16, 16, 1))
    # Without noise and without anything that the crop cuts away, LR samples are HR samples.
    np.testing.assert_allclose(np.asarray(lr), np.asarray(hr)[:, ::2, ::2], atol=2e-3)
    assert ((np.asarray(hr)[..., 0] > 0.14).mean((1, 2)) < 1).any()
    assert ((np.asarray(hr)[..., 0] > 0.06).mean((1, 2)) >= 0.25).all()


def test_gains_and_noise_levels_differ_from_image_to_image() -> None:
    plan = BatchPlan(batch=64, lr_patch=8, sigma_max=0.1)
    lr, hr = (np.asarray(side) for side in random_batch(jax.random.key(3), jax.numpy.ones((2, 64, 64)), plan))
    gains, noise = hr.max((1, 2, 3)), (lr / hr[:, ::2, ::2]).std((1, 2, 3))
    assert 0.6 < gains.min() < 0.7 and 1.3 < gains.max() < 1.4
    assert noise.min() < 0.02 and 0.08 < noise.max() < 0.13


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("carried")
    paths = []
    for subject in (1, 2):
        paths.append(folder / f"sub-{subject:02d}_T2w.nii.gz")
        write_scan(phantom_scan(subject, "T2w", slices=4), paths[-1])
    write_slices(paths[:1], paths[1:], folder / "slices.npz", PairsConfig(mode="slices", lr_patch=8))
    return folder / "slices.npz"


def test_what_is_carried_has_slices_masks_and_spacing(slices: Path) -> None:
    with np.load(slices, allow_pickle=False) as carried:
        assert carried["train"].shape[1:] == carried["validation"].shape[1:] == (128, 128)
        assert carried["train"].dtype == np.float16
        assert carried["masks"].any((1, 2)).all()
        assert 2.0 < carried["spacing_mm"][0] <= carried["spacing_mm"][1] < 5.0


def test_the_plan_of_the_paper_is_the_papers_protocol() -> None:
    plan = read_plan("paper", {})
    assert plan.steps * plan.batches.batch == 190_000 * 74
    assert build_network(plan.network, **plan.settings).count_params() == 6_714_369
    assert (plan.batches.lr_patch, plan.batches.scale) == (16, 2)


def test_a_change_within_a_table_leaves_the_rest_of_it() -> None:
    plan = read_plan("shipped/best", {})
    changed = read_plan("shipped/best", {"batches": {"batch": 64}, "loss": {"mae": 1.0}})
    assert changed.batches == dataclasses.replace(plan.batches, batch=64)
    assert (changed.settings, dict(changed.loss)) == (plan.settings, {"mae": 1.0})
    assert read_plan("shipped/best", {"settings": {"blocks": [1]}}).settings == {
        **plan.settings,
        "blocks": [1],
    }
    other = read_plan("shipped/best", {"network": "ResidualSR", "settings": {"blocks": 1}})
    assert dict(other.settings) == {"blocks": 1}


def test_a_short_training_comes_back_as_a_run(slices: Path, tmp_path: Path) -> None:
    changes = ["steps=8", "report_every=4", "warmup=2", "settings={filters=[8, 12], blocks=[1, 1]}"]
    changes += ["dtype_policy='float32'", "batches={batch=4, lr_patch=16}"]
    output = tmp_path / "trained.npz"
    command = [
        sys.executable,
        "-m",
        "studies.gpu.train",
        str(slices),
        "--plan",
        "shipped/best",
        "--output",
        str(output),
    ]
    command += [word for change in changes for word in ("--set", change)]
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiling takes longer than the eight steps
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    history = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["steps"] for row in history] == [4, 8]
    assert history[1]["seconds"] > history[0]["seconds"] > 0
    write_run(output, slices, tmp_path / "run")
    trained = load_model(tmp_path / "run")
    assert trained.info.trained_steps == 8
    assert trained.info.metrics["psnr_0.03"] == history[-1]["psnr"]["0.03"]
    result = np.asarray(trained.model(with_noise_level(images(1)[..., None], 0.02)))
    assert result.shape == (1, 64, 64, 1) and np.isfinite(result).all()


def test_the_training_on_an_accelerator_needs_no_tensorflow() -> None:
    script = "import sys, studies.gpu.train; assert 'tensorflow' not in sys.modules"
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)
