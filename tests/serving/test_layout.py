"""Which folders are versions, and where a new one is put."""

from pathlib import Path

import pytest

from lfsr_tf.errors import ModelError, OutputError
from lfsr_tf.serving.layout import check_path, version_folder, versions


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A model's folder with names of every kind, and a file."""
    good = ("10", "9", "0", "00000123", "03", "003", str(2**63 - 1))
    bad = (".4", "4.tmp", "v4", "-4", "\u0664", str(2**63), "9" * 40)
    for name in (*good, *bad):
        (tmp_path / "lfsr" / name).mkdir(parents=True)
    (tmp_path / "lfsr" / "8").write_text("a file")
    return tmp_path


def test_versions_are_folders_with_a_number_that_a_message_can_hold(base: Path) -> None:
    expected = {0: "0", 3: "03", 9: "9", 10: "10", 123: "00000123", 2**63 - 1: str(2**63 - 1)}
    found = versions(base / "lfsr")
    assert {number: path.name for number, path in found.items()} == expected
    assert list(found) == sorted(expected)
    assert versions(base / "other") == {}


@pytest.mark.parametrize("number", [3, 8, 123])
def test_what_stands_is_no_place_for_a_new_version_however_it_is_written(number: int, base: Path) -> None:
    with pytest.raises(OutputError, match="Expected a new version"):
        version_folder(base, "lfsr", number)


@pytest.mark.parametrize("name", ["br[ab]", "a\\b", "b\udcffd"])
def test_a_path_that_tensorflow_cannot_read_from_is_no_place_for_a_version(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Expected a model's folder without \[\.\.\.\] and backslashes"):
        version_folder(tmp_path / name, "lfsr", None)


@pytest.mark.parametrize("name", ["a b", "50%", "x:y", "\u00e9", "a*b?", "a]b[c", "{d}"])
def test_any_other_path_is(name: str, tmp_path: Path) -> None:
    check_path(tmp_path / name)
