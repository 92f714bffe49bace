"""The paper's network (6,714,369 parameters) beside the same network elsewhere, in the same run.

Command: python benchmarks/network.py     (ten minutes on two idle cores; --work inference: the slice alone)
Beside lfsr_tf: the plain Keras form with its concatenations, PyTorch, OpenVINO (inference alone), and what a
matrix product reaches in the same type of number in the same processes. Work is counted as that of the direct
convolutions, whatever the algorithm: Winograd's does four multiplications for nine and can come out above it.
Prints a table and writes benchmarks/results/network.json. The first run installs PyTorch and OpenVINO into
environments of their own below build/.

Each measurement is a process of its own, so that its peak memory is its own. On processors without bfloat16
instructions all of them emulate it and are slower than in float32: there `dtype_policy = "auto"` of
`lfsr train` stays in float32, and bfloat16 is left out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processes import HERE, environment, in_process, machine, save_model, write_report

RESULTS = HERE / "results" / "network.json"
TORCH, OPENVINO = "torch==2.13.0", "openvino==2026.4.1"

SHAPES = {"inference": (1, 64, 64), "training": (20, 16, 16)}
DTYPES = ("float32", "bfloat16")
FORMS = {"lfsr_tf": "split", "Keras": "plain"}
# PyTorch's ways to each dtype; the fastest counts. One that takes longer than this is not the fastest.
PYTORCH_WAYS = {"float32": ("float32",), "bfloat16": ("autocast", "converted")}
PYTORCH_FORMATS = ("contiguous", "channels_last")
PYTORCH_LIMIT_S = 120
LOAD_BEFORE = os.getloadavg()[0]


def measure_tensorflow(work: str, dtype: str, form: str) -> dict[str, Any]:
    """Time one kind of work in this process."""
    import keras
    import tensorflow as tf
    from stopwatch import measure, peak_rss_mib

    shape = SHAPES[work]
    keras.config.set_dtype_policy("float32" if dtype == "float32" else "mixed_bfloat16")
    model = build(form)
    timing = measure(_inference(model, shape) if work == "inference" else _training(model, shape))
    peak = peak_rss_mib()
    matrix = tf.cast(tf.random.uniform((2048, 2048)), dtype)
    product = tf.function(lambda: tf.reduce_max(tf.matmul(matrix, matrix)))
    return {
        "parameters": model.count_params(),
        "version": tf.__version__,
        "way": form,
        "seconds": timing.seconds,
        "cpu_seconds": timing.cpu_seconds,
        "added_mib": timing.added_mib,
        "peak_rss_mib": peak,
        "matmul_gflops": 2 * 2048**3 / measure(lambda: product().numpy()).seconds / 1e9,
        "gflop": forward_gflop(shape) * (1 if work == "inference" else 3),
    }


def build(form: str) -> Any:
    """The network in lfsr_tf's form or in the plain one."""
    from plain_keras import plain_srdensenet_all

    from lfsr_tf.networks import SRDenseNet_All

    return SRDenseNet_All() if form == "split" else plain_srdensenet_all()


def _inference(model: Any, shape: tuple[int, ...]) -> Callable[[], object]:
    import tensorflow as tf

    lr, function = tf.random.uniform((*shape, 1)), tf.function(lambda image: model(image, training=False))
    return lambda: function(lr).numpy()


def _training(model: Any, shape: tuple[int, ...]) -> Callable[[], object]:
    import tensorflow as tf

    from lfsr_tf.networks import build_loss

    batch, rows, columns = shape
    lr, hr = tf.random.uniform((*shape, 1)), tf.random.uniform((batch, 2 * rows, 2 * columns, 1))
    model.compile(optimizer="adam", loss=build_loss("mse"), jit_compile=False)
    return lambda: model.train_on_batch(lr, hr)


def forward_gflop(shape: tuple[int, ...]) -> float:
    """Multiplications and additions of one pass over a batch."""
    from lfsr_tf.networks import SRDenseNet_All, multiply_adds

    batch, rows, columns = shape
    return 2 * batch * multiply_adds(SRDenseNet_All(), rows, columns) / 1e9


def fastest_pytorch(python: Path, work: str, dtype: str) -> dict[str, Any]:
    """PyTorch's fastest way and memory format, with the seconds of all that ended in time."""
    ways = itertools.product(PYTORCH_WAYS[dtype], PYTORCH_FORMATS)
    results = [pytorch(python, work, *way) for way in ways if (work, way[0]) != ("training", "converted")]
    ended = [result for result in results if result is not None]
    if not ended:
        raise SystemExit(f"PyTorch did no {work} in {dtype} within {PYTORCH_LIMIT_S} s.")
    best = min(ended, key=lambda result: result["seconds"])
    return best | {"all_ways_s": {result["way"]: result["seconds"] for result in ended}}


def pytorch(python: Path, work: str, way: str, memory: str) -> dict[str, Any] | None:
    """One way, or None where it takes too long."""
    try:
        return in_process(
            python, "plain_torch.py", work, way, memory, "--shape", *SHAPES[work], timeout=PYTORCH_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        print(f"left out after {PYTORCH_LIMIT_S} s: PyTorch, {work}, {way}, {memory}", flush=True)
        return None


def openvino(dtype: str) -> dict[str, Any]:
    """One slice in OpenVINO, from a SavedModel of lfsr_tf's form."""
    with tempfile.TemporaryDirectory() as folder:
        in_process(sys.executable, "network.py", "--save", folder)
        python = environment("openvino", OPENVINO)
        return in_process(python, "plain_openvino.py", folder, dtype, "--shape", *SHAPES["inference"], 1)


def compare(works: list[str]) -> dict[str, Any]:
    """Every peer for every kind of work and dtype, in turn."""
    from lfsr_tf.precision import cpu_has_bfloat16

    python, results = environment("torch", TORCH, "numpy"), {}
    for work, dtype in itertools.product(works, DTYPES if cpu_has_bfloat16() else DTYPES[:1]):
        print(f"measuring {work} in {dtype}", flush=True)
        peers = {
            name: in_process(sys.executable, "network.py", "--measure", work, dtype, form)
            for name, form in FORMS.items()
        }
        peers["PyTorch"] = fastest_pytorch(python, work, dtype)
        if work == "inference":
            peers["OpenVINO"] = openvino(dtype)
        results[f"{work}_{dtype}"] = peers
    return {"machine": machine(LOAD_BEFORE), "shapes": SHAPES, "results": results}


def print_table(report: dict[str, Any]) -> None:
    """Times, ratios to lfsr_tf, memory, what the work added to it, the share of the matrix product's rate."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"SRDenseNet_All, {report['machine']['processor']}")
    for column in (
        "work",
        "with",
        "time",
        "over lfsr_tf",
        "peak memory",
        "of it added",
        "GFLOP/s",
        "of matmul",
    ):
        table.add_column(column, justify="left" if column in ("work", "with") else "right")
    for work, peers in report["results"].items():
        ours = peers["lfsr_tf"]
        best_rate = max(peer.get("matmul_gflops", 0.0) for peer in peers.values())
        for name, peer in peers.items():
            rate = ours["gflop"] / peer["seconds"]
            table.add_row(
                work.replace("_", ", "),
                name,
                f"{1e3 * peer['seconds']:.0f} ms",
                f"{peer['seconds'] / ours['seconds']:.2f}",
                f"{peer['peak_rss_mib']:.0f} MiB",
                f"{peer['added_mib']:.0f} MiB",
                f"{rate:.0f}",
                f"{rate / best_rate:.2f}",
            )
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", choices=[*SHAPES], action="append", help="measure this alone")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--measure", nargs=3, metavar=("WORK", "DTYPE", "FORM"), help=argparse.SUPPRESS)
    parser.add_argument("--save", metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure_tensorflow(*arguments.measure)))
    elif arguments.save:
        save_model(build("split"), arguments.save)
    else:
        report = compare(arguments.work or list(SHAPES))
        print_table(report)
        write_report(report, arguments.output)


if __name__ == "__main__":
    main()
