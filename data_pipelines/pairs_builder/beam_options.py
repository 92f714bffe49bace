"""What a preparation on Beam can be asked for besides Beam's own options."""

from __future__ import annotations

from argparse import ArgumentParser

from apache_beam.options.pipeline_options import PipelineOptions


class PreparationOptions(PipelineOptions):
    """Options that stand among Beam's: `tfds build --beam_pipeline_options=strict,...`."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--strict", action="store_true", help="Stop at the first scan that cannot be used."
        )


def words_of(options: PipelineOptions | None) -> list[str]:
    """The options as they were given: what was left out differs from what was set to a default."""
    return [] if options is None else list(options._flags)
