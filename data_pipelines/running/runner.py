"""Where the pipeline runs: on all cores of this machine, or on any runner of Beam's that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, PrismRunnerOptions, StandardOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import ExtendedProvisionInfo, FnApiRunner
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from lfsr_tf.errors import ConfigError
from lfsr_tf.processors import usable_processors

_HERE = ("DirectRunner", "SwitchingDirectRunner", "FnApiRunner")
_MODE = "--direct_running_mode"
_QUIET = ("--default_sdk_harness_log_level=ERROR",)


def new_pipeline(arguments: Sequence[str]) -> beam.Pipeline:
    """An empty pipeline.

    Args:
        arguments: Beam's options. Without `--runner` it runs here, in one process a core.

    Raises:
        ConfigError: An option that nobody knows, or a runner that would be downloaded.
    """
    options = PipelineOptions(list(arguments))
    runner = options.view_as(StandardOptions).runner
    if runner is None or runner.split(".")[-1] in _HERE:
        _check_known(options)
        # Beam's own DirectRunner would first try to download another runner, Prism; this is the one that
        # it falls back to.
        here = PipelineOptions(_with_processes(arguments))
        return beam.Pipeline(runner=_local_runner(here), options=here)
    prism = options.view_as(PrismRunnerOptions).prism_location
    if runner.split(".")[-1] == "PrismRunner" and not Path(prism or "").is_file():
        raise ConfigError(
            "Expected --prism_location=FILE with Prism, which would be downloaded otherwise. Received: "
            f"{prism or 'none'}. Give the program's path."
        )
    return beam.Pipeline(options=options)


def _local_runner(options: PipelineOptions) -> FnApiRunner:
    """A runner whose workers know the options, as Beam's DirectRunner makes it."""
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    provision = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    return FnApiRunner(provision_info=ExtendedProvisionInfo(provision))


def _with_processes(arguments: Sequence[str]) -> list[str]:
    """The options of a local run, by default with a process a core; later ones count."""
    given = [argument for argument in arguments if not argument.startswith("--runner")]
    if any(argument.startswith(_MODE) for argument in given):
        return given
    return [f"{_MODE}=multi_processing", f"--direct_num_workers={usable_processors()}", *_QUIET, *given]


def _check_known(options: PipelineOptions) -> None:
    """Refuse what Beam would leave out without much ado: it may be a misspelt option of the command."""
    known = options.get_all_options()
    unknown = sorted(set(options.get_all_options(retain_unknown_options=True)) - set(known))
    if unknown:
        raise ConfigError(
            f"Expected options of this command or of Beam. Received: {', '.join(unknown)}. See --help."
        )
