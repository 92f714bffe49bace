"""A model as `lfsr export` writes it, run in this process."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lfsr_tf.errors import ModelError
from lfsr_tf.hashing import sha256_file
from lfsr_tf.inference.network import RunningNetwork
from lfsr_tf.serving.clients.connect import network_of
from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.layout import versions
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.refusal import RefusalError
from lfsr_tf.serving.signatures.signature import Arrays

_SAVED_MODEL = "saved_model.pb"


class _LoadedModel:
    """A SavedModel that answers as a server would."""

    def __init__(self, folder: Path) -> None:
        self._servable = Servable(folder, at_once=1)

    def predict(self, signature: str, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run a signature.

        Raises:
            Failure: The model refuses.
        """
        try:
            return self._servable.predict(signature, inputs)
        except RefusalError as refusal:
            raise Failure(refusal.code.name, refusal.message) from refusal


def load_exported(folder: Path) -> RunningNetwork:
    """Load a version of a model by its signatures `metadata` and `network`.

    Args:
        folder: With `saved_model.pb` in it.

    Returns:
        A network for `Enhancer`, the same as the trained model to the rounding of float32.

    Raises:
        ModelError: It does not load, or was not exported by `lfsr export`.
    """
    return network_of(_LoadedModel(folder), str(folder))


def find_version(folder: Path) -> Path:
    """The folder of a version.

    Args:
        folder: Of a version, or of a model, whose newest version it is then.

    Raises:
        ModelError: There is no SavedModel.
    """
    found = versions(folder)
    version = found[max(found)] if found else folder
    if not (version / _SAVED_MODEL).is_file():
        raise ModelError(
            f"Expected a model exported by `lfsr export`. Received: {folder}, without {_SAVED_MODEL}. "
            "Export one."
        )
    return version.resolve()


def fingerprint(folder: Path) -> str:
    """Hexadecimal digest of the files of a version, names and contents."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
