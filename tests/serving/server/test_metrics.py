"""What Prometheus reads, under the names that TensorFlow Serving's dashboards know."""

import pytest

from lfsr_tf.serving.server.metrics import Metrics


def lines(metrics: Metrics) -> dict[str, float]:
    """Value of each sample by its name and labels."""
    rows = [row for row in metrics.page().decode().splitlines() if not row.startswith("#")]
    return {name: float(value) for name, value in (row.rsplit(" ", 1) for row in rows)}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics({"lfsr": lambda: True, "other": lambda: False}, lambda: 3)


def test_requests_are_counted_by_model_and_status(metrics: Metrics) -> None:
    for status in ("OK", "OK", "NOT_FOUND"):
        metrics.observe("lfsr", "Predict", "REST", status, 0.5)
    found = lines(metrics)
    assert found[':tensorflow:serving:request_count{model_name="lfsr",status="OK"}'] == 2
    assert found[':tensorflow:serving:request_count{model_name="lfsr",status="NOT_FOUND"}'] == 1


def test_names_that_clients_make_up_are_counted_together(metrics: Metrics) -> None:
    for number in range(100):
        metrics.observe(f"made-up-{number}", "Predict", "GRPC", "NOT_FOUND", 0.0)
    found = lines(metrics)
    assert found[':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"}'] == 100
    assert not any("made-up" in name for name in found)


def test_latencies_are_microseconds_in_a_histogram(metrics: Metrics) -> None:
    for seconds in (0.0005, 0.0015, 0.25):
        metrics.observe("lfsr", "Predict", "GRPC", "OK", seconds)
    found = lines(metrics)
    rest = 'model_name="lfsr"'
    labels = f'API="Predict",entrypoint="GRPC",{rest}'
    assert found[f":tensorflow:serving:request_latency_sum{{{labels}}}"] == pytest.approx(252_000)
    bucket = ':tensorflow:serving:request_latency_bucket{API="Predict",entrypoint="GRPC",le="%s",%s}'
    bounds = ("1000.0", "2000.0", "200000.0", "500000.0", "+Inf")
    assert [found[bucket % (bound, rest)] for bound in bounds] == [1, 2, 2, 3, 3]


def test_the_state_of_now_is_read_when_it_is_asked_for() -> None:
    available, inside = {"lfsr": False}, [0]
    metrics = Metrics({"lfsr": lambda: available["lfsr"]}, lambda: inside[0])
    before = lines(metrics)
    available["lfsr"], inside[0] = True, 7
    after = lines(metrics)
    names = ('lfsr_model_available{model_name="lfsr"}', "lfsr_requests_inside")
    assert [before[name] for name in names] == [0, 0]
    assert [after[name] for name in names] == [1, 7]
