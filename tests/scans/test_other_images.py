"""Phase images, masks and label maps are no scans to a search; who names one is told."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.scans import find_scans, read_scan
from lfsr_tf.scans.naming import not_magnitude
from tests.scans.refusals import refused

OTHERS = {
    "sub-01_part-phase_T2w.nii.gz": "a phase image",
    "sub-01_echo-1_part-real_bold.nii": "a real part",
    "sub-01_part-imag_T2w.nii.gz": "an imaginary part",
    "sub-01_phasediff.nii.gz": "a phase image",
    "sub-01_phase1.nii.gz": "a phase image",
    "sub-01_task-rest_phase.nii.gz": "a phase image",
    "sub-01_fieldmap.nii.gz": "a field map",
    "sub-01_desc-brain_mask.nii.gz": "a mask",
    "sub-01_dseg.nii.gz": "a label map",
    "sub-01_label-GM_probseg.nii.gz": "a probability map",
    "7_t2_tse_e2_ph.nii.gz": "a phase image",
    "sub-01_seg.nii": "a label map",
    "case_7_aseg.nii.gz": "a label map",
    "7_t2_tse_imaginary.nii": "an imaginary part",
}
MAGNITUDES = (
    "sub-01_part-mag_T2w.nii.gz",
    "sub-01_magnitude1.nii.gz",
    "sub-01_acq-phase_T2w.nii.gz",
    "mask_T1w.nii.gz",
    "real.nii.gz",
    "p01_lowfield_real.nii.gz",
    "t1_phase2.nii",
    "unmask.nii.gz",
)


@pytest.mark.parametrize(("name", "kind"), OTHERS.items())
def test_names_tell_what_is_no_magnitude(name: str, kind: str) -> None:
    assert not_magnitude(name) == kind


@pytest.mark.parametrize("name", MAGNITUDES)
def test_names_of_magnitudes_tell_nothing_else(name: str) -> None:
    assert not_magnitude(name) is None


def test_a_search_leaves_out_what_is_no_magnitude_by_its_name(tmp_path: Path) -> None:
    for name in (*OTHERS, *MAGNITUDES, "brain_mask.h5"):
        (tmp_path / name).write_bytes(b"not looked at")
    # Bare k-space has a phase and is a scan, whatever it is called.
    assert find_scans(tmp_path) == sorted(tmp_path / name for name in (*MAGNITUDES, "brain_mask.h5"))


def test_who_names_such_a_file_is_told(
    nifti_file: Callable[..., Path], image: Callable[..., np.ndarray]
) -> None:
    path = nifti_file(image(20, 24, 6), name="sub-01_part-phase_T2w.nii.gz")
    assert find_scans(path) == [path]
    (note,) = read_scan(path).notes
    assert (
        note == "By its name the file is a phase image, and no magnitude image, for which models are trained."
    )


@pytest.mark.parametrize(("code", "words"), [(1002, "labels"), (2003, "colours"), (2004, "colours")])
def test_labels_and_colours_are_refused_by_their_intent(
    tmp_path: Path, image: Callable[..., np.ndarray], code: int, words: str
) -> None:
    labels = nib.Nifti1Image(image(20, 24, 6).astype(np.int16), np.eye(4))
    labels.header.set_intent(code)
    nib.save(labels, tmp_path / "a.nii.gz")
    refused(tmp_path / "a.nii.gz", words, f"intent code {code}")
