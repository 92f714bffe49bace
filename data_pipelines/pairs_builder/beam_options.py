"""Options of the pipelines, and the runner that is taken when they name none."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

# Beam's DirectRunner first asks a runner that would be downloaded; this is the one that it falls back to.
LOCAL_RUNNER = "FnApiRunner"
_LOCAL_NAMES = (None, "DirectRunner", "SwitchingDirectRunner", LOCAL_RUNNER)


class PreparationOptions(PipelineOptions):
    """What a preparation on Beam is asked for besides Beam's own options."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--strict", action="store_true", help="Stop at the first scan that cannot be used."
        )


def pipeline_options(given: PipelineOptions | None) -> PipelineOptions:
    """The given options; on this machine with one worker process a core, unless they say otherwise.

    Args:
        given: What the user asked for, for example by `tfds build --beam_pipeline_options`; None: nothing.

    Returns:
        Options with a runner that needs no network, or with the one that was named.
    """
    options = given if given is not None else PipelineOptions([])
    standard = options.view_as(StandardOptions)
    if standard.runner not in _LOCAL_NAMES:
        return options
    standard.runner = LOCAL_RUNNER
    explicit: dict[str, Any] = options.get_all_options(drop_default=True)
    direct = options.view_as(DirectOptions)
    if "direct_running_mode" not in explicit:
        direct.direct_running_mode = "multi_processing"
    if "direct_num_workers" not in explicit and direct.direct_running_mode != "in_memory":
        direct.direct_num_workers = len(os.sched_getaffinity(0))
    return options
