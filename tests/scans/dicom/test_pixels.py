"""Stored values become the scanner's units, whatever their sign, bits, slope or transfer syntax."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.dicom.read import read_dicom

Write = Callable[..., Path]


def voxels(path: Path) -> np.ndarray:
    return read_dicom(path)[0].voxels


def test_unsigned_pixels_are_read_as_they_are(write_series: Write, pixels: np.ndarray) -> None:
    np.testing.assert_array_equal(voxels(write_series(pixels)), pixels.transpose(2, 1, 0))


def test_signed_pixels_keep_their_sign(write_series: Write, pixels: np.ndarray) -> None:
    signed = pixels.astype(np.int16) - 1500
    np.testing.assert_array_equal(voxels(write_series(signed)), signed.transpose(2, 1, 0))


def test_each_slice_has_its_own_slope_and_intercept(write_series: Write, pixels: np.ndarray) -> None:
    def scaled(dataset: Dataset, number: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 0.5 * (number + 1), -number

    expected = pixels * (0.5 * np.arange(1, 6))[:, None, None] - np.arange(5)[:, None, None]
    np.testing.assert_allclose(
        voxels(write_series(pixels, edit=scaled)), expected.transpose(2, 1, 0), rtol=1e-6
    )


def test_each_frame_has_its_own_slope(write_multiframe: Write, pixels: np.ndarray) -> None:
    def scaled(dataset: Dataset) -> None:
        for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            frame.PixelValueTransformationSequence[0].RescaleSlope = number + 1

    expected = pixels * np.arange(1, 6)[:, None, None]
    np.testing.assert_array_equal(
        voxels(write_multiframe(pixels[None], edit=scaled)), expected.transpose(2, 1, 0)
    )


def test_monochrome1_is_turned_so_that_air_is_dark(write_series: Write, pixels: np.ndarray) -> None:
    def inverted(dataset: Dataset, number: int) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"

    scan = read_dicom(write_series(pixels, edit=inverted))[0]
    np.testing.assert_array_equal(scan.voxels, (pixels.max() - pixels).transpose(2, 1, 0))
    assert "MONOCHROME1" in scan.notes[0]


def test_bits_above_those_stored_are_ignored(write_series: Write, pixels: np.ndarray) -> None:
    def twelve_bits_with_overlay(dataset: Dataset, number: int) -> None:
        dataset.BitsStored, dataset.HighBit = 12, 11
        dataset.add_new("PixelData", "OW", (pixels[number] | 0x8000).astype("<u2").tobytes())

    np.testing.assert_array_equal(
        voxels(write_series(pixels, edit=twelve_bits_with_overlay)), pixels.transpose(2, 1, 0)
    )


def test_bytes_behind_the_pixel_data_are_left_out(write_series: Write, pixels: np.ndarray) -> None:
    folder = write_series(pixels)
    with (folder / "000.dcm").open("ab") as stream:
        stream.write(pixels[1:].tobytes())
    scan = read_dicom(folder)[0]
    np.testing.assert_array_equal(scan.voxels, pixels.transpose(2, 1, 0))


def test_file_without_preamble_is_read(write_series: Write, pixels: np.ndarray) -> None:
    folder = write_series(pixels)
    for path in folder.iterdir():
        dataset = dcmread(path)
        dataset.file_meta.clear()
        dataset.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
        path.write_bytes(path.read_bytes().removeprefix(bytes(128) + b"DICM"))
    np.testing.assert_array_equal(voxels(folder), pixels.transpose(2, 1, 0))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_other_little_endian_syntaxes_give_the_same_voxels(
    write_series: Write, pixels: np.ndarray, syntax: str
) -> None:
    def other(dataset: Dataset, number: int) -> None:
        dataset.file_meta.TransferSyntaxUID = syntax

    np.testing.assert_array_equal(voxels(write_series(pixels, edit=other)), pixels.transpose(2, 1, 0))


def test_big_endian_gives_the_same_voxels(write_series: Write, pixels: np.ndarray) -> None:
    def swapped(dataset: Dataset, number: int) -> None:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        dataset.add_new("PixelData", "OW", pixels[number].astype(">u2").tobytes())

    np.testing.assert_array_equal(voxels(write_series(pixels, edit=swapped)), pixels.transpose(2, 1, 0))


def test_compressed_series_gives_the_same_voxels(write_series: Write, pixels: np.ndarray) -> None:
    folder = write_series(pixels)
    for path in folder.iterdir():
        dataset = dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    np.testing.assert_array_equal(voxels(folder), pixels.transpose(2, 1, 0))


@pytest.mark.parametrize(
    "name", ["RLE", "jp2klossless", "jpeg_ls_lossless", "bigendian", "implicit", "padded"]
)
def test_pydicoms_samples_of_one_slice_agree_in_every_syntax(tmp_path: Path, name: str) -> None:
    folders = []
    for sample in ("MR_small.dcm", f"MR_small_{name}.dcm"):
        folders.append(tmp_path / sample)
        folders[-1].mkdir()
        found = get_testdata_file(sample, download=False)
        if found is None:
            pytest.skip(f"pydicom came without {sample}")
        (folders[-1] / sample).write_bytes(Path(str(found)).read_bytes())
    np.testing.assert_array_equal(voxels(folders[0]), voxels(folders[1]))


def test_missing_decoder_says_what_to_install(
    write_series: Write, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_series(pixels)
    for path in folder.iterdir():
        dataset = dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    monkeypatch.setattr(get_decoder(RLELossless), "_available", {})
    with pytest.raises(ScanError, match=r"RLE Lossless.*pip install .lfsr_tf\[dicom\]"):
        read_dicom(folder)
