"""Which k-space is an image: laws over sizes and sampled blocks, with NumPy's FFT as oracle."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lfsr_tf.errors import ScanError
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.kspace.sampling import check_mask, check_sampling

PATH = Path("a.h5")
SIZES = st.integers(16, 41)


def _object(height: int, width: int, coils: int = 2) -> np.ndarray:
    """Coil images [2, coils, H, W] of a head-like blob with structure and phase."""
    rng = np.random.default_rng(5)
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    head = np.exp(-4 * (rows**2 + columns**2)) * (1 + 0.2 * rng.random((height, width)))
    gains = np.exp(2j * rng.random((2, coils, 1, 1)))
    return head * gains * np.exp(1.5j * rows * columns)


def _kspace(images: np.ndarray) -> np.ndarray:
    shifted = np.fft.fft2(np.fft.ifftshift(images, axes=(2, 3)), norm="ortho")
    return np.fft.fftshift(shifted, axes=(2, 3)).astype(np.complex64)


@given(SIZES, SIZES, st.integers(1, 4))
def test_full_kspace_of_any_size_passes_without_a_note(height, width, coils):
    assert check_sampling(_kspace(_object(height, width, coils)), PATH) == ()


@pytest.mark.parametrize("size", [(17, 40), (32, 33), (31, 19)])
def test_odd_matrices_give_the_magnitude_of_the_object(hdf5_file, header_xml, size):
    images = _object(*size)
    spaces = {
        "encoded": (*size, 1),
        "recon": (*size, 1),
        "encoded_mm": (240, 240, 5),
        "recon_mm": (240, 240, 5),
    }
    path = hdf5_file(kspace=_kspace(images), ismrmrd_header=header_xml(**spaces, channels=2))
    np.testing.assert_allclose(read_scan(path).slices(), np.linalg.norm(images, axis=1), rtol=1e-4, atol=1e-5)


@given(st.sampled_from([2, 3]), SIZES, st.data())
def test_a_block_around_the_centre_passes_exactly_if_its_short_side_is_a_fifth_of_the_long_one(
    axis, size, data
):
    shape = (size, 24) if axis == 2 else (24, size)
    centre = size // 2
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    short, long = sorted((centre - first, last - centre))
    kspace = _kspace(_object(*shape))
    kept = (np.arange(size) >= first) & (np.arange(size) <= last)
    kspace *= kept[:, np.newaxis] if axis == 2 else kept
    if short >= 0.2 * long and short >= 0:
        notes = check_sampling(kspace, PATH)
        assert len(notes) == (long - short > 2)
        assert all(f"lines {first} to {last} of {size}" in note for note in notes)
    else:
        with pytest.raises(ScanError, match=r"both sides of its centre|centre in the middle"):
            check_sampling(kspace, PATH)


@pytest.mark.parametrize("kept", [5 / 8, 6 / 8, 7 / 8])
def test_what_passes_as_partial_fourier_is_nearer_to_the_object_than_half_of_kspace(kept):
    images = _object(64, 64)
    truth = np.linalg.norm(images, axis=1)

    def error(first):
        cut = _kspace(images) * (np.arange(64) >= first)
        zero_filled = np.fft.ifft2(np.fft.ifftshift(cut, axes=(2, 3)), norm="ortho")
        magnitude = np.linalg.norm(np.fft.fftshift(zero_filled, axes=(2, 3)), axis=1)
        return np.linalg.norm(magnitude - truth) / np.linalg.norm(truth)

    assert error(round(64 * (1 - kept))) < 0.1 < error(33)


@given(SIZES, st.data())
def test_an_empty_line_between_sampled_ones_is_refused_in_whatever_slice(width, data):
    kspace = _kspace(_object(24, width))
    line = data.draw(st.integers(1, width - 2))
    number = data.draw(st.integers(0, 1))
    kspace[number, :, :, line] = 0
    with pytest.raises(ScanError, match=rf"1 of {width} lines .* empty .* in slice {number}"):
        check_sampling(kspace, PATH)


@given(SIZES, SIZES, st.sampled_from([0.2, 0.5, 0.9]))
def test_samples_that_are_missing_here_and_there_are_told(height, width, missing):
    kspace, drawn = _kspace(_object(height, width)), np.random.default_rng(3)
    lost = drawn.random((height, width)) < missing
    lost[height // 2], lost[:, width // 2] = False, False
    (note,) = check_sampling(np.where(lost, 0, kspace), PATH)
    share = float(note.split("%")[0].split()[-1]) / 100
    assert note.startswith("Undersampled: ") and abs(share - missing) < 0.3


@given(SIZES, SIZES, st.integers(0, 3), st.sampled_from([0.95, 1.0]))
def test_elliptical_coverage_of_a_matrix_that_was_filled_up_is_no_undersampling(height, width, rim, radius):
    shape = height + 2 * rim, width + 2 * rim
    rows, columns = (np.arange(size) - size // 2 for size in shape)
    covered = np.hypot(rows[:, np.newaxis] / (height // 2), columns / (width // 2)) <= radius
    assert check_sampling(_kspace(_object(*shape)) * covered, PATH) == ()


def test_a_real_scan_with_an_eighth_of_its_samples_is_told_of(shared_data):
    (note,) = (
        note
        for note in read_scan(shared_data / "readers" / "brain8ch_fastmri_layout.h5").notes
        if note.startswith("Undersampled")
    )
    assert "% of the samples between" in note


def test_a_slice_or_a_coil_without_signal_is_no_gap():
    kspace = _kspace(_object(24, 20))
    kspace[0, 1] = 0
    assert check_sampling(kspace, PATH) == ()
    kspace[0] = 0
    assert check_sampling(kspace, PATH) == ()


@pytest.mark.parametrize("axes", [(2,), (3,), (2, 3)])
def test_kspace_with_its_centre_in_the_corner_is_refused(axes):
    with pytest.raises(ScanError, match="centre in the middle"):
        check_sampling(np.fft.ifftshift(_kspace(_object(32, 25)), axes=axes), PATH)


def test_white_noise_passes():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(12, 2, 32, 33)) + 1j * rng.normal(size=(12, 2, 32, 33))
    assert check_sampling(noise.astype(np.complex64), PATH) == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, complex(0, -np.inf)])
def test_lines_that_are_not_finite_are_counted(value):
    kspace = _kspace(_object(24, 20))
    kspace[1, :, :, 7] = value
    with pytest.raises(
        ScanError, match=r"48 of 1920 NaN or infinite .* slices: 1, rows: 24, columns: 1\. Export"
    ):
        check_sampling(kspace, PATH)


def test_a_measured_head_is_not_taken_for_a_fourier_encoded_volume(shared_data):
    scan = read_scan(shared_data / "train" / "msL01_study1_T2W.nii.gz")
    slices = scan.slices()[:, np.newaxis].astype(np.complex64)
    assert check_sampling(_kspace(slices), PATH) == ()
    with pytest.raises(ScanError, match="as in 3-D encoding"):
        check_sampling(np.fft.fft(_kspace(slices), axis=0).astype(np.complex64), PATH)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.arange(20) % 4 == 0, "keeps 5 of 20 lines"),
        (np.arange(24 * 20).reshape(24, 20) % 3 > 0, "keeps 320 of 480 samples"),
        (np.ones(99), "Received: 99"),
    ],
)
def test_a_mask_with_gaps_or_of_another_size_is_refused(mask, words):
    with pytest.raises(ScanError, match=words):
        check_mask(mask, (24, 20), PATH)


def test_a_mask_of_one_block_is_no_acceleration():
    check_mask(np.arange(20) > 5, (24, 20), PATH)
    check_mask(np.outer(np.arange(24) > 3, np.arange(20) > 5), (24, 20), PATH)
    check_mask(np.zeros(20), (24, 20), PATH)
