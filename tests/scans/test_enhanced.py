"""Results of enhancement are told from scans by the sidecars beside them."""

import json
from pathlib import Path

import pytest

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.preparing.listing import list_scans
from lfsr_tf.scans import find_scans
from lfsr_tf.scans.enhanced import is_result, recorded_outputs


def write_sidecar(path: Path, *outputs: str) -> None:
    volumes = [{"output": name} for name in outputs]
    path.write_text(json.dumps({"schema_version": 1, "volumes": volumes}))


def test_a_result_is_what_the_sidecar_beside_it_names(tmp_path: Path) -> None:
    (tmp_path / "series.1_sr").mkdir()
    write_sidecar(tmp_path / "series.1_sr.json", "series.1_sr")
    write_sidecar(tmp_path / "bold_sr.json", "bold_sr_v1.nii.gz", "bold_sr_v2.nii.gz")
    write_sidecar(tmp_path / "sharp_v3.json", "sharp_v3.nii")
    results = ["series.1_sr", "bold_sr_v1.nii.gz", "bold_sr_v2.nii.gz", "sharp_v3.nii"]
    others = ["bold_sr.nii.gz", "bold_sr_v3.nii.gz", "sharp_v3.nii.gz", "below/sharp_v3.nii", "_v1.nii"]
    assert [is_result(tmp_path / name) for name in results] == [True] * 4
    assert [is_result(tmp_path / name) for name in others] == [False] * 5


@pytest.mark.parametrize(
    "text", ["no JSON", "[]", '{"schema_version": 1, "volumes": [3]}', "{}", 200_000 * "["]
)
def test_what_is_no_sidecar_tells_of_no_results(text: str, tmp_path: Path) -> None:
    sidecar = tmp_path / "a_sr.json"
    sidecar.write_text(text)
    assert recorded_outputs(sidecar) == []


def test_searches_for_measurements_leave_results_out(tmp_path: Path) -> None:
    scan, result = tmp_path / "sub-01_T1w.nii.gz", tmp_path / "out" / "sub-01_T1w_sr.nii.gz"
    result.parent.mkdir()
    for path in (scan, result):
        path.write_bytes(b"not looked at")
    write_sidecar(tmp_path / "out" / "sub-01_T1w_sr.json", result.name)
    assert find_scans(tmp_path) == [result, scan]
    assert find_scans(tmp_path, results=False) == [scan]
    assert [listed.path for listed in list_scans(tmp_path)] == [str(scan)]
    # Whoever names one wants it.
    assert find_scans(result, results=False) == [result]
    assert [listed.path for listed in list_scans(result)] == [str(result)]


def test_a_folder_of_results_alone_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x_sr.nii").write_bytes(b"")
    write_sidecar(tmp_path / "x_sr.json", "x_sr.nii")
    with pytest.raises(ScanError, match=r"none that a reader knows; .*`lfsr enhance` do not count"):
        list_scans(tmp_path)
