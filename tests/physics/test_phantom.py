"""The phantom repeats, has one anatomy for all contrasts, and has what a brain scan has."""

import subprocess
import sys

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics import brain_phantom, random_anatomy

SHAPE = (96, 96, 10)
VIEW = (240.0, 240.0, 110.0)


def high_band_share(slices):
    """Share of the energy outside the central quarter of k-space."""
    kspace = np.fft.fftshift(np.fft.fft2(slices), axes=(-2, -1))
    power = np.abs(kspace) ** 2
    height, width = slices.shape[-2:]
    inner = power[..., height // 4 : height - height // 4, width // 4 : width - width // 4].sum()
    return 1.0 - inner / power.sum()


def test_the_same_seed_gives_the_same_bytes_in_another_process():
    code = (
        "import hashlib; from lfsr_tf.physics import brain_phantom;"
        "print(hashlib.sha256(brain_phantom(5, 'T1w', shape=(48, 48, 4))[0].tobytes()).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert len(runs[0].stdout) == 65
    assert runs[0].stdout == runs[1].stdout


def test_another_seed_gives_another_head():
    first, second = (brain_phantom(seed, "T2w", shape=SHAPE)[0] for seed in (1, 2))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.9


def test_voxels_are_finite_magnitudes_with_an_empty_background():
    voxels, spacing = brain_phantom(1, "FLAIR", shape=SHAPE)
    assert voxels.dtype == np.float32
    assert voxels.shape == SHAPE
    assert spacing == (2.5, 2.5, 11.0)
    assert voxels.min() == 0.0
    assert 500.0 < voxels.max() < 1500.0
    assert (voxels[:4] == 0.0).all()
    assert 0.2 < np.mean(voxels > 0.0) < 0.6


def test_fractions_are_shares_of_a_voxel_and_the_skull_is_closed():
    anatomy = random_anatomy(4, SHAPE, VIEW)
    total = sum(anatomy.fractions.values())
    assert total.min() >= 0.0
    assert total.max() <= 1.0 + 1e-5
    assert all(part.min() >= 0.0 for part in anatomy.fractions.values())
    brain = anatomy.fractions["white"] + anatomy.fractions["grey"]
    assert brain[0].max() == brain[-1].max() == brain[:, 0].max() == brain[:, -1].max() == 0.0


def test_proportions_are_those_of_an_adult_brain():
    for seed in range(3):
        anatomy = random_anatomy(seed, SHAPE, VIEW)
        litres = {name: part.sum() * 2.5 * 2.5 * 11.0 / 1e6 for name, part in anatomy.fractions.items()}
        assert 0.3 < litres["grey"] < 1.0
        assert 0.3 < litres["white"] < 0.9
        assert 0.01 < litres["deep_grey"] < 0.08
        assert 0.1 < litres["csf"] < 0.6


def test_lesions_come_now_and_then_and_lie_in_white_matter():
    volumes = [random_anatomy(seed, (48, 48, 10), VIEW).fractions["lesion"].sum() for seed in range(24)]
    assert 2 <= np.count_nonzero(volumes) <= 18


def test_all_contrasts_of_a_seed_share_one_anatomy():
    scans = {contrast: brain_phantom(7, contrast, shape=SHAPE)[0] for contrast in ("T1w", "T2w", "FLAIR")}
    fluid = random_anatomy(7, SHAPE, VIEW).fractions["csf"] > 0.99
    white = random_anatomy(7, SHAPE, VIEW).fractions["white"] > 0.99
    assert scans["T1w"][fluid].mean() < 0.5 * scans["T1w"][white].mean()
    assert scans["T2w"][fluid].mean() > 2.0 * scans["T2w"][white].mean()
    assert scans["FLAIR"][fluid].max() < 0.1 * scans["FLAIR"][white].mean()


def test_the_anatomy_is_the_same_at_any_matrix():
    fine = brain_phantom(3, "T1w", shape=(128, 128, 6))[0]
    coarse = brain_phantom(3, "T1w", shape=(64, 64, 6))[0]
    averaged = fine.reshape(64, 2, 64, 2, 6).mean(axis=(1, 3))
    assert np.corrcoef(averaged.ravel(), coarse.ravel())[0, 1] > 0.98


def test_the_cortex_is_folded_so_that_there_is_detail_to_recover():
    # Real scans at 128 x 128 have 0.026 to 0.046, smooth ellipses a tenth of it.
    slices = np.moveaxis(brain_phantom(2, "FLAIR", shape=(128, 128, 8))[0], 2, 0)
    assert 0.02 < high_band_share(slices[2:7]) < 0.06


def test_a_single_slice_is_drawn_too():
    assert np.mean(brain_phantom(0, "T1w", shape=(48, 48, 1))[0] > 0.0) > 0.2


def test_rectangular_and_odd_matrices_and_another_field_strength_work():
    voxels, spacing = brain_phantom(
        1, "T1w", shape=(65, 48, 3), field_of_view=(260.0, 240.0, 90.0), field_strength=1.5
    )
    assert voxels.shape == (65, 48, 3)
    assert spacing == (4.0, 5.0, 30.0)


def test_impossible_requests_are_refused():
    with pytest.raises(ConfigError, match="Expected a contrast"):
        brain_phantom(1, "T1", shape=SHAPE)
    with pytest.raises(ConfigError, match="Expected seed >= 0"):
        brain_phantom(-1, "T1w", shape=SHAPE)
    for shape in ((8, 96, 4), (32, 32), (32, 32, 3, 1), (32.0, 32, 3), (32, 32, 0)):
        with pytest.raises(ConfigError, match=r"^Expected seed >= 0 and at least 16 x 16 x 1 .*\.$"):
            brain_phantom(1, "T1w", shape=shape)
    with pytest.raises(ConfigError, match="Expected seed >= 0"):
        brain_phantom(1.5, "T1w", shape=SHAPE)
    for view in ((-1.0, 1.0, 1.0), (240.0, 240.0), (240.0, 0.0, 110.0), (float("nan"), 240.0, 110.0)):
        with pytest.raises(ConfigError, match=r"^Expected a field of view of three .*\.$"):
            brain_phantom(1, "T1w", shape=SHAPE, field_of_view=view)


def test_sizes_of_numpy_are_numbers_too():
    sizes = np.array([48, 48, 1])
    assert brain_phantom(np.int64(1), "T1w", shape=tuple(sizes))[0].shape == (48, 48, 1)
