"""Measurements as processes of their own, in environments of their own: peaks of memory do not mix."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / "build"


def environment(module: str, *requirements: str) -> Path:
    """The interpreter of an environment `build/MODULE`, made on the first call.

    Args:
        module: What must be importable there.
        requirements: What is installed, as pip takes it.
    """
    folder = ENVIRONMENTS / module
    python = folder / "bin" / "python"
    if (
        not python.exists()
        or subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode
    ):
        print(f"installing {', '.join(requirements)} into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", *requirements], check=True)
    return python


def variables() -> dict[str, str]:
    """The environment of a script that is run as a process of its own."""
    return os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(HERE.parent)}


def in_process(
    python: Path | str,
    script: str,
    *arguments: object,
    wrapper: Sequence[str] = (),
    timeout: float | None = None,
) -> dict[str, Any]:
    """Run one measurement, by itself or by a `wrapper` that runs it, and read the JSON line it ends with.

    Raises:
        subprocess.TimeoutExpired: It took longer than `timeout` seconds.
        SystemExit: It failed.
    """
    command = [*wrapper, str(python), str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=variables(), timeout=timeout)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def cpu_of_children() -> float:
    """Processor seconds of the processes that this one has started and seen end, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def machine(load_before: float) -> dict[str, Any]:
    """What the figures were measured on, and how busy it was before."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average_before": load_before,
    }


def processor() -> str:
    """The processor's name, family and model, and whether it has instructions for bfloat16."""
    from lfsr_tf.precision import cpu_has_bfloat16

    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    values = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    known = {key.strip(): value.strip() for key, value in values.items()}
    name = known.get("model name", platform.processor())
    number = f"family {known.get('cpu family', '?')}, model {known.get('model', '?')}"
    return f"{name} ({number}), {'with' if cpu_has_bfloat16() else 'without'} bfloat16 instructions"


def save_model(model: Any, folder: str) -> None:
    """Write a model as a SavedModel for images of any size, and the JSON line that `in_process` reads."""
    import tensorflow as tf

    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    spec = tf.TensorSpec(model.input_shape, tf.float32)
    module.function = tf.function(lambda lr: {"sr": model(lr, training=False)}, input_signature=[spec])
    tf.saved_model.save(module, folder, signatures={"serving_default": module.function})
    print("{}")


def write_report(report: dict[str, Any], output: Path) -> None:
    """Write the figures of a run as JSON, and warn where the machine was busy before."""
    if report["machine"]["load_average_before"] > 0.5:
        print("The machine was not idle: wall times of this run mean little.")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written: {output}")
