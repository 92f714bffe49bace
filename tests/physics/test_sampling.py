"""Laws of the k-space crop, its adjoint, and of the resampling that is built on them."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics import (
    crop_kspace,
    fourier_downsample,
    image_to_kspace,
    measured_kspace,
    zero_fill,
    zero_fill_magnitude,
    zero_pad_kspace,
)
from lfsr_tf.physics.sampling import fourier_downsample_magnitude

SIZES = [
    ((8, 8), (4, 4)),
    ((9, 7), (4, 3)),
    ((9, 7), (5, 6)),
    ((12, 6), (5, 6)),
    ((7, 8), (7, 8)),
    ((5, 6), (1, 1)),
]


def random_complex(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def band_limited(positions_y, positions_x, highest, seed=0):
    """A real periodic function of two variables in [0, 1), with known Fourier coefficients."""
    rng = np.random.default_rng(seed)
    value = np.zeros((len(positions_y), len(positions_x)))
    for ky in range(-highest, highest + 1):
        for kx in range(-highest, highest + 1):
            phase = rng.uniform(0, 2 * np.pi)
            value += np.cos(2 * np.pi * (ky * positions_y[:, None] + kx * positions_x[None, :]) + phase)
    return value


@pytest.mark.parametrize(("full", "block"), SIZES)
def test_zero_padding_is_the_adjoint_of_the_crop(full, block):
    image, small = random_complex(2, *full, seed=1), random_complex(2, *block, seed=2)
    cropped, padded = crop_kspace(image, block), zero_pad_kspace(small, full)
    assert cropped.shape == small.shape
    assert padded.shape == image.shape
    np.testing.assert_allclose(np.vdot(cropped, small), np.vdot(image, padded), rtol=1e-12)


@pytest.mark.parametrize(("full", "block"), SIZES)
def test_crop_after_padding_is_the_identity(full, block):
    small = random_complex(2, *block)
    np.testing.assert_array_equal(crop_kspace(zero_pad_kspace(small, full), block), small)


@pytest.mark.parametrize(("full", "block"), SIZES)
def test_the_crop_keeps_the_centre_of_kspace_in_the_centre(full, block):
    kspace = np.zeros(full)
    kspace[full[0] // 2, full[1] // 2] = 1.0
    expected = np.zeros(block)
    expected[block[0] // 2, block[1] // 2] = 1.0
    np.testing.assert_array_equal(crop_kspace(tf.constant(kspace), block), expected)


@pytest.mark.parametrize(("full", "block"), SIZES)
def test_adjoint_of_the_scaled_operator_is_its_factor_times_zero_filling(full, block):
    """<A x, y> = <x, A* y>, where A* is c times the zero-filling of the orthonormal transform."""
    factor = np.sqrt(np.prod(block) / np.prod(full))
    image, small = random_complex(2, *full, seed=1), random_complex(2, *block, seed=2)
    forward = fourier_downsample(image, block)
    # zero_fill itself is scaled by 1 / c, so the orthonormal zero-filling is c times zero_fill.
    adjoint = factor * (factor * zero_fill(small, full).numpy())
    assert forward.shape == small.shape
    assert adjoint.shape == image.shape
    np.testing.assert_allclose(np.vdot(forward, small), np.vdot(image, adjoint), rtol=1e-11)


def test_the_factor_is_one_half_from_128_to_64():
    image = random_complex(128, 128)
    kspace = crop_kspace(image_to_kspace(image), (64, 64))
    assert np.linalg.norm(fourier_downsample(image, (64, 64))) == pytest.approx(np.linalg.norm(kspace) / 2)


@pytest.mark.parametrize(("full", "block"), SIZES)
def test_zero_filling_is_the_pseudo_inverse_of_the_downsampling(full, block):
    """The four Moore-Penrose conditions."""
    image, small = random_complex(*full, seed=1), random_complex(*block, seed=2)
    other_image, other_small = random_complex(*full, seed=3), random_complex(*block, seed=4)

    def forward(x):
        return fourier_downsample(x, block)

    def inverse(y):
        return zero_fill(y, full)

    np.testing.assert_allclose(forward(inverse(forward(image))), forward(image), atol=1e-11)
    np.testing.assert_allclose(inverse(forward(inverse(small))), inverse(small), atol=1e-11)
    np.testing.assert_allclose(
        np.vdot(inverse(forward(image)), other_image),
        np.vdot(image, inverse(forward(other_image))),
        rtol=1e-10,
    )
    np.testing.assert_allclose(
        np.vdot(forward(inverse(small)), other_small),
        np.vdot(small, forward(inverse(other_small))),
        rtol=1e-10,
    )


@pytest.mark.parametrize(("full", "block"), SIZES)
def test_constants_keep_their_value_both_ways(full, block):
    np.testing.assert_allclose(fourier_downsample(np.full(full, 3.5), block), np.full(block, 3.5), atol=1e-12)
    np.testing.assert_allclose(zero_fill(np.full(block, 3.5), full), np.full(full, 3.5), atol=1e-12)


@pytest.mark.parametrize(("old", "new"), [(61, 122), (64, 128), (63, 126), (50, 77)])
def test_zero_filling_interpolates_exactly_and_sample_0_stays_in_place(old, new):
    image = band_limited(np.arange(old) / old, np.arange(old) / old, 4)
    expected = band_limited(np.arange(new) / new, np.arange(new) / new, 4)
    np.testing.assert_allclose(zero_fill_magnitude(image, (new, new)), expected, atol=1e-9)
    assert zero_fill_magnitude(image, (new, new))[0, 0].numpy() == pytest.approx(image[0, 0])


@pytest.mark.parametrize(("old", "new"), [(126, 63), (128, 64), (61, 31), (100, 37)])
def test_downsampling_is_exact_for_what_fits_and_sample_0_stays_in_place(old, new):
    image = band_limited(np.arange(old) / old, np.arange(old) / old, 4)
    expected = band_limited(np.arange(new) / new, np.arange(new) / new, 4)
    np.testing.assert_allclose(fourier_downsample(image, (new, new)), expected, atol=1e-9)


def test_rectangles_keep_both_axes_in_place():
    image = band_limited(np.arange(61) / 61, np.arange(50) / 50, 3)
    expected = band_limited(np.arange(122) / 122, np.arange(75) / 75, 3)
    np.testing.assert_allclose(zero_fill_magnitude(image, (122, 75)), expected, atol=1e-9)


@pytest.mark.parametrize(("full", "block"), SIZES)
def test_kspace_of_real_images_equals_the_full_transform(full, block):
    image = random_complex(2, 3, *full).real
    expected = crop_kspace(image_to_kspace(image), block)
    np.testing.assert_allclose(measured_kspace(tf.constant(image), block), expected, atol=1e-13)


@pytest.mark.parametrize(("full", "block"), [*SIZES, ((12, 10), (6, 10)), ((6, 9), (6, 4)), ((8, 6), (2, 2))])
def test_real_images_are_downsampled_as_complex_ones_are(full, block):
    image = random_complex(2, 3, *full).real
    expected = fourier_downsample(tf.constant(image, tf.complex128), block).numpy()
    # At the edge of an even block +n is cut off and -n is not: the image is not real.
    cut = any(new % 2 == 0 and new < old for old, new in zip(full, block, strict=True))
    assert (np.abs(expected.imag).max() > 1e-3) == cut
    np.testing.assert_allclose(fourier_downsample(image, block), expected, atol=1e-13)
    np.testing.assert_allclose(fourier_downsample_magnitude(image, block), np.abs(expected), atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.int16, np.uint8])
def test_images_of_other_types_are_measured_in_single_precision(dtype):
    image = tf.constant(np.arange(48).reshape(6, 8).astype(dtype))
    kspace = measured_kspace(image, (3, 4))
    assert kspace.dtype == tf.complex64
    np.testing.assert_allclose(kspace, crop_kspace(image_to_kspace(image), (3, 4)), atol=1e-4)


@pytest.mark.parametrize(("full", "block"), SIZES)
def test_a_graph_with_unknown_shapes_agrees_with_eager(full, block):
    spec = tf.TensorSpec([None, None, None], tf.float64)
    graph = tf.function(lambda x: fourier_downsample(x, block), input_signature=[spec])
    back = tf.function(lambda x: zero_fill_magnitude(x, full), input_signature=[spec])
    image = random_complex(2, *full).real
    np.testing.assert_allclose(graph(image), fourier_downsample(image, block), atol=1e-13)
    small = random_complex(2, *block).real
    np.testing.assert_allclose(back(small), zero_fill_magnitude(small, full), atol=1e-13)


def test_a_block_larger_than_the_matrix_is_refused():
    with pytest.raises(ConfigError, match=r"Expected a block no larger.*\(4, 9\)"):
        fourier_downsample(np.ones((8, 8)), (4, 9))
    with pytest.raises(ConfigError, match="Expected a block no larger"):
        crop_kspace(tf.ones([8, 8]), (9, 4))
    with pytest.raises(ConfigError, match="Expected a matrix no smaller"):
        zero_fill(np.ones((8, 8)), (16, 7))
