"""What a preparation takes: folders, scans, manifests, and their hashes."""

import hashlib
import shutil
from pathlib import Path

import pytest

from lfsr_tf.errors import ScanError
from lfsr_tf.hashing import sha256_file
from lfsr_tf.pairs import PairsConfig, prepare_dataset
from lfsr_tf.pairs.preparing.listing import Listed, hash_scan, list_scans
from tests.pairs.conftest import SMALL
from tests.scans.dicom.conftest import write_multiframe, write_series

__all__ = ["write_multiframe", "write_series"]


@pytest.fixture
def archive(scans, tmp_path: Path) -> Path:
    """All scans in one folder, for a manifest to stand beside."""
    shutil.copytree(scans.train, tmp_path / "archive")
    shutil.copytree(scans.validation, tmp_path / "archive", dirs_exist_ok=True)
    return tmp_path / "archive"


def manifest(folder: Path, text: str) -> Path:
    path = folder / "scans.csv"
    path.write_text(text)
    return path


def test_scans_are_named_from_the_folder_that_was_given(scans) -> None:
    names = [listed.name for listed in list_scans(scans.train)]
    assert names == ["sub-01_T1w.nii.gz", "sub-02_T1w.nii.gz", "sub-02_T2w.nii.gz", "sub-03_FLAIR.nii.gz"]
    path = scans.train / names[0]
    assert list_scans(path, "train") == [Listed(names[0], str(path), "train")]


def test_the_hash_of_a_series_folder_sees_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.dcm").write_bytes(b"x")
    (tmp_path / "a" / "2.dcm").write_bytes(b"y")
    first = hash_scan(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert hash_scan(tmp_path / "b") == first
    (tmp_path / "b" / "2.dcm").rename(tmp_path / "b" / "3.dcm")
    assert hash_scan(tmp_path / "b") != first
    (tmp_path / "a" / "2.dcm").write_bytes(b"z")
    assert hash_scan(tmp_path / "a") != first


def test_the_hash_of_a_series_folder_is_of_the_files_that_are_read(write_series, tmp_path: Path) -> None:
    folder = write_series()
    names = sorted(file.name for file in folder.iterdir())
    text = b"".join(f"{name}\0{sha256_file(folder / name)}\0".encode() for name in names)
    # As it was before anything else lay there, and as earlier records tell it.
    expected = hashlib.sha256(text).hexdigest()
    assert hash_scan(folder) == hash_scan(folder / names[0]) == expected
    (folder / ".DS_Store").write_bytes(b"a file browser")
    (folder / "notes.txt").write_text("nobody reads this")
    (folder / "below").mkdir()
    shutil.copy(folder / names[0], folder / "below")
    assert hash_scan(folder) == hash_scan(folder / names[0]) == expected


def test_a_multiframe_file_has_its_own_hash_whatever_is_beside_it(write_multiframe, tmp_path: Path) -> None:
    paths = [write_multiframe(name=name) for name in ("a.dcm", "b.dcm")]
    (tmp_path / "cut.dcm").write_bytes(paths[0].read_bytes()[:300])
    assert [hash_scan(path) for path in paths] == [sha256_file(path) for path in paths]


def test_a_manifest_gives_sides_subjects_and_contrasts(archive: Path) -> None:
    path = manifest(
        archive, "path,split,subject,contrast\nsub-11_T1w.nii.gz,validation,,\nsub-01_T1w.nii.gz,,P1,PD\n"
    )
    assert list_scans(path) == [
        Listed("sub-01_T1w.nii.gz", str(archive / "sub-01_T1w.nii.gz"), "auto", "P1", "PD"),
        Listed("sub-11_T1w.nii.gz", str(archive / "sub-11_T1w.nii.gz"), "validation"),
    ]


@pytest.mark.usefixtures("lent")
def test_a_preparation_follows_a_manifest(archive: Path, tmp_path: Path) -> None:
    path = manifest(
        archive,
        "path,split,subject\nsub-11_T1w.nii.gz,validation,V\nsub-01_T1w.nii.gz,train,A\n"
        "sub-02_T1w.nii.gz,train,A\n",
    )
    info = prepare_dataset(path, None, tmp_path / "records", PairsConfig(**SMALL), workers=1)
    assert (info.train.subjects, info.validation.subjects) == (("A",), ("V",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file\nsub-01_T1w.nii.gz\n", "the column path.*with file"),
        ("path,age\nsub-01_T1w.nii.gz,7\n", "with path, age"),
        ("", "with no header"),
        ("path\n", "without any"),
        ("path\nsub-01_T1w.nii.gz\n./sub-01_T1w.nii.gz\n", "sub-01_T1w.nii.gz 2 times"),
        ("path\nsub-99.nii.gz\n", "in line 2 .*does not exist"),
        ("path\n../archive/../secret.nii\n", "a path below .* in line 2"),
        ("path\n/etc/passwd\n", "a path below .* in line 2 .*/etc/passwd"),
        ("path,split\nsub-01_T1w.nii.gz,test\n", "a split of train, validation, auto in line 2 .*test"),
        ("path,split\nsub-01_T1w.nii.gz\n", "2 values in line 2"),
        ("path,split\nsub-01_T1w.nii.gz,train,x\n", "2 values in line 2"),
        ('path\n"sub-01\n', "a manifest in CSV"),
    ],
)
def test_a_manifest_that_cannot_be_followed_is_one_line(archive: Path, text: str, message: str) -> None:
    with pytest.raises(ScanError, match=message) as caught:
        list_scans(manifest(archive, text))
    assert len(str(caught.value).splitlines()) == 1


def test_a_manifest_that_one_may_not_read_is_one_line(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = manifest(archive, "path\n")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(
        ScanError, match=r"^Expected a manifest that can be read\. .*\(Permission denied\)\. Check"
    ):
        list_scans(path)


def test_a_link_out_of_the_folder_is_not_followed(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.nii.gz").write_bytes(b"x")
    (archive / "inside.nii.gz").symlink_to(tmp_path / "outside.nii.gz")
    with pytest.raises(ScanError, match="a path below") as caught:
        list_scans(manifest(archive, "path\ninside.nii.gz\n"))
    assert f"inside.nii.gz, which leads to {tmp_path / 'outside.nii.gz'}. Copy" in str(caught.value)


def test_a_link_to_itself_is_one_line(archive: Path) -> None:
    (archive / "loop.nii.gz").symlink_to("loop.nii.gz")
    with pytest.raises(ScanError, match="does not exist"):
        list_scans(manifest(archive, "path\nloop.nii.gz\n"))


def test_a_manifest_for_one_side_may_not_name_the_other(archive: Path) -> None:
    path = manifest(archive, "path,split\nsub-01_T1w.nii.gz,validation\n")
    assert [listed.split for listed in list_scans(path, "validation")] == ["validation"]
    with pytest.raises(ScanError, match=r"scans for train .* for validation"):
        list_scans(path, "train")
