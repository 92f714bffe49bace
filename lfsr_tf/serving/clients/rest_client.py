"""Asking a model over TensorFlow Serving's REST API, in its column format."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.serving.clients.address import ServerAddress
from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.clients.retry import until_free
from lfsr_tf.serving.signatures.signature import Arrays


class RestClient:
    """One model on one server."""

    def __init__(self, address: ServerAddress, timeout: float) -> None:
        """Name the server; nothing is sent yet.

        Args:
            address: Of the model; on another machine it is asked through the proxy of the environment.
            timeout: Longest time without a byte of the answer, in seconds.
        """
        self._address, self._timeout = address, timeout
        proxies = urllib.request.ProxyHandler({} if address.loopback else None)
        self._opener = urllib.request.build_opener(proxies)

    def version(self) -> int:
        """Of the model: the one that the address names, or the newest that answers now.

        Raises:
            Failure: The server cannot be reached, refuses, or does not say.
        """
        if self._address.version is not None:
            return self._address.version
        # Answers to `predict` do not tell which version gave them.
        found = self._answer(f"{self._address.url}/metadata")
        try:
            return int(found["model_spec"]["version"])
        except (KeyError, TypeError, ValueError) as error:
            raise Failure("UNKNOWN", "an answer that does not tell the model's version") from error

    def predict(self, signature: str, inputs: Arrays, version: int) -> dict[str, NDArray[Any]]:
        """Run a signature; its outputs are float32 or text.

        Args:
            signature: Its name.
            inputs: By their names, numbers or one text.
            version: Of the model.

        Raises:
            Failure: The server cannot be reached, or refuses.
        """
        columns = {name: _plain(value) for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": columns}).encode()
        url = replace(self._address, version=version).url
        outputs = self._answer(f"{url}:predict", body).get("outputs")
        # One output comes without its name; every signature of this package has one.
        named = outputs if isinstance(outputs, dict) else {"": outputs}
        return {name: _array(value) for name, value in named.items()}

    @until_free
    def _answer(self, url: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers)
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                found = json.load(response)
        except urllib.error.HTTPError as error:
            raise Failure(str(error.code), _reason(error)) from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
            raise Failure("UNAVAILABLE", reason, unreachable=True) from error
        except ValueError as error:
            raise Failure("UNKNOWN", "an answer that is not JSON") from error
        return found if isinstance(found, dict) else {}


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError, OSError):
        return str(error.reason)


def _plain(array: NDArray[Any]) -> Any:
    value = array.tolist()
    return value.decode() if isinstance(value, bytes) else value


def _array(value: Any) -> NDArray[Any]:
    if isinstance(value, str):
        return np.array(value.encode(), object)
    return np.array(value, np.float32)
