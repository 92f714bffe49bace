"""Who trains and who validates: by subject, never by slice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lfsr_tf.errors import ConfigError
from lfsr_tf.hashing import stable_fraction


def split_of_subject(subject: str, validation_fraction: float) -> str:
    """The side of a subject by a stable hash of the name: the same on every machine, whoever else is there.

    Args:
        subject: Identifier of the person.
        validation_fraction: Expected fraction of subjects that validate, in [0, 1).

    Returns:
        "train" or "validation".
    """
    return "validation" if stable_fraction("split", subject) < validation_fraction else "train"


def check_disjoint(sides: Mapping[str, Iterable[str]], what: str) -> None:
    """Refuse anything that stands on both sides.

    Args:
        sides: "train" and "validation" and what stands on each.
        what: What is compared, for the message.

    Raises:
        ConfigError: Something stands on both sides.
    """
    both = sorted(set(sides["train"]) & set(sides["validation"]))
    if both:
        named = ", ".join(both[:5]) + (f" and {len(both) - 5} more" if len(both) > 5 else "")
        raise ConfigError(
            f"Expected every {what} on one side only. Received: {named} in both training and validation. "
            "Remove it from one."
        )
