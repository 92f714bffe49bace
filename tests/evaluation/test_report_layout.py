"""The report as a browser lays it out, on a screen and on paper: nothing is cut off, all can be read."""

import dataclasses
import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest

from lfsr_tf.evaluation import OuterBandScore, Picture, Results, write_report
from lfsr_tf.physics.settings import RawImage

HISTORY = {"loss": [0.02, 0.01], "val_loss": [0.03, 0.02], "psnr": [20.0, 21.0], "val_psnr": [19.0, 20.5]}
LONG_NAME = "sub-0001_ses-baseline_acq-lowfield055T_run-01_kspace_fastmri_layout.h5"
FOUR = ("zero-fill", "cubic", "nlm", "nlm-biased")
OTHERS = ("fast", "2026-11-28_unet_width64_blocks3_lr0.0003_seed2")
# A letter page is 8.5 inches wide, less the least margins of a browser; 96 pixels are an inch.
PAPER = 740
# Put into the page's title: what reaches beyond its section, and how the rest lies.
MEASURE = """<script>
const all = (selector) => [...document.querySelectorAll(selector)];
const box = (element) => element.getBoundingClientRect();
const shown = (selector) => all(selector).map(box).filter(found => found.width > 0);
const scrolls = (element) => element && getComputedStyle(element).overflowX == "auto";
const cut = all("section *").filter(element => !element.closest("svg *, #compare") && box(element).width > 0
  && !scrolls(element.closest(".scroll, .curve"))
  && box(element).right > box(element.closest("section")).right + 0.5);
document.title = JSON.stringify({
  cut: cut.map(element => element.tagName + " " + element.textContent.trim().slice(0, 40)),
  scrolled: all("section *").filter(element => scrolls(element)
    && element.scrollWidth > element.clientWidth + 1).map(element => element.className),
  letters: Math.min(...shown(".curve text").map(found => found.height)),
  narrowest: Math.min(...shown(".table figcaption, .facts td").map(found => found.width)),
  before: box(all("#compare-before")[0]), after: box(all("#compare-after")[0]),
  page: document.documentElement.scrollWidth,
});
</script>"""


def measured(images: tuple[RawImage, ...] = get_args(RawImage)) -> tuple[OuterBandScore, ...]:
    """Two scans whose names fill a row."""
    return tuple(
        OuterBandScore(name, "dora", "FLAIR", image, method, (128, 128), 0.68, True, -0.41, -0.52, -0.34)
        for name in (LONG_NAME, f"second_{LONG_NAME}")
        for image in images
        for method in ("complex zero-fill", *FOUR, "model")
    )


@pytest.fixture(scope="module")
def full(results: Results) -> Results:
    """All baselines, measured k-space, and long names wherever a user gives them."""
    spread = [
        dataclasses.replace(score, method=method)
        for score in results.scores
        for method in (FOUR if score.method == "zero-fill" else [score.method])
        if score.method in ("zero-fill", "model")
    ]
    scores = tuple(
        dataclasses.replace(score, subject=LONG_NAME if score.subject == "anna" else score.subject)
        for score in spread
    )
    return dataclasses.replace(
        results,
        config=dataclasses.replace(results.config, baselines=FOUR),
        scores=scores,
        outer_band=measured(),
        failures=((LONG_NAME, f"Expected a scan. Received: /data/{'a' * 120}.nii.gz."),),
    )


@pytest.fixture(scope="module")
def with_others(full: Results) -> Results:
    """Two other networks beside all of that."""
    copies = {"scores": full.scores, "outer_band": full.outer_band}
    grown = {
        name: (
            *own,
            *(
                dataclasses.replace(one, method=other)
                for one in own
                if one.method == "model"
                for other in OTHERS
            ),
        )
        for name, own in copies.items()
    }
    return dataclasses.replace(full, against=dict.fromkeys(OTHERS, full.model), **grown)


def with_all(picture: Picture, results: Results) -> Picture:
    """The picture with all methods of the results and a long name."""
    rivals = dict.fromkeys(results.rivals, picture.outputs["zero-fill"])
    return dataclasses.replace(
        picture,
        scan=LONG_NAME,
        outputs={**rivals, "model": picture.outputs["model"]},
        psnr={name: 20.0 for name in (*results.rivals, "model")},
    )


def laid_out(chromium: str, results: Results, folder: Path, width: int, *, paper: bool) -> dict[str, Any]:
    """What `MEASURE` says of the page with every part of it opened."""
    pictures = tuple(with_all(picture, results) for picture in results.pictures)
    write_report(results, pictures, folder / "written.html", history=HISTORY)
    page = (folder / "written.html").read_text(encoding="utf-8").replace("</body>", f"{MEASURE}</body>")
    page = re.sub(r"<details([^>]*?)(?: open)?>", r"<details\1 open>", page)
    # Paper has the width of a page, and the rules of print.
    page = page.replace("@media print", "@media all") if paper else page
    (folder / "report.html").write_text(page, encoding="utf-8")
    # A window of a browser has a least width of its own: a frame has not.
    (folder / "frame.html").write_text(
        f'<iframe src="report.html" width="{width}" height="4000" style="border: 0"></iframe><script>'
        "onload = () => document.title = frames[0].document.title</script>"
    )
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    command += ["--hide-scrollbars", (folder / "frame.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title
    return dict(json.loads(html.unescape(title[1])))


# On a narrow screen charts are scrolled, as their letters could not be read otherwise; a telephone does not
# hold five methods beside each other either.
@pytest.mark.parametrize(
    ("width", "may_scroll"), [(390, {"curve", "scroll"}), (500, {"curve"}), (900, set()), (1200, set())]
)
def test_on_a_screen_no_table_picture_or_name_is_cut(
    chromium: str, full: Results, tmp_path: Path, width: int, may_scroll: set[str]
) -> None:
    found = laid_out(chromium, full, tmp_path, width, paper=False)
    assert set(found["scrolled"]) <= may_scroll
    assert found["cut"] == []
    assert found["letters"] > 9.0
    assert found["narrowest"] > 100.0
    assert found["page"] <= width


# Seven methods beside each other ask for more than half a screen.
@pytest.mark.parametrize(
    ("width", "may_scroll"), [(390, {"curve", "scroll"}), (900, {"scroll"}), (1200, set())]
)
def test_two_other_networks_cut_nothing_on_a_screen(
    chromium: str, with_others: Results, tmp_path: Path, width: int, may_scroll: set[str]
) -> None:
    found = laid_out(chromium, with_others, tmp_path, width, paper=False)
    assert set(found["scrolled"]) <= may_scroll
    assert found["cut"] == []
    assert found["letters"] > 9.0
    assert found["page"] <= width


def test_on_paper_nothing_is_cut_and_the_slider_s_pictures_lie_side_by_side(
    chromium: str, full: Results, tmp_path: Path
) -> None:
    found = laid_out(chromium, full, tmp_path, PAPER, paper=True)
    assert found["scrolled"] == []
    assert found["cut"] == []
    assert found["page"] <= PAPER
    before, after = found["before"], found["after"]
    assert before["width"] == before["height"] == after["width"] > 300.0
    assert before["right"] < after["left"] and before["top"] == after["top"]
    assert after["right"] <= PAPER


def test_two_other_networks_are_cut_by_no_paper(chromium: str, with_others: Results, tmp_path: Path) -> None:
    found = laid_out(chromium, with_others, tmp_path, PAPER, paper=True)
    assert (found["scrolled"], found["cut"]) == ([], [])
    assert found["page"] <= PAPER
