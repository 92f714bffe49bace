"""Every command and code block of the README and of docs/ runs, in the order of its page."""

import configparser
import contextlib
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lfsr_tf.scans import phantom_scan, write_scan
from tests.shell import run_shell

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# These pages make their records and their run themselves; the others speak of them as given.
FROM_SCRATCH = ("README.md", "training.md")
# The only change that is made to a command: a training of minutes becomes one of seconds.
SHORTER = " --set epochs=1 --set steps_per_epoch=3 --set validation_steps=1"


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def runnable(command: str) -> bool:
    """`make` and `pip` install things: the tests below look at them in another way."""
    return not command.startswith(("make ", "pip ", ".venv/bin/pip "))


def shortened(command: str) -> str:
    return command + SHORTER if command.startswith("lfsr train") else command


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages speak of: folders of high-field scans, and one low-field scan."""
    folder = tmp_path_factory.mktemp("scans")
    for place, subjects in (("train", (1, 2, 3)), ("val", (11, 12))):
        for subject in subjects:
            scan = phantom_scan(subject, "T2w", slices=6)
            write_scan(scan, folder / place / f"sub-{subject:02d}_T2w.nii.gz")
    run_shell("lfsr simulate val/sub-11_T2w.nii.gz -o scan.nii.gz", folder)
    run_shell("lfsr prepare train val -o records", folder)
    run_shell(shortened("lfsr train records -o runs/quick"), folder)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where the blocks of a page run; a server that a page starts and does not end is ended here."""
    yield tmp_path
    started = tmp_path / "serve.pid"
    if started.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(started.read_text()), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_runs(page: Path, scans: Path, place: Path) -> None:
    given = ("train", "val", "scan.nii.gz") + (() if page.name in FROM_SCRATCH else ("records", "runs"))
    for name in given:
        (place / name).symlink_to(scans / name)
    (place / "data_pipelines").symlink_to(REPOSITORY / "data_pipelines")
    for language, text in blocks(page):
        if language == "bash":
            lines = [line.split("  #")[0].strip() for line in text.splitlines()]
            commands = [
                shortened(line) for line in lines if line and not line.startswith("#") and runnable(line)
            ]
            run_shell("\n".join(commands), place)
        elif language == "python":
            (place / "block.py").write_text(text)
            run_shell(f"{shlex.quote(sys.executable)} block.py", place)
        else:
            assert language in ("toml", "json", "text"), (
                f"{page.name}: a block of unknown language {language!r}"
            )


def test_every_block_says_its_language() -> None:
    unnamed = [page.name for page in PAGES for language, _ in blocks(page) if not language]
    assert not unnamed


def test_make_targets_in_the_pages_exist() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_extras_in_the_pages_exist() -> None:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(REPOSITORY / "setup.cfg")
    extras = set(setup["options.extras_require"])
    text = " ".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = {extra for group in re.findall(r"\.\[([a-z,]+)\]", text) for extra in group.split(",")}
    assert "dicom" in named <= extras


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in link and not (page.parent / link).exists():
                broken.append(f"{page.name}: {link}")
    assert not broken
