"""A compressed frame may not be larger than its header says: decoders make room for what it says itself."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.dicom import pixels
from lfsr_tf.scans.dicom.codestream import stated_samples
from lfsr_tf.scans.dicom.read import read_dicom

Write = Callable[..., Path]
SYNTAXES = {"JPEG": JPEGBaseline8Bit, "JPEG2000": JPEG2000Lossless}


def compressed(kind: str, rows: int = 24, columns: int = 20, mode: str = "L") -> bytes:
    image, content = Image.new(mode, (columns, rows)), io.BytesIO()
    image.putpixel((3, 4), 255 if mode == "L" else (255, 0, 0))
    image.save(content, kind)
    written = content.getvalue()
    return written[written.index(b"\xff\x4f\xff\x51") :] if kind == "JPEG2000" else written


@pytest.mark.parametrize("kind", SYNTAXES)
@pytest.mark.parametrize(("mode", "components"), [("L", 1), ("RGB", 3)])
def test_the_size_that_a_codestream_states_is_read(kind: str, mode: str, components: int) -> None:
    assert stated_samples(compressed(kind, 33, 50, mode)) == 33 * 50 * components


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_the_size_of_real_frames_is_read(name: str) -> None:
    found = get_testdata_file(name, download=False)
    if found is None:
        pytest.skip(f"pydicom came without {name}")
    dataset = dcmread(str(found))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    assert stated_samples(frame) == dataset.Rows * dataset.Columns


def test_what_stands_before_the_size_is_passed_over() -> None:
    plain = compressed("JPEG")
    other = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 1, 1, 1)
    comment = b"\xff\xfe" + struct.pack(">H", len(other) + 2) + other
    assert stated_samples(plain[:2] + comment + b"junk\xff\xff" + plain[2:]) == 24 * 20


def test_of_a_jp2_file_the_largest_codestream_counts() -> None:
    small, large = compressed("JPEG2000", 16, 16), compressed("JPEG2000", 300, 200)
    assert stated_samples(b"\0\0\0\x0cjP  \r\n\x87\n" + small[:60] + large) == 300 * 200


@pytest.mark.parametrize(
    "frame", [b"", b"\xff\xd8", b"\xff\xd8\xff\xda", b"\xff\xd8\xff", b"plain", bytes(64)]
)
def test_a_frame_that_states_no_size(frame: bytes) -> None:
    assert stated_samples(frame) is None


@pytest.mark.parametrize("kind", SYNTAXES)
def test_frames_larger_than_the_header_says_are_never_decoded(
    write_series: Write, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def packed(side: int) -> Callable[[Dataset, int], None]:
        def pack(dataset: Dataset, number: int) -> None:
            dataset.file_meta.TransferSyntaxUID = SYNTAXES[kind]
            dataset.BitsAllocated = dataset.BitsStored = 8
            dataset.HighBit = 7
            dataset.add_new("PixelData", "OB", encapsulate([compressed(kind, side, side)]))
            dataset["PixelData"].is_undefined_length = True

        return pack

    square = np.zeros((2, 24, 24), np.uint8)
    assert read_dicom(write_series(square, name="sound", edit=packed(24)))[0].voxels.shape == (24, 24, 2)
    folder = write_series(square, name="larger", edit=packed(25))
    monkeypatch.setattr(pixels, "pixel_array", lambda *given, **options: pytest.fail("it was decoded"))
    with pytest.raises(ScanError, match=r"Expected frames of 576 pixels.*frame 1 is compressed from 625"):
        read_dicom(folder)
