"""Elements that hold fewer values, or more, than the standard gives them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from lfsr_tf.scans.dicom.read import read_dicom
from lfsr_tf.scans.dicom.values import values_of


@pytest.mark.parametrize(
    ("value", "values"),
    [(["ORIGINAL", "PRIMARY"], ("ORIGINAL", "PRIMARY")), ("ORIGINAL", ("ORIGINAL",)), ("", ()), (None, ())],
)
def test_any_number_of_values_is_a_tuple(value: object, values: tuple[str, ...]) -> None:
    dataset = Dataset()
    assert values_of(dataset, "ImageType") == ()
    dataset.ImageType = value
    assert values_of(dataset, "ImageType") == values


@pytest.mark.parametrize("word", ["ORIGINAL", "DERIVED"])
def test_a_lone_image_type_of_a_multiframe_file_leaves_it_a_magnitude(
    write_multiframe: Callable[..., Path], pixels: np.ndarray, word: str
) -> None:
    def lone(dataset: Dataset) -> None:
        dataset.ImageType = word
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            del frame.MRImageFrameTypeSequence

    (scan,) = read_dicom(write_multiframe(edit=lone))
    np.testing.assert_array_equal(scan.voxels, pixels.transpose(2, 1, 0))
