"""Refusals as gRPC tells them."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc

from lfsr_tf.serving.server.refusal import RefusalError

_STATUS = {status.value[0]: status for status in grpc.StatusCode}


def refuse(context: Any, refusal: RefusalError) -> NoReturn:
    """End a call with the status of a refusal.

    Args:
        context: Of the call.
        refusal: Why.

    Raises:
        Exception: Always: gRPC's own, which it does not take for an error.
    """
    context.abort(_STATUS[int(refusal.code)], refusal.message)
    raise AssertionError  # `abort` does not return
