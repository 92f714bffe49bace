"""Requests, what TensorFlow Serving answers to them by its sources and documents, and what differs here.

`docs/serving_requests.md` is this list as a table. The answers of TensorFlow Serving were read, not recorded.
"""

from __future__ import annotations

from tests.serving.server.conformance import answers, grpc_refusals, rest_refusals

CASES = [*answers.STATES, *answers.ANSWERS, *rest_refusals.REFUSALS, *grpc_refusals.REFUSALS]
