"""A network behind a server, ready for `Enhancer`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.errors import LfsrError, ModelError
from lfsr_tf.inference.network import Images, RunningNetwork
from lfsr_tf.model_info import ModelInfo, info_from_json
from lfsr_tf.networks.traits import NetworkTraits
from lfsr_tf.serving.clients.address import parse_address
from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.clients.grpc_client import GrpcClient
from lfsr_tf.serving.clients.rest_client import RestClient
from lfsr_tf.serving.signatures import describe
from lfsr_tf.serving.signatures.signature import Arrays

TIMEOUT_SECONDS = 300.0


class Client(Protocol):
    """Whatever runs signatures of one model that stays the same."""

    def predict(self, signature: str, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run a signature.

        Raises:
            Failure: It was not answered.
        """


class ServerClient(Protocol):
    """Whatever runs signatures of a model on a server, where its versions come and go."""

    def version(self) -> int:
        """Of the model: the one that was asked for, or the newest that answers now.

        Raises:
            Failure: It was not answered.
        """

    def predict(self, signature: str, inputs: Arrays, version: int) -> dict[str, NDArray[Any]]:
        """Run a signature of a version.

        Raises:
            Failure: It was not answered.
        """


@dataclass(frozen=True)
class _OneVersion:
    """A model on a server, held to a version."""

    client: ServerClient
    version: int

    def predict(self, signature: str, inputs: Arrays) -> dict[str, NDArray[Any]]:
        try:
            return self.client.predict(signature, inputs, self.version)
        except Failure as failure:
            if not failure.missing or signature == describe.NAME:
                raise
            gone = f"Version {self.version}, with which this began, is gone: start again"
            raise Failure(failure.code, f"{failure.message}. {gone}") from failure


def connect(url: str, timeout: float = TIMEOUT_SECONDS) -> RunningNetwork:
    """Find a model on a server, and what is known of it.

    Args:
        url: `http://HOST:PORT/v1/models/NAME` for REST, `grpc://HOST:PORT/NAME` for gRPC; both may name a
            version.
        timeout: Longest time of one answer, in seconds.

    Returns:
        A network for `Enhancer`, which runs behind the server. Without a version in the URL it is the newest
        one, and stays that one.

    Raises:
        ConfigError: The URL is none of these.
        LfsrError: The server cannot be reached, or refuses.
        ModelError: The model was not exported by `lfsr export`.
    """
    address = parse_address(url)
    client = GrpcClient(address, timeout) if address.protocol == "grpc" else RestClient(address, timeout)
    return network_behind(client, url)


def network_behind(client: ServerClient, place: str) -> RunningNetwork:
    """The network of a model on a server, held to the version that answers now.

    What a version says of itself holds for no other, so that all images are made by the one that was asked.

    Args:
        client: As for `network_of`.
        place: As for `network_of`.

    Raises:
        LfsrError: The client was not answered.
        ModelError: The model was not exported by `lfsr export`.
    """
    try:
        held = _OneVersion(client, client.version())
    except Failure as failure:
        raise _in_words(failure, place) from failure
    return network_of(held, place)


def network_of(client: Client, place: str) -> RunningNetwork:
    """The network of a model that answers the signatures `metadata` and `network`.

    Args:
        client: That runs them.
        place: Where the model is, for messages.

    Raises:
        LfsrError: The client was not answered.
        ModelError: The model was not exported by `lfsr export`.
    """
    info, traits = _metadata(client, place)

    def run(images: Images, noise_level: float) -> Images:
        levels = np.full(len(images), noise_level, np.float32)
        answer = _asked(client, "network", {"image": images, "noise_level": levels}, place)
        scale, (count, height, width, _) = traits.scale, images.shape
        expected = (count, scale * height, scale * width, 1)
        if answer.shape != expected:
            raise LfsrError(f"Expected images {expected} from {place}. Received: {answer.shape}.")
        return np.asarray(answer, np.float32)

    return RunningNetwork(info, traits, run)


def _metadata(client: Client, place: str) -> tuple[ModelInfo, NetworkTraits]:
    try:
        metadata = json.loads(_asked(client, describe.NAME, describe.question(), place).item())
        return info_from_json(metadata["model"]), NetworkTraits(**metadata["traits"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"Expected a model exported by this version of lfsr. Received: {place}, which describes itself "
            "otherwise. Export it again."
        ) from error


def _asked(client: Client, signature: str, inputs: Arrays, place: str) -> NDArray[Any]:
    """The only output of a signature."""
    try:
        (found,) = client.predict(signature, inputs).values()
    except Failure as failure:
        if "ignature" in failure.message and signature in failure.message:
            raise ModelError(
                f"Expected a model with the signature {signature!r}, as `lfsr export` writes it. "
                f"Received: {place}, which has none. Export it again."
            ) from failure
        raise _in_words(failure, place) from failure
    return found


def _in_words(failure: Failure, place: str) -> LfsrError:
    if failure.unreachable:
        return LfsrError(
            f"Cannot reach {place}: {failure.message}. Is the server running, and is it the right port?"
        )
    return LfsrError(f"{place} refused: {failure.message} ({failure.code})")
