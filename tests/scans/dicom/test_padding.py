"""Pixels that are padding by the header are no signal: they are as dark as air."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from lfsr_tf.errors import ScanError
from lfsr_tf.physics.intensity import reference_intensity
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.dicom.read import read_dicom
from lfsr_tf.scans.dicom.write import write_dicom
from lfsr_tf.scans.scan import Scan
from tests.scans.dicom.derived import headers

Write = Callable[..., Path]


def outside() -> np.ndarray:
    """bool [24, 20]: the corners outside of a circle."""
    rows, columns = np.ogrid[-1:1:24j, -1:1:20j]
    return rows**2 + columns**2 > 1


def marked(
    value: int, limit: int | None = None, slope: float = 1.0, intercept: float = 0.0
) -> Callable[..., None]:
    def mark(dataset: Dataset, number: int = 0) -> None:
        vr = "SS" if dataset.PixelRepresentation else "US"
        dataset.add_new("PixelPaddingValue", vr, value)
        if limit is not None:
            dataset.add_new("PixelPaddingRangeLimit", vr, limit)
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept

    return mark


def expected(pixels: np.ndarray, low: float = 0.0) -> np.ndarray:
    return np.where(outside(), low, pixels).astype(np.float32).transpose(2, 1, 0)


@pytest.mark.parametrize(("value", "kind"), [(-2000, np.int16), (63536, np.uint16)])
@pytest.mark.parametrize("form", ["series", "multiframe"])
def test_padding_of_a_magnitude_becomes_0(
    write_series: Write, write_multiframe: Write, pixels: np.ndarray, value: int, kind: type, form: str
) -> None:
    stored = np.where(outside(), value, pixels).astype(kind)
    if form == "series":
        path = write_series(stored, edit=marked(value))
    else:
        path = write_multiframe(stored[None], edit=marked(value))
    scan = read_dicom(path)[0]
    np.testing.assert_array_equal(scan.voxels, expected(pixels))
    count = pixels.shape[0] * np.count_nonzero(outside())
    assert scan.notes == (
        f"{count} of {pixels.size} pixels are padding by the header; they were made as dark as air.",
    )


@pytest.mark.parametrize(("value", "limit"), [(-2000, -1900), (-1900, -2000)])
def test_a_range_of_padding_is_taken_before_rescaling(
    write_series: Write, pixels: np.ndarray, value: int, limit: int
) -> None:
    spread = np.random.default_rng(5).integers(-2000, -1899, pixels.shape)
    stored = np.where(outside(), spread, pixels).astype(np.int16)
    scan = read_dicom(write_series(stored, edit=marked(value, limit, slope=0.5, intercept=7.0)))[0]
    np.testing.assert_array_equal(scan.voxels, expected(pixels * 0.5 + 7))


def test_padding_of_a_signed_image_becomes_its_smallest_value(
    write_series: Write, pixels: np.ndarray
) -> None:
    stored = np.where(outside(), -32768, pixels.astype(np.int16) - 1500).astype(np.int16)
    scan = read_dicom(write_series(stored, edit=marked(-32768)))[0]
    smallest = float((pixels.astype(int) - 1500)[:, ~outside()].min())
    np.testing.assert_array_equal(scan.voxels, expected(pixels.astype(int) - 1500, smallest))


def test_a_value_in_the_other_sign_is_the_same_padding(write_series: Write, pixels: np.ndarray) -> None:
    def unsigned(dataset: Dataset, number: int) -> None:
        dataset.add_new("PixelPaddingValue", "US", 63536)

    stored = np.where(outside(), -2000, pixels).astype(np.int16)
    np.testing.assert_array_equal(read_dicom(write_series(stored, edit=unsigned))[0].voxels, expected(pixels))


def test_padding_without_a_type_of_its_own_is_read_by_the_pixels(
    write_series: Write, pixels: np.ndarray
) -> None:
    def implicit(dataset: Dataset, number: int) -> None:
        marked(-2000)(dataset)
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian

    stored = np.where(outside(), -2000, pixels).astype(np.int16)
    np.testing.assert_array_equal(read_dicom(write_series(stored, edit=implicit))[0].voxels, expected(pixels))


def test_padding_of_mirrored_pixels_is_dark_too(write_series: Write, pixels: np.ndarray) -> None:
    def inverted(dataset: Dataset, number: int) -> None:
        marked(0)(dataset)
        dataset.PhotometricInterpretation = "MONOCHROME1"

    stored = np.where(outside(), 0, pixels).astype(np.uint16)
    scan = read_dicom(write_series(stored, edit=inverted))[0]
    largest = int(pixels[:, ~outside()].max())
    np.testing.assert_array_equal(scan.voxels, expected(largest - pixels.astype(int)))


def test_padding_of_0_is_air_already_and_not_worth_a_word(write_series: Write, pixels: np.ndarray) -> None:
    stored = np.where(outside(), 0, pixels).astype(np.uint16)
    scan = read_dicom(write_series(stored, edit=marked(0)))[0]
    np.testing.assert_array_equal(scan.voxels, expected(pixels))
    assert scan.notes == ()


def test_only_the_files_that_name_padding_have_it(write_series: Write, pixels: np.ndarray) -> None:
    def later(dataset: Dataset, number: int) -> None:
        if number == 3:
            marked(-2000)(dataset)

    stored = pixels.astype(np.int16)
    stored[2:4, 3, 3] = -2000
    voxels = read_dicom(write_series(stored, edit=later))[0].voxels
    assert voxels.min() == voxels[3, 3, 2] == voxels[3, 3, 3] == -2000


@pytest.mark.parametrize(
    "elements",
    [
        [("PixelPaddingValue", "OB", b"ab")],
        [("PixelPaddingValue", "LO", "none")],
        [("PixelPaddingValue", "US", 60000), ("PixelPaddingRangeLimit", "US", 0)],
        [("PixelPaddingRangeLimit", "US", 0)],
    ],
)
def test_padding_that_makes_no_sense_is_none(
    write_series: Write, pixels: np.ndarray, elements: list[tuple[str, str, object]]
) -> None:
    def odd(dataset: Dataset, number: int) -> None:
        for keyword, representation, value in elements:
            dataset.add_new(keyword, representation, value)

    scan = read_dicom(write_series(pixels.astype(np.uint16), edit=odd))[0]
    np.testing.assert_array_equal(scan.voxels, pixels.astype(np.float32).transpose(2, 1, 0))


def test_a_series_of_padding_alone_is_no_image(write_series: Write, pixels: np.ndarray) -> None:
    path = write_series(np.full(pixels.shape, -2000, np.int16), edit=marked(-2000))
    with pytest.raises(ScanError, match="every voxel is 0"):
        read_scan(path)


def test_padding_tells_in_no_unit_and_no_window(
    write_series: Write, pixels: np.ndarray, tmp_path: Path
) -> None:
    plain: Scan = read_dicom(write_series(np.where(outside(), 0, pixels).astype(np.uint16), name="plain"))[0]
    stored = np.where(outside(), 63536, pixels).astype(np.uint16)
    padded = read_dicom(write_series(stored, name="padded", edit=marked(63536)))[0]
    assert reference_intensity(padded.slices()) == reference_intensity(plain.slices())
    write_dicom(plain, tmp_path / "a")
    write_dicom(padded, tmp_path / "b")
    for first, second in zip(headers(tmp_path / "a"), headers(tmp_path / "b"), strict=True):
        assert (first.WindowCenter, first.WindowWidth) == (second.WindowCenter, second.WindowWidth)
        assert "PixelPaddingValue" not in second and "PixelPaddingRangeLimit" not in second
        assert first.PixelData == second.PixelData
