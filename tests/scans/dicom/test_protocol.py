"""What headers say of contrast and acquired matrix."""

import pytest
from pydicom.dataset import Dataset

from lfsr_tf.scans.dicom.protocol import (
    Timing,
    acquired_matrix_classic,
    acquired_matrix_enhanced,
    contrast_of,
)


@pytest.mark.parametrize(
    ("text", "contrast"),
    [
        ("anat-T1w_acq-tfl", "T1w"),
        ("t1_mprage_sag_p2_iso", "T1w"),
        ("eT1W_3D_TFE", "T1w"),
        ("Axial T1 FLAIR", "T1w"),
        ("Ax T2 FLAIR", "FLAIR"),
        ("t2_tirm_tra_dark-fluid", "FLAIR"),
        ("T2W_TSE", "T2w"),
        ("FSE PD AXIAL OBL", "PD"),
        ("T2* GRE", "unknown"),
        ("ep2d_bold", "unknown"),
    ],
)
def test_series_description_names_the_contrast(text: str, contrast: str) -> None:
    assert contrast_of([text], Timing()) == contrast


@pytest.mark.parametrize(
    ("timing", "contrast"),
    [
        (Timing(echo=15, repetition=500), "T1w"),
        (Timing(echo=2.4, repetition=1800, inversion=900), "T1w"),
        (Timing(echo=100, repetition=4000), "T2w"),
        (Timing(echo=20, repetition=2500), "PD"),
        (Timing(echo=120, repetition=9000, inversion=2500), "FLAIR"),
        (Timing(echo=50, repetition=1500), "unknown"),
        (Timing(echo=50), "unknown"),
    ],
)
def test_timing_decides_where_the_name_is_silent(timing: Timing, contrast: str) -> None:
    assert contrast_of(["axial"], timing) == contrast


def test_echo_of_a_series_named_for_both_decides_by_its_timing() -> None:
    assert contrast_of(["PD/T2 dual echo"], Timing(echo=90, repetition=3000)) == "T2w"
    assert contrast_of(["PD/T2 dual echo"], Timing(echo=20, repetition=3000)) == "PD"


def image(**values: object) -> Dataset:
    dataset = Dataset()
    dataset.Rows, dataset.Columns = 256, 320
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("matrix", "direction", "expected"),
    [
        # Phase along a column: 200 frequency samples along each row, 160 phase steps down the column.
        ([200, 0, 0, 160], "COL", (200, 160)),
        # Phase along a row: 200 frequency samples down the column.
        ([0, 200, 160, 0], "ROW", (160, 200)),
        ([200, 0, 0, 160], "", (200, 160)),
        # More than the image has: nothing was interpolated.
        ([512, 0, 0, 200], "COL", (320, 200)),
        # Zeros that contradict the direction.
        ([200, 0, 0, 160], "ROW", None),
        ([0, 0, 0, 0], "ROW", None),
        ([200, 160], "ROW", None),
        (None, "ROW", None),
    ],
)
def test_acquisition_matrix_is_given_in_the_order_of_the_scans_axes(
    matrix: list[int] | None, direction: str, expected: tuple[int, int] | None
) -> None:
    dataset = image(AcquisitionMatrix=matrix, InPlanePhaseEncodingDirection=direction)
    assert acquired_matrix_classic(dataset) == expected


@pytest.mark.parametrize(
    ("direction", "expected"), [("ROW", (160, 200)), ("COLUMN", (200, 160)), ("OTHER", None)]
)
def test_multiframe_matrix_follows_the_phase_direction(
    direction: str, expected: tuple[int, int] | None
) -> None:
    geometry = Dataset()
    geometry.MRAcquisitionFrequencyEncodingSteps, geometry.MRAcquisitionPhaseEncodingStepsInPlane = 200, 160
    geometry.InPlanePhaseEncodingDirection = direction
    assert acquired_matrix_enhanced(image(), geometry) == expected


def test_multiframe_without_encoding_steps_has_no_matrix() -> None:
    assert acquired_matrix_enhanced(image(), Dataset()) is None
