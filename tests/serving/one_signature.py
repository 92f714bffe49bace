"""Exports of one signature: the others take seconds each to write and to check."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lfsr_tf.serving.signatures import SIGNATURES


@contextmanager
def only_the_default() -> Iterator[None]:
    """A block in which only `serving_default` is exported and checked."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("export", "loader_check"):
            patch.setattr(
                f"lfsr_tf.serving.{module}.SIGNATURES", {"serving_default": SIGNATURES["serving_default"]}
            )
        yield
