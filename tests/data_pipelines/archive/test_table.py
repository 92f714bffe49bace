import json
from pathlib import Path

from data_pipelines.archive.settings import ArchiveSettings, Task
from data_pipelines.archive.table import COLUMNS, rows_of


def test_a_figure_that_an_earlier_sidecar_lacks_is_left_empty(tmp_path: Path) -> None:
    volume = {name.split(".")[0]: None for name in COLUMNS} | {"output": "x_sr.nii.gz", "warnings": []}
    del volume["offset"]
    sidecar = {"input": {"sha256": {"x.nii": "abc"}}, "volumes": [volume]}
    (tmp_path / "x_sr.json").write_text(json.dumps(sidecar))
    settings = ArchiveSettings(tmp_path, tmp_path, tmp_path, "")
    (row,) = rows_of(settings, Task("x.nii", "x_sr"))
    assert set(row) == set(COLUMNS) and row["offset"] is None
