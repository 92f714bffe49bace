import pytest

from lfsr_tf.inference.cautions import (
    air_warnings,
    consistency_warnings,
    matrix_warnings,
    noise_warnings,
    rim_warning,
)
from lfsr_tf.inference.consistency import Ring
from lfsr_tf.inference.matrix import AcquiredMatrix
from lfsr_tf.inference.sidecar import NoiseReport
from lfsr_tf.inference.spectrum import AxisSpectrum

FULL = (AxisSpectrum(256, 256, "none"), AxisSpectrum(256, 256, "none"))
RIM = (AxisSpectrum(256, 196, "edge"), AxisSpectrum(256, 256, "none"))


def ring(chi_square: float | None, relative_difference: float = 0.02) -> Ring:
    return Ring(0.25, 0.375, 100, chi_square, relative_difference)


def test_a_rim_is_warned_of_with_both_axes_of_the_matrix_to_give() -> None:
    assert "Give --acquired-matrix 196x256" in str(rim_warning(RIM, (256, 256)))


def test_a_filled_spectrum_and_one_that_was_cut_already_are_not() -> None:
    assert rim_warning(FULL, (256, 256)) is None
    assert rim_warning(RIM, (196, 256)) is None
    assert rim_warning(RIM, (200, 256)) is None


def test_a_header_that_gives_fewer_samples_than_the_spectrum_shows_is_doubted() -> None:
    matrix = AcquiredMatrix((256, 256), (192, 256), "header", exact=False)
    assert any("--acquired-matrix full" in warning for warning in matrix_warnings(matrix, FULL))
    asked_for = AcquiredMatrix((256, 256), (192, 256), "option", exact=False)
    assert not any("full" in warning for warning in matrix_warnings(asked_for, FULL))


def test_a_cut_that_is_not_exact_is_said_to_smooth_the_noise() -> None:
    matrix = AcquiredMatrix((256, 256), (196, 256), "option", exact=False)
    (warning,) = matrix_warnings(matrix, RIM)
    assert "noise is smoother" in warning


def test_a_contradiction_names_its_ring_and_its_size() -> None:
    (warning,) = consistency_warnings([ring(1.0), ring(1.2), ring(9.0)])
    assert "chi-square 9 a sample between 0.25 and 0.375" in warning
    assert "2.0 %" in warning


def test_the_innermost_ring_is_not_warned_of_where_the_noise_is_known() -> None:
    assert list(consistency_warnings([ring(50.0, 0.9), ring(1.0, 0.9)])) == []


@pytest.mark.parametrize("differences", [(0.3, 0.1, 0.1), (0.1, 0.3, 0.1)])
def test_of_unknown_noise_a_large_difference_in_the_inner_rings_is_warned_of(
    differences: tuple[float, ...],
) -> None:
    (warning,) = consistency_warnings([ring(None, difference) for difference in differences])
    assert "differs from the measurement by 30.0 % between 0.25 and 0.375" in warning
    assert "at most 20 % are expected" in warning


def test_of_unknown_noise_a_difference_in_the_outer_rings_is_taken_for_noise() -> None:
    assert list(consistency_warnings([ring(None), ring(None), ring(None, 1.0)])) == []


def test_a_sign_is_warned_of_whether_air_was_seen_or_not() -> None:
    assert list(air_warnings(0.0)) == []
    (seen,), (unseen,) = air_warnings(-300.0), air_warnings(None)
    assert "air at -300" in seen and "taken off" in seen
    assert "none of them is seen to be air" in unseen
    assert all("the model knows magnitudes, whose air is 0" in warning for warning in (seen, unseen))


def noise(sigma: float | None, told: float | None, inside: bool | None) -> NoiseReport:
    return NoiseReport(sigma, sigma, "background", "background", 1, 1.0, told, (0.0, 0.08), inside)


@pytest.mark.parametrize(
    ("sigma", "told", "inside", "warned"),
    [
        (0.03, 0.03, True, []),
        (0.03, 0.08, True, []),
        (0.03, None, True, []),
        (0.03, 0.9, True, ["told a noise level of 0.9, outside of its training range, 0 to 0.08"]),
        (0.2, 0.2, False, ["Noise of 0.200"]),
        (0.2, 0.05, False, ["Noise of 0.200"]),
        (0.2, 0.9, False, ["Noise of 0.200", "told a noise level of 0.9, outside"]),
        (None, 0.9, None, ["unknown", "told a noise level of 0.9 of", "told a noise level of 0.9, outside"]),
    ],
)
def test_noise_and_a_told_level_outside_of_the_training_range_are_warned_of(
    sigma: float | None, told: float | None, inside: bool | None, warned: list[str]
) -> None:
    found = list(noise_warnings(noise(sigma, told, inside)))
    assert len(found) == len(warned)
    assert all(part in warning for part, warning in zip(warned, found, strict=True))
