"""The steps of a preparation on an engine in this process: what fails, and what the next run makes of it."""

import errno
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError, LfsrError, OutOfMemoryError, OutputError, ScanError
from lfsr_tf.hashing import sha256_file
from lfsr_tf.pairs import DatasetInfo, PairsConfig, open_dataset, read_records
from lfsr_tf.pairs.dataset import fingerprint, write_description
from lfsr_tf.pairs.preparing.describe import describe
from lfsr_tf.pairs.preparing.jobs import JOBS, Job, answer, result_of
from lfsr_tf.pairs.preparing.preparation import Preparation
from lfsr_tf.pairs.preparing.workspace import Workspace
from lfsr_tf.scans.reading import Reader
from tests.pairs.conftest import Scans

# Two training shards, with all scans and without one: shards of the two plans have the same names.
CONFIG = PairsConfig(hr_size=32, lr_patch=8, patches_per_slice=45, noise_copies=3, shard_mebibytes=1)
Kinds = dict[str, Callable[..., Any]]


class HereEngine:
    """Does the jobs one after the other, by functions of which a test may exchange some."""

    def __init__(self, **kinds: Callable[..., Any]) -> None:
        self._kinds = JOBS | kinds

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        for number, job in enumerate(jobs):
            yield number, result_of(answer(job, self._kinds))


def prepare(scans: Scans, output: Path, engine: HereEngine) -> DatasetInfo:
    run = Preparation(engine, CONFIG)
    sources = run.hashed(run.listed([scans.train], [scans.validation]))
    workspace = Workspace(output, fingerprint(CONFIG, [asdict(source) for source in sources]))
    workspace.open(overwrite=False)
    with workspace.discarded_on_refusal():
        built = run.build(sources, workspace)
        workspace.publish([shard.file for shard in built.shards])
        write_description(describe(workspace, CONFIG, built))
        workspace.close()
    return open_dataset(output)


def scan_that_ends(name: str, error: Exception) -> Callable[..., Any]:
    """The job that slices a scan, but for one that cannot be used."""

    def cache_scan(**arguments: Any) -> Any:
        if arguments["source"]["name"] == name:
            raise error
        return JOBS["scan"](**arguments)

    return cache_scan


def shard_that_is_killed(after: int) -> Callable[..., Any]:
    """The job that writes a shard; the run is killed when it has written some."""
    written = []

    def make_shard(**arguments: Any) -> Any:
        if len(written) == after:
            raise KeyboardInterrupt
        written.append(arguments["target"])
        return JOBS["shard"](**arguments)

    return make_shard


@pytest.mark.parametrize("described", [True, False])
def test_shards_of_other_scans_are_not_taken_over(scans: Scans, tmp_path: Path, described: bool) -> None:
    output = tmp_path / "records"
    away = scan_that_ends("sub-02_T2w.nii.gz", ScanError("The disk does not answer."))
    with pytest.raises(KeyboardInterrupt):
        prepare(scans, output, HereEngine(scan=away, shard=shard_that_is_killed(after=1)))
    assert list(output.glob(".preparing-*/shards/*"))
    if not described:  # as a version left it that did not say which scans its plan was for
        for file in output.glob(".preparing-*/scans.json"):
            file.unlink()
    info = prepare(scans, output, HereEngine())
    assert not info.failed
    keys = Counter(int(record["key"]) for record in read_records(output, "train"))
    assert len(keys) == keys.total() == info.train.records
    assert info.train == prepare(scans, tmp_path / "whole", HereEngine()).train


def test_shards_of_the_same_scans_are_taken_over(scans: Scans, tmp_path: Path) -> None:
    away = scan_that_ends("sub-02_T2w.nii.gz", ScanError("It is damaged."))
    with pytest.raises(KeyboardInterrupt):
        prepare(scans, tmp_path, HereEngine(scan=away, shard=shard_that_is_killed(after=1)))
    (shard,) = tmp_path.glob(".preparing-*/shards/*")
    written = shard.stat().st_mtime_ns
    prepare(scans, tmp_path, HereEngine(scan=away))
    assert (tmp_path / shard.name).stat().st_mtime_ns == written


def test_records_that_lack_a_scan_are_others_than_those_that_have_it(scans: Scans, tmp_path: Path) -> None:
    away = scan_that_ends("sub-02_T2w.nii.gz", ScanError("The disk does not answer."))
    without = prepare(scans, tmp_path / "without", HereEngine(scan=away))
    whole = prepare(scans, tmp_path / "whole", HereEngine())
    assert whole.fingerprint == without.fingerprint
    assert whole.identity == {"fingerprint": whole.fingerprint}
    assert without.identity == {"fingerprint": whole.fingerprint, "failed": ["sub-02_T2w.nii.gz"]}


def test_a_disk_that_tensorflow_finds_full_is_no_lack_of_memory(scans: Scans, tmp_path: Path) -> None:
    error = tf.errors.ResourceExhaustedError(None, None, "pairs.tfrecord; No space left on device")
    with pytest.raises(
        OutputError, match=r"Cannot write: .*No space left on device\. Check the free space\."
    ):
        prepare(scans, tmp_path, HereEngine(scan=scan_that_ends("sub-02_T2w.nii.gz", error)))
    assert list(tmp_path.glob(".preparing-*/slices/*.json"))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), r""),
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"), r" \(OOM when allocating\)"),
    ],
)
def test_too_little_memory_is_no_fault_of_a_scan(
    scans: Scans, tmp_path: Path, error: Exception, reason: str
) -> None:
    full = scan_that_ends("sub-02_T2w.nii.gz", error)
    with pytest.raises(
        OutOfMemoryError, match=rf"^sub-02_T2w\.nii\.gz: Not enough memory{reason}\. Use fewer"
    ) as told:
        prepare(scans, tmp_path, HereEngine(scan=full))
    assert "\n" not in str(told.value) and "hr_size" not in str(told.value)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob(".preparing-*/slices/*.json")}
    assert kept
    with pytest.raises(KeyboardInterrupt):
        prepare(scans, tmp_path, HereEngine(shard=shard_that_is_killed(after=0)))
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    assert not prepare(scans, tmp_path, HereEngine()).failed


@pytest.mark.parametrize("step", ["reading", "writing"])
def test_nor_is_it_where_a_scan_is_read_or_its_slices_are_written(
    scans: Scans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise MemoryError

    if step == "reading":
        monkeypatch.setattr("lfsr_tf.scans.reading._reader_of", lambda path: Reader("", bool, full))
    else:
        monkeypatch.setattr("lfsr_tf.pairs.preparing.slice_cache.np.save", full)
    with pytest.raises(OutOfMemoryError, match=r"^sub-01_T1w\.nii\.gz: .*memory"):
        prepare(scans, tmp_path, HereEngine())
    assert list(tmp_path.glob(".preparing-*")) and not (tmp_path / "dataset.json").exists()


@pytest.mark.parametrize("kind", ["hash", "scan", "shard"])
def test_jobs_that_an_engine_loses_are_not_taken_for_done(scans: Scans, tmp_path: Path, kind: str) -> None:
    class Losing(HereEngine):
        """Gives no answer to the last job, as a runner that drops what it was given."""

        def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
            yield from super().run(jobs[:-1] if jobs[0]["kind"] == kind else jobs)

    with pytest.raises(
        LfsrError, match=r"^Expected word of (\d) jobs\. Received: of \d; the runner lost the others"
    ):
        prepare(scans, tmp_path, Losing())
    assert not (tmp_path / "dataset.json").exists()
    assert not prepare(scans, tmp_path, HereEngine()).failed


def unreadable(patch: pytest.MonkeyPatch, *names: str, reason: str = "Input/output error") -> None:
    """Have the system read all files but some."""

    def hash_file(path: Path) -> str:
        if path.name in names:
            raise OSError(errno.EIO, reason, str(path))
        return sha256_file(path)

    patch.setattr("lfsr_tf.pairs.preparing.listing.sha256_file", hash_file)


def test_a_scan_that_could_not_be_hashed_is_not_used(
    scans: Scans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable(monkeypatch, "sub-02_T2w.nii.gz")
    info = prepare(scans, tmp_path, HereEngine())
    (failed,) = info.failed
    assert failed["name"] == "sub-02_T2w.nii.gz"
    assert failed["error"].startswith("Expected a scan that can be read. Received: /")
    assert "T2w" not in info.train.contrasts


def test_neither_place_nor_message_of_an_unreadable_scan_makes_other_records(
    scans: Scans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable(monkeypatch, "sub-02_T2w.nii.gz")
    here = prepare(scans, tmp_path / "here", HereEngine())
    moved = Scans(tmp_path / "moved" / "train", tmp_path / "moved" / "val")
    shutil.copytree(scans.train, moved.train)
    shutil.copytree(scans.validation, moved.validation)
    unreadable(monkeypatch, "sub-02_T2w.nii.gz", reason="Remote I/O error")
    there = prepare(moved, tmp_path / "there", HereEngine())
    assert there.fingerprint == here.fingerprint and there.sources == here.sources
    assert all(re.fullmatch("[0-9a-f]{64}", source["sha256"]) for source in here.sources)


def test_unreadable_scans_of_one_name_are_no_equal_ones(
    scans: Scans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validation = Path(shutil.copytree(scans.validation, tmp_path / "val"))
    shutil.copy(scans.train / "sub-02_T2w.nii.gz", validation)
    unreadable(monkeypatch, "sub-02_T2w.nii.gz")
    info = prepare(Scans(scans.train, validation), tmp_path / "records", HereEngine())
    assert [entry["name"] for entry in info.failed] == 2 * ["sub-02_T2w.nii.gz"]


def test_what_other_commands_have_in_hand_beside_the_records_stays(scans: Scans, tmp_path: Path) -> None:
    theirs, ours = tmp_path / ".partial-12-sub-01_sr.nii.gz", tmp_path / ".partial-12-dataset.json"
    theirs.touch()
    ours.touch()
    prepare(scans, tmp_path, HereEngine())
    assert theirs.exists() and not ours.exists()


def test_where_the_other_scans_do_not_suffice_the_broken_ones_are_told(scans: Scans, tmp_path: Path) -> None:
    broken = scan_that_ends("sub-11_T1w.nii.gz", ScanError("Expected a scan. Received: half."))
    with pytest.raises(ConfigError, match="none of them for validation") as told:
        prepare(scans, tmp_path, HereEngine(scan=broken))
    assert str(told.value).endswith(
        " 1 of 5 scans could not be used; the first: sub-11_T1w.nii.gz: Expected a scan. Received: half."
    )


def test_no_scans_at_all_are_refused() -> None:
    with pytest.raises(LfsrError, match=r"Expected scans\. Received: none\."):
        Preparation(HereEngine(), CONFIG).hashed([])
