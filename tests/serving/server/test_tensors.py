"""Tensors of messages become the arrays that TensorFlow makes of them, or a refusal."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto

from lfsr_tf.serving.server.refusal import Code, RefusalError
from lfsr_tf.serving.server.tensors import arrays_of, put_array

MOST = 1 << 20
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
DTYPES = st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_, np.complex64])
ARRAYS = DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, SHAPES))
TEXTS = arrays.arrays(object, SHAPES, elements=st.binary(max_size=5))


def array_of(name: str, proto: TensorProto, most_bytes: int) -> np.ndarray:
    return arrays_of({name: proto}, most_bytes)[name]


@given(ARRAYS | TEXTS)
def test_what_is_written_is_read_again(array: np.ndarray) -> None:
    proto = TensorProto()
    put_array(proto, array)
    found = array_of("image", proto, MOST)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)


@given(ARRAYS)
def test_tensorflow_reads_what_is_written_and_is_read(array: np.ndarray) -> None:
    proto = TensorProto()
    put_array(proto, array[..., ::-1] if array.ndim else array)
    np.testing.assert_array_equal(tf.make_ndarray(proto), array[..., ::-1] if array.ndim else array)
    np.testing.assert_array_equal(array_of("image", tf.make_tensor_proto(array), MOST), array)


def tensor(dtype: int, *shape: int, **fields: object) -> TensorProto:
    proto = TensorProto(dtype=dtype, **fields)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


def test_one_value_may_stand_for_all() -> None:
    np.testing.assert_array_equal(array_of("x", tensor(1, 2, 3, float_val=[4.0]), MOST), np.full((2, 3), 4.0))


@pytest.mark.parametrize(
    ("proto", "code", "message"),
    [
        (tensor(1, 1 << 18, 2, float_val=[1.0]), Code.RESOURCE_EXHAUSTED, "at most 1048576 bytes"),
        (tensor(7, 1 << 18, string_val=[b""]), Code.RESOURCE_EXHAUSTED, "at most 1048576 bytes"),
        (tensor(7, 2000, string_val=[b"x" * 1000]), Code.RESOURCE_EXHAUSTED, "Received: 2048000 or more"),
        (tensor(7, 2000, string_val=[b"x" * MOST, b""]), Code.RESOURCE_EXHAUSTED, "at most 1048576 bytes"),
        (tensor(1, 2**62, 2**62, float_val=[1.0]), Code.RESOURCE_EXHAUSTED, "at most 1048576 bytes"),
        (tensor(1, -1, float_val=[1.0]), Code.INVALID_ARGUMENT, "Expected a full shape of image"),
        (tensor(1, 2**62, 0, float_val=[1.0]), Code.INVALID_ARGUMENT, "Expected values of image that fill"),
        (tensor(1, 2, tensor_content=b"123"), Code.INVALID_ARGUMENT, "Expected values of image that fill"),
        (tensor(1, 2, float_val=[1, 2, 3]), Code.INVALID_ARGUMENT, "Expected values of image that fill"),
        (tensor(1, *[1] * 70, float_val=[1]), Code.INVALID_ARGUMENT, "Expected values of image that fill"),
        (tensor(0, 1), Code.INVALID_ARGUMENT, "Expected a tensor type that is known of image. Received: 0."),
        (tensor(77, 1), Code.INVALID_ARGUMENT, "Expected a tensor type that is known of image. Received: 77"),
        (tensor(types_pb2.DT_INT8, 1, int_val=[300]), Code.INVALID_ARGUMENT, "in the range of int8"),
        (tensor(types_pb2.DT_UINT8, 1, int_val=[-1]), Code.INVALID_ARGUMENT, "in the range of uint8"),
        (tensor(types_pb2.DT_HALF, 1, half_val=[70_000]), Code.INVALID_ARGUMENT, "in the range of float16"),
        (tensor(types_pb2.DT_RESOURCE, 1), Code.INVALID_ARGUMENT, "of image"),
        (tensor(types_pb2.DT_VARIANT, 1), Code.INVALID_ARGUMENT, "of image"),
    ],
)
def test_a_message_that_contradicts_itself_is_refused(proto: TensorProto, code: Code, message: str) -> None:
    with pytest.raises(RefusalError) as refusal:
        array_of("image", proto, MOST)
    assert refusal.value.code == code
    assert message in refusal.value.message


def test_inputs_share_the_limit_and_none_is_made_before_all_are_known_to_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = tensor(1, 1 << 17, float_val=[1.0])
    assert sum(each.nbytes for each in arrays_of({"real": large, "imaginary": large}, MOST).values()) == MOST
    monkeypatch.setattr(tf, "make_ndarray", lambda _: pytest.fail("an array was made"))
    with pytest.raises(RefusalError, match=f"at most {MOST} bytes. Received: {MOST + 24}"):
        arrays_of({"real": large, "imaginary": large, "png": tensor(7, 1, string_val=[b""])}, MOST)


def test_a_shape_that_is_not_known_is_refused() -> None:
    proto = TensorProto(dtype=1, float_val=[1.0])
    proto.tensor_shape.unknown_rank = True
    with pytest.raises(RefusalError, match="Expected a full shape of image"):
        array_of("image", proto, MOST)


@given(
    st.sampled_from(sorted(types_pb2.DataType.values())),
    st.lists(st.integers(-1, 4) | st.integers(2**31, 2**63 - 1), max_size=4),
    st.binary(max_size=20),
    st.lists(st.floats(width=32), max_size=4),
)
def test_whatever_the_fields_say_they_are_an_array_or_refused(
    dtype: int, shape: list[int], content: bytes, values: list[float]
) -> None:
    proto = tensor(dtype, *shape, tensor_content=content, float_val=values, string_val=[content])
    try:
        found = array_of("image", proto, MOST)
    except RefusalError as refusal:
        assert refusal.code in (Code.INVALID_ARGUMENT, Code.RESOURCE_EXHAUSTED)
    else:
        assert list(found.shape) == shape
