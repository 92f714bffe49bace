"""Slices a second that one thread takes from 128 x 128 to 64 x 64 with noise. Run by prepare_peers.py.

Command: python benchmarks/prepare_degrade.py lfsr_tf|numpy|pytorch OUTPUT.json
Each in its best form: lfsr_tf in batches of 32 as `lfsr prepare` has them, NumPy slice by slice, PyTorch by
four slices. The images are in memory, and each call draws noise anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SLICES, ROUNDS, ROUND_S = 32, 3, 1.0


def lfsr_tf() -> Callable[[], object]:
    import tensorflow as tf

    from lfsr_tf.pairs.config import PairsConfig
    from lfsr_tf.pairs.degrade import degrade

    hr, keys, config = tf.constant(images()), tf.range(SLICES, dtype=tf.int64), PairsConfig()
    function = tf.function(lambda salt: degrade(hr, keys + salt, config)[0])
    salts = iter(range(1, 1 << 40))
    return lambda: function(tf.constant(next(salts), tf.int64)).numpy()


def numpy() -> Callable[[], object]:
    from plain_prepare import degrade

    hr, rng = images(), np.random.default_rng(0)
    return lambda: [degrade(image, 0.04, rng) for image in hr]


def pytorch() -> Callable[[], object]:
    import torch
    from torch_prepare import BATCH, degrade

    torch.set_num_threads(1)
    parts, generator = torch.from_numpy(images()).split(BATCH), torch.Generator().manual_seed(0)
    sigma = torch.full((BATCH,), 0.04)

    @torch.inference_mode()
    def call() -> object:
        return [degrade(part, sigma, generator) for part in parts]

    return call


def images() -> np.ndarray:
    """Float32 [32, 128, 128]."""
    return np.random.default_rng(0).random((SLICES, 128, 128), np.float32)


def rate(call: Callable[[], object]) -> float:
    """The median over rounds of a second; the first round warms up."""
    rates = []
    for _ in range(ROUNDS + 1):
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < ROUND_S:
            call()
            done += SLICES
        rates.append(done / (time.perf_counter() - began))
    return statistics.median(rates[1:])


PEERS = {function.__name__: function for function in (lfsr_tf, numpy, pytorch)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    arguments.output.write_text(json.dumps(rate(PEERS[arguments.peer]())))


if __name__ == "__main__":
    main()
