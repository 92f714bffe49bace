"""What is installed is whole: the wheel enhances a scan with its own weights, and without a network."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lfsr_tf.models import list_models
from lfsr_tf.scans import phantom_scan, read_scan, write_scan

ROOT = Path(__file__).resolve().parent.parent
# Any attempt to connect ends the process with an error.
OFFLINE = """
import sys
sys.path.insert(0, sys.argv.pop(1))
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        raise ConnectionRefusedError(event)
sys.addaudithook(refuse)
import lfsr_tf
from lfsr_tf.cli.app import main
print(lfsr_tf.__file__)
main()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    done = subprocess.run([*command, folder, "."], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("lfsr_tf-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_has_the_weights_and_their_cards(installed: Path) -> None:
    shipped = {path.name for path in (installed / "lfsr_tf" / "models" / "shipped").iterdir()}
    assert shipped == {f"{name}{suffix}" for name in list_models() for suffix in (".json", ".safetensors")}


@pytest.mark.slow
def test_the_wheel_enhances_a_scan_offline(installed: Path, tmp_path: Path) -> None:
    write_scan(phantom_scan(1, "T1w", slices=2), tmp_path / "scan.nii.gz")
    command = [sys.executable, "-c", OFFLINE, str(installed), "enhance", "scan.nii.gz", "-o", "out"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(installed) in done.stdout.splitlines()[0]
    (result,) = (tmp_path / "out").glob("*.nii.gz")
    before, after = read_scan(tmp_path / "scan.nii.gz").slices(), read_scan(result).slices()
    assert after.shape == (2, 2 * before.shape[1], 2 * before.shape[2])
