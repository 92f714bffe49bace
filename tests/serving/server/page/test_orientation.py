"""Slices hang the same way whatever the order and the direction of the voxel axes in the file."""

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.scans import Scan
from lfsr_tf.serving.server.page.orientation import Hung, hang

TURNED = nib.eulerangles.euler2mat(0.2, -0.15, 0.1)


def voxels() -> np.ndarray:
    return np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)


def hung(scan: Scan, order: tuple[int, ...], flips: tuple[int, ...]) -> Hung:
    """The same scan, its axes stored in another order and direction."""
    turn = nib.orientations.inv_ornt_aff(np.stack([order, flips], axis=1), scan.voxels.shape)
    stored = nib.orientations.apply_orientation(scan.voxels, np.stack([order, flips], axis=1))
    return hang(Scan(stored, scan.affine @ turn, slice_axis=order[scan.slice_axis]))


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
@pytest.mark.parametrize("turn", [np.eye(3), TURNED], ids=["straight", "oblique"])
def test_every_storage_of_a_scan_looks_alike(slice_axis: int, turn: np.ndarray) -> None:
    affine = nib.affines.from_matvec(turn @ np.diag([1.0, 2.0, 3.0]))
    scan = Scan(voxels(), affine, slice_axis=slice_axis)
    expected = hang(scan)
    for order, flips in product(permutations(range(3)), product((1, -1), repeat=3)):
        found = hung(scan, order, flips)
        # The slices keep the order of the file.
        slices = found.slices[:: flips[slice_axis]]
        np.testing.assert_array_equal(slices, expected.slices)
        assert (found.edges, found.aspect) == (expected.edges, pytest.approx(expected.aspect))


@pytest.mark.parametrize(
    ("slice_axis", "edges", "corner", "aspect"),
    [
        (0, ("S", "P", "I", "A"), (0, 5, 6), 12 / 21),
        (1, ("S", "L", "I", "R"), (4, 0, 6), 5 / 21),
        (2, ("A", "L", "P", "R"), (4, 5, 0), 5 / 12),
    ],
    ids=["sagittal", "coronal", "axial"],
)
def test_planes_are_seen_from_the_feet_the_front_and_the_left(
    slice_axis: int, edges: tuple[str, ...], corner: tuple[int, int, int], aspect: float
) -> None:
    found = hang(Scan(voxels(), np.diag([1.0, 2.0, 3.0, 1.0]), slice_axis=slice_axis))
    assert found.edges == edges
    assert found.aspect == pytest.approx(aspect)
    # Voxels run to the right, front and head: the top left of the screen is the end of both axes.
    assert found.slices[0, 0, 0] == voxels()[corner]
