import keras
import numpy as np
import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks import ModelInfo, TrainedModel, build_network
from lfsr_tf.networks.recast import recast

SETTINGS = {"blocks": 1, "filters": 4}


@pytest.fixture
def trained() -> TrainedModel:
    return TrainedModel(build_network("ResidualSR", **SETTINGS), ModelInfo("tiny", "ResidualSR", SETTINGS, 2))


@pytest.mark.parametrize("policy", ["auto", "float32"])
def test_nothing_is_built_where_nothing_changes(policy: str, trained: TrainedModel) -> None:
    assert recast(trained, policy) is trained


def test_bfloat16_is_left_where_the_processor_would_emulate_it(
    trained: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    bfloat16 = recast(trained, "mixed_bfloat16")
    monkeypatch.setattr("lfsr_tf.precision._has_bfloat16", lambda: True)
    assert recast(bfloat16, "auto") is bfloat16
    monkeypatch.setattr("lfsr_tf.precision._has_bfloat16", lambda: False)
    assert recast(bfloat16, "auto").info.dtype_policy == "float32"


def test_weights_and_output_stay_float32_and_the_work_is_done_in_16_bits(trained: TrainedModel) -> None:
    other = recast(trained, "mixed_bfloat16")
    image = np.random.default_rng(0).random((1, 20, 16, 1)).astype(np.float32)
    assert other.info.dtype_policy == "mixed_bfloat16"
    assert {str(weight.dtype) for weight in other.model.weights} == {"float32"}
    assert keras.ops.dtype(other.model(image)) == "float32"
    assert any(layer.compute_dtype == "bfloat16" for layer in other.model.layers)
    for before, after in zip(trained.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_caller_s_policy_is_given_back(trained: TrainedModel) -> None:
    before = keras.config.dtype_policy().name
    recast(trained, "mixed_bfloat16")
    assert keras.config.dtype_policy().name == before


def test_a_policy_that_does_not_exist_is_refused(trained: TrainedModel) -> None:
    with pytest.raises(ConfigError, match="int8"):
        recast(trained, "int8")


def test_a_network_of_one_s_own_cannot_be_built_again(trained: TrainedModel) -> None:
    own = TrainedModel(trained.model, ModelInfo("own", "MyNetwork", {}, 2))
    with pytest.raises(ConfigError, match="MyNetwork"):
        recast(own, "mixed_bfloat16")
