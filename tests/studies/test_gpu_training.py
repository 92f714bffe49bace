"""The training on JAX: its acquisition is the package's, and a short training comes back as a run."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.networks import build_network, load_model
from lfsr_tf.pairs import PairsConfig
from lfsr_tf.physics import AcquisitionConfig, simulate_acquisition
from lfsr_tf.scans import phantom_scan, write_scan
from studies.gpu.acquisition import acquire, smooth_phase
from studies.gpu.batches import BatchPlan, random_batch
from studies.gpu.carry import write_run, write_slices
from studies.gpu.train import read_plan

ROOT = Path(__file__).resolve().parents[2]


def images(count: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).random((count, size, size)).astype("float32")


@pytest.mark.parametrize("size", [16, 20, 31])
def test_without_noise_the_images_are_those_of_the_package(size: int) -> None:
    hr = images(3)
    ours = acquire(jax.random.key(0), jax.numpy.asarray(hr), jax.numpy.zeros(3), size)
    seeds = tf.zeros((3, 2), tf.int32)
    theirs = simulate_acquisition(tf.constant(hr), tf.zeros(3), seeds, (size, size), AcquisitionConfig())
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_the_noise_has_the_level_that_was_asked_for() -> None:
    flat = jax.numpy.ones((4, 64, 64))
    sigma = jax.numpy.array([0.0, 0.01, 0.02, 0.05])
    noisy = acquire(jax.random.key(1), flat, sigma, 32)
    np.testing.assert_allclose(np.asarray(noisy).std((1, 2)), sigma, rtol=0.1, atol=1e-6)


def test_a_phase_changes_the_magnitude_only_where_it_is_cut() -> None:
    hr = jax.numpy.asarray(images(2))
    assert np.ptp(smooth_phase(jax.random.key(0), 2, 32)) > 3
    whole = acquire(jax.random.key(0), hr, jax.numpy.zeros(2), 32, phase=True)
    np.testing.assert_allclose(whole, hr, atol=1e-5)
    assert (
        np.abs(acquire(jax.random.key(0), hr, jax.numpy.zeros(2), 16, phase=True) - _magnitude(hr)).max()
        > 0.01
    )


def _magnitude(hr: jax.Array) -> jax.Array:
    return acquire(jax.random.key(0), hr, jax.numpy.zeros(len(hr)), 16)


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
    plan, changed = read_plan("best", {}), read_plan("best", {"batches": {"batch": 64}, "loss": {"mae": 1.0}})
    assert changed.batches == dataclasses.replace(plan.batches, batch=64)
    assert (changed.settings, dict(changed.loss)) == (plan.settings, {"mae": 1.0})
    assert read_plan("best", {"settings": {"blocks": [1]}}).settings == {**plan.settings, "blocks": [1]}
    other = read_plan("best", {"network": "ResidualSR", "settings": {"blocks": 1}})
    assert dict(other.settings) == {"blocks": 1}


def test_a_short_training_comes_back_as_a_run(slices: Path, tmp_path: Path) -> None:
    changes = ["steps=8", "report=2", "warmup=2", "settings={filters=[8, 12], blocks=[1, 1]}"]
    changes += ["dtype_policy='float32'", "batches={batch=4, lr_patch=16, phase=true}"]
    output = tmp_path / "trained.npz"
    command = [
        sys.executable,
        "-m",
        "studies.gpu.train",
        str(slices),
        "--plan",
        "best",
        "--output",
        str(output),
    ]
    command += [word for change in changes for word in ("--set", change)]
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    history = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["steps"] for row in history] == [4, 8]
    assert history[1]["seconds"] > history[0]["seconds"] > 0
    write_run(output, slices, tmp_path / "run")
    trained = load_model(tmp_path / "run")
    assert trained.info.trained_steps == 8
    assert trained.info.metrics["psnr_0.03"] == history[-1]["psnr"]["0.03"]
    result = np.asarray(trained.model(images(1)[..., None]))
    assert result.shape == (1, 64, 64, 1) and np.isfinite(result).all()


def test_the_training_on_an_accelerator_needs_no_tensorflow() -> None:
    script = "import sys, studies.gpu.train; assert 'tensorflow' not in sys.modules"
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)
