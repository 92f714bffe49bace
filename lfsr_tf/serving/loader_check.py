"""Loading an exported model as a server does: TensorFlow's C++ loader, in a process of its own.

Python's `tf.saved_model.load` is more forgiving than the C++ loader that TensorFlow Serving uses: models
that it takes can lack variables there, and inputs that its checks refuse can abort a server. TensorFlow's
wheel carries the C++ loader behind its C API, so every signature is loaded and run through that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from tensorflow.core.protobuf import saved_model_pb2

from lfsr_tf.errors import ModelError
from lfsr_tf.serving.loader_process import load_array, save_array
from lfsr_tf.serving.signatures import SIGNATURES, describe
from lfsr_tf.serving.signatures.signature import Arrays
from lfsr_tf.serving.warmup import read_warmup

_PROCESS = Path(__file__).with_name("loader_process.py")
_TIMEOUT_SECONDS = 300
_TICK_SECONDS = 0.1
_CHECK = "Check failed"

# A single image, a batch, and odd sizes: what a server meets.
_SHAPES = ((1, 16, 16), (3, 17, 20))


@dataclass(frozen=True)
class Answer:
    """What the C++ loader made of one request.

    Attributes:
        code: TensorFlow's status code: 0 is OK, 3 INVALID_ARGUMENT.
        message: Of the status.
        outputs: By their names in the signature, bytes as dtype object; empty when the request failed.
    """

    code: int
    message: str
    outputs: Mapping[str, NDArray[Any]]


Request = tuple[str, Arrays]
"""Name of a signature, and its inputs."""


def check_saved_model(folder: Path | str, *, scale: int) -> None:
    """Load a SavedModel with the C++ loader, run every signature on two batches, and play the warm-up.

    Args:
        folder: Of one version, with `saved_model.pb`.
        scale: Factor between input and output matrix.

    Raises:
        ModelError: It does not load, a signature is missing, fails, or answers with another shape or
            non-finite values.
    """
    signatures = read_signatures(Path(folder))
    expected = {*SIGNATURES, describe.NAME}
    if missing := sorted(expected - set(signatures)):
        raise ModelError(
            f"Expected signatures {sorted(expected)}. Received: none called {', '.join(missing)}."
        )
    generator = np.random.default_rng(0)
    asked = [(name, generator.random(shape, np.float32)) for name in SIGNATURES for shape in _SHAPES]
    requests: list[Request] = [(name, SIGNATURES[name].example(images)) for name, images in asked]
    for name, inputs in requests:
        _check_inputs(name, inputs, signatures[name])
    warmup = list(read_warmup(Path(folder)))
    answers = run_in_cpp_loader(folder, [*requests, *warmup, (describe.NAME, describe.question())])
    for (name, images), answer in zip(asked, answers[: len(asked)], strict=True):
        count, height, width = images.shape
        _check_answer(name, answer, (count, height * scale, width * scale))
    for (name, _), answer in zip(warmup, answers[len(asked) : -1], strict=True):
        _check_runs(name, answer)
    _check_runs(describe.NAME, answers[-1])


def _check_inputs(name: str, inputs: Arrays, tensors: SignatureTensors) -> None:
    if unknown := sorted(set(inputs) - set(tensors.inputs)):
        raise ModelError(
            f"Expected `example` of signature {name!r} to give inputs among {sorted(tensors.inputs)}. "
            f"Received: {', '.join(unknown)}."
        )


def _check_runs(name: str, answer: Answer) -> None:
    if answer.code != 0:
        reason = answer.message.splitlines()[0]
        raise ModelError(
            f"Expected signature {name!r} to run in TensorFlow's C++ loader. Received: {reason} "
            "Export it again."
        )


def _check_answer(name: str, answer: Answer, shape: tuple[int, ...]) -> None:
    _check_runs(name, answer)
    try:
        images = SIGNATURES[name].images(answer.outputs)
    except KeyError as error:
        raise ModelError(
            f"Expected `images` of signature {name!r} to take of its outputs {sorted(answer.outputs)}. "
            f"Received: {error.args[0]}."
        ) from error
    if images.shape != shape or not np.isfinite(images).all():
        raise ModelError(
            f"Expected finite images of shape {shape} from signature {name!r}. Received: shape "
            f"{images.shape}."
        )


def run_in_cpp_loader(
    folder: Path | str, requests: Sequence[Request], stop: threading.Event | None = None
) -> list[Answer]:
    """Load a SavedModel once with the C++ loader, in a subprocess, and answer requests one after the other.

    Args:
        folder: Of one version.
        requests: Signature and inputs; any shape and any dtype that `is_known`, also wrong ones.
        stop: Ends the process when it is set.

    Returns:
        One answer a request.

    Raises:
        ModelError: The folder is no SavedModel or does not load, the process aborted or was ended, or there
            is no room for temporary files.
    """
    folder = Path(folder)
    signatures = read_signatures(folder)
    try:
        with tempfile.TemporaryDirectory() as exchange:
            return _exchange(Path(exchange), folder, signatures, requests, stop or threading.Event())
    except OSError as error:
        raise ModelError(
            f"Expected room for temporary files to check {folder}. Received: {error.strerror}. Set TMPDIR to "
            "a folder with more."
        ) from error


def _exchange(
    exchange: Path,
    folder: Path,
    signatures: Mapping[str, SignatureTensors],
    requests: Sequence[Request],
    stop: threading.Event,
) -> list[Answer]:
    plan = [
        _store(exchange, number, signatures[name], inputs) for number, (name, inputs) in enumerate(requests)
    ]
    order = {"library": str(_library()), "folder": str(folder), "requests": plan}
    (exchange / "order.json").write_text(json.dumps(order), encoding="utf-8")
    _run_process(exchange, stop)
    answers = json.loads((exchange / "answers.json").read_text(encoding="utf-8"))
    return [_load(exchange, answer) for answer in answers]


@dataclass(frozen=True)
class SignatureTensors:
    """Names of a signature's inputs and outputs, each with the tensor in the graph that it stands for."""

    inputs: dict[str, str]
    outputs: dict[str, str]


def read_signatures(folder: Path) -> dict[str, SignatureTensors]:
    """The signatures of a SavedModel, from its protocol buffer.

    Raises:
        ModelError: There is no `saved_model.pb`, or it is damaged.
    """
    path = folder / "saved_model.pb"
    try:
        model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
        definitions = model.meta_graphs[0].signature_def
    except (OSError, IndexError, DecodeError) as error:
        raise ModelError(
            f"Expected a SavedModel. Received: {folder}, whose saved_model.pb cannot be read."
        ) from error
    return {
        name: SignatureTensors(
            {key: info.name for key, info in definition.inputs.items()},
            {key: info.name for key, info in definition.outputs.items()},
        )
        for name, definition in definitions.items()
        if not name.startswith("__")
    }


def _store(
    exchange: Path, number: int, tensors: SignatureTensors, inputs: Arrays
) -> dict[str, dict[str, str]]:
    feeds = {}
    for key, value in inputs.items():
        file = exchange / f"in-{number}-{key}.npy"
        save_array(file, value)
        feeds[tensors.inputs[key]] = str(file)
    fetches = {tensor: str(exchange / f"out-{number}-{key}.npy") for key, tensor in tensors.outputs.items()}
    return {"feeds": feeds, "fetches": fetches}


def _load(exchange: Path, answer: dict[str, object]) -> Answer:
    files = [Path(str(file)) for file in answer["outputs"]]  # type: ignore[attr-defined]
    outputs = {file.stem.split("-", 2)[2]: load_array(file) for file in files}
    return Answer(int(str(answer["code"])), str(answer["message"]), outputs)


def _library() -> Path:
    return Path(tf.__file__).with_name("libtensorflow_cc.so.2")


def _run_process(exchange: Path, stop: threading.Event) -> None:
    # -P: this folder's modules must not shadow those that the process imports.
    command = [
        sys.executable,
        "-P",
        str(_PROCESS),
        str(exchange / "order.json"),
        str(exchange / "answers.json"),
    ]
    try:
        started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise ModelError(f"TensorFlow's C++ loader could not be started: {error.strerror}.") from error
    with started as process:
        try:
            log = _finished(process, stop)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise ModelError(f"TensorFlow's C++ loader failed (exit {process.returncode}): {_reason(log)}")


def _finished(process: subprocess.Popen[str], stop: threading.Event) -> str:
    """The log of a process that has ended by itself, in time."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        try:
            return process.communicate(timeout=_TICK_SECONDS)[1]
        except subprocess.TimeoutExpired as error:
            if stop.is_set():
                raise ModelError("TensorFlow's C++ loader was ended before it answered.") from error
            if time.monotonic() > deadline:
                raise ModelError(
                    f"TensorFlow's C++ loader did not answer within {_TIMEOUT_SECONDS} seconds."
                ) from error


def _reason(log: str) -> str:
    """The line of a failed process's log that says why: that of a failed check, or else the last one."""
    lines = log.strip().splitlines() or ["no message"]
    checks = [line[line.index(_CHECK) :] for line in lines if _CHECK in line]
    return checks[0] if checks else lines[-1].strip()
