"""DICOM that cannot be a scan: each is one line that says what was expected, received and what to do."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.dicom import pixels as dicom_pixels
from lfsr_tf.scans.dicom.read import find_series, is_dicom, read_dicom

Write = Callable[..., Path]


def refusal(path: Path) -> str:
    with pytest.raises(ScanError) as caught:
        read_dicom(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "Expected" in message and "Received" in message
    return message


def test_missing_path_is_named(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nothing.dcm")


def test_empty_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.dcm"
    path.touch()
    assert f"{path}, which is empty" in refusal(path)


def test_text_named_dcm_is_no_dicom(tmp_path: Path) -> None:
    path = tmp_path / "notes.dcm"
    path.write_text("These are notes, not an image. " * 20)
    assert "something else" in refusal(path)
    assert not is_dicom(path)


def test_folder_without_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    assert "holds none" in refusal(tmp_path)
    assert find_series(tmp_path) == []


@pytest.mark.parametrize("damage", [b"", b"not an image at all, only text " * 10])
def test_damaged_slice_in_a_series_is_named_even_at_its_end(write_series: Write, damage: bytes) -> None:
    folder = write_series()
    (folder / "004.dcm").write_bytes(damage)
    assert "004.dcm" in refusal(folder)


@pytest.mark.parametrize("fraction", np.linspace(0.05, 0.99, 24).tolist())
def test_series_truncated_anywhere_is_refused(write_series: Write, fraction: float) -> None:
    path = write_series() / "004.dcm"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    assert "004.dcm" in refusal(path.parent)


def test_series_truncated_within_its_class_is_refused(write_series: Write) -> None:
    path = write_series() / "004.dcm"
    data = path.read_bytes()
    for end in range(data.index(b"\x08\0\x16\0UI") + 8, data.index(b"\x08\0\x18\0UI"), 5):
        path.write_bytes(data[:end])
        assert "004.dcm" in refusal(path.parent)


@pytest.mark.parametrize("name", ["IM0005", "00000005", "MR.1.2.840.5"])
@pytest.mark.parametrize("length", [0, 100, 131])
def test_what_an_interrupted_copy_left_of_a_file_without_suffix_is_named(
    write_series: Write, name: str, length: int
) -> None:
    folder = write_series()
    last = folder / "004.dcm"
    (folder / name).write_bytes(last.read_bytes()[:length])
    last.unlink()
    assert name in refusal(folder)


@pytest.mark.parametrize("name", ["004.dcm", "IM0005"])
def test_a_link_to_a_slice_that_was_not_fetched_is_named(write_series: Write, name: str) -> None:
    folder = write_series()
    (folder / "004.dcm").unlink()
    (folder / name).symlink_to("../.git/annex/objects/absent")
    assert f"{name}, a link to a file that is not there" in refusal(folder)


def test_other_small_files_of_a_folder_are_let_be(write_series: Write) -> None:
    folder = write_series()
    for name in ("README", "notes2.txt", "Thumbs.db", ".DS_Store", "SERIES.json"):
        (folder / name).write_text("t1, 5 slices")
    (folder / "link").symlink_to("nowhere")
    assert read_dicom(folder)[0].voxels.shape == (20, 24, 5)


@pytest.mark.parametrize("fraction", np.linspace(0.01, 0.99, 24).tolist())
def test_multiframe_truncated_anywhere_is_refused(write_multiframe: Write, fraction: float) -> None:
    path = write_multiframe()
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    assert path.name in refusal(path)


def test_random_bytes_behind_the_mark_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.dcm"
    for seed in range(20):
        path.write_bytes(bytes(128) + b"DICM" + np.random.default_rng(seed).bytes(3000))
        refusal(path)


def test_an_rle_segment_of_too_many_pixels_is_refused_though_its_decoder_panics(write_series: Write) -> None:
    def overlong(dataset: Dataset, number: int) -> None:
        segment = b"\x81\x05" * (dataset.Rows * dataset.Columns // 128 + 2)
        frame = struct.pack("<16I", 2, 64, 64 + len(segment), *([0] * 13)) + 2 * segment
        dataset.file_meta.TransferSyntaxUID = RLELossless
        dataset.add_new("PixelData", "OB", encapsulate([frame]))

    assert "000.dcm, whose pixel data cannot be decoded" in refusal(write_series(edit=overlong))


@pytest.mark.parametrize("passing", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_is_no_fault_of_the_file_passes_the_decoder(
    write_series: Write, monkeypatch: pytest.MonkeyPatch, passing: type[BaseException]
) -> None:
    def interrupted(*arguments: object, **settings: object) -> None:
        raise passing

    monkeypatch.setattr(dicom_pixels, "pixel_array", interrupted)
    with pytest.raises(passing):
        read_dicom(write_series())


def test_a_class_that_cannot_be_read_is_named_where_there_is_no_image_size(write_series: Write) -> None:
    path = write_series() / "004.dcm"
    data = path.read_bytes()
    data = data[: data.index(b"\x28\0\x10\0US")].replace(b"\x02\0\x02\0UI", b"\x02\0\x02\0UM", 1)
    path.write_bytes(data)
    assert "004.dcm, with a value that cannot be read" in refusal(path.parent)


def test_dicom_without_pixel_data_is_named(write_series: Write) -> None:
    folder = write_series(edit=lambda dataset, number: dataset.__delitem__("PixelData"))
    assert "no pixel data" in refusal(folder)


def test_colour_image_is_refused(write_series: Write, pixels: np.ndarray) -> None:
    def colour(dataset: Dataset, number: int) -> None:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.add_new("PixelData", "OB", np.repeat(pixels[number] // 16, 3).astype(np.uint8).tobytes())

    assert "colour (RGB" in refusal(write_series(pixels, edit=colour))


def test_palette_image_is_refused(write_series: Write) -> None:
    def palette(dataset: Dataset, number: int) -> None:
        dataset.PhotometricInterpretation = "PALETTE COLOR"

    assert "colour (PALETTE COLOR" in refusal(write_series(edit=palette))


def test_another_modality_is_refused(write_series: Write) -> None:
    assert "modality CT" in refusal(
        write_series(edit=lambda dataset, number: setattr(dataset, "Modality", "CT"))
    )


def test_mosaic_is_refused(write_series: Write) -> None:
    def mosaic(dataset: Dataset, number: int) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]

    assert "mosaic" in refusal(write_series(edit=mosaic))


def test_phase_series_is_refused(write_series: Write) -> None:
    def phase(dataset: Dataset, number: int) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "P", "ND"]

    assert "phase images" in refusal(write_series(edit=phase))


def test_several_frames_outside_functional_groups_are_refused(write_multiframe: Write) -> None:
    def secondary_capture(dataset: Dataset) -> None:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7.3"

    assert "5 frames" in refusal(write_multiframe(edit=secondary_capture))


def test_multiframe_with_too_few_functional_groups_is_refused(write_multiframe: Write) -> None:
    def drop(dataset: Dataset) -> None:
        del dataset.PerFrameFunctionalGroupsSequence[-1]

    assert "4 per-frame functional groups" in refusal(write_multiframe(edit=drop))


def test_multiframe_without_place_is_refused(write_multiframe: Write) -> None:
    def drop(dataset: Dataset) -> None:
        del dataset.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence

    assert "ImagePositionPatient" in refusal(write_multiframe(edit=drop))


def test_mixed_series_are_named_with_what_to_do(write_series: Write) -> None:
    def second(dataset: Dataset, number: int) -> None:
        dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.SeriesDescription = (
            "1.2.3.4",
            9,
            "t2_tse_tra",
        )

    folder = write_series()
    write_series(edit=second, prefix="t2_")
    message = refusal(folder)
    assert "2 in" in message
    assert "4: t1_se_tra (5 files of subject-7)" in message
    assert "9: t2_tse_tra (5 files of subject-7)" in message
    assert "Give one file of the series" in message


def test_unreadable_transfer_syntax_says_what_to_install(write_series: Write) -> None:
    folder = write_series()
    for path in folder.iterdir():
        dataset = dcmread(path)
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG2, which no plugin decodes
        dataset["PixelData"].is_undefined_length = True
        dataset.PixelData = (
            b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00abcd\xfe\xff\xdd\xe0" + bytes(4)
        )
        dataset.save_as(path, enforce_file_format=True)
    assert "pip install 'lfsr_tf[dicom]'" in refusal(folder)
