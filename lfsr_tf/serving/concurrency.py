"""Keeping an exported graph right when a server runs it for several requests at once.

With oneDNN, TensorFlow 2.21 joins a convolution, its bias and the addition of a residual into one operation
whose kernel two runs must not use at once: the process crashes within seconds, or an image comes back wrong
without a word. (Measured: thirty convolutions with residuals, called by two threads, crash in seven of seven
tries; with the two operations kept apart every one of 16,000 calls had the same answer.) No option in a
SavedModel switches the joining off for a server, so the summands are given shapes that TensorFlow cannot
compare, and those it does not join.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

_ADDS = ("Add", "AddV2", "AddN")
_PASSING_ON = ("Identity", "StopGradient", "PreventGradient")
# Passes its input on; what its shape is, nobody asks.
_APART = "PlaceholderWithDefault"


def keep_summands_apart(folder: Path) -> int:
    """Rewrite `saved_model.pb` so that no convolution is joined with the addition after it.

    Args:
        folder: Of a SavedModel.

    Returns:
        Number of additions that would have been joined.
    """
    path = folder / "saved_model.pb"
    model = SavedModel.FromString(path.read_bytes())
    count = sum(_keep_apart(nodes, add, in_function) for nodes, add, in_function in _graphs(model))
    path.write_bytes(model.SerializeToString(deterministic=True))
    # Of the graph as it was; loaders do without.
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    return count


def may_be_joined(folder: Path) -> bool:
    """Whether a SavedModel has additions that TensorFlow may join with a convolution.

    Raises:
        OSError: It cannot be read.
        google.protobuf.message.DecodeError: It is damaged.
    """
    model = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    return any(next(_summands(nodes), None) is not None for nodes, _, _ in _graphs(model))


def _graphs(model: SavedModel) -> Iterator[tuple[Iterable[NodeDef], Callable[[], NodeDef], bool]]:
    """Nodes, what adds one, and whether they are those of a function, whose references name the output."""
    for meta_graph in model.meta_graphs:
        graph = meta_graph.graph_def
        yield graph.node, graph.node.add, False
        for function in graph.library.function:
            yield function.node_def, function.node_def.add, True


def _keep_apart(nodes: Iterable[NodeDef], add: Callable[[], NodeDef], in_function: bool) -> int:
    found = list(_summands(nodes))
    for node, place in found:
        between = add()
        between.name, between.op = f"{node.name}/summand_{place}", _APART
        between.input.append(node.input[place])
        between.attr["dtype"].type = node.attr["T"].type
        between.attr["shape"].shape.unknown_rank = True
        node.input[place] = f"{between.name}:output:0" if in_function else between.name
    return len(found)


def _summands(nodes: Iterable[NodeDef]) -> Iterator[tuple[NodeDef, int]]:
    """Additions, and which of their summands is a convolution's with its bias."""
    by_name = {node.name: node for node in nodes}
    for node in list(by_name.values()):
        if node.op in _ADDS:
            for place, reference in enumerate(node.input):
                if _source(reference, by_name) == "BiasAdd":
                    yield node, place


def _source(reference: str, by_name: dict[str, Any]) -> str:
    """The operation behind a reference; "" for an argument of a function."""
    node = by_name.get(reference.partition(":")[0])
    while node is not None and node.op in _PASSING_ON:
        node = by_name.get(node.input[0].partition(":")[0])
    return "" if node is None else str(node.op)
