"""Settings from the command line: an option that was not given leaves the setting's own default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lfsr_tf.physics.settings import AcquisitionConfig

AcquisitionOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.toml",
        help="What is simulated beyond the crop: the [acquisition] table of this file, or of a preset of "
        "lfsr prepare; its noise range is not looked at. Default: nothing.",
    ),
]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given: all but those that are None."""
    return {name: value for name, value in options.items() if value is not None}


def acquisition_of(preset: str | None) -> AcquisitionConfig | None:
    """The simulated scanner of `AcquisitionOption`; None where it was not given.

    Raises:
        ConfigError: There is no such preset, or it is not TOML or has an unknown setting.
    """
    from lfsr_tf.pairs.config import load_preset

    return None if preset is None else load_preset(preset).acquisition
