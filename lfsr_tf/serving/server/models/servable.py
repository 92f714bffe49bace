"""One version of a model in memory, loaded as TensorFlow Serving's C++ loader does.

A graph session restores exactly what that loader restores; Python's `tf.saved_model.load` is more forgiving
(see `loader_check`). Runs are thread-safe, and TensorFlow's own threads divide the work of each.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from tensorflow.core.protobuf import config_pb2
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

from lfsr_tf.errors import ModelError, first_line
from lfsr_tf.processors import usable_processors
from lfsr_tf.serving.concurrency import may_be_joined
from lfsr_tf.serving.layout import check_path
from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.dtypes import cpp_name
from lfsr_tf.serving.server.models.breakable import BreakableRuns, WholeRuns
from lfsr_tf.serving.server.refusal import Code, RefusalError, invalid
from lfsr_tf.serving.signatures.signature import DEFAULT_SIGNATURE, Arrays

_PLACE = re.compile(r"^(\{\{function_node [^}]*\}\} ?)+")


class Servable:
    """A loaded version.

    Attributes:
        folder: Where it was loaded from.
        signatures: TensorFlow's SignatureDef by name, those for its own use left out.
    """

    def __init__(self, folder: Path, at_once: int | None = None) -> None:
        """Load a version.

        Args:
            folder: Of the version.
            at_once: Most runs at once; more wait for those. None for one a core.

        Raises:
            ModelError: The folder holds no SavedModel, or one that does not load.
        """
        check_path(folder)
        self.folder = folder
        at_once = at_once or usable_processors()
        joined = _joined(folder)
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=_config(joined, at_once))
        try:
            with self._session.graph.as_default():
                loaded = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], str(folder))
        except (tf.errors.OpError, OSError, RuntimeError, ValueError) as error:
            self._session.close()
            reason = first_line(error)
            raise ModelError(f"Expected a SavedModel that loads. Received: {folder}: {reason}") from error
        self.signatures = {
            name: definition for name, definition in loaded.signature_def.items() if not name.startswith("__")
        }
        self._runs: Any = WholeRuns(self._session) if joined else BreakableRuns(self._session, at_once)
        # One compiled call for each set of outputs; a cache on the method would keep the session alive.
        self._callable = functools.lru_cache(maxsize=None)(
            lambda feeds, fetches: self._runs.compiled(feeds, fetches)
        )

    def signature(self, name: str) -> Any:
        """A signature by its name; "" is the default one.

        Raises:
            RefusalError: FAILED_PRECONDITION, there is none of this name.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise RefusalError(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        return self.signatures[name]

    def check_names(self, name: str, inputs: Iterable[str]) -> None:
        """Refuse a request whose inputs are not those of its signature, before their arrays are made.

        Args:
            name: Of the signature; "" for the default one.
            inputs: Their names.

        Raises:
            RefusalError: The signature or an input does not exist, or an input is missing.
        """
        _check_inputs(self.signature(name), inputs)

    def predict(
        self, name: str, inputs: Arrays, outputs: Sequence[str] = (), caller: Caller | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run a signature.

        Args:
            name: Of the signature; "" for the default one.
            inputs: By their names, bytes as dtype object.
            outputs: Names of the wanted outputs; none for all of them.
            caller: Who waits for them, if it may leave: then the run is broken off.

        Returns:
            The outputs by their names, bytes as dtype object.

        Raises:
            RefusalError: The signature, an input or an output does not exist, the model refuses the input, or
                the caller has left.
        """
        signature = self.signature(name)
        _check_inputs(signature, inputs)
        wanted = tuple(sorted(_wanted(signature, outputs)))
        names = tuple(sorted(inputs))
        call = self._callable(
            tuple(signature.inputs[key].name for key in names),
            tuple(signature.outputs[key].name for key in wanted),
        )
        for key, value in inputs.items():
            _check_dtype(key, value, signature.inputs[key])
        try:
            found = self._runs.run(call, [inputs[key] for key in names], caller or Caller())
        except tf.errors.OpError as error:
            raise _refusal(error) from error
        # A single text comes as bytes, not as an array.
        arrays = (np.array(value, object) if isinstance(value, bytes) else value for value in found)
        return dict(zip(wanted, arrays, strict=True))

    def close(self) -> None:
        """Give the memory back; runs under way must have ended."""
        self._session.close()
        # Closed is not freed: the weights go with the last reference to the session.
        self._callable.cache_clear()
        del self._session, self._runs


def _joined(folder: Path) -> bool:
    """Whether TensorFlow may join operations that give wrong answers then: of models of other makers."""
    try:
        return may_be_joined(folder)
    except (OSError, DecodeError):
        return False  # the loader says what is wrong


def _config(joined: bool, at_once: int) -> config_pb2.ConfigProto:
    """Of the session, in which such joining is switched off."""
    config = config_pb2.ConfigProto()
    # One to spare, so that runs can be broken off.
    config.session_inter_op_thread_pool.add(num_threads=at_once + 1)
    if joined:
        config.graph_options.rewrite_options.remapping = RewriterConfig.OFF
    return config


def _check_inputs(signature: Any, inputs: Iterable[str]) -> None:
    """TensorFlow Serving's own words (predict_util.cc)."""
    given, expected = sorted(inputs), sorted(signature.inputs)
    if len(given) != len(expected):
        extra, missing = sorted(set(given) - set(expected)), sorted(set(expected) - set(given))
        raise invalid(
            f"input size does not match signature: {len(given)}!={len(expected)} "
            f"len({{{','.join(given)}}}) != len({{{','.join(expected)}}}). "
            f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
        )
    for name in given:
        if name not in signature.inputs:
            raise invalid(
                f"input tensor alias not found in signature: {name}. "
                f"Inputs expected to be in the set {{{','.join(expected)}}}."
            )


def _wanted(signature: Any, outputs: Sequence[str]) -> list[str]:
    available = sorted(signature.outputs)
    for place, name in enumerate(outputs):
        if name not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {{{','.join(available)}}}."
            )
        if name in outputs[:place]:
            raise invalid(f"duplicate output tensor alias: {name}")
    return list(outputs) or available


def _check_dtype(name: str, value: NDArray[Any], info: Any) -> None:
    """The C++ session compares dtypes; Python's would convert what it can."""
    expected = tf.dtypes.as_dtype(info.dtype)
    given = tf.string if value.dtype == object else tf.dtypes.as_dtype(np.asarray(value).dtype)
    if given != expected:
        raise invalid(f"Expects {name} to be {cpp_name(expected)} but {cpp_name(given)} is provided")


def _refusal(error: tf.errors.OpError) -> RefusalError:
    known = {code.value for code in Code}
    code = Code(error.error_code) if error.error_code in known else Code.INTERNAL
    # Only the first line is meant for people; the others are the place in the graph.
    return RefusalError(code, _PLACE.sub("", error.message.strip().splitlines()[0]))
