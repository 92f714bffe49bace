"""The page's files and its one call: what is sent, under which headers, and what is refused."""

import base64
import gzip
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.errors import LfsrError, ModelError, OutputError
from lfsr_tf.inference import Enhancer
from lfsr_tf.inference.files import enhance_file
from lfsr_tf.inference.jobs import plan_jobs
from lfsr_tf.scans import Scan, read_scan
from lfsr_tf.serving.clients.connect import network_behind
from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.server.refusal import Code, RefusalError
from tests.serving.server.page.calls import enhance, picture, refusal

FILES = {"/": "text/html", "/page/page.js": "text/javascript", "/page/page.css": "text/css"}


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
    answer = client.post("/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json() == {"error": "Expected GET, HEAD of /. Received: POST."}
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
        "Agreement with the input",
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


def test_a_body_over_the_limit_is_refused(client: httpx.Client) -> None:
    assert "1048576 bytes" in refusal(client, "a.nii", b"\0" * 2_000_000, 413)


def test_each_refusal_is_one_line_of_the_log(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    refusal(client, "a.nii", b"\0" * 2_000_000, 413)
    refusal(client, "a.txt", b"no scan")
    lines = [record.message for record in caplog.records if "refused" in record.message]
    assert len(lines) == 2
    assert all(line.startswith("REST Enhance of 'tiny' refused: ") for line in lines), lines


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


class _Refuses:
    """A client of a server that refuses everything."""

    def __init__(self, code: Code) -> None:
        self.code = code

    def version(self) -> int:
        return 1

    def predict(self, signature: str, inputs: object, version: int) -> dict[str, np.ndarray]:
        refusal = RefusalError(self.code, "Not now.")
        raise Failure(self.code.name, refusal.message) from refusal


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.RESOURCE_EXHAUSTED, 429),
        (Code.DEADLINE_EXCEEDED, 504),
        (Code.INTERNAL, 500),
        (Code.NOT_FOUND, 404),
        (Code.INVALID_ARGUMENT, 400),
    ],
)
def test_what_the_server_refuses_keeps_its_status(serve, scan_file: Path, code: Code, status: int) -> None:
    with serve(lambda scan, advance: network_behind(_Refuses(code), "tiny")) as client:
        assert "Not now." in refusal(client, "a.nii.gz", scan_file.read_bytes(), status)
        rows = client.get("/monitoring/prometheus/metrics").text.splitlines()
    assert any("request_count" in row and f'status="{code.name}"' in row for row in rows)


@pytest.mark.parametrize(("error", "status"), [(OutputError, 500), (LfsrError, 400)])
def test_a_disk_that_is_full_is_not_the_file_s_fault(
    serve, scan_file: Path, error: type[LfsrError], status: int
) -> None:
    def fail(scan: Scan, advance) -> None:
        raise error("Cannot write.")

    with serve(fail) as client:
        assert refusal(client, "a.nii.gz", scan_file.read_bytes(), status) == "Cannot write."


def test_the_end_of_the_server_ends_what_is_under_way_and_leaves_no_file(
    serve, scan_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scratch, at_work, ended = tmp_path / "scratch", threading.Event(), threading.Event()
    scratch.mkdir(mode=0o700)

    begun = []

    def endless(scan: Scan, advance) -> None:
        begun.append(scan)
        assert [path.name for path in scratch.glob("*/*")] == ["upload.nii.gz"]
        try:
            while True:
                advance(0)
                at_work.set()
                time.sleep(0.01)
        finally:
            ended.set()

    def ask(base_url: httpx.URL) -> httpx.Response:
        # A client of its own: that of `serve` is closed with the server, perhaps before the answer is read.
        with httpx.Client(base_url=base_url, timeout=60) as own:
            return enhance(own, scan_file.name, scan_file.read_bytes())

    with ThreadPoolExecutor(2) as pool:
        with serve(endless, scratch, shutdown_seconds=1.0) as client:
            asked = [pool.submit(ask, client.base_url)]
            assert at_work.wait(20)
            asked.append(pool.submit(ask, client.base_url))
            time.sleep(0.5)  # it waits for its turn
        answers = [each.result(20) for each in asked]
    assert [(answer.status_code, list(answer.json())) for answer in answers] == 2 * [(503, ["error"])]
    assert ended.wait(5)
    time.sleep(0.2)
    assert len(begun) == 1
    assert [record for record in caplog.records if record.exc_info] == []
    deadline = time.monotonic() + 5
    while list(scratch.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


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
