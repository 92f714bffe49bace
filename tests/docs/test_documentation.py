"""Every command and code block of the README and of docs/ runs, in the order of its page.

So that a page takes seconds, some commands get options beside those of the page (`shortened`): a training has
few steps and a tiny network, unless it starts from a shipped one; slices and patches of records are small;
Beam works without worker processes; the tiny network is exported in the place of a shipped one, and goes
unchecked where another block checks it; a server has ports that are free (`SERVER_PORTS`), and no warm-up
to play. In Python batches and networks are smaller, and Beam works likewise (`SMALLER`). The README's blocks
run first, and its records and its run are those of the other pages: in training.md the same commands find
them finished. The README's commands are processes of their own; those of other pages are copies of one that
has TensorFlow imported (tests/warm_commands.py), so that variables which libraries read when they are
imported do nothing there. Nothing else differs from what a reader types.
"""

import configparser
import contextlib
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lfsr_tf.scans import phantom_scan, write_scan
from tests.shell import run_shell
from tests.warm_commands import warm_commands

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"
PAGES = [
    README,
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is put behind the name of a command: the page's own options come later and count.
TINY_NETWORK = " --set network_settings.blocks=1 --set network_settings.filters=4"
# What is put at the end of a command.
FEW_STEPS = " --set epochs=1 --set steps_per_epoch=3 --set validation_steps=1"
SMALL_SLICES = " --hr-size 64 --lr-patch 8"
# tests/data_pipelines builds data sets, and enhances archives, with Beam's worker processes.
IN_MEMORY = "direct_running_mode=in_memory"
# tests/cli has an export checked, a block of export.md is that check, and OpenVINO's is another.
UNCHECKED = ("README.md", "deploying.md", "export.md", "serving.md", "archive.md")
# Whose server would play each version's warm-up, most of its start; tests/cli serves a run with one.
COLD = ("serving.md",)
# Of `lfsr serve` and its clients in the pages: another server of this machine may have them.
SERVER_PORTS = ("8500", "8501")
# Programs that import TensorFlow.
WARM = ("lfsr", "python", "saved_model_cli", "tfds")
TINY_DENSE = "blocks=1, layers_per_block=1, growth=4, stem_filters=8, bottleneck=8"
SMALLER = {
    "batch_size=16": "batch_size=2",
    "blocks=2, layers_per_block=4": TINY_DENSE,
    '{"blocks": 2, "layers_per_block": 4}': f"dict({TINY_DENSE})",
    '"distribute=true"': '"distribute=true", "network_settings={blocks=1, filters=4}"',
    'manual_dir="scans"': 'manual_dir="scans", '
    f'beam_options=__import__("apache_beam").pipeline.PipelineOptions(["--{IN_MEMORY}"])',
}


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def runnable(command: str) -> bool:
    """`make` and `pip` install things: the tests below look at them in another way."""
    return not command.startswith(("make ", "pip ", ".venv/bin/pip "))


def shortened(command: str, page: str = "") -> str:
    if "lfsr train " in command and "--start-from" not in command:
        # The network of a model to start from is the preset's own.
        command = command.replace("lfsr train", "lfsr train" + TINY_NETWORK, 1)
    if command.startswith("lfsr train "):
        return command + FEW_STEPS
    if command.startswith("lfsr prepare "):
        return command + SMALL_SLICES
    if command.startswith("lfsr serve "):
        return command.replace("lfsr serve", "lfsr serve --port 8500 --rest-api-port 8501", 1)
    if command.startswith("tfds build "):
        return f"{command} --beam_pipeline_options={IN_MEMORY}"
    if "python -m data_pipelines.archive " in command:
        return f"{command} --{IN_MEMORY}"
    if command.startswith("lfsr export "):
        command = re.sub(r"(?<=export )(fast|best)", "runs/quick", command)
        if page in UNCHECKED and "--format openvino" not in command:
            command += " --no-check"
        return command + " --warm-up none" if page in COLD else command
    return command


def python_command(text: str, place: Path) -> str:
    """Write a block of Python into a file; the command that runs it."""
    for large, small in SMALLER.items():
        text = text.replace(large, small)
    (place / "block.py").write_text(text)
    return "python block.py"


def free_ports() -> dict[str, str]:
    """A free port of this machine for each of `SERVER_PORTS`."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in SERVER_PORTS]
        return {port: str(each.getsockname()[1]) for port, each in zip(SERVER_PORTS, sockets, strict=True)}


def run_blocks(page: Path, place: Path, **variables: str) -> None:
    ports = free_ports()

    def with_ports(text: str) -> str:
        return re.sub("|".join(SERVER_PORTS), lambda found: ports[found[0]], text)

    for language, text in blocks(page):
        if language == "bash":
            lines = [line.split("  #")[0].strip() for line in text.splitlines()]
            commands = [line for line in lines if line and not line.startswith("#") and runnable(line)]
            run_shell(
                with_ports("\n".join(shortened(command, page.name) for command in commands)),
                place,
                **variables,
            )
        elif language == "python":
            run_shell(python_command(with_ports(text), place), place, **variables)
        else:
            assert language in ("toml", "json", "text"), (
                f"{page.name}: a block of unknown language {language!r}"
            )


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages speak of: scans, and the records and the run that the README makes of them."""
    folder = tmp_path_factory.mktemp("scans")
    for place, subjects in (("train", (1, 2, 3)), ("val", (11, 12))):
        for subject in subjects:
            scan = phantom_scan(subject, "T2w", slices=6)
            write_scan(scan, folder / place / f"sub-{subject:02d}_T2w.nii.gz")
    run_shell("lfsr simulate val/sub-11_T2w.nii.gz -o scan.nii.gz", folder)
    run_blocks(README, folder)
    return folder


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a shell finds programs: some are warm."""
    with warm_commands(tmp_path_factory.mktemp("warm"), WARM) as programs:
        yield f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where the blocks of a page run; a server that a page starts and does not end is ended here."""
    yield tmp_path
    started = tmp_path / "serve.pid"
    if started.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(started.read_text()), signal.SIGKILL)


@pytest.mark.slow
def test_every_block_of_the_readme_runs_and_its_model_is_one_for_the_commands(scans: Path) -> None:
    assert (scans / "mine" / "model.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_every_block_of_a_page_runs(page: Path, scans: Path, place: Path, path: str) -> None:
    for name in ("train", "val", "scan.nii.gz", "records"):
        (place / name).symlink_to(scans / name)
    shutil.copytree(scans / "runs", place / "runs")
    (place / "data_pipelines").symlink_to(REPOSITORY / "data_pipelines")
    run_blocks(page, place, PATH=path)


def test_every_block_says_its_language() -> None:
    unnamed = [page.name for page in PAGES for language, _ in blocks(page) if not language]
    assert not unnamed


def test_no_module_is_run_with_the_files_of_the_folder_it_is_started_in() -> None:
    lines = [line for page in PAGES for _, text in blocks(page) for line in text.splitlines()]
    modules = [line for line in lines if re.search(r"python -m (data_pipelines|lfsr_tf)\b", line)]
    assert modules and [line for line in modules if not line.startswith("PYTHONSAFEPATH=1 python")] == []


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
