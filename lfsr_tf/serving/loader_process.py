"""Load a SavedModel through TensorFlow's C API and run it: a program that `loader_check` starts.

The form of the files between the two is imported from here. Only ctypes and NumPy are used, so the process
holds TensorFlow's C++ runtime and nothing of its Python side.
Reference: tensorflow/c/c_api.h and tf_tensor.h of TensorFlow 2.21.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# tensorflow/c/tf_datatype.h
_DTYPES: dict[str, int] = {
    "float32": 1,
    "float64": 2,
    "int32": 3,
    "uint8": 4,
    "int16": 5,
    "int8": 6,
    "complex64": 8,
    "int64": 9,
    "bool": 10,
    "uint16": 17,
    "complex128": 18,
    "float16": 19,
    "uint32": 22,
    "uint64": 23,
}
_NAMES = {number: name for name, number in _DTYPES.items()}
# TF_STRING; sizeof(TF_TString) of tensorflow/tsl tstring, ctstring_internal.h.
_STRING, _STRING_SIZE = 7, 24


class _Output(ctypes.Structure):
    """TF_Output: one output of an operation."""

    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


_POINTER, _TEXT, _NUMBER = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
_OUTPUTS, _POINTERS = ctypes.POINTER(_Output), ctypes.POINTER(_POINTER)
# What each function gives and takes.
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "TF_NewGraph": (_POINTER, []),
    "TF_NewStatus": (_POINTER, []),
    "TF_NewSessionOptions": (_POINTER, []),
    "TF_GetCode": (_NUMBER, [_POINTER]),
    "TF_Message": (_TEXT, [_POINTER]),
    "TF_LoadSessionFromSavedModel": (
        _POINTER,
        [_POINTER, _POINTER, _TEXT, ctypes.POINTER(_TEXT), _NUMBER, _POINTER, _POINTER, _POINTER],
    ),
    "TF_GraphOperationByName": (_POINTER, [_POINTER, _TEXT]),
    "TF_AllocateTensor": (_POINTER, [_NUMBER, ctypes.POINTER(ctypes.c_int64), _NUMBER, ctypes.c_size_t]),
    "TF_DeleteTensor": (None, [_POINTER]),
    "TF_TensorData": (_POINTER, [_POINTER]),
    "TF_TensorType": (_NUMBER, [_POINTER]),
    "TF_DataTypeSize": (ctypes.c_size_t, [_NUMBER]),
    "TF_NumDims": (_NUMBER, [_POINTER]),
    "TF_Dim": (ctypes.c_int64, [_POINTER, _NUMBER]),
    "TF_StringInit": (None, [_POINTER]),
    "TF_StringCopy": (None, [_POINTER, _TEXT, ctypes.c_size_t]),
    "TF_StringGetDataPointer": (_POINTER, [_POINTER]),
    "TF_StringGetSize": (ctypes.c_size_t, [_POINTER]),
    "TF_SessionRun": (
        None,
        [_POINTER, _POINTER, *([_OUTPUTS, _POINTERS, _NUMBER] * 2), _POINTER, _NUMBER, *[_POINTER] * 2],
    ),
}


class LoaderError(Exception):
    """The model does not load."""


class CppSession:
    """A SavedModel as the C++ runtime holds it."""

    def __init__(self, library: str, folder: str) -> None:
        """Load the graph tagged "serve" with its variables."""
        self._api = _declare(ctypes.CDLL(library))
        self._graph = self._api.TF_NewGraph()
        self._status = self._api.TF_NewStatus()
        options = self._api.TF_NewSessionOptions()
        tags = (ctypes.c_char_p * 1)(b"serve")
        self._session = self._api.TF_LoadSessionFromSavedModel(
            options, None, os.fsencode(folder), tags, 1, self._graph, None, self._status
        )
        if self._api.TF_GetCode(self._status) != 0:
            raise LoaderError(self._message())

    def run(self, feeds: dict[str, NDArray[Any]], fetches: list[str]) -> tuple[int, str, list[NDArray[Any]]]:
        """Run the graph: status code, message, and the fetched arrays if the code is 0."""
        inputs = (_Output * len(feeds))(*(self._output(name) for name in feeds))
        tensors = [self._tensor(array) for array in feeds.values()]
        values = (ctypes.c_void_p * len(feeds))(*tensors)
        wanted = (_Output * len(fetches))(*(self._output(name) for name in fetches))
        results = (ctypes.c_void_p * len(fetches))()
        fed, fetched = (inputs, values, len(feeds)), (wanted, results, len(fetches))
        self._api.TF_SessionRun(self._session, None, *fed, *fetched, None, 0, None, self._status)
        for tensor in tensors:
            self._api.TF_DeleteTensor(tensor)
        code = self._api.TF_GetCode(self._status)
        return (
            code,
            self._message(),
            [self._array(int(result or 0)) for result in results] if code == 0 else [],
        )

    def _message(self) -> str:
        return bytes(self._api.TF_Message(self._status)).decode(errors="replace")

    def _output(self, name: str) -> _Output:
        operation, _, index = name.partition(":")
        found = self._api.TF_GraphOperationByName(self._graph, operation.encode())
        if not found:
            raise LoaderError(f"no operation {operation} in the graph")
        return _Output(found, int(index or 0))

    def _tensor(self, array: NDArray[Any]) -> int:
        if array.dtype == object:
            return self._string_tensor(array)
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        tensor = self._api.TF_AllocateTensor(_DTYPES[array.dtype.name], shape, array.ndim, array.nbytes)
        ctypes.memmove(self._api.TF_TensorData(tensor), array.ctypes.data, array.nbytes)
        return int(tensor)

    def _string_tensor(self, array: NDArray[Any]) -> int:
        shape, size = (ctypes.c_int64 * array.ndim)(*array.shape), _STRING_SIZE * array.size
        tensor = self._api.TF_AllocateTensor(_STRING, shape, array.ndim, size)
        for place, value in zip(self._strings(tensor, array.size), array.ravel(), strict=True):
            self._api.TF_StringInit(place)
            self._api.TF_StringCopy(place, value, len(value))
        return int(tensor)

    def _strings(self, tensor: int, count: int) -> range:
        """Addresses of a tensor's strings."""
        start = int(self._api.TF_TensorData(tensor) or 0)
        return range(start, start + count * _STRING_SIZE, _STRING_SIZE)

    def _array(self, tensor: int) -> NDArray[Any]:
        shape = [self._api.TF_Dim(tensor, axis) for axis in range(self._api.TF_NumDims(tensor))]
        kind = self._api.TF_TensorType(tensor)
        # What NumPy lacks is given as its bytes.
        dtype = _NAMES.get(kind) or f"V{self._api.TF_DataTypeSize(kind)}"
        array = np.empty(shape, object if kind == _STRING else dtype)
        if kind == _STRING:
            array.ravel()[:] = [self._bytes(place) for place in self._strings(tensor, array.size)]
        else:
            ctypes.memmove(array.ctypes.data, self._api.TF_TensorData(tensor), array.nbytes)
        self._api.TF_DeleteTensor(tensor)
        return array

    def _bytes(self, place: int) -> bytes:
        return ctypes.string_at(self._api.TF_StringGetDataPointer(place), self._api.TF_StringGetSize(place))


def _declare(api: ctypes.CDLL) -> ctypes.CDLL:
    """Give the C functions their types; pointers would be cut to 32 bits without."""
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(api, name)
        function.restype, function.argtypes = result, arguments
    return api


def is_known(array: NDArray[Any]) -> bool:
    """Whether the process takes an array: NumPy itself has its type."""
    return array.dtype == object or array.dtype.name in _DTYPES


def save_array(file: Path, array: NDArray[Any]) -> None:
    """Write an array; one of bytes as all bytes in a row with their lengths, since `.npy` would pickle it."""
    with file.open("wb") as stream:
        if array.dtype != object:
            np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
            return
        values = [bytes(value) for value in array.ravel()]
        lengths = np.array([len(value) for value in values], np.int64)
        joined = np.frombuffer(b"".join(values), np.uint8)
        np.savez(stream, joined=joined, lengths=lengths, shape=np.array(array.shape, np.int64))


def load_array(file: Path) -> NDArray[Any]:
    """Read an array that `save_array` wrote."""
    loaded = np.load(file, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        ends = np.cumsum(loaded["lengths"])
        joined, shape = loaded["joined"].tobytes(), tuple(loaded["shape"])
        array = np.empty(len(ends), object)
        array[:] = [joined[end - length : end] for end, length in zip(ends, loaded["lengths"], strict=True)]
    return array.reshape(shape)


def main(order_path: str, answers_path: str) -> None:
    """Answer every request of the order; each output array becomes a file."""
    order = json.loads(Path(order_path).read_text(encoding="utf-8"))
    session = CppSession(order["library"], order["folder"])
    answers = []
    for request in order["requests"]:
        feeds = {name: load_array(Path(file)) for name, file in request["feeds"].items()}
        code, message, arrays = session.run(feeds, list(request["fetches"]))
        files = list(request["fetches"].values())[: len(arrays)]
        for file, array in zip(files, arrays, strict=True):
            save_array(Path(file), array)
        answers.append({"code": code, "message": message, "outputs": files})
    Path(answers_path).write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2])
    except LoaderError as error:
        # The other lines are the place in the graph.
        sys.exit((str(error).strip().splitlines() or ["no message"])[0])
