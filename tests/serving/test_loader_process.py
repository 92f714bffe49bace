"""Models of other makers may have inputs and outputs of any type."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from lfsr_tf.serving.loader_check import run_in_cpp_loader
from lfsr_tf.serving.loader_process import _DTYPES, is_known
from lfsr_tf.serving.predict_request import predict_request
from lfsr_tf.serving.server.models.version import State
from lfsr_tf.serving.server.models.versioned_model import VersionedModel
from lfsr_tf.serving.server.options import ModelSource
from lfsr_tf.serving.warmup import WARMUP_FILE, PredictionLog, PredictLog

BFLOAT16 = tf.bfloat16.as_numpy_dtype
TYPES = [*map(np.dtype, _DTYPES), np.dtype(BFLOAT16)]
ARRAYS = {dtype.name: np.arange(6).reshape(2, 3).astype(dtype) for dtype in TYPES}


def save_echo(folder: Path) -> Path:
    """A model that gives back what it is given: a signature for each type; its warm-up asks each of them."""
    hidden = folder.with_name(f".{folder.name}")
    signatures = {dtype.name: echo(tf.as_dtype(dtype)) for dtype in TYPES}
    tf.saved_model.save(tf.Module(), str(hidden), signatures=signatures)
    (hidden / WARMUP_FILE).parent.mkdir()
    with tf.io.TFRecordWriter(str(hidden / WARMUP_FILE)) as writer:
        for name, array in ARRAYS.items():
            log = PredictLog(request=predict_request("echo", name, {"x": array}))
            writer.write(PredictionLog(predict_log=log).SerializeToString())
    return hidden.rename(folder)


def echo(dtype: tf.DType) -> Callable[..., object]:
    @tf.function(input_signature=[tf.TensorSpec([None, 3], dtype, name="x")])
    def same(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"same": tf.identity(x), "short": tf.zeros([2], tf.bfloat16)}

    return same


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("echo")
    save_echo(folder / "1")
    return folder


def test_the_numbers_of_the_types_are_tensorflow_s() -> None:
    for name, number in _DTYPES.items():
        assert tf.as_dtype(name).as_datatype_enum == number
    assert types_pb2.DataType.Value("DT_HALF") == _DTYPES["float16"]


def test_every_type_of_numpy_goes_in_and_comes_out(base: Path) -> None:
    known = {name: array for name, array in ARRAYS.items() if is_known(array)}
    assert ARRAYS.keys() - known.keys() == {"bfloat16"}
    answers = run_in_cpp_loader(base / "1", [(name, {"x": array}) for name, array in known.items()])
    for (name, array), answer in zip(known.items(), answers, strict=True):
        assert (answer.code, answer.message) == (0, ""), name
        assert answer.outputs["same"].dtype == array.dtype
        np.testing.assert_array_equal(answer.outputs["same"], array)
        assert (answer.outputs["short"].nbytes, answer.outputs["short"].shape) == (4, (2,))


def test_a_new_version_whose_warm_up_has_any_type_is_taken(base: Path) -> None:
    model = VersionedModel(ModelSource("echo", base))
    model.refresh()
    save_echo(base / "2")
    model.refresh()
    assert {number: state for number, (state, _) in model.states().items()} == {
        2: State.AVAILABLE,
        1: State.END,
    }
    model.close()
