import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.inference.describe import describe_scan
from lfsr_tf.scans import Scan, read_scan

ScanOf = Callable[..., Scan]
Images = Callable[..., np.ndarray]


def test_geometry_noise_and_intensity_are_told(complex_images: Images, scan_of: ScanOf) -> None:
    slices = 200 * np.abs(complex_images((64, 56), count=4))
    facts = describe_scan(scan_of(slices, contrast="T2w", subject="sub-07"))
    assert (facts.matrix, facts.slices, facts.plane, facts.orientation) == ((64, 56, 4), 4, "axial", "LAS")
    assert facts.origin_mm == (31.0, -17.0, 42.0)
    assert facts.reference_intensity == pytest.approx(np.percentile(slices, 99.9), rel=1e-5)
    assert facts.sigma == pytest.approx(200 * 0.03, rel=0.1)
    tissue = slices[slices > 0.2 * facts.reference_intensity]
    assert facts.snr == pytest.approx(np.median(tissue) / facts.sigma, rel=1e-3)
    assert facts.warnings == ()


def test_the_facts_are_plain_values(complex_images: Images, scan_of: ScanOf) -> None:
    facts = describe_scan(scan_of(np.abs(complex_images((40, 40)))))
    assert json.loads(json.dumps(asdict(facts), allow_nan=False))["matrix"] == [40, 40, 2]


def test_an_interpolated_scan_is_warned_of_with_the_matrix_to_give(
    complex_images: Images, zero_fill: Images, scan_of: ScanOf
) -> None:
    slices = np.abs(zero_fill(complex_images((40, 32), count=4), (96, 96)))
    (warning,) = describe_scan(scan_of(slices)).warnings
    assert "empty rim" in warning
    assert "--acquired-matrix 40x32" in warning


def test_a_scan_whose_header_gives_the_matrix_needs_no_warning(
    complex_images: Images, zero_fill: Images, scan_of: ScanOf
) -> None:
    slices = np.abs(zero_fill(complex_images((40, 32), count=4), (96, 96)))
    assert describe_scan(scan_of(slices, acquired_matrix=(40, 32))).warnings == ()


def test_the_noise_of_the_0_055_t_scans_is_as_published(shared_data: Path) -> None:
    paths = sorted((shared_data / "lowfield_dev").glob("*LF055T*.nii.gz"))
    assert len(paths) == 6
    for path in paths:
        facts = describe_scan(read_scan(path))
        assert 0.015 < facts.sigma_relative < 0.055
        assert 9 < facts.snr < 27
