"""The reader is found by name, slices are cut in the plane asked for, folders are searched."""

import errno
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lfsr_tf.errors import ConfigError, ScanError
from lfsr_tf.scans import Scan, find_scans, naming, read_scan, read_volumes, reading
from lfsr_tf.scans.naming import subject_from_path, without_suffix
from lfsr_tf.scans.reading import READERS


def test_every_format_is_read_by_its_name(nifti_file, hdf5_file, tmp_path, image):
    np.save(tmp_path / "a.npy", image(3, 20, 24))
    np.savez(tmp_path / "b.NPZ", image(3, 20, 24))
    (tmp_path / "b.NPZ.npz").rename(tmp_path / "b.NPZ")
    paths = {
        "nifti": [
            nifti_file(image(20, 24, 6), name="a.nii"),
            nifti_file(image(20, 24, 6), name="b.NII.GZ.nii.gz"),
        ],
        "fastmri": [hdf5_file("c.h5", reconstruction_rss=image(3, 20, 24))],
        "numpy": [tmp_path / "a.npy", tmp_path / "b.NPZ"],
    }
    for name, files in paths.items():
        assert [read_scan(file).format for file in files] == [name] * len(files)


def test_each_name_has_one_reader(tmp_path):
    for name in ("a.nii", "a.nii.gz", "a.h5", "a.hdf5", "a.npy", "a.npz", "a.dcm", "a.dicom", "a.IMA"):
        assert sum(reader.takes(tmp_path / name) for reader in READERS) == 1


def test_a_line_in_the_table_is_all_that_a_new_format_needs(tmp_path, image, monkeypatch):
    monkeypatch.setattr(naming, "SCAN_SUFFIXES", naming.SCAN_SUFFIXES)
    start = "FILE_READERS = (\n"
    source = Path(reading.__file__).read_text()
    assert start in source
    line = '    Reader("Foo (.foo)", (".foo",), read_foo),\n'
    longer = ModuleType("longer")
    monkeypatch.setitem(sys.modules, "longer", longer)

    def read_foo(path):
        return [Scan(image(20, 24, 6), np.eye(4), subject=subject_from_path(path))]

    longer.__dict__["read_foo"] = read_foo
    exec(compile(source.replace(start, start + line), "longer", "exec"), longer.__dict__)
    path = tmp_path / "p01" / "T1.foo"
    path.parent.mkdir()
    path.write_text("an image")
    assert longer.find_scans(tmp_path) == [path]
    assert [scan.subject for scan in longer.read_volumes(path)] == ["p01"]
    assert without_suffix("x.FOO") == without_suffix("x.nii.gz") == without_suffix("x.IMA") == "x"
    assert without_suffix("x.dicom") == "x"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (KeyError("sizes"), r"reader failed \(KeyError: 'sizes'\)"),
        ([], "in which there is none"),
        (
            [Scan(np.ones((20, 24, 6), np.complex64), np.eye(4))],
            r"Received: complex64 along 3 from the reader",
        ),
        ([Scan(np.ones((20, 24), np.float32), np.eye(4))], r"Received: float32 along 2 from the reader"),
    ],
)
def test_a_reader_that_fails_or_gives_no_scan_is_one_line(given, message, tmp_path, monkeypatch):
    def read(path):
        if isinstance(given, Exception):
            raise given
        return given

    (tmp_path / "a.foo").touch()
    monkeypatch.setattr(reading, "_reader_of", lambda path: reading.Reader("Foo (.foo)", (".foo",), read))
    with pytest.raises(ScanError, match=message):
        reading.read_volumes(tmp_path / "a.foo")


def test_the_plane_is_chosen_by_axis_or_by_name(nifti_file, image):
    path = nifti_file(image(40, 24, 20))
    assert read_scan(path).plane == "axial"
    assert read_scan(path, slice_axis="coronal").slices().shape == (24, 40, 20)
    assert read_scan(path, slice_axis=0).slices().shape == (40, 24, 20)
    with pytest.raises(ConfigError, match="Expected a plane"):
        read_scan(path, slice_axis="oblique")


def test_a_plane_with_enough_pixels_is_read_though_the_usual_one_is_too_small(nifti_file, image):
    path = nifti_file(image(8, 40, 30), np.eye(4))
    with pytest.raises(ScanError, match=r"at least 16 x 16 pixels. Received: 8 x 40"):
        read_scan(path)
    assert read_scan(path, slice_axis="sagittal").slices().shape == (8, 40, 30)


def test_a_series_is_read_volume_by_volume_only(nifti_file, image):
    path = nifti_file(np.stack([image(20, 24, 6)] * 3, axis=-1))
    assert len(read_volumes(path)) == 3
    with pytest.raises(
        ScanError, match=r"Expected one volume. Received: a series of 3 in .* Read it with read_volumes"
    ):
        read_scan(path)


def test_folders_are_searched_deeply_and_hidden_files_left_out(tmp_path, nifti_file, image):
    (tmp_path / "sub-02" / "anat").mkdir(parents=True)
    (tmp_path / ".cache").mkdir()
    names = ["sub-01_T1w.nii.gz", "sub-02/anat/x.nii", ".partial-1-y.nii.gz", ".cache/z.nii"]
    for name in names:
        nifti_file(image(20, 24, 6), name=name)
    (tmp_path / "notes.txt").write_text("no scan")
    (tmp_path / "sub-01_T1w.json").write_text("{}")
    assert find_scans(tmp_path) == [tmp_path / names[0], tmp_path / names[1]]


def test_linked_folders_are_searched_and_each_scan_is_found_once(tmp_path, nifti_file, image):
    data, store = tmp_path / "data", tmp_path / "store"
    for folder in (data / "sub-02", store / "sub-01" / "anat", store / ".hidden"):
        folder.mkdir(parents=True)
        nifti_file(image(20, 24, 6), name=f"{folder.relative_to(tmp_path)}/scan.nii")
    links = {
        data / "sub-01": store / "sub-01",
        data / "again": store / "sub-01" / "anat",
        data / "latest": data / "sub-02",
        data / "sub-02" / "up": data,
        data / "sub-02" / "further_up": tmp_path,
        store / "sub-01" / "round": store / "sub-01",
        data / "nowhere": tmp_path / "absent",
    }
    for link, target in links.items():
        link.symlink_to(target)
    found = [data / "again" / "scan.nii", data / "sub-02" / "scan.nii"]
    assert find_scans(data) == found
    (data / "again").unlink()
    assert find_scans(data) == [data / "sub-01" / "anat" / "scan.nii", data / "sub-02" / "scan.nii"]
    assert find_scans(data / "latest") == [data / "latest" / "scan.nii"]


def test_a_folder_that_cannot_be_searched_is_named(tmp_path, nifti_file, image, monkeypatch):
    closed = tmp_path / "sub-01"
    closed.mkdir()
    nifti_file(image(20, 24, 6), name="sub-02_T1w.nii")
    scandir = os.scandir

    def refusing(path):
        if path == str(closed):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(ScanError, match=r"Expected folders .* Received: .*sub-01: Permission denied\. Ask"):
        find_scans(tmp_path)


def test_a_file_is_its_own_scan_and_an_empty_folder_has_none(tmp_path, nifti_file, image):
    path = nifti_file(image(20, 24, 6))
    assert find_scans(path) == [path]
    (tmp_path / "empty").mkdir()
    assert find_scans(tmp_path / "empty") == []


@pytest.mark.parametrize("name", ["slice.dcm", "slice.dicom"])
def test_a_file_that_only_claims_to_be_dicom_is_listed_so_that_its_damage_is_reported(tmp_path, name):
    (tmp_path / name).write_bytes(b"nothing of the kind")
    assert find_scans(tmp_path) == [tmp_path / name]
    with pytest.raises(ScanError, match="DICOM"):
        read_scan(tmp_path / name)


def test_real_series_count_once_each(shared_data):
    found = find_scans(shared_data / "readers")
    assert [path.name for path in found] == [
        "brain8ch_cartesian_ksp.npy",
        "brain8ch_fastmri_layout.h5",
        "dicom_datalad_T1_axial",
        "dicom_enhanced_multiframe_xa30",
        "dicom_papaya_PD_axial",
    ]


@pytest.mark.parametrize("name", ["scan.none", "scan.txt", "scan"])
def test_what_no_reader_takes_is_refused_with_the_list_of_formats(tmp_path, name):
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(
        ScanError, match=r"Expected NIfTI \(.nii, .nii.gz\), .* DICOM .* Received: .*, none of them"
    ):
        read_scan(tmp_path / name)


def test_a_folder_without_dicom_is_refused_as_a_scan(tmp_path):
    with pytest.raises(ScanError, match="a folder without DICOM files in it"):
        read_scan(tmp_path)
