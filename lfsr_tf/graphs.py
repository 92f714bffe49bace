"""Graphs of functions as they are written: tracing without AutoGraph.

AutoGraph rewrites the source of whatever is traced, so that `if` and `while` may stand on tensors. Nothing in
this package asks for that, and the rewriting takes longer than all the rest of tracing: a worker of `lfsr
prepare` is ready two seconds earlier without it. `tf.function` takes `autograph=False`; tf.data has no such
argument, so what builds a pipeline is marked `as_written`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import tensorflow as tf

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def as_written(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Trace without AutoGraph whatever `function` traces while it runs, as in `Dataset.map`."""
    marked: Callable[Parameters, Result] = tf.autograph.experimental.do_not_convert(function)
    return marked
