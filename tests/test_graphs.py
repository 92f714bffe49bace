"""Graphs are traced from functions as they are written."""

import ast
import inspect
from pathlib import Path

import pytest
import tensorflow as tf

from lfsr_tf.graphs import as_written
from lfsr_tf.pairs import training_data, validation_data

ROOT = Path(__file__).resolve().parent.parent


def larger(number: tf.Tensor) -> tf.Tensor:
    # Only AutoGraph lets an `if` stand on a tensor.
    if number > 0:
        return 2 * number
    return number


def doubled(count: int = 3) -> tf.data.Dataset:
    """Numbers."""
    return tf.data.Dataset.range(count).map(larger)


def test_what_a_marked_function_traces_is_not_rewritten() -> None:
    assert list(doubled().as_numpy_iterator()) == [0, 2, 4]
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        as_written(doubled)()
    plain = as_written(lambda count: tf.data.Dataset.range(count).map(lambda number: 2 * number))
    assert list(plain(3).as_numpy_iterator()) == [0, 2, 4]


def test_a_marked_function_shows_its_own_signature_and_text() -> None:
    assert inspect.signature(as_written(doubled)) == inspect.signature(doubled)
    assert as_written(doubled).__doc__ == "Numbers."
    for function in (training_data, validation_data):
        assert "batch_size" in inspect.signature(function).parameters
        assert "Args:" in str(function.__doc__)


def test_no_graph_of_the_package_is_rewritten() -> None:
    calls = [
        (path.name, call)
        for folder in ("lfsr_tf", "data_pipelines")
        for path in (ROOT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "tf.function"
    ]
    assert len(calls) > 5
    for name, call in calls:
        assert "autograph=False" in [ast.unparse(word) for word in call.keywords], name
