import pytest
from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.portable_runner import PortableRunner

from data_pipelines.running.runner import new_pipeline
from lfsr_tf.errors import ConfigError
from lfsr_tf.processors import usable_processors


@pytest.mark.parametrize("arguments", [[], ["--runner=DirectRunner"], ["--runner", "SwitchingDirectRunner"]])
def test_a_local_run_takes_a_process_a_core_and_never_another_runner(arguments: list[str]) -> None:
    pipeline = new_pipeline(arguments)
    # Not Beam's DirectRunner, which would look for Prism on the network first.
    assert type(pipeline.runner) is FnApiRunner
    options = pipeline.options.view_as(DirectOptions)
    assert options.direct_running_mode == "multi_processing"
    assert options.direct_num_workers == usable_processors()


def test_the_number_of_processes_can_be_given() -> None:
    options = new_pipeline(["--direct_num_workers=3"]).options.view_as(DirectOptions)
    assert (options.direct_running_mode, options.direct_num_workers) == ("multi_processing", 3)
    options = new_pipeline(["--direct_running_mode=in_memory"]).options.view_as(DirectOptions)
    assert (options.direct_running_mode, options.direct_num_workers) == ("in_memory", 1)


def test_another_runner_is_taken_as_it_is_asked_for() -> None:
    arguments = ["--runner=PortableRunner", "--job_endpoint=localhost:1", "--environment_type=LOOPBACK"]
    assert isinstance(new_pipeline(arguments).runner, PortableRunner)


@pytest.mark.parametrize("location", ["", "--prism_location=https://example.org/prism.zip"])
def test_prism_is_refused_where_it_would_be_downloaded(location: str) -> None:
    with pytest.raises(ConfigError, match="prism_location"):
        new_pipeline(["--runner=PrismRunner", *location.split()])


@pytest.mark.parametrize("words", [["--modle=x"], ["--modle", "x"], ["--quick"]])
def test_an_option_that_nobody_knows_is_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"modle|quick"):
        new_pipeline(words)
