"""Which files are repetitions of one scan, and which do not belong together."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from lfsr_tf.errors import ConfigError, ScanError
from lfsr_tf.pairs import PairsConfig
from lfsr_tf.pairs.preparing.listing import Listed, hash_scan, list_scans, repetitions_of
from lfsr_tf.pairs.preparing.repetitions import average, measure
from lfsr_tf.pairs.preparing.slice_cache import cache_scan
from lfsr_tf.pairs.preparing.sources import Source
from tests.pairs.conftest import Writer

from .repeated import CONFIG, coils_of, read, rss, to_kspace, write_repetitions


def test_repetitions_are_one_scan_and_other_files_stay_single(tmp_path: Path) -> None:
    names = ["2022061003_T102.h5", "2022061003_T101.h5", "2022061003_T201.h5", "2022061003_FLAIR01.h5"]
    names += ["2022061003_FLAIR02.hdf5", "2022061004_T101.h5", "file1000001.h5", "sub-01_T1w.nii.gz"]
    for name in (*names, "other/2022061003_T103.h5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = {listed.name: listed for listed in list_scans(tmp_path, "train")}
    others = {name: [Path(path).name for path in listed.repetitions] for name, listed in found.items()}
    assert others == {
        "2022061003_FLAIR01.h5": ["2022061003_FLAIR02.hdf5"],
        "2022061003_T101.h5": ["2022061003_T102.h5"],
        "2022061003_T201.h5": [],
        "2022061004_T101.h5": [],
        "file1000001.h5": [],
        "other/2022061003_T103.h5": [],
        "sub-01_T1w.nii.gz": [],
    }
    assert {found[name].subject for name in ("2022061003_T201.h5", "2022061003_FLAIR01.h5")} == {"2022061003"}
    assert found["file1000001.h5"].subject == ""


def test_labels_that_differ_keep_repetitions_apart() -> None:
    first = Listed("2022061003_T101.h5", "/a/2022061003_T101.h5", "train", "P1")
    second = Listed("2022061003_T102.h5", "/a/2022061003_T102.h5", "train", "P2")
    assert repetitions_of([first, second]) == [first, second]


def test_the_hash_sees_every_repetition(write: Writer) -> None:
    first, second, third = write_repetitions(write)
    hashes = {hash_scan(first), hash_scan(first, [second]), hash_scan(first, [second, third])}
    assert len(hashes | {hash_scan(second, [first])}) == 4
    before = hash_scan(first, [second, third])
    third.write_bytes(third.read_bytes() + b"\0")
    assert hash_scan(first, [second, third]) != before


def test_what_does_not_belong_together_is_refused(write: Writer) -> None:
    first, second, _ = write_repetitions(write)
    kspace = to_kspace(coils_of())
    cases = [
        (
            write(kspace[:3], "short/2022061003_T102.h5"),
            r"k-space .* \[4, 4, 64, 64\] in .* \[3, 4, 64, 64\]",
        ),
        (write(kspace, "2022061003_T202.h5"), "contrast T1w in .* T2w"),
        (write(kspace, "2022061009_T102.h5"), "subject 2022061003 in .* 2022061009"),
    ]
    for path, message in cases:
        with pytest.raises(ScanError, match=message) as raised:
            read([first, path])
        assert "\n" not in str(raised.value)
    with pytest.raises(ScanError, match="two or more repetitions"):
        read([first])
    other = write(to_kspace(coils_of()[:, ::-1, :, ::-1]), "turned/2022061003_T102.h5")
    with pytest.raises(ScanError, match="repetitions of one object"):
        average(read([first, other]))
    scaled = [write(gain * kspace, f"times-{gain}/2022061003_T102.h5") for gain in (0.8, 0.95, 1.05, 1.2)]
    for path, gain in ((scaled[0], "0.8"), (scaled[3], "1.2")):
        with pytest.raises(
            ScanError, match=rf"one intensity\. Received: .*, which is {gain}\d* times as bright"
        ):
            average(read([first, path]))
    for path in (second, *scaled[1:3]):
        assert average(read([first, path])).kspace is None


def test_images_without_kspace_and_equal_files_are_refused(write: Writer, tmp_path: Path) -> None:
    first, *_ = write_repetitions(write)
    with h5py.File(tmp_path / "2022061003_T102.h5", "w") as file:
        file["reconstruction_rss"] = rss(coils_of()).astype(np.float32)
    with pytest.raises(ScanError, match="with images only"):
        read([first, tmp_path / "2022061003_T102.h5"])
    with h5py.File(first) as file:
        copy = write(file["kspace"][()], "copy/2022061003_T102.h5")
    with pytest.raises(ScanError, match="noise of their own"):
        measure(read([first, copy]), CONFIG)


def test_measured_noise_is_for_fixed_pairs_of_acquired_slices(scans, tmp_path: Path) -> None:
    for wrong in ({"mode": "slices"}, {"noise_copies": 2}, {"plane": "coronal"}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            PairsConfig(pairing="repetitions", **wrong)
    with pytest.raises(ConfigError, match="pairing"):
        PairsConfig(pairing="measured")
    one = scans.train / "sub-01_T1w.nii.gz"
    with pytest.raises(ScanError, match="two or more repetitions"):
        cache_scan(tmp_path, 0, Source(one.name, str(one), sha256=""), CONFIG)
