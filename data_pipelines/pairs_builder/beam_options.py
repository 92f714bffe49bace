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
    """The options as words of a command line, from which a pipeline makes them again.

    What was given as words stays as it was: what was left out differs from what was set to a default. Of what
    was given by keyword or set later, a value that is Beam's own default cannot be told from none.
    """
    if options is None:
        return []
    given = list(options._flags or ())
    parsed = PipelineOptions(given).get_all_options()
    changed = {name: value for name, value in options.get_all_options().items() if value != parsed.get(name)}
    return [*given, *PipelineOptions.from_dictionary(changed)._flags]
