"""A SavedModel in OpenVINO. Run by network.py and models.py where openvino is.

Command: python benchmarks/plain_openvino.py FOLDER float32 --shape 1 64 64 1
Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import openvino
from stopwatch import measure, peak_rss_mib


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("dtype", choices=["float32", "bfloat16"])
    parser.add_argument("--shape", type=int, nargs=4, required=True)
    arguments = parser.parse_args()
    hint = {"float32": "f32", "bfloat16": "bf16"}[arguments.dtype]
    core = openvino.Core()
    model = openvino.convert_model(arguments.folder, input=[openvino.PartialShape(arguments.shape)])
    compiled = core.compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    )
    images = np.random.default_rng(0).random(arguments.shape, np.float32)
    timing = measure(lambda: compiled(images))
    result = {
        "version": openvino.__version__,
        "way": hint,
        "seconds": timing.seconds,
        "cpu_seconds": timing.cpu_seconds,
        "added_mib": timing.added_mib,
        "peak_rss_mib": peak_rss_mib(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
