"""The versions of one model: which are loaded, which one answers, and the change from one to the next.

A new version is loaded and warmed up beside the old one, then takes its place, and the old one is given back
when the last request that uses it has ended: no request is dropped. A version that fails stays out, and the
old one goes on. It is tried again when its files change; and after a minute, two, four, up to an hour, since
what failed may have been a full disk or a machine short of memory.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lfsr_tf.errors import ModelError, first_line
from lfsr_tf.serving.layout import versions
from lfsr_tf.serving.loader_check import Request, run_in_cpp_loader
from lfsr_tf.serving.loader_process import is_known
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.models.version import Files, State, Version
from lfsr_tf.serving.server.options import ModelSource
from lfsr_tf.serving.server.refusal import Code, RefusalError
from lfsr_tf.serving.warmup import read_warmup

logger = logging.getLogger(__name__)


class VersionedModel:
    """One model of a server; `refresh` is called from one thread, everything else from any."""

    def __init__(self, source: ModelSource, at_once: int | None = None) -> None:
        """Load nothing yet.

        Args:
            source: Where its versions are.
            at_once: Most requests that one version works on at once; None for one a core.
        """
        self.source, self._at_once = source, at_once
        self._versions: dict[int, Version] = {}
        self._lock = threading.Lock()
        self._told_empty = False
        self._ending = threading.Event()

    @contextmanager
    def lease(self, number: int | None = None) -> Iterator[tuple[int, Servable]]:
        """Hold a version while a request uses it.

        Args:
            number: Of the version; None for the newest that is available.

        Yields:
            Its number and its graph.

        Raises:
            RefusalError: NOT_FOUND, there is no such version, or it is not available.
        """
        number, version, servable = self._taken(number)
        try:
            yield number, servable
        finally:
            self._give_back(version)

    def states(self) -> dict[int, tuple[State, str]]:
        """State and error of every version that was ever seen, the newest first."""
        with self._lock:
            return {
                number: (version.state, version.error)
                for number, version in sorted(self._versions.items(), reverse=True)
            }

    @property
    def available(self) -> bool:
        """Whether any version answers."""
        return any(state == State.AVAILABLE for state, _ in self.states().values())

    def refresh(self) -> None:
        """Look at the folder once: load what is new, then give back what is not wanted any more."""
        there = versions(self.source.base_path)
        wanted = self.source.policy.wanted(list(there))
        if not wanted:
            if not self._told_empty:
                logger.warning(
                    "%s: no version to serve in %s; what is loaded stays",
                    self.source.name,
                    self.source.base_path,
                )
            self._told_empty = True
            return
        self._told_empty = False
        for number in wanted:
            self._load_if_new(number, there[number])
        if self.source.policy.kind == "latest":
            # A server that starts beside a broken version serves the one before it, as one that runs does.
            for number in sorted(set(there) - set(wanted), reverse=True):
                if self.available:
                    break
                self._load_if_new(number, there[number])
        self._retire_all_but(wanted)

    def stop_loading(self) -> None:
        """Load nothing more, and give up what is being loaded; what is loaded goes on."""
        self._ending.set()

    def close(self) -> None:
        """Give every version back; requests under way must have ended."""
        self.stop_loading()
        self._retire_all_but([], last=True)

    def _taken(self, number: int | None) -> tuple[int, Version, Servable]:
        with self._lock:
            if number is None:
                number = max(
                    (key for key, each in self._versions.items() if each.state == State.AVAILABLE),
                    default=None,
                )
                request = f"Latest({self.source.name})"
            else:
                request = f"Specific({self.source.name}, {number})"
            version = self._versions.get(number, Version()) if number is not None else Version()
            if number is None or version.servable is None or version.state != State.AVAILABLE:
                raise RefusalError(Code.NOT_FOUND, f"Servable not found for request: {request}")
            version.leases += 1
            return number, version, version.servable

    def _give_back(self, version: Version) -> None:
        with self._lock:
            version.leases -= 1
            finished = version.finished()
        if finished is not None:
            finished.close()

    def _load_if_new(self, number: int, folder: Path) -> None:
        with self._lock:
            known = self._versions.get(number, Version())
        if known.servable is not None:  # whatever became of its files
            return
        files = _files(folder)
        with self._lock:
            if self._ending.is_set() or not known.may_be_loaded(files):
                return
            failures = known.failures if known.files == files else 0
            self._versions[number] = version = Version(State.LOADING, files=files, failures=failures)
        started = time.monotonic()
        try:
            servable = self._loaded(folder)
        except Exception as error:  # whatever a damaged folder makes TensorFlow raise
            self._failed(number, version, error)
            return
        if self._taken_in(version, servable):
            seconds = time.monotonic() - started
            logger.info("%s: version %d is ready after %.1f s", self.source.name, number, seconds)

    def _taken_in(self, version: Version, servable: Servable) -> bool:
        with self._lock:
            if not self._ending.is_set():
                version.servable, version.state = servable, State.AVAILABLE
                return True
            version.state = State.END
        servable.close()
        return False

    def _loaded(self, folder: Path) -> Servable:
        warmup = _warmup_of(folder)
        if self.available:
            # What aborts the loader must not take the server with it.
            tried = [request for request in warmup if all(map(is_known, request[1].values()))]
            try:
                run_in_cpp_loader(folder, tried, self._ending)
            except KeyError as error:
                raise ModelError(
                    f"Expected warm-up requests for signatures and inputs of the model. Received: {error}."
                ) from error
        servable = Servable(folder, self._at_once)
        try:
            for signature, inputs in warmup:
                if self._ending.is_set():
                    break
                servable.predict(signature, inputs)
        except BaseException:
            servable.close()
            raise
        return servable

    def _failed(self, number: int, version: Version, error: Exception) -> None:
        reason = first_line(error)
        with self._lock:
            version.fail(reason)
        if not self._ending.is_set():
            logger.error("%s: version %d cannot be served: %s", self.source.name, number, reason)

    def _retire_all_but(self, wanted: list[int], *, last: bool = False) -> None:
        closing = []
        with self._lock:
            ready = {key for key, each in self._versions.items() if each.state == State.AVAILABLE}
            if not last and not ready & set(wanted):
                return
            for number in ready - set(wanted):
                version = self._versions[number]
                version.state = State.UNLOADING
                if servable := version.finished():
                    closing.append(servable)
                if not last:
                    logger.info("%s: version %d is given back", self.source.name, number)
        for servable in closing:
            servable.close()


def _warmup_of(folder: Path) -> list[Request]:
    try:
        return list(read_warmup(folder))
    except Exception as error:
        raise ModelError(f"Expected warm-up requests. Received: {folder}: {error}") from error


def _files(folder: Path) -> Files:
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except OSError:  # it has just gone
            continue
        found.append((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns))
    return tuple(found)
