"""The page's files and its one call: what is sent, under which headers, and what is refused."""

import base64
import gzip
import io
import threading
from pathlib import Path

import httpx
import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from lfsr_tf.errors import ModelError
from lfsr_tf.inference import Enhancer
from lfsr_tf.inference.files import enhance_file, plan_jobs
from lfsr_tf.scans import Scan, read_scan

FILES = {"/": "text/html", "/page/page.js": "text/javascript", "/page/page.css": "text/css"}


def enhance(client: httpx.Client, name: str, body: bytes, **headers: str):
    return client.post("/page/enhance", params={"name": name}, content=body, headers=headers)


def refusal(client: httpx.Client, name: str, body: bytes, status: int = 400) -> str:
    answer = enhance(client, name, body)
    assert answer.status_code == status
    message = answer.json()["error"]
    assert "\n" not in message
    assert "/tmp" not in message and "upload" not in message
    return message


def picture(data_url: str) -> np.ndarray:
    head, _, text = data_url.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def png(levels: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, format=kind)
    return stream.getvalue()


@pytest.fixture
def grey() -> np.ndarray:
    """A smooth picture of 40 x 48 levels, not the same in any mirror."""
    rows, columns = np.mgrid[0:40, 0:48]
    return (120 + 90 * np.sin(rows / 9) * np.cos(columns / 7 + 1) + rows).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("path", FILES)
def test_a_page_of_no_other_origin_and_nothing_inline(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{FILES[path]}; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[:3] == ["default-src 'none'", "script-src 'self'", "style-src 'self'"]
    assert {"img-src 'self' blob: data:", "connect-src 'self'", "frame-ancestors 'none'"} < set(policy)
    assert "$" not in answer.text or path.endswith(".js")
    for text in ("https:", "style=", "onclick", "<style", "unsafe"):
        assert text not in answer.text


@pytest.mark.parametrize(
    "path", ["/page/", "/page/../routes.py", "/page/%2e%2e/routes.py", "/page/index.html"]
)
def test_no_other_file_is_given(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_methods_are_as_narrow_as_the_calls(client: httpx.Client) -> None:
    assert client.post("/").status_code == 405
    assert client.get("/page/enhance").status_code == 405


def test_a_scan_comes_back_as_pictures_facts_and_the_file_that_the_command_line_writes(
    client: httpx.Client, enhancer: Enhancer, scan_file: Path, tmp_path: Path
) -> None:
    answer = enhance(client, scan_file.name, scan_file.read_bytes())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    job = plan_jobs([(scan_file, tmp_path)], tmp_path / "out")[0]
    ((path, sidecar),) = enhance_file(enhancer, job).outputs.items()
    assert found["file"]["name"] == path.name == "sub-01_T2w_sr.nii.gz"
    assert base64.b64decode(found["file"]["base64"]) == path.read_bytes()
    assert (found["model"], found["version"], found["slices"]) == ("tiny", 7, 3)
    assert found["warnings"] == list(sidecar.warnings)
    assert found["noise"]["sigma_relative"] == pytest.approx(sidecar.noise.sigma_relative)
    assert [fact["label"] for fact in found["facts"]] == [
        "Voxels in plane",
        "Noise",
        "Agreement with the scan",
    ]
    # Voxels run to the right, front and up: a radiologist sees the patient's right at the left.
    shown = np.flip(read_scan(path).voxels[:, :, 1].T, (0, 1)) / sidecar.reference_intensity
    np.testing.assert_array_equal(picture(found["sr"][1]), np.round(shown.clip(0, 1) * 255))
    assert (found["height"], found["width"]) == shown.shape == (128, 96)
    assert picture(found["lr"][1]).shape == (64, 48)
    assert found["edges"] == ["A", "L", "P", "R"]


def test_unequal_voxels_are_shown_in_their_true_proportions(client: httpx.Client, scan_file: Path) -> None:
    voxels = read_scan(scan_file).voxels
    image = nib.Nifti1Image(voxels, np.diag([2.0, 1.0, 5.0, 1.0]))
    found = enhance(client, "scan.nii", image.to_bytes()).json()
    assert found["aspect"] == pytest.approx(48 * 2.0 / 64)


def test_of_a_series_the_first_volume_is_taken_and_the_page_says_so(
    client: httpx.Client, scan_file: Path
) -> None:
    voxels = read_scan(scan_file).voxels
    series = np.stack([voxels, 2 * voxels[::-1]], axis=3)
    found = enhance(client, "bold.nii", nib.Nifti1Image(series, np.diag([3, 3, 5, 1])).to_bytes()).json()
    assert "series of 2 volumes" in found["warnings"][0]
    result = nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(found["file"]["base64"])))
    assert result.shape == (96, 128, 3)


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


def test_a_file_without_suffix_is_taken_when_it_begins_as_dicom(client: httpx.Client) -> None:
    message = refusal(client, "IM000001", b"\0" * 128 + b"DICM" + b"\0" * 50)
    assert "DICOM" in message


@pytest.mark.parametrize("name", ["letter.docx", "scan", "", "x.nii.gz.exe", "..", "a/b", "scan.gz"])
def test_another_kind_of_file_is_refused(client: httpx.Client, name: str) -> None:
    message = refusal(client, name, b"nothing")
    assert message.startswith("Expected a scan (.nii")


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
    assert "Expected at most 0.5 GiB of image data" in refusal(client, "bomb.nii.gz", body)


def test_too_many_slices_or_pixels_are_refused(client: httpx.Client) -> None:
    wide = np.zeros((3000, 3000), np.uint8)
    assert "at most 8.4 million pixels. Received: 3000 x 3000" in refusal(client, "wide.png", png(wide))
    stream = io.BytesIO()
    np.save(stream, np.arange(600 * 16 * 16, dtype=np.uint16).reshape(600, 16, 16))
    message = refusal(client, "long.npy", stream.getvalue())
    assert "Expected at most 512 slices" in message and "Received: 600 slices of 16 x 16" in message


def test_a_body_over_the_limit_is_refused(client: httpx.Client) -> None:
    assert "1048576 bytes" in refusal(client, "a.nii", b"\0" * 2_000_000, 413)


def test_another_site_cannot_make_the_server_work(client: httpx.Client, scan_file: Path) -> None:
    answer = enhance(client, "a.nii.gz", scan_file.read_bytes(), **{"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "another site" in answer.json()["error"]


def test_what_the_model_refuses_is_answered_and_what_it_breaks_on_is_not_told(serve, scan_file) -> None:
    def refuse(scan: Scan, advance) -> None:
        raise ModelError(f"Expected a model. Received: none for {scan.source}.")

    def crash(scan: Scan, advance) -> None:
        raise RuntimeError("secret")

    with serve(refuse) as client:
        message = refusal(client, "a.nii.gz", scan_file.read_bytes())
        assert message == "Expected a model. Received: none for the file."
    with serve(crash) as client:
        message = refusal(client, "a.nii.gz", scan_file.read_bytes(), 500)
        assert message == "RuntimeError in the server."


def test_who_waits_can_ask_how_far_it_is(serve, enhancer: Enhancer, scan_file: Path) -> None:
    at_work, go_on = threading.Event(), threading.Event()

    def slow(scan: Scan, advance):
        advance(2)
        at_work.set()
        assert go_on.wait(20)
        return enhancer(scan, None)

    with serve(slow) as client:
        body, answers = scan_file.read_bytes(), []
        call = lambda: answers.append(  # noqa: E731
            client.post("/page/enhance", params={"name": "a.nii.gz", "key": "k1"}, content=body)
        )
        worker = threading.Thread(target=call)
        worker.start()
        assert at_work.wait(20)
        asked = [client.get("/page/progress", params={"key": key}).json() for key in ("k1", "other")]
        go_on.set()
        worker.join()
        assert asked == [{"done": 2, "slices": 3}, {"done": 0, "slices": 0}]
        assert answers[0].status_code == 200
        assert client.get("/page/progress", params={"key": "k1"}).json() == {"done": 0, "slices": 0}
