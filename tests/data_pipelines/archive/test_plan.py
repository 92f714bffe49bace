import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from data_pipelines.archive.paths import name_inside, printable
from data_pipelines.archive.plan import Plan, archive_folder, plan_archive
from lfsr_tf.errors import ConfigError, LfsrError, ScanError
from lfsr_tf.scans.enhanced import SIDECAR_SCHEMA


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder


def fill(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not looked at")


def manifest(folder: Path, *names: str) -> Path:
    path = folder / "manifest.csv"
    path.write_text("\n".join(["path,site", *(f'"{name}",1' for name in names)]), encoding="utf-8")
    return path


def targets(plan: Plan) -> dict[str, str]:
    return {task.name: task.target for task in plan.tasks}


def refused(plan: Plan) -> dict[str, str]:
    return {outcome.name: outcome.error for outcome in plan.refused}


def test_results_keep_the_folders_of_their_scans(scans: Path, tmp_path: Path) -> None:
    fill(scans, "a/x.nii.gz", "b/x.nii.gz", "y.h5")
    plan = plan_archive(scans, tmp_path / "out")
    assert targets(plan) == {"a/x.nii.gz": "a/x_sr", "b/x.nii.gz": "b/x_sr", "y.h5": "y_sr"}
    assert archive_folder(scans) == scans


def test_a_manifest_lists_scans_relative_to_its_folder_each_once(scans: Path, tmp_path: Path) -> None:
    path = manifest(scans, "a/x.nii.gz", "b/../a/x.nii.gz", str(scans / "y.h5"), "", "missing.nii")
    fill(scans, "a/x.nii.gz", "y.h5", "unlisted.nii")
    plan = plan_archive(path, tmp_path / "out")
    assert targets(plan) == {"a/x.nii.gz": "a/x_sr", "missing.nii": "missing_sr", "y.h5": "y_sr"}


def test_no_path_of_a_manifest_leads_out_of_its_folder(scans: Path, tmp_path: Path) -> None:
    fill(tmp_path, "outside.nii", "scans/inside.nii")
    (scans / "link.nii").symlink_to(tmp_path / "outside.nii")
    (scans / "folder").symlink_to(tmp_path)
    (scans / "inner-link.nii").symlink_to(scans / "inside.nii")
    names = ("../outside.nii", "/etc/passwd", "link.nii", "folder/outside.nii", "a/../../outside.nii")
    plan = plan_archive(manifest(scans, *names, "inner-link.nii"), tmp_path / "out")
    assert set(refused(plan)) == set(names)
    assert set(targets(plan)) == {"inner-link.nii"}


def test_a_link_to_itself_is_left_to_its_reader(scans: Path, tmp_path: Path) -> None:
    fill(scans, "inside.nii")
    (scans / "loop.nii").symlink_to("loop.nii")
    for found in (scans, manifest(scans, "inside.nii", "loop.nii")):
        assert set(targets(plan_archive(found, tmp_path / "out"))) == {"inside.nii", "loop.nii"}


def test_links_out_of_a_folder_are_refused(scans: Path, tmp_path: Path) -> None:
    fill(tmp_path, "outside.nii", "scans/inside.nii")
    (scans / "link.nii").symlink_to(tmp_path / "outside.nii")
    plan = plan_archive(scans, tmp_path / "out")
    assert set(targets(plan)) == {"inside.nii"}
    assert "leads out" in refused(plan)["link.nii"]


def test_scans_whose_results_would_have_one_name_are_refused(scans: Path, tmp_path: Path) -> None:
    fill(scans, "x.nii", "x.nii.gz", "x.h5", "other.nii", "a/x.nii")
    plan = plan_archive(scans, tmp_path / "out")
    assert set(targets(plan)) == {"other.nii", "a/x.nii"}
    assert set(refused(plan)) == {"x.nii", "x.nii.gz", "x.h5"}
    assert all("x.h5, x.nii, x.nii.gz" in error for error in refused(plan).values())


def test_a_result_that_would_stand_inside_the_folder_of_another_is_refused(
    scans: Path, tmp_path: Path
) -> None:
    fill(scans, "series.nii", "series_sr/deep/x.nii", "other.nii")
    plan = plan_archive(scans, tmp_path / "out")
    assert set(targets(plan)) == {"other.nii"}
    assert set(refused(plan)) == {"series.nii", "series_sr/deep/x.nii"}


@pytest.mark.parametrize("second", ["enh/x_sr.nii.gz", "enh/x_sr_v2.nii.gz", "enh/x_sr/1.dcm", "link.nii.gz"])
def test_a_result_that_would_take_the_place_of_a_scan_is_refused(
    scans: Path, tmp_path: Path, second: str
) -> None:
    fill(scans, "x.nii.gz", "other.nii", "enh/x_sr.nii.gz")
    (scans / "link.nii.gz").symlink_to(scans / "enh" / "x_sr.nii.gz")
    plan = plan_archive(manifest(scans, "x.nii.gz", "other.nii", second), scans / "enh")
    assert set(targets(plan)) == {"other.nii", second}
    assert second in refused(plan)["x.nii.gz"]


@pytest.mark.parametrize("name", [b"caf\xe9.nii", b"two\nlines.nii", b"bell\x07.nii", b"a\ttab.nii"])
def test_a_name_that_no_table_can_hold_is_refused_and_escaped(
    scans: Path, tmp_path: Path, name: bytes
) -> None:
    fill(scans, "fine é 脑\u00a0.nii")
    Path(os.fsdecode(os.fsencode(scans) + b"/" + name)).write_bytes(b"")
    plan = plan_archive(scans, tmp_path / "out")
    assert set(targets(plan)) == {"fine é 脑\u00a0.nii"}
    ((shown, error),) = refused(plan).items()
    assert shown == printable(os.fsdecode(name))
    assert shown.encode("utf-8").decode().splitlines() == [shown]
    assert "Rename" in error


@pytest.mark.parametrize(
    ("name", "received"),
    [
        (b"caf\xe9.nii", "bytes that are not UTF-8"),
        (b"two\tcolumns.nii", "control characters"),
        (b"two\nlines.nii", "control characters"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(scans: Path, name: bytes, received: str) -> None:
    with pytest.raises(ScanError, match=f"Expected a path in UTF-8 without.* Received: {received}"):
        name_inside(scans, os.fsdecode(name))


def test_results_inside_the_archive_are_not_enhanced_again(scans: Path) -> None:
    fill(scans, "x.nii", "enhanced/x_sr.nii.gz")
    assert set(targets(plan_archive(scans, scans / "enhanced"))) == {"x.nii"}


def test_results_of_another_run_inside_the_archive_are_no_scans(scans: Path) -> None:
    fill(scans, "x.nii", "fast/x_sr.nii.gz")
    sidecar = {"schema_version": SIDECAR_SCHEMA, "volumes": [{"output": "x_sr.nii.gz"}]}
    (scans / "fast" / "x_sr.json").write_text(json.dumps(sidecar))
    assert set(targets(plan_archive(scans, scans / "best"))) == {"x.nii"}


@pytest.mark.parametrize("output", [".", ".."])
def test_an_output_that_holds_the_scans_is_refused(scans: Path, output: str) -> None:
    fill(scans, "x.nii")
    with pytest.raises(ConfigError, match="holds them"):
        plan_archive(scans, scans / output)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"file\nx.nii\n", ConfigError, "column 'path'"),
        (b"", ConfigError, "column 'path'"),
        (b"path\n\xff\xfe.nii\n", LfsrError, "CSV file in UTF-8"),
        (b'path\n"x.nii', LfsrError, "CSV file in UTF-8"),
        (b"path\n", ScanError, "Received: none"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_in_one_line(
    scans: Path, tmp_path: Path, content: bytes, error: type[Exception], words: str
) -> None:
    path = scans / "manifest.csv"
    path.write_bytes(content)
    with pytest.raises(error, match=words) as caught:
        plan_archive(path, tmp_path / "out")
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="not there"):
        plan_archive(tmp_path / "nowhere", tmp_path / "out")


def test_an_empty_folder_is_refused(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="Received: none"):
        plan_archive(scans, tmp_path / "out")


def test_a_folder_that_is_one_series_is_one_scan(
    scans: Path, tmp_path: Path, make_series: Callable[[Path], None]
) -> None:
    make_series(scans)
    assert targets(plan_archive(scans, tmp_path / "out")) == {".": "scans_sr"}
