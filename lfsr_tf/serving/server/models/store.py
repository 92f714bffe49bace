"""All models of a server, and the thread that looks for new versions."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lfsr_tf.errors import ModelError
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.models.versioned_model import VersionedModel
from lfsr_tf.serving.server.options import ModelSource
from lfsr_tf.serving.server.refusal import Code, RefusalError, invalid

logger = logging.getLogger(__name__)


class ModelStore:
    """The models by their names."""

    def __init__(
        self, sources: Sequence[ModelSource], poll_seconds: float, at_once: int | None = None
    ) -> None:
        """Load nothing yet.

        Args:
            sources: The models.
            poll_seconds: Time between two looks at their folders; 0 for none after the one at the start.
            at_once: As of `VersionedModel`.
        """
        self.models = {source.name: VersionedModel(source, at_once) for source in sources}
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="model-versions", daemon=True)

    def start(self) -> None:
        """Load every model and warm it up, then go on looking for new versions, if at all, in the background.

        Raises:
            ModelError: A model has no version that can be served, or a folder that cannot be read.
        """
        for model in self.models.values():
            model.refresh()
            if not model.available:
                reasons = [f"version {number}: {error}" for number, (_, error) in model.states().items()]
                raise ModelError(
                    f"Expected a version of {model.source.name} in {model.source.base_path} that can be "
                    f"served. Received: {'; '.join(reasons) or 'none'}. Export one with `lfsr export`."
                )
        _settle()
        if self._poll_seconds:
            self._poller.start()

    @contextmanager
    def lease(self, spec: Any) -> Iterator[tuple[int, Servable]]:
        """Hold the version that a request asks for.

        Args:
            spec: TensorFlow Serving's ModelSpec: a name, and a version or a label or neither.

        Yields:
            The version's number and graph.

        Raises:
            RefusalError: NOT_FOUND or INVALID_ARGUMENT, there is no such model, version or label.
        """
        model = self.model(spec)
        with model.lease(_number(model, spec)) as leased:
            yield leased

    def model(self, spec: Any) -> VersionedModel:
        """The model that a request names.

        Raises:
            RefusalError: It names none, or one that is not served.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        if spec.name not in self.models:
            number = asked_version(spec)
            request = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
            raise RefusalError(Code.NOT_FOUND, f"Servable not found for request: {request}")
        return self.models[spec.name]

    def stop_loading(self) -> None:
        """Stop looking for versions, and give up the load that is under way; what is loaded goes on."""
        self._stopping.set()
        for model in self.models.values():
            model.stop_loading()

    def close(self, seconds: float | None = None) -> None:
        """Stop looking for versions, and give all of them back; requests under way must have ended.

        Args:
            seconds: Longest to wait for a load that is under way, which cannot be broken off everywhere;
                None for as long as it takes.
        """
        self.stop_loading()
        if self._poller.is_alive():
            self._poller.join(seconds)
        for model in self.models.values():
            model.close()

    def _poll(self) -> None:
        while not self._stopping.wait(self._poll_seconds):
            for model in self.models.values():
                before = model.states()
                try:
                    model.refresh()
                except (ModelError, OSError) as error:
                    # A folder without permission today must not end the polling.
                    logger.error("%s: its versions cannot be looked at: %s", model.source.name, error)
                if model.states() != before:
                    _settle()


def _settle() -> None:
    """Spare the garbage collector what stays loaded: hundreds of thousands of objects, every few requests.

    Otherwise the JSON of an image takes six times as long to parse.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _number(model: VersionedModel, spec: Any) -> int | None:
    if not spec.version_label:
        number = asked_version(spec)
        # Version 0 is the newest where there is none of this number: ovmsclient says it so.
        return None if number == 0 and 0 not in model.states() else number
    if spec.version_label not in model.source.labels:
        raise invalid(f"Unrecognized servable version label: {spec.version_label}")
    return model.source.labels[spec.version_label]


def asked_version(spec: Any) -> int | None:
    """The version that a ModelSpec names; None where it leaves the choice to the server."""
    return int(spec.version.value) if spec.HasField("version") else None
