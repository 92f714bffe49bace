"""Settings from the command line: an option that was not given leaves the setting's own default."""

from __future__ import annotations

from typing import Any


def given(**options: Any) -> dict[str, Any]:
    """The options that were given: all but those that are None."""
    return {name: value for name, value in options.items() if value is not None}
