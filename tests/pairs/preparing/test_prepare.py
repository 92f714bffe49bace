import shutil
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError, OutputError, RecordsError, ScanError
from lfsr_tf.locking import exclusive
from lfsr_tf.pairs import PairsConfig, load_preset, open_dataset, prepare_dataset, read_records
from lfsr_tf.pairs.reading import check_records
from lfsr_tf.storage import read_json
from tests.pairs.conftest import contents, write_head

SMALL = PairsConfig(hr_size=32, lr_patch=8, patches_per_slice=6, shard_mebibytes=1)
# How many workers there are and how they start is in test_workers.py.
pytestmark = pytest.mark.usefixtures("lent")


def test_nothing_but_shards_and_their_description_is_left(pairs_records) -> None:
    names = {path.name for path in pairs_records.iterdir()}
    shards = {
        shard.file
        for split in ("train", "validation")
        for shard in open_dataset(pairs_records).split(split).shards
    }
    assert names == shards | {"dataset.json"}


def test_every_slice_gives_its_patches_once(pairs_records) -> None:
    places = Counter(
        (record["scan"], int(record["slice"]), *record["patch"].tolist())
        for record in read_records(pairs_records, "train")
    )
    info = open_dataset(pairs_records)
    assert set(places.values()) == {1}
    assert len(places) == info.train.records == 6 * info.train.slices
    slices = {(scan, number) for scan, number, *_ in places}
    assert len(slices) == info.train.slices


def test_no_subject_is_on_both_sides(pairs_records, slices_records) -> None:
    for folder in (pairs_records, slices_records):
        subjects = {
            side: {record["subject"] for record in read_records(folder, side)}
            for side in ("train", "validation")
        }
        assert subjects == {"train": {"sub-01", "sub-02", "sub-03"}, "validation": {"sub-11"}}


def test_records_hold_what_the_description_says(pairs_records) -> None:
    info = open_dataset(pairs_records)
    contrasts = Counter(record["contrast"] for record in read_records(pairs_records, "train"))
    assert {name: count // 6 for name, count in contrasts.items()} == info.train.contrasts
    described = read_json(pairs_records / "dataset.json")
    assert described["schema_version"] == 1
    assert PairsConfig.from_json(described["config"]) == SMALL
    assert {"lfsr_tf", "tensorflow", "numpy"} <= described["versions"].keys()
    assert all(len(source["sha256"]) == 64 for source in described["sources"])
    # 48 voxels of 2 mm over 32 HR pixels, and two of those an LR pixel.
    assert info.spacing_mm == pytest.approx((6.0, 6.0))


def test_slices_and_people_that_give_no_record_are_not_described(scans, tmp_path) -> None:
    config = PairsConfig(hr_size=32, lr_patch=8, train_pairs=3, validation_pairs=2)
    info = prepare_dataset(scans.train, scans.validation, tmp_path / "records", config, workers=1)
    for side, pairs in (("train", 3), ("validation", 2)):
        records = list(read_records(tmp_path / "records", side))
        slices = Counter(
            contrast for *_, contrast in {(r["scan"], r["slice"], r["contrast"]) for r in records}
        )
        described = info.split(side)
        assert described.slices == slices.total() <= pairs == described.records
        assert described.contrasts == slices
        assert set(described.subjects) == {record["subject"] for record in records}


def test_a_recorded_pair_is_the_degraded_slice(pairs_records, slices_records) -> None:
    slices = {
        (record["scan"], int(record["slice"])): record["hr"]
        for record in read_records(slices_records, "train")
    }
    for record in read_records(pairs_records, "train"):
        row, column = 2 * record["patch"]
        whole = slices[record["scan"], int(record["slice"])]
        np.testing.assert_array_equal(record["hr"], whole[row : row + 16, column : column + 16])
        assert (record["hr"] > SMALL.head_threshold).mean() >= SMALL.min_patch_head
        assert 0.0 <= record["sigma"] <= 0.08


def test_a_finished_preparation_is_not_done_again(scans, pairs_records) -> None:
    before = {path: path.stat().st_mtime_ns for path in pairs_records.iterdir()}
    prepare_dataset(scans.train, scans.validation, pairs_records, SMALL, workers=1)
    assert before == {path: path.stat().st_mtime_ns for path in pairs_records.iterdir()}


def test_finished_records_that_one_may_only_read_are_looked_at(scans, pairs_records, monkeypatch) -> None:
    monkeypatch.setattr("lfsr_tf.pairs.preparing.prepare.os.access", lambda path, mode: path != pairs_records)
    monkeypatch.setattr("lfsr_tf.pairs.preparing.prepare.exclusive", None)
    config = open_dataset(pairs_records).config
    found = prepare_dataset(scans.train, scans.validation, pairs_records, config, workers=1)
    assert found.fingerprint == open_dataset(pairs_records).fingerprint


def test_records_of_other_settings_are_kept_unless_told_otherwise(scans, pairs_records, tmp_path) -> None:
    folder = Path(shutil.copytree(pairs_records, tmp_path / "records"))
    (folder / "notes.txt").write_text("mine")
    other = PairsConfig(
        **{**SMALL.to_json(), "acquisition": SMALL.acquisition, "train_pairs": 25, "noise_copies": 2}
    )
    before = contents(folder)
    with pytest.raises(ConfigError, match="overwrite"):
        prepare_dataset(scans.train, scans.validation, folder, other, workers=1)
    assert contents(folder) == before
    info = prepare_dataset(scans.train, scans.validation, folder, other, workers=1, overwrite=True)
    assert info.train.records == 25
    assert len(list(read_records(folder, "train"))) == 25
    left = {path.name for path in folder.iterdir()}
    assert left == {shard.file for shard in (*info.train.shards, *info.validation.shards)} | {
        "dataset.json",
        "notes.txt",
    }


@pytest.mark.parametrize("damage", ["a changed shard", "a missing shard", "another schema"])
def test_damaged_records_are_made_anew_where_told_to(scans, pairs_records, tmp_path, damage: str) -> None:
    folder = Path(shutil.copytree(pairs_records, tmp_path / "records"))
    shard = next(folder.glob("pairs-train-*"))
    if damage == "a changed shard":
        shard.write_bytes(shard.read_bytes() + b"x")
    elif damage == "a missing shard":
        shard.unlink()
    else:
        description = folder / "dataset.json"
        description.write_text(description.read_text().replace('"schema_version": 1', '"schema_version": 99'))
    with pytest.raises(RecordsError, match="--overwrite"):
        check_records(open_dataset(folder))
    prepare_dataset(scans.train, scans.validation, folder, SMALL, workers=1, overwrite=True)
    assert contents(folder) == contents(pairs_records)


def test_a_file_that_cannot_be_read_is_one_scan_that_failed(scans, tmp_path) -> None:
    train = Path(shutil.copytree(scans.train, tmp_path / "train"))
    (train / "sub-04_T1w.nii.gz").symlink_to(tmp_path / "nowhere.nii.gz")
    with pytest.raises(ScanError, match=r"1 of 6 scans.*sub-04_T1w"):
        prepare_dataset(train, scans.validation, tmp_path / "records", SMALL, workers=1)
    assert open_dataset(tmp_path / "records").train.subjects == ("sub-01", "sub-02", "sub-03")


def test_a_cut_dicom_file_is_one_scan_that_failed(scans, tmp_path, shared_data: Path) -> None:
    train = Path(shutil.copytree(scans.train, tmp_path / "train"))
    whole = next((shared_data / "readers" / "dicom_datalad_T1_axial").glob("*.dcm")).read_bytes()
    (train / "sub-09").mkdir()
    (train / "sub-09" / "a.dcm").write_bytes(whole[:200])
    with pytest.raises(ScanError, match=r"1 of 6 scans.*sub-09"):
        prepare_dataset(train, scans.validation, tmp_path / "records", SMALL, workers=1)
    assert open_dataset(tmp_path / "records").train.subjects == ("sub-01", "sub-02", "sub-03")


def test_names_that_are_no_utf8_are_names_too(scans, tmp_path) -> None:
    train = Path(shutil.copytree(scans.train, tmp_path / "train"))
    odd = "M\udcfcller"
    (train / "sub-01_T1w.nii.gz").rename(train / f"{odd}_T1w.nii.gz")
    folder = tmp_path / "records"
    info = prepare_dataset(train, scans.validation, folder, SMALL, workers=1)
    assert odd in " ".join(info.train.subjects)
    assert any(odd in record["scan"] for record in read_records(folder, "train"))
    with pytest.raises(ScanError, match="does not exist"):
        prepare_dataset(tmp_path / ("x" * 300), None, tmp_path / "other", SMALL, workers=1)


def test_the_same_subject_in_both_folders_is_refused_before_anything_is_built(scans, tmp_path) -> None:
    validation = Path(shutil.copytree(scans.validation, tmp_path / "val"))
    shutil.copy(scans.train / "sub-02_T2w.nii.gz", validation / "sub-02_FLAIR.nii.gz")
    with pytest.raises(ConfigError, match="both training and validation"):
        prepare_dataset(scans.train, validation, tmp_path / "records", SMALL, workers=1)
    assert not list((tmp_path / "records").glob("*"))


def test_a_scan_that_is_there_twice_is_refused(scans, tmp_path) -> None:
    train = Path(shutil.copytree(scans.train, tmp_path / "train"))
    (train / "copy").mkdir()
    shutil.copy(train / "sub-01_T1w.nii.gz", train / "copy")
    with pytest.raises(
        ConfigError, match=r"copy/sub-01_T1w\.nii\.gz and sub-01_T1w\.nii\.gz, which are equal"
    ):
        prepare_dataset(train, scans.validation, tmp_path / "records", SMALL, workers=1)
    assert not list((tmp_path / "records").glob("*"))


def test_subjects_are_split_by_hash_when_no_validation_is_named(scans, tmp_path) -> None:
    config = PairsConfig(hr_size=32, lr_patch=8, validation_fraction=0.6)
    info = prepare_dataset([scans.train, scans.validation], None, tmp_path / "records", config, workers=1)
    assert set(info.train.subjects) | set(info.validation.subjects) == {
        "sub-01",
        "sub-02",
        "sub-03",
        "sub-11",
    }
    assert not set(info.train.subjects) & set(info.validation.subjects)


def test_whole_slices_can_be_recorded(scans, tmp_path) -> None:
    config = PairsConfig(hr_size=32, lr_patch=0, noise_copies=2)
    info = prepare_dataset(scans.train, scans.validation, tmp_path / "records", config, workers=1)
    records = list(read_records(tmp_path / "records", "validation"))
    assert len(records) == info.validation.records == 2 * info.validation.slices
    assert {(record["lr"].shape, record["hr"].shape) for record in records} == {((16, 16), (32, 32))}
    copies = [record for record in records if record["slice"] == records[0]["slice"]]
    assert not np.array_equal(copies[0]["lr"], copies[1]["lr"])
    np.testing.assert_array_equal(copies[0]["hr"], copies[1]["hr"])


def test_progress_is_told_of_every_step(scans, tmp_path) -> None:
    seen: dict[str, list[int]] = {}

    @contextmanager
    def progress(description: str, total: int | None):
        seen[description] = [total, 0]

        def advance(steps: int = 1) -> None:
            seen[description][1] += steps

        yield advance

    prepare_dataset(scans.train, scans.validation, tmp_path / "records", SMALL, workers=1, progress=progress)
    assert len(seen) >= 3
    assert all(total == done for total, done in seen.values())


def test_a_missing_or_empty_folder_is_refused(scans, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    for wrong in ("empty", "absent"):
        with pytest.raises(ScanError, match=wrong):
            prepare_dataset(tmp_path / wrong, scans.validation, tmp_path / "records", SMALL, workers=1)


def test_an_output_that_cannot_be_a_folder_is_refused(scans, tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    for output in (tmp_path / "file", tmp_path / "file" / "records"):
        with pytest.raises(OutputError, match="Cannot write"):
            prepare_dataset(scans.train, scans.validation, output, SMALL, workers=1)


def test_two_preparations_of_one_folder_exclude_each_other(scans, tmp_path) -> None:
    output = tmp_path / "records"
    with exclusive(output):
        # The first refusal leaves the folder, and with it the lock, where they are.
        for _ in range(2):
            with pytest.raises(OutputError, match="Another process"):
                prepare_dataset(scans.train, scans.validation, output, SMALL, workers=1)
        assert output.is_dir()
    assert not output.exists()


def test_without_a_configuration_it_is_what_the_command_does(tmp_path) -> None:
    train = write_head(tmp_path / "train" / "sub-1_T1w.nii.gz", 1, shape=(132, 132, 2))
    validation = write_head(tmp_path / "val" / "sub-2_T1w.nii.gz", 2, shape=(132, 132, 2))
    info = prepare_dataset(train, validation, tmp_path / "records", workers=1)
    assert info.config == load_preset("quick")


def test_no_workers_is_refused(scans, tmp_path) -> None:
    with pytest.raises(ConfigError, match="at least 1 worker"):
        prepare_dataset(scans.train, scans.validation, tmp_path, SMALL, workers=0)
