"""Runs of a graph that can be broken off, for which a TensorFlow session has no call.

A run ends when one of its operations fails. So every run waits, beside its outputs, for a word in a queue of
its own: True, which the graph writes once the outputs are there, or False, which another run writes and an
assertion refuses. TensorFlow looks at that between two turns of a loop, not between operations: what is under
way goes on to the end of its turn, which is one file of `png`, or as many images as the network is given at
once.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from lfsr_tf.serving.server.caller import Caller

Run = Callable[..., Any]
# As a run that can be broken off, and as one that cannot.
Compiled = tuple[Run, Run]

# Work on the calling thread: the threads of the session may all be busy with what is to be broken off.
_HERE = config_pb2.RunOptions(inter_op_thread_pool=-1)


def make_run(session: tf.compat.v1.Session, **what: Any) -> Run:
    """A compiled call: `Session.run` looks at shapes itself and wraps messages; this goes to C++ directly.

    Args:
        session: With the graph.
        **what: Of TensorFlow's CallableOptions.
    """
    return session._make_callable_from_options(config_pb2.CallableOptions(**what))


class BreakableRuns:
    """Compiles and runs the calls of a session."""

    def __init__(self, session: tf.compat.v1.Session, at_once: int) -> None:
        """Add to the session's graph what it takes.

        Args:
            session: Whose model is loaded, with a thread to spare, which looks at the words.
            at_once: Most runs at once; more wait for those.
        """
        self._session = session
        with session.graph.as_default():
            # A place for both words: one may come while the other does.
            words = [tf.queue.FIFOQueue(2, tf.bool, [()]).queue_ref for _ in range(at_once)]
            self._place = tf.compat.v1.placeholder(tf.int32, ())
            self._words = tf.gather(tf.stack(words), self._place)
            (word,) = tf.raw_ops.QueueDequeueV2(handle=self._words, component_types=[tf.bool])
            self._goes_on = tf.raw_ops.Assert(condition=word, data=["Broken off."])
            # Made here: in `compiled`, the constant would wait for the outputs, and the writing would not.
            self._done = tf.constant(True)
            stop, count = self._write(tf.constant(False)), tf.raw_ops.QueueSizeV2(handle=self._words)
        self._stop = self._make(target=[stop.name], run_options=_HERE)
        self._count = self._make(fetch=[count.name], run_options=_HERE)
        self._forget = self._make(fetch=[word.name], run_options=_HERE)
        self._free: queue.SimpleQueue[np.int32] = queue.SimpleQueue()
        for place in range(at_once):
            self._free.put(np.int32(place))

    def compiled(self, feeds: Sequence[str], fetches: Sequence[str]) -> Compiled:
        """A call for `run`.

        Args:
            feeds: Names of tensors.
            fetches: Names of tensors.
        """
        graph = self._session.graph
        with graph.as_default():
            # Copies: what waits for a function's call waits for its side effects, not for its outputs.
            outputs = [tf.identity(graph.get_tensor_by_name(name)) for name in fetches]
            with tf.control_dependencies(outputs):
                done = self._write(self._done)
        asked: dict[str, Any] = {"feed": feeds, "fetch": [output.name for output in outputs]}
        return self._make(**asked, target=[self._goes_on.name, done.name]), self._make(**asked)

    def run(self, call: Compiled, values: Sequence[Any], caller: Caller) -> Any:
        """Run a compiled call.

        Args:
            call: Of `compiled`.
            values: For its feeds.
            caller: Breaks it off by leaving.

        Returns:
            What was fetched.

        Raises:
            RefusalError: The caller has left, and the run has ended.
            tf.errors.OpError: The graph refuses the values.
        """
        place = self._free.get()
        done = False
        try:
            with caller.told(lambda: self._stop(place)):
                found = call[0](*values, place)
            done = not caller.gone
            return found
        except tf.errors.OpError as error:
            caller.check()
            if not isinstance(error, tf.errors.CancelledError):
                raise
            # Where a model refuses its input, the word is cancelled before the model's own error comes up.
            return call[1](*values, place)
        finally:
            try:
                if not done:
                    self._clear(place)
            finally:
                self._free.put(place)

    def _clear(self, place: np.int32) -> None:
        """Forget a word that came too late."""
        while self._count(place)[0]:
            self._forget(place)

    def _write(self, word: tf.Tensor) -> tf.Operation:
        return tf.raw_ops.QueueEnqueueV2(handle=self._words, components=[word])

    def _make(self, *, feed: Sequence[str] = (), **what: Any) -> Run:
        return make_run(self._session, feed=[*feed, self._place.name], **what)


class WholeRuns:
    """The same of models whose functions must stay as they are: nothing is broken off.

    What can be broken off has its functions inlined, and TensorFlow then joins operations whatever the
    session's settings say (`lfsr_tf.serving.concurrency` tells what comes of it).
    """

    def __init__(self, session: tf.compat.v1.Session) -> None:
        self._session = session

    def compiled(self, feeds: Sequence[str], fetches: Sequence[str]) -> Run:
        """A call for `run`."""
        return make_run(self._session, feed=feeds, fetch=fetches)

    def run(self, call: Run, values: Sequence[Any], caller: Caller) -> Any:
        """Run a compiled call to its end, if its caller is there."""
        caller.check()
        return call(*values)
