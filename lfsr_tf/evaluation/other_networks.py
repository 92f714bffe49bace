"""The other networks of an evaluation: which names they may have, and which can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lfsr_tf.errors import ConfigError, ModelError
from lfsr_tf.evaluation.config import BASELINE_NAMES
from lfsr_tf.evaluation.methods import MODEL, Network, bare
from lfsr_tf.evaluation.outer_band import COMPLEX_ZERO_FILL
from lfsr_tf.networks import scale_of

# By the names under which they stand beside the baselines.
OtherNetworks = Mapping[str, Network]

# "network" is the model in the report; "lr" and "hr" are pictures there.
_IN_FILES = *BASELINE_NAMES, MODEL, "network", COMPLEX_ZERO_FILL, "lr", "hr"
_SHOWN = "the network", "zero-filling", "non-local means", "zero-filling, complex", "low resolution", "truth"
_TAKEN = frozenset({*_IN_FILES, *_SHOWN, "non-local means, biased"})
# Matplotlib leaves the first out of legends; the second are pictures of errors.
_BEGINNINGS = ("_", "error-")
# A picture's file is named by contrast, noise level, slice and method.
_LONGEST_NAME = 100


def check_networks(against: OtherNetworks, scale: int) -> None:
    """Refuse networks that cannot be compared with the one under test.

    Args:
        against: By name.
        scale: Of the network under test.

    Raises:
        ConfigError: They have no names, or as `check_names`.
        ModelError: One is of another scale, or no network for one-channel images.
    """
    if not isinstance(against, Mapping):
        raise ConfigError(
            "Expected against to be a dictionary from names to networks. Received: "
            f"{type(against).__name__}. Give each network a name."
        )
    check_names(against)
    for name, network in against.items():
        if (own := scale_of(bare(network))) != scale:
            raise ModelError(
                f"Expected networks that enlarge by {scale}, as the one under test. Received: {name}, which "
                f"enlarges by {own}. Leave it out."
            )


def check_names(names: Iterable[str]) -> None:
    """Refuse names under which a network could not be told from the others, or from what else is shown.

    Args:
        names: Of all other networks; letter case makes no difference, as it makes none to some file systems.

    Raises:
        ConfigError: A name is taken, given twice, or cannot be part of a file's name.
    """
    seen: set[str] = set()
    for name in names:
        _check_name(name)
        key = name.casefold()
        if key in seen or key in _TAKEN:
            reason = "is given twice" if key in seen else "stands for something else in the report"
            raise ConfigError(
                f"Expected a name of its own for each other network. Received: {name}, which {reason}. "
                "Rename the file or the folder, or link to it by another name."
            )
        seen.add(key)


def _check_name(name: str) -> None:
    length = len(name.encode(errors="replace"))
    plain = name.isprintable() and "/" not in name and not name.casefold().startswith(_BEGINNINGS)
    if not (plain and 0 < length <= _LONGEST_NAME):
        raise ConfigError(
            f"Expected names of 1 to {_LONGEST_NAME} letters for other networks, without / and not beginning "
            f"with {' or '.join(_BEGINNINGS)}. Received: {name!r}. Rename the file or the folder, or link to "
            "it by another name."
        )
