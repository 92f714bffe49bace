"""Derived series: the values that come back, and the window that shows them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.scans.dicom_read import read_dicom
from lfsr_tf.scans.dicom_write import write_dicom
from lfsr_tf.scans.scan import Scan
from tests.scans.dicom.derived import headers

Write = Callable[..., Path]


def test_values_come_back_within_half_a_quantisation_step(written: tuple[Scan, Scan, Path]) -> None:
    _, enhanced, folder = written
    back = read_dicom(folder)[0]
    slope = float(headers(folder)[0].RescaleSlope)
    assert slope <= enhanced.voxels.max() / 65535 * 1.001
    np.testing.assert_allclose(back.voxels, enhanced.voxels, atol=0.501 * slope)


def test_window_spans_the_volume_and_is_one_for_all_slices(written: tuple[Scan, Scan, Path]) -> None:
    _, enhanced, folder = written
    windows = {(float(dataset.WindowCenter), float(dataset.WindowWidth)) for dataset in headers(folder)}
    ((centre, width),) = windows
    assert centre - width / 2 == pytest.approx(np.percentile(enhanced.voxels, 1.0), rel=1e-4)
    assert centre + width / 2 == pytest.approx(np.percentile(enhanced.voxels, 99.5), rel=1e-4)


def test_narrow_window_is_marked_linear_exact(write_series: Write, tmp_path: Path) -> None:
    scan = read_dicom(write_series())[0]
    write_dicom(replace(scan, voxels=scan.voxels / 1e5), tmp_path / "out")
    assert {dataset.VOILUTFunction for dataset in headers(tmp_path / "out")} == {"LINEAR_EXACT"}


@pytest.mark.parametrize("kind", ["negative", "constant", "zero", "tiny", "huge"])
def test_any_range_of_values_comes_back(write_series: Write, tmp_path: Path, kind: str) -> None:
    scan = read_dicom(write_series())[0]
    ramp = scan.voxels / scan.voxels.max()
    values = {
        "negative": ramp - 0.7,
        "constant": np.full_like(ramp, 3.5),
        "zero": np.zeros_like(ramp),
        "tiny": ramp * 1e-12,
        "huge": ramp * 1e12,
    }[kind].astype(np.float32)
    write_dicom(replace(scan, voxels=values), tmp_path / "out")
    step = max(float(np.ptp(values)), float(values.max())) / 65535
    np.testing.assert_allclose(read_dicom(tmp_path / "out")[0].voxels, values, atol=0.51 * step, rtol=1e-6)
