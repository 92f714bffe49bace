"""K-space to magnitude, with NumPy as oracle, odd and rectangular sizes included."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lfsr_tf.scans.kspace.reconstruction import centred_extent, reconstruct, root_sum_of_squares

SIZES = [(32, 32), (33, 20), (20, 33), (31, 17)]


def _centred(transform, array):
    shifted = transform(np.fft.ifftshift(array, axes=(-2, -1)), norm="ortho")
    return np.fft.fftshift(shifted, axes=(-2, -1))


def _coil_images(*shape):
    rng = np.random.default_rng(7)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


@pytest.mark.parametrize("size", SIZES)
def test_the_magnitude_is_the_root_sum_of_squares_of_the_coil_images(size):
    images = _coil_images(3, 4, *size)
    result = reconstruct(_centred(np.fft.fft2, images).astype(np.complex64), size)
    expected = np.sqrt((np.abs(images) ** 2).sum(axis=1))
    np.testing.assert_allclose(result.magnitude, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("size", "keep"), [((64, 40), (32, 40)), ((64, 41), (31, 20)), ((33, 20), (16, 20))])
def test_oversampling_is_cut_off_in_image_space(size, keep):
    images = _coil_images(2, 3, *size)
    result = reconstruct(_centred(np.fft.fft2, images).astype(np.complex64), keep)
    top, left = (size[0] - keep[0]) // 2, (size[1] - keep[1]) // 2
    inside = images[..., top : top + keep[0], left : left + keep[1]]
    np.testing.assert_allclose(result.magnitude, np.linalg.norm(inside, axis=1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(_centred(np.fft.ifft2, result.kspace), inside, rtol=1e-3, atol=1e-5)
    assert result.centre == (size[0] // 2 - top, size[1] // 2 - left)


def test_zeros_around_the_acquired_block_are_found():
    kspace = np.zeros((2, 1, 64, 64), np.complex64)
    kspace[..., 32 - 20 : 32 + 20, 32 - 16 : 32 + 17] = 1
    assert reconstruct(kspace, (64, 64)).acquired == (40, 33)


def test_the_acquired_share_stays_when_the_field_of_view_is_halved():
    kspace = np.zeros((1, 1, 64, 64), np.complex64)
    kspace[..., 32 - 20 : 32 + 20, :] = 1
    assert reconstruct(kspace, (32, 64)).acquired == (20, 64)


@given(st.integers(1, 80), st.data())
def test_a_centred_block_has_its_own_extent(size, data):
    block = data.draw(st.integers(1, size))
    sampled = np.zeros(size, bool)
    start = size // 2 - block // 2
    sampled[start : start + block] = True
    # One line less than the matrix counts as all of it.
    assert centred_extent(sampled) == (size if block == size - 1 else block)


def test_kspace_without_any_sample_counts_as_full():
    assert centred_extent(np.zeros(9, bool)) == 9


def test_one_coil_gives_the_plain_magnitude():
    images = _coil_images(1, 8, 9)
    np.testing.assert_allclose(root_sum_of_squares(images, axis=0), np.abs(images[0]), rtol=1e-6)
