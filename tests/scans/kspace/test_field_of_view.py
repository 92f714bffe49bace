"""Oversampling and pixel sizes, as fastMRI's and M4Raw's headers state them."""

import pytest

from lfsr_tf.scans.kspace.field_of_view import image_geometry, kspace_geometry
from lfsr_tf.scans.kspace.ismrmrd_header import EncodingSpace, IsmrmrdHeader, PhaseLines


def _header(encoded, encoded_mm, recon, recon_mm, lines=None):
    return IsmrmrdHeader(EncodingSpace(encoded, encoded_mm), EncodingSpace(recon, recon_mm), lines)


BRAIN = _header((640, 320, 1), (440, 220, 7.5), (320, 320, 1), (220, 220, 5))
KNEE = _header((640, 372, 1), (280, 162.818, 4.5), (320, 320, 1), (140, 140, 3))
M4RAW = _header((256, 256, 1), (240, 240, 5), (256, 256, 1), (240, 240, 5))


@pytest.mark.parametrize(
    ("header", "shape", "kept", "spacing", "thickness"),
    [
        (BRAIN, (640, 320), (320, 320), (0.6875, 0.6875), 5),
        (KNEE, (640, 372), (320, 320), (0.4375, 0.4377), 3),
        (M4RAW, (256, 256), (256, 256), (0.9375, 0.9375), 5),
        # The readout oversampling was removed by whoever wrote the file.
        (BRAIN, (320, 320), (320, 320), (0.6875, 0.6875), 5),
        # Fewer phase-encoding lines over the same field of view: larger pixels, nothing cut.
        (BRAIN, (640, 213), (320, 213), (0.6875, 220 / 213), 5),
        # The scanner interpolated its own reconstruction: the matrix is larger than k-space has pixels for.
        (
            _header((256, 128, 1), (480, 240, 6), (256, 256, 1), (240, 240, 6)),
            (256, 128),
            (128, 128),
            (480 / 256, 240 / 128),
            6,
        ),
    ],
)
def test_kspace_is_cut_to_the_field_of_view_of_the_reconstruction(header, shape, kept, spacing, thickness):
    geometry = kspace_geometry(shape, header)
    assert geometry.shape == kept
    assert geometry.spacing == pytest.approx(spacing, rel=1e-3)
    assert geometry.slice_spacing == thickness


def test_a_file_that_puts_the_phase_encoding_first_is_recognised_by_its_sizes():
    geometry = kspace_geometry((320, 640), BRAIN)
    assert geometry.shape == (320, 320)


def test_three_dimensional_encoding_gives_the_distance_of_partitions():
    header = _header((256, 256, 64), (256, 256, 128), (256, 256, 64), (256, 256, 128))
    assert kspace_geometry((256, 256), header).slice_spacing == 2


def test_a_stored_reconstruction_covers_the_field_of_view_of_the_reconstruction():
    geometry = image_geometry((320, 320), BRAIN)
    assert geometry.spacing == (0.6875, 0.6875)
    assert geometry.acquired == (320, 320)


def test_a_zero_filled_reconstruction_says_what_was_acquired():
    lines = PhaseLines(0, 194, 97)
    header = _header((256, 256, 1), (240, 240, 5), (256, 256, 1), (240, 240, 5), lines)
    assert image_geometry((256, 256), header).acquired == (256, 195)


def test_the_acquired_lines_lie_along_the_phase_encoding_wherever_that_stands():
    lines = PhaseLines(0, 194, 97)
    header = _header((256, 320, 1), (240, 300, 5), (256, 320, 1), (240, 300, 5), lines)
    assert image_geometry((256, 320), header).acquired == (256, 195)
    assert image_geometry((320, 256), header).acquired == (195, 256)


def test_without_a_header_pixels_are_one_millimetre():
    for geometry in (kspace_geometry((20, 30), None), image_geometry((20, 30), None)):
        assert (geometry.shape, geometry.spacing, geometry.slice_spacing) == ((20, 30), (1.0, 1.0), 1.0)
        assert geometry.acquired is None
