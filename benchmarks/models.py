"""The shipped models: time a slice and a volume, beside the same networks in PyTorch and OpenVINO.

Command: python benchmarks/models.py     (eight minutes on two idle cores)
One LR slice of 64 x 64, and a volume of 20; float32, and bfloat16 where the processor has it. `best` is the
mean over eight views: elsewhere the network inside is timed eight times over.
Prints a table and writes benchmarks/results/models.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from network import DTYPES, OPENVINO, PYTORCH_FORMATS, PYTORCH_WAYS, TORCH
from processes import HERE, environment, in_process, machine, save_model, write_report

RESULTS = HERE / "results" / "models.json"
SLICES = {"slice": 1, "volume": 20}
SIDE = 64
LOAD_BEFORE = os.getloadavg()[0]


def measure_model(name: str, dtype: str, slices: int) -> dict[str, Any]:
    """Time a shipped model in this process."""
    import tensorflow as tf
    from stopwatch import measure, peak_rss_mib

    trained = load(name, dtype)
    images = tf.random.uniform((slices, SIDE, SIDE, trained.model.input_shape[-1]))
    call = tf.function(lambda lr: trained.model(lr, training=False))
    timing = measure(lambda: call(images).numpy())
    return {"seconds": timing.seconds, "cpu_seconds": timing.cpu_seconds, "peak_rss_mib": peak_rss_mib()}


def load(name: str, dtype: str) -> Any:
    """A shipped model in one precision."""
    from lfsr_tf.models import load_model
    from lfsr_tf.networks.recast import recast

    return recast(load_model(name), "float32" if dtype == "float32" else "mixed_bfloat16")


def compare(names: list[str]) -> dict[str, Any]:
    """Every model in every precision, here and elsewhere."""
    from lfsr_tf.models import read_card
    from lfsr_tf.precision import cpu_has_bfloat16

    results: dict[str, Any] = {}
    for name in names:
        card = read_card(name)
        results[name] = {"parameters": card.parameters, "multiply_adds": card.multiply_adds}
        for dtype in DTYPES if cpu_has_bfloat16() else DTYPES[:1]:
            for kind, slices in SLICES.items():
                print(f"measuring {name}, {dtype}, {kind}", flush=True)
                results[name][f"{dtype}_{kind}"] = peers(name, dtype, slices, card.info)
    return {"machine": machine(LOAD_BEFORE), "side": SIDE, "slices": SLICES, "results": results}


def peers(name: str, dtype: str, slices: int, info: Any) -> dict[str, Any]:
    """One model at one size: lfsr_tf, PyTorch's fastest way, OpenVINO."""
    found = {"lfsr_tf": in_process(sys.executable, "models.py", "--measure", name, dtype, slices)}
    python, settings = environment("torch", TORCH, "numpy"), json.dumps(dict(info.settings))
    shape = ["--shape", slices, SIDE, SIDE]
    ways = [
        in_process(python, "plain_torch.py", "inference", way, memory, *shape, "--network", settings)
        for way in PYTORCH_WAYS[dtype]
        for memory in PYTORCH_FORMATS
    ]
    found["PyTorch"] = min(ways, key=lambda result: result["seconds"])
    with tempfile.TemporaryDirectory() as folder:
        in_process(sys.executable, "models.py", "--save", name, folder)
        channels = 2 if info.settings.get("noise_level") else 1
        shape = ["--shape", slices, SIDE, SIDE, channels]
        python = environment("openvino", OPENVINO)
        found["OpenVINO"] = in_process(python, "plain_openvino.py", folder, dtype, *shape)
    return found


def print_table(report: dict[str, Any]) -> None:
    """Milliseconds of each model here and elsewhere."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Shipped models, {report['machine']['processor']}")
    for column in ("model", "work", "lfsr_tf", "PyTorch", "OpenVINO"):
        table.add_column(column, justify="left" if column in ("model", "work") else "right")
    for name, result in report["results"].items():
        for work, found in result.items():
            if isinstance(found, dict):
                times = [f"{1e3 * peer['seconds']:.1f} ms" for peer in found.values()]
                table.add_row(name, work.replace("_", ", "), *times)
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", help="measure this one alone; may be given again")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--measure", nargs=3, metavar=("MODEL", "DTYPE", "SLICES"), help=argparse.SUPPRESS)
    parser.add_argument("--save", nargs=2, metavar=("MODEL", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, dtype, slices = arguments.measure
        print(json.dumps(measure_model(name, dtype, int(slices))))
    elif arguments.save:
        name, folder = arguments.save
        save_model(load(name, "float32").model, folder)
    else:
        from lfsr_tf.models import list_models

        report = compare(arguments.model or list_models())
        print_table(report)
        write_report(report, arguments.output)


if __name__ == "__main__":
    main()
