"""The paper's network (6,714,369 parameters) beside the same network in PyTorch, in the same run.

Command: python benchmarks/network.py     (eight minutes on two idle cores; --work inference: the slice alone)
Expected: no slower than PyTorch in float32 and in bfloat16, most of what the machine can do in float32.
Prints a table and writes benchmarks/results/network.json. The first run installs PyTorch into build/torch.

Each measurement is a process of its own, so that its peak memory is its own. On processors without bfloat16
instructions both frameworks emulate it and are slower than in float32: there `dtype_policy = "auto"` of
`lfsr train` stays in float32, and training in bfloat16 is left out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "network.json"
TORCH = HERE.parent / "build" / "torch"
TORCH_VERSION = "2.13.0"

SHAPES = {"inference": (1, 64, 64), "training": (20, 16, 16)}
DTYPES = ("float32", "bfloat16")
# PyTorch's ways to each dtype; the fastest counts. One that takes longer than this is not the fastest.
PYTORCH_WAYS = {"float32": ("float32",), "bfloat16": ("autocast", "converted")}
PYTORCH_FORMATS = ("contiguous", "channels_last")
PYTORCH_LIMIT_S = 120
# Emulated, a training step in bfloat16 takes more than a minute: measured only where the processor has it.
NEEDS_BFLOAT16 = ("training", "bfloat16")


def measure_tensorflow(work: str, dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Time one kind of work in this process."""
    import keras
    import tensorflow as tf
    from stopwatch import measure, peak_rss_mib

    from lfsr_tf.networks import SRDenseNet_All

    keras.config.set_dtype_policy("float32" if dtype == "float32" else "mixed_bfloat16")
    model = SRDenseNet_All()
    timing = measure(_inference(model, shape) if work == "inference" else _training(model, shape))
    peak = peak_rss_mib()
    matrix = tf.random.uniform((2048, 2048))
    rate = 2 * 2048**3 / measure(lambda: tf.matmul(matrix, matrix).numpy()).seconds / 1e9
    return {
        "parameters": model.count_params(),
        "version": tf.__version__,
        "way": keras.config.dtype_policy().name,
        "seconds": timing.seconds,
        "cpu_seconds": timing.cpu_seconds,
        "peak_rss_mib": peak,
        "matmul_gflops": rate,
        "gflop": forward_gflop(model, shape) * (1 if work == "inference" else 3),
    }


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


def forward_gflop(model: Any, shape: tuple[int, ...]) -> float:
    """Multiplications and additions of the convolutions; every one but the last works on the LR grid."""
    batch, rows, columns = shape
    weights = sum(layer.kernel.shape.num_elements() for layer in model.layers if hasattr(layer, "kernel"))
    last = model.get_layer("reconstruction").kernel.shape.num_elements()
    return 2 * batch * rows * columns * (weights + 3 * last) / 1e9


def torch_python() -> Path:
    """The interpreter of PyTorch's own environment, made on the first call."""
    python = TORCH / "bin" / "python"
    if not python.exists() or subprocess.run([python, "-c", "import torch"], capture_output=True).returncode:
        print(f"installing torch {TORCH_VERSION} into {TORCH}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", TORCH], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-qq", f"torch=={TORCH_VERSION}", "numpy"], check=True
        )
    return python


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


def in_process(
    python: Path | str, script: str, *arguments: object, timeout: float | None = None
) -> dict[str, Any]:
    """Run one measurement and read the JSON line it ends with."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(HERE.parent)}
    command = [str(python), str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(works: list[str]) -> dict[str, Any]:
    """Both frameworks for every kind of work and dtype, in turn."""
    from lfsr_tf.precision import cpu_has_bfloat16

    python, results = torch_python(), {}
    for work in works:
        for dtype in DTYPES:
            if (work, dtype) == NEEDS_BFLOAT16 and not cpu_has_bfloat16():
                print(
                    f"not measuring {work} in {dtype}: the processor has no instructions for it", flush=True
                )
                continue
            print(f"measuring {work} in {dtype}", flush=True)
            results[f"{work}_{dtype}"] = {
                "lfsr_tf": in_process(sys.executable, "network.py", "--measure", work, dtype),
                "pytorch": fastest_pytorch(python, work, dtype),
            }
    return {
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_average_before": LOAD_BEFORE,
        },
        "shapes": SHAPES,
        "results": results,
    }


def processor() -> str:
    """The processor's name and whether it has instructions for bfloat16."""
    from lfsr_tf.precision import cpu_has_bfloat16

    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    name = next(
        (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), ""
    )
    return f"{name}, {'with' if cpu_has_bfloat16() else 'without'} bfloat16 instructions"


def print_table(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    machine = report["machine"]
    table = Table(title=f"SRDenseNet_All on {machine['cores']} cores of {machine['processor']}")
    for column in (
        "work",
        "lfsr_tf",
        "PyTorch",
        "time ratio",
        "CPU ratio",
        "of float32 matmul",
        "peak memory",
    ):
        table.add_column(column, justify="left" if column == "work" else "right")
    for name, both in report["results"].items():
        ours, theirs = both["lfsr_tf"], both["pytorch"]
        share = ours["gflop"] / ours["seconds"] / max(ours["matmul_gflops"], theirs["matmul_gflops"])
        table.add_row(
            name.replace("_", ", "),
            f"{1e3 * ours['seconds']:.0f} ms",
            f"{1e3 * theirs['seconds']:.0f} ms",
            f"{ours['seconds'] / theirs['seconds']:.2f}",
            f"{ours['cpu_seconds'] / theirs['cpu_seconds']:.2f}",
            f"{100 * share:.0f} %",
            f"{ours['peak_rss_mib']:.0f} / {theirs['peak_rss_mib']:.0f} MiB",
        )
    Console().print(table)
    if machine["load_average_before"] > 0.5:
        print("The machine was not idle: wall times of this run mean little, CPU times a little more.")


LOAD_BEFORE = os.getloadavg()[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", choices=[*SHAPES], action="append", help="measure this alone")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--measure", nargs=2, metavar=("WORK", "DTYPE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        work, dtype = arguments.measure
        print(json.dumps(measure_tensorflow(work, dtype, SHAPES[work])))
        return
    report = compare(arguments.work or list(SHAPES))
    print_table(report)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written: {arguments.output}")


if __name__ == "__main__":
    main()
