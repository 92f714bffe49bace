"""The report's words and their place on the page, on narrow screens too."""

import dataclasses
import re
import subprocess
from pathlib import Path

import pytest

from lfsr_tf.evaluation import Results, write_report

HISTORY = {"loss": [0.02, 0.01], "val_loss": [0.03, 0.02]}
# Printed into the page's title: how small letters of charts are, and whether a caption or a cell is cut off.
MEASURE = """<script>
const letters = [...document.querySelectorAll(".curve text")].map(t => t.getBoundingClientRect().height);
const wide = [...document.querySelectorAll(".table figcaption, .facts td")].map(
  e => e.getBoundingClientRect()).filter(box => box.width > 0);
document.title = [Math.min(...letters), Math.max(...wide.map(box => box.right)),
  Math.min(...wide.map(box => box.width)), document.documentElement.scrollWidth].join(" ");
</script>"""


def written(results: Results, folder: Path) -> str:
    write_report(results, results.pictures, folder / "report.html", history=HISTORY)
    return (folder / "report.html").read_text(encoding="utf-8")


def of_subjects(results: Results, count: int) -> Results:
    """The scores of the first subject under as many names."""
    first = [score for score in results.scores if score.subject == results.subjects[0]]
    scores = [
        dataclasses.replace(score, subject=f"sub-{number}", scan=f"sub-{number}_{score.scan}")
        for number in range(count)
        for score in first
    ]
    return dataclasses.replace(results, scores=tuple(scores))


@pytest.mark.parametrize(("subjects", "said"), [(2, False), (9, False), (10, True)])
def test_few_subjects_say_nothing_beyond_chance(
    results: Results, tmp_path: Path, subjects: int, said: bool
) -> None:
    html = written(of_subjects(results, subjects), tmp_path)
    assert ("beyond the chance of these subjects" in html) is said
    assert ("subjects are few" in html) is not said


def test_nothing_says_at_which_field_the_truth_was_scanned(results: Results, tmp_path: Path) -> None:
    # It may be a phantom.
    assert "high-field" not in (html := written(results, tmp_path)) and "high field" not in html


def test_a_trainings_own_figures_are_left_out(results: Results, tmp_path: Path) -> None:
    model = {**results.model, "network": "own network", "metrics": {"psnr": 27.52, "seconds": 48.44}}
    html = written(dataclasses.replace(results, model=model), tmp_path)
    assert "own network" in html
    assert "27.52" not in html and "48.44" not in html


@pytest.mark.parametrize("width", [390, 1400])
def test_letters_of_charts_are_legible_and_no_caption_is_cut(
    chromium: str, results: Results, tmp_path: Path, width: int
) -> None:
    # A window of a browser has a least width of its own: a frame has not.
    (tmp_path / "report.html").write_text(written(results, tmp_path).replace("</body>", f"{MEASURE}</body>"))
    (tmp_path / "frame.html").write_text(
        f'<iframe src="report.html" width="{width}" height="4000" style="border: 0"></iframe><script>'
        "onload = () => document.title = frames[0].document.title</script>"
    )
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    dom = subprocess.run(
        [*command, (tmp_path / "frame.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title
    letters, right, narrowest, page = map(float, title[1].split())
    assert letters > 9.0
    assert right <= width and narrowest > 100.0
    assert page <= width
