"""What a type checker makes of the public names, which are imported when they are first used."""

import subprocess
import sys
from pathlib import Path

import pytest

import lfsr_tf
from lfsr_tf import pairs, physics, serving

ROOT = Path(__file__).resolve().parent.parent

WRONG = """
import lfsr_tf as lfsr
from lfsr_tf.physics import fft2c

class Mine(lfsr.EnhanceConfig): ...

lfsr.read_scan(1)
lfsr.AcquisitionConfig(nonsense=3)
lfsr.no_such_name
fft2c()
reveal_type(lfsr.read_scan("scan.nii"))
"""


def test_a_type_checker_knows_the_public_names() -> None:
    alone = ["--config-file=", "--follow-imports=silent", "--ignore-missing-imports"]
    command = [sys.executable, "-m", "mypy", *alone, "-c", WRONG]
    said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    expected = {
        7: 'Argument 1 to "read_scan" has incompatible type "int"',
        8: 'Unexpected keyword argument "nonsense"',
        9: 'Module has no attribute "no_such_name"',
        10: 'Missing positional argument "image" in call to "fft2c"',
        11: 'Revealed type is "lfsr_tf.scans.scan.Scan"',
    }
    for line, words in expected.items():
        assert any(one.startswith(f"<string>:{line}: ") and words in one for one in said), (line, said)
    assert len([one for one in said if one.startswith("<string>")]) == len(expected)


@pytest.mark.parametrize("package", [lfsr_tf, pairs, physics, serving], ids=lambda package: package.__name__)
def test_each_name_is_there_and_no_other(package) -> None:
    assert all(hasattr(package, name) for name in package.__all__)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018
