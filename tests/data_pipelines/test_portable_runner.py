import os
from collections.abc import Iterator

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from tests.data_pipelines.portable_runner import portable_service


@pytest.fixture(scope="module")
def service() -> Iterator[list[str]]:
    with portable_service(workers=2) as options:
        yield options


def with_process(number: int) -> tuple[int, int]:
    return os.getpid(), number


@pytest.mark.slow
def test_a_sum_over_two_worker_processes_is_right(service: list[str]) -> None:
    test_process = os.getpid()
    with beam.Pipeline(options=PipelineOptions(service)) as pipeline:
        numbers = pipeline | beam.Create(range(1000)) | beam.Reshuffle() | beam.Map(with_process)
        total = numbers | beam.Values() | beam.CombineGlobally(sum)
        assert_that(total, equal_to([499_500]), label="sum")
        processes = numbers | beam.Keys() | beam.Distinct()
        count = processes | beam.combiners.Count.Globally()
        assert_that(count, equal_to([2]), label="processes")
        here = processes | beam.Filter(lambda process: process == test_process)
        assert_that(here, equal_to([]), label="none of them is this one")
