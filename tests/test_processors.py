"""The processors of a container count, not those of its host."""

import os
from pathlib import Path

import pytest

from lfsr_tf.processors import usable_processors


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))


def groups(folder: Path, **files: str) -> Path:
    """A mounted hierarchy; `cpu__a_b` is the file `cpu/a.b` and `cpu_max` is `cpu.max`."""
    for name, text in files.items():
        path = folder / name.replace("__", "/cpu.") if "__" in name else folder / name.replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n")
    return folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000", 8),
        ("50000 100000", 1),
        ("250000 100000", 3),
        ("9900000 100000", 8),
        ("100000 0", 8),
        ("", 8),
    ],
)
def test_a_quota_of_the_second_version_counts(text: str, expected: int, tmp_path: Path) -> None:
    assert usable_processors(groups(tmp_path, cpu_max=text)) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("50000", 1), ("400000", 4)])
def test_a_quota_of_the_first_version_counts(quota: str, expected: int, tmp_path: Path) -> None:
    folder = groups(tmp_path, cpu__cfs_quota_us=quota, cpu__cfs_period_us="100000")
    assert usable_processors(folder) == expected


def test_without_control_groups_the_mask_alone_counts(tmp_path: Path) -> None:
    assert usable_processors(tmp_path / "none") == 8
