"""Pairs a second that the input pipeline delivers, beside what the paper's network takes, in the same run.

Command: python benchmarks/input_pipeline.py     (ten minutes on two idle cores; --quick for a short trial)
Fixed pairs and slices with noise that is drawn; records in memory and read again each pass; made here and by
two workers of a tf.data service on the same machine; beside a pipeline that parses record by record. The
consumer is the training step of `network.py`: 20 patches of 16 x 16 through SRDenseNet_All. Each measurement
is a process of its own. The records are heads of `prepare_scans.py`, so that no scan is needed.
Expected there: the pipeline delivers at least ten times what the network takes, at any batch size.
Prints tables and writes benchmarks/results/input_pipeline.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from processes import HERE, in_process, machine, write_report

RESULTS = HERE / "results" / "input_pipeline.json"
SLICES, WORKERS = 2000, 2
MODES, BATCHES = ("pairs", "slices"), (20, 256)
WAYS = ("memory", "files", "service", "naive, memory", "naive, files", "device")
WINDOWS, SECONDS = 3, 3.0
# Peak of dense bfloat16 in NVIDIA's data sheet of the H200, and the part of it that training is given here.
H200_FLOPS, UTILISATION = 989e12, 0.4
LOAD_BEFORE = os.getloadavg()[0]


def prepare(folder: Path, slices: int) -> None:
    """Records of both modes from the same heads, 40 patches of 16 x 16 a slice."""
    from prepare_scans import SLICES_PER_SCAN, make_scans

    from lfsr_tf.pairs import PairsConfig, prepare_dataset

    make_scans(folder / "scans", slices // SLICES_PER_SCAN)
    for mode in MODES:
        config = PairsConfig(mode=mode, validation_fraction=0.0)
        prepare_dataset(folder / "scans", None, folder / mode, config)


def measure_pipeline(folder: str, mode: str, way: str, batch_size: int, seconds: float) -> dict[str, Any]:
    """Pairs a second in this process, the best of some windows, and its processor time for each pair."""
    from stopwatch import peak_rss_mib

    before = time.perf_counter()
    batches = iter(_batches(Path(folder) / mode, way, batch_size))
    next(batches)
    first = time.perf_counter() - before
    _run(batches, seconds)
    windows = [_run(batches, seconds) for _ in range(WINDOWS)]
    taken, wall, cpu = max(windows, key=lambda window: window[0] / window[1])
    return {
        "pairs_per_second": taken * batch_size / wall,
        "cpu_us_per_pair": 1e6 * cpu / (taken * batch_size),
        "first_batch_s": first,
        "peak_rss_mib": peak_rss_mib(),
    }


def _run(batches: Iterator[Any], seconds: float) -> tuple[int, float, float]:
    """Batches taken, wall seconds and processor seconds."""
    wall, cpu, taken = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - wall < seconds:
        next(batches)
        taken += 1
    return taken, time.perf_counter() - wall, time.process_time() - cpu


def _batches(folder: Path, way: str, batch_size: int) -> Any:
    from naive_input import naive_training_data

    from lfsr_tf.pairs import PipelineConfig, training_data

    if way.startswith("naive"):
        return naive_training_data(folder, batch_size, cache=way.endswith("memory"))
    if way == "device":
        return _on_device(folder, batch_size)
    service = "grpc://127.0.0.1:5050" if way == "service" else ""
    options = PipelineConfig(cache=way == "memory", service=service)
    return training_data(folder, batch_size, options=options)


def _on_device(folder: Path, batch_size: int) -> Iterator[Any]:
    """Batches made as the training step makes them: on a CPU, what it adds to a step."""
    import tensorflow as tf

    from lfsr_tf.pairs.device_pairs import device_data

    chosen, make_pairs = device_data(folder, batch_size)
    compiled: Callable[[Any], Any] = tf.function(make_pairs)
    return map(compiled, chosen)


def measured(folder: Path, mode: str, way: str, batch_size: int, seconds: float) -> dict[str, Any]:
    """One measurement in a process of its own, beside workers where they make the pairs."""
    arguments = ("--measure", folder, mode, way, batch_size, seconds)
    service = (sys.executable, "-m", "lfsr_tf.pairs.service", "run", "--workers", str(WORKERS), "--")
    wrapper = service if way == "service" else ()
    return in_process(sys.executable, "input_pipeline.py", *arguments, wrapper=wrapper)


def consumed(quick: bool) -> dict[str, float]:
    """Patches of 16 x 16 that a training step of the paper's network takes a second, by dtype."""
    from lfsr_tf.precision import cpu_has_bfloat16

    dtypes = ("float32", "bfloat16") if cpu_has_bfloat16() and not quick else ("float32",)
    steps = {
        dtype: in_process(sys.executable, "network.py", "--measure", "training", dtype, "split")
        for dtype in dtypes
    }
    return {dtype: 20 / step["seconds"] for dtype, step in steps.items()}


def h200_demand() -> dict[str, dict[str, float]]:
    """Patches of 16 x 16 a second that training would take on an H200, by arithmetic: nothing is run there.

    A backward pass counts as two forward passes.
    """
    from lfsr_tf.models import list_models, read_card
    from lfsr_tf.networks import build_network, multiply_adds

    demand = {}
    for name in list_models():
        info = read_card(name).info
        settings = dict(info.settings)
        # A self-ensemble is trained as the network inside it.
        network = build_network(settings.pop("of", info.network), **settings)
        flop = 3 * 2 * multiply_adds(network, 16, 16)
        demand[name] = {"gflop_a_patch": flop / 1e9, "patches_per_second": UTILISATION * H200_FLOPS / flop}
    return demand


def compare(slices: int, seconds: float, quick: bool) -> dict[str, Any]:
    """Everything, in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, slices)
        delivered: dict[str, Any] = {}
        for mode, way, batch_size in itertools.product(MODES, WAYS, BATCHES):
            if (mode, way) != ("pairs", "device"):
                print(f"measuring {mode}, {way}, batches of {batch_size}", flush=True)
                key = f"{mode}, {way}, {batch_size}"
                delivered[key] = measured(folder, mode, way, batch_size, seconds)
    setting = {"slices": slices, "workers": WORKERS, "window_s": seconds, "windows": WINDOWS}
    return {
        "machine": machine(LOAD_BEFORE),
        "setting": setting,
        "delivered": delivered,
        "consumed": consumed(quick),
        "h200": h200_demand(),
    }


def print_tables(report: dict[str, Any]) -> None:
    """Delivered over consumed, over the record-by-record pipeline; and what an H200 would take."""
    from rich.console import Console
    from rich.table import Table

    consumed, delivered = report["consumed"], report["delivered"]
    fastest = max(consumed.values())
    table = Table(title=f"{report['machine']['processor']}; the network takes {fastest:.1f} patches/s")
    for column in ("pairs", "made", "batch", "pairs/s", "over network", "over naive", "cpu µs a pair", "MiB"):
        table.add_column(column, justify="left" if column in ("pairs", "made") else "right")
    for key, figures in delivered.items():
        (mode, rest), batch = key.split(", ", 1), key.rsplit(", ", 1)[1]
        way = rest.rsplit(", ", 1)[0]
        naive = delivered[f"{mode}, naive, {'memory' if way in ('memory', 'device') else 'files'}, {batch}"]
        rate = figures["pairs_per_second"]
        row = (f"{rate:,.0f}", f"{rate / fastest:,.0f}", f"{rate / naive['pairs_per_second']:.1f}")
        more = (f"{figures['cpu_us_per_pair']:.1f}", f"{figures['peak_rss_mib']:,.0f}")
        table.add_row(mode, way, batch, *row, *more)
    Console().print(table)
    for name, demand in report["h200"].items():
        cores = demand["patches_per_second"] * delivered["slices, memory, 256"]["cpu_us_per_pair"] / 1e6
        print(f"H200, {name}: {demand['patches_per_second']:,.0f} patches/s, {cores:.1f} of these cores")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few slices, short windows: is it all there?")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        folder, mode, way, batch_size, seconds = arguments.measure
        print(json.dumps(measure_pipeline(folder, mode, way, int(batch_size), float(seconds))))
        return
    slices, seconds = (200, 0.3) if arguments.quick else (SLICES, SECONDS)
    report = compare(slices, seconds, arguments.quick)
    print_tables(report)
    write_report(report, arguments.output)


if __name__ == "__main__":
    main()
