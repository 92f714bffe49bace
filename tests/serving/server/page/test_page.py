"""The page in a real browser: a file goes in, slices are looked at, the result comes out."""

import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from lfsr_tf.inference import Enhancer
from lfsr_tf.inference.files import enhance_file
from lfsr_tf.inference.jobs import plan_jobs
from tests.serving.server.page.devtools import Chromium

FINISHED = "!document.querySelector('#result').hidden && document.querySelector('#after').naturalWidth > 0"
POSITION = "document.querySelector('#position').value"


def text(browser: Chromium, selector: str) -> str:
    return str(browser.run(f"document.querySelector({selector!r}).innerText"))


@pytest.fixture
def page(browser: Chromium, client: httpx.Client) -> Chromium:
    """The page, just opened, with nothing to complain about yet."""
    browser.forget()
    browser.open(str(client.base_url))
    return browser


@pytest.fixture
def result(page: Chromium, scan_file: Path) -> Chromium:
    """The page with a scan that was dropped on it."""
    x, y, _, _ = page.centre("#drop")
    page.drop(x, y, scan_file)
    page.wait(FINISHED)
    return page


def downloaded(browser: Chromium, name: str) -> bytes:
    x, y, _, _ = browser.centre("#download")
    browser.click(x, y)
    path = browser.downloads / name
    browser.until(path.exists, f"a download of {name}")
    return path.read_bytes()


def test_a_dropped_scan_is_shown_with_its_model_and_what_to_trust(result: Chromium) -> None:
    assert text(result, "#result-title") == "sub-01_T2w.nii.gz"
    assert "tiny, version 7" in text(result, "#result-model")
    assert text(result, "#slice-label") == "Slice 2 of 3"
    assert "Noise" in text(result, "#facts") and "of the reference intensity" in text(result, "#facts")
    assert result.run("document.querySelectorAll('#warnings-list li').length") >= 1
    assert "Not for diagnosis" in text(result, "header")
    sizes = "['before', 'after'].map((id) => document.getElementById(id).naturalWidth)"
    assert result.run(sizes) == [48, 96]
    assert text(result, "#edges").split() == ["A", "L", "P", "R"]
    assert result.run("document.activeElement.id") == "result-title"
    assert "3 slices" in text(result, "#status")
    assert result.complaints == []


def test_nothing_but_its_own_server_is_asked(result: Chromium, client: httpx.Client) -> None:
    own = str(client.base_url)
    assert any(f"{own}/page/enhance" in url for url in result.requests)
    assert [url for url in result.requests if not url.startswith((own, "data:", "blob:"))] == []


def test_the_policy_forbids_inline_scripts_and_other_servers(page: Chromium) -> None:
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.bad = 1\">')")
    page.run("fetch('http://127.0.0.1:9/').catch(() => 0)")
    assert page.run("window.bad === undefined")
    assert any("Content Security Policy" in complaint for complaint in page.complaints)


def test_the_line_moves_by_mouse_and_keyboard(result: Chromium) -> None:
    x, y, width, _ = result.centre("#compare")
    result.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
    result.mouse("mouseMoved", x + width / 4, y, button="left", buttons=1)
    result.mouse("mouseReleased", x + width / 4, y, button="left", clickCount=1)
    moved = int(result.run(POSITION))
    assert 72 <= moved <= 78
    result.press("ArrowLeft")
    assert int(result.run(POSITION)) == moved - 1
    result.press("ArrowLeft", shift=True)
    assert int(result.run(POSITION)) == moved - 1
    assert result.run("document.querySelector('#compare').style.getPropertyValue('--x')").startswith("65")
    clip = "getComputedStyle(document.querySelector('#before-side')).clipPath"
    assert f"{100 - moved + 1}%" in result.run(clip).replace("calc(", "")


def test_slices_change_by_keyboard_wheel_and_buttons(result: Chromium) -> None:
    result.run("document.querySelector('#position').focus()")
    middle = result.run("document.querySelector('#after').src")
    result.press("ArrowUp")
    result.wait("document.querySelector('#after').alt === 'Slice 3, enhanced'")
    assert result.run("document.querySelector('#after').src") != middle
    assert result.run("document.querySelector('#next').disabled")
    x, y, _, _ = result.centre("#compare")
    result.mouse("mouseWheel", x, y, deltaX=0, deltaY=-120)
    result.wait("document.querySelector('#before').alt === 'Slice 2 of your scan'")
    x, y, _, _ = result.centre("#previous")
    result.click(x, y)
    result.wait("document.querySelector('#after').alt === 'Slice 1, enhanced'")
    assert text(result, "#slice-label") == "Slice 1 of 3"
    result.run("document.querySelector('#slice').focus()")
    result.press("ArrowRight")
    result.wait(f"document.querySelector('#after').src === {middle!r}")


def test_the_view_and_the_brightness_can_be_changed(result: Chromium) -> None:
    result.run("document.querySelector('input[value=beside]').click()")
    places = "['before', 'after'].map((id) => document.getElementById(id).getBoundingClientRect().left)"
    left, right = result.run(places)
    assert left + 100 < right
    result.run("document.querySelector('#brightness').focus()")
    result.press("ArrowRight")
    assert "1.05" in result.run("getComputedStyle(document.querySelector('#after')).filter")
    result.run("document.querySelector('#zoom').focus()")
    result.press("ArrowRight")
    scale = "getComputedStyle(document.querySelector('#before')).transform"
    assert result.run(scale) == "matrix(1.25, 0, 0, 1.25, 0, 0)"
    result.run("document.querySelector('#pixels').click()")
    assert result.run("getComputedStyle(document.querySelector('#after')).imageRendering") == "pixelated"
    assert result.complaints == []


def test_the_download_is_what_the_command_line_writes(
    result: Chromium, enhancer: Enhancer, scan_file: Path, tmp_path: Path
) -> None:
    job = plan_jobs([(scan_file, tmp_path)], tmp_path / "out")[0]
    (path,) = enhance_file(enhancer, job).outputs
    assert downloaded(result, "sub-01_T2w_sr.nii.gz") == path.read_bytes()


def test_a_picture_is_chosen_by_keyboard_and_comes_back_with_16_bits(page: Chromium, tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:48, 0:40]
    levels = (120 + 90 * np.sin(rows / 9) * np.cos(columns / 7)).astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "head.png")
    page.call("Page.setInterceptFileChooserDialog", enabled=True)
    page.run("document.querySelector('#drop').focus()")
    page.press("Enter")
    page.answer_chooser(tmp_path / "head.png")
    page.wait(FINISHED)
    assert not page.run("document.querySelector('#slice').checkVisibility()")
    (tmp_path / "out.png").write_bytes(downloaded(page, "head_sr.png"))
    with Image.open(tmp_path / "out.png") as picture:
        assert (picture.mode, picture.size) == ("I;16", (80, 96))
    assert page.complaints == []


def test_what_is_no_scan_is_refused_in_one_sentence_and_the_page_goes_on(
    page: Chromium, scan_file: Path, tmp_path: Path
) -> None:
    letter = tmp_path / "letter.nii.gz"
    letter.write_text("Dear colleague, " * 50)
    page.choose("#file", letter)
    page.wait("!document.querySelector('#error').hidden")
    assert text(page, "#error").startswith("Expected a NIfTI file. Received: the file, which is truncated")
    assert page.run("document.querySelector('#error').getAttribute('role')") == "alert"
    assert page.run("document.querySelector('#result').hidden && document.querySelector('#busy').hidden")
    # Chromium itself writes down every status above 399.
    assert all("400 (Bad Request)" in complaint for complaint in page.complaints)
    page.choose("#file", scan_file)
    page.wait(FINISHED)
    assert page.run("document.querySelector('#error').hidden")


def test_what_cannot_be_sent_is_refused_before_it_is(page: Chromium, scan_file: Path, tmp_path: Path) -> None:
    large, empty = tmp_path / "large.nii", tmp_path / "empty.nii"
    large.write_bytes(b"\0" * 3_000_000)
    empty.touch()
    x, y, _, _ = page.centre("#drop")
    for files, expected in (
        ([large], "Expected a file of at most 1.0 MB. Received: 2.9 MB."),
        ([empty], "Received: an empty file."),
        ([scan_file, large], "Expected one file. Received: 2."),
        ([tmp_path], "Received: a folder."),
    ):
        page.drop(x, y, *files)
        page.wait(f"document.querySelector('#error').textContent.includes({expected!r})")
    assert not any("/page/enhance" in url for url in page.requests)


def test_who_cancels_gets_the_page_back_and_the_server_stops(
    browser: Chromium, serve, enhancer: Enhancer, scan_file: Path
) -> None:
    told = []

    def endless(scan, advance):
        while True:
            time.sleep(0.05)
            try:
                advance(0)
            except BaseException as error:
                told.append(error)
                raise

    with serve(endless) as client:
        browser.open(str(client.base_url))
        browser.choose("#file", scan_file)
        browser.wait("document.querySelector('#busy-note').textContent.includes('0 of 3 slices')")
        assert browser.run("document.querySelector('#drop').disabled")
        x, y, _, _ = browser.centre("#cancel")
        browser.click(x, y)
        browser.wait("document.querySelector('#busy').hidden")
        assert text(browser, "#status") == "Cancelled."
        assert browser.run("document.querySelector('#error').hidden")
        browser.until(lambda: told, "the server's work to end")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_of_a_narrow_screen(page: Chromium, scan_file: Path, scheme: str) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=320, height=640, deviceScaleFactor=1, mobile=True)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    try:
        page.choose("#file", scan_file)
        page.wait(FINISHED)
        for view in ("slider", "beside"):
            page.run(f"document.querySelector('input[value={view}]').click()")
            assert page.run("document.documentElement.scrollWidth") <= 320
    finally:
        page.call("Emulation.clearDeviceMetricsOverride")
