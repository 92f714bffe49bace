"""The report: what it shows, that it stands alone, and that a browser can work it."""

import base64
import dataclasses
import io
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lfsr_tf.errors import OutputError
from lfsr_tf.evaluation import (
    OuterBandScore,
    Results,
    read_history,
    write_pictures,
    write_report,
    write_results,
)
from lfsr_tf.evaluation.metrics import METRICS
from lfsr_tf.evaluation.report.images import panels, picture_name, window_top
from lfsr_tf.evaluation.report.labels import signed
from lfsr_tf.evaluation.report.summary import headline, verdicts
from lfsr_tf.physics.settings import RawImage

VOID = {"meta", "img", "input", "br", "link"}
HISTORY = {"loss": [0.02, 0.01], "val_loss": [0.03, 0.02], "psnr": [20.0, 21.0], "val_psnr": [19.0, 20.5]}


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data


def outer(method: str, recovered: float | None, image: RawImage = "magnitude") -> OuterBandScore:
    measurable = recovered is not None
    low, high = (recovered - 0.05, recovered + 0.05) if recovered is not None else (None, None)
    return OuterBandScore(
        "low.h5", "dora", "T1w", image, method, (128, 128), 0.68, measurable, recovered, low, high
    )


@pytest.fixture(scope="module")
def html(results: Results, tmp_path_factory: pytest.TempPathFactory) -> str:
    scores = (
        *(outer("complex zero-fill", 0.0), outer("zero-fill", -0.14), outer("model", 0.31)),
        *(outer("complex zero-fill", 0.0, "in_phase"), outer("model", 0.42, "in_phase")),
        outer("zero-fill", 0.02, "in_phase"),
    )
    shown = dataclasses.replace(results, outer_band=scores, failures=(("bad.nii.gz", "Expected a scan."),))
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(shown, shown.pictures, path, history=HISTORY)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def plain(results: Results) -> Results:
    """One noise level, so that no curve is drawn."""
    config = dataclasses.replace(results.config, sigmas=(0.05,))
    scores = tuple(score for score in results.scores if score.sigma == 0.05)
    return dataclasses.replace(results, config=config, scores=scores)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_tag_is_closed(page: Page) -> None:
    assert page.open == []


def test_nothing_is_fetched_from_anywhere(html: str, page: Page) -> None:
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!#)", html)
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object")
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/png;base64,", "#"))


def test_links_within_the_page_lead_somewhere(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    targets = {attributes["href"][1:] for tag, attributes in page.tags if tag == "a"}
    assert targets <= set(ids)


def test_the_summary_comes_first_in_plain_words(page: Page) -> None:
    text = " ".join(page.text.split())
    summary = text.index("In simulated low-field scans the network is")
    assert all(summary < text.index(part) for part in ("PSNR (dB), inside", "One screen block is one sample"))
    assert "Not a medical device" in text
    assert "subjects are few" in text


def test_every_table_names_its_region_and_every_psnr_and_ssim_its_data_range(html: str) -> None:
    captions = re.findall(r"^<figcaption>(.*?)</figcaption>", html, re.MULTILINE)
    assert len(captions) == 2 * len(METRICS) + 2 + 1 + 1
    for caption in captions[:-1]:
        assert "inside the head mask" in caption or "whole image" in caption
        if "PSNR" in caption or "SSIM" in caption:
            assert "range: 99.9th percentile of the noise-free low-resolution volume" in caption
    assert "outer band" in captions[-1]


def test_the_best_figure_of_each_row_is_marked(html: str, results: Results) -> None:
    table = html[html.index("<figcaption>PSNR (dB), inside") :]
    rows = re.findall(r"<tr.*?</tr>", table[: table.index("</table>")], re.DOTALL)[1:]
    assert len(rows) == 3 * 2
    for row in rows:
        figures = [float(value) for value in re.findall(r'class="figure">([\d.]+)<', row)]
        best = [float(value) for value in re.findall(r'class="best"><span class="figure">([\d.]+)<', row)]
        assert set(best) == {max(figures)}


def test_pictures_are_shown_at_one_window_one_pixel_a_sample(page: Page, results: Results) -> None:
    images = [attributes for tag, attributes in page.tags if tag == "img" and "data-case" in attributes]
    assert len(images) == len(results.pictures) * (2 + 2 * len(results.methods))
    assert all(image["alt"] for image in images)
    picture = results.pictures[0]
    data = next(image["src"] for image in images if image["data-panel"] == "hr")
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))))
    expected = np.round(np.clip(picture.hr / window_top(picture), 0, 1) * 255)
    np.testing.assert_array_equal(shown, expected)


def test_error_maps_are_black_where_the_result_is_right(results: Results) -> None:
    picture = results.pictures[0]
    right = dataclasses.replace(picture, outputs={"model": picture.hr}, psnr={"model": 99.0})
    error = next(panel for panel in panels(right) if panel.key == "error-model")
    assert np.asarray(Image.open(io.BytesIO(error.png)).convert("RGB")).max() <= 5


def test_names_from_files_cannot_inject_markup(plain: Results, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    scores = tuple(dataclasses.replace(score, subject=evil) for score in plain.scores)
    shown = dataclasses.replace(plain, scores=scores, model={"name": evil})
    write_report(shown, (), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert evil not in text
    assert "&lt;script&gt;alert(1)" in text


def test_dollar_signs_in_a_contrast_are_no_formula(results: Results, tmp_path: Path) -> None:
    contrast = r"T1w$\frac$"
    scores = tuple(
        dataclasses.replace(score, contrast=contrast) if score.contrast == "T1w" else score
        for score in results.scores
    )
    write_report(dataclasses.replace(results, scores=scores), (), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count(f">{contrast}</text>") == 3  # PSNR, differences, SSIM


def test_only_ranges_are_written_as_ranges(plain: Results, tmp_path: Path) -> None:
    model = {
        "name": "own",
        "sigma_range": [0.0, 0.08],
        "spacing_range_mm": [0.5, 1.5],
        "settings": {"blocks": [2, 3], "filters": [32, 64, 96]},
    }
    write_report(dataclasses.replace(plain, model=model), (), tmp_path / "report.html")
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    for part in ("0 to 0.08", "0.5 to 1.5", "2, 3", "32, 64, 96"):
        assert part in text
    assert "2 to 3" not in text


def test_parts_that_were_not_made_are_not_mentioned(plain: Results, tmp_path: Path) -> None:
    write_report(plain, (), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    for part in ('id="measured"', 'id="pictures"', 'id="slider"', "Training</h3>", "left out"):
        assert part not in text


def test_parts_that_were_made_are_shown(html: str) -> None:
    for part in (
        'id="measured"',
        'id="pictures"',
        'id="slider"',
        "Training</h3>",
        "1 scan was left out",
        "bad.nii.gz",
    ):
        assert part in html


@pytest.mark.parametrize(
    ("told", "words"), [(True, "Non-local means and the network are told σ."), (False, "the network is not.")]
)
def test_who_is_told_the_noise_is_said(plain: Results, tmp_path: Path, told: bool, words: str) -> None:
    assert plain.model["takes_noise_level"] is False
    model = {**plain.model, "takes_noise_level": told}
    write_report(dataclasses.replace(plain, model=model), (), tmp_path / "report.html")
    assert words in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_band_that_cannot_be_measured_says_so(plain: Results, tmp_path: Path) -> None:
    write_report(dataclasses.replace(plain, outer_band=(outer("model", None),)), (), tmp_path / "report.html")
    assert "not measurable" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_single_subject_says_nothing_about_others(plain: Results, tmp_path: Path) -> None:
    scores = tuple(score for score in plain.scores if score.subject == "bert")
    write_report(dataclasses.replace(plain, scores=scores), (), tmp_path / "report.html")
    assert "One subject says nothing about others." in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("gain", "tone"), [(1.0, "better"), (-1.0, "worse")])
def test_the_verdict_follows_the_figures(results: Results, gain: float, tone: str) -> None:
    scores = tuple(
        dataclasses.replace(score, psnr=30.0 if score.method != "model" else 30.0 + gain)
        for score in results.scores
    )
    shown = dataclasses.replace(results, scores=scores)
    found = verdicts(shown)
    assert [verdict.tone for verdict in found] == [tone, tone]
    assert found[0].gain == pytest.approx(gain)
    assert f"better in {3 if gain > 0 else 0} of 3 subjects" in found[0].sentence
    assert ("closer to" if gain > 0 else "further from") in headline(found)


@pytest.mark.parametrize(
    ("value", "text"), [(0.126, "+0.13"), (-0.126, "−0.13"), (-0.001, "0.00"), (0.0, "0.00")]
)
def test_differences_have_a_sign_unless_they_round_to_nothing(value: float, text: str) -> None:
    assert signed(value, 2) == text


def test_picture_files_are_named_by_contrast_noise_slice_and_panel(results: Results, tmp_path: Path) -> None:
    write_pictures(results.pictures, tmp_path / "pictures")
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert f"{picture_name(results.pictures[0])}_model.png" in names
    assert len(names) == len(results.pictures) * (2 + 2 * len(results.methods))


def test_the_page_shows_the_very_pictures_of_the_folder_which_are_made_once(
    results: Results, tmp_path: Path
) -> None:
    write_results(results, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for path in (tmp_path / "pictures").iterdir():
        assert base64.b64encode(path.read_bytes()).decode() in page
    assert all(panels(picture) is panels(picture) for picture in results.pictures)


def test_a_report_that_cannot_be_written_leaves_nothing(plain: Results, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        write_report(plain, (), tmp_path / "file" / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_history_is_read_with_gaps_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,loss,val_loss\n0,0.5,\n1,0.25,0.3\n")
    history = read_history(tmp_path / "history.csv")
    assert history["loss"] == [0.5, 0.25]
    assert np.isnan(history["val_loss"][0])
    assert read_history(tmp_path / "none.csv") == {}


def test_the_slider_works_in_a_browser(chromium: str, html: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "report.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    tags = {attributes.get("id"): attributes for _, attributes in Page(dom).tags}
    assert "hidden" not in tags["compare"]
    assert tags["compare-before"]["src"].startswith("data:image/png")
    assert tags["compare-before"]["src"] != tags["compare-after"]["src"]
    assert tags["compare"]["style"] == "--position: 50%;"
