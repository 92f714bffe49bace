import json
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose

from lfsr_tf.errors import ConfigError, OutputError, ScanError
from lfsr_tf.inference import EnhanceConfig, Enhancer, enhance_file
from lfsr_tf.inference.enhance import Enhanced
from lfsr_tf.inference.files import check_target
from lfsr_tf.inference.finished import is_finished
from lfsr_tf.inference.jobs import Job, plan_jobs
from lfsr_tf.inference.predict import Advance
from lfsr_tf.networks import TrainedModel
from lfsr_tf.placing import move_into_place
from lfsr_tf.scans import Scan, read_scan, read_volumes, write_scan

FullDisk = Callable[[int], AbstractContextManager[None]]
ScanOf = Callable[..., Scan]


@pytest.fixture(scope="module")
def enhancer(interpolator: TrainedModel) -> Enhancer:
    return Enhancer(interpolator)


@pytest.fixture
def scan_file(tmp_path: Path, complex_images: Callable[..., np.ndarray], scan_of: ScanOf) -> Path:
    path = tmp_path / "in" / "sub-07_T2w.nii.gz"
    write_scan(scan_of(np.abs(complex_images((40, 36), count=3))), path)
    return path


@pytest.fixture
def job(scan_file: Path, tmp_path: Path) -> Job:
    return Job(scan_file, tmp_path / "out" / "sub-07_T2w_sr")


def test_the_result_and_its_sidecar_are_written(enhancer: Enhancer, job: Job, scan_file: Path) -> None:
    written = enhance_file(enhancer, job)
    (output,) = written.outputs
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "sub-07_T2w_sr.json",
        "sub-07_T2w_sr.nii.gz",
    ]
    before, after = nib.load(scan_file), nib.load(output)
    assert after.shape == (80, 72, 3)
    np.testing.assert_allclose(after.affine[:3, 3], before.affine[:3, 3], atol=1e-5)
    np.testing.assert_allclose(
        after.header.get_zooms()[:2], np.array(before.header.get_zooms()[:2]) / 2, rtol=1e-5
    )


def test_the_sidecar_says_where_the_result_comes_from(enhancer: Enhancer, job: Job) -> None:
    sidecar = json.loads(enhance_file(enhancer, job).sidecar.read_text())
    (volume,) = sidecar["volumes"]
    assert len(sidecar["input"]["sha256"]["sub-07_T2w.nii.gz"]) == 64
    assert volume["output"] == "sub-07_T2w_sr.nii.gz"
    assert volume["model"]["name"] == "tiny"
    assert volume["noise"]["in_training_range"] is True
    assert len(volume["consistency"]) == 8
    assert set(volume) >= {"spacing", "matrix", "spectrum", "warnings", "reference_intensity", "contrast"}


def test_a_series_is_enhanced_volume_by_volume(enhancer: Enhancer, tmp_path: Path) -> None:
    series = np.random.default_rng(0).random((32, 30, 3, 2)).astype(np.float32) * [1.0, 100.0]
    nib.save(nib.Nifti1Image(series.astype(np.float32), np.diag([1, 1, 5, 1])), tmp_path / "bold.nii.gz")
    written = enhance_file(enhancer, Job(tmp_path / "bold.nii.gz", tmp_path / "bold_sr"))
    assert [path.name for path in written.outputs] == ["bold_sr_v1.nii.gz", "bold_sr_v2.nii.gz"]
    references = [sidecar.reference_intensity for sidecar in written.outputs.values()]
    assert references[1] == pytest.approx(100 * references[0], rel=0.05)
    assert len(json.loads(written.sidecar.read_text())["volumes"]) == 2


def test_the_slices_of_another_plane_can_be_enhanced(enhancer: Enhancer, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).random((20, 24, 28)).astype(np.float32)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "scan.nii.gz")
    coronal = Enhancer(enhancer.network, EnhanceConfig(plane="coronal"))
    written = enhance_file(coronal, Job(tmp_path / "scan.nii.gz", tmp_path / "cor"))
    (path,) = written.outputs
    assert nib.load(path).shape == (40, 24, 56)
    enhanced = coronal(read_scan(tmp_path / "scan.nii.gz")).scan
    assert_allclose(enhanced.voxels, nib.load(path).get_fdata(), rtol=1e-6)


def test_an_earlier_result_is_only_replaced_when_asked(enhancer: Enhancer, job: Job) -> None:
    enhance_file(enhancer, job)
    with pytest.raises(OutputError, match="--overwrite"):
        enhance_file(enhancer, job)
    enhance_file(enhancer, job, overwrite=True)


class Meanwhile(Enhancer):
    """Something happens while a scan is enhanced."""

    def __init__(self, enhancer: Enhancer, happens: Callable[[], object]) -> None:
        super().__init__(enhancer.network)
        self._happens = happens

    def __call__(self, scan: Scan, advance: Advance | None = None) -> Enhanced:
        self._happens()
        return super().__call__(scan, advance)


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"another scan"), Path.unlink])
def test_a_scan_that_is_replaced_meanwhile_has_no_result(
    change: Callable[[Path], object], enhancer: Enhancer, job: Job
) -> None:
    with pytest.raises(ScanError, match="changed while it was read"):
        enhance_file(Meanwhile(enhancer, lambda: change(job.source)), job)
    assert not job.target.parent.exists()


@pytest.mark.parametrize("suffix", [".nii.gz", ".json"])
def test_what_another_process_has_written_meanwhile_is_left_alone(
    suffix: str, enhancer: Enhancer, job: Job
) -> None:
    theirs = job.target.with_name(f"{job.target.name}{suffix}")
    with pytest.raises(OutputError, match="which another process has made meanwhile"):
        enhance_file(Meanwhile(enhancer, lambda: theirs.write_text("theirs")), job)
    assert [path.read_text() for path in job.target.parent.iterdir()] == ["theirs"]


def test_a_signal_waits_until_result_and_sidecar_are_in_place(
    enhancer: Enhancer, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(temporary: Path, target: Path, *, overwrite: bool) -> None:
        move_into_place(temporary, target, overwrite=overwrite)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("lfsr_tf.inference.files.move_into_place", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            enhance_file(enhancer, job)
    finally:
        signal.signal(signal.SIGINT, before)
    assert is_finished(job, enhancer, "same")


def test_the_input_is_never_replaced(enhancer: Enhancer, scan_file: Path) -> None:
    before = scan_file.read_bytes()
    with pytest.raises(OutputError, match="other than the input"):
        enhance_file(enhancer, Job(scan_file, scan_file.with_name("sub-07_T2w")), overwrite=True)
    assert scan_file.read_bytes() == before
    assert [path.name for path in scan_file.parent.iterdir()] == [scan_file.name]


def test_a_folder_that_is_a_file_is_refused_before_the_work(
    enhancer: Enhancer, scan_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        enhance_file(enhancer, Job(scan_file, tmp_path / "file" / "below" / "scan_sr"))
    assert (tmp_path / "file").read_text() == ""


def test_a_full_disk_leaves_nothing_behind(enhancer: Enhancer, job: Job, full_disk: FullDisk) -> None:
    named = rf"Cannot write {job.target}\.nii\.gz"
    with full_disk(20_000), pytest.raises(OutputError, match=named):
        enhance_file(enhancer, job)
    assert not job.target.parent.exists()


def test_a_disk_that_is_full_for_the_sidecar_takes_the_result_back(
    enhancer: Enhancer, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *rest: object) -> None:
        raise OutputError(f"Cannot write {path}: No space left on device.")

    monkeypatch.setattr("lfsr_tf.inference.files.write_sidecar", full)
    with pytest.raises(OutputError, match="No space left"):
        enhance_file(enhancer, job)
    assert not job.target.parent.exists()


def test_a_failure_leaves_earlier_results_as_they_were(enhancer: Enhancer, tmp_path: Path) -> None:
    series = np.random.default_rng(0).random((24, 20, 3, 2)).astype(np.float32)
    nib.save(nib.Nifti1Image(series, np.diag([1, 1, 5, 1])), tmp_path / "bold.nii.gz")
    job = Job(tmp_path / "bold.nii.gz", tmp_path / "out" / "bold_sr")
    enhance_file(enhancer, job)
    before = {path: path.read_bytes() for path in job.target.parent.iterdir()}
    assert len(before) == 3
    enhanced: list[Scan] = []

    class FailsAtTheSecond(Enhancer):
        def __call__(self, scan: Scan, advance: Advance | None = None) -> Enhanced:
            if enhanced:
                raise ScanError("The second volume fails.")
            enhanced.append(scan)
            return super().__call__(scan, advance)

    with pytest.raises(ScanError, match="second volume"):
        enhance_file(FailsAtTheSecond(enhancer.network), job, overwrite=True)
    assert {path: path.read_bytes() for path in job.target.parent.iterdir()} == before


def test_a_scan_below_16_pixels_is_refused(enhancer: Enhancer, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).random((15, 40, 3)).astype(np.float32)
    nib.save(nib.Nifti1Image(voxels, np.diag([1, 1, 5, 1])), tmp_path / "small.nii.gz")
    with pytest.raises(ScanError, match="16 x 16"):
        enhance_file(enhancer, Job(tmp_path / "small.nii.gz", tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["small.nii.gz"]


def test_dicom_cannot_be_derived_from_nifti(enhancer: Enhancer, job: Job) -> None:
    with pytest.raises(ConfigError, match="--format nifti"):
        enhance_file(enhancer, job, output_format="dicom")


@pytest.mark.parametrize(
    ("names", "advice"),
    [(("a/scan.nii", "b/scan.nii"), "the folder above"), (("a/scan.nii", "a/scan.nii.gz"), "Rename one")],
)
def test_two_inputs_of_one_name_are_refused_and_the_others_are_not(
    names: tuple[str, ...], advice: str, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in (*names, "a/other.nii")]
    *both, other = plan_jobs([(path, path.parent) for path in paths], tmp_path / "out")
    for job in both:
        with pytest.raises(ConfigError, match=rf"different names.*{advice}.*another output folder"):
            check_target(job, overwrite=True)
    check_target(other, overwrite=True)


def test_another_input_is_never_replaced(enhancer: Enhancer, scan_file: Path) -> None:
    own = scan_file.with_name("sub-07_T2w_sr.nii.gz")
    own.write_bytes(scan_file.read_bytes())
    folder = scan_file.parent
    first, second = plan_jobs([(path, folder) for path in (scan_file, own)], folder)
    with pytest.raises(OutputError, match="other than the inputs"):
        enhance_file(enhancer, first, overwrite=True)
    assert own.read_bytes() == scan_file.read_bytes()
    assert second.target.name == "sub-07_T2w_sr_sr"


def test_results_that_an_input_no_longer_has_are_removed(enhancer: Enhancer, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).random((24, 20, 3, 2)).astype(np.float32)
    job = Job(tmp_path / "bold.nii.gz", tmp_path / "out" / "bold_sr")
    for series in (voxels, voxels[..., 0]):
        nib.save(nib.Nifti1Image(series, np.diag([1, 1, 5, 1])), job.source)
        enhance_file(enhancer, job, overwrite=True)
    assert sorted(path.name for path in job.target.parent.iterdir()) == ["bold_sr.json", "bold_sr.nii.gz"]


def test_a_sidecar_removes_nothing_but_results_of_its_own_input(enhancer: Enhancer, job: Job) -> None:
    job.target.parent.mkdir()
    names = [
        "../in/sub-07_T2w.nii.gz",
        "other_sr.nii.gz",
        "sub-07_T2w_sr_v1/../other_sr.nii.gz",
        str(job.source),
    ]
    outputs = [{"output": name} for name in names]
    package = {"name": "lfsr_tf", "version": "0"}
    job.sidecar.write_text(json.dumps({"schema_version": 1, "package": package, "volumes": outputs}))
    other = job.target.with_name("other_sr.nii.gz")
    other.write_text("another result")
    enhance_file(enhancer, job, overwrite=True)
    assert job.source.exists() and other.exists()


@pytest.mark.parametrize(
    "text",
    ['{"EchoTime": 0.09, "Manufacturer": "Siemens"}', '{"schema_version": 1, "package": "a"}', "{", "[]", ""],
)
def test_another_file_in_the_place_of_the_sidecar_is_kept(enhancer: Enhancer, job: Job, text: str) -> None:
    job.target.parent.mkdir()
    job.sidecar.write_text(text)
    with pytest.raises(OutputError, match="no sidecar of this package"):
        enhance_file(enhancer, job, overwrite=True)
    assert [path.read_text() for path in job.target.parent.iterdir()] == [text]


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_sidecar_of_any_version_is_replaced(enhancer: Enhancer, job: Job, version: int) -> None:
    enhance_file(enhancer, job)
    earlier = json.loads(job.sidecar.read_text()) | {"schema_version": version}
    job.sidecar.write_text(json.dumps(earlier))
    enhance_file(enhancer, job, overwrite=True)
    assert json.loads(job.sidecar.read_text())["schema_version"] == 1


def test_the_suffix_that_was_asked_for_is_written(
    enhancer: Enhancer, scan_file: Path, tmp_path: Path
) -> None:
    (job,) = plan_jobs([(scan_file, scan_file.parent)], tmp_path / "sharp.nii")
    enhance_file(enhancer, job)
    assert read_volumes(tmp_path / "sharp.nii")[0].voxels.shape == (80, 72, 3)
