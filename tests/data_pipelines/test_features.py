"""What a data set of one shape can hold."""

import pytest

from data_pipelines.pairs_builder.features import features_of
from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs import PairsConfig


def test_patches_of_slices_of_any_size_have_one_shape() -> None:
    assert features_of(PairsConfig(small_images="own", lr_patch=16)).shape["hr"] == (32, 32, 1)


@pytest.mark.parametrize("settings", [{"mode": "slices"}, {"mode": "pairs", "lr_patch": 0}])
def test_whole_slices_of_their_own_sizes_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="small_images='refuse'"):
        features_of(PairsConfig(small_images="own", **settings))
