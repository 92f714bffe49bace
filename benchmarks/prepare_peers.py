"""The same pairs by plain NumPy, by PyTorch, and by Beam: the parts of prepare.py that have peers.

Every peer has two processes of one thread each, in the form that is best for it (of PyTorch's two forms the
faster counts), and once more a single one, as a plain script is. All of them read the same scans and write
gzipped records with 40 pairs a slice in float16; NumPy and PyTorch by TensorFlow's writer.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from network import TORCH
from prepare_growth import (
    FEW_SCANS,
    FEW_SLICES,
    PAIRS_PER_SLICE,
    SHORT,
    WORKERS,
    Scans,
    cleared,
    prepare,
    with_rates,
)
from processes import HERE, environment
from watched import Run, folder_bytes, repeated, watched

REPEATS, TURNS = 3, 5
ALONE = ", one process"

Command = list[object]
Program = Callable[[Path, Path, int], Run]


def torch_folder() -> Path | None:
    """Where PyTorch is importable from, or None where it cannot be had; it is no dependency of lfsr_tf."""
    try:
        python = environment("torch", TORCH, "numpy")
    except subprocess.CalledProcessError:
        print(f"left out: {TORCH} cannot be installed. Install it into build/torch to have its figures.")
        return None
    found = "import pathlib, torch; print(pathlib.Path(torch.__file__).parents[1])"
    return Path(
        subprocess.run([python, "-c", found], capture_output=True, text=True, check=True).stdout.strip()
    )


def degraded(scans: Scans, torch: Path | None) -> dict[str, float]:
    """Slices a second that two processes degrade together, and one alone, for each peer.

    All take turns, since a virtual machine has fast and slow minutes, and the best turn of each counts.
    """
    peers: dict[str, list[Path]] = {"lfsr_tf": [], "numpy": []} | ({"pytorch": [torch]} if torch else {})
    rates: dict[str, float] = {}
    for _ in range(TURNS):
        for (peer, folders), processes in itertools.product(peers.items(), (WORKERS, 1)):
            name = peer + (ALONE if processes == 1 else "")
            rates[name] = max(rates.get(name, 0.0), _degraded_by(peer, processes, scans, folders))
    return rates


def _degraded_by(peer: str, processes: int, scans: Scans, folders: list[Path]) -> float:
    print(f"degrading with {peer} in {processes} processes", flush=True)
    room = cleared(scans.room("degraded"))
    room.mkdir()
    outputs = [room / f"{number}.json" for number in range(processes)]
    script = HERE / "prepare_degrade.py"
    watched([[sys.executable, script, peer, output] for output in outputs], *folders)
    return sum(json.loads(output.read_text()) for output in outputs)


def written(scans: Scans, slices: int, torch: Path | None) -> dict[str, dict[str, Any]]:
    """What `slices` slices take with each peer, its own start-up measured as lfsr_tf's is."""
    return {name: _row(name, program, scans, slices) for name, program in _programs(torch).items()}


def _programs(torch: Path | None) -> dict[str, Program]:
    plain: dict[str, Program] = {
        "lfsr_tf": lambda scans, room, slices: prepare(scans, slices, room),
        "numpy": _halves("plain_prepare.py"),
        "numpy, Huffman codes alone": _halves("plain_prepare.py", "--strategy", "huffman"),
        "numpy" + ALONE: _whole("plain_prepare.py"),
    }
    if torch is None:
        return plain
    return plain | {
        "pytorch, two programs": _halves("torch_prepare.py", folders=(torch,)),
        "pytorch, two loader workers": _whole(
            "torch_prepare.py", "--loader-workers", WORKERS, folders=(torch,)
        ),
        "pytorch" + ALONE: _whole("torch_prepare.py", folders=(torch,)),
    }


def _halves(script: str, *options: object, folders: tuple[Path, ...] = ()) -> Program:
    """Two programs, each with every second scan."""

    def halves(scans: Path, room: Path, slices: int) -> Run:
        cleared(room).mkdir()
        program: Command = [sys.executable, HERE / script, scans]
        commands = [
            [*program, room / f"{share}.tfrecord.gz", "--share", f"{share}/{WORKERS}", *options]
            for share in range(WORKERS)
        ]
        return watched(commands, *folders)

    return halves


def _whole(script: str, *options: object, folders: tuple[Path, ...] = ()) -> Program:
    """One program with processes of its own."""

    def whole(scans: Path, room: Path, slices: int) -> Run:
        cleared(room).mkdir()
        return watched([[sys.executable, HERE / script, scans, room / "0.tfrecord.gz", *options]], *folders)

    return whole


def beam(scans: Scans, slices: int) -> dict[str, Any]:
    """The tensorflow-datasets builder of the same pairs on Beam's local runner with two processes."""
    return _row("beam", _beam_program, scans, slices, repeats=1)


def _beam_program(scans: Path, room: Path, slices: int) -> Run:
    words = ["--slices", slices, "--workers", WORKERS]
    return watched([[sys.executable, HERE / "beam_prepare.py", scans, cleared(room), *words]])


def _row(name: str, program: Program, scans: Scans, slices: int, repeats: int = REPEATS) -> dict[str, Any]:
    print(f"{slices:,} slices to records with {name}", flush=True)
    few, room = FEW_SCANS * FEW_SLICES, scans.room("peer")
    start_up = repeated(repeats, lambda: program(scans.few(), room, few)).seconds
    run = repeated(repeats if slices <= SHORT else 1, lambda: program(scans.of(slices), room, slices))
    row = {"slices": slices, "pairs": PAIRS_PER_SLICE * slices, "start_up_s": start_up, **run.to_json()}
    return with_rates(row, start_up) | {"records_bytes": folder_bytes(room)}
