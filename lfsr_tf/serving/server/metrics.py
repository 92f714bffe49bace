"""Prometheus metrics under TensorFlow Serving's names, so that its dashboards work here too."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

# Upper bounds in microseconds: from 1 ms to 100 s, three a decade.
_BUCKETS = tuple(step * 10.0**power for power in range(3, 8) for step in (1, 2, 5))


class Metrics:
    """What is counted of one server."""

    def __init__(self, models: Mapping[str, Callable[[], bool]], inside: Callable[[], int]) -> None:
        """Start at zero.

        Args:
            models: Whether a model answers, by its name; requests for others are counted together, so that
                no client can make up names without end.
            inside: Number of requests that run or wait.
        """
        self._models = set(models)
        self._registry = CollectorRegistry()
        self._counts = _Counts()
        self._registry.register(self._counts)
        self._latency = Histogram(
            ":tensorflow:serving:request_latency",
            "Time of a request in the server, in microseconds.",
            ("model_name", "API", "entrypoint"),
            registry=self._registry,
            buckets=_BUCKETS,
        )
        waiting = Gauge("lfsr_requests_inside", "Requests that run or wait.", registry=self._registry)
        waiting.set_function(inside)
        ready = Gauge(
            "lfsr_model_available", "Whether a model answers.", ("model_name",), registry=self._registry
        )
        for name, available in models.items():
            ready.labels(name).set_function(available)

    def observe(self, model: str, api: str, entrypoint: str, status: str, seconds: float) -> None:
        """Count one request.

        Args:
            model: As the client named it.
            api: "Predict" and so on.
            entrypoint: "GRPC" or "REST".
            status: Name of the status code.
            seconds: From the whole request to the answer.
        """
        name = model if model in self._models else ""
        self._counts.add(name, status)
        self._latency.labels(name, api, entrypoint).observe(seconds * 1e6)

    def page(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self._registry)


class _Counts(Collector):
    """`:tensorflow:serving:request_count`: a Counter of the library would add `_total` to the name."""

    _NAME = ":tensorflow:serving:request_count"

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, model: str, status: str) -> None:
        with self._lock:
            self._counts[model, status] += 1

    def collect(self) -> Iterator[Metric]:
        metric = Metric(self._NAME, "Requests by model and status.", "unknown")
        with self._lock:
            counts = dict(self._counts)
        for (model, status), count in sorted(counts.items()):
            metric.add_sample(self._NAME, {"model_name": model, "status": status}, count)
        yield metric
