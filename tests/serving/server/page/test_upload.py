"""Files of every kind and quality: read by their suffix, bounded, refused without a word about whose."""

import base64
import gzip
import io
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from lfsr_tf.errors import OutputError
from lfsr_tf.scans.reading import READERS
from lfsr_tf.serving.server.page.scratch import ScratchFolder
from lfsr_tf.serving.server.page.upload import opened
from tests.serving.server.page.calls import dicom, enhance, picture, png, refusal


@pytest.fixture
def grey() -> np.ndarray:
    """A smooth picture of 40 x 48 levels, not the same in any mirror."""
    rows, columns = np.mgrid[0:40, 0:48]
    return (120 + 90 * np.sin(rows / 9) * np.cos(columns / 7 + 1) + rows).clip(0, 255).astype(np.uint8)


@pytest.fixture
def scratch(tmp_path: Path) -> ScratchFolder:
    """A folder of the server's own, as it is when the server starts."""
    (tmp_path / "scratch").mkdir(mode=0o700)
    return ScratchFolder(tmp_path / "scratch")


def test_a_grey_picture_comes_back_with_16_bits_and_the_same_white(
    client: httpx.Client, grey: np.ndarray
) -> None:
    found = enhance(client, "Bild von mir.PNG", png(grey)).json()
    assert (found["slices"], found["edges"], found["aspect"]) == (1, None, 1.2)
    assert found["file"]["name"] == "Bild_von_mir_sr.png"
    result = Image.open(io.BytesIO(base64.b64decode(found["file"]["base64"])))
    levels = np.asarray(result)
    assert (result.mode, levels.shape) == ("I;16", (80, 96))
    assert levels.mean() / 65_535 == pytest.approx(grey.mean() / 255, rel=0.02)
    assert picture(found["lr"][0]).shape == grey.shape
    assert not any("training range" in warning for warning in found["warnings"])


def test_a_16_bit_picture_keeps_its_levels(client: httpx.Client, grey: np.ndarray) -> None:
    deep = grey.astype(np.uint16) * 100
    found = enhance(client, "deep.png", png(deep)).json()
    levels = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["file"]["base64"]))))
    assert levels.mean() == pytest.approx(deep.mean(), rel=0.02)


def test_a_colour_picture_is_enhanced_in_grey_with_a_word_about_it(
    client: httpx.Client, grey: np.ndarray
) -> None:
    colours = np.stack([grey, grey // 2, 255 - grey], axis=2)
    found = enhance(client, "photo.jpeg", png(colours, "JPEG")).json()
    assert any("colours" in warning for warning in found["warnings"])
    neutral = enhance(client, "photo.png", png(np.stack([grey] * 3, axis=2))).json()
    assert not any("colours" in warning for warning in neutral["warnings"])


def test_a_transparent_picture_stands_on_black(client: httpx.Client, grey: np.ndarray) -> None:
    alpha = np.where(np.arange(48) < 24, 255, 0) * np.ones((40, 1), int)
    layers = np.stack([grey, grey, grey, alpha.astype(np.uint8)], axis=2)
    shown = picture(enhance(client, "cut.png", png(layers)).json()["lr"][0])
    assert shown[:, 24:].max() == 0 < shown[:, :24].min()


@pytest.mark.parametrize("name", ["IM0001.dcm", "IM0001"])
def test_one_dicom_file_is_hung_as_on_a_workstation(
    client: httpx.Client, grey: np.ndarray, name: str
) -> None:
    found = enhance(client, name, dicom(grey)).json()
    white = found["window"]
    np.testing.assert_array_equal(picture(found["lr"][0]), np.round((grey / white).clip(0, 1) * 255))
    assert found["aspect"] == pytest.approx(48 * 3.0 / (40 * 2.5))
    assert (found["edges"], found["file"]["name"]) == (["A", "L", "P", "R"], "IM0001_sr.nii.gz")


def test_a_file_without_suffix_is_taken_when_it_begins_as_dicom(client: httpx.Client) -> None:
    message = refusal(client, "IM000001", b"\0" * 128 + b"DICM" + b"\0" * 50)
    assert "DICOM" in message


@pytest.mark.parametrize("name", ["letter.docx", "scan", "", "x.nii.gz.exe", "..", "a/b", "scan.gz"])
def test_another_kind_of_file_is_refused(client: httpx.Client, name: str) -> None:
    message = refusal(client, name, b"nothing")
    assert message.startswith("Expected a scan (.nii")
    for suffix in (*(each for reader in READERS for each in reader.suffixes), ".png", ".jpg"):
        assert f"{suffix}," in message or f"{suffix})" in message


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd.nii", "passwd"),
        ("C:\\Users\\me\\sub 01.nii.gz", "sub_01"),
        ("/.nii", "scan"),
        ("..%2f.hidden\0\r\n.nii", "2f.hidden"),
        ("Schädel.NII.GZ", "Schädel"),
        ("x" * 300 + ".nii", "x" * 80),
    ],
)
def test_a_name_decides_nothing_but_the_format(
    client: httpx.Client, scan_file: Path, name: str, stem: str
) -> None:
    packed = name.lower().endswith(".gz")
    body = scan_file.read_bytes() if packed else gzip.decompress(scan_file.read_bytes())
    assert enhance(client, name, body).json()["file"]["name"] == f"{stem}_sr.nii.gz"


def test_a_truncated_scan_is_refused_in_one_sentence_without_its_place_or_name(
    client: httpx.Client, scan_file: Path
) -> None:
    body = scan_file.read_bytes()
    message = refusal(client, "Jane_Doe.nii.gz", body[: len(body) // 2])
    assert message.startswith("Expected a NIfTI file. Received: the file, which is truncated")
    assert "Jane" not in message


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.nii", "a.npy", "a.h5", "a.dcm"])
def test_text_under_the_name_of_a_scan_or_picture_is_refused(client: httpx.Client, name: str) -> None:
    assert "Received: the file" in refusal(client, name, b"This is neither.\n" * 50)


def test_a_small_file_that_unfolds_to_a_giant_is_refused_before_it_does(client: httpx.Client) -> None:
    header = nib.Nifti1Header()
    header.set_data_shape((600, 600, 400))
    header.set_data_dtype(np.float32)
    body = gzip.compress(header.binaryblock + b"\0" * 700_000, 0)
    assert "Received: 0.5 GiB in 700426 bytes of the file" in refusal(client, "bomb.nii.gz", body)


def test_too_many_slices_or_pixels_are_refused(client: httpx.Client) -> None:
    wide = np.zeros((3000, 3000), np.uint8)
    assert "at most 8.4 million pixels. Received: 3000 x 3000" in refusal(client, "wide.png", png(wide))
    stream = io.BytesIO()
    np.save(stream, np.arange(600 * 16 * 16, dtype=np.uint16).reshape(600, 16, 16))
    message = refusal(client, "long.npy", stream.getvalue())
    assert "Expected at most 512 slices" in message and "Received: 600 slices of 16 x 16" in message


def test_what_stands_behind_a_dot_is_not_repeated(client: httpx.Client) -> None:
    assert "schmidt" not in refusal(client, "Anna.Schmidt", b"nothing").lower()


def test_a_folder_that_was_cleaned_away_is_made_again(scratch: ScratchFolder, grey: np.ndarray) -> None:
    for _ in range(2):
        scratch.path.rmdir()
        for _ in range(2):
            with opened("slice.png", png(grey), scratch) as upload:
                assert upload.folder.parent == scratch.path
                assert stat.S_IMODE(scratch.path.stat().st_mode) == 0o700
            assert list(scratch.path.iterdir()) == []


def test_a_folder_whose_file_system_gives_it_another_owner_and_mode_is_used(
    tmp_path: Path, grey: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with opened("slice.png", png(grey), ScratchFolder(tmp_path)) as upload:
        assert upload.folder.parent == tmp_path


@pytest.mark.parametrize("whose", ["another one", "another user's", "one that is shared", "a link"])
def test_a_folder_that_somebody_else_made_in_its_place_gets_no_file(
    whose: str, scratch: ScratchFolder, tmp_path: Path, grey: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    scratch.path.rename(tmp_path / "before")  # which keeps its number
    if whose == "a link":
        scratch.path.symlink_to(real)
    elif whose == "another one":
        scratch.path.mkdir(mode=0o700)
    else:
        made = Path.mkdir

        def replaced(path: Path, *arguments: object, **options: object) -> None:
            made(path, 0o770 if whose == "one that is shared" else 0o700)
            path.chmod(0o770 if whose == "one that is shared" else 0o700)

        monkeypatch.setattr(Path, "mkdir", replaced)
        if whose == "another user's":
            monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(OutputError, match="folder of the server's own for the file") as caught:
        opened("slice.png", png(grey), scratch).__enter__()
    assert str(tmp_path) not in str(caught.value) and "\n" not in str(caught.value)
    assert [*scratch.path.iterdir(), *real.iterdir()] == []


def test_a_file_that_there_is_no_room_for_is_one_sentence_without_our_folders(
    tmp_path: Path, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    folder = tmp_path / "file" / "scratch"
    folder.mkdir(parents=True)
    scratch = ScratchFolder(folder)
    folder.rmdir()
    folder.parent.rmdir()
    folder.parent.touch()
    with pytest.raises(
        OutputError, match=r"room for the file on the server\. Received: Not a directory\. Tell"
    ):
        opened("slice.png", b"", scratch).__enter__()
    with full_disk(1000), pytest.raises(OutputError, match=r"Received: File too large\. Tell") as caught:
        opened("slice.png", bytes(5000), ScratchFolder(tmp_path)).__enter__()
    assert str(tmp_path) not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
