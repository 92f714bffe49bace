"""A disk that fills up at the very end of a build: what is done is kept, and the next one goes on from it."""

import errno
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from data_pipelines.pairs_builder import builder as pairs_builder
from lfsr_tf.errors import OutputError
from tests.data_pipelines.conftest import small_builder, write_scan


def states(data: Path) -> dict[str, int]:
    """When each cached slice and each finished shard was written."""
    return {path.name: path.stat().st_mtime_ns for path in data.rglob(".preparing-*/s*/*") if path.is_file()}


def test_a_disk_that_fills_up_when_all_shards_are_made_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(info: tfds.core.DatasetInfo, folder: object, **_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pairs_builder, "words_of", lambda options: ["--direct_running_mode=in_memory"])
    write_scan(tmp_path / "scans" / "train" / "sub-1_T1w.nii.gz", 1)
    write_scan(tmp_path / "scans" / "validation" / "sub-9_T1w.nii.gz", 9)
    config = tfds.download.DownloadConfig(manual_dir=tmp_path / "scans")
    data = tmp_path / "data"
    with monkeypatch.context() as patch:
        patch.setattr(tfds.core.DatasetInfo, "write_to_directory", full)
        with pytest.raises(OutputError, match=r"^Cannot make .*No space left on device.* done is kept\.$"):
            small_builder(data).download_and_prepare(download_config=config)
    assert not small_builder(data).is_prepared()
    kept = states(data)
    assert any(name.startswith("pairs-train-") for name in kept)
    written: list[dict[str, int]] = []
    put = pairs_builder._put
    monkeypatch.setattr(pairs_builder, "_put", lambda *paths: written.append(states(data)) or put(*paths))
    small_builder(data).download_and_prepare(download_config=config)
    assert written[0] == kept
    assert small_builder(data).info.splits["train"].num_examples == 500
    place = data / "low_field_sr" / "small"
    assert {path.name for path in place.iterdir()} == {"1.0.0"}
    # A kill may come before the last folder goes; one of other scans is another build's.
    own = f".preparing-{small_builder(data).info.metadata['fingerprint']}"
    for name in (own, ".preparing-other"):
        (place / name / "slices").mkdir(parents=True)
    small_builder(data).download_and_prepare(download_config=config)
    assert {path.name for path in place.iterdir()} == {"1.0.0", ".preparing-other"}
