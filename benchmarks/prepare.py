"""How fast scans become pairs, beside a plain NumPy + TFRecordWriter version in the same run.

Command: python benchmarks/prepare.py     (2 minutes on two idle cores; --slices 500 for a quick look)
Expected there: 4,000 slices/s degraded; 200,000 pairs from 5,000 slices in 40 s, with 2 GiB.
Prints a table and writes benchmarks/results/prepare.json.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results" / "prepare.json"
SLICES_PER_SCAN, MATRIX, PAIRS_PER_SLICE = 100, 192, 40
# The plain version is slow, and its rate does not depend on the amount.
PLAIN_PART = 10


@dataclass(frozen=True)
class Run:
    """One measured program."""

    seconds: float
    cpu_seconds: float
    peak_rss_mib: float


def make_scans(folder: Path, slices: int) -> None:
    """Heads with texture, uint16 NIfTI, every slice usable."""
    folder.mkdir()
    y, x = np.mgrid[-1 : 1 : MATRIX * 1j, -1 : 1 : MATRIX * 1j]
    frequency = np.fft.fftfreq(MATRIX)
    band = np.hypot(frequency[:, None], frequency) < 0.2
    head = (x / 0.75) ** 2 + (y / 0.9) ** 2 < 1
    for number in range(-(-slices // SLICES_PER_SCAN)):
        rng = np.random.default_rng(number)
        texture = np.abs(np.fft.ifft2(np.fft.fft2(rng.random((SLICES_PER_SCAN, MATRIX, MATRIX))) * band))
        volume = np.moveaxis(head * (1500 * texture + 300), 0, 2) + rng.rayleigh(
            8, (MATRIX, MATRIX, SLICES_PER_SCAN)
        )
        image = nib.Nifti1Image(volume.astype(np.uint16), np.diag([1.2, 1.2, 4.0, 1.0]))
        nib.save(image, folder / f"sub-{number:03d}_T1w.nii.gz")


def run(command: list[str]) -> Run:
    """Run a program and watch the memory of all its processes together."""
    began, used = time.monotonic(), cpu_of_children()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, tree_rss_mib(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return Run(time.monotonic() - began, cpu_of_children() - used, peak)


def cpu_of_children() -> float:
    """Processor seconds of all programs that have ended, their own workers included."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def tree_rss_mib(root: int) -> float:
    """Resident memory of a process and its children; pages they share are counted once for each."""
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def degraded_per_second() -> tuple[float, float]:
    """Slices a second, 128 x 128 to 64 x 64 with noise: lfsr_tf on all cores, and NumPy."""
    import tensorflow as tf
    from plain_prepare import degrade as plain_degrade

    from lfsr_tf.pairs.config import PairsConfig
    from lfsr_tf.pairs.degrade import degrade

    batch = 64
    images = np.random.default_rng(0).random((batch, 128, 128)).astype(np.float32)
    hr, keys, config = tf.constant(images), tf.range(batch, dtype=tf.int64), PairsConfig()
    ours = tf.function(lambda: degrade(hr, keys, config))
    rng = np.random.default_rng(0)

    def in_threads() -> None:
        # As the preparation does with processes: one stream of batches a core.
        threads = [threading.Thread(target=lambda: [ours() for _ in range(8)]) for _ in range(cores())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    plain = rate(lambda: [plain_degrade(image, 0.04, rng) for image in images], batch)
    return rate(in_threads, 8 * batch * cores()), plain


def rate(work: Callable[[], object], amount: int) -> float:
    """Best of several: others may be using the machine."""
    work()
    return max(amount / timed(work) for _ in range(7))


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def prepare_runs(slices: int, workers: int) -> tuple[Run, Run]:
    """The same scans to pairs: `lfsr prepare`, and the plain version on a part of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_scans(folder / "scans", slices)
        options = [
            "--preset",
            "paper",
            "--noise-copies",
            "1",
            "--workers",
            str(workers),
            "--validation-fraction",
            "0",
        ]
        options += ["--train-pairs", str(PAIRS_PER_SLICE * slices), "--validation-pairs", "0"]
        ours = run(
            [
                sys.executable,
                "-m",
                "lfsr_tf",
                "prepare",
                f"{folder}/scans",
                "-o",
                f"{folder}/records",
                *options,
            ]
        )
        script = str(Path(__file__).with_name("plain_prepare.py"))
        part = ["--pairs-per-slice", str(PAIRS_PER_SLICE), "--slices", str(slices // PLAIN_PART)]
        plain = run([sys.executable, script, f"{folder}/scans", f"{folder}/plain.tfrecord.gz", *part])
    return ours, plain


def write(rows: list[tuple[str, float, float, float]], slices: int, workers: int, load: float) -> None:
    """Keep the figures with what they were measured on."""
    from lfsr_tf.storage import write_json

    figures = {label: {"lfsr_tf": ours, "plain": plain, "ratio": ratio} for label, ours, plain, ratio in rows}
    setting = {"slices": slices, "workers": workers, "cores": cores(), "load_before": load}
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    write_json(
        RESULTS, {"figures": figures, "setting": setting, "versions": versions, "machine": processor()}
    )


def processor() -> str:
    """Name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor()
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slices", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--no-json", action="store_true", help="print only")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    degraded, degraded_plain = degraded_per_second()
    ours, plain = prepare_runs(arguments.slices, arguments.workers)
    pairs = PAIRS_PER_SLICE * arguments.slices
    figures = {
        "slices degraded 128 -> 64, 1/s": (degraded, degraded_plain),
        "pairs written, 1/s": (pairs / ours.seconds, pairs / PLAIN_PART / plain.seconds),
        f"seconds for {pairs:,} pairs from {arguments.slices:,} slices": (
            ours.seconds,
            plain.seconds * PLAIN_PART,
        ),
        "processor seconds for them": (ours.cpu_seconds, plain.cpu_seconds * PLAIN_PART),
        "peak memory of all processes, MiB": (ours.peak_rss_mib, plain.peak_rss_mib),
    }
    rows = [(label, mine, other, mine / other) for label, (mine, other) in figures.items()]
    table = Table(
        "", "lfsr_tf", "plain NumPy", "ratio", title=f"{arguments.workers} workers, load before: {load:.1f}"
    )
    for label, *figures in rows:
        table.add_row(label, *(f"{figure:,.2f}" if figure < 100 else f"{figure:,.0f}" for figure in figures))
    Console().print(table)
    if not arguments.no_json:
        write(rows, arguments.slices, arguments.workers, load)


if __name__ == "__main__":
    main()
