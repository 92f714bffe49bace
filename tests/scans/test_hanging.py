"""Pictures stand upright whatever the order of the file's axes."""

import itertools

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.scans.hanging import hanging
from lfsr_tf.scans.scan import Scan

ORIENTATIONS = ["".join(letters) for letters in itertools.product("RL", "AP", "SI")]
ORDERS = list(itertools.permutations(range(3)))


def marked_scan(codes: str, order: tuple[int, ...], slice_axis: int) -> tuple[Scan, int]:
    """A volume with one bright voxel at the patient's anterior right top, in any axis order."""
    axcodes = tuple(codes[axis] for axis in order)
    canonical = np.zeros((4, 5, 6), np.float32)
    canonical[3, 4, 5] = 1.0
    image = nib.Nifti1Image(canonical, np.eye(4))
    turned = image.as_reoriented(
        nib.orientations.ornt_transform(
            nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(axcodes)
        )
    )
    scan = Scan(turned.get_fdata(dtype=np.float32), turned.affine, slice_axis=slice_axis)
    return scan, int(np.argmax(scan.slices().max(axis=(1, 2))))


@pytest.mark.parametrize("codes", ORIENTATIONS)
@pytest.mark.parametrize("order", ORDERS)
def test_axial_slices_have_the_nose_up_and_the_patients_right_on_the_left(
    codes: str, order: tuple[int, ...]
) -> None:
    scan, shown = marked_scan(codes, order, slice_axis=order.index(2))
    picture = hanging(scan).turned(scan.slices()[shown])
    assert picture.shape == (5, 4)
    assert np.unravel_index(picture.argmax(), picture.shape) == (0, 0)


@pytest.mark.parametrize("codes", ORIENTATIONS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("normal", "shape"), [(0, (6, 5)), (1, (6, 4))], ids=["sagittal", "coronal"])
def test_other_slices_have_the_head_up(
    codes: str, order: tuple[int, ...], normal: int, shape: tuple[int, int]
) -> None:
    scan, shown = marked_scan(codes, order, slice_axis=order.index(normal))
    picture = hanging(scan).turned(scan.slices()[shown])
    assert picture.shape == shape
    assert np.unravel_index(picture.argmax(), picture.shape) == (0, 0)
