"""Small scan files of every format, made for one test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
import pytest

OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0.2, -0.1, 0.3) @ np.diag([-0.9, 0.8, 4.0]), [31.0, -17.0, 42.0]
)


@pytest.fixture
def oblique_affine() -> np.ndarray:
    """Turned about all three axes, left-handed, thick slices along the third voxel axis."""
    return OBLIQUE.copy()


@pytest.fixture
def image() -> Callable[..., np.ndarray]:
    """A smooth positive image of any shape that no reflection or turn maps onto itself."""

    def make(*shape: int) -> np.ndarray:
        axes = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
        distance = sum((place - 0.1 * (axis + 1)) ** 2 for axis, place in enumerate(axes))
        return (100 * np.exp(-3 * distance) + 5 * (axes[0] + 1)).astype(np.float32)

    return make


@pytest.fixture
def nifti_file(tmp_path: Path) -> Callable[..., Path]:
    """Write voxels as NIfTI under a name."""

    def make(voxels: np.ndarray, affine: np.ndarray = OBLIQUE, name: str = "sub-01_T2w.nii.gz") -> Path:
        nib.save(nib.Nifti1Image(voxels, affine), tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def header_xml() -> Callable[..., bytes]:
    """An ISMRMRD header with the parts that fastMRI's headers have."""

    def space(name: str, matrix: tuple, millimetres: tuple) -> str:
        sizes = "".join(f"<{axis}>{size}</{axis}>" for axis, size in zip("xyz", matrix, strict=True))
        fields = "".join(f"<{axis}>{size}</{axis}>" for axis, size in zip("xyz", millimetres, strict=True))
        return f"<{name}><matrixSize>{sizes}</matrixSize><fieldOfView_mm>{fields}</fieldOfView_mm></{name}>"

    def make(
        encoded: tuple = (64, 40, 1),
        encoded_mm: tuple = (440, 220, 7.5),
        recon: tuple = (32, 40, 1),
        recon_mm: tuple = (220, 220, 5),
        lines: tuple[int, int, int] | None = None,
        channels: int = 1,
        trajectory: str = "cartesian",
    ) -> bytes:
        limits = ""
        if lines is not None:
            values = zip(("minimum", "maximum", "center"), lines, strict=True)
            parts = "".join(f"<{name}>{value}</{name}>" for name, value in values)
            limits = (
                f"<encodingLimits><kspace_encoding_step_1>{parts}</kspace_encoding_step_1></encodingLimits>"
            )
        return (
            '<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">'
            f"<acquisitionSystemInformation><receiverChannels>{channels}</receiverChannels>"
            f"</acquisitionSystemInformation><encoding>{space('encodedSpace', encoded, encoded_mm)}"
            f"{space('reconSpace', recon, recon_mm)}<trajectory>{trajectory}</trajectory>{limits}"
            "</encoding></ismrmrdHeader>"
        ).encode()

    return make


@pytest.fixture
def hdf5_file(tmp_path: Path) -> Callable[..., Path]:
    """Write datasets, and attributes given as `attrs`, to an HDF5 file."""

    def make(name: str = "file1000001.h5", attrs: dict[str, Any] | None = None, **datasets: Any) -> Path:
        with h5py.File(tmp_path / name, "w") as file:
            for key, value in datasets.items():
                file[key] = value
            file.attrs.update(attrs or {})
        return tmp_path / name

    return make
